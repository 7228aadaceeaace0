import asyncio
import gc
import traceback
import weakref
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.flight import Boarding, FlightCancelledError, SingleFlight
from support.held_calls import Call, turns


class UpstreamError(Exception):
    """An error whose __init__ cannot be called with its args."""

    __slots__ = ("retryable",)

    def __init__(self, *, upstream: str, retryable: bool) -> None:
        super().__init__(f"{upstream} failed")
        self.upstream = upstream
        self.retryable = retryable


class PlainError(Exception):
    """An error that can be watched by a weak reference."""


def start(flight: SingleFlight, key: str, make: Callable, count: int) -> list[asyncio.Task]:
    """Start so many callers of one key."""
    return [asyncio.create_task(flight.do(key, make)) for _ in range(count)]


async def test_equal_keys_share_one_call_and_others_do_not() -> None:
    """Callers of one key get one call's answer; another key has its own call."""
    flight, one, other = SingleFlight(), Call("one"), Call("other")
    callers = [*start(flight, "a", one, 50), *start(flight, "b", other, 1)]
    await turns()
    one.gate.set()
    other.gate.set()
    assert await asyncio.gather(*callers) == ["one"] * 50 + ["other"]
    assert (one.started, other.started) == (1, 1)


async def test_an_answer_is_not_remembered() -> None:
    """The next caller after the landing makes a new call."""
    flight, call = SingleFlight(), Call()
    call.gate.set()
    await flight.do("a", call)
    await flight.do("a", call)
    assert call.started == 2


@pytest.mark.parametrize("fails", [True, False])
async def test_a_call_that_has_just_failed_is_joined_by_nobody(*, fails: bool) -> None:
    """Who comes before its end is dealt with begins another; one that went well is shared."""
    flight, call = SingleFlight(), Call("value")
    call.gate.set()
    came: list[tuple[bool, Boarding]] = []

    def come() -> None:
        came.append((flight.is_under_way("key"), flight.board("key", call)))

    async def first() -> str:
        asyncio.get_running_loop().call_soon(come)  # after its last step, before its callbacks
        if fails:
            raise PlainError
        return "value"

    place = flight.board("key", first)
    failure = await place.landed()
    [(was_under_way, other)] = came

    assert isinstance(failure, PlainError) is fails
    assert was_under_way is not fails
    assert (await other.landed(), other.ended()) == (None, "value")
    assert call.started == (1 if fails else 0)
    place.leave()
    other.leave()


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_a_cancelled_caller_takes_nobody_with_it(leaver: int) -> None:
    """Whichever caller leaves, the first included, the others still get the value."""
    flight, call = SingleFlight(), Call()
    callers = start(flight, "a", call, 3)
    await call.entered.wait()
    callers.pop(leaver).cancel()
    await turns()
    call.gate.set()
    assert await asyncio.gather(*callers) == ["value", "value"]
    assert (call.started, call.cancelled) == (1, 0)


async def test_the_last_one_out_cancels_the_call() -> None:
    """The call runs on while anyone waits, and is cancelled when nobody does."""
    flight, call = SingleFlight(), Call()
    first, second = start(flight, "a", call, 2)
    await call.entered.wait()
    first.cancel()
    await turns()
    assert call.cancelled == 0
    second.cancel()
    await asyncio.wait([first, second])
    await turns()
    assert call.cancelled == 1
    assert (first.cancelled(), second.cancelled()) == (True, True)


async def test_who_comes_after_the_last_one_out_gets_a_new_call() -> None:
    """A call being cancelled is never joined."""
    flight, doomed, fresh = SingleFlight(), Call("doomed"), Call("fresh")
    (leaver,) = start(flight, "a", doomed, 1)
    await doomed.entered.wait()
    leaver.cancel()
    await asyncio.wait([leaver])
    fresh.gate.set()
    assert await flight.do("a", fresh) == "fresh"


