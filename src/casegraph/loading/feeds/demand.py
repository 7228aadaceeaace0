"""How often a feed is needed, and how often another way was taken in its place.

Both make a choice among ways truer. A refresh is one call for all who need the feed while it is
under way, so its price is parted among them; asked each for itself, none of them would begin it.
And a way that was slow once is not taken, so nobody would see that it is quick again: now and then
it is tried behind an answer, where nobody waits for it.
Invariant: trying costs at most one call for each ten that are made in its place.
"""

from collections.abc import Callable

PASSED_OVER = 10
"""Choices of another way for which the feed is tried once: a tenth of a call for each."""
_WEIGHT = 0.2
"""Of the newest gap against all before: about the last ten count."""
_LONGEST_GAP = 1.0
"""Seconds between two needs from which on none shares a refresh with another, and no matter."""
_SHORTEST_GAP = 1e-4


class Demand:
    """The needs of one feed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds that never goes back."""
        self._clock = clock
        self._gap = _LONGEST_GAP
        self._last = float("-inf")
        self._passed_over = 0

    def needed(self) -> None:
        """Take note that a request needs the feed."""
        now = self._clock()
        gap = min(now - self._last, _LONGEST_GAP)
        self._gap += _WEIGHT * (gap - self._gap)
        self._last = now

    def per_second(self) -> float:
        """Return how many requests have needed it lately, in a second."""
        idle = self._clock() - self._last
        return 1 / max(self._gap, idle, _SHORTEST_GAP)

    def is_to_be_tried(self) -> bool:
        """Take note that another way was taken; return whether it is time to try the feed."""
        self._passed_over = (self._passed_over + 1) % PASSED_OVER
        return not self._passed_over
