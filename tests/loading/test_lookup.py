import asyncio
import json
import logging
from collections.abc import AsyncIterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.cache import Cache, cache_key
from casegraph.loading.flight import SingleFlight
from casegraph.loading.lookup import LookUp


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


class Fetch:
    """A fetch that counts, and waits for the test if told to."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> object:
        """Return the next answer, or raise it."""
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        self.entered.set()
        await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def encode(value: object) -> bytes:
    """Write a value as JSON."""
    return json.dumps(value).encode()


def make(backend: Backend, name: str = "notes") -> LookUp:
    """Return a look-up over the backend, with a minute a cache operation may take."""
    cache = Cache(backend, operation_seconds=60)
    dice = Random(3)  # noqa: S311 - a test's dice
    return LookUp(cache, SingleFlight(), name, 100, encode=encode, decode=json.loads, random=dice)


@pytest.fixture
def backend() -> Backend:
    """Give an empty backend."""
    return Backend()


@pytest.fixture
async def look_up(backend: Backend) -> AsyncIterator[LookUp]:
    """Give a look-up that has written everything when the test ends."""
    look_up = make(backend)
    yield look_up
    backend.may_set.set()
    await look_up.close()


async def test_a_value_is_fetched_once_and_then_cached(look_up: LookUp, backend: Backend) -> None:
    """The first read fetches and writes behind, the second reads the cache."""
    fetch = Fetch(["a"])
    assert await look_up.get(("1", "7"), fetch) == ["a"]
    await look_up.close()
    assert backend.kept == {cache_key("notes", "1", "7"): b'["a"]'}
    assert await look_up.get(("1", "7"), fetch) == ["a"]
    assert fetch.calls == 1


async def test_none_is_a_value_like_any_other(look_up: LookUp) -> None:
    """A fetched None is cached, so that an absent record is not asked for again."""
    fetch = Fetch(None)
    assert await look_up.get(("7",), fetch) is None
    await look_up.close()
    assert await look_up.get(("7",), fetch) is None
    assert fetch.calls == 1


async def test_five_hundred_readers_of_a_cold_key_make_one_fetch(
    look_up: LookUp, backend: Backend
) -> None:
    """A herd shares one reading of the cache and one fetch."""
    fetch = Fetch("v")
    fetch.gate.clear()
    readers = [asyncio.create_task(look_up.get(("7",), fetch)) for _ in range(500)]
    await fetch.entered.wait()
    fetch.gate.set()
    assert await asyncio.gather(*readers) == ["v"] * 500
    assert (fetch.calls, backend.gets) == (1, 1)


async def test_concurrent_readers_of_a_warm_key_read_the_cache_once(
    look_up: LookUp, backend: Backend
) -> None:
    """Readers of one turn share the reading of a cached entry too."""
    backend.kept[cache_key("notes", "7")] = b'"warm"'
    fetch = Fetch("cold")
    found = await asyncio.gather(*(look_up.get(("7",), fetch) for _ in range(50)))
    assert found == ["warm"] * 50
    assert (fetch.calls, backend.gets) == (0, 1)


async def test_the_answer_does_not_wait_for_the_cache(look_up: LookUp, backend: Backend) -> None:
    """A value is answered while its writing still hangs, and close waits for that."""
    backend.may_set.clear()
    assert await look_up.get(("7",), Fetch("v")) == "v"
    assert backend.kept == {}
    closing = asyncio.create_task(look_up.close())
    await asyncio.sleep(0)
    assert not closing.done()
    backend.may_set.set()
    await closing
    assert backend.kept == {cache_key("notes", "7"): b'"v"'}
    assert look_up._writes == {}


async def test_the_time_to_live_is_jittered(look_up: LookUp, backend: Backend) -> None:
    """Entries of one kind get times to live around the kind's own, not all the same."""
    for number in range(50):
        await look_up.get((str(number),), Fetch("v"))
    await look_up.close()
    assert all(90 <= ttl <= 110 for ttl in backend.ttls)
    assert len(set(backend.ttls)) == 50


async def test_a_failure_is_shared_and_not_cached(look_up: LookUp, backend: Backend) -> None:
    """All readers of a failing fetch see the failure; the next read fetches again."""
    fetch = Fetch(ConnectionError("down"), "up")
    readers = (look_up.get(("7",), fetch) for _ in range(20))
    outcomes = await asyncio.gather(*readers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ConnectionError}
    assert (fetch.calls, backend.kept) == (1, {})
    assert await look_up.get(("7",), fetch) == "up"


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"{", b"[" * 100_000])
async def test_garbage_is_a_miss(look_up: LookUp, backend: Backend, garbage: bytes) -> None:
    """An entry that cannot be decoded is fetched and written anew."""
    key = cache_key("notes", "7")
    backend.kept[key] = garbage
    assert await look_up.get(("7",), Fetch("v")) == "v"
    await look_up.close()
    assert backend.kept == {key: b'"v"'}


