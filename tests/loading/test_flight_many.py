"""Many calls waited for at once share, fail and end as single ones do."""

import asyncio

from casegraph.loading.flight import FlightCancelledError, SingleFlight
from support.held_calls import Call, turns


class PlainError(Exception):
    """What an upstream could raise."""


async def test_many_are_waited_for_together() -> None:
    """Each key's outcome stands in its place, and what is not there in time is nothing yet."""
    flight = SingleFlight()
    good, bad, late = Call("good"), Call(PlainError("bad")), Call()
    good.gate.set()
    bad.gate.set()
    found = await flight.do_all([("g", good), ("b", bad), ("l", late), ("g", good)], 0.01)
    await turns()

    assert [found[0], type(found[1]), found[2], found[3]] == ["good", PlainError, None, "good"]
    assert (good.started, bad.started, late.started, late.cancelled) == (1, 1, 1, 1)
    assert (flight._flights, flight._tasks) == ({}, set())
    assert await flight.do_all([], 0.0) == []


async def test_many_share_with_those_who_wait_for_one() -> None:
    """A call that anybody still waits for goes on when those who want many leave."""
    flight, call = SingleFlight(), Call()
    single = asyncio.create_task(flight.do("k", call))
    await turns()
    many = asyncio.create_task(flight.do_all([("k", call)], None))
    await turns()
    many.cancel()
    await turns()
    call.gate.set()

    assert await single == "value"
    assert (call.started, call.cancelled) == (1, 0)


async def test_a_call_that_is_ended_from_outside_is_told_to_many() -> None:
    """Closing gives those who wait a failure of our own, never a cancellation."""
    flight, call = SingleFlight(), Call()
    many = asyncio.create_task(flight.do_all([("k", call)], None))
    await turns()
    await flight.close()

    assert [type(found) for found in await many] == [FlightCancelledError]
