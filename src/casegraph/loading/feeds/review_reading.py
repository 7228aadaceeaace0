"""The entries of the reviews system as a feed reads them (contract §1.3, §1.9; reliability §4 G).

The vendor documents pages and bounds by the time of the last change, but no order. So the whole is
read up to a fixed moment and from the last page to the first: whatever the order is, rows can only
leave such a list, hence only move towards the first page, which is still to be read. Changes are an
open list; one that does not fit on a page is read until two passes have seen the same.
Invariants: bounds are whole seconds, rounded so that too much is asked; a vendor that ignores a
bound is found out by the rows it sends.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from casegraph.linking.identity import normalise
from casegraph.loading.feeds.bounds import UnfitError
from casegraph.loading.feeds.index import Facts
from casegraph.loading.feeds.reading import UNFIT_SECONDS, Pass, Wall, not_in_future
from casegraph.loading.freshness import Kind
from casegraph.loading.sources import Sources
from casegraph.upstreams.case_reviews.client import PAGE_SIZE, Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.decode import Shape

_SECOND = timedelta(seconds=1)
_SETTLED = timedelta(seconds=5)
"""The whole ends so long before now: what comes later is read as changes."""
MOST_PASSES = 4
"""Passes over changes that do not hold still; then they are not worth it."""
MOST_PAGES = 20
"""Pages of one pass over changes; beyond it reading the whole anew is no worse."""


class ReviewReading:
    """All review entries of the tenant."""

    upstream = "case_reviews"
    operation = "reviews"
    kind = Kind.REVIEWS
    shape = Shape[ReviewEntry](ReviewEntry)
    may_be_cut = False

    def __init__(self, sources: Sources, wall: Wall, page_size: int = PAGE_SIZE) -> None:
        self._sources = sources
        self._wall = wall
        self.page_size = page_size
        self.is_configured = sources.case_reviews_or_none is not None

    def whole(self, start: datetime | None) -> "WholeWalk":
        """Return a walk through all entries changed from `start` until a moment ago."""
        return WholeWalk(self, start)

    def changes(self, since: datetime | None) -> "ChangesWalk":
        """Return a walk through the entries changed since a moment."""
        return ChangesWalk(self, since)

    async def count(self, start: datetime | None) -> int:
        """Return how many entries have changed since `start`; one call."""
        return await self.count_within(start, None)

    async def count_within(self, start: datetime | None, end: datetime | None) -> int:
        """Return how many entries were changed within these bounds; one call."""
        return await self._sources.case_reviews.reviews_count(bounds(start, end))

    async def page(self, start: datetime | None, end: datetime | None, number: int) -> ReviewPage:
        """Return one page, checked against its bounds; raises UnfitError."""
        page = await self._sources.case_reviews.reviews(bounds(start, end), number)
        for entry in page.entries:
            time = changed_at(entry)
            if time is None:
                continue
            if start is not None and time < floored(start):
                raise UnfitError("the upstream ignores updated_from", UNFIT_SECONDS)
            if end is not None and time >= floored(end) + _SECOND:
                raise UnfitError("the upstream ignores updated_to", UNFIT_SECONDS)
        return page

    async def narrowed(self, most: int) -> datetime | None:  # noqa: ARG002  part of the interface
        """Return None: an entry is of a case, and cases have reviews of any age."""
        return None

    def facts(self, row: ReviewEntry) -> Facts:
        """Return what a feed must know of an entry; raises UnfitError for one without a case."""
        case_id = normalise(row.case_id)
        if case_id is None:
            raise UnfitError("a row names no case", UNFIT_SECONDS)
        row_id, time = str(row.review_entry_id), changed_at(row)
        return Facts(row_id, case_id, time, (len(row_id), row_id), shows_changes=time is not None)

    def stamp(self, row: ReviewEntry) -> ReviewEntry:
        """Return an entry from a store as it is: all of it is on the wire."""
        return row

    def now(self) -> datetime:
        """Return our own time of day."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def wall(self) -> float:
        """Return our own time in seconds since 1970."""
        return self._wall()


