"""What this process has seen of its upstreams, as far as a plan is better for knowing it.

How long calls take, how many rows a list has, how many cases are rated, and at which rank of a
hub's cases an id was found. Nothing here is data of a customer, and nothing is relied upon: a wrong
figure costs calls, never a right answer. Totals, shares and ranks stand under tenant and identity,
for they follow from what one may see; latencies are the upstream's, whoever asks.
Invariant: bounded; scopes never mix; what is old is forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic
from typing import TypeVar

from casegraph.loading.access.cost import GUESSED_LATENCY

T = TypeVar("T")

WEIGHT = 0.2
"""Of the newest latency against all before: about the last ten calls count."""
LATENCY_KEPT_SECONDS = 30.0
"""Without a new call its latency is a guess again: a way that was slow once would never be taken,
and so never be measured, again. Between a breaker's shortest and longest pause, 5 and 60 s."""
KEPT_SECONDS = 300.0
"""A figure older than that is no figure: as long as look-ups are kept."""
FIGURES_MAX = 2_000
"""Totals, shares and rank tables kept at most; the least recently written goes first."""
ANCHORS_MAX = 500
"""Ranks kept for one hub; two for each page of 25,000 cases."""

Parts = tuple[str, ...]
"""The scope's parts and what within it the figure is about."""

_NEVER_TOOK = (GUESSED_LATENCY, float("-inf"))
"""What is known of a call that nobody has made: a guess, and no moment at which it was true."""


class Learned:
    """The figures of one process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._latencies: dict[tuple[str, str], tuple[float, float]] = {}
        self._totals: OrderedDict[Parts, tuple[int, float]] = OrderedDict()
        self._shares: OrderedDict[Parts, tuple[float, float]] = OrderedDict()
        self._ranks: OrderedDict[Parts, tuple[list[tuple[int, int]], float]] = OrderedDict()

    def took(self, upstream: str, operation: str, seconds: float) -> None:
        """Learn how long one attempt on the wire took, waits in front of it left out."""
        before, at = self._latencies.get((upstream, operation), _NEVER_TOOK)
        now = self._clock()
        is_recent = now - at <= LATENCY_KEPT_SECONDS
        smoothed = before + WEIGHT * (seconds - before) if is_recent else seconds
        self._latencies[upstream, operation] = (smoothed, now)

    def latency(self, upstream: str, operation: str) -> float:
        """Return how long such a call takes; a guess before the first and long after the last."""
        seconds, at = self._latencies.get((upstream, operation), _NEVER_TOOK)
        return seconds if self._clock() - at <= LATENCY_KEPT_SECONDS else GUESSED_LATENCY

    def counted(self, parts: Parts, total: int | None) -> None:
        """Learn how many rows there are of something; None teaches nothing."""
        if total is not None:
            _put(self._totals, parts, (total, self._clock()))

    def total(self, parts: Parts) -> int | None:
        """Return how many rows there were of something, while that is recent."""
        found = self._totals.get(parts)
        return found[0] if found is not None and self._is_recent(found[1]) else None

    def totals_under(self, parts: Parts) -> dict[str, int]:
        """Return the totals that stand right under these parts, by their last part."""
        found = [key for key in self._totals if key[:-1] == parts]
        totals = ((key[-1], self.total(key)) for key in found)
        return {last: total for last, total in totals if total is not None}

    def total_below(self, parts: Parts) -> int | None:
        """Return the sum of the totals whose parts begin so; None where there is none."""
        length = len(parts)
        found = [key for key in self._totals if key[:length] == parts and len(key) > length]
        totals = [total for total in map(self.total, found) if total is not None]
        return sum(totals) if totals else None

    def shared(self, parts: Parts, having: int, asked: int) -> None:
        """Learn how many of the keys asked had any rows."""
        if asked <= 0:
            return
        new = having / asked
        before = self._shares.get(parts)
        if before is not None and self._is_recent(before[1]):
            # A batch of a hundred tells more than one key does.
            weight = asked / (asked + 20)
            new = before[0] + weight * (new - before[0])
        _put(self._shares, parts, (new, self._clock()))

    def share(self, parts: Parts) -> float | None:
        """Return the share of keys that have rows, while that is recent."""
        found = self._shares.get(parts)
        return found[0] if found is not None and self._is_recent(found[1]) else None

    def ranked(self, parts: Parts, found: Iterable[tuple[int, int]]) -> None:
        """Learn at which rank (from 0) ids stand in the list by id."""
        anchors = dict(self.anchors(parts))
        anchors.update(found)
        ordered = _rising(sorted(anchors.items()))
        while len(ordered) > ANCHORS_MAX:
            ordered = ordered[::2]
        _put(self._ranks, parts, (ordered, self._clock()))

    def anchors(self, parts: Parts) -> list[tuple[int, int]]:
        """Return known (id, rank) pairs, rising in both, while they are recent."""
        found = self._ranks.get(parts)
        return found[0] if found is not None and self._is_recent(found[1]) else []

    def _is_recent(self, at: float) -> bool:
        return self._clock() - at <= KEPT_SECONDS


def _rising(anchors: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Drop what contradicts its neighbours: cases were deleted since."""
    kept: list[tuple[int, int]] = []
    for number, rank in anchors:
        if kept and not 0 < rank - kept[-1][1] <= number - kept[-1][0]:
            continue
        kept.append((number, rank))
    return kept


def _put(table: OrderedDict[Parts, T], parts: Parts, value: T) -> None:
    table[parts] = value
    table.move_to_end(parts)
    while len(table) > FIGURES_MAX:
        table.popitem(last=False)
