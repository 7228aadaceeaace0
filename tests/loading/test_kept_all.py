"""Reads of many keys at once answer, cost and enter in the ledger what single reads do."""

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation, DeadlineExceeded, RateLimited
from casegraph.loading.freshness import ANY, Acceptance, Kind
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Source, StaleReason
from casegraph.transport.deadline import request_deadline
from support.clock import Clock, settle
from support.kept_reads import DOWN, RATED, WINDOWS, Fetch, request, thing, told

NOTED = thing(Kind.NOTES)
"""Confirmed by a call each time."""
ALL_WINDOWS = {**WINDOWS, Kind.NOTES: WINDOWS[Kind.CASES]}
BROKEN = ContractViolation("ratings", "things", "not a list")
LIMITED = RateLimited("ratings", "things", "a pause is asked for")

ends = st.sampled_from([["a"], ["b", "c"], [], None, DOWN, BROKEN, LIMITED])
ages = st.sampled_from([None, 0, 50, 99, 150, 250, 599, 5_000])
accepted = st.sampled_from(
    [ANY, Acceptance(no_cache=True), Acceptance(max_age=60), Acceptance(only_if_cached=True)]
)


def kept_at(clock: Clock) -> Kept:
    """Return a memory with the time of day in the test's hands."""
    return Kept(MemoryStore(clock), ALL_WINDOWS, clock=clock)


def shown(value: Any) -> Any:
    """Return a value, or what kind of failure stands in its place, so that two can be compared."""
    return (type(value), str(value)) if isinstance(value, BaseException) else value


async def outcome_of(
    what: Any, rows: Sequence[tuple[Any, Any]], acceptance: Acceptance, *, at_once: bool
) -> Any:
    """Return the answers, calls and ledger of reads over entries of these ages."""
    clock = Clock()
    kept = kept_at(clock)
    for number, (age, _) in enumerate(rows):
        if age is not None:
            kept.put(what, (str(number),), ["kept"], clock.now - age, request())
    fetches = [Fetch(end) for _, end in rows]
    wanted = [((str(number),), fetch) for number, fetch in enumerate(fetches)]
    asking = request(acceptance)
    if at_once:
        found = await kept.read_all(what, wanted, asking)
    else:
        each = (kept.read(what, parts, fetch, asking) for parts, fetch in wanted)
        found = await asyncio.gather(*each, return_exceptions=True)
    await settle()
    await kept.close()
    return (
        [shown(value) for value in found],
        [each.calls for each in fetches],
        Counter(told(asking)),
    )


@given(st.lists(st.tuples(ages, ends), max_size=6), accepted, st.sampled_from([NOTED, RATED]))
async def test_it_is_as_if_each_were_read_by_itself(
    rows: list[tuple[Any, Any]], acceptance: Acceptance, what: Any
) -> None:
    """Whatever is kept, fails or is accepted: equal values, errors, calls and entries."""
    together = await outcome_of(what, rows, acceptance, at_once=True)

    assert together == await outcome_of(what, rows, acceptance, at_once=False)


async def test_they_join_what_others_have_begun_and_others_join_them() -> None:
    """Equal reads of two requests are one call for each key, whoever came first."""
    kept = kept_at(Clock())
    fetches = {key: Fetch([key]) for key in "abc"}
    for fetch in fetches.values():
        fetch.gate.clear()

    def read(keys: str) -> asyncio.Task[list[Any]]:
        wanted = [((key,), fetches[key]) for key in keys]
        return asyncio.create_task(kept.read_all(NOTED, wanted, request()))

    readers = [read("ab"), read("bc")]
    await settle()
    for fetch in fetches.values():
        fetch.gate.set()

    assert await asyncio.gather(*readers) == [[["a"], ["b"]], [["b"], ["c"]]]
    assert [fetch.calls for fetch in fetches.values()] == [1, 1, 1]


async def test_who_leaves_takes_nothing_from_those_who_stay() -> None:
    """A call that somebody still waits for goes on; one that nobody waits for is cancelled."""
    kept = kept_at(Clock())
    left, shared = Fetch(["left"]), Fetch(["shared"])
    left.gate.clear()
    shared.gate.clear()
    both: list[tuple[tuple[str, ...], Any]] = [(("1",), left), (("2",), shared)]
    leaver = asyncio.create_task(kept.read_all(NOTED, both, request()))
    stayer = asyncio.create_task(kept.read_all(NOTED, both[1:], request()))
    await settle()
    leaver.cancel()
    await settle()
    shared.gate.set()

    assert await stayer == [["shared"]]
    assert (left.calls, shared.calls) == (1, 1)
    assert not kept._calls._flight._flights


