"""One timer for many calls means what a timer for each would: asyncio's own is the measure.

Timer and clock are the test's, so nothing waits: a timer fires when the clock has come to it.
"""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, cast

import pytest

from casegraph.transport import alarm as module
from casegraph.transport.alarm import Alarm
from support.clock import settle

_mine: ContextVar[object] = ContextVar("mine")


class Timer:
    """One timer of the loop."""

    def __init__(self, at: float, callback: Callable[[], None], context: Context) -> None:
        self.at = at
        self.callback = callback
        self.context = context
        self.is_over = False

    def cancel(self) -> None:
        """Stop it."""
        self.is_over = True


class Time:
    """A clock that stands still until it is moved, and the timers that hang on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.early = 0.0
        """How much too early a timer fires."""
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, callback: Callable[[], None], *, context: Context) -> Any:
        """Set a timer, as a loop does."""
        self.timers.append(Timer(self.now + seconds, callback, context))
        return self.timers[-1]

    def running(self) -> list[Timer]:
        """Return the timers that will fire, the next one first."""
        return sorted((each for each in self.timers if not each.is_over), key=lambda each: each.at)

    def pass_by(self, seconds: float) -> None:
        """Move the clock and fire on the way what is due."""
        end = self.now + seconds
        while (due := self.running()) and due[0].at <= end:
            self.now = max(self.now, due[0].at - self.early)
            due[0].is_over = True
            due[0].callback()
        self.now = end


class TimedAlarm(Alarm):
    """An alarm whose timers are the test's."""

    __slots__ = ("time",)

    def __init__(self, time: Time) -> None:
        super().__init__()
        self.time = time

    def _set(self, ends: float) -> None:
        loop, self._loop = self._loop, cast("Any", self.time)
        super()._set(ends)
        self._loop = loop


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    """Give the time that all alarms here live in."""
    time = Time()
    monkeypatch.setattr(module, "monotonic", lambda: time.now)
    return time


@pytest.fixture
def alarm(time: Time) -> Alarm:
    """Give an alarm that lives in the test's time."""
    return TimedAlarm(time)


async def within(alarm: Alarm, seconds: float, work: Callable[[], Awaitable[Any]]) -> Any:
    """Do the work under the alarm, as its users do; raises TimeoutError."""
    watch = alarm.watch(seconds)
    try:
        return await work()
    except asyncio.CancelledError:
        if not alarm.leave(watch):
            raise
    finally:
        alarm.leave(watch)
    raise TimeoutError


async def hang() -> None:
    """Never end."""
    await asyncio.Event().wait()


async def test_each_ends_in_its_own_time(alarm: Alarm, time: Time) -> None:
    """However their times lie to one another, each is ended at its own and not before."""
    seconds = [3.0, 1.0, 2.0, 1.0, 7.0]
    tasks = [asyncio.create_task(within(alarm, each, hang)) for each in seconds]
    await settle()
    ended: list[tuple[int, ...]] = []
    for _ in range(8):
        ended.append(tuple(n for n, task in enumerate(tasks) if task.done()))
        time.pass_by(1.0)
        await settle()

    assert ended == [(), (1, 3), (1, 2, 3), (0, 1, 2, 3)] + 3 * [(0, 1, 2, 3)] + [(0, 1, 2, 3, 4)]
    assert all(isinstance(task.exception(), TimeoutError) for task in tasks)


async def test_a_timer_that_fires_too_early_ends_nobody(alarm: Alarm, time: Time) -> None:
    """It is set anew for what is left, unless that is less than a timer can tell."""
    time.early = 0.01
    task = asyncio.create_task(within(alarm, 1.0, hang))
    await settle()
    time.pass_by(0.995)
    await settle()
    assert (task.done(), len(time.timers)) == (False, 1)
    time.early = 0.0009
    time.timers[0].callback()
    time.pass_by(0.1)
    await settle()
    assert isinstance(task.exception(), TimeoutError)


async def test_calls_in_a_row_set_one_timer(alarm: Alarm, time: Time) -> None:
    """A hundred calls of three seconds, a tenth of a second each, need four or less."""
    for _ in range(100):
        alarm.leave(alarm.watch(3.0))
        time.pass_by(0.1)
    assert len(time.timers) <= 4


async def test_without_calls_no_timer_stays_for_long(alarm: Alarm, time: Time) -> None:
    """The last call's fires once, ends nothing, and is not set anew."""
    alarm.leave(alarm.watch(3.0))
    time.pass_by(4.0)
    assert time.running() == []


