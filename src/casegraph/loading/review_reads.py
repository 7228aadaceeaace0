"""Review entries as one request reads them.

The reviews system throttles hard, so pages are always read at full size and kept for the request:
a page of 25 and the question whether there is more usually cost one call together.
Invariant: an entry that does not exist is None, one that could not be asked is an error.
"""

from dataclasses import dataclass

from msgspec.structs import asdict

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.listing import Listing, Position, known, row_numbers, slice_after
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.sources import Sources
from casegraph.upstreams.case_reviews.client import Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry, ReviewStatus
from casegraph.upstreams.paths import int63

WALK_PAGES = 20
"""Most pages that one answer reads of one list (reliability default)."""


class LinkedReviewEntry(ReviewEntry, frozen=True):
    """An entry that was reached from a case."""

    origin: CaseKey | None = None


@dataclass(frozen=True, slots=True)
class _PageKey:
    filters: Filters
    page: int


@dataclass(frozen=True, slots=True)
class Rows:
    """All entries of a case; `incomplete_reason` when there were too many."""

    entries: tuple[ReviewEntry, ...]
    incomplete_reason: str | None = None


class ReviewReads:
    """What one request reads of the reviews system."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._pages: Loader[_PageKey, ReviewPage] = Loader(one_by_one(self._ask_page))
        self._entries: Loader[str, ReviewEntry | None] = Loader(one_by_one(self._ask_entry))
        self._of_case: Loader[str, Rows] = Loader(one_by_one(self._ask_case))

    async def entry(self, review_entry_id: str) -> ReviewEntry | None:
        """Return one entry."""
        return await self._entries.load(review_entry_id)

    async def of_case(
        self,
        origin: CaseKey,
        case_id: str,
        status: ReviewStatus | None,
        first: int,
        after: Position | None,
    ) -> Listing[LinkedReviewEntry]:
        """Return a page of the entries of a case, known there by `case_id`, oldest first."""
        rows = await self._of_case.load(case_id)
        entries = rows.entries
        if status is not None:
            entries = tuple(entry for entry in entries if entry.status is status)
        page = slice_after(
            entries, lambda entry: entry.review_entry_id, first, after, rows.incomplete_reason
        )
        return page.map(lambda entry: LinkedReviewEntry(**asdict(entry), origin=origin))

    async def entry_list(
        self, filters: Filters, first: int, after: Position | None
    ) -> Listing[ReviewEntry]:
        """Return a page of all entries that match the vendor's filters."""
        page_number, start = (1, 0) if after is None else row_numbers(after, 2)
        rows: list[ReviewEntry] = []
        positions: list[Position] = []
        reason = None
        for _ in range(WALK_PAGES):
            page = await self._pages.load(_PageKey(filters, page_number))
            for index, entry in enumerate(page.entries[start : start + first - len(rows)], start):
                rows.append(entry)
                positions.append((page_number, index + 1))
                self._entries.prime(str(entry.review_entry_id), entry)
            if len(rows) >= first or not page.is_full:
                break
            page_number, start = page_number + 1, 0
        else:
            reason = f"stopped after {WALK_PAGES} pages; go on from endCursor"
        last = positions[-1] if positions else after
        return Listing(
            items=rows,
            position=positions.__getitem__,
            has_next=known(value=True) if reason else lambda: self._has_more(filters, last),
            has_previous=after is not None,
            count=lambda: self._count(filters),
            end=(page_number, 0) if reason else None,
            incomplete_reason=reason,
        )

    async def _has_more(self, filters: Filters, last: Position | None) -> bool:
        """Return whether an entry follows; only an exactly full page costs a look at the next."""
        if last is None:
            return False
        number, start = row_numbers(last, 2)
        page = await self._pages.load(_PageKey(filters, number))
        for _ in range(WALK_PAGES):
            if start < len(page.entries):
                return True
            if not page.is_full:
                return False
            number, start = number + 1, 0
            page = await self._pages.load(_PageKey(filters, number))
        return True

    async def _count(self, filters: Filters) -> int:
        first = await self._pages.load(_PageKey(filters, 1))
        if not first.is_full:
            return len(first.entries)
        return await self._sources.case_reviews.reviews_count(filters)

    async def _ask_page(self, key: _PageKey) -> ReviewPage:
        return await self._sources.case_reviews.reviews(key.filters, key.page)

    async def _ask_entry(self, review_entry_id: str) -> ReviewEntry | None:
        try:
            return await self._sources.case_reviews.review(review_entry_id)
        except UpstreamNotFound:
            return None

    async def _ask_case(self, case_id: str) -> Rows:
        # A link may hold any text, and the vendor may ignore a filter that it cannot read.
        filters: Filters = (("case", int63("caseId", case_id)),)
        entries: dict[str, ReviewEntry] = {}
        reason: str | None = f"stopped after {WALK_PAGES} pages"
        for number in range(1, WALK_PAGES + 1):
            page = await self._sources.case_reviews.reviews(filters, number)
            entries.update((entry.review_entry_id, entry) for entry in page.entries)
            if not page.is_full:
                reason = None
                break
        for entry in entries.values():
            self._entries.prime(str(entry.review_entry_id), entry)
        ordered = sorted(
            entries.values(), key=lambda entry: (len(entry.review_entry_id), entry.review_entry_id)
        )
        return Rows(tuple(ordered), reason)