async def test_a_value_that_cannot_be_encoded_is_answered_and_reported(
    look_up: LookUp, caplog: pytest.LogCaptureFixture
) -> None:
    """The reader gets the value; the log gets the kind of trouble and nothing of the value."""
    caplog.set_level(logging.DEBUG)
    value = {"secret"}
    assert await look_up.get(("7",), Fetch(value)) == value
    await look_up.close()
    assert [record.getMessage() for record in caplog.records] == [
        "notes cannot be encoded (TypeError)"
    ]
    assert "secret" not in caplog.text


async def test_a_cancelled_reader_leaves_the_others_their_value(look_up: LookUp) -> None:
    """The first reader's cancellation neither ends nor repeats the fetch."""
    fetch = Fetch("v")
    fetch.gate.clear()
    first, second = (asyncio.create_task(look_up.get(("7",), fetch)) for _ in range(2))
    await fetch.entered.wait()
    first.cancel()
    await asyncio.wait([first])
    fetch.gate.set()
    assert await second == "v"
    assert fetch.calls == 1


async def test_nothing_is_kept_of_a_fetch_that_all_readers_left(
    look_up: LookUp, backend: Backend
) -> None:
    """The last reader's cancellation ends the fetch, and nothing is written."""
    fetch = Fetch("v")
    fetch.gate.clear()
    reader = asyncio.create_task(look_up.get(("7",), fetch))
    await fetch.entered.wait()
    reader.cancel()
    await asyncio.wait([reader])
    fetch.gate.set()
    await look_up.close()
    assert backend.kept == {}
    assert await look_up.get(("7",), fetch) == "v"
    assert fetch.calls == 2
    assert look_up._reading == {}


async def test_a_forgotten_entry_is_fetched_anew(look_up: LookUp) -> None:
    """After forget the next read fetches, though the entry had not expired."""
    fetch = Fetch("old", "new")
    await look_up.get(("7",), fetch)
    await look_up.forget(("7",))
    assert await look_up.get(("7",), fetch) == "new"


async def test_what_was_fetched_before_a_write_is_not_kept_after_it(
    look_up: LookUp, backend: Backend
) -> None:
    """A fetch under way at forget answers its readers, is not joined, and leaves no entry."""
    old, new = Fetch("old"), Fetch("new")
    old.gate.clear()
    before = asyncio.create_task(look_up.get(("7",), old))
    await old.entered.wait()
    await look_up.forget(("7",))
    after = asyncio.create_task(look_up.get(("7",), new))
    assert await asyncio.wait_for(after, 5) == "new"
    old.gate.set()
    assert await before == "old"
    await look_up.close()
    assert backend.kept == {cache_key("notes", "7"): b'"new"'}


async def test_a_writing_under_way_is_deleted_after_it_lands(
    look_up: LookUp, backend: Backend
) -> None:
    """Forget waits for the entry still being written, so it cannot land after the delete."""
    backend.may_set.clear()
    await look_up.get(("7",), Fetch("old"))
    forgetting = asyncio.create_task(look_up.forget(("7",)))
    for _ in range(10):
        await asyncio.sleep(0)
    backend.may_set.set()
    await forgetting
    assert backend.log == ["set", "delete"]
    assert backend.kept == {}


scopes = st.tuples(st.text(min_size=1, max_size=3), st.text(min_size=1, max_size=3))


@given(st.lists(scopes, min_size=1, max_size=20))
async def test_no_scope_ever_sees_anothers_value(asked: list[tuple[str, str]]) -> None:
    """Whatever identities and ids are asked, at once or later, each gets its own value."""
    backend = Backend()
    kinds = {name: make(backend, name) for name in ("notes", "cases")}
    for _ in range(2):
        found = await asyncio.gather(
            *(kinds[name].get(scope, Fetch([name, *scope])) for name in kinds for scope in asked)
        )
        assert found == [[name, *scope] for name in kinds for scope in asked]
        for look_up in kinds.values():
            await look_up.close()
    assert backend.gets == 2 * 2 * len(set(asked))
