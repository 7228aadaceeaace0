"""The stores of outcomes and leases: one step each, in memory and in a real Redis, loud failure."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from casegraph.writing.shared_store import RedisStore
from casegraph.writing.store import MemoryStore, Store, StoreUnavailable
from support.clock import Clock
from support.patience import PATIENCE_SECONDS
from support.redis_server import RedisServer, needs_redis, running_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a Redis of this module's own."""
    with running_redis(Path(tmp_path_factory.mktemp("redis"))) as running:
        yield running


@pytest.fixture(params=["memory", pytest.param("redis", marks=needs_redis)])
async def store(request: Any) -> AsyncIterator[Store]:
    """Return an empty store of each kind."""
    if request.param == "memory":
        made: Store = MemoryStore(Clock())
    else:
        server = request.getfixturevalue("server")
        server.admin().flushdb()
        made = RedisStore(server.url, operation_seconds=PATIENCE_SECONDS)
    yield made
    await made.close()


async def test_a_key_is_claimed_once(store: Store) -> None:
    """The first claim stands; every other is told what stands there."""
    assert await store.claim("a", b"first", 60) is None
    assert await store.claim("a", b"second", 60) == b"first"
    assert await store.get("a") == b"first"
    assert await store.get("b") is None


async def test_of_many_claims_at_once_one_stands(store: Store) -> None:
    """Claiming is one step, for all who share the store."""
    values = [str(number).encode() for number in range(20)]
    found = await asyncio.gather(*(store.claim("a", value, 60) for value in values))

    winner = await store.get("a")
    assert [value for value, other in zip(values, found, strict=True) if other is None] == [winner]
    assert {other for other in found if other is not None} == {winner}


async def test_only_who_knows_the_value_may_change_it(store: Store) -> None:
    """Swapping and dropping need the value that stands there."""
    await store.claim("a", b"mine", 60)

    assert not await store.swap("a", b"other", b"new", 60)
    assert not await store.drop("a", b"other")
    assert await store.swap("a", b"mine", b"new", 60)
    assert await store.get("a") == b"new"
    assert await store.drop("a", b"new")
    assert await store.get("a") is None
    assert not await store.swap("a", b"new", b"again", 60)


async def test_the_memory_store_forgets_when_the_time_has_run_out() -> None:
    """An entry lives exactly as long as was said, and a swapped one from then on."""
    clock = Clock()
    store = MemoryStore(clock)
    await store.claim("a", b"x", 10)
    clock.now += 9
    assert await store.swap("a", b"x", b"y", 10)
    clock.now += 9
    assert await store.get("a") == b"y"
    clock.now += 1
    assert await store.get("a") is None
    assert await store.claim("a", b"z", 1) is None


async def test_a_full_memory_store_refuses_rather_than_forgets() -> None:
    """What was promised to be kept is kept; what cannot be kept is said so."""
    clock = Clock()
    store = MemoryStore(clock, max_bytes=10)
    await store.claim("a", b"12345", 60)
    with pytest.raises(StoreUnavailable):
        await store.claim("b", b"12345", 60)
    assert await store.get("a") == b"12345"
    clock.now += 61
    assert await store.claim("b", b"12345", 60) is None


@needs_redis
async def test_a_redis_that_is_gone_is_told(tmp_path: Path) -> None:
    """Refused, hanging and back again: each operation says so within its cap."""
    with running_redis(tmp_path) as own:
        store = RedisStore(own.url, operation_seconds=PATIENCE_SECONDS)
        assert await store.claim("a", b"x", 60) is None
        store._seconds = 0.2
        own.signal(signal.SIGSTOP)
        for operation in (store.get("a"), store.claim("b", b"x", 60), store.drop("a", b"x")):
            with pytest.raises(StoreUnavailable) as caught:
                await operation
            assert "127.0.0.1" not in str(caught.value)
        own.signal(signal.SIGCONT)
        for _ in range(50):
            try:
                assert await store.get("a") in {b"x", None}
                break
            except StoreUnavailable:
                continue
        own.stop()
        with pytest.raises(StoreUnavailable):
            await store.swap("a", b"x", b"y", 60)
        await store.close()


@needs_redis
async def test_entries_of_redis_run_out(server: RedisServer) -> None:
    """The time to live is Redis' own, so it holds when this process is gone."""
    store = RedisStore(server.url, operation_seconds=PATIENCE_SECONDS)
    await store.claim("ttl", b"x", 60)
    (key,) = server.admin().keys("*:ttl")

    assert 58_000 < server.admin().pttl(key) <= 60_000
    await store.close()
