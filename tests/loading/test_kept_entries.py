"""What is kept under a key: what is absent, put, forgotten, and whose it is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation, UpstreamUnavailable
from casegraph.loading.freshness import Acceptance, Kind
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_rules import NEGATIVE_SECONDS
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Provenance, Source
from casegraph.loading.scope import DataScope
from casegraph.transport.receipt import note_body, note_repair
from support.clock import Clock, settle
from support.kept_reads import DOWN, EDITED, RATED, WINDOWS, Fetch, Reader, Value, request, told


@pytest.fixture
async def read() -> AsyncIterator[Reader]:
    """Give a read of one key: what, fetch and acceptance in, value and ledger out."""
    read = Reader()
    yield read
    await read.kept.close()


@pytest.fixture
def clock(read: Reader) -> Clock:
    """Give the time of day into the test's hands."""
    return read.clock


@pytest.fixture
def kept(read: Reader) -> Kept:
    """Give what is read through."""
    return read.kept


async def test_what_is_absent_is_remembered_for_a_moment(read: Reader, clock: Clock) -> None:
    """None is an answer: kept for 15 s where things are kept at all, and it never stands in."""
    fetch = Fetch(None, None, DOWN)
    assert await read(RATED, fetch) == (None, [(Source.UPSTREAM, 1000, None)])
    clock.now += NEGATIVE_SECONDS
    assert await read(RATED, fetch) == (None, [(Source.CACHE, 1000, None)])
    clock.now += 0.1
    assert (await read(RATED, fetch))[0] is None
    assert fetch.calls == 2
    clock.now += NEGATIVE_SECONDS + 0.1
    with pytest.raises(UpstreamUnavailable):
        await read(RATED, fetch)


async def test_what_has_gone_does_not_come_back(read: Reader) -> None:
    """An absence that may not be kept still ends what was kept before it."""
    fetch = Fetch(["a"], None, DOWN)
    assert [(await read(EDITED, fetch))[0] for _ in range(2)] == [["a"], None]

    with pytest.raises(UpstreamUnavailable):
        await read(EDITED, fetch)


async def test_things_read_together_expire_apart(kept: Kept, clock: Clock) -> None:
    """The fresh window ends up to a tenth early, for each key at its own moment."""
    fetch = Fetch(["a"])
    keys = [(str(number),) for number in range(200)]
    for key in keys:
        await kept.read(RATED, key, fetch, request())

    async def fresh() -> int:
        readings = [await kept.peek(RATED, key, request()) for key in keys]
        return sum(not reading.provenance.is_stale for reading in readings if reading)

    found = []
    for age in (90, 92, 95, 98, 100.1):
        clock.now = 1000 + age
        found.append(await fresh())
    assert found[0] == 200
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0
    assert len(set(found)) == 5


async def test_peeking_tells_without_a_call_or_a_trace(kept: Kept, clock: Clock) -> None:
    """What would be served is shown and not entered; what would be asked is None."""
    asking = request()
    assert await kept.peek(RATED, ("7",), asking) is None
    kept.put(RATED, ("7",), ["a"], 990, asking)
    reading = await kept.peek(RATED, ("7",), asking)

    assert reading is not None
    assert reading.value == ["a"]
    assert reading.provenance == Provenance("ratings", Kind.RATINGS, Source.CACHE, 990)
    assert told(asking) == []
    assert kept.take(RATED, reading, asking) == ["a"]
    assert asking.ledger.of(reading.value[0]) == reading.provenance
    clock.now += 700
    assert await kept.peek(RATED, ("7",), asking) is None
    assert await kept.peek(EDITED, ("7",), asking) is None


async def test_what_another_way_has_brought_is_as_good(kept: Kept, read: Reader) -> None:
    """A value that is put is served as of its own call, and never in place of a newer one."""
    fetch = Fetch(["unused"])
    kept.put(RATED, ("7",), ["newer"], 999, request())
    kept.put(RATED, ("7",), ["older"], 998, request())

    assert await read(RATED, fetch) == (["newer"], [(Source.CACHE, 999, None)])
    assert fetch.calls == 0


