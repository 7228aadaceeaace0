"""The other end of our own client's connection, without a socket."""

from casegraph.transport.exchange_lean_connection import Connection


class Wire:
    """The other end of a connection without a socket, which also owns the connection."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_aborted = False
        self.is_lost = False

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        self.sent += data

    def get_write_buffer_size(self) -> int:
        """Return 0: it takes everything at once."""
        return 0

    def is_closing(self) -> bool:
        """Say whether the connection was given up."""
        return self.is_aborted

    def abort(self) -> None:
        """Note it; the loop would tell of it later."""
        self.is_aborted = True

    def made(self, connection: Connection) -> None:
        """Hear of the connection."""

    def lost(self, connection: Connection) -> None:  # noqa: ARG002  the owner's signature
        """Hear of its end."""
        self.is_lost = True
