"""Ratings that are kept in this process are given without waiting, all of them or none."""

from collections.abc import Sequence
from typing import Any

import pytest

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger, Source
from casegraph.loading.listing import Listing
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.upstreams.decode import Id
from casegraph.upstreams.ratings.client import RatingPage
from casegraph.upstreams.ratings.records import Rating
from support.clock import Clock

CASES = ["1", "2", "404"]


class Vendor:
    """Answers with one rating a case, and knows nothing of case 404."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ratings(self, case_id: str, *, offset: int, limit: int) -> RatingPage:
        """Answer and count."""
        assert (offset, limit > 0) == (0, True)
        self.asked.append(case_id)
        if case_id == "404":
            raise UpstreamNotFound("ratings", "ratings", "no such case")
        return RatingPage((Rating(rating_id=Id(f"{case_id}0{len(self.asked)}")),), 1)


class Requests:
    """Requests over one memory, whose entries are fresh for a minute."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.vendor = Vendor()
        windows = {kind: Windows(fresh=60.0, stale=60.0) for kind in Kind}
        store = MemoryStore(self.clock)
        self.access = Access(Kept(store, windows, clock=self.clock))
        self.ledger = Ledger()

    def begin(self, acceptance: Acceptance = ANY) -> RatingReads:
        """Return the reads of another request."""
        self.ledger = Ledger()
        sources = Sources(ratings_or_none=self.vendor)  # type: ignore[arg-type]
        return RatingReads(sources, self.access, Asking(DataScope(), acceptance, self.ledger))

    async def read(self) -> list[Any]:
        """Read all cases as a request does that may wait."""
        return ids(await self.begin().of_cases(wanted(CASES), None, 25))

    def at_once(self, cases: Sequence[str] = CASES, acceptance: Acceptance = ANY) -> Any:
        """Return what a new request is given without waiting."""
        found = self.begin(acceptance).of_cases_at_once(wanted(cases), None, 25)
        return None if found is None else ids(found)


def wanted(cases: Sequence[str]) -> list[tuple[CaseKey, str, None]]:
    """Return the first page of each case."""
    return [(CaseKey("96", case), case, None) for case in cases]


def ids(pages: Sequence[Any]) -> list[Any]:
    """Return the ids on each page."""
    assert all(isinstance(page, Listing) for page in pages)
    return [[rating.rating_id for rating in page.items] for page in pages]


async def test_what_another_request_has_read_is_given_at_once() -> None:
    """The same pages, entered as kept, and without a call; absent cases have none."""
    requests = Requests()
    assert requests.at_once() is None
    read = await requests.read()

    assert requests.at_once() == read == [["101"], ["202"], []]
    assert [entry.source for entry in requests.ledger] == [Source.CACHE]
    assert sorted(requests.vendor.asked) == sorted(CASES)


async def test_one_case_that_has_to_be_asked_leaves_all_to_those_who_wait() -> None:
    """Who then waits is given what was looked at, and asks for the rest only."""
    requests = Requests()
    await requests.read()
    reads = requests.begin()

    assert reads.of_cases_at_once(wanted([*CASES, "5"]), None, 25) is None
    waited = ids(await reads.of_cases(wanted([*CASES, "5"]), None, 25))

    assert waited == [["101"], ["202"], [], ["504"]]
    assert requests.vendor.asked[3:] == ["5"]


@pytest.mark.parametrize("age", [50.0, 90.0, 130.0])
async def test_what_is_too_old_is_not_given(age: float) -> None:
    """Fresh is given, stale is given while it is asked anew, and older has to be asked."""
    requests = Requests()
    read = await requests.read()
    requests.clock.now += age

    # What is known to be absent is known for a quarter of a minute.
    given = requests.at_once(CASES[:2])
    await requests.access.kept.close()

    assert given == (read[:2] if age < 120 else None)
    assert len(requests.vendor.asked) == (5 if age == 90.0 else 3)


async def test_who_takes_nothing_kept_is_given_nothing_at_once() -> None:
    """`no-cache` asks, however fresh it is."""
    requests = Requests()
    await requests.read()

    assert requests.at_once(acceptance=Acceptance(no_cache=True)) is None