async def test_who_cancels_as_well_is_not_taken_for_the_alarm(alarm: Alarm, time: Time) -> None:
    """A caller that leaves as the time is up has left: its cancellation goes through."""
    task = asyncio.create_task(within(alarm, 1.0, hang))
    await settle()
    time.pass_by(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_of_no_loop_is_refused() -> None:
    """Where no task runs there is nothing that could be cancelled."""
    refused: list[BaseException] = []

    def outside() -> None:
        try:
            Alarm().watch(1.0)
        except RuntimeError as error:
            refused.append(error)

    asyncio.get_running_loop().call_soon(outside)
    await settle()
    assert len(refused) == 1


def test_it_moves_with_its_owner_to_another_loop() -> None:
    """The timer of a loop that has ended is not relied upon in the next."""
    alarm = Alarm()

    async def in_time() -> None:
        alarm.leave(alarm.watch(0.001))

    async def late() -> None:
        task = asyncio.create_task(within(alarm, 0.002, hang))
        await asyncio.wait([task], timeout=5.0)
        assert isinstance(task.exception(), TimeoutError)

    asyncio.run(in_time())
    asyncio.run(late())


async def test_who_has_left_is_held_by_nobody(alarm: Alarm, time: Time) -> None:
    """Neither the task nor its context waits for the timer, nor for the collector of cycles."""

    class Thing:
        """Something in a request's context."""

    async def work() -> weakref.ref[Thing]:
        thing = Thing()
        _mine.set(thing)
        await within(alarm, 9.0, lambda: asyncio.sleep(0))
        return weakref.ref(thing)

    gc.collect()
    gc.disable()
    try:
        task = asyncio.create_task(work(), context=copy_context())
        left = await task
        kept = weakref.ref(task)
        del task
        await settle()
        assert (left(), kept(), len(time.running())) == (None, None, 1)
    finally:
        gc.enable()


Expire = Callable[[], None]
"""Lets the time of a bound be up with the next turn of the loop."""


async def _asyncios(bounds: list[Expire], work: Callable[[], Awaitable[Any]]) -> None:
    """Do the work under asyncio's own time-out."""
    async with asyncio.timeout(1000.0) as bound:
        bounds.append(lambda: None if bound.expired() else bound.reschedule(0.0))
        try:
            await work()
        finally:
            bounds.pop()


async def _ours(bounds: list[Expire], work: Callable[[], Awaitable[Any]]) -> None:
    """Do the work under an alarm."""
    alarm, loop = Alarm(), asyncio.get_running_loop()

    def expire() -> None:
        for watch in alarm._watched:
            watch.ends = 0.0
        loop.call_soon(alarm._ring)

    async def bounded() -> None:
        bounds.append(expire)
        try:
            await work()
        finally:
            bounds.pop()

    await within(alarm, 1000.0, bounded)


class Story:
    """Bounds within bounds that are late, cancelled, swallow it and fail, as the dice say."""

    def __init__(self, seed: int, bound: Any) -> None:
        self.told: list[str] = []
        self._bound = bound
        self._bounds: list[Expire] = []
        self._dice = Random(seed)  # noqa: S311  a test's dice

    async def _level(self, depth: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        dice = self._dice
        for _ in range(dice.randrange(1, 4)):
            try:
                for _ in range(dice.randrange(3)):
                    if self._bounds and dice.random() < 0.3:
                        dice.choice(self._bounds)()
                    if dice.random() < 0.1:
                        task.cancel()
                    await asyncio.sleep(0)
                if depth:
                    await self._bound(self._bounds, lambda: self._level(depth - 1))
                await asyncio.sleep(0)
            except (asyncio.CancelledError, TimeoutError) as error:
                self.told.append(f"{depth}: {type(error).__name__} {task.cancelling()}")
                if dice.random() < 0.5:
                    raise
        if dice.random() < 0.1:
            raise ValueError

    async def run(self) -> list[str]:
        """Return what was raised where, and how many cancellations were left to answer."""
        task = asyncio.create_task(self._level(3))
        for turns in range(1000):
            if self._dice.random() < 0.05:
                task.cancel()
            await asyncio.sleep(0)
            if task.done():
                self.told.append(f"{turns} turns")
                break
        (result,) = await asyncio.gather(task, return_exceptions=True)
        return [*self.told, repr(result), str(task.cancelling())]


async def test_it_means_what_asyncios_timeout_means() -> None:
    """Nested, cancelled from outside, swallowed or failed meanwhile: errors and counts agree."""
    late = 0
    for seed in range(500):
        theirs = await Story(seed, _asyncios).run()
        assert await Story(seed, _ours).run() == theirs
        late += any("TimeoutError" in each for each in theirs)
    assert late > 50
