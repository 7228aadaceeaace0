"""Callers that leave at any moment, and what they leave behind: nothing."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import httpx
import pytest
from httpcore._async.http11 import AsyncHTTP11Connection

from casegraph.errors import DeadlineExceeded, UpstreamUnavailable
from casegraph.transport.calls import Effect
from support.raw_server import always, for_ever, raw_server, response

POOL = 8
WORKERS = 16
CALLS_EACH = 156
LONGEST_SECONDS = 0.006


def fickle(chance: Any) -> Any:
    """Answer half of the calls at once, the others within 6 ms, and end every third connection."""

    async def answer(visit: Any) -> None:
        answered = asyncio.Event()
        wait = chance.choice((0.0, chance.uniform(0, LONGEST_SECONDS)))
        timer = asyncio.get_running_loop().call_later(wait, answered.set)
        try:
            await answered.wait()
        finally:
            timer.cancel()
        await visit.send(response(b"[]"))
        if chance.random() < 1 / 3:
            visit.writer.close()

    return answer


async def assert_no_slot_is_lost(exchange: Any, call_to: Any) -> None:
    """Send as many calls as there are slots to a server that answers only when all are there."""
    arrived = []

    async def together(visit: Any) -> None:
        arrived.append(visit)
        if len(arrived) == POOL:
            for each in arrived:
                await each.send(response(b"[]"))

    async with raw_server(together) as server:
        calls = [exchange.send(call_to(server.origin)) for _ in range(POOL)]
        replies = await asyncio.gather(*calls)
    assert [reply.status for reply in replies] == [200] * POOL


async def test_a_storm_of_cancellations_loses_no_slot(open_exchange: Any, call_to: Any) -> None:
    """Of 2,500 calls most leave within 6 ms; the patient and all later ones succeed."""
    chance = random.Random(7)  # noqa: S311  seeded, so that a failure comes back
    exchange = open_exchange(pool=POOL, keep_alive=POOL)
    outcomes = {"answered": 0, "left": 0, "cut": 0, "stuck": 0}

    async with raw_server(fickle(chance)) as server:

        async def work() -> None:
            for _ in range(CALLS_EACH):
                patient = chance.random() < 1 / 5
                patience = 10.0 if patient else chance.uniform(0, LONGEST_SECONDS)
                try:
                    async with asyncio.timeout(patience):
                        await exchange.send(call_to(server.origin))
                    outcomes["answered"] += 1
                except TimeoutError:
                    outcomes["stuck" if patient else "left"] += 1
                except DeadlineExceeded:
                    outcomes["stuck"] += 1
                except UpstreamUnavailable:
                    outcomes["cut"] += 1  # a kept connection that the server had just closed

        await asyncio.gather(*(work() for _ in range(WORKERS)))
    assert outcomes["stuck"] == 0
    assert outcomes["left"] > WORKERS * CALLS_EACH / 2
    assert outcomes["answered"] > WORKERS * CALLS_EACH / 10

    async with raw_server(always(response(b"[]"))) as server:
        calls = [exchange.send(call_to(server.origin)) for _ in range(100)]
        replies = await asyncio.gather(*calls)
    assert [reply.status for reply in replies] == [200] * 100
    await assert_no_slot_is_lost(exchange, call_to)
    assert exchange.pools_replaced == 0


async def test_who_leaves_before_a_slot_is_free_has_sent_nothing(
    open_exchange: Any, call_to: Any
) -> None:
    """A call that is given up while it queues never reaches the upstream, not even later."""
    held = []
    all_there = asyncio.Event()

    async def hold(visit: Any) -> None:
        held.append(visit)
        if len(held) == POOL:
            all_there.set()

    async with raw_server(hold) as server:
        exchange = open_exchange(pool=POOL)
        first = [asyncio.create_task(exchange.send(call_to(server.origin))) for _ in range(POOL)]
        await all_there.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await exchange.send(
                    call_to(server.origin, method="DELETE", effect=Effect.REPEATABLE)
                )
        for visit in held:
            await visit.send(response(b"[]"))
        await asyncio.gather(*first)
        await assert_no_slot_is_lost(exchange, call_to)
        assert {request.method for request in server.requests} == {"GET"}


async def test_a_time_out_in_the_queue_says_that_nothing_was_sent(
    open_exchange: Any, call_to: Any
) -> None:
    """When all slots hang, the next call is late and unsent."""
    async with raw_server(for_ever) as server:
        exchange = open_exchange(pool=1, total_seconds=0.1)
        results = await asyncio.gather(
            exchange.send(call_to(server.origin)),
            exchange.send(call_to(server.origin)),
            return_exceptions=True,
        )
        assert len(server.requests) == 1
    assert [type(result) for result in results] == [DeadlineExceeded] * 2
    assert sorted(result.sent for result in results) == [False, True]


async def test_who_leaves_while_connecting_has_sent_nothing(
    open_exchange: Any, call_to: Any, monkeypatch: Any
) -> None:
    """A call given up before its connection stands ends by itself, unsent, and frees its slot."""
    connecting, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def slow_connect(*args: Any, **kwargs: Any) -> Any:
        connecting.set()
        await go.wait()
        return await connect(*args, **kwargs)

    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_exchange(pool=1)
        monkeypatch.setattr(loop, "create_connection", slow_connect)
        leaving = asyncio.create_task(
            exchange.send(call_to(server.origin, method="DELETE", effect=Effect.ONCE))
        )
        await connecting.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        go.set()
        reply = await exchange.send(call_to(server.origin))
        assert [request.method for request in server.requests] == ["GET"]
    assert reply.status == 200


async def test_who_leaves_while_waiting_ends_the_request(open_exchange: Any, call_to: Any) -> None:
    """A hanging request whose caller has left frees its slot at once."""
    arrived = asyncio.Event()

    async def first_hangs(visit: Any) -> None:
        if not arrived.is_set():
            arrived.set()
            await for_ever(visit)
        await visit.send(response(b"[]"))

    async with raw_server(first_hangs) as server:
        exchange = open_exchange(pool=1)
        leaving = asyncio.create_task(exchange.send(call_to(server.origin)))
        await arrived.wait()
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        async with asyncio.timeout(1):
            reply = await exchange.send(call_to(server.origin))
    assert reply.status == 200


async def test_who_leaves_while_the_connection_is_put_back_loses_no_slot(
    open_exchange: Any, call_to: Any, monkeypatch: Any
) -> None:
    """The last moment of a call, when all is read, is no moment to cancel it."""
    putting_back = asyncio.Event()
    put_back = AsyncHTTP11Connection._response_closed

    async def slowly(connection: Any) -> None:
        putting_back.set()
        for _ in range(5):
            await asyncio.sleep(0)
        await put_back(connection)

    exchange = open_exchange(pool=POOL, keep_alive=POOL)
    monkeypatch.setattr(AsyncHTTP11Connection, "_response_closed", slowly)
    async with raw_server(always(response(b"[]"))) as server:
        for _ in range(POOL):
            putting_back.clear()
            leaving = asyncio.create_task(exchange.send(call_to(server.origin)))
            await putting_back.wait()
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
    await assert_no_slot_is_lost(exchange, call_to)
    assert exchange.pools_replaced == 0


async def test_a_pool_without_connections_is_replaced(
    open_exchange: Any, call_to: Any, monkeypatch: Any
) -> None:
    """If the pool loses its connections after all, one call fails unsent and the next succeeds."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_exchange()

        async def stuck(_request: Any) -> None:
            raise httpx.PoolTimeout("no connection")

        monkeypatch.setattr(exchange._pool.transport, "handle_async_request", stuck)
        with pytest.raises(UpstreamUnavailable) as caught:
            await exchange.send(call_to(server.origin))
        reply = await exchange.send(call_to(server.origin))
    assert not caught.value.sent
    assert (reply.status, exchange.pools_replaced) == (200, 1)
