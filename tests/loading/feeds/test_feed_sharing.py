"""What requests share of a feed is bound by none of them, and none waits beyond its own time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casegraph.errors import (
    DeadlineExceeded,
    UpstreamUnavailable,
)
from casegraph.loading.feeds.bounds import FeedKey
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.freshness import ANY, Windows
from casegraph.transport.deadline import request_deadline
from support.feed_answers import ask, filled, plain
from support.moving_lists import EPOCH, MovingList, World

FeedOf = Callable[..., Feed[Any]]
DOWN = UpstreamUnavailable("somebody", "hub_notes", "the upstream failed on its own side")


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> MovingList:
    """Return both kinds of lists in turn, with three cases in them."""
    made: MovingList = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


async def test_a_request_waits_for_a_fill_no_longer_than_its_own_time(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """The request that began the fill may end; the fill goes on."""
    world.gate = asyncio.Event()
    feed = feed_of(rows)
    feed.start()
    request_deadline.set(asyncio.get_running_loop().time() - 1)

    with pytest.raises(DeadlineExceeded):
        await ask(feed, ["0"])
    with pytest.raises(DeadlineExceeded):
        await feed.size_known()
    request_deadline.set(float("inf"))
    world.gate.set()
    await feed.size_known()

    assert {"0": rows.direct("0")} == plain(await ask(feed, ["0"]))


async def test_a_refresh_outlives_the_deadline_of_who_began_it(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A second asker gets the answer that the first one could not wait for."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 1
    world.gate = asyncio.Event()
    calls = len(world.calls)

    async def hurried() -> None:
        request_deadline.set(asyncio.get_running_loop().time() + 0.02)
        await ask(feed, ["0"], windows=Windows(stale_if_error=0))

    first = asyncio.create_task(hurried())
    second = asyncio.create_task(ask(feed, ["0"]))
    await asyncio.wait([first])
    world.gate.set()

    assert {"0": rows.direct("0")} == plain(await second)
    assert isinstance(first.exception(), DeadlineExceeded)
    assert calls + 1 == len(world.calls)


async def test_a_window_covers_only_cases_opened_well_inside_it(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A case that is older than the window, or of unknown age, is left to direct calls."""
    feed = feed_of(rows, window_days=10)
    await filled(feed)
    opened = EPOCH - timedelta(days=8)
    keys = [
        FeedKey("0", opened),
        FeedKey("1", EPOCH - timedelta(days=9.5)),
        FeedKey("2"),
    ]

    answer = await feed.rows(keys, ANY, Windows())

    assert list(answer.rows) == ["0"]
    covers = feed.view().covers_from
    assert covers is not None
    assert covers < datetime.fromtimestamp(world.wall(), UTC) - timedelta(days=9.9)


async def test_what_runs_behind_an_answer_is_no_confirmation_of_a_later_one(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A count begun before an edit is waited for, and then the request asks for itself."""
    feed = feed_of(rows, reconcile_seconds=300)
    await filled(feed)
    world.seconds += 151
    await ask(feed, ["0"])
    moments: list[str] = []
    world.before = moments.append
    while moments != ["count", "page"]:  # noqa: ASYNC110 - the call itself is watched
        await asyncio.sleep(0)
    world.seconds += 1
    rows.edit(1, "91")

    answer = await ask(feed, ["0"])

    assert plain(answer) == {"0": rows.direct("0")}
