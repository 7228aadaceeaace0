"""All feeds of a process: one for the notes of each hub, one for the reviews, by whose data it is.

A client may name any hub, so feeds of hubs are bounded in number and, together, in rows and bytes;
the one not used for longest goes first.
Invariant: feeds of two tenants or identities are never the same.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from casegraph.loading.feeds.bounds import FeedConfig, FeedMode, FeedState
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.keeper import Keeper, OwnKeeper
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.reading import Reading
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.loading.scope import DataScope, tenant_of
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.records import Note
from casegraph.upstreams.case_reviews.records import ReviewEntry

if TYPE_CHECKING:  # who has no Redis or no file does not import what drives it
    from casegraph.loading.feeds.redis_place import RedisServer
    from casegraph.loading.feeds.store_file import FileStore

MOST_FEEDS = 64
"""Hubs with a feed at the same time."""

R = TypeVar("R")


class Feeds:
    """The registry.

    With `redis_url`, a URL that the cache has accepted, feeds are shared by all processes; with
    `file` they outlast this one; Redis goes before the file.
    """

    def __init__(
        self,
        sources: Sources,
        notes: FeedConfig | None = None,
        reviews: FeedConfig | None = None,
        *,
        times: Times | None = None,
        file: Path | None = None,
        redis_url: str | None = None,
    ) -> None:
        self._file = None if file is None else _file_store(file)
        self._redis = None if redis_url is None else _redis_server(redis_url)
        self._token = uuid4().hex
        self._sources = sources
        self._times = times or Times()
        self._note_config = notes or FeedConfig()
        self._review_config = reviews or FeedConfig()
        self._notes: _Shelf[Note] = _Shelf(self._note_config)
        self._reviews: _Shelf[ReviewEntry] = _Shelf(self._review_config)

    def notes(self, scope: DataScope, hub_id: str) -> Feed[Note]:
        """Return the feed of a hub's notes; it is not started."""
        key = _notes_key(scope, hub_id)
        return self._notes.get(key, lambda: self._notes_made(key, hub_id))

    def reviews(self, scope: DataScope) -> Feed[ReviewEntry]:
        """Return the feed of all review entries; it is not started."""
        key = _reviews_key(scope)
        return self._reviews.get(key, lambda: self._reviews_made(key))

    def notes_at_hand(self, scope: DataScope, hub_id: str) -> Feed[Note] | None:
        """Return the feed of a hub's notes if somebody has needed it; none is made or let go of."""
        return self._notes.at_hand(_notes_key(scope, hub_id))

    def reviews_at_hand(self, scope: DataScope) -> Feed[ReviewEntry] | None:
        """Return the feed of all review entries if somebody has needed it; none is made."""
        return self._reviews.at_hand(_reviews_key(scope))

    def start_eager(self, scope: DataScope, hub_ids: Iterable[str]) -> None:
        """Begin to fill what is to be filled at start; never waits."""
        if self._note_config.mode is FeedMode.EAGER:
            for hub_id in hub_ids:
                self.notes(scope, hub_id).start()
        if self._review_config.mode is FeedMode.EAGER:
            self.reviews(scope).start()

    async def close(self) -> None:
        """End all work in the background."""
        await self._notes.close()
        await self._reviews.close()
        if self._file is not None:
            await self._file.close()
        if self._redis is not None:
            await self._redis.close()

    def _notes_made(self, key: tuple[str, ...], hub_id: str) -> Feed[Note]:
        reading = NoteReading(self._sources, hub_id, self._times.wall)
        return self._made(key, reading, self._note_config)

    def _reviews_made(self, key: tuple[str, ...]) -> Feed[ReviewEntry]:
        reading = ReviewReading(self._sources, self._times.wall)
        return self._made(key, reading, self._review_config)

    def _made(self, key: tuple[str, ...], reading: Reading[R], config: FeedConfig) -> Feed[R]:
        return Feed(reading, config, self._times, self._keeper(key, config))

    def _keeper(self, key: tuple[str, ...], config: FeedConfig) -> Keeper[Any]:
        # With another window the same rows are another feed.
        name = tenant_of(*key, str(config.bounds.window_days))
        if self._redis is not None:
            return _redis_keeper(self._redis, name, self._token)
        if self._file is not None:
            return _file_keeper(self._file, name)
        return OwnKeeper()


def _notes_key(scope: DataScope, hub_id: str) -> tuple[str, ...]:
    return (*scope.parts(NoteReading.upstream), NoteReading.operation, hub_id)


def _reviews_key(scope: DataScope) -> tuple[str, ...]:
    return (*scope.parts(ReviewReading.upstream), ReviewReading.operation)


def _file_store(file: Path) -> "FileStore":
    from casegraph.loading.feeds.store_file import FileStore  # noqa: PLC0415  SQLite

    return FileStore(file)


def _file_keeper(store: "FileStore", name: str) -> Keeper[Any]:
    from casegraph.loading.feeds.store_file import FileKeeper  # noqa: PLC0415  the same

    return FileKeeper(store, name)


def _redis_server(url: str) -> "RedisServer":
    from casegraph.loading.feeds.redis_place import RedisServer  # noqa: PLC0415  its driver

    return RedisServer(url)


def _redis_keeper(server: "RedisServer", name: str, token: str) -> Keeper[Any]:
    from casegraph.loading.feeds.redis_place import Place  # noqa: PLC0415  its driver
    from casegraph.loading.feeds.store_redis import RedisKeeper  # noqa: PLC0415  the same

    return RedisKeeper(Place(server, name, token))


class _Shelf(Generic[R]):
    """Feeds by key, the least recently used first to go."""

    def __init__(self, config: FeedConfig) -> None:
        self._bounds = config.bounds
        self._feeds: OrderedDict[tuple[str, ...], Feed[R]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, key: tuple[str, ...], make: Callable[[], Feed[R]]) -> Feed[R]:
        """Return the feed under a key, made at its first need."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = make()
        self._feeds.move_to_end(key)
        self._make_room(feed)
        return feed

    def at_hand(self, key: tuple[str, ...]) -> Feed[R] | None:
        """Return the feed under a key, without a word on how recently it was needed."""
        return self._feeds.get(key)

    async def close(self) -> None:
        """Close all feeds."""
        for key in list(self._feeds):
            self._drop(key)
        while self._closing:
            await asyncio.wait(self._closing)

    def _make_room(self, kept: Feed[R]) -> None:
        bounds = self._bounds
        while len(self._feeds) > 1:
            rows = sum(feed.rows_held for feed in self._feeds.values())
            size = sum(feed.bytes_held for feed in self._feeds.values())
            if len(self._feeds) <= MOST_FEEDS and rows <= bounds.rows and size <= bounds.bytes:
                return
            key = next(key for key, feed in self._feeds.items() if feed is not kept)
            self._drop(key)

    def _drop(self, key: tuple[str, ...]) -> None:
        feed = self._feeds.pop(key)
        if feed.view().state in {FeedState.OFF, FeedState.EMPTY}:
            return
        task = asyncio.create_task(feed.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
