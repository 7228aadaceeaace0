"""Ratings of many cases: by the list of who has been rated where it pays, else one by one."""

from collections.abc import Sequence

import pytest

from casegraph.errors import LimitExceeded
from casegraph.loading.access.each import Results
from casegraph.loading.access.planning import Access
from casegraph.loading.access.ratings import CASES, RATED, UPSTREAM, RatingsOfCases, Rows
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.scope import DataScope
from casegraph.transport.allowance import Allowance, call_allowance
from casegraph.upstreams.decode import Id
from casegraph.upstreams.ratings.client import SummaryPage
from casegraph.upstreams.ratings.records import CaseSummary, RatingStatus

MANY = [str(number) for number in range(30)]
LASTING, GONE_AT_ONCE = Windows(fresh=60.0, stale=60.0), Windows(fresh=0.0)


class Vendor:
    """Forty cases of which none has been rated, as was learned from earlier requests."""

    def __init__(self, windows: Windows) -> None:
        self.calls: list[str] = []
        self.access = Access(Kept(MemoryStore(), {Kind.RATINGS: windows}))
        self.access.learned.counted((*DataScope().parts(UPSTREAM), *CASES), 40)
        self.access.learned.shared((*DataScope().parts(UPSTREAM), *RATED), 0, 100)

    async def page(self, offset: int) -> SummaryPage:
        """Return the list, which is one page."""
        self.calls.append(f"list from {offset}")
        unrated = RatingStatus.UNOFFERED
        cases = (CaseSummary(Id(str(each)), rating_status=unrated) for each in range(40))
        return SummaryPage(tuple(cases), 40)

    async def fetch(self, case: str) -> Rows:
        """Return the ratings of one case."""
        self.calls.append(case)
        return Rows(())

    async def read(self, keys: Sequence[str], acceptance: Acceptance = ANY) -> Results[str, Rows]:
        """Read as a new request does."""
        asking = Asking(DataScope(), acceptance, Ledger())
        return await RatingsOfCases(self.access, asking, self.page, self.fetch).read(keys)


@pytest.mark.parametrize(
    ("windows", "acceptance", "calls"),
    [
        (LASTING, ANY, ["list from 0"]),
        (LASTING, Acceptance(no_cache=True), MANY),
        (GONE_AT_ONCE, ANY, MANY),
    ],
    ids=["kept", "nothing kept is taken", "nothing is kept"],
)
async def test_the_list_is_read_where_it_can_serve_others_too(
    windows: Windows, acceptance: Acceptance, calls: list[str]
) -> None:
    """One that serves a single answer is not worth its pages: then each case is asked."""
    vendor = Vendor(windows)

    assert await vendor.read(MANY, acceptance) == dict.fromkeys(MANY, Rows(()))
    assert vendor.calls == calls


@pytest.mark.parametrize("keys", [MANY[:3], MANY])
async def test_where_too_few_calls_are_left_none_is_made(keys: list[str]) -> None:
    """Without a list there is nothing to choose, and a plan still sets its calls aside."""
    vendor = Vendor(GONE_AT_ONCE)
    token = call_allowance.set(Allowance(2))
    try:
        with pytest.raises(LimitExceeded):
            await vendor.read(keys)
        assert await vendor.read(MANY[:2]) == dict.fromkeys(MANY[:2], Rows(()))
    finally:
        call_allowance.reset(token)
    assert vendor.calls == MANY[:2]