def changed_at(entry: ReviewEntry) -> datetime | None:
    """Return when an entry was last changed, None where that cannot be read."""
    return entry.updated_at if isinstance(entry.updated_at, datetime) else None


def floored(moment: datetime) -> datetime:
    """Return the whole second that a moment lies in: the vendor knows no smaller one (§1.6)."""
    return moment.replace(microsecond=0)


def bounds(start: datetime | None, end: datetime | None) -> Filters:
    """Return the vendor's filters for entries last changed within these bounds, inclusive."""
    filters: list[tuple[str, str]] = []
    if start is not None:
        filters.append(("updated_from", _text(start)))
    if end is not None:
        filters.append(("updated_to", _text(end)))
    return tuple(filters)


def _text(moment: datetime) -> str:
    return floored(moment).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def _by_id(entries: Iterable[ReviewEntry]) -> dict[str, ReviewEntry]:
    return {str(entry.review_entry_id): entry for entry in entries}


def _latest(entries: Iterable[ReviewEntry], now: datetime) -> datetime | None:
    times = (changed_at(entry) for entry in entries)
    return not_in_future((time for time in times if time is not None), now)


class WholeWalk:
    """One way through all entries up to a moment ago, from the last page to the first.

    Its watermark is the latest time on the page that came first: what was changed after that page
    was made is later than everything on it, whatever the clocks say.
    """

    def __init__(self, reading: ReviewReading, start: datetime | None) -> None:
        self._reading = reading
        self._start = start
        self._end = reading.now() - _SETTLED
        self._number: int | None = None
        self.seen: Pass[ReviewEntry] = Pass()

    async def step(self) -> bool:
        """Count, or read one page; returns False when that was the first."""
        reading, seen = self._reading, self.seen
        if self._number is None:
            return await self._count()
        now = reading.now()
        page = await reading.page(self._start, self._end, self._number)
        if seen.watermark is None:
            seen.watermark = _latest(page.entries, now)
        seen.rows.update(_by_id(page.entries))
        self._number -= 1
        seen.calls_left = self._number
        return self._number > 0

    async def _count(self) -> bool:
        wall = self._reading.wall()
        total = await self._reading.count_within(self._start, self._end)
        self.seen.began_at, self.seen.total = wall, total
        self._number = self.seen.calls_left = -(-total // self._reading.page_size)
        return total > 0


class ChangesWalk:
    """One way through what has changed since a moment: one call if it fits on a page."""

    def __init__(self, reading: ReviewReading, since: datetime | None) -> None:
        self._reading = reading
        self._since = since
        self._number = 1
        self._passes = 0
        self._order: list[ReviewEntry] = []
        self._order_before: list[ReviewEntry] | None = None
        self.seen: Pass[ReviewEntry] = Pass()

    async def step(self) -> bool:
        """Read one page; returns False when no more is to be seen."""
        reading, seen = self._reading, self.seen
        wall, now = reading.wall(), reading.now()
        page = await reading.page(self._since, None, self._number)
        if seen.began_at is None:
            seen.began_at, seen.watermark = wall, _latest(page.entries, now)
        seen.rows.update(_by_id(page.entries))
        self._order += page.entries
        if page.is_full:
            self._number += 1
            if self._number > MOST_PAGES:
                raise UnfitError("too much has changed at once", 0.0)
            return True
        if self._number == 1 and self._passes == 0:
            seen.is_snapshot = True
            return False
        return self._again()

    def _again(self) -> bool:
        """Begin another pass, unless the last two were alike.

        A row leaves a pass unseen only if one before it has gone, and then the next pass differs.
        """
        if self._order == self._order_before:
            # What was changed before the last pass began has been seen; what was changed since is
            # later than everything on the pass before.
            self.seen.watermark = _latest(self._order, self._reading.now())
            return False
        self._passes += 1
        if self._passes >= MOST_PASSES:
            raise UnfitError("the list moves faster than it can be read", 0.0)
        self._number, self._order_before, self._order = 1, self._order, []
        return True
