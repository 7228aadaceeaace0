"""An ASGI application on a real socket: blocking for a command, in a thread for everything else.

The socket is bound before the server starts, so port 0 gives a free port without a race and a port
that is taken fails at once, in the caller.
Invariant: `ready` is called, and `start_in_thread` returns, only when connections are accepted; of
two signals the first asks and the second ends.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import FrameType, TracebackType
from typing import ClassVar, Self
from weakref import ref

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from casegraph.collector import Collector, Tuning, Untuned
from casegraph.edge.cancellation import GONE, TellWhenGone

_STOP_SECONDS = 5
"""How long open calls may finish when the server stops; then they are cut."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """How a server ends when a signal asks it to: told at once, then drained, then finished."""

    told: Callable[[], None] = lambda: None
    """Called at the signal, while connections are still accepted."""
    drain_seconds: float = 0.0
    """How long connections are still accepted, so that balancers see that it is not ready."""
    finish_seconds: int = _STOP_SECONDS
    """How long open requests may then take; after that they are cut."""


class _BoundedConnection(HttpToolsProtocol):
    """One connection, of which a client can hold only so much and only so long.

    The server bounds the time between two requests only; a client that is silent, sends a byte now
    and then, or never reads would keep its connection for ever. It also tells who asks when the
    client has left, and speaks HTTP/1.1 whatever else is offered. Times are seconds.
    """

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
        super().connection_made(transport)
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
        self._settle()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)
        self._tell_gone()

    def data_received(self, data: bytes) -> None:
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
        if self._is_offered():
            return
        self._in_head = False
        self._settle()
        self.scope["extensions"] = {GONE: {"tell": _teller(self)}}
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._is_offered():
            return
        self._settle()
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_unread()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_unread()  # closing waits for what is not read yet

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
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


def _teller(connection: _BoundedConnection) -> TellWhenGone:
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


class _Server(uvicorn.Server):
    """A server that tells when it accepts connections, and when it is asked to stop."""

    def __init__(
        self,
        app: ASGIApp,
        on_started: Callable[[], None],
        collector: Tuning,
        stopping: Stopping | None = None,
    ) -> None:
        self._collector = collector
        self._stopping = stopping or Stopping()
        self._stop_at: float | None = None
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            http=_BoundedConnection,
            server_header=False,
            timeout_graceful_shutdown=self._stopping.finish_seconds,
        )
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)  # a failed start leaves by SystemExit
        self._collector.started()
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._stop_at is not None:
            self.force_exit = True
            super().handle_exit(sig, frame)
            return
        self._stopping.told()
        self._stop_at = time.monotonic() + self._stopping.drain_seconds
        if not self._stopping.drain_seconds:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        state = self.server_state
        self._collector.tick(in_flight=len(state.tasks), served=state.total_requests)
        drained = self._stop_at is not None and time.monotonic() >= self._stop_at
        return await super().on_tick(counter) or drained


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # At once: until one of them listens, two sockets may hold the same reusable address.
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    ready: Callable[[int], None],
    stopping: Stopping | None = None,
) -> None:
    """Serve `app` until a signal ends it; `ready` is told the port once it accepts connections.

    Raises OSError when the address cannot be bound. SIGINT and SIGTERM are raised again after the
    server has stopped, as uvicorn does, so the caller sees KeyboardInterrupt.
    """
    with bind(host, port) as bound:
        chosen: int = bound.getsockname()[1]
        serve_bound(app, bound, lambda: ready(chosen), stopping)


def serve_bound(
    app: ASGIApp, bound: socket.socket, ready: Callable[[], None], stopping: Stopping | None = None
) -> None:
    """Serve `app` as `serve` does, on a listening socket that other processes may share.

    The process is taken to be the server's own: its garbage collector is tuned for it.
    """
    _Server(app, ready, Collector(), stopping).run(sockets=[bound])


@dataclass
class Running:
    """A server in its own thread and loop; leaving the context stops it."""

    host: str
    port: int
    _server: uvicorn.Server
    _thread: threading.Thread

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def stop(self) -> None:
        """Stop accepting, let open calls finish for a moment, and wait for the thread."""
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS * 2)
        if self._thread.is_alive():
            raise RuntimeError("The server thread did not stop.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_in_thread(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Serve `app` from a daemon thread and return once it accepts connections.

    Raises OSError when the address cannot be bound, RuntimeError when the application refuses to
    start.
    """
    bound = bind(host, port)
    chosen: int = bound.getsockname()[1]
    settled = threading.Event()
    server = _Server(app, settled.set, Untuned())  # the process is somebody else's

    def run() -> None:
        try:
            server.run(sockets=[bound])
        except SystemExit:
            pass  # uvicorn's word for a failed start; `started` says it too
        finally:
            bound.close()
            settled.set()

    thread = threading.Thread(target=run, name=f"casegraph-sandbox-{chosen}", daemon=True)
    thread.start()
    settled.wait()
    if not server.started:
        thread.join(_STOP_SECONDS)
        raise RuntimeError("The application did not start.")
    return Running(host, chosen, server, thread)