async def test_an_entry_from_the_future_is_not_believed(kept: Kept, read: Reader) -> None:
    """A few seconds are skew between machines; more is a clock that says nothing about age."""
    kept.put(RATED, ("7",), ["skewed"], 1004, request())
    assert await read(RATED, Fetch(["x"])) == (["skewed"], [(Source.CACHE, 1004, None)])
    kept.put(RATED, ("7",), ["absurd"], 99_999, request())
    assert (await read(RATED, Fetch(["asked"])))[0] == ["asked"]


async def test_after_a_write_nothing_older_is_served(kept: Kept, read: Reader) -> None:
    """A forgotten key is asked anew, nothing stands in for it, and no call under way is kept."""
    old = Fetch(["old"])
    await read(RATED, old)
    old.gate.clear()
    under_way = asyncio.create_task(read(RATED, old, Acceptance(no_cache=True)))
    await settle()
    await kept.forget(RATED, ("7",), request())

    with pytest.raises(UpstreamUnavailable):
        await read(RATED, Fetch(DOWN))
    assert (await read(RATED, Fetch(["new"])))[0] == ["new"]
    old.gate.set()
    assert (await under_way)[0] == ["old"]
    assert (await read(RATED, Fetch(["unused"])))[0] == ["new"]


async def test_records_are_told_of_in_every_request(kept: Kept) -> None:
    """Whoever gets a kept value finds its records in the ledger of its own request."""
    fetch = Fetch(["one", "two"])
    for source in (Source.UPSTREAM, Source.CACHE):
        asking = request()
        value = await kept.read(RATED, ("7",), fetch, asking)
        assert [asking.ledger.of(record).source for record in value] == [source] * 2


part = st.text(alphabet="a:%", min_size=1, max_size=3)
scopes = st.builds(lambda tenant, name: DataScope({"ratings": tenant}, name), part, part)


@given(st.lists(st.tuples(scopes, part, st.sampled_from([RATED, EDITED])), max_size=20))
async def test_no_scope_ever_sees_anothers_value(
    asked: list[tuple[DataScope, str, What[Value]]],
) -> None:
    """Whoever asks, at once or later, gets what was fetched for that tenant and identity."""
    kept = Kept(MemoryStore(), WINDOWS)

    def read_own(scope: DataScope, key: str, what: What[Value]) -> Any:
        own = [scope.tenants["ratings"], scope.identity, key]

        async def fetch() -> Value:
            await asyncio.sleep(0)
            return own

        return kept.read(what, (key,), fetch, request(scope=scope))

    for _ in range(2):
        found = await asyncio.gather(*(read_own(*each) for each in asked))
        assert found == [[s.tenants["ratings"], s.identity, key] for s, key, _ in asked]
    await kept.close()


async def test_closing_ends_what_is_under_way(clock: Clock) -> None:
    """Calls in flight are cancelled, those behind answers too, and nothing is left to run."""
    kept = Kept(MemoryStore(clock), WINDOWS, clock=clock)
    fetch = Fetch(["a"])
    await kept.read(RATED, ("7",), fetch, request())
    clock.now += 150
    fetch.gate.clear()
    await kept.read(RATED, ("7",), fetch, request())
    await settle()

    await asyncio.wait_for(kept.close(), 5)
    assert (kept._behind, kept._calls._begun) == ({}, {})


async def test_a_value_with_a_part_that_could_not_be_read_is_not_kept(read: Reader) -> None:
    """What the error stands for may be readable next time; without one the bodies tell the size."""
    spoilt = ContractViolation("ratings", "things", "a value of a wrong type")

    async def repaired() -> Any:
        note_body(bytes(100))
        note_repair()
        return [spoilt]

    async def sound() -> Any:
        note_body(bytes(100))
        return ["sound"]

    for fetch in (repaired, sound):
        assert await read.kept.read(RATED, ("7",), fetch, request()) in ([spoilt], ["sound"])
        held = await read.kept.peek(RATED, ("7",), request())
        assert (held and held.value) == (None if fetch is repaired else ["sound"])
