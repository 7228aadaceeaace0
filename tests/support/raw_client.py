"""A client that adds nothing: it sends bytes, and says what came back and how it ended.

HTTP clients hide what a fault test must see: where the body was cut, and whether the end was a
close or a reset. Invariant: it never waits longer than `patience` for the next byte.
"""

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

End = Literal["closed", "reset", "open"]


@dataclass(frozen=True)
class Heard:
    """Everything that came over one connection; `end` "open" means that patience ended first."""

    data: bytes
    end: End
    arrivals: tuple[float, ...] = field(default=(), compare=False)
    """When each read brought something, in seconds after the request was sent."""

    @property
    def status(self) -> int:
        """The status of the answer; fails the test when not even that came."""
        assert self.data.startswith(b"HTTP/1.1 "), self.data[:80]
        return int(self.data.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        """The headers, names in lower case."""
        lines = self._halves[0].split(b"\r\n")[1:]
        pairs = (line.decode("latin-1").split(":", 1) for line in lines)
        return {name.lower(): value.strip() for name, value in pairs}

    @property
    def body(self) -> bytes:
        """All after the headers, chunk marks included."""
        return self._halves[1]

    @property
    def json(self) -> Any:
        """The body of an unchunked answer as JSON."""
        return json.loads(self.body)

    @property
    def missing(self) -> int:
        """How many declared bytes did not come."""
        return int(self.headers["content-length"]) - len(self.body)

    @property
    def _halves(self) -> tuple[bytes, bytes]:
        head, _, body = self.data.partition(b"\r\n\r\n")
        return head, body


def request_bytes(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> tuple[tuple[str, int], bytes]:
    """Return the address to connect to and the request that closes after its answer."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (sent | dict(headers or {})).items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    return (parts.hostname or "", parts.port or 80), head + body


def call(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    patience: float = 5.0,
    silence: float | None = None,
) -> Heard:
    """Make one call on a connection of its own and listen to its end.

    `patience` is for each byte, in seconds; with `silence`, for the first one only, and `silence`
    for the others.
    """
    address, request = request_bytes(method, url, headers, body)
    with socket.create_connection(address, timeout=patience) as connection:
        connection.sendall(request)
        return listen(connection, silence)


def listen(connection: socket.socket, silence: float | None = None) -> Heard:
    """Read until the end, or until nothing came for the connection's time-out."""
    data = bytearray()
    arrivals: list[float] = []
    began = time.monotonic()
    end: End = "closed"
    try:
        while piece := connection.recv(65_536):
            data += piece
            arrivals.append(time.monotonic() - began)
            if silence is not None:
                connection.settimeout(silence)
    except ConnectionResetError:
        end = "reset"
    except TimeoutError:
        end = "open"
    return Heard(bytes(data), end, tuple(arrivals))
