"""Lists too long for one answer: where the bound is met, the page says so and can be gone on."""

from collections.abc import Sequence
from typing import Any

import pytest

from casegraph.errors import InvalidCursor
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_reads import CaseReads, NoteWindow
from casegraph.loading.freshness import Acceptance
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.listing import Listing
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.review_reads import WALK_PAGES, ReviewReads
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.case_reviews.client import Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.decode import Id
from casegraph.upstreams.ratings.client import RatingPage
from casegraph.upstreams.ratings.records import Rating

KEY = CaseKey("1", "1")


ACCESS = Access(Kept(MemoryStore()))
"""Plans over nothing that is known, and nothing kept that could be served."""


def asking() -> Asking:
    """Return somebody who asks and accepts what is usual."""
    return Asking(DataScope(), Acceptance(no_cache=True), Ledger())


async def anywhere(_hub_id: str) -> bool:
    """Say that every hub has a program."""
    return True


class Reviews:
    """A reviews system with many full pages, of which a client may keep few rows."""

    def __init__(self, pages: int, kept: Sequence[int] = ()) -> None:
        self.pages = pages
        self.kept = kept
        self.asked: list[int] = []

    async def reviews(self, _filters: Filters, page: int) -> ReviewPage:
        """Return the rows of a page that match; full until the last page."""
        self.asked.append(page)
        rows = tuple(
            ReviewEntry(review_entry_id=Id(str(key))) for key in self.kept if key // 100 == page
        )
        return ReviewPage(rows, is_full=page < self.pages)


class Ratings:
    """A ratings system that does not say how many ratings there are, or says too few."""

    def __init__(self, count: int, cap: int, total: int | None) -> None:
        self.count, self.cap, self.total = count, cap, total
        self.asked = 0

    async def ratings(self, _case_id: str, *, offset: int, limit: int, **_: Any) -> RatingPage:
        """Return a page no longer than the cap."""
        self.asked += 1
        rows = range(offset, min(self.count, offset + min(limit, self.cap)))
        return RatingPage(tuple(Rating(rating_id=Id(str(n + 1))) for n in rows), self.total)


def reviews_over(vendor: Reviews) -> ReviewReads:
    """Return reads whose upstream is the test's own."""
    sources = Sources(case_reviews_or_none=vendor)  # type: ignore[arg-type]
    return ReviewReads(sources, ACCESS, asking())


def ratings_over(vendor: Ratings) -> RatingReads:
    """Return reads whose upstream is the test's own."""
    sources = Sources(ratings_or_none=vendor)  # type: ignore[arg-type]
    return RatingReads(sources, ACCESS, asking())


async def test_entries_that_match_nowhere_end_the_walk_at_its_bound() -> None:
    """A vendor that ignores the filter is not read for ever; the cursor leads past the bound."""
    vendor = Reviews(25, kept=[2203])
    reads = reviews_over(vendor)

    first = await reads.entry_list((("review", "7"),), 5, None)
    assert first.items == []
    assert first.incomplete_reason is not None
    assert await first.has_next() is True
    assert vendor.asked == list(range(1, WALK_PAGES + 1))

    rest = await reads.entry_list((("review", "7"),), 5, first.end)
    assert [entry.review_entry_id for entry in rest.items] == ["2203"]
    assert rest.incomplete_reason is None
    assert await rest.has_next() is False
    assert vendor.asked == list(range(1, 26))


async def test_a_case_with_too_many_entries_says_that_some_are_missing() -> None:
    """The reviews of one case are read up to the bound and no total is made up."""
    vendor = Reviews(30, kept=[page * 100 + 1 for page in range(1, 30)])

    (page,) = await reviews_over(vendor).of_cases([(KEY, "1", None)], None, 100)

    assert isinstance(page, Listing)
    assert len(page.items) == WALK_PAGES
    assert page.incomplete_reason is not None
    assert await page.count() is None


@pytest.mark.parametrize("position", [(1,), ("1", "0"), (1, -1), (1, 2, 3)])
async def test_a_made_up_position_asks_nothing(position: tuple[str | int, ...]) -> None:
    """A position that no list of ours made is an invalid cursor, before any call."""
    vendor = Reviews(3)
    ratings = Ratings(3, 3, 3)
    cases = CaseReads(Sources(), ACCESS, asking(), anywhere)

    with pytest.raises(InvalidCursor):
        await reviews_over(vendor).entry_list((), 5, position)
    if len(position) != 1:
        with pytest.raises(InvalidCursor):
            await ratings_over(ratings).rating_list("1", None, None, 5, position)
        with pytest.raises(InvalidCursor):
            await cases.case_list("1", CaseQuery(5), None, position)
    with pytest.raises(InvalidCursor):
        await cases.note_list("1", NoteWindow(None, None), 5, ("yesterday", *position))
    with pytest.raises(InvalidCursor):
        await cases.note_list("1", NoteWindow(None, None), 5, ("2026-01-01T00:00:00", *position))
    assert (vendor.asked, ratings.asked) == ([], 0)


@pytest.mark.parametrize("total", [None, 7])
async def test_all_ratings_of_a_case_are_read_whatever_the_vendor_caps(total: int | None) -> None:
    """A smaller page than asked for, and a total that is not told, lose no rating."""
    vendor = Ratings(7, 3, total)
    reads = ratings_over(vendor)

    (page,) = await reads.of_cases([(KEY, "1", None)], None, 100)

    assert isinstance(page, Listing)
    assert [rating.rating_id for rating in page.items] == [str(n) for n in range(1, 8)]
    assert page.incomplete_reason is None
    assert vendor.asked == (3 if total else 4)


async def test_a_case_with_endless_ratings_says_that_some_are_missing() -> None:
    """Ratings of one case are read up to the bound as well."""
    reads = ratings_over(Ratings(10**6, 100, 10**6))

    (page,) = await reads.of_cases([(KEY, "1", None)], None, 10)

    assert isinstance(page, Listing)
    assert page.incomplete_reason is not None
    assert await page.count() is None
