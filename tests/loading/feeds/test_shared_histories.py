"""Two processes on one Redis answer as direct calls would, whatever happens to the list.

Each history of test_feed_histories is lived by two feeds in turn, over a real Redis, with whatever
each of them still does in the background.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.loading.feeds.bounds import FeedBounds, FeedConfig, FeedState
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.redis_place import Place, RedisServer
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.loading.feeds.store_redis import RedisKeeper
from support.feed_answers import ask, plain
from support.moving_lists import HUB, MovingList, Notes, Reviews, World, sources_of
from support.patience import PATIENCE_SECONDS
from support.redis_server import RedisServer as RealRedis
from support.redis_server import needs_redis, running_redis

pytestmark = needs_redis

CASES = ("1", "2", "3")
NAMES = count()
numbers = st.integers(0, 30)
change = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(CASES), st.sampled_from([0.0, 7.5, 30.0])),
    st.tuples(st.just("edit"), numbers),
    st.tuples(st.just("tick"), st.sampled_from([0.0, 1.0, 40.0, 90.0])),
)
turns = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.lists(change, min_size=1, max_size=4),
        st.lists(st.lists(change, max_size=2), max_size=3),
    ),
    min_size=2,
    max_size=10,
)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """Run one server for all histories; each has a name of its own in it."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


def happen(rows: MovingList, changes: list[Any], texts: Any) -> None:
    """Let things happen to the list."""
    for name, *values in changes:
        if name == "tick":
            rows.world.seconds += values[0]
        elif name == "add":
            rows.add(values[0], str(next(texts)), late=values[1])
        elif rows.rows:
            rows.edit(sorted(rows.rows)[values[0] % len(rows.rows)], str(next(texts)))


async def live(rows: MovingList, make_reading: Any, redis: RealRedis, moves: Any) -> None:
    """Live a history with two feeds, comparing each answer that is given while nothing moves."""
    world, name, texts = rows.world, f"history {next(NAMES)}", count(100)
    servers = [RedisServer(redis.url, step_seconds=PATIENCE_SECONDS) for _ in range(2)]
    config = FeedConfig(bounds=FeedBounds())
    times = Times(world.wall, world.clock, world.sleep)
    feeds: list[Feed[Any]] = [
        Feed(make_reading(), config, times, RedisKeeper(Place(server, name, f"process {at}")))
        for at, server in enumerate(servers)
    ]
    meanwhile: deque[list[Any]] = deque()
    world.before = lambda _: happen(rows, meanwhile.popleft() if meanwhile else [], texts)
    try:
        for at, changes, moving in moves:
            happen(rows, changes, texts)
            meanwhile.extend(moving)
            for feed in feeds:
                feed.start()
            await asyncio.gather(*(ask(feed, CASES) for feed in feeds))
            meanwhile.clear()
            world.seconds += 1
            answer = plain(await ask(feeds[at], CASES))
            assert answer in ({}, {case: rows.direct(case) for case in CASES})
            assert answer or feeds[at].view().state is not FeedState.READY
    finally:
        for feed, server in zip(feeds, servers, strict=True):
            await feed.close()
            await server.close()


@given(moves=turns)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("kind", ["notes", "reviews"])
def test_two_processes_miss_no_change_of_any_history(
    redis: RealRedis, kind: str, moves: Any
) -> None:
    """What either has read is known to both, and each answer is that of direct calls."""
    world = World()
    notes, reviews = Notes(world), Reviews(world, page_size=3)

    def reading() -> Any:
        if kind == "notes":
            return NoteReading(sources_of(notes), HUB, world.wall, 3)
        return ReviewReading(sources_of(None, reviews), world.wall, 3)

    rows = notes if kind == "notes" else reviews
    asyncio.run(live(rows, reading, redis, moves))
