"""The ways through a list that is swept: what is called first, what then, and how many calls.

The first call tells how long the list is and is a part of the sweep wherever it can be. What moves
meanwhile is met as the feeds meet it, by whose walks the pages are read.
Invariant: `rest` returns rows whose number the upstream has confirmed, or raises; it makes no more
calls than were foretold, but for one to spare on either walk.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from casegraph.loading.feeds.bounds import UnfitError
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.reading import Walk
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.upstreams.action_management.note_rows import NoteRow
from casegraph.upstreams.case_reviews.records import ReviewEntry

Row_co = TypeVar("Row_co", covariant=True)

SPARE_CALLS = 1
"""A list may grow by so much while it is read, and a page may be joined anew."""
OVERLAP = timedelta(seconds=60)
"""How late an entry may become visible after the time it carries, as feeds take it."""
_AGREES_NOT = "its count does not agree with its rows"
_GROWS = "the list has grown while it was read"


class Route(Protocol[Row_co]):
    """The way through one list: a first call that tells its length, and the rest."""

    @property
    def total(self) -> int | None:
        """Return how many rows there are, once the first call is made."""

    @property
    def calls_left(self) -> int:
        """Return how many calls `rest` takes if nothing moves."""

    async def first(self) -> None:
        """Make the first call; raises UpstreamError or UnfitError."""

    async def rest(self) -> Iterable[Row_co]:
        """Return all rows, their number checked; raises UpstreamError or UnfitError."""


class NoteRoute:
    """A hub's notes since a moment: the first page tells how many there are."""

    def __init__(self, reading: NoteReading, start: datetime | None) -> None:
        self._reading = reading
        self._start = start
        self._walk = reading.unread(start)
        self._more = True

    @staticmethod
    def calls(total: int, size: int) -> int:
        """Return the calls for so many notes: pages that overlap by a row, and a count."""
        return 1 if total <= size else 2 + -(-(total - size) // max(size - 1, 1))

    @property
    def total(self) -> int | None:
        """Return how many notes the first page has counted."""
        return self._walk.seen.total

    @property
    def calls_left(self) -> int:
        """Return what is left after the first page."""
        if self._walk.seen.is_snapshot:
            return 0
        return max(self.calls(self.total or 0, self._reading.page_size) - 1, 1)

    async def first(self) -> None:
        """Read the first page."""
        self._more = await self._walk.step()
        if self.total is None:
            raise UnfitError("the upstream does not say how many rows there are", 1.0)

    async def rest(self) -> Iterable[NoteRow]:
        """Go through the other pages and count."""
        if self._more:
            await _walked(self._walk, self.calls_left - 1 + SPARE_CALLS)
        seen = self._walk.seen
        if not seen.is_snapshot and await self._reading.count(self._start) != len(seen.rows):
            raise UnfitError(_AGREES_NOT, 1.0)
        return seen.rows.values()


class ReviewRoute:
    """All review entries: what fits on a page in one call, else counted, walked and brought up."""

    def __init__(self, reading: ReviewReading, total: int | None) -> None:
        """Take how many entries there were lately, None where that is not known."""
        self._reading = reading
        self._walk = reading.whole(None)
        self._total = total
        self._page: Iterable[ReviewEntry] | None = None
        self._is_short = total is not None and total < reading.page_size

    @staticmethod
    def calls(total: int, size: int) -> int:
        """Return the calls for so many entries: a page, or a count, pages, and the changes."""
        return 1 if total < size else 2 + -(-total // size)

    @property
    def total(self) -> int | None:
        """Return how many entries there are, as last counted."""
        return self._total

    @property
    def calls_left(self) -> int:
        """Return what is left after the page or the count."""
        if self._page is not None:
            return 0
        total, size = self._total or 0, self._reading.page_size
        return self.calls(total, size) - (total >= size)

    async def first(self) -> None:
        """Read the only page, or count where there may be more."""
        if self._is_short:
            self._page = await self._only_page()
        else:
            await self._walk.step()
            self._total = self._walk.seen.total

    async def rest(self) -> Iterable[ReviewEntry]:
        """Read what is left."""
        if self._page is not None:
            return self._page
        if (self._total or 0) < self._reading.page_size:
            return await self._only_page()
        return await self._all_pages()

    async def _only_page(self) -> Iterable[ReviewEntry]:
        walk = self._reading.changes(None)
        if await walk.step():
            self._total = self._reading.page_size
            raise UnfitError(_GROWS, 0.0)
        self._total = len(walk.seen.rows)
        return walk.seen.rows.values()

    async def _all_pages(self) -> Iterable[ReviewEntry]:
        """Read the pages up to a moment ago, then what has changed since.

        An entry that is edited meanwhile leaves the pages for the changes; then another count tells
        whether it was that, and it precedes the changes, so that nothing that came after it can
        stand in for what was missed.
        """
        walk = self._walk
        await _walked(walk, self.calls_left - 1)
        rows, counted = dict(walk.seen.rows), None
        if walk.seen.watermark is None:
            raise UnfitError("its rows carry no time", 1.0)
        if len(rows) != walk.seen.total:
            counted = await self._reading.count(None)
        changes = self._reading.changes(walk.seen.watermark - OVERLAP)
        await _walked(changes, 1 + SPARE_CALLS)
        rows.update(changes.seen.rows)
        if counted is not None and counted != len(rows):
            raise UnfitError(_AGREES_NOT, 1.0)
        return rows.values()


async def _walked(walk: Walk[Any], calls: int) -> None:
    """Take a walk to its end; raises UnfitError when that takes more calls than it may."""
    for _ in range(calls):
        if not await walk.step():
            return
    raise UnfitError(_GROWS, 0.0)
