"""How often a feed is needed, and how often another way was taken in its place.

Both make a choice among ways truer. A refresh is one call for all who need the feed while it is
under way, so its price is parted among them; asked each for itself, none of them would begin it.
And a way that was slow once is not taken, so nobody would see that it is quick again: now and then
it is tried behind an answer, where nobody waits for it.
Invariant: a feed is tried once for ten choices of another way, and less often while that fails.
"""

from collections.abc import Callable

PASSED_OVER = 10
"""Choices of another way for which the feed is tried once: a tenth of a call for each."""
PASSED_OVER_MAX = 640
"""The same after some failures, each of which doubles it."""
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
        self._tried_after = PASSED_OVER

    def needed(self) -> None:
        """Take note that a request needs the feed."""
        now = self._clock()
        gap = min(now - self._last, _LONGEST_GAP)
        self._gap += _WEIGHT * (gap - self._gap)
        self._last = now

    def per_second(self) -> float:
        """Return how many requests have needed it lately, in a second; 0 for less than one."""
        gap = max(self._gap, self._clock() - self._last, _SHORTEST_GAP)
        return 1 / gap if gap < _LONGEST_GAP else 0.0

    def is_to_be_tried(self) -> bool:
        """Take note that another way was taken; return whether it is time to try the feed."""
        self._passed_over += 1
        if self._passed_over < self._tried_after:
            return False
        self._passed_over = 0
        return True

    def was_tried(self, *, went_well: bool) -> None:
        """Take note of how a try has ended."""
        longer = min(2 * self._tried_after, PASSED_OVER_MAX)
        self._tried_after = PASSED_OVER if went_well else longer
