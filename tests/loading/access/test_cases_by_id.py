"""Cases by id over pages: what is found, and what it costs where little is known of the list."""

from random import Random
from typing import Any

import pytest

from casegraph.linking.identity import CaseKey
from casegraph.loading.access.cases import CasesById
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.action_management.records import Case, CasePage

HUB = "1"
SCOPE = ("action_management",)


class Hub:
    """A hub's list by id, which counts what it is asked."""

    def __init__(self, ids: list[int], odd: str | None = None) -> None:
        self.ids = ids
        self.odd = odd
        """What stands in each page in the place of the second id."""
        self.calls = 0
        kept: Any = None
        self.access = Access(kept)
        self.learned: Learned = self.access.learned
        self.learned.counted((*SCOPE, "cases", HUB), len(ids))

    async def page(self, query: CaseQuery) -> CasePage:
        """Return one page, and learn from it as the loader does."""
        self.calls += 1
        found = self.ids[query.skip : query.skip + query.top]
        ends = {found[0]: query.skip, found[-1]: query.skip + len(found) - 1} if found else {}
        self.learned.ranked((*SCOPE, HUB), ends.items())
        told = [str(each) for each in found]
        told[1:2] = told[1:2] if self.odd is None else [self.odd]
        return CasePage(tuple(map(Case, told)), len(self.ids))

    async def one(self, key: CaseKey) -> Case | None:
        """Return one case."""
        self.calls += 1
        return Case(key.case_id) if int(key.case_id) in self.ids else None

    async def read(self, wanted: list[int]) -> list[int | None]:
        """Return the ids found for those wanted."""
        keys = [CaseKey(HUB, str(each)) for each in wanted]
        ways = CasesById(self.access, SCOPE, HUB, self.page, self.one)
        results: Any = await ways.read(keys, frozenset())
        return [None if results[key] is None else int(results[key].case_id) for key in keys]


@pytest.mark.parametrize("first", [1, 625, 1220, 2441])
@pytest.mark.parametrize("begin", [0, 70_000])
async def test_neighbours_anywhere_in_a_large_hub_take_a_few_pages(first: int, begin: int) -> None:
    """Of 2,500 cases of which only the number is known, sixty neighbours cost four at most."""
    hub = Hub([begin + each for each in range(1, 2501)])
    wanted = list(range(begin + first, begin + first + 60))

    assert wanted == await hub.read(wanted)
    assert hub.calls <= 4


@pytest.mark.parametrize("seed", range(20))
async def test_pages_find_what_asking_each_would_find(seed: int) -> None:
    """However the ids lie, each wanted one is found or missing as it is in the hub."""
    chance = Random(seed)  # noqa: S311 - no secret
    ids = chance.sample(range(1, 9_000), chance.randint(100, 900))
    hub = Hub(sorted(ids))
    wanted = sorted(chance.sample(range(1, 9_100), 30) + chance.sample(ids, 10))
    wanted = list(dict.fromkeys(wanted))

    assert [each if each in ids else None for each in wanted] == await hub.read(wanted)


@pytest.mark.parametrize("odd", ["²", "x", "-2", "9" * 5_000], ids=range(4))
async def test_an_id_that_is_no_number_spoils_its_page_only(odd: str) -> None:
    """What such a page holds and leaves out is not known, so each is asked for by itself."""
    ids = list(range(1, 401))
    hub = Hub(ids, odd)

    assert await hub.read(ids[10:60]) == ids[10:60]
