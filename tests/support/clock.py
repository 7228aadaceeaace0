"""Clocks and dice that only the test moves, so that no test of time takes any or guesses.

`Clock` suits one caller: who sleeps on it moves it. `WaitingClock` suits many at once: sleepers
wait until the test lets time pass, and wake in the order of their moments.
Invariant: neither ever goes back.
"""

import asyncio
import heapq
from datetime import UTC, datetime
from itertools import count
from random import Random

SETTLING_TURNS = 20
"""Turns of the event loop in which everybody who can go on has gone on until the next wait."""


class Clock:
    """A clock whose `sleep` advances it; `slept` are the sleeps asked for."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now

    def wall(self) -> datetime:
        """Return the time of day: it moves with the clock, from 2026-01-01 12:00 UTC at 1000."""
        noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(noon + self.now - 1000.0, UTC)

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, and others go on."""
        self.slept.append(seconds)
        self.now += max(seconds, 0.0)
        await asyncio.sleep(0)


class WaitingClock(Clock):
    """A clock on which many sleep until the test lets time pass."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__(now)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has let so much time pass."""
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(seconds, 0.0), next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass, stopping at the moment of every sleeper on the way."""
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            self.now = max(self.now, moment)
            if not woken.done():
                woken.set_result(None)
            await settle()
        self.now = end


async def settle() -> None:
    """Let every other task run until it waits."""
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)


class FixedDice(Random):
    """Dice that always roll the same share of what they may; `bounds` are the rolls asked for."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__(1)
        self.share = share
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        """Return the share, and note the bounds."""
        self.bounds.append((a, b))
        return a + (b - a) * self.share
