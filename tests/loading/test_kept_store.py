"""Where entries are kept: bounded in memory, and as bytes in a cache that others share."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.cache import Cache
from casegraph.loading.kept_store import CacheStore, Entry, MemoryStore, Unread
from support.clock import Clock, settle


def encode(value: Any) -> bytes:
    """Write a value as JSON."""
    return json.dumps(value).encode()


def put(store: Any, key: str, value: Any, fetched_at: float = 1000, seconds: float = 60) -> None:
    """Keep a value for a minute."""
    store.put(key, Entry(value, fetched_at), encode, seconds)


async def found(store: Any, key: str) -> Any:
    """Return the value that is kept, None for none."""
    entry = await store.get(key, json.loads)
    return None if entry is None else entry.value


async def test_memory_gives_back_the_very_object() -> None:
    """Nothing is decoded: whoever reads shares the value that was put."""
    store, value = MemoryStore(), ["a"]
    put(store, "k", value)

    assert await found(store, "k") is value


async def test_an_entry_lives_for_its_time_and_no_longer() -> None:
    """An entry is there until its time has run out; putting it again starts anew."""
    clock = Clock()
    store = MemoryStore(clock)
    put(store, "k", "1", 1000, 30)
    clock.now += 30
    assert await found(store, "k") == "1"
    put(store, "k", "2", 1030, 30)
    clock.now += 30
    assert await found(store, "k") == "2"
    clock.now += 0.1
    assert await found(store, "k") is None
    assert store._bytes == 0


async def test_no_time_at_all_deletes() -> None:
    """What may not be kept also ends what was kept before it."""
    store = MemoryStore()
    put(store, "k", "old")
    put(store, "k", "new", seconds=0)
    assert await store.get("k", json.loads) is None


async def test_a_newer_entry_stays() -> None:
    """Calls may land in another order than they began: the one that began last counts."""
    store = MemoryStore()
    put(store, "k", "newer", 1001)
    put(store, "k", "older", 1000)
    assert await found(store, "k") == "newer"


async def test_the_least_recently_used_entry_goes_first() -> None:
    """At the bound of entries a read entry stays and the unread one goes."""
    store = MemoryStore(max_entries=2)
    put(store, "a", 1)
    put(store, "b", 2)
    await found(store, "a")
    put(store, "c", 3)
    assert [await found(store, key) for key in "abc"] == [1, None, 3]


async def test_memory_is_bounded_in_bytes() -> None:
    """Keys and values count as written; what is larger than all of it is not kept."""
    store = MemoryStore(max_bytes=100)
    put(store, "a", "x" * 47)
    put(store, "b", "x" * 47)
    await found(store, "a")
    put(store, "c", "")
    assert [await found(store, key) is not None for key in "abc"] == [True, False, True]
    put(store, "a", "x" * 98)
    assert [await found(store, key) is not None for key in "abc"] == [False, False, True]


async def test_what_a_value_came_in_is_its_size() -> None:
    """Where somebody knows the bytes nothing is encoded, and they count against the bound."""
    store = MemoryStore(max_bytes=100)

    def refuse(_value: Any) -> bytes:
        raise AssertionError("encoded")

    store.put("a", Entry("x", 1000, 60), refuse, 60)
    store.put("b", Entry("y", 1000, 38), refuse, 60)
    assert (store._bytes, await found(store, "a"), await found(store, "b")) == (100, "x", "y")
    store.put("c", Entry("z", 1000, 99), refuse, 60)
    assert (store._bytes, await found(store, "c")) == (100, "z")
    store.put("d", Entry("too large", 1000, 100), refuse, 60)
    assert await found(store, "d") is None


def unread(body: bytes, fetched_at: float) -> Unread:
    """Return an entry as a body of JSON."""
    return Unread(body, lambda again, _parts: json.loads(again), (), fetched_at)


async def test_what_is_kept_unread_is_read_once_and_only_when_it_is_wanted() -> None:
    """Whether it is there can be told without; who reads it later gets the very same object."""
    store, bodies = MemoryStore(), list[tuple[bytes, tuple[str, ...]]]()

    def reread(body: bytes, parts: tuple[str, ...]) -> list[str]:
        bodies.append((body, parts))
        return json.loads(body)

    kept = Unread(b'["a"]', reread, ("7", "8"), 1000)
    store.put_unread("k", kept, 60)
    assert (store.at_once("k"), store._bytes, bodies) == (kept, 6, [])
    entry = await store.get("k", json.loads)
    assert entry == Entry(["a"], 1000, 5)
    assert store.at_once("k") is entry
    assert (bodies, store._bytes) == ([(b'["a"]', ("7", "8"))], 6)


async def test_a_body_that_cannot_be_read_again_is_a_miss(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is raised, nothing of it stays, and nothing of it is told."""
    caplog.set_level(logging.DEBUG)
    store = MemoryStore()

    def refuse(body: bytes, _parts: tuple[str, ...]) -> None:
        raise ValueError(body)

    store.put_unread("k", Unread(b"a secret", refuse, (), 1000), 60)
    assert store.at_once("k") is not None
    assert await found(store, "k") is None
    assert (store.at_once("k"), store._bytes) == (None, 0)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_what_is_unread_takes_its_turn_among_the_others() -> None:
    """A newer entry stays, no time at all deletes, and it ends with its time."""
    clock = Clock()
    store = MemoryStore(clock)
    put(store, "k", "newer", 1001)
    store.put_unread("k", unread(b'"older"', 1000), 60)
    assert await found(store, "k") == "newer"
    store.put_unread("k", unread(b'"newest"', 1002), 30)
    put(store, "k", "older", 1001)
    clock.now += 30
    assert await found(store, "k") == "newest"
    clock.now += 0.1
    assert await found(store, "k") is None
    store.put_unread("k", unread(b'"last"', 1003), 60)
    store.put_unread("k", unread(b'"none"', 1004), 0)
    assert (store.at_once("k"), store._bytes) == (None, 0)


