"""How often an upstream may be asked: a steady rate with a burst, reserved before it is spent.

The generic cell rate algorithm: one moment is remembered, at which the next call would be exactly
on time. A reservation that would have to wait longer than the caller can is refused and costs
nothing.
Invariant: over any time t at most burst + rate * t calls are let through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class PaceConfig:
    """Calls a second and how many may come at once; rate 0 is no pace."""

    per_second: float = 0.0
    burst: int = 1


class Reservation(Struct, frozen=True, gc=False):
    """When the call may be made, from now, in seconds; refused when that is too late."""

    wait: float
    granted: bool


_AT_ONCE = Reservation(0.0, granted=True)


class Pace(Protocol):
    """Hands out places in time."""

    @property
    def backlog(self) -> float:
        """How far ahead of the clock the places given so far reach, in seconds."""

    async def reserve(self, longest: float) -> Reservation:
        """Reserve the next place if it comes within `longest` seconds."""


class LocalPace:
    """The pace of one process."""

    def __init__(self, config: PaceConfig, clock: Callable[[], float]) -> None:
        self._interval = 1 / config.per_second if config.per_second > 0 else 0.0
        self._ahead = self._interval * (max(config.burst, 1) - 1)
        self._clock = clock
        self._on_time = float("-inf")

    @property
    def is_none(self) -> bool:
        """Whether every call may be made at once, however many there are."""
        return not self._interval

    async def reserve(self, longest: float) -> Reservation:
        """Reserve the next place if it comes within `longest` seconds."""
        return self.reserve_now(longest)

    def reserve_now(self, longest: float) -> Reservation:
        """Reserve without awaiting: nothing here waits."""
        if not self._interval:
            return _AT_ONCE
        now = self._clock()
        on_time = max(self._on_time, now)
        wait = max(0.0, on_time - self._ahead - now)
        if wait > longest:
            return Reservation(wait, granted=False)
        self._on_time = on_time + self._interval
        return Reservation(wait, granted=True)

    @property
    def backlog(self) -> float:
        """How far ahead of the clock the places given so far reach, in seconds."""
        return max(0.0, self._on_time - self._clock()) if self._interval else 0.0

    def spend(self, wait: float) -> None:
        """Count a place that somebody else has given out, `wait` seconds from now."""
        self._on_time = max(self._on_time, self._clock() + wait) + self._interval
