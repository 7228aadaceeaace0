"""Reading through what is kept: which calls are made, what is served, and what is told of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    LimitExceeded,
    RateLimited,
    UpstreamError,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from casegraph.loading.freshness import Acceptance, Kind, Windows
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Source, StaleReason
from casegraph.transport.deadline import request_deadline
from support.clock import Clock, settle
from support.kept_reads import DOWN, EDITED, RATED, Fetch, Reader, Value, request


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


async def test_edited_data_is_asked_in_every_request(read: Reader, clock: Clock) -> None:
    """Without a word of the client each request confirms it by a call."""
    fetch = Fetch(["a"], ["b"])

    assert await read(EDITED, fetch) == (["a"], [(Source.UPSTREAM, 1000, None)])
    clock.now += 1
    assert await read(EDITED, fetch) == (["b"], [(Source.UPSTREAM, 1001, None)])


async def test_of_a_kind_that_is_not_to_be_kept_nothing_is() -> None:
    """With windows of no time there is nothing to stand in, nor for a client that takes any age."""
    store = MemoryStore()
    kept = Kept(store, {Kind.CASES: Windows(fresh=0, stale=0, stale_if_error=0)})
    fetch = Fetch(["a"], ["b"], DOWN)
    asking = request(Acceptance(max_stale=1e9))

    found = [await kept.read(EDITED, ("7",), fetch, asking) for _ in range(2)]
    with pytest.raises(UpstreamUnavailable):
        await kept.read(EDITED, ("7",), fetch, asking)

    assert (found, fetch.calls) == ([["a"], ["b"]], 3)
    assert store.at_once(asking.key(EDITED, ("7",))) is None
    await kept.close()


async def test_what_a_client_accepts_is_served_without_a_call(read: Reader, clock: Clock) -> None:
    """An age that the client named is fresh to it; what it merely tolerates is marked."""
    fetch = Fetch(["a"], ["b"])
    await read(EDITED, fetch)
    clock.now += 50

    fresh, stale = (Source.CACHE, 1000, None), (Source.CACHE, 1000, StaleReason.ACCEPTED)
    assert await read(EDITED, fetch, Acceptance(max_age=50)) == (["a"], [fresh])
    assert await read(EDITED, fetch, Acceptance(max_stale=50)) == (["a"], [stale])
    assert await read(EDITED, fetch, Acceptance(only_if_cached=True)) == (["a"], [stale])
    assert fetch.calls == 1
    assert (await read(EDITED, fetch, Acceptance(max_age=49)))[0] == ["b"]


async def test_a_fresh_window_saves_calls_and_no_cache_does_not(read: Reader, clock: Clock) -> None:
    """Within its window a thing is served as it was; a client may insist on a call."""
    fetch = Fetch(["a"], ["b"])
    await read(RATED, fetch)
    clock.now += 80

    assert await read(RATED, fetch) == (["a"], [(Source.CACHE, 1000, None)])
    assert (await read(RATED, fetch, Acceptance(no_cache=True)))[0] == ["b"]
    assert await read(RATED, fetch) == (["b"], [(Source.CACHE, 1080, None)])
    assert fetch.calls == 2


async def test_behind_a_stale_answer_it_is_asked_anew_once(
    kept: Kept, read: Reader, clock: Clock
) -> None:
    """All who come while it is stale are answered at once, and one call renews it for the next."""
    fetch = Fetch(["a"], ["b"])
    await read(RATED, fetch)
    clock.now += 150
    fetch.gate.clear()

    answers = await asyncio.gather(*(read(RATED, fetch) for _ in range(500)))
    assert answers == [(["a"], [(Source.CACHE, 1000, StaleReason.REVALIDATING)])] * 500
    await settle()
    assert len(asyncio.all_tasks()) < 5
    fetch.gate.set()
    await settle()
    assert fetch.calls == 2
    assert await read(RATED, fetch) == (["b"], [(Source.CACHE, 1150, None)])
    assert kept._behind == {}


async def test_the_call_behind_an_answer_outlives_its_request(read: Reader, clock: Clock) -> None:
    """It has neither the deadline nor anything else of the request that set it off."""
    fetch = Fetch(["a"])
    await read(RATED, fetch)
    clock.now += 150
    request_deadline.set(0.0)

    assert (await read(RATED, fetch))[0] == ["a"]
    await settle()
    assert fetch.calls == 2
    assert fetch.deadlines[-1] > asyncio.get_running_loop().time()


async def test_a_failure_behind_an_answer_costs_nobody_anything(read: Reader, clock: Clock) -> None:
    """What is stale goes on being served until its window ends; then the failure is met."""
    fetch = Fetch(["a"], ContractViolation("ratings", "things", "no JSON"))
    await read(RATED, fetch)
    for moment in (1120, 1150, 1190):
        clock.now = moment
        assert (await read(RATED, fetch))[0] == ["a"]
        await settle()
    clock.now = 1201

    with pytest.raises(ContractViolation):
        await read(RATED, fetch)
    assert fetch.calls == 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DOWN, StaleReason.UPSTREAM_UNAVAILABLE),
        (CircuitOpen("ratings", "things", 100), StaleReason.UPSTREAM_UNAVAILABLE),
        (DeadlineExceeded("ratings", "things", "late"), StaleReason.UPSTREAM_UNAVAILABLE),
        (RateLimited("ratings", "things", "a pause"), StaleReason.RATE_LIMITED),
    ],
)
@pytest.mark.parametrize("what", [EDITED, RATED])
async def test_what_is_kept_stands_in_for_what_cannot_be_asked(
    read: Reader, clock: Clock, what: What[Value], error: UpstreamError, reason: StaleReason
) -> None:
    """While its system is down it is served and marked, up to its bound; older is the error."""
    fetch = Fetch(["a"], error)
    await read(what, fetch)
    clock.now = 1600

    assert await read(what, fetch) == (["a"], [(Source.CACHE, 1000, reason)])
    with pytest.raises(type(error)):
        await read(what, fetch, Acceptance(no_cache=True))
    clock.now = 1701
    with pytest.raises(type(error)):
        await read(what, fetch)


@pytest.mark.parametrize(
    "error",
    [
        CredentialsRefused("ratings", "things", "refused"),
        ContractViolation("ratings", "things", "no JSON"),
        UpstreamNotFound("ratings", "things", "nothing"),
        LimitExceeded("too many calls"),
        ZeroDivisionError("a bug"),
    ],
)
async def test_nothing_stands_in_for_an_answer_or_a_refusal(read: Reader, error: Exception) -> None:
    """Who may not see it any more, or got another answer, is not given what was once seen."""
    fetch = Fetch(["a"], error)
    await read(EDITED, fetch)

    with pytest.raises(type(error)):
        await read(EDITED, fetch)


async def test_a_failure_is_shared_by_those_who_wait_and_not_kept(read: Reader) -> None:
    """Twenty who ask at once see the failure of one call; the next makes its own."""
    fetch = Fetch(DOWN, ["up"])
    outcomes = await asyncio.gather(
        *(read(RATED, fetch) for _ in range(20)), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {UpstreamUnavailable}
    assert fetch.calls == 1
    assert (await read(RATED, fetch))[0] == ["up"]


async def test_who_wants_no_call_is_refused_where_nothing_is_kept(read: Reader) -> None:
    """The error says so, and no call is made."""
    fetch = Fetch(["a"])
    with pytest.raises(UpstreamUnavailable, match="nothing usable is kept"):
        await read(RATED, fetch, Acceptance(only_if_cached=True))
    assert fetch.calls == 0