async def test_a_hundred_thousand_keys_stay_within_the_default_bounds() -> None:
    """However many distinct keys come, ten thousand entries are kept, the newest ones."""
    store = MemoryStore()
    for number in range(100_000):
        store.put(str(number), Entry("v", 1000), str.encode, 60)
    assert len(store._rows) == 10_000
    assert store._bytes <= 64 * 1024 * 1024
    assert [await found(store, key) for key in ("99999", "89999")] == ["v", None]


operations = st.lists(
    st.tuples(
        st.sampled_from(["get", "look", "put", "put unread", "delete", "wait"]),
        st.sampled_from("abcdef"),
        st.integers(0, 12),
    ),
    max_size=80,
)


def put_as(
    action: str, store: MemoryStore, key: str, value: str, fetched_at: float, seconds: float
) -> None:
    """Keep a value, or the body it would come in."""
    if action == "put":
        put(store, key, value, fetched_at, seconds)
    else:
        store.put_unread(key, unread(encode(value), fetched_at), seconds)


@given(operations)
async def test_the_memory_behaves_as_a_plain_model(script: list) -> None:
    """For any history it holds what a naive bounded store would, and counts it rightly."""
    clock = Clock()
    store = MemoryStore(clock, max_entries=4, max_bytes=40)
    model: OrderedDict[str, tuple[str, float]] = OrderedDict()
    for action, key, number in script:
        if action == "wait":
            clock.now += number
        elif action == "delete":
            await store.delete(key)
            model.pop(key, None)
        elif action.startswith("put"):
            put_as(action, store, key, "x" * number, clock.now, number)
            model.pop(key, None)
            if number:
                model[key] = ("x" * number, clock.now + number)
            while len(model) > 4 or sum(3 + len(value) for value, _ in model.values()) > 40:
                model.popitem(last=False)
        else:
            value, expires_at = model.get(key, (None, 0.0))
            if value is not None and clock.now > expires_at:
                del model[key]
                value = None
            if value is not None:
                model.move_to_end(key)
            store.at_once(key)  # which counts as a use, too
            assert action == "look" or await found(store, key) == value
        assert list(store._rows) == list(model)
        assert store._bytes == sum(3 + len(value) for value, _ in model.values())


