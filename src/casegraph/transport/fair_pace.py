"""Every second place of a pace for work behind the answers, for as long as there is such work.

Places go to whoever asks first, and a request asks for many at once: a page of twenty cases takes
ten seconds of a pace of two a second. What reads ahead asks for one at a time, so it would get one
between two requests, and the index that would end the rush would never be ready (measured: at two
calls a second under steady demand a fill of 46 calls had not ended after a minute; now it ends).
So each place given to a request that has to wait for it sets the next one aside.
Invariant: no place is given out that the pace itself did not give; one set aside and not taken in
time is lost, never made up for.
"""

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

from casegraph.transport.pace import Pace, Reservation

behind_answers: ContextVar[bool] = ContextVar("behind_answers", default=False)
"""Set by work that no request waits for."""

IDLE_SECONDS = 5.0
"""So long after its last call such work is taken to go on: a call that hangs lasts three."""


class FairPace:
    """A pace with two lanes."""

    def __init__(self, inner: Pace, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock
        self._set_aside: deque[float] = deque()
        self._active_until = float("-inf")

    @property
    def backlog(self) -> float:
        """How far ahead of the clock the places given so far reach, in seconds."""
        return self._inner.backlog

    async def reserve(self, longest: float) -> Reservation:
        """Reserve the next place of the caller's lane if it comes within `longest` seconds."""
        if behind_answers.get():
            return await self._reserve_behind(longest)
        place = await self._inner.reserve(longest)
        if place.granted and place.wait > 0 and self._clock() < self._active_until:
            await self._set_next_aside(longest)
        return place

    async def _reserve_behind(self, longest: float) -> Reservation:
        now = self._clock()
        while self._set_aside and self._set_aside[0] < now:
            self._set_aside.popleft()
        if self._set_aside and self._set_aside[0] - now <= longest:
            place = Reservation(self._set_aside.popleft() - now, granted=True)
        else:
            place = await self._inner.reserve(longest)
        self._active_until = now + place.wait + IDLE_SECONDS
        return place

    async def _set_next_aside(self, longest: float) -> None:
        place = await self._inner.reserve(longest)
        if place.granted:
            self._set_aside.append(self._clock() + place.wait)
