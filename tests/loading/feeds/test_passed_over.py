"""A feed that was slow is found to be quick again, at the cost of a call now and then."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from casegraph.errors import ContractViolation, UpstreamUnavailable
from casegraph.loading.access.by_feed import FeedRead, read_by_feed
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.lane import Lane
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NOTES
from casegraph.loading.feeds.bounds import FeedKey, FeedState
from casegraph.loading.feeds.demand import PASSED_OVER
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.scope import DataScope
from casegraph.upstreams.action_management.records import Note
from support.clock import settle
from support.feed_answers import filled
from support.moving_lists import Notes, World

DOWN = UpstreamUnavailable("action_management", "hub_notes", "the upstream failed on its own side")


@pytest.fixture
async def feed(notes: Notes, feed_of: Callable[..., Feed[Any]], world: World) -> Feed[Note]:
    """Return a feed of one note, filled some seconds ago, the calls counted from here."""
    notes.add("0", "1")
    made = feed_of(notes)
    await filled(made)
    world.seconds += 30
    world.calls.clear()
    return made


class Gateway:
    """Asks for the notes of one case, for which a page takes a second and a call for it 10 ms."""

    def __init__(self, world: World, feed: Feed[Note]) -> None:
        self.direct: list[str] = []
        self.learned = Learned(world.clock)
        self.learned.took("action_management", "hub_notes", 1.0)
        self.learned.took("action_management", "case_notes", 0.01)
        kept = Kept(MemoryStore(), {Kind.NOTES: Windows()}, clock=world.wall)
        self.lane = Lane()
        self._access = Access(kept, self.learned, {"action_management": lambda: self.lane})
        self._feed = feed
        self._world = world

    async def ask(self, acceptance: Acceptance = ANY) -> None:
        """Read as one request, and let what goes on behind it end."""
        read: FeedRead[str, Note, tuple[Note, ...] | None] = FeedRead(
            need=NeedKind.NOTES,
            what=NOTES,
            operation="case_notes",
            page_operation="hub_notes",
            feed_key=FeedKey,
            parts=lambda case: ("96", case),
            fetch=self._fetch,
            value=tuple,
            since=self._world.wall(),
            swept=lambda: None,
        )
        asking = Asking(DataScope(), acceptance, Ledger())
        await read_by_feed(self._access, asking, read, self._feed, ["0"])
        await settle()

    async def _fetch(self, case: str) -> tuple[Note, ...]:
        self.direct.append(case)
        return ()


async def test_it_is_refreshed_behind_each_tenth_answer_that_passed_it_over(
    feed: Feed[Note], world: World
) -> None:
    """Nobody waits for it, and each answer has been asked for its own case."""
    gateway = Gateway(world, feed)

    for _ in range(PASSED_OVER - 1):
        await gateway.ask()
    assert world.calls == []
    for _ in range(PASSED_OVER + 1):
        await gateway.ask()

    assert world.calls == ["page"] * 2
    assert len(gateway.direct) == 2 * PASSED_OVER


async def test_once_it_is_seen_to_be_quick_it_is_the_way(feed: Feed[Note], world: World) -> None:
    """What is learned behind the answers changes the next choice."""
    gateway = Gateway(world, feed)
    for _ in range(50):
        gateway.learned.took("action_management", "hub_notes", 0.005)

    await gateway.ask()

    assert (world.calls, gateway.direct) == (["page"], [])


async def test_where_rows_are_to_be_counted_they_are(feed: Feed[Note], world: World) -> None:
    """A feed whose count is due costs two calls, and would never be the way without it."""
    gateway = Gateway(world, feed)
    world.seconds += 400
    assert feed.view().refresh_calls == 2

    for _ in range(PASSED_OVER):
        await gateway.ask()

    assert sorted(world.calls) == ["count", "page"]
    assert feed.view().refresh_calls == 1


async def test_who_needs_it_while_it_is_tried_joins(feed: Feed[Note], world: World) -> None:
    """Nobody waits for the one refresh and then for another."""
    gateway = Gateway(world, feed)
    world.gate = asyncio.Event()
    for _ in range(PASSED_OVER):
        await gateway.ask()
    assert feed.view().is_joinable

    ahead = feed.look_ahead(ANY, Windows())
    assert ahead is not None
    world.gate.set()

    assert await ahead.landed() is None
    ahead.leave()
    assert world.calls == ["page"]


async def test_tries_that_fail_become_fewer(feed: Feed[Note], world: World) -> None:
    """An upstream that is down is asked for its sake a few times, and not for each ten answers."""
    gateway = Gateway(world, feed)
    world.errors.extend([DOWN] * 100)

    for _ in range(30 * PASSED_OVER):
        await gateway.ask()

    assert len(world.calls) == 4  # after 10, 20, 40 and 80 more
    assert len(gateway.direct) == 30 * PASSED_OVER


async def test_one_whose_changes_cannot_be_read_is_tried_no_more(
    feed: Feed[Note], world: World
) -> None:
    """It is halted, as where it had been the way."""
    gateway = Gateway(world, feed)
    world.errors.append(ContractViolation("action_management", "hub_notes", "no list"))

    for _ in range(5 * PASSED_OVER):
        await gateway.ask()

    assert feed.view().state is FeedState.UNUSABLE
    assert world.calls == ["page"]


async def test_while_a_try_hangs_there_is_no_other(feed: Feed[Note], world: World) -> None:
    """Nothing piles up behind it."""
    gateway = Gateway(world, feed)
    world.gate = asyncio.Event()
    before = len(asyncio.all_tasks())

    for _ in range(5 * PASSED_OVER):
        await gateway.ask()

    assert world.calls == ["page"]
    assert len(asyncio.all_tasks()) <= before + 2  # the try and its call
    world.gate.set()


async def test_nothing_is_tried_while_calls_have_to_wait_their_turn(
    feed: Feed[Note], world: World
) -> None:
    """The places of a pace are for those who are waited for."""
    gateway = Gateway(world, feed)
    gateway.lane = Lane(interval=1.0, backlog=1.0)

    for _ in range(2 * PASSED_OVER):
        await gateway.ask()

    assert world.calls == []
    assert len(gateway.direct) == 2 * PASSED_OVER


async def test_nothing_is_tried_for_a_client_that_wants_no_call(
    feed: Feed[Note], world: World
) -> None:
    """Nor for one that wants each thing asked anew, by whom no feed is looked at."""
    gateway = Gateway(world, feed)

    for _ in range(2 * PASSED_OVER):
        await gateway.ask(Acceptance(no_cache=True))

    assert world.calls == []


async def test_a_feed_that_is_not_ready_is_not_tried(feed: Feed[Note], world: World) -> None:
    """There is nothing that a refresh could bring up to date."""
    gateway = Gateway(world, feed)
    await feed.close()

    for _ in range(2 * PASSED_OVER):
        await gateway.ask()

    assert world.calls == []
