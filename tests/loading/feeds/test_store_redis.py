"""Processes on one Redis share a feed: one reads, the others take over what it has read."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.redis_place import Place, RedisServer
from casegraph.loading.feeds.store_redis import RedisKeeper
from support.feed_answers import ask, filled, plain
from support.moving_lists import MovingList, World
from support.patience import PATIENCE_SECONDS
from support.redis_server import RedisServer as RealRedis
from support.redis_server import needs_redis, running_redis

pytestmark = needs_redis

FeedOf = Callable[..., Feed[Any]]
ALL = ("0", "1", "2")


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """Run one server for the tests that do not harm it."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(shared_server: RealRedis) -> RealRedis:
    """Return the server, emptied."""
    shared_server.admin().flushall()
    return shared_server


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> MovingList:
    """Return both kinds of lists in turn, with rows of three cases in them."""
    made: MovingList = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


class WatchedPlace(Place):
    """A place that says when another process's lease has turned this one away."""

    was_turned_away = False

    async def take(self, lease: str) -> bool | None:
        """Take a lease, and remember a refusal."""
        answer = await super().take(lease)
        self.was_turned_away |= answer is False
        return answer


@pytest.fixture
def places() -> list[WatchedPlace]:
    """Return the places of the processes made so far."""
    return []


@pytest.fixture
async def joined(
    feed_of: FeedOf, places: list[WatchedPlace]
) -> AsyncIterator[Callable[..., Feed[Any]]]:
    """Return what makes the feed of one more process on a Redis."""
    servers: list[RedisServer] = []

    def make(
        rows: MovingList,
        redis: RealRedis,
        /,
        *,
        # Generous, so that a busy machine is not taken for a slow Redis.
        step_seconds: float = PATIENCE_SECONDS,
        **bounds: Any,
    ) -> Feed[Any]:
        servers.append(RedisServer(redis.url, step_seconds=step_seconds))
        places.append(WatchedPlace(servers[-1], "one", f"process {len(servers)}"))
        return feed_of(rows, RedisKeeper(places[-1]), **bounds)

    yield make
    for server in servers:
        await server.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Let others go on until something is so."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


def truth(rows: MovingList) -> Any:
    """Return what direct calls answer."""
    return {case: rows.direct(case) for case in ALL}


async def test_a_second_process_loads_what_the_first_has_read(
    rows: MovingList, redis: RealRedis, joined: FeedOf, world: World
) -> None:
    """It pays one call for what has changed since."""
    await filled(joined(rows, redis))
    world.seconds += 5
    rows.edit(2, "31")
    world.calls.clear()
    second = joined(rows, redis)
    second.start()

    answer = await ask(second, ALL)

    assert world.calls == ["page"]
    assert plain(answer) == truth(rows)


async def test_two_processes_that_fill_at_once_read_the_whole_once(
    rows: MovingList,
    redis: RealRedis,
    joined: FeedOf,
    world: World,
    places: list[WatchedPlace],
) -> None:
    """One reads; the other waits, and knows how much is left."""
    world.gate = asyncio.Event()
    first, second = joined(rows, redis), joined(rows, redis)
    first.start()
    await until(lambda: bool(world.calls))
    second.start()
    asked = asyncio.create_task(ask(second, ALL))
    await until(lambda: places[1].was_turned_away)
    world.gate.set()
    await filled(first)
    alone = len(world.calls)

    answer = await asked

    assert len(world.calls) <= alone + 1
    assert plain(answer) == truth(rows)


async def test_what_one_process_has_read_the_other_does_not_read_again(
    rows: MovingList,
    redis: RealRedis,
    joined: FeedOf,
    world: World,
    places: list[WatchedPlace],
) -> None:
    """Both ask at once: one call, and both answer alike."""
    first, second = joined(rows, redis), joined(rows, redis)
    await filled(first)
    await filled(second)
    world.seconds += 50
    rows.edit(1, "41")
    rows.add("2", "42")
    world.calls.clear()
    world.gate = asyncio.Event()
    tasks = [asyncio.create_task(ask(feed, ALL)) for feed in (first, second)]
    await until(lambda: any(place.was_turned_away for place in places))
    world.gate.set()

    answers = [plain(await task) for task in tasks]

    assert world.calls == ["page"]
    assert answers == [truth(rows), truth(rows)]


