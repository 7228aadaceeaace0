"""Rows of cases that are read without waiting, where a refresh begun ahead has brought them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from casegraph.errors import InvalidArgument
from casegraph.loading.access.by_feed import FeedRead, read_at_once, read_by_feed
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NOTES
from casegraph.loading.feeds.bounds import FeedKey
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.keeper import behind
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger, Source
from casegraph.loading.scope import DataScope
from casegraph.upstreams.action_management.records import Note
from support.clock import settle
from support.feed_answers import ask, filled
from support.held_calls import turns
from support.moving_lists import Notes, World


@pytest.fixture
def rows(notes: Notes) -> Notes:
    """Return notes of three cases."""
    for number in range(9):
        notes.add(str(number % 3), str(number + 1))
        notes.world.seconds += 100.0
    return notes


@pytest.fixture
async def feed(rows: Notes, feed_of: Callable[..., Feed[Any]], world: World) -> Feed[Note]:
    """Return their feed, filled some seconds ago, the calls counted from here."""
    made = feed_of(rows)
    await filled(made)
    world.seconds += 30
    world.calls.clear()
    return made


def _key(case: str) -> FeedKey:
    if not case.isdigit():
        raise InvalidArgument("caseId: not a number")
    return FeedKey(case)


async def _nobody(_case: str) -> tuple[Note, ...] | None:
    raise AssertionError("nothing is asked at once")


READ: FeedRead[str, Note, tuple[Note, ...] | None] = FeedRead(
    need=NeedKind.NOTES,
    what=NOTES,
    operation="case_notes",
    page_operation="hub_notes",
    feed_key=_key,
    parts=lambda case: ("96", case),
    fetch=_nobody,
    value=tuple,
    since=0.0,
    swept=lambda: None,
)


class Request:
    """One request that reads at once."""

    def __init__(self, acceptance: Acceptance = ANY, windows: Windows | None = None) -> None:
        self.ledger = Ledger()
        self._access = Access(Kept(MemoryStore(), {Kind.NOTES: windows or Windows()}))
        self._asking = Asking(DataScope(), acceptance, self.ledger)

    def read(self, feed: Feed[Note] | None, cases: list[str], ahead: Any) -> dict[str, Any] | None:
        """Return the texts of each case, None for what has to be waited for."""
        found = read_at_once(self._access, self._asking, READ, feed, cases, ahead)
        if found is None:
            return None
        return {case: [note.text for note in notes or ()] for case, notes in found.items()}


def truth(rows: Notes, *cases: str) -> dict[str, Any]:
    """Return what direct calls would bring."""
    return {case: [text for _, text in rows.direct(case)] for case in cases}


async def test_all_cases_are_read_when_the_refresh_has_ended(
    feed: Feed[Note], rows: Notes, world: World
) -> None:
    """The call is the one that was begun ahead, and the ledger says where each row came from."""
    request = Request()
    rows.edit(1, "91")
    ahead = feed.look_ahead(ANY, Windows())
    assert request.read(feed, ["0", "1"], ahead) is None
    await settle()

    assert request.read(feed, ["0", "1", "7"], ahead) == {**truth(rows, "0", "1"), "7": []}
    assert [entry.source for entry in request.ledger] == [Source.FEED]
    assert world.calls == ["page"]


async def test_one_incomplete_case_leaves_all_to_those_who_wait(
    feed: Feed[Note], rows: Notes, world: World
) -> None:
    """Nothing is entered of what was not given, and the refresh can still be waited for."""
    request = Request()
    world.gate = asyncio.Event()
    ahead = feed.look_ahead(ANY, Windows())
    await settle()
    feed.changed("0")
    world.gate.set()
    await settle()

    assert request.read(feed, ["0", "1"], ahead) is None
    assert list(request.ledger) == []
    assert request.read(feed, ["1"], ahead) == truth(rows, "1")
    assert world.calls == ["page"]


@pytest.mark.parametrize(
    "request_",
    [Request(Acceptance(max_age=5)), Request(Acceptance(no_cache=True)), Request(ANY, Windows(60))],
    ids=["an age", "nothing kept", "kept by the windows"],
)
async def test_whoever_may_be_given_something_kept_looks_there_first(
    feed: Feed[Note], request_: Request
) -> None:
    """What is in hand goes before the feed, and only waiting looks everywhere."""
    ahead = feed.look_ahead(ANY, Windows())
    await settle()

    assert request_.read(feed, ["0"], ahead) is None


async def test_without_feed_refresh_or_sound_keys_nothing_is_read(feed: Feed[Note]) -> None:
    """A key that no feed can have fails in its own words, with those who wait."""
    request = Request()
    ahead = feed.look_ahead(ANY, Windows())
    await settle()

    assert request.read(None, ["0"], ahead) is None
    assert request.read(feed, ["0"], None) is None
    assert request.read(feed, ["0", "none"], ahead) is None
    assert request.read(feed, ["0"], ahead) is not None


async def test_a_feed_that_is_read_anew_meanwhile_is_not_waited_for(
    feed: Feed[Note], rows: Notes, world: World
) -> None:
    """What was begun ahead is left, and the case is asked itself while the fill hangs."""
    ahead = feed.look_ahead(ANY, Windows())
    await settle()
    world.gate = asyncio.Event()
    feed._upkeep._begin_fill()
    asked: list[str] = []

    async def fetch(case: str) -> tuple[Note, ...]:
        asked.append(case)
        return ()

    access = Access(Kept(MemoryStore(), {Kind.NOTES: Windows()}))
    read = replace(READ, fetch=fetch)
    asking = Asking(DataScope(), ANY, Ledger())
    found = await asyncio.wait_for(read_by_feed(access, asking, read, feed, ["0"], ahead), 5)
    world.gate.set()

    assert found == {"0": ()}
    assert asked == ["0"]
    assert rows.direct("0")


@pytest.mark.parametrize("later", range(6))
async def test_nothing_rests_on_what_runs_behind_another_answer(
    feed: Feed[Note], rows: Notes, world: World, later: int
) -> None:
    """At whichever turn the look ahead comes, only a refresh of the request's own tells."""
    made_behind: list[bool] = []
    world.before = lambda _: made_behind.append(behind.get())
    await ask(feed, ["0"], windows=Windows(fresh=10, stale=60))
    await turns(later)
    world.seconds += 1
    rows.edit(1, "91")

    ahead = feed.look_ahead(ANY, Windows())
    await settle()
    found = Request().read(feed, ["0"], ahead)

    assert found in (None, truth(rows, "0"))
    assert (found is None) is (False not in made_behind)
