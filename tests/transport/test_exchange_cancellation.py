"""Callers that leave at any moment, and what they leave behind: nothing."""

import asyncio
import random
from time import monotonic
from typing import Any

import pytest

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
    exchange = open_exchange(pool=POOL)
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
    assert getattr(exchange, "pools_replaced", 0) == 0


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
        exchange = open_exchange(pool=1, total_seconds=0.5)
        results = await asyncio.gather(
            exchange.send(call_to(server.origin)),
            exchange.send(call_to(server.origin, deadline=monotonic() + 0.1)),
            return_exceptions=True,
        )
        assert len(server.requests) == 1
    assert [type(result) for result in results] == [DeadlineExceeded] * 2
    assert sorted(result.sent for result in results) == [False, True]


async def leave_a_hanging_call(exchange: Any, call_to: Any, head: bytes) -> Any:
    """Leave a call that hangs after these bytes; returns the next, which has the same slot."""
    arrived = asyncio.Event()

    async def first_hangs(visit: Any) -> None:
        if not arrived.is_set():
            await visit.send(head)
            arrived.set()
            await for_ever(visit)
        await visit.send(response(b"[2]"))

    async with raw_server(first_hangs) as server:
        leaving = asyncio.create_task(exchange.send(call_to(server.origin)))
        await arrived.wait()
        await asyncio.wait([leaving], timeout=0.05 if head else 0.001)  # until the client has it
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        async with asyncio.timeout(2):
            reply = await exchange.send(call_to(server.origin))
    assert reply.body == b"[2]"


async def test_who_leaves_in_the_body_frees_the_slot_at_once(
    open_exchange: Any, call_to: Any
) -> None:
    """A caller that leaves half an answer behind ends its request."""
    exchange = open_exchange(pool=1, total_seconds=30.0)
    await leave_a_hanging_call(exchange, call_to, response(b"[", length=100))


async def test_who_leaves_before_the_headers_frees_the_slot_at_once(
    open_exchange: Any, call_to: Any
) -> None:
    """A hanging request whose caller has left ends with it."""
    await leave_a_hanging_call(open_exchange(pool=1, total_seconds=30.0), call_to, b"")


async def test_the_deadline_of_the_call_comes_before_the_total(
    open_exchange: Any, call_to: Any
) -> None:
    """A hanging call ends at its own deadline; one whose deadline has passed is never sent."""
    async with raw_server(for_ever) as server:
        exchange = open_exchange(total_seconds=30.0)
        with pytest.raises(DeadlineExceeded) as late:
            await exchange.send(call_to(server.origin, deadline=monotonic() + 0.1))
        with pytest.raises(DeadlineExceeded) as passed:
            await exchange.send(call_to(server.origin, deadline=monotonic() - 0.1))
        assert len(server.requests) == 1
    assert (late.value.sent, passed.value.sent) == (True, False)


async def test_a_deadline_that_has_passed_sends_nothing_over_a_kept_connection(
    open_exchange: Any, call_to: Any
) -> None:
    """Where nothing has to be waited for, a call too late is not sent either."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_exchange()
        await exchange.send(call_to(server.origin))
        with pytest.raises(DeadlineExceeded) as passed:
            await exchange.send(call_to(server.origin, deadline=monotonic() - 0.1))
        await exchange.send(call_to(server.origin))
        assert len(server.requests) == 2
    assert not passed.value.sent