async def test_each_that_is_not_there_at_the_deadline_is_told_so() -> None:
    """What has come by then is answered; what has not is replaced by what stands in, or late."""
    clock = Clock()
    kept = kept_at(clock)
    kept.put(NOTED, ("2",), ["of before"], clock.now - 30, request())
    hangs = Fetch(["never"])
    hangs.gate.clear()
    request_deadline.set(monotonic())
    asking = request()
    wanted: list[tuple[tuple[str, ...], Any]] = [(("1",), hangs), (("2",), hangs)]
    late, stand_in = await kept.read_all(NOTED, wanted, asking)

    assert isinstance(late, DeadlineExceeded)
    assert stand_in == ["of before"]
    assert told(asking) == [(Source.CACHE, clock.now - 30, StaleReason.UPSTREAM_UNAVAILABLE)]


async def test_calls_that_had_less_time_are_begun_anew_at_once() -> None:
    """Who joined calls of somebody in a hurry makes his own together, and waits for no other."""
    kept = kept_at(Clock())
    hurried, slow = Fetch(LIMITED), Fetch(["slow"])
    own = [Fetch([str(number)]) for number in range(3)]
    for fetch in (hurried, slow, *own):
        fetch.gate.clear()

    async def read(seconds: float, wanted: list[tuple[tuple[str, ...], Any]]) -> list[Any]:
        request_deadline.set(monotonic() + seconds)
        return await kept.read_all(NOTED, wanted, request())

    keys = [(str(number),) for number in range(3)]
    first = asyncio.create_task(read(5.0, [(key, hurried) for key in keys]))
    await settle()
    second = asyncio.create_task(read(9.0, [*zip(keys, own, strict=True), (("3",), slow)]))
    await settle()
    hurried.gate.set()

    assert [type(value) for value in await first] == [RateLimited] * 3
    await settle()
    assert [fetch.calls for fetch in (*own, slow)] == [1, 1, 1, 1]
    for fetch in (slow, *own):
        fetch.gate.set()
    assert await second == [["0"], ["1"], ["2"], ["slow"]]


async def test_a_thing_without_a_key_fails_alone() -> None:
    """An empty part is a scope that somebody forgot to fill in: nothing is asked for it."""
    kept, fetch = kept_at(Clock()), Fetch(["a"])
    good, bad = await kept.read_all(NOTED, [(("1",), fetch), (("",), fetch)], request())

    assert (good, type(bad), fetch.calls) == (["a"], ValueError, 1)


async def test_a_failure_leaves_nothing_for_the_collector() -> None:
    """What a failed call had read goes with its error, not when cycles are next looked for."""

    class Body:
        """What a fetch has in hand when it fails."""

    seen: list[weakref.ref[Body]] = []

    async def fail() -> Any:
        body = Body()
        seen.append(weakref.ref(body))
        raise ContractViolation("ratings", "things", f"not {type(body).__name__}")

    kept = kept_at(Clock())
    gc.disable()
    try:
        found = await kept.read_all(NOTED, [(("1",), fail), (("2",), fail)], request())
        assert [type(each) for each in found] == [ContractViolation] * 2
        del found
        await settle()
        assert [body() for body in seen] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [Kind.NOTES, Kind.CASES])
async def test_looking_without_a_call_is_the_same_for_many(kind: Kind) -> None:
    """What one look would find for each key is found, in order, and nothing is asked."""
    clock = Clock()
    kept = kept_at(clock)
    kept.put(RATED, ("1",), ["fresh"], clock.now - 10, request())
    kept.put(RATED, ("2",), ["old"], clock.now - 500, request())
    wanted = [("1",), ("2",), ("3",)]
    found = await kept.peek_all(RATED, wanted, request())
    one = partial(kept.peek, RATED, asking=request())

    assert [each and each.value for each in found] == [["fresh"], None, None]
    assert found == [await one(parts) for parts in wanted]
    assert await kept.peek_all(thing(kind), wanted, request()) == [None] * 3
