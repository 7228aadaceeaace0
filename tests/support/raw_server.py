"""A TCP server that answers with exactly the bytes a test wants, also those no HTTP server sends.

It runs in the test's own loop on a loopback port. It reads requests as far as Content-Length says,
keeps them for the test to look at, and hands each to the test's answer.
Invariant: leaving the context closes every connection, so nothing outlives a test.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_TURNS = 10
"""Turns of the loop that asyncio takes from accepting a connection to making it known, and more."""

Answer = Callable[["Visit"], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case; of a repeated one the values are joined by a comma."""
    body: bytes


@dataclass
class Visit:
    """One request that waits for its answer, and the connection it came over."""

    request: Request
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    async def send(self, data: bytes) -> None:
        """Write some bytes of the answer."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Cut the connection without a farewell."""
        self.writer.transport.abort()


@dataclass
class RawServer:
    """A running server and what it has seen."""

    origin: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)


def response(body: bytes = b"", *headers: str, status: str = "200 OK", length: int = -1) -> bytes:
    """Return a complete answer; `length` overrides the true Content-Length."""
    size = len(body) if length < 0 else length
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def always(data: bytes) -> Answer:
    """Answer every request with the same bytes and keep the connection."""

    async def answer(visit: Visit) -> None:
        await visit.send(data)

    return answer


def once(data: bytes) -> Answer:
    """Answer a request with these bytes and close the connection."""

    async def answer(visit: Visit) -> None:
        await visit.send(data)
        visit.writer.close()

    return answer


async def for_ever(_visit: Visit) -> None:
    """Never answer."""
    await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def raw_server(answer: Answer) -> AsyncIterator[RawServer]:
    """Serve on a free loopback port for the time of the context."""
    seen = RawServer()
    tasks: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while (request := await _read(reader)) is not None and not writer.is_closing():
                seen.requests.append(request)
                await answer(Visit(request, writer, reader))
        except OSError:
            pass  # the client has gone
        finally:
            writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    seen.origin = f"http://{host}:{port}"
    try:
        yield seen
    finally:
        # Accept no more, and let what was accepted last be made known before the server closes:
        # a connection that asyncio finds without its server is never closed.
        asyncio.get_running_loop().remove_reader(server.sockets[0].fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        server.close()
        left = tuple(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for writer in tuple(writers):  # of a task that was cancelled before it began
            writer.transport.abort()
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
    try:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    return Request(method, target, headers, body)