class Backend:
    """A backend whose operations wait for the test where it wants them to."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.ttls: list[float] = []
        self.gets = 0
        self.log: list[str] = []
        self.may_set = asyncio.Event()
        self.may_set.set()

    async def get(self, key: str) -> object:
        """Return what was kept."""
        self.gets += 1
        await asyncio.sleep(0)
        return self.kept.get(key)

    async def set(self, key: str, value: bytes, ttl: float) -> object:
        """Keep the value once the test lets it."""
        await self.may_set.wait()
        self.log.append("set")
        self.ttls.append(ttl)
        self.kept[key] = value

    async def delete(self, key: str) -> object:
        """Forget the value."""
        self.log.append("delete")
        self.kept.pop(key, None)

    async def close(self) -> object:
        """Have nothing to close."""


@pytest.fixture
def backend() -> Backend:
    """Give an empty backend."""
    return Backend()


@pytest.fixture
async def shared(backend: Backend) -> AsyncIterator[CacheStore]:
    """Give a store over the backend, with a minute an operation may take."""
    store = CacheStore(Cache(backend, operation_seconds=60))
    yield store
    backend.may_set.set()
    await store.close()


async def test_what_is_written_can_be_read_by_another_process(
    shared: CacheStore, backend: Backend
) -> None:
    """The entry is JSON with its moment; None stands for what is known to be absent."""
    put(shared, "k", ["a"], 1000.5, 30)
    put(shared, "absent", None, 7)
    await settle()
    assert backend.kept == {
        "k": b'{"fetched_at":1000.5,"value":["a"]}',
        "absent": b'{"fetched_at":7,"value":null}',
    }
    assert backend.ttls == [30, 60]

    other = CacheStore(Cache(backend, operation_seconds=60))
    assert await other.get("k", json.loads) == Entry(["a"], 1000.5)
    assert await other.get("absent", json.loads) == Entry(None, 7)
    assert await other.get("other", json.loads) is None


async def test_what_is_being_written_is_found(shared: CacheStore, backend: Backend) -> None:
    """Nobody waits for the writing, nor asks anew because it has not arrived."""
    backend.may_set.clear()
    put(shared, "k", "v")
    assert await found(shared, "k") == "v"
    closing = asyncio.create_task(shared.close())
    await settle()
    assert (closing.done(), backend.kept) == (False, {})
    backend.may_set.set()
    await closing
    assert list(backend.kept) == ["k"]
    assert shared._writing == {}


async def test_writings_of_one_key_land_in_their_order(
    shared: CacheStore, backend: Backend
) -> None:
    """A later value is not overtaken by an earlier one, nor a deletion by a writing."""
    backend.may_set.clear()
    for value in ("1", "2", "3"):
        put(shared, "k", value)
    put(shared, "gone", "v")
    put(shared, "gone", "v", seconds=0)
    assert [await found(shared, key) for key in ("k", "gone")] == ["3", None]
    backend.may_set.set()
    await settle()
    assert list(backend.kept) == ["k"]
    assert await found(shared, "k") == "3"


async def test_a_deletion_waits_for_what_is_being_written(
    shared: CacheStore, backend: Backend
) -> None:
    """Otherwise the writing could land after the delete; meanwhile the entry is a miss."""
    backend.may_set.clear()
    put(shared, "k", "old")
    deleting = asyncio.create_task(shared.delete("k"))
    await settle()
    assert await found(shared, "k") is None
    backend.may_set.set()
    await deleting
    assert (backend.log, backend.kept) == (["set", "delete"], {})


async def test_readers_of_one_moment_share_the_reading(
    shared: CacheStore, backend: Backend
) -> None:
    """Five hundred who ask at once cost one operation."""
    put(shared, "k", "v")
    await settle()
    assert await asyncio.gather(*(found(shared, "k") for _ in range(500))) == ["v"] * 500
    assert backend.gets == 1


GARBAGE = [
    b"",
    b"\xff",
    b"{",
    b"null",
    b"[" * 100_000,
    b'["a"]',
    b'{"fetched_at":"x","value":["a"]}',
    b'{"value":["a"]}',
    b'{"fetched_at":1}',
    b'{"fetched_at":1e999,"value":["a"]}',
    b'{"fetched_at":1,"value":{"fits":"not"}}',
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_a_miss(shared: CacheStore, backend: Backend, garbage: bytes) -> None:
    """An entry that cannot be read is as good as none."""

    def strictly(value: bytes) -> list[str]:
        decoded = json.loads(value)
        if not isinstance(decoded, list):
            raise TypeError
        return decoded

    backend.kept["k"] = garbage
    assert await shared.get("k", strictly) is None


@pytest.mark.parametrize("place", ["memory", "cache"])
async def test_what_cannot_be_written_is_not_kept(
    place: str, shared: CacheStore, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends what was kept before it; the log gets the kind of trouble, not the value."""
    caplog.set_level(logging.DEBUG)
    store = MemoryStore() if place == "memory" else shared
    put(store, "k", "old")
    put(store, "k", {"secret"}, 1001)
    await settle()

    assert await store.get("k", json.loads) is None
    assert [record.getMessage() for record in caplog.records] == [
        "an entry cannot be kept (TypeError)"
    ]
