"""Trackops case reviews as functions: the list, one entry, and the count.

The vendor throttles without saying how much and may withdraw access, so a page is always asked at
the largest size seen, and a count only where nothing else tells it.
Invariant: rows that do not match the filter they were asked with are dropped, because the vendor
may ignore a filter it does not know.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from casegraph.transport.calls import Effect
from casegraph.upstreams.base import Operation, Rest
from casegraph.upstreams.case_reviews.records import (
    Review,
    ReviewCounts,
    ReviewEntry,
    Reviewer,
    ReviewStatus,
)
from casegraph.upstreams.decode import Shape
from casegraph.upstreams.paths import int63

REVIEWS = Operation("reviews", Effect.READ, "GET", "/case/reviews")
REVIEWS_COUNT = Operation("reviews_count", Effect.READ, "GET", "/case/reviews")
REVIEW = Operation("review", Effect.READ, "GET", "/case/reviews/{entry}")
OPERATIONS = (REVIEWS, REVIEWS_COUNT, REVIEW)

PAGE_SIZE = 100
"""Rows asked for at once: the largest `per_page` seen in vendor code (contract §1.2)."""

_ENTRIES = Shape[tuple[ReviewEntry, ...]](tuple[ReviewEntry, ...])
_ENTRY = Shape[ReviewEntry](ReviewEntry)
_COUNTS = Shape[ReviewCounts](ReviewCounts)

Filters = tuple[tuple[str, str], ...]
"""The vendor's query parameters, in order; no name twice."""
_Tells = Callable[[ReviewEntry], str | None]


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """One page of entries; `is_full` means that another page may follow."""

    entries: tuple[ReviewEntry, ...]
    is_full: bool


class CaseReviews:
    """The client. Every method raises InvalidArgument for a bad id and UpstreamError otherwise."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def reviews(self, filters: Filters, page: int) -> ReviewPage:
        """Return one page (1-based) in ascending order, so that new rows land on the last page."""
        query = (*filters, ("page", str(page)), ("per_page", str(PAGE_SIZE)), ("dir", "asc"))
        reply = await self._rest.call(REVIEWS, query=query)
        rows = self._rest.read(REVIEWS, _ENTRIES, reply)
        asked_case = dict(filters).get("case")
        stamp = msgspec.structs.force_setattr
        for row in rows:
            stamp(row, "asked_case_id", asked_case)
        return ReviewPage(tuple(_matching(rows, filters)), len(rows) >= PAGE_SIZE)

    async def reviews_count(self, filters: Filters) -> int:
        """Return how many entries match."""
        reply = await self._rest.call(REVIEWS_COUNT, query=(*filters, ("mode", "count")))
        return self._rest.read(REVIEWS_COUNT, _COUNTS, reply).record_count

    async def review(self, review_entry_id: str) -> ReviewEntry:
        """Return one entry."""
        ids = {"entry": int63("reviewEntryId", review_entry_id)}
        reply = await self._rest.call(REVIEW, ids)
        return self._rest.read(REVIEW, _ENTRY, reply)


def _matching(rows: Iterable[ReviewEntry], filters: Filters) -> Iterable[ReviewEntry]:
    """Drop rows that contradict a filter which can be checked without guessing, and doubles."""
    wanted = [(_TOLD[name], value) for name, value in filters if name in _TOLD]
    seen: set[str] = set()
    for row in rows:
        if row.review_entry_id in seen or not _agrees(row, wanted):
            continue
        seen.add(row.review_entry_id)
        yield row


def _agrees(row: ReviewEntry, wanted: Iterable[tuple[_Tells, str]]) -> bool:
    """Say whether nothing the row tells speaks against the filter; a broken field is silent."""
    for tells, value in wanted:
        told = tells(row)
        if told != value and isinstance(told, str):
            return False
    return True


def _user(row: ReviewEntry) -> str | None:
    assignee = row.assignee
    return assignee.user_id if isinstance(assignee, Reviewer) else None


def _review(row: ReviewEntry) -> str | None:
    review = row.review
    return review.review_id if isinstance(review, Review) else None


def _status(row: ReviewEntry) -> str | None:
    return row.status.value if isinstance(row.status, ReviewStatus) else None


def _automatic(row: ReviewEntry) -> str | None:
    automatic = row.is_auto_generated
    return str(automatic).lower() if isinstance(automatic, bool) else None


_TOLD: Mapping[str, _Tells] = {
    "id": lambda row: row.review_entry_id,
    "case": lambda row: row.case_id,
    "user": _user,
    "review": _review,
    "status": _status,
    "is_auto_generated": _automatic,
}
"""What a row tells of that which a filter asks for."""
