"""How fast an upstream can be asked just now, as numbers that a plan can be reckoned with.

The model is the one of `transport/pace.py` and of the bulkhead: places at an even interval, some of
them at once, and no more calls at the same time than there are slots.
Invariant: pure; an estimate, which the rate gate itself never sees.
"""

from math import ceil, floor

from msgspec import Struct


class Lane(Struct, frozen=True, gc=False):
    """The way to one upstream; all times in seconds, from now."""

    concurrency: int = 8
    """Calls at the same time."""
    interval: float = 0.0
    """Between two places of the pace; 0 where there is no pace."""
    ahead: float = 0.0
    """How far places may be given ahead of the even pace: interval * (burst - 1)."""
    backlog: float = 0.0
    """How far ahead of now the places given so far reach."""
    hold: float = 0.0
    """What is left of a pause that the upstream asked for."""

    def wait(self, nth: int) -> float:
        """Return when the nth further call may go, the first being 1."""
        return max(self.hold, self.backlog + (nth - 1) * self.interval - self.ahead, 0.0)

    def seconds(self, calls: int, latency: float) -> float:
        """Return how long so many calls of this latency take together; none takes no time."""
        if calls <= 0:
            return 0.0
        rounds = ceil(calls / self.concurrency)
        return max(self.wait(calls) + latency, self.hold + rounds * latency)

    def in_turn(self, calls: int, latency: float) -> float:
        """Return how long so many calls take when each waits for the one before."""
        if calls <= 0:
            return 0.0
        return max(self.wait(calls) + latency, self.hold + calls * latency)

    def calls_within(self, seconds: float, latency: float) -> int | None:
        """Return how many calls can be answered in so much time; None for no bound worth naming."""
        if seconds == float("inf"):
            return None
        spare = seconds - self.hold - latency
        if spare < 0:
            return 0
        by_slots = self.concurrency * floor((seconds - self.hold) / latency) if latency else None
        if not self.interval:
            return by_slots
        by_pace = floor((seconds - latency - self.backlog + self.ahead) / self.interval) + 1
        return max(0, by_pace if by_slots is None else min(by_pace, by_slots))