async def test_a_call_that_is_slow_to_end_is_not_joined() -> None:
    """While a cancelled call still cleans up, a newcomer gets a new call."""
    flight, fresh = SingleFlight(), Call("fresh")
    entered, cleaned = asyncio.Event(), asyncio.Event()

    async def end_slowly() -> str:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            await cleaned.wait()
        return "doomed"

    (leaver,) = start(flight, "a", end_slowly, 1)
    await entered.wait()
    leaver.cancel()
    await asyncio.wait([leaver])
    fresh.gate.set()
    assert await asyncio.wait_for(flight.do("a", fresh), 5) == "fresh"
    cleaned.set()


async def test_a_failure_is_shared_and_not_remembered() -> None:
    """Twenty callers of a failing call see one call and twenty errors; the next calls again."""
    flight, call = SingleFlight(), Call(UpstreamError(upstream="ratings", retryable=True))
    callers = start(flight, "a", call, 20)
    await turns()
    call.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [(str(error), error.upstream, error.retryable) for error in errors] == [
        ("ratings failed", "ratings", True)
    ] * 20
    assert {UpstreamError} == {type(error) for error in errors}
    assert call.started == 1
    with pytest.raises(UpstreamError):
        await flight.do("a", call)
    assert call.started == 2


async def test_each_waiter_gets_its_own_error_with_its_own_traceback() -> None:
    """No waiter's frames show in another's traceback, and none is longer than the others."""
    flight = SingleFlight()
    call = Call(UpstreamError(upstream="ratings", retryable=True))
    call.result.add_note("noted")
    call.result.__cause__ = KeyError("cause")
    callers = start(flight, "a", call, 5)
    await turns()
    call.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    frames = [[frame.name for frame in traceback.extract_tb(e.__traceback__)] for e in errors]
    assert len({id(error) for error in errors}) == 5
    assert [frames[0]] * 5 == frames
    assert frames[0] == ["do", "_captured", "__call__"]
    assert [error.__notes__ for error in errors] == [["noted"]] * 5
    assert [call.result.__cause__] * 5 == [error.__cause__ for error in errors]
    errors[1].add_note("mine")
    assert errors[2].__notes__ == ["noted"]


async def test_an_error_that_cannot_be_made_twice_does_not_grow() -> None:
    """An error with its text in C fields is shared, its traceback no longer for many than one."""
    flight, call = SingleFlight(), Call(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "reason"))
    callers = start(flight, "a", call, 30)
    await turns()
    call.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert {id(call.result)} == {id(error) for error in errors}
    frames = traceback.extract_tb(call.result.__traceback__)
    assert [frame.name for frame in frames] == ["do", "_captured", "__call__"]


async def test_an_error_is_freed_when_its_callers_are_done_with_it() -> None:
    """A landed failure leaves no reference cycle for the collector to find."""
    gc.collect()
    gc.disable()
    try:
        flight = SingleFlight()

        async def fail() -> None:
            raise PlainError

        remembered = None
        try:
            await flight.do("a", fail)
        except PlainError as error:
            remembered = weakref.ref(error)
        await turns()
        assert remembered is not None
        assert remembered() is None
    finally:
        gc.enable()


async def test_a_failure_nobody_waits_for_is_silent() -> None:
    """A call that fails while it is being cancelled leaves no unretrieved exception behind."""
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    entered = asyncio.Event()

    async def fail_on_the_way_out() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("on the way out")

    flight = SingleFlight()
    (caller,) = start(flight, "a", fail_on_the_way_out, 1)
    await entered.wait()
    caller.cancel()
    await asyncio.wait([caller])
    await turns()
    del caller
    gc.collect()
    assert complaints == []


async def test_a_call_that_cancels_itself_is_a_failure_to_its_waiters() -> None:
    """A stray cancellation inside the call never looks like the caller's own."""

    async def stray() -> None:
        raise asyncio.CancelledError

    flight = SingleFlight()
    outcomes = await asyncio.gather(*start(flight, "a", stray, 3), return_exceptions=True)
    assert [FlightCancelledError] * 3 == [type(outcome) for outcome in outcomes]