async def test_turns_of_many_edits_are_seen_by_both(
    rows: MovingList, redis: RealRedis, joined: FeedOf, world: World
) -> None:
    """Rows that only the other process has read are there when their turn comes."""
    feeds = [joined(rows, redis), joined(rows, redis)]
    for feed in feeds:
        await filled(feed)
    for turn in range(12):
        world.seconds += 40
        rows.edit(turn % 10 + 1, str(100 + turn))
        rows.add(ALL[turn % 3], str(200 + turn))

        answer = await ask(feeds[turn % 5 % 2], ALL)

        assert plain(answer) == truth(rows)


async def test_a_deletion_that_one_process_finds_is_gone_from_all(
    rows: MovingList, redis: RealRedis, joined: FeedOf, world: World
) -> None:
    """The whole is read anew once, and the other loads it."""
    first, second = joined(rows, redis), joined(rows, redis)
    await filled(first)
    await filled(second)
    rows.delete(4)
    world.seconds += 301
    await ask(first, ALL)
    await ask(first, ALL)
    keepers = [feed._upkeep.keeper for feed in (first, second)]
    for _ in range(3):
        world.seconds += 1
        await ask(second, ALL)
        await until(lambda: not keepers[1]._tasks)

    assert plain(await ask(first, ALL)) == truth(rows)
    assert plain(await ask(second, ALL)) == truth(rows)
    assert keepers[0]._epoch == keepers[1]._epoch is not None


async def test_a_holder_that_is_not_heard_of_any_more_is_replaced(
    rows: MovingList, redis: RealRedis, joined: FeedOf, world: World
) -> None:
    """Its lease ends, and the waiting process reads itself."""
    feed = joined(rows, redis)
    await filled(feed)
    world.seconds += 5
    rows.edit(1, "51")
    admin = redis.admin()
    (head,) = admin.keys("*:head")
    admin.set(head.removesuffix(b":head") + b":lease:refresh", "a dead process", px=300)

    assert plain(await ask(feed, ALL)) == truth(rows)


@pytest.mark.parametrize("spoil", ["flush", "head", "type", "rows", "data"])
async def test_garbage_or_loss_in_redis_fails_no_answer(
    rows: MovingList, redis: RealRedis, joined: FeedOf, world: World, spoil: str
) -> None:
    """Both processes go on from their own index, and come to share again."""
    feeds = [joined(rows, redis), joined(rows, redis)]
    for feed in feeds:
        await filled(feed)
    admin = redis.admin()
    (head,) = admin.keys("*:head")
    (held,) = admin.keys("*:rows:*")
    if spoil == "flush":
        admin.flushall()
    elif spoil == "head":
        admin.hset(head, "seq", "many")
    elif spoil == "type":
        admin.set(head, "x")
    elif spoil == "rows":
        admin.delete(held)
        admin.set(held, "y")
    else:
        admin.hset(head, "data", b"\xff")
    for turn in range(6):
        world.seconds += 5
        rows.edit(turn + 1, str(60 + turn))
        feed = feeds[turn % 2]
        assert plain(await ask(feed, ALL)) == truth(rows)
        await until(lambda feed=feed: not feed._upkeep.keeper._tasks)

    epochs = {feed._upkeep.keeper._epoch for feed in feeds}
    assert len(epochs) == 1
    assert None not in epochs


async def test_a_redis_that_is_killed_or_hangs_fails_no_answer(
    rows: MovingList, joined: FeedOf, world: World, tmp_path: Path
) -> None:
    """Suspended, killed and started again empty, nobody sees anything but the truth."""
    with running_redis(tmp_path) as server:
        feeds = [joined(rows, server, step_seconds=0.5) for _ in range(2)]
        for feed in feeds:
            await filled(feed)
        for step in ("hang", "killed", "back"):
            if step == "hang":
                server.signal(signal.SIGSTOP)
            else:
                server.stop()
            if step == "back":
                server.start()
            for turn in range(2):
                world.seconds += 5
                rows.edit(turn + 3, str(world.seconds)[:6].replace(".", ""))
                for feed in feeds:
                    assert plain(await ask(feed, ALL)) == truth(rows)


async def test_nothing_secret_and_no_case_stands_in_a_key(
    rows: MovingList, redis: RealRedis, joined: FeedOf
) -> None:
    """Keys are made of a digest, a version and what they hold."""
    await filled(joined(rows, redis))

    assert all(key.startswith(b"casegraph:v1:feed:{one}:") for key in redis.admin().keys("*"))
