"""A place in a shared call, taken before what it brings is needed."""

import asyncio
import gc
from typing import Any

import pytest

from casegraph.loading.flight import Boarding, FlightCancelledError, SingleFlight
from support.held_calls import Call, turns


class OddError(Exception):
    """An error whose __init__ cannot be called with its args."""

    def __init__(self, *, upstream: str) -> None:
        super().__init__(f"{upstream} failed")
        self.upstream = upstream


def boarded(flight: SingleFlight, call: Call, count: int) -> list[Boarding]:
    """Take so many places in the call of one key."""
    return [flight.board("a", call) for _ in range(count)]


async def test_a_call_is_under_way_from_the_boarding_on() -> None:
    """It is made although nobody waits for it yet, and once only."""
    flight, call = SingleFlight(), Call()
    place = flight.board("a", call)

    assert flight.is_under_way("a")
    await turns()
    assert (call.started, call.cancelled) == (1, 0)
    place.leave()


@pytest.mark.parametrize("result", ["value", None, 0])
async def test_a_call_that_went_well_has_landed_without_a_failure(result: object) -> None:
    """Whatever the call returns, the boarder is told that it has ended and no more."""
    flight, call = SingleFlight(), Call(result)
    place = flight.board("a", call)
    landing = asyncio.create_task(place.landed())
    await turns()
    assert not landing.done()
    call.gate.set()

    assert await landing is None
    place.leave()
    assert (call.started, call.cancelled) == (1, 0)


async def test_a_landing_in_the_past_is_told_at_once() -> None:
    """Who asks after the call has ended gets what it has ended with, as often as it is asked."""
    flight, call = SingleFlight(), Call()
    place = flight.board("a", call)
    call.gate.set()
    await turns()

    assert not flight.is_under_way("a")
    assert [await place.landed(), await place.landed()] == [None, None]
    assert call.started == 1
    place.leave()


async def test_a_failure_is_a_value_and_each_boarder_has_its_own() -> None:
    """Nothing is raised; the first gets the error itself and the others twins of it."""
    flight, call = SingleFlight(), Call(OddError(upstream="ratings"))
    places = boarded(flight, call, 3)
    call.gate.set()

    errors: list[Any] = [await place.landed() for place in places]

    assert errors[0] is call.result
    assert len({id(error) for error in errors}) == 3
    assert [(type(each), str(each), each.upstream) for each in errors] == [
        (OddError, "ratings failed", "ratings")
    ] * 3
    assert call.started == 1


async def test_a_boarder_joins_a_call_that_is_in_the_air() -> None:
    """Who boards while others wait, and who asks while one has boarded, share one call."""
    flight, call, never = SingleFlight(), Call(), Call("never")
    before = asyncio.create_task(flight.do("a", call))
    await call.entered.wait()
    place = flight.board("a", never)
    after = asyncio.create_task(flight.do("a", never))
    await turns()
    call.gate.set()

    assert [await before, await place.landed(), await after] == ["value", None, "value"]
    assert (call.started, never.started) == (1, 0)


async def test_another_key_is_another_call() -> None:
    """A place in one call tells nothing of another."""
    flight, one, other = SingleFlight(), Call(), Call(OddError(upstream="ratings"))
    places = [flight.board("a", one), flight.board("b", other)]
    one.gate.set()
    other.gate.set()

    assert [await place.landed() for place in places] == [None, other.result]
    assert (one.started, other.started) == (1, 1)


async def test_the_last_to_leave_cancels_the_call() -> None:
    """A call that nobody wants any more ends, and who comes then gets a new one."""
    flight, call, fresh = SingleFlight(), Call(), Call("fresh")
    first, second = boarded(flight, call, 2)
    await call.entered.wait()
    first.leave()
    await turns()
    assert call.cancelled == 0
    second.leave()
    assert not flight.is_under_way("a")
    await turns()

    assert call.cancelled == 1
    fresh.gate.set()
    assert await flight.do("a", fresh) == "fresh"
    assert (call.started, fresh.started) == (1, 1)


async def test_a_call_that_was_left_before_it_began_is_never_made() -> None:
    """Boarding and leaving at once costs nothing."""
    flight, call = SingleFlight(), Call()
    flight.board("a", call).leave()
    await turns()

    assert call.started == 0
    assert not flight.is_under_way("a")


