"""How a feed's upstream is read: whole lists page by page, what has changed, and counts.

One reading knows one upstream's list and its ways to move while it is read; everything above works
on any of them. A pass makes one call a step, so that whoever fills can stop between two steps, and
a step that failed is simply taken again.
Invariant: a step that raises has changed nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol

from casegraph.errors import DeadlineExceeded
from casegraph.loading.feeds.bounds import Row, UnfitError
from casegraph.loading.feeds.index import Facts
from casegraph.loading.freshness import Kind
from casegraph.upstreams.decode import Shape


@dataclass(slots=True)
class Pass(Generic[Row]):
    """What one way through a list has brought so far.

    `watermark` is the latest time up to which everything that the list then held has been seen; it
    is the upstream's own time, before any overlap. `total` is what the list held when it began.
    `is_snapshot` says that one answer held all there was, so nothing can have moved meanwhile.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    watermark: datetime | None = None
    total: int | None = None
    calls_left: int | None = None
    is_snapshot: bool = False
    began_at: float | None = None


class Walk(Protocol[Row]):
    """One way through a list, taken step by step."""

    seen: Pass[Row]

    async def step(self) -> bool:
        """Make one call; returns False when it was the last one.

        Raises UpstreamError, or UnfitError where the answers cannot carry a feed.
        """


class Reading(Protocol[Row]):
    """One list of one upstream."""

    upstream: str
    operation: str
    kind: Kind
    page_size: int
    shape: Shape[Row]
    is_configured: bool
    may_be_cut: bool

    def whole(self, start: datetime | None) -> Walk[Row]:
        """Return a walk through all rows changed since `start`, None for all there are."""

    def changes(self, since: datetime | None) -> Walk[Row]:
        """Return a walk through all rows changed since a moment, which is meant to be recent."""

    async def count(self, start: datetime | None) -> int:
        """Return how many rows have changed since `start`; one call."""

    async def narrowed(self, most: int) -> datetime | None:
        """Return an early start from which the list has no more than `most` rows.

        None where a list of this kind cannot be cut, or none is short enough.
        """

    def facts(self, row: Row) -> Facts:
        """Return what a feed must know of a row; raises UnfitError where it cannot be told."""

    def stamp(self, row: Row) -> Row:
        """Give a row that comes from a store what is not among its encoded fields."""


Wall = Callable[[], float]
"""Seconds since 1970."""

UNFIT_SECONDS = 600.0
"""For so long an upstream whose answers do not add up is asked directly; then it is tried again."""
_FEW_STEPS = 2
"""A refresh that runs out of time later than that is a fill, which has all the time there is."""


async def walked(walk: Walk[Any]) -> None:
    """Walk through changes; raises UnfitError where they are too many for the time of a refresh."""
    steps = 1
    try:
        while await walk.step():
            steps += 1
    except DeadlineExceeded:
        if steps > _FEW_STEPS:
            raise UnfitError("too much has changed at once", 0.0) from None
        raise


def not_in_future(times: Iterable[datetime], now: datetime) -> datetime | None:
    """Return the latest of these times that is not after now.

    A row dated tomorrow must not hide what is changed today. It stays among the changes that each
    refresh reads, until its time has come.
    """
    return max((time for time in times if time <= now), default=None)
