"""A hundred thousand made-up callers leave nothing behind that grows without bound."""

from collections.abc import Iterator
from typing import Any

import pytest

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading import kept_store, links, lookups
from casegraph.loading.access import learned
from casegraph.loading.feeds.bounds import FeedConfig, FeedMode
from casegraph.loading.feeds.feeds import MOST_FEEDS, Feeds
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.links import LinkConfig, Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from support.kept_reads import Fetch, Value, request, thing
from support.moving_lists import HUB, World
from support.two_callers import CallersCases

CALLERS = 100_000
THING = thing(Kind.LISTS)


class NoHubs:
    """Action Management for somebody who may see none of it."""

    async def roles(self, _hub_id: str) -> Any:
        """Say that there is nothing."""
        raise UpstreamNotFound("action_management", "roles", "nothing there")


def scopes(number: int = CALLERS) -> Iterator[DataScope]:
    """Return the scopes of so many callers."""
    for caller in range(number):
        yield DataScope(identity=str(caller))


async def test_what_is_kept_and_in_flight_is_bounded() -> None:
    """The memory store holds its bound, and a call that has ended leaves no trace."""
    store = MemoryStore()
    kept = Kept(store)
    fetch: Any = Fetch(["a"])

    for scope in scopes(12_000):
        found: Value = await kept.read(THING, ("7",), fetch, request(scope=scope))
        assert found == ["a"]

    assert fetch.calls == 12_000
    assert len(store._rows) == kept_store.MAX_ENTRIES
    assert (kept._calls._begun, kept._behind, kept._calls._flight._flights) == ({}, {}, {})
    await kept.close()


def test_findings_and_figures_are_bounded() -> None:
    """Where cases were found, how many there are, at which rank: the oldest make room."""
    found = Links(LinkConfig(), Sources(), LookUps(Sources(), Kept(MemoryStore())), lambda: 0.0)
    figures = learned.Learned(lambda: 0.0)

    for scope in scopes():
        parts = scope.parts("action_management")
        found.remember(scope, "5", CaseKey("1", "5"))
        figures.counted((*parts, "cases", "1"), 7)
        figures.shared((*parts, "rated"), 1, 2)
        figures.ranked((*parts, "1"), [(1, 0)])

    assert len(found._found) == links.FINDINGS_MAX
    tables = figures._totals, figures._shares, figures._ranks
    assert [len(each) for each in tables] == [learned.FIGURES_MAX] * 3


@pytest.mark.parametrize(("rows", "callers"), [(0, links.INDEXES_MAX + 5), (80, 20)])
async def test_indexes_are_bounded_in_number_and_in_keys(
    rows: int, callers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each caller's walk is kept by itself, and all of them together within the bounds."""
    monkeypatch.setattr(links, "INDEXED_MAX", 1000)
    wanted: Any = Sources
    vendor = CallersCases(World(), cases=dict.fromkeys(range(rows), "a case"))
    sources = wanted(vendor)
    found = Links(LinkConfig(), sources, LookUps(sources, Kept(MemoryStore())), lambda: 0.0)

    for scope in scopes(callers):
        assert len(await found.cases_with(scope, "customer_id", "C-1", (HUB,))) == bool(rows)

    held = [index.size for index in found._indexes.values()]
    assert len(held) == min(links.INDEXES_MAX, links.INDEXED_MAX // max(rows, 1))
    assert sum(held) == found._indexed
    newest = DataScope(identity=str(callers - 1))
    before = vendor.asked["case_query"]
    await found.cases_with(newest, "customer_id", "C-1", (HUB,))
    assert vendor.asked["case_query"] == before


async def test_hubs_without_a_program_are_remembered_within_a_bound() -> None:
    """Whoever may see no hub is told so without growing a table."""
    wanted: Any = Sources
    look_ups = LookUps(wanted(NoHubs()), Kept(MemoryStore()), clock=lambda: 0.0)

    for scope in scopes(lookups._MOST_FINDINGS + 200):
        assert not await look_ups.has_program("1", request(scope=scope))

    assert len(look_ups._findings) == lookups._MOST_FINDINGS


async def test_feeds_that_are_off_are_bounded_too() -> None:
    """Looking at them for many callers keeps no more than for many hubs."""
    off = FeedConfig(FeedMode.OFF, why_off="asked as its callers")
    feeds = Feeds(Sources(), off, off)

    for scope in scopes(MOST_FEEDS * 3):
        assert feeds.notes(scope, "1").view().reason == "asked as its callers"

    assert len(feeds._notes._feeds) == MOST_FEEDS
    await feeds.close()
