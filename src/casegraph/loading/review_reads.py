"""Review entries as one request reads them.

The reviews system throttles hard, so pages are always read at full size and kept for the request:
a page of 25 and the question whether there is more usually cost one call together. The entries of
cases come by the feed of changes where there is one.
Invariant: an entry that does not exist is None, one that could not be asked is an error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct
from msgspec.structs import astuple

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.ahead import Link, look_ahead
from casegraph.loading.access.by_feed import FeedRead, read_at_once, read_by_feed
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.each import Results
from casegraph.loading.access.planning import Access
from casegraph.loading.access.sweeps import reviews_of
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import Opened
from casegraph.loading.feeds.bounds import FeedKey
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import What
from casegraph.loading.listing import (
    Listing,
    Position,
    known,
    paged,
    row_numbers,
    slice_after,
)
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.transport.allowance import reserving
from casegraph.upstreams.case_reviews.client import Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry, ReviewStatus
from casegraph.upstreams.decode import Shape, encode
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


class Rows(Struct, frozen=True):
    """All entries of a case; `incomplete_reason` when there were too many."""

    entries: tuple[ReviewEntry, ...]
    incomplete_reason: str | None = None


class _Page(Struct, frozen=True):
    """A page as it is kept."""

    entries: tuple[ReviewEntry, ...]
    is_full: bool


UPSTREAM = "case_reviews"

OF_CASE: What[Rows] = What(
    UPSTREAM,
    Kind.REVIEWS,
    "reviews_of_case",
    encode,
    Shape[Rows](Rows).read_strictly,
    lambda rows: rows.entries,
)
PAGE: What[_Page] = What(
    UPSTREAM,
    Kind.REVIEWS,
    "reviews",
    encode,
    Shape[_Page](_Page).read_strictly,
    lambda page: page.entries,
)
ENTRY: What[ReviewEntry | None] = What(
    UPSTREAM,
    Kind.REVIEWS,
    "review",
    encode,
    Shape[ReviewEntry | None](ReviewEntry).read_strictly,
    lambda entry: (entry,),
)
COUNT: What[int] = What(
    UPSTREAM, Kind.REVIEWS, "reviews_count", encode, Shape[int](int).read_strictly, lambda _: ()
)

_LINK = Link(NeedKind.REVIEWS, UPSTREAM, Kind.REVIEWS, "reviews", "reviews")


class ReviewReads:
    """What one request reads of the reviews system."""

    def __init__(
        self,
        sources: Sources,
        access: Access,
        asking: Asking,
        opened: Opened = lambda _key: None,
    ) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking
        self._opened = opened
        self._began = access.kept.now()
        self._since: dict[str, datetime | None] = {}
        self._has_looked = False
        self._there: dict[str, Rows] = {}
        self._brought: list[Rows] = []
        """What is in hand and in no loader yet: few who have it ask for it by key again."""
        self._ahead: Boarding | None = None
        """What was begun for the reviews of cases before these were there."""

    @made_once
    def _pages(self) -> Loader[_PageKey, ReviewPage]:
        return Loader(one_by_one(self._ask_page))

    @made_once
    def _entries(self) -> Loader[str, ReviewEntry | None]:
        return Loader(one_by_one(self._ask_entry))

    @made_once
    def _of_case(self) -> Loader[str, Rows]:
        return Loader(self._ask_cases)

    async def entry(self, review_entry_id: str) -> ReviewEntry | None:
        """Return one entry."""
        for rows in self._brought:
            for entry in rows.entries:
                self._entries.prime(str(entry.review_entry_id), entry)
        self._brought.clear()
        return await self._entries.load(review_entry_id)

    async def of_cases(
        self,
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        status: ReviewStatus | None,
        first: int,
        *,
        alone: bool = False,
    ) -> list[Listing[LinkedReviewEntry] | BaseException]:
        """Return a page of the entries of each case, or why it has none.

        `alone` says that the request wants those of no other case just now.
        """
        for origin, case_id, _ in wanted:
            self._note_opening(origin, case_id)
        for key, its in self._there.items():
            self._of_case.prime(key, its)
        self._there.clear()
        keys = [case_id for _, case_id, _ in wanted]
        found = await self._of_case.load_many(keys, alone=alone)
        return self._paged(found, wanted, status, first)

    def of_cases_at_once(
        self,
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        status: ReviewStatus | None,
        first: int,
    ) -> list[Listing[LinkedReviewEntry] | BaseException] | None:
        """Return the same where nothing has to be waited for; None elsewhere."""
        if self._ahead is None:
            return None
        for origin, case_id, _ in wanted:
            self._note_opening(origin, case_id)
        keys = list(dict.fromkeys(case_id for _, case_id, _ in wanted))
        read, ahead = self._read_of_cases(), self._ahead
        rows = read_at_once(self._access, self._asking, read, self._feed(), keys, ahead)
        if rows is None:
            return None
        self._ahead = None
        self._there.update(rows)
        self._brought += rows.values()
        return self._paged([rows[case_id] for _, case_id, _ in wanted], wanted, status, first)

    def _paged(
        self,
        found: Sequence[Rows | BaseException],
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        status: ReviewStatus | None,
        first: int,
    ) -> list[Listing[LinkedReviewEntry] | BaseException]:
        return paged(
            found, wanted, lambda rows, each: self._page(rows, each[0], status, first, each[2])
        )

    def _page(
        self,
        rows: Rows,
        origin: CaseKey,
        status: ReviewStatus | None,
        first: int,
        after: Position | None,
    ) -> Listing[LinkedReviewEntry]:
        entries = rows.entries
        if status is not None:
            entries = tuple(entry for entry in entries if entry.status is status)
        page = slice_after(
            entries, lambda entry: entry.review_entry_id, first, after, rows.incomplete_reason
        )
        return page.map(lambda entry: self._linked(entry, origin))

    def _linked(self, entry: ReviewEntry, origin: CaseKey) -> LinkedReviewEntry:
        # By position: half the price of keywords, and the subclass adds its field at the end.
        linked = LinkedReviewEntry(*astuple(entry), origin)  # type: ignore[call-arg]  # as many as the base has
        self._asking.ledger.carry(entry, linked)
        return linked

    def _note_opening(self, origin: CaseKey, case_id: str) -> None:
        """Remember when the oldest of the cases was opened that have these reviews."""
        opened = self._opened(origin)
        before = self._since.get(case_id, opened)
        both = before is not None and opened is not None
        self._since[case_id] = min(before, opened) if both else None  # type: ignore[type-var]  # both are times

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

    def entry_count(self, filters: Filters) -> Listing[ReviewEntry]:
        """Return a page without rows, of which only the count is wanted: the vendor counts."""
        nothing: Listing[ReviewEntry] = slice_after((), lambda _: "", 1, None)
        return nothing.counted_by(lambda: self._counted(filters))

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
        return await self._counted(filters)

    async def _counted(self, filters: Filters) -> int:
        client = self._sources.case_reviews
        parts = _parts(filters)
        return await self._access.kept.read(
            COUNT, parts, lambda: client.reviews_count(filters), self._asking
        )

    async def _ask_page(self, key: _PageKey) -> ReviewPage:
        client = self._sources.case_reviews

        async def fetch() -> _Page:
            page = await client.reviews(key.filters, key.page)
            return _Page(page.entries, page.is_full)

        parts = (*_parts(key.filters), str(key.page))
        page = await self._access.kept.read(PAGE, parts, fetch, self._asking)
        return ReviewPage(page.entries, page.is_full)

    async def _ask_entry(self, review_entry_id: str) -> ReviewEntry | None:
        client = self._sources.case_reviews

        async def fetch() -> ReviewEntry | None:
            try:
                return await client.review(review_entry_id)
            except UpstreamNotFound:
                return None

        return await self._access.kept.read(ENTRY, (review_entry_id,), fetch, self._asking)

    def look_ahead(self, cases: int, meanwhile: str) -> None:
        """Begin what so many cases will need whose reviews are going to be asked for.

        They themselves are asked for `meanwhile`, by an operation of that name.
        """
        feeds, asking = self._access.feeds, self._asking
        if feeds is not None and not self._has_looked:
            self._has_looked = True
            feed = feeds.reviews_at_hand(asking.scope)
            self._ahead = look_ahead(self._access, asking, _LINK, feed, cases, meanwhile)

    def leave(self) -> None:
        """Wait no more for what was begun ahead."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.leave()

    @reserving
    async def _ask_cases(self, keys: Sequence[str]) -> Results[str, Rows]:
        read, ahead = self._read_of_cases(), self._ahead
        self._ahead = None
        found = await read_by_feed(self._access, self._asking, read, self._feed(), keys, ahead)
        self._brought += (rows for rows in found.values() if isinstance(rows, Rows))
        return found

    def _read_of_cases(self) -> FeedRead[str, ReviewEntry, Rows]:
        return FeedRead(
            need=_LINK.need,
            what=OF_CASE,
            operation=_LINK.operation,
            page_operation=_LINK.page_operation,
            feed_key=lambda key: FeedKey(int63("caseId", key), self._since.get(key)),
            parts=lambda key: (key,),
            fetch=self._rows_of,
            value=lambda entries: Rows(_in_order(entries)),
            since=self._began,
            swept=lambda: reviews_of(self._sources, self._asking.scope, self._access.kept.now),
        )

    def _feed(self) -> Feed[ReviewEntry] | None:
        feeds = self._access.feeds
        return None if feeds is None else feeds.reviews(self._asking.scope)

    async def _rows_of(self, case_id: str) -> Rows:
        # A link may hold any text, and the vendor may ignore a filter that it cannot read.
        filters: Filters = (("case", int63("caseId", case_id)),)
        entries: dict[str, ReviewEntry] = {}
        for number in range(1, WALK_PAGES + 1):
            page = await self._sources.case_reviews.reviews(filters, number)
            entries.update((entry.review_entry_id, entry) for entry in page.entries)
            if not page.is_full:
                return Rows(_in_order(entries.values()))
        return Rows(_in_order(entries.values()), f"stopped after {WALK_PAGES} pages")


def _parts(filters: Filters) -> tuple[str, ...]:
    """Return filters as parts of a key, none of them empty."""
    return ("filters", *(f"{name}={value}" for name, value in filters))


def _in_order(entries: Iterable[ReviewEntry]) -> tuple[ReviewEntry, ...]:
    return tuple(
        sorted(entries, key=lambda entry: (len(entry.review_entry_id), entry.review_entry_id))
    )
