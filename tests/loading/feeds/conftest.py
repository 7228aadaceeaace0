"""Feeds over lists that a test moves, closed when the test is over."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from casegraph.loading.feeds.bounds import FeedBounds, FeedConfig
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.review_reading import ReviewReading
from support.moving_lists import HUB, MovingList, Notes, Reviews, World, sources_of


@pytest.fixture
def world() -> World:
    """Return a clock that only the test moves."""
    return World()


@pytest.fixture
def notes(world: World) -> Notes:
    """Return an empty hub."""
    return Notes(world)


@pytest.fixture
def reviews(world: World) -> Reviews:
    """Return an empty tenant, of small pages."""
    return Reviews(world, page_size=4)


@pytest.fixture
async def feed_of() -> AsyncIterator[Callable[..., Feed[Any]]]:
    """Return what makes feeds of moving lists, four rows a page."""
    made: list[Feed[Any]] = []

    def make(rows: MovingList, keeper: Any = None, /, **bounds: Any) -> Feed[Any]:
        world = rows.world
        times = Times(world.wall, world.clock, world.sleep)
        page_size = bounds.pop("page_size", 4)
        reading: Any
        if isinstance(rows, Notes):
            reading = NoteReading(sources_of(rows), HUB, world.wall, page_size)
        else:
            assert isinstance(rows, Reviews)
            reading = ReviewReading(sources_of(None, rows), world.wall, rows.page_size)
        feed: Feed[Any] = Feed(reading, FeedConfig(bounds=FeedBounds(**bounds)), times, keeper)
        made.append(feed)
        return feed

    yield make
    for feed in made:
        await feed.close()