async def test_a_forgotten_call_serves_its_waiters_and_nobody_else() -> None:
    """After forget the next caller starts anew, and those waiting get the old answer."""
    flight, old, new = SingleFlight(), Call("old"), Call("new")
    waiting = start(flight, "a", old, 2)
    await old.entered.wait()
    flight.forget("a")
    newcomers = start(flight, "a", new, 2)
    await new.entered.wait()
    old.gate.set()
    assert await asyncio.gather(*waiting) == ["old", "old"]
    late = start(flight, "a", Call("third"), 1)
    await turns()
    new.gate.set()
    answers = await asyncio.wait_for(asyncio.gather(*newcomers, *late), 5)
    assert answers == ["new", "new", "new"]
    flight.forget("never flown")


async def test_closing_ends_every_call_including_forgotten_ones() -> None:
    """After close no task is left, and who waited is told, not cancelled."""
    before = asyncio.all_tasks()
    flight, one, other = SingleFlight(), Call(), Call()
    callers = start(flight, "a", one, 2)
    await one.entered.wait()
    flight.forget("a")
    callers += start(flight, "a", other, 1)
    await other.entered.wait()
    await flight.close()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [FlightCancelledError] * 3 == [type(outcome) for outcome in outcomes]
    assert (one.cancelled, other.cancelled) == (1, 1)
    assert before == asyncio.all_tasks()
    await flight.close()


steps = st.lists(
    st.tuples(st.sampled_from(["call", "cancel", "land", "fail", "turn"]), st.integers(0, 5)),
    max_size=60,
)


class World:
    """A few keys, their calls and their callers, driven by a drawn script."""

    def __init__(self) -> None:
        self.flight = SingleFlight()
        self.open: dict[int, list[asyncio.Future]] = {}
        self.callers: list[tuple[int, asyncio.Task]] = []
        self.cancelled: set[asyncio.Task] = set()

    async def make(self, key: int) -> int:
        """Wait for the script, and fail if this key has a call already."""
        landing = asyncio.get_running_loop().create_future()
        flying = self.open.setdefault(key, [])
        flying.append(landing)
        assert len(flying) == 1
        try:
            return await landing
        finally:
            flying.remove(landing)

    async def step(self, action: str, number: int) -> None:
        """Take one step of the script."""
        key = number % 3
        if action == "call":
            self.callers.append(
                (key, asyncio.create_task(self.flight.do(key, partial(self.make, key))))
            )
        elif action == "cancel" and self.callers:
            task = self.callers[number % len(self.callers)][1]
            if task.cancel():
                self.cancelled.add(task)
        elif action == "turn":
            await turns(number)
        else:
            for landing in self.open.get(key, []):
                if landing.done():
                    continue
                if action == "land":
                    landing.set_result(key)
                else:
                    landing.set_exception(LookupError(key))

    async def finish(self) -> None:
        """Land what still flies until every caller has its outcome."""
        for _ in range(100):
            for key in range(3):
                await self.step("land", key)
            await turns()
            if all(task.done() for _, task in self.callers):
                return
        raise AssertionError("a caller waits for ever")


@given(steps)
async def test_every_caller_gets_its_own_keys_outcome(script: list) -> None:
    """Whatever comes and goes: one call a key at a time, own outcomes only, nothing left over."""
    before = asyncio.all_tasks()
    world = World()
    for action, number in script:
        await world.step(action, number)
    await world.finish()
    for key, task in world.callers:
        if task.cancelled():
            assert task in world.cancelled
        elif task.exception() is not None:
            assert (LookupError, (key,)) == (type(task.exception()), task.exception().args)
        else:
            assert key == task.result()
    await turns()
    assert world.flight._flights == {}
    assert set() == world.flight._tasks
    assert before == asyncio.all_tasks()