async def test_leaving_takes_nobody_with_it() -> None:
    """Who waits for the call, boarded or not, gets what it brings when another has left."""
    flight, call = SingleFlight(), Call()
    leaver, stayer = boarded(flight, call, 2)
    caller = asyncio.create_task(flight.do("a", call))
    await turns()
    leaver.leave()
    call.gate.set()

    assert [await stayer.landed(), await caller] == [None, "value"]
    assert (call.started, call.cancelled) == (1, 0)


async def test_leaving_twice_gives_up_one_place_only() -> None:
    """A second leaving is nothing: it does not take the place of somebody else."""
    flight, call = SingleFlight(), Call()
    leaver, stayer = boarded(flight, call, 2)
    await call.entered.wait()
    leaver.leave()
    leaver.leave()
    await turns()
    assert (call.cancelled, flight.is_under_way("a")) == (0, True)
    call.gate.set()

    assert await stayer.landed() is None


async def test_leaving_late_does_not_touch_the_next_call() -> None:
    """A place in a call that has landed is none in the call that came after it."""
    flight, old, new = SingleFlight(), Call(), Call("new")
    place = flight.board("a", old)
    old.gate.set()
    await turns()
    caller = asyncio.create_task(flight.do("a", new))
    await new.entered.wait()
    place.leave()
    await turns()
    assert (new.cancelled, flight.is_under_way("a")) == (0, True)
    new.gate.set()

    assert await caller == "new"


@pytest.mark.parametrize("has_ended", [False, True])
async def test_who_has_left_is_told_of_no_landing(*, has_ended: bool) -> None:
    """After leaving, the answer is that the place was left, at once and whatever came of it."""
    flight, call = SingleFlight(), Call()
    leaver, stayer = boarded(flight, call, 2)
    if has_ended:
        call.gate.set()
    await turns()
    leaver.leave()

    assert isinstance(await asyncio.wait_for(leaver.landed(), 5), FlightCancelledError)
    call.gate.set()
    assert await stayer.landed() is None


async def test_a_call_cancelled_from_outside_is_a_failure_to_its_boarders() -> None:
    """Nobody who has boarded sees a cancellation that was not its own."""
    flight, call = SingleFlight(), Call()
    place = flight.board("a", call)
    landing = asyncio.create_task(place.landed())
    await call.entered.wait()
    await flight.close()

    assert isinstance(await landing, FlightCancelledError)
    assert isinstance(await place.landed(), FlightCancelledError)
    place.leave()


async def test_who_is_cancelled_while_waiting_keeps_the_place_until_it_leaves() -> None:
    """The wait ends and the call goes on; only leaving ends the call."""
    flight, call = SingleFlight(), Call()
    place = flight.board("a", call)
    landing = asyncio.create_task(place.landed())
    await call.entered.wait()
    landing.cancel()
    await asyncio.wait([landing])
    await turns()
    assert (landing.cancelled(), call.cancelled) == (True, 0)
    place.leave()
    await turns()

    assert call.cancelled == 1


async def test_a_failure_that_no_boarder_asked_for_is_silent() -> None:
    """A call that fails and is left unasked leaves no unretrieved exception behind."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    flight, call = SingleFlight(), Call(OddError(upstream="ratings"))
    place = flight.board("a", call)
    call.gate.set()
    await turns()
    place.leave()
    del place
    gc.collect()

    assert (call.started, complaints) == (1, [])


async def test_whether_a_call_has_landed_is_told_without_a_wait() -> None:
    """Only while the place is held, and only of a call that has ended well."""
    flight = SingleFlight()
    calls = [Call(), Call(), Call(OddError(upstream="ratings"))]
    good, left, bad = (flight.board(number, call) for number, call in enumerate(calls))
    await turns()
    assert [place.has_landed() for place in (good, left, bad)] == [False, False, False]
    for call in calls:
        call.gate.set()
    await turns()
    left.leave()

    assert [place.has_landed() for place in (good, left, bad)] == [True, False, False]
    assert [call.started for call in calls] == [1, 1, 1]
    assert await bad.landed() is calls[2].result


async def test_a_call_that_was_cancelled_has_not_landed() -> None:
    """It is told so and raises nothing."""
    flight, call = SingleFlight(), Call()
    place = flight.board("a", call)
    await call.entered.wait()
    await flight.close()

    assert not place.has_landed()
