"""An ASGI application on a real socket: blocking for a command, in a thread for everything else.

The socket is bound before the server starts, so port 0 gives a free port without a race and a port
that is taken fails at once, in the caller.
Invariant: `ready` is called, and `start_in_thread` returns, only when connections are accepted; of
two signals the first asks and the second ends.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from casegraph.collector import Collector, Tuning, Untuned
from casegraph.connection import BoundedConnection

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
            http=BoundedConnection,
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
        self._stop_at = inf  # at once: the next signal may come in while this one is being heard
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
