from collections.abc import Callable
from typing import Any

import pytest

from casegraph.errors import ContractViolation, LimitExceeded, UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.links import (
    FINDING_SECONDS,
    FINDINGS_MAX,
    INDEX_PAGES,
    LinkConfig,
    Links,
    data_fields,
)
from casegraph.loading.lookups import LookUps
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.action_management.records import Case, CasePage, DataField
from casegraph.upstreams.decode import Id

SCOPE = DataScope()
BROKEN = ContractViolation("action_management", "case_query", "a value of a wrong type")


def case(number: int, *values: Any) -> Case:
    """Return a case whose customers stand in its data fields."""
    fields = tuple(DataField(question_name="customer_id", value=value) for value in values)
    return Case(case_id=Id(str(number)), data_fields=fields)


class Vendor:
    """Cases by hub, page by page; `meanwhile` runs after each page."""

    def __init__(self, hubs: dict[str, list[Case]]) -> None:
        self.hubs = hubs
        self.pages = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def case_query(self, hub_id: str, query: CaseQuery) -> CasePage:
        """Return one page, or say that the hub has no program."""
        self.pages += 1
        if hub_id not in self.hubs:
            raise UpstreamNotFound("action_management", "case_query", "nothing")
        assert (query.order_by, query.ascending) == ("id", True)
        rows = self.hubs[hub_id]
        page = CasePage(tuple(rows[query.skip : query.skip + query.top]), len(rows))
        self.meanwhile()
        return page


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time the test has set."""
        return self.now


def links_over(vendor: Vendor, clock: Clock | None = None, *hubs: str) -> Links:
    """Return links whose upstream is the test's own."""
    sources = Sources(action_management_or_none=vendor)  # type: ignore[arg-type]
    look_ups = LookUps(sources, Kept(MemoryStore()))
    return Links(LinkConfig(hubs=hubs), sources, look_ups, clock or Clock())


async def test_cases_with_a_value_are_found_in_every_hub() -> None:
    """One walk per hub answers for every value, padded ones too; a hub without program is empty."""
    vendor = Vendor({"1": [case(n, f" C-{n % 150} ") for n in range(250)], "2": [case(7, "C-7")]})
    links = links_over(vendor)

    assert await links.cases_with(SCOPE, "customer_id", "C-7", ("1", "2", "3")) == (
        CaseKey("1", "7"),
        CaseKey("1", "157"),
        CaseKey("2", "7"),
    )
    assert await links.cases_with(SCOPE, "customer_id", "C-149", ("1",)) == (CaseKey("1", "149"),)
    assert await links.cases_with(SCOPE, "customer_id", "nobody", ("1", "2", "3")) == ()
    assert vendor.pages == 3 + 1 + 1


async def test_an_index_is_kept_for_five_minutes() -> None:
    """What a walk found serves for a while and is then looked for anew."""
    vendor, clock = Vendor({"1": [case(1, "C-1")]}), Clock()
    links = links_over(vendor, clock)
    await links.cases_with(SCOPE, "customer_id", "C-1", ("1",))
    vendor.hubs["1"].append(case(2, "C-1"))

    clock.now = FINDING_SECONDS
    assert len(await links.cases_with(SCOPE, "customer_id", "C-1", ("1",))) == 1
    clock.now = FINDING_SECONDS + 1
    assert len(await links.cases_with(SCOPE, "customer_id", "C-1", ("1",))) == 2


async def test_a_case_deleted_during_the_walk_makes_it_walk_again() -> None:
    """When the total falls, a case has slipped onto a page already read; it is found anyway."""
    rows = [case(n, f"C-{n}") for n in range(150)]
    vendor = Vendor({"1": rows})

    def delete_once() -> None:
        if len(rows) == 150:
            del rows[0]

    vendor.meanwhile = delete_once
    links = links_over(vendor)

    assert await links.cases_with(SCOPE, "customer_id", "C-100", ("1",)) == (CaseKey("1", "100"),)
    assert vendor.pages == 4


async def test_a_hub_that_keeps_changing_is_an_error() -> None:
    """A walk that was never complete is no answer."""
    rows = [case(n, f"C-{n}") for n in range(400)]
    vendor = Vendor({"1": rows})
    vendor.meanwhile = lambda: rows.pop(0) and None

    with pytest.raises(LimitExceeded, match="keep changing"):
        await links_over(vendor).cases_with(SCOPE, "customer_id", "C-100", ("1",))


async def test_a_hub_too_large_to_walk_is_known_by_its_first_page() -> None:
    """A hub beyond the bound costs one page and an error that says what to do, each time."""
    rows = [case(n) for n in range(INDEX_PAGES * 100 + 1)]
    vendor = Vendor({"1": rows})
    links = links_over(vendor)

    for _ in range(2):
        with pytest.raises(LimitExceeded, match="a table rule links them"):
            await links.cases_with(SCOPE, "customer_id", "C-1", ("1",))
    assert vendor.pages == 2
    rows.pop()
    assert await links.cases_with(SCOPE, "customer_id", "C-1", ("1",)) == ()
    assert vendor.pages == 2 + INDEX_PAGES


async def test_an_unreadable_value_leaves_the_index_unmade() -> None:
    """A case whose link cannot be read could be the one that is looked for."""
    vendor = Vendor({"1": [case(1, "C-1"), case(2, BROKEN)]})
    links = links_over(vendor)

    with pytest.raises(ContractViolation):
        await links.cases_with(SCOPE, "customer_id", "C-1", ("1",))
    vendor.hubs["1"].pop()
    assert await links.cases_with(SCOPE, "customer_id", "C-1", ("1",)) == (CaseKey("1", "1"),)


def test_evidence_is_what_can_be_read_of_the_field_asked_for() -> None:
    """Another field's broken value does no harm; a broken name could be any field's."""
    fields = (
        DataField(question_name="other", value=BROKEN),  # type: ignore[arg-type]
        DataField(question_name="customer_id", value="C-1"),
        DataField(question_name=None, value="x"),
    )
    one = Case(case_id=Id("1"), data_fields=fields)

    assert ("customer_id", "C-1") in data_fields(one, "customer_id")
    with pytest.raises(ContractViolation):
        data_fields(one, "other")
    for broken in (BROKEN, (DataField(question_name=BROKEN),)):  # type: ignore[arg-type]
        with pytest.raises(ContractViolation):
            data_fields(Case(case_id=Id("1"), data_fields=broken), "customer_id")  # type: ignore[arg-type]
    assert data_fields(Case(case_id=Id("1"), data_fields=None), "customer_id") == ()


async def test_findings_are_remembered_for_a_while_and_bounded() -> None:
    """Where a number was found is known for five minutes; the oldest findings make room."""
    clock = Clock()
    links = links_over(Vendor({}), clock, "1")
    links.remember(SCOPE, "5", CaseKey("1", "5"))

    assert await links.hubs(SCOPE) == ("1",)
    assert links.remembered(SCOPE, "6") is None
    clock.now = FINDING_SECONDS
    assert links.remembered(SCOPE, "5") == CaseKey("1", "5")
    clock.now = FINDING_SECONDS + 1
    assert links.remembered(SCOPE, "5") is None
    for number in range(FINDINGS_MAX + 1):
        links.remember(SCOPE, str(number), CaseKey("1", str(number)))
    assert links.remembered(SCOPE, "0") is None
    assert links.remembered(SCOPE, str(FINDINGS_MAX)) is not None
