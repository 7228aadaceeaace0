"""A feed that was slow is found to be quick again, at the cost of a call now and then."""

from collections.abc import Callable
from typing import Any

import pytest

from casegraph.loading.access.by_feed import FeedRead, read_by_feed
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.lane import Lane
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NOTES
from casegraph.loading.feeds.bounds import FeedKey
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
