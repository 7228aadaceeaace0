"""What the upstream sees of a caller that leaves: the end of its connection, and at once."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from casegraph.errors import UpstreamUnavailable
from casegraph.transport.calls import Effect
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_lean import LeanExchange
from support.raw_server import for_ever, raw_server, response

AT_ONCE_SECONDS = 0.1
"""What is promised."""
TURNS = 100
"""Turns of the loop that the promise is worth at least, however little a busy machine gives us."""
LARGE = 32 * 2**20
"""Bytes; more than both ends' socket buffers take."""


async def seen(ended: asyncio.Event) -> bool:
    """Return whether the upstream sees the end within 100 ms; no timer has a part in it."""
    clock, turns = asyncio.get_running_loop().time, 0
    ends = clock() + AT_ONCE_SECONDS
    while not ended.is_set() and (clock() < ends or turns < TURNS):
        turns += 1
        await asyncio.sleep(0)
    return ended.is_set()


async def leave(call: asyncio.Task[Any]) -> None:
    """Cancel a call that hangs."""
    assert not call.done()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


class Watched:
    """Sends these bytes of an answer and watches for the end of the connection."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.arrived, self.ended = asyncio.Event(), asyncio.Event()

    async def answer(self, visit: Any) -> None:
        """Answer to the raw server."""
        await visit.send(self._head)
        self.arrived.set()
        try:
            assert await visit.reader.read() == b""
        finally:
            self.ended.set()


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nContent-", response(b"[", length=100)],
    ids=["nothing", "half_the_headers", "half_the_body"],
)
async def test_the_upstream_sees_a_caller_leave_at_once(
    open_exchange: Any, call_to: Any, head: bytes
) -> None:
    """A call that waits for headers or for the body ends its connection when it is cancelled."""
    watched = Watched(head)
    async with raw_server(watched.answer) as server:
        call = asyncio.create_task(open_exchange(total_seconds=30.0).send(call_to(server.origin)))
        await watched.arrived.wait()
        await asyncio.wait([call], timeout=0.05)  # until the client has what was sent
        await leave(call)
        assert await seen(watched.ended)


async def test_a_handshake_ends_with_its_caller(open_strict: Any, call_to: Any) -> None:
    """A call that waits for its connection, accepted and never greeted, ends it when cancelled."""
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        arrived.set()
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        exchange = open_strict(total_seconds=30.0, connect_seconds=30.0)
        call = asyncio.create_task(exchange.send(call_to(origin)))
        await arrived.wait()
        await leave(call)
        assert await seen(ended)


async def test_a_connection_that_is_never_made_ends_with_its_caller(
    open_strict: Any, call_to: Any
) -> None:
    """The slot of a call that nobody accepts is free when its caller has left."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        filler = [socket.socket() for _ in range(4)]  # the backlog of a listener that never accepts
        for each in filler:
            each.settimeout(0)
            each.connect_ex(address)
        exchange = open_strict(pool=1, total_seconds=30.0, connect_seconds=30.0)
        call = asyncio.create_task(exchange.send(call_to(f"http://127.0.0.1:{address[1]}")))
        await asyncio.wait([call], timeout=0.05)
        await leave(call)
        for each in filler:
            each.close()
    async with raw_server(lambda visit: visit.send(response(b"[2]"))) as server:
        reply = await asyncio.wait_for(exchange.send(call_to(server.origin)), 2)
    assert reply.body == b"[2]"


@asynccontextmanager
async def reading_late(answer: bytes) -> Any:
    """Serve one connection: answer its headers, and read the rest only when told to."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003  the socket's own signature
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        arrived, go, read = asyncio.Event(), asyncio.Event(), 0

        async def serve() -> int:
            nonlocal read
            connection, _ = await loop.sock_accept(listener)
            with connection:
                read += len(await loop.sock_recv(connection, 1024))
                await loop.sock_sendall(connection, answer)
                arrived.set()
                await go.wait()
                try:
                    while data := await loop.sock_recv(connection, 2**20):
                        read += len(data)
                except ConnectionResetError:
                    pass
            return read

        task = asyncio.create_task(serve())
        try:
            yield origin, arrived, go, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def sockets() -> int:
    """Return how many sockets this process has open."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found += str(each.readlink()).startswith("socket:")
    return found


async def test_what_is_not_sent_yet_stays_unsent(open_exchange: Any, call_to: Any) -> None:
    """A large body that the upstream does not take ends where its caller left, with its socket."""
    async with reading_late(b"") as (origin, arrived, go, task):
        large = call_to(origin, method="PUT", effect=Effect.REPEATABLE, body=b"x" * LARGE)
        call = asyncio.create_task(open_exchange(total_seconds=30.0).send(large))
        await arrived.wait()
        await asyncio.wait([call], timeout=0.05)
        before = sockets()
        await leave(call)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert sockets() == before - 1
        go.set()
        assert await asyncio.wait_for(task, 5) < LARGE


async def test_an_answer_before_the_end_of_the_request_ends_the_connection(
    open_strict: Any, call_to: Any
) -> None:
    """An upstream that refuses a body it has not read is understood, and left alone."""
    refused = response(b"{}", status="413 Too Large")
    async with reading_late(refused) as (origin, _arrived, go, task):
        large = call_to(origin, method="PUT", effect=Effect.REPEATABLE, body=b"x" * LARGE)
        reply = await open_strict(total_seconds=30.0).send(large)
        go.set()
        assert (reply.status, reply.body) == (413, b"{}")
        assert await asyncio.wait_for(task, 5) < LARGE


async def test_closing_ends_whoever_waits(open_exchange: Any, call_to: Any) -> None:
    """At the end of the gateway a call on the wire and one in the queue are both told so."""
    watched = Watched(b"")
    async with raw_server(watched.answer) as server:
        exchange = open_exchange(pool=1, total_seconds=30.0)
        calls = [asyncio.create_task(exchange.send(call_to(server.origin))) for _ in range(2)]
        await watched.arrived.wait()
        await asyncio.wait_for(exchange.close(), 5)
        assert await seen(watched.ended)
        results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
        assert len(server.requests) == 1
    assert [type(result) for result in results] == [UpstreamUnavailable] * 2
    assert [result.sent for result in results] == [True, False]


async def test_a_closed_exchange_sends_nothing(open_exchange: Any, call_to: Any) -> None:
    """A call that comes after the end is unavailable, unsent."""
    async with raw_server(for_ever) as server:
        exchange = open_exchange()
        await exchange.close()
        with pytest.raises(UpstreamUnavailable) as caught:
            await exchange.send(call_to(server.origin))
        assert server.connections == 0
    assert not caught.value.sent


@pytest.mark.parametrize(
    "left",
    [
        test_a_handshake_ends_with_its_caller,
        test_a_connection_that_is_never_made_ends_with_its_caller,
        test_what_is_not_sent_yet_stays_unsent,
        test_closing_ends_whoever_waits,
    ],
)
def test_the_default_exchange_leaves_nothing_behind_over_uvloop(left: Any, call_to: Any) -> None:
    """What holds on asyncio's own loop holds on the one that the gateway runs on."""

    async def run() -> None:
        opened: list[LeanExchange] = []

        def opening(**bounds: Any) -> LeanExchange:
            opened.append(LeanExchange(ExchangeConfig(**bounds)))
            return opened[-1]

        await left(opening, call_to)
        for exchange in opened:
            await exchange.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
