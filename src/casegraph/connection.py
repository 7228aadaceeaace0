"""One connection of a client, with bounds that the server's own does not have.

The server bounds the time between two requests only; a client that is silent, sends a byte now and
then, or never reads would keep its connection for ever. It also tells who asks when the client has
left, and speaks HTTP/1.1 whatever else is offered.
Invariant: whatever a client sends or leaves out, its connection ends within the bounds below.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar
from weakref import ref

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from casegraph.edge.cancellation import GONE, TellWhenGone
from casegraph.whole_answers import WholeAnswers


class BoundedConnection(HttpToolsProtocol):
    """One connection, of which a client can hold only so much and only so long; in seconds."""

    connections_max: ClassVar[int] = 1000
    """Connections at the same time: some are idle, each may hold a body of 256 KiB."""
    head_max: ClassVar[int] = 64 * 1024
    """Longest request line and headers, in bytes (reliability default)."""
    head_seconds: ClassVar[float] = 10.0
    """From the first byte, or the connection, to the end of the headers (Apollo's figure)."""
    body_seconds: ClassVar[float] = 40.0
    """From there to the body's end, read or not; what waits for it answers long before."""
    unread_seconds: ClassVar[float] = 30.0
    """How long an answer may wait for its reader."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request, or refuse it where too many connections are open."""
        super().connection_made(transport)
        # A handler on its logger, as tools hang on every one, would turn the server's own on.
        self.access_log = self.access_log and self.config.access_log
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._gone: Callable[[], None] | None = None
        self._head_end: int | None = None
        if len(self.connections) > self.connections_max:
            self._refuse(503, "UNAVAILABLE", "Too many connections are open.")
        else:
            self._expect(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who asks that the client has left."""
        self._settle()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)
        self._tell_gone()

    def data_received(self, data: bytes) -> None:
        """Read what has come, within the bounds."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_end is not None:
            self._decline_offers(memoryview(data))
        if self._in_head and self._head_bytes > self.head_max:
            self._refuse(431, "BAD_REQUEST", f"Headers are longer than {self.head_max} bytes.")
        # Only now: most requests come in one piece, and a timer for each half would cost 3 µs.
        if self._timer is None and (self._head_bytes or not self._in_head):
            self._expect(self.head_seconds if self._in_head else self.body_seconds)

    def on_headers_complete(self) -> None:
        """Let the application begin."""
        if self._is_offered():
            return
        self._in_head = False
        self._settle()
        self.scope["extensions"] = {GONE: {"tell": _teller(self)}}
        super().on_headers_complete()
        self.cycle.__class__ = WholeAnswers  # whose task has not begun

    def on_message_complete(self) -> None:
        """Take note that all of a request is there."""
        if self._is_offered():
            return
        self._settle()
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Bound the end of a connection that the answer closes."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_unread()

    def timeout_keep_alive_handler(self) -> None:
        """Bound the end of a connection that was idle."""
        super().timeout_keep_alive_handler()
        self._abort_unread()  # closing waits for what is not read yet

    def pause_writing(self) -> None:
        """Give the client time to read."""
        super().pause_writing()
        self._abort_unread()

    def resume_writing(self) -> None:
        """Take note that it has read."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "BAD_REQUEST", msg)

    def tell_when_gone(self, gone: Callable[[], None] | None) -> None:
        """Call this when the connection ends; of several requests on it one runs at a time."""
        self._gone = gone
        if gone is None:
            return
        self.flow.resume_reading()  # its end is read like anything else
        if self not in self.connections:
            self.loop.call_soon(self._tell_gone)

    def _is_offered(self) -> bool:
        """Return whether the request offers another protocol, with which the parser would go on."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _unsupported_upgrade_warning(self) -> None:
        """Take note of where in the data a head ended with an offer."""
        ended = sys.exception()
        if ended is not None and self._is_offered():
            self._head_end = ended.args[0]

    def _decline_offers(self, rest: memoryview) -> None:
        """Take each request whose head ended with an offer as one that had none."""
        while self._head_end is not None:
            rest, self._head_end = rest[self._head_end :], None
            super().data_received(self._begun_again())
            super().data_received(rest)  # type: ignore[arg-type]  # the parser takes any buffer

    def _begun_again(self) -> bytes:
        """Return the head as if it had offered nothing (RFC 9110, 7.8), for a parser of its own.

        The other ends with it, and the body would be lost. The JDK's own client offers HTTP/2 with
        each request that goes without TLS.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % each for each in self.headers if each[0] != b"upgrade"]
        self.parser = type(self.parser)(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        return b"\r\n".join([*lines, b"", b""])

    def _tell_gone(self) -> None:
        if self._gone is not None:
            self._gone()

    def _expect(self, seconds: float) -> None:
        """Give what comes next this long."""
        self._settle()
        self._timer = self.loop.call_later(seconds, self._late)

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """End a connection that brought too little."""
        self._timer = None
        if self._head_bytes and (self.cycle is None or self.cycle.response_complete):
            self._refuse(408, "BAD_REQUEST", "The request did not arrive in time.")
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer without the application, which has not seen the request, and close."""
        if not self.transport.is_closing():
            self.transport.write(_refusal_bytes(status, code, message))
            self.transport.close()
            self._abort_unread()

    def _abort_unread(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)


def _teller(connection: BoundedConnection) -> TellWhenGone:
    """Return what asks a connection; its scope has it, which must not hold the connection.

    They would be a cycle: whatever a request of it came with would wait for the collector.
    """
    known = ref(connection)

    def tell(gone: Callable[[], None] | None) -> None:
        there = known()
        if there is not None:
            there.tell_when_gone(gone)

    return tell


def _refusal_bytes(status: int, code: str, message: str) -> bytes:
    """Return an answer in the form of the endpoint's, for requests that do not reach it."""
    retryable = status == HTTPStatus.SERVICE_UNAVAILABLE
    extensions = {"code": code, "retryable": retryable}
    body = json.dumps({"errors": [{"message": message, "extensions": extensions}]}).encode()
    headers = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "connection": "close",
        **({"retry-after": "1"} if retryable else {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
