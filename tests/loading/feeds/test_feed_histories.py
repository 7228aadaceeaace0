"""Whatever happens to a list, a feed of it answers as direct calls would.

Hypothesis writes histories: rows are made, edited, deleted, arrive late, are dated tomorrow, share
their times; the upstream's clock is off and jumps; and any of it may happen between two calls of a
fill or of a refresh.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from casegraph.loading.feeds.bounds import FeedBounds, FeedConfig, FeedState
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.review_reading import ReviewReading
from support.clock import settle
from support.feed_answers import ask, plain
from support.moving_lists import HUB, MovingList, Notes, Reviews, World, sources_of

CASES = ("1", "2", "3")
RECONCILE = 300.0
DAY = 86_400.0

numbers = st.integers(0, 30)
change = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(CASES), st.sampled_from([0.0, 0.0, 7.5, 30.0, -DAY])),
    st.tuples(st.just("edit"), numbers),
    st.tuples(st.just("delete"), numbers),
    st.tuples(st.just("tick"), st.sampled_from([0.0, 0.4, 1.0, 40.0, 200.0])),
    st.tuples(st.just("jump"), st.sampled_from([0.0, -25.0])),
)
meanwhile = st.lists(st.lists(change, max_size=3), max_size=6)
"""What happens before each of the next calls."""
move = st.one_of(
    st.tuples(st.just("now"), st.lists(change, min_size=1, max_size=5)),
    st.tuples(st.just("ask"), meanwhile),
)
histories = st.lists(move, min_size=1, max_size=12)


class History:
    """A list, its feed, and what has been deleted when."""

    def __init__(self, rows: MovingList, feed: Feed[Any], skew: float) -> None:
        self.rows, self.feed, self.world = rows, feed, rows.world
        self.skew = self.world.skew = skew
        self.deleted: dict[str, float] = {}
        self.texts = 100
        self.next_calls: deque[list[Any]] = deque()
        self.known: set[int] = set()
        self.world.before = self._before

    def _before(self, _operation: str) -> None:
        if self.next_calls:
            self.do(self.next_calls.popleft(), between=True)

    def do(self, changes: list[Any], *, between: bool = False) -> None:
        """Let things happen to the list.

        Between two calls only rows go that were there when the feed was last compared: one that
        comes and goes between a count and a refresh can hide a deletion until the next count.
        """
        for name, *values in changes:
            if name == "tick":
                self.world.seconds += values[0]
            elif name == "jump":
                self.world.skew = self.skew + values[0]
            elif name == "add":
                self.texts += 1
                self.rows.add(values[0], str(self.texts), late=values[1])
            else:
                rows = sorted(set(self.rows.rows) & self.known if between else self.rows.rows)
                if rows:
                    self._change(name, rows[values[0] % len(rows)])

    def _change(self, name: str, row_id: int) -> None:
        if name == "edit":
            self.texts += 1
            self.rows.edit(row_id, str(self.texts))
        else:
            self.rows.delete(row_id)
            self.deleted[str(row_id)] = self.world.seconds

    async def check(self) -> bool:
        """Ask while nothing moves and compare; returns whether the feed answered."""
        self.next_calls.clear()
        self.feed.start()
        asked = self.world.seconds
        answer = plain(await ask(self.feed, CASES))
        for case, rows in answer.items():
            direct = self.rows.direct(case)
            ghosts = [row for row, _ in rows if row in self.deleted]
            assert [row for row in rows if row[0] not in ghosts] == direct
            assert all(asked - self.deleted[row] <= RECONCILE for row in ghosts)
        await settle()
        self.known = set(self.rows.rows)
        return set(answer) == set(CASES)


async def _live(history: History, moves: list[Any]) -> None:
    for name, value in moves:
        if name == "now":
            history.do(value)
        else:
            history.next_calls = deque(value)
            history.feed.start()
            await ask(history.feed, CASES)
            history.world.seconds += 0.25
            await history.check()
            history.world.seconds += 0.25
    # Whatever was in the way passes, and then the feed is complete.
    for _ in range(3):
        history.world.seconds += 700
        if await history.check():
            return
    raise AssertionError(history.feed.view())


def _run(make: Callable[[World], tuple[MovingList, Any]], skew: float, moves: list[Any]) -> None:
    async def run() -> None:
        world = World()
        rows, reading = make(world)
        times = Times(world.wall, world.clock, world.sleep)
        feed: Feed[Any] = Feed(
            reading, FeedConfig(bounds=FeedBounds(reconcile_seconds=RECONCILE)), times
        )
        try:
            await _live(History(rows, feed, skew), moves)
            event(f"pages: {world.calls.count('page') // 5 * 5}")
            assert feed.view().state in {FeedState.READY, FeedState.FILLING}
        finally:
            await feed.close()

    asyncio.run(run())


SKEWS = st.sampled_from([0.0, -3600.0, 600.0])


@given(moves=histories, skew=SKEWS, page_size=st.integers(2, 4), shuffled=st.booleans())
@settings(max_examples=70, deadline=None)
def test_notes_of_any_history_are_those_of_direct_calls(
    moves: list[Any], skew: float, page_size: int, shuffled: bool
) -> None:
    """No edit, new note or late note is missed, and a deleted one is known in time."""

    def make(world: World) -> tuple[MovingList, Any]:
        notes = Notes(world, out_of_order=shuffled)
        return notes, NoteReading(sources_of(notes), HUB, world.wall, page_size)

    _run(make, skew, moves)


@given(moves=histories, skew=SKEWS, page_size=st.integers(2, 4))
@settings(max_examples=70, deadline=None)
@pytest.mark.parametrize("order", ["id", "changed"])
def test_reviews_of_any_history_are_those_of_direct_calls(
    order: Any, moves: list[Any], skew: float, page_size: int
) -> None:
    """In whichever order the vendor lists them, no change of a review is ever missed."""

    def make(world: World) -> tuple[MovingList, Any]:
        reviews = Reviews(world, page_size=page_size, order=order)
        return reviews, ReviewReading(sources_of(None, reviews), world.wall, page_size)

    _run(make, skew, moves)
