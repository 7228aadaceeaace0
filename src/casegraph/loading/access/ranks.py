"""Where ids stand in a list sorted by id, and which pages of it to read for some of them.

Rank is monotone in id, and two ids lie at least as far apart as their ranks, so every rank that is
known bounds all others; a page of a hundred neighbours settles every wanted id within its range.
Invariant: pure; a bound is only used to choose a page, never to say that an id is missing.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

from casegraph.upstreams.action_management.client import CASE_PAGE_MAX

PAGE = CASE_PAGE_MAX
"""Rows of one page."""

Anchors = Sequence[tuple[int, int]]
"""Known (id, rank) pairs, rising in both; ranks count from 0."""

PROBES = 2
"""Pages that it takes to find where ids stand of which nothing is known: one in the middle, and one
where the ids of that page point to."""


def rank_bounds(anchors: Anchors, wanted: int, total: int) -> tuple[int, int]:
    """Return between which ranks an id stands or would stand, both inclusive."""
    low, high = 0, max(total - 1, 0)
    at = bisect_left(anchors, (wanted, -1))
    if at < len(anchors):
        above, rank = anchors[at]
        low, high = max(low, rank - (above - wanted)), min(high, rank)
    if at > 0:
        below, rank = anchors[at - 1]
        low, high = max(low, rank), min(high, rank + (wanted - below))
    return min(low, high), max(low, high)


def all_pages(total: int) -> int:
    """Return how many pages the whole list has."""
    return ceil(total / PAGE)


def pages_needed(anchors: Anchors, wanted: Sequence[int], total: int) -> int:
    """Return about how many pages settle the wanted ids (sorted), at most the whole list."""
    sure, unsure = 0, list[int]()
    end = -1
    for number in wanted:
        low, high = rank_bounds(anchors, number, total)
        if high - low >= PAGE:
            unsure.append(number)
        elif high > end:
            sure, end = sure + 1, low + PAGE - 1
    guessed = 0
    last = float("-inf")
    for number in unsure:
        if number > last:
            guessed, last = guessed + 1, number + PAGE - 1
    probes = PROBES if unsure else 0
    return min(sure + guessed + probes, all_pages(total))


def next_skip(anchors: Anchors, wanted: Sequence[int], total: int) -> int:
    """Return the row at which to read next: one page on which a wanted id is sure, or a probe."""
    bounds = [(rank_bounds(anchors, number, total), number) for number in wanted]
    for (low, high), _ in bounds:
        if high - low < PAGE:
            return low
    (low, high), number = min(bounds, key=lambda each: each[0][1] - each[0][0])
    # A whole page within the bounds: what lies past them tells nothing of this id.
    return max(low, min(_guess(anchors, number, low, high) - PAGE // 2, high - PAGE + 1))


def _guess(anchors: Anchors, wanted: int, low: int, high: int) -> int:
    """Return the likeliest rank within bounds: on the line through the two nearest, or halfway.

    With all anchors on one side the line is drawn on past them.
    """
    if len(anchors) < 2:  # noqa: PLR2004 - a line has two points
        return (low + high) // 2
    at = min(max(bisect_left(anchors, (wanted, -1)), 1), len(anchors) - 1)
    (below, first), (above, last) = anchors[at - 1], anchors[at]
    guess = first + (last - first) * (wanted - below) // (above - below)
    return min(max(guess, low), high)
