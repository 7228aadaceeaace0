"""An HTTP server that misbehaves byte by byte, on loopback, for tests of the transport.

A framework cannot reset, drip or lie about lengths; this writes its bytes itself, over the raw
server. Each route has a list of replies, consumed in order; the last one stays. What arrived is
logged, so that a test can assert what was sent and how often, not only what came back.
Invariant: a reply is a plain value, so the same plan does the same every time; nothing is random.
"""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from support.raw_server import RawServer, Request, Visit, raw_server

JSON = (("Content-Type", "application/json"),)
Pairs = tuple[tuple[str, str], ...]
Sleep = Callable[[float], Awaitable[object]]
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on with zero seconds: the close sends RST."""
_LOOK_SECONDS = 0.005
_PIECES_A_SECOND = 20


@dataclass(frozen=True)
class Reply:
    """One answer: what is said, the lies in it, and the toxics on its way; times in seconds.

    `framing` "length" declares `declared` bytes, or the truth; "chunked" cuts the body into one
    chunk per `slicer` bytes; "close" delimits by nothing. `raw` replaces head and body as a whole.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: Pairs = JSON
    framing: str = "length"
    declared: int | None = None
    last_chunk: bytes = b"0\r\n\r\n"
    raw: bytes | None = None
    keep_alive: bool = True

    latency: float = 0.0
    """Before the first byte."""
    bandwidth: float = 0.0
    """Bytes a second; 0 is no limit."""
    hang: int | None = None
    """Nothing comes after so many bytes of head and body, until `release` or the caller leaves."""
    reset: int | None = None
    """TCP RST after so many bytes of head and body."""
    slicer: int = 0
    """Bytes per write, each in a segment of its own; 0 writes as much as there is."""
    limit_data: int | None = None
    """The connection closes in order after so many bytes of head and body."""
    slow_close: float = 0.0
    """The connection is closed, but only so long after the last byte."""

    def wire(self) -> tuple[bytes, bytes]:
        """Return head and framed body as they would leave without toxics."""
        if self.raw is not None:
            return b"", self.raw
        lines = [f"HTTP/1.1 {self.status} Reply"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body
        if self.framing == "length":
            lines.append(f"Content-Length: {len(body) if self.declared is None else self.declared}")
        elif self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            size = self.slicer or max(len(body), 1)
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
            body = b"".join(chunks) + self.last_chunk
        if self.closes:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), body

    @property
    def closes(self) -> bool:
        """Whether the connection ends with this reply."""
        return not self.keep_alive or self.framing == "close" or bool(self.slow_close)


@dataclass
class Arrived:
    """One request; `left_early` once its caller went before the reply was complete."""

    request: Request
    at: float
    left_early: bool = False

    @property
    def path(self) -> str:
        """The path without its query."""
        return self.request.target.partition("?")[0]


class FaultServer:
    """What runs: its plan, its log, and its connections."""

    def __init__(self, routes: Mapping[str, Iterable[Reply]], sleep: Sleep) -> None:
        self.log: list[Arrived] = []
        self._plans = {path: deque(replies) for path, replies in routes.items()}
        self._sleep = sleep
        self._released = asyncio.Event()
        self._changed = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self.raw = RawServer()

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return self.raw.origin

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        return self.raw.connections

    @property
    def open(self) -> int:
        """Connections open now, of those that have brought a request."""
        return sum(not writer.is_closing() for writer in self._writers)

    def plan(self, path: str, *replies: Reply) -> None:
        """Give a route its replies anew; the path "*" is for all without any."""
        self._plans[path] = deque(replies)

    def release(self) -> None:
        """Let everything that hangs go on, now and later."""
        self._released.set()

    def count(self, path: str) -> int:
        """Return how many requests a path had."""
        return sum(each.path == path for each in self.log)

    async def until(self, met: Callable[[], bool], patience: float = 5.0) -> None:
        """Return once `met` holds of the log; raises TimeoutError."""
        async with asyncio.timeout(patience), self._changed:
            await self._changed.wait_for(met)

    async def answer(self, visit: Visit) -> None:
        """Answer one request after the plan, for as long as its caller is there."""
        arrived = Arrived(visit.request, time.monotonic())
        self.log.append(arrived)
        self._writers.add(visit.writer)
        await self._tell()
        replying = asyncio.create_task(self._reply(self._next(arrived.path), visit))
        leaving = asyncio.create_task(_left(visit.reader))
        try:
            await asyncio.wait({replying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            # A failed write means the same as an end seen by reading.
            if not replying.done() or replying.exception() is not None:
                arrived.left_early = True
                visit.writer.close()
        finally:
            replying.cancel()
            leaving.cancel()
            await asyncio.gather(replying, leaving, return_exceptions=True)
            await self._tell()

    def _next(self, path: str) -> Reply:
        replies = self._plans.get(path) or self._plans.get("*")
        if not replies:
            return Reply(b'{"message": "no such route"}', 404)
        return replies.popleft() if len(replies) > 1 else replies[0]

    async def _reply(self, reply: Reply, visit: Visit) -> None:
        """Send a reply through its toxics."""
        if reply.latency:
            await self._sleep(reply.latency)
        whole = b"".join(reply.wire())
        marks = (reply.hang, reply.reset, reply.limit_data)
        sent = 0
        for stop in (*sorted(mark for mark in marks if mark is not None), len(whole)):
            await self._write(reply, visit, whole[sent:stop])
            sent = stop
            if stop == reply.hang:
                await self._released.wait()
            if stop == reply.reset:
                held: socket.socket = visit.writer.get_extra_info("socket")
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                visit.reset()
                return
            if stop == reply.limit_data:
                visit.writer.close()
                return
        if reply.slow_close:
            await self._sleep(reply.slow_close)
        if reply.closes:
            visit.writer.close()

    async def _write(self, reply: Reply, visit: Visit, data: bytes) -> None:
        size = reply.slicer or len(data)
        if reply.bandwidth and not reply.slicer:
            size = max(int(reply.bandwidth / _PIECES_A_SECOND), 1)
        for at in range(0, len(data), max(size, 1)):
            piece = data[at : at + size]
            await visit.send(piece)
            if reply.bandwidth:
                await self._sleep(len(piece) / reply.bandwidth)
            elif reply.slicer:
                await asyncio.sleep(0)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def fault_server(
    routes: Mapping[str, Iterable[Reply]] | None = None, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[FaultServer]:
    """Serve the routes on a free loopback port for the time of the context."""
    server = FaultServer(routes or {}, sleep)
    async with raw_server(server.answer) as server.raw:
        yield server


async def _left(reader: asyncio.StreamReader) -> None:
    """Return when the caller has closed; looks without reading, which would eat a next request."""
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(_LOOK_SECONDS)
