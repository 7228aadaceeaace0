"""The gates in front of a whole upstream: a pace, and a quota told by headers.

Both are kept by the sandbox and not by the simulators, because they are rehearsed against any
upstream, whatever its vendor publishes.
Invariant: a refused call costs nothing; only what passes moves the pace and spends the quota.
"""

import math
from collections.abc import Callable

from casegraph.sandbox.fault_answers import Header
from casegraph.sandbox.fault_kinds import Pace, Quota

Clock = Callable[[], float]
"""Seconds; monotonic where waits are measured, Unix time where dates are told."""


class PaceGate:
    """A pace being kept: calls evenly apart, with the plan's burst."""

    def __init__(self, pace: Pace, monotonic: Clock) -> None:
        self.plan = pace
        self._monotonic = monotonic
        self._each = pace.interval_ms / 1000
        self._booked_until = -math.inf

    def admit(self) -> float:
        """Return the seconds until this call's turn, which is booked unless it is to be refused."""
        now = self._monotonic()
        booked_until = max(self._booked_until, now)
        wait = max(0.0, booked_until - now - self._each * (self.plan.burst - 1))
        if not wait or self.plan.excess == "queue":
            self._booked_until = booked_until + self._each
        return wait


class QuotaGate:
    """A quota being counted down; the window begins with its first call."""

    def __init__(self, quota: Quota, monotonic: Clock, wall: Clock) -> None:
        self.plan = quota
        self._monotonic = monotonic
        self._wall = wall
        self._remaining = quota.limit
        self._ends = -math.inf

    def take(self) -> float | None:
        """Return None when the call passes, else the seconds until the quota is whole again."""
        now = self._monotonic()
        if now >= self._ends:
            self._ends = now + self.plan.window_ms / 1000
            self._remaining = self.plan.limit
        if self._remaining > 0:
            self._remaining -= 1
            return None
        return self._ends - now

    def headers(self) -> tuple[Header, ...]:
        """Return the three headers as they stand after the last call."""
        left = max(0.0, self._ends - self._monotonic())
        reset = math.ceil(left if self.plan.reset_as == "seconds" else self._wall() + left)
        told = {"limit": self.plan.limit, "remaining": self._remaining, "reset": reset}
        return tuple(
            (f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in told.items()
        )
