"""Reading through a real Redis that two processes share, and that is killed, hung and spoilt."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from casegraph.loading.asking import Asking
from casegraph.loading.cache import OPERATION_SECONDS, cache_key, open_cache
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_store import CacheStore
from casegraph.loading.ledger import Ledger, Source
from casegraph.loading.scope import DataScope
from support.clock import Clock
from support.patience import PATIENCE_SECONDS
from support.redis_server import RedisServer, needs_redis, running_redis
from support.stalls import timed

pytestmark = needs_redis

WHAT: What[Any] = What(
    "ratings",
    Kind.RATINGS,
    "things",
    lambda value: json.dumps(value).encode(),
    json.loads,
    lambda _: (),
)
WINDOWS = {Kind.RATINGS: Windows(fresh=100, stale=0, stale_if_error=600)}


class Process:
    """What one process has of its own: its store and its clock; and how often it asked."""

    def __init__(self, server: RedisServer, patience: float = PATIENCE_SECONDS) -> None:
        self.clock = Clock()
        self.store = CacheStore(open_cache(server.url, operation_seconds=patience))
        self.kept = Kept(self.store, WINDOWS, clock=self.clock)
        self.calls = 0

    async def read(
        self, key: str, acceptance: Acceptance = ANY, scope: DataScope | None = None
    ) -> Source:
        """Read a key, and return where it came from."""

        async def fetch() -> Any:
            self.calls += 1
            return ["value of", key]

        asking = Asking(scope or DataScope(), acceptance, Ledger())
        assert await self.kept.read(WHAT, (key,), fetch, asking) == ["value of", key]
        (provenance,) = asking.ledger
        return provenance.source

    async def written(self) -> None:
        """Wait until Redis has been told."""
        tasks = [each.task for each in self.store._writing.values()]
        if tasks:
            await asyncio.wait(tasks)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a running server and end it, whatever state the test left it in."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
async def processes(server: RedisServer) -> AsyncIterator[tuple[Process, Process]]:
    """Give two processes over one Redis."""
    pair = Process(server), Process(server)
    yield pair
    for each in pair:
        await each.kept.close()


@pytest.fixture
async def hasty_processes(server: RedisServer) -> AsyncIterator[tuple[Process, Process]]:
    """Give two processes with as little patience as is shipped."""
    pair = Process(server, OPERATION_SECONDS), Process(server, OPERATION_SECONDS)
    yield pair
    for each in pair:
        await each.kept.close()


async def test_what_one_process_fetched_serves_the_other(
    processes: tuple[Process, Process], server: RedisServer
) -> None:
    """The entry is found by every process, with the moment of the first one's call."""
    one, other = processes
    assert await one.read("7") is Source.UPSTREAM
    await one.written()
    assert await other.read("7") is Source.CACHE
    assert (one.calls, other.calls) == (1, 0)
    with server.admin() as admin:
        (key,) = admin.keys()
        assert key == cache_key("things", "none", "service", "7").encode()
        assert 600 < admin.ttl(key) <= 700


async def test_tenants_share_a_redis_and_nothing_in_it(
    processes: tuple[Process, Process],
) -> None:
    """A gateway with another account finds nothing of the first one's."""
    one, other = processes
    await one.read("7", scope=DataScope({"ratings": "one"}))
    await one.written()
    assert await other.read("7", scope=DataScope({"ratings": "other"})) is Source.UPSTREAM
    assert await other.read("7", scope=DataScope({"ratings": "one"})) is Source.CACHE


async def test_five_hundred_readers_at_expiry_make_one_call(
    processes: tuple[Process, Process],
) -> None:
    """When an entry has left its window, all who find that out share one call."""
    one, other = processes
    await one.read("7")
    await one.written()
    other.clock.now += 101

    sources = await asyncio.gather(*(other.read("7") for _ in range(500)))
    assert (set(sources), other.calls) == ({Source.UPSTREAM}, 1)


@pytest.mark.parametrize("trouble", ["killed", "hung"])
async def test_no_read_fails_because_redis_does(
    trouble: str, hasty_processes: tuple[Process, Process], server: RedisServer
) -> None:
    """Dead or silent in the midst of it, Redis costs calls and some milliseconds, no answers."""
    one, other = hasty_processes
    await one.read("before")
    await one.written()
    reading = asyncio.gather(*(one.read(str(number)) for number in range(50)))
    await asyncio.sleep(0)
    if trouble == "killed":
        server.stop()
    else:
        server.signal(signal.SIGSTOP)

    assert set(await reading) == {Source.UPSTREAM}
    for _ in range(7):
        assert await other.read("before") is Source.UPSTREAM
    with timed() as took:
        for _ in range(100):
            await other.read("before")
    # Left alone after five failures: a hundred reads cost nothing like a hundred time-outs.
    assert took.seconds < 1.0


async def test_garbage_in_every_key_is_asked_anew(
    processes: tuple[Process, Process], server: RedisServer
) -> None:
    """Foreign bytes, and keys of another Redis type, are misses that the next write heals."""
    one, other = processes
    keys = [cache_key("things", "none", "service", str(number)) for number in range(3)]
    with server.admin() as admin:
        admin.set(keys[0], b"\xff\x00")
        admin.rpush(keys[1], "a", "list")
        admin.hset(keys[2], "a", "hash")
    for expected in (Source.UPSTREAM, Source.CACHE):
        assert [await one.read(str(number)) for number in range(3)] == [expected] * 3
        await one.written()
    assert [await other.read(str(number)) for number in range(3)] == [Source.CACHE] * 3


async def test_a_restart_finds_what_was_kept(server: RedisServer) -> None:
    """What was being written when a process ended is there for the next one."""
    first = Process(server)
    await first.read("7")
    await first.kept.close()
    second = Process(server)
    assert await second.read("7") is Source.CACHE
    await second.kept.close()
