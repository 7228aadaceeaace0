"""Equal reads are one call, whoever leaves, hurries, or wants it anew."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from casegraph.errors import DeadlineExceeded, RateLimited
from casegraph.loading.freshness import Acceptance
from casegraph.loading.kept import Kept, What
from casegraph.loading.ledger import Source, StaleReason
from casegraph.transport.deadline import request_deadline
from support.clock import Clock, settle
from support.kept_reads import EDITED, RATED, Fetch, Reader, Value, request


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


@pytest.mark.parametrize("what", [EDITED, RATED])
async def test_five_hundred_who_ask_at_once_make_one_call(read: Reader, what: What[Value]) -> None:
    """Equal reads of all requests are one call, also of what may not be kept."""
    fetch = Fetch(["a"])
    fetch.gate.clear()
    readers = [asyncio.create_task(read(what, fetch)) for _ in range(500)]
    await settle()
    fetch.gate.set()

    assert await asyncio.gather(*readers) == [(["a"], [(Source.UPSTREAM, 1000, None)])] * 500
    assert fetch.calls == 1


async def test_no_cache_joins_no_call_that_began_before(read: Reader) -> None:
    """What was already under way may have been read before the client's own change."""
    old, new = Fetch(["old"]), Fetch(["new"])
    old.gate.clear()
    before = asyncio.create_task(read(RATED, old))
    await settle()

    assert (await read(RATED, new, Acceptance(no_cache=True)))[0] == ["new"]
    old.gate.set()
    assert (await before)[0] == ["old"]
    # The older call landed last, and is not what is kept.
    assert (await read(RATED, Fetch(["unused"])))[0] == ["new"]


async def test_a_call_that_has_taken_too_long_is_not_joined(read: Reader, clock: Clock) -> None:
    """A client that named an age gets nothing older, whoever began the call."""
    slow, own = Fetch(["slow"]), Fetch(["own"])
    slow.gate.clear()
    before = asyncio.create_task(read(EDITED, slow))
    await settle()
    clock.now += 5

    joining = asyncio.create_task(read(EDITED, own, Acceptance(max_age=5)))
    await settle()
    assert own.calls == 0
    assert (await read(EDITED, own, Acceptance(max_age=4)))[0] == ["own"]
    slow.gate.set()
    assert [(await task)[0] for task in (before, joining)] == [["slow"], ["slow"]]


async def test_the_first_to_ask_may_leave_or_have_little_time(kept: Kept) -> None:
    """A call belongs to all who wait: neither leaving nor a short deadline of one ends it."""
    fetch = Fetch(["a"])
    fetch.gate.clear()
    now = asyncio.get_running_loop().time()

    async def within(seconds: float) -> Any:
        request_deadline.set(now + seconds)
        return await kept.read(EDITED, ("7",), fetch, request())

    hurried = asyncio.create_task(within(0.06))
    leaving = asyncio.create_task(within(60))
    patient = asyncio.create_task(within(60))
    await settle()
    leaving.cancel()
    with pytest.raises(DeadlineExceeded):
        await hurried
    fetch.gate.set()

    assert await patient == ["a"]
    assert fetch.calls == 1
    assert fetch.deadlines[0] == now + 0.06


async def test_who_has_more_time_asks_again_where_a_shared_call_had_too_little(kept: Kept) -> None:
    """A call has the time of whoever began it; only those with more than that begin another."""
    gate = asyncio.Event()
    asked: list[float] = []
    now = asyncio.get_running_loop().time()

    async def fetch() -> Any:
        asked.append(request_deadline.get() - now)
        await gate.wait()
        if len(asked) == 1:
            raise RateLimited("ratings", "ratings", "no place in time", 3000, sent=False)
        return ["a"]

    async def within(seconds: float) -> Any:
        request_deadline.set(now + seconds)
        return await kept.read(RATED, ("7",), fetch, request())

    tasks = [asyncio.create_task(within(seconds)) for seconds in (2, 2.1, 8, 9, 60)]
    await settle()
    gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(answer) for answer in answers] == [RateLimited, RateLimited, list, list, list]
    assert asked == [pytest.approx(2), pytest.approx(8)]


async def test_a_call_that_all_have_left_is_cancelled_and_not_kept(
    kept: Kept, read: Reader
) -> None:
    """Nobody waits for it, so nothing more is asked of the upstream on its behalf."""
    fetch = Fetch(["a"])
    fetch.gate.clear()
    reader = asyncio.create_task(read(RATED, fetch))
    await settle()
    reader.cancel()
    await asyncio.wait([reader])
    fetch.gate.set()

    assert (await read(RATED, fetch))[0] == ["a"]
    assert fetch.calls == 2
    assert kept._calls._begun == {}


async def test_a_case_that_does_not_come_leaves_time_for_what_belongs_to_it(
    read: Reader, clock: Clock
) -> None:
    """After half of the time what is kept stands in; the call goes on and serves who comes next."""
    fetch = Fetch(["a"], ["b"])
    await read(EDITED, fetch)
    clock.now += 5
    fetch.gate.clear()
    request_deadline.set(asyncio.get_running_loop().time() + 1.0)

    stood_in = (["a"], [(Source.CACHE, 1000, StaleReason.UPSTREAM_UNAVAILABLE)])
    assert await read(EDITED, fetch) == stood_in
    assert asyncio.get_running_loop().time() < request_deadline.get()
    fetch.gate.set()
    await settle()

    assert await read(EDITED, fetch, Acceptance(max_age=9)) == (["b"], [(Source.CACHE, 1005, None)])
    assert fetch.calls == 2


async def test_a_case_that_is_not_kept_has_all_of_the_time(read: Reader) -> None:
    """Where nothing may stand in, half of the time ends nothing."""
    fetch = Fetch(["a"])
    fetch.gate.clear()
    loop = asyncio.get_running_loop()
    request_deadline.set(loop.time() + 0.6)
    loop.call_later(0.35, fetch.gate.set)

    assert (await read(EDITED, fetch))[0] == ["a"]
    assert fetch.calls == 1
