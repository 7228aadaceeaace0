"""Nobody asks an upstream before it wants to be asked: its own pace, its Retry-After, its quota.

Shared by all requests of the process. What an answer says about the next one is remembered as "not
before" and holds for every caller, of other processes too where they can be told. A call that could
not be made in the time it has is refused before it is spent, because a place taken for nothing is
taken from somebody who could use it.
Invariants: between a Retry-After and its moment at most the calls already on the wire arrive; no
call goes without a place of the pace that it got after the last pause.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random

from casegraph.errors import DeadlineExceeded, RateLimited
from casegraph.transport.calls import Call, Reply, Send
from casegraph.transport.pace import LocalPace, Pace
from casegraph.transport.pause import OwnPause, Pause
from casegraph.transport.retry_after import quota_pause, retry_after_seconds

__all__ = ["RateGate", "quota_pause", "retry_after_seconds"]

LONGEST_WAIT_SECONDS = 2.0
"""Longest pause that an upstream asked for and a request waits out (reliability §3)."""
LONGEST_MEMORY_SECONDS = 60.0
"""Longest time that a pause is remembered; a vendor's slip must not stop us for a day."""
UNNAMED_PAUSE_SECONDS = 1.0
"""Pause after a 429 that names none or an unreadable one: the throttled base (reliability §3)."""
JITTER = 0.1
"""A pause is stretched by up to this share, so that not all processes come back at once."""
_LONGEST_WAIT_STRETCHED = LONGEST_WAIT_SECONDS * (1 + JITTER) + 0.001
"""The jitter is ours: it must not make a pause too long that as asked was not."""
NEEDED_SECONDS = 0.05
"""Time that must be left for the call itself after the wait."""
_TOO_MANY = 429
_THROTTLED = frozenset({_TOO_MANY, 503})


class RateGate:
    """Lets calls through at the upstream's pace and outside the pauses it asked for."""

    def __init__(
        self,
        inner: Send,
        pace: Pace,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        others: Pause | None = None,
        on_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._inner = inner
        self._pace = pace
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._sleep = sleep
        self._others = others or OwnPause()
        self._is_alone = others is None
        self._is_open = others is None and isinstance(pace, LocalPace) and pace.is_none
        """Whether a pause that this process was asked for is all that a call can have to wait for.
        Then it passes for 0.8 µs in place of 2.2, by fewer coroutines and looks at the clock."""
        self._on_wait = on_wait
        self._not_before = float("-inf")

    async def __call__(self, call: Call) -> Reply:
        """Send the call at its time; raises RateLimited when that comes too late."""
        now = self._clock()
        spare = call.deadline - now - NEEDED_SECONDS
        if self._is_open and now >= self._not_before and spare >= 0:
            self._on_wait(0.0)
        else:
            await self._wait(call)
        reply = await self._inner(call)
        self._learn(reply)
        return reply

    async def _wait(self, call: Call) -> None:
        """Wait for the call's time, and tell for how long."""
        came = self._clock()
        if not self._is_alone:
            await self._ask_others()
        while True:
            if self._clock() < self._not_before:
                await self._wait_for_pause(call)
            await self._wait_for_pace(call)
            if not self._is_alone:
                await self._ask_others()
            # While it waited for its place another answer may have asked for a pause. Then it needs
            # a new place: the old ones would all be used at once when the pause ends.
            if self._clock() >= self._not_before:
                break
        self._on_wait(self._clock() - came)

    @property
    def hold(self) -> float:
        """What is left of the pause that the upstream asked for, in seconds."""
        return max(0.0, self._not_before - self._clock())

    async def _wait_for_pause(self, call: Call) -> None:
        while (wait := self._not_before - self._clock()) > 0:
            if wait > min(_LONGEST_WAIT_STRETCHED, self._spare(call)):
                raise _refusal(call, "a pause was asked for", wait)
            await self._sleep(wait)

    async def _wait_for_pace(self, call: Call) -> None:
        spare = self._spare(call)
        if spare < 0:
            what = "no time was left to ask"
            raise DeadlineExceeded(call.upstream, call.operation, what, sent=False)
        place = await self._pace.reserve(spare)
        if not place.granted:
            raise _refusal(call, "its pace leaves no place in time", place.wait)
        if place.wait > 0:
            await self._sleep(place.wait)

    def _spare(self, call: Call) -> float:
        return call.deadline - self._clock() - NEEDED_SECONDS

    def _learn(self, reply: Reply) -> None:
        """Remember what an answer says about the next call."""
        pause = quota_pause(reply.headers, self._wall_clock) or 0.0
        if reply.status in _THROTTLED:
            asked = retry_after_seconds(reply.headers, self._wall_clock)
            if asked is None:
                asked = UNNAMED_PAUSE_SECONDS if reply.status == _TOO_MANY else 0.0
            pause = max(pause, asked)
        if pause:
            pause = min(pause, LONGEST_MEMORY_SECONDS)
            self._pause_for(pause)
            # Told as it was asked: each process stretches it by dice of its own.
            self._others.hold(pause)

    async def _ask_others(self) -> None:
        left = await self._others.left()
        # One that ends before ours does is the same one, told by us or by who told us.
        if left > 0 and self._clock() + left > self._not_before:
            self._pause_for(min(left, LONGEST_MEMORY_SECONDS))

    def _pause_for(self, seconds: float) -> None:
        stretched = seconds * (1 + self._random.uniform(0, JITTER))
        self._not_before = max(self._not_before, self._clock() + stretched)


def _refusal(call: Call, what: str, wait: float) -> RateLimited:
    return RateLimited(call.upstream, call.operation, what, int(wait * 1000) + 1, sent=False)
