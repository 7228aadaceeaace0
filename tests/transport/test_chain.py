import asyncio
import time

import pytest

from casegraph.errors import (
    CircuitOpen,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.transport.breaker import State
from casegraph.transport.calls import Call, Effect, Reply, Send
from casegraph.transport.chain import Chain, ChainConfig, Surroundings, build_chain
from casegraph.transport.credentials import Proof, Renewable
from casegraph.transport.deadline import request_deadline
from casegraph.transport.pace import LocalPace, PaceConfig, Reservation
from casegraph.transport.retry import RetryPolicy
from support.clock import Clock, FixedDice, WaitingClock, settle
from support.scripted import Script, a_call, hang, reply
from support.stalls import timed

WHO = ("somebody", "thing", "failed")
UNREACHABLE = UpstreamUnavailable(*WHO, sent=False)
AT_ONCE = RetryPolicy(base_seconds=0.0)
SOON = 0.1


def chain_over(
    proven: Send, clock: Clock, pace: PaceConfig | None = None, **config: object
) -> Chain:
    """Return a whole chain on a clock."""
    around = Surroundings(clock, clock.wall, FixedDice(), clock.sleep)
    return build_chain(
        proven, LocalPace(pace or PaceConfig(), clock), ChainConfig(**config), around
    )


async def outcome(chain: Chain, **values: object) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await chain.send(a_call(**values))
    except UpstreamError as error:
        return error


async def test_a_good_call_passes_all_layers_once() -> None:
    """One call in, one call out, with the request's deadline on it."""
    clock = Clock()
    script = Script(reply(200))
    request_deadline.set(clock() + 9)

    assert await outcome(chain_over(script, clock)) == reply(200)
    assert [(call.attempt, call.deadline) for call in script.calls] == [(1, clock() + 9)]


async def test_every_attempt_takes_a_place_of_the_pace() -> None:
    """Three attempts of one call come at the pace: the gate is inside the retries."""
    clock = Clock(0.0)
    script = Script(reply(500), clock=clock)
    await outcome(chain_over(script, clock, PaceConfig(0.5, 1), retry=AT_ONCE))

    assert script.times == [0, 2, 4]


async def test_every_attempt_waits_for_the_pause_that_the_last_one_met() -> None:
    """A 429 holds its own repetition like any other call."""
    clock = Clock(0.0)
    script = Script(reply(429, retry_after="2"), reply(200), clock=clock)

    assert await outcome(chain_over(script, clock)) == reply(200)
    assert script.times == [0, 2]


async def test_a_pause_too_long_gives_the_upstreams_own_answer() -> None:
    """Thirty seconds are not waited for: the 429 itself is the answer, and the next is refused."""
    clock = Clock()
    script = Script(reply(429, retry_after="30"))
    chain = chain_over(script, clock)

    assert await outcome(chain) == reply(429, retry_after="30")
    assert isinstance(await outcome(chain), RateLimited)
    assert (len(script.calls), clock.slept) == (1, [0.0])


async def test_every_attempt_is_seen_by_the_breaker_and_an_open_one_ends_the_retries() -> None:
    """Five failed connections are three attempts of one call and two of the next; no sixth."""
    clock = Clock()
    script = Script(UNREACHABLE)
    chain = chain_over(script, clock)
    first, second = [await outcome(chain) for _ in range(2)]

    assert first is UNREACHABLE
    assert isinstance(second, CircuitOpen)
    assert (len(script.calls), chain.breaker.state) == (5, State.OPEN)


async def test_a_call_that_waits_at_the_gate_takes_no_place_from_others() -> None:
    """The bulkhead is behind the gate: with one place, a waiting call keeps nobody out."""
    clock = WaitingClock(0.0)
    script = Script(clock=clock)
    chain = chain_over(script, clock, PaceConfig(0.5, 1), concurrency=1, waiting=0)
    tasks = [asyncio.create_task(outcome(chain)) for _ in range(3)]
    await clock.advance(5)

    assert await asyncio.gather(*tasks) == [reply(200)] * 3
    assert script.times == [0, 2, 4]


async def test_a_renewed_proof_is_no_attempt() -> None:
    """A stale token costs a second request, no retry, no budget and no place of the pace."""
    clock = Clock(0.0)
    script = Script(reply(401), reply(200), clock=clock)

    async def renew() -> Proof:
        return Proof({"authorization": "Bearer fresh"})

    proven = Renewable(script, renew, stale_status=401, clock=clock)
    chain = chain_over(proven, clock, PaceConfig(0.5, 1))

    assert await outcome(chain) == reply(200)
    assert script.times == [0, 0]
    assert {call.attempt for call in script.calls} == {1}
    assert chain.budget.left == 20


async def test_a_page_of_a_hundred_queues_behind_eight_places() -> None:
    """All are served, never more than eight at once, and the breaker sees nothing slow."""
    clock = WaitingClock()
    most = []

    async def answer(_call: Call) -> Reply:
        most.append(script.running)
        await clock.sleep(1.0)
        return reply(200)

    script = Script(answer)
    chain = chain_over(script, clock)
    tasks = [asyncio.create_task(outcome(chain)) for _ in range(100)]
    await clock.advance(13)

    assert await asyncio.gather(*tasks) == [reply(200)] * 100
    assert (max(most), chain.breaker.state) == (8, State.CLOSED)


async def test_a_full_queue_is_told_as_unavailable_and_closes_nothing() -> None:
    """Own overload is retried within the budget and never opens the breaker."""
    clock = Clock()
    chain = chain_over(Script(hang), clock, concurrency=1, waiting=0)
    first = asyncio.create_task(outcome(chain))
    await settle()
    results = [await outcome(chain, effect=Effect.ONCE) for _ in range(20)]
    first.cancel()
    await asyncio.wait([first])

    assert {(type(each), each.sent) for each in results} == {(UpstreamUnavailable, False)}
    assert chain.breaker.state is State.CLOSED


async def test_a_place_that_comes_too_late_is_not_used() -> None:
    """Who gets its place with less than 50 ms left sends nothing."""
    clock = WaitingClock()
    deadline = clock() + 5

    async def answer(_call: Call) -> Reply:
        await clock.sleep(4.96)
        return reply(200)

    script = Script(answer)
    chain = chain_over(script, clock, concurrency=1)
    tasks = [asyncio.create_task(outcome(chain, deadline=deadline)) for _ in range(2)]
    await clock.advance(4.97)
    results = await asyncio.gather(*tasks)

    assert results[0] == reply(200)
    assert (type(results[1]), results[1].sent) == (DeadlineExceeded, False)
    assert len(script.calls) == 1


class HangingPace:
    """A pace whose keeper never answers."""

    async def reserve(self, _longest: float) -> Reservation:
        """Hang."""
        await asyncio.Event().wait()
        raise AssertionError


async def never_renewed() -> Proof:
    """Hang."""
    await asyncio.Event().wait()
    raise AssertionError


def hangs_in_gate() -> tuple[Chain, int]:
    """Return a chain that hangs at the pace, and how many calls it takes to see it."""
    return build_chain(Script(), HangingPace(), ChainConfig(), Surroundings()), 1


def hangs_in_queue() -> tuple[Chain, int]:
    """Return a chain whose one place is taken for good by the first call."""
    pace = LocalPace(PaceConfig(), time.monotonic)
    return build_chain(Script(hang), pace, ChainConfig(concurrency=1), Surroundings()), 2


def hangs_in_credentials() -> tuple[Chain, int]:
    """Return a chain whose proof never comes."""
    proven = Renewable(Script(), never_renewed, stale_status=401, clock=time.monotonic)
    pace = LocalPace(PaceConfig(), time.monotonic)
    return build_chain(proven, pace, ChainConfig(), Surroundings()), 1


def hangs_in_exchange() -> tuple[Chain, int]:
    """Return a chain whose upstream never answers."""
    pace = LocalPace(PaceConfig(), time.monotonic)
    return build_chain(Script(hang), pace, ChainConfig(), Surroundings()), 1


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (hangs_in_gate, False),
        (hangs_in_queue, False),
        (hangs_in_credentials, True),
        (hangs_in_exchange, True),
    ],
)
async def test_every_wait_ends_at_the_deadline(make: object, sent: bool) -> None:
    """In real time: wherever it hangs, the answer comes in time and says what may be sent."""
    chain, count = make()
    with timed() as took:
        request_deadline.set(time.monotonic() + SOON)
        results = await asyncio.gather(*(outcome(chain) for _ in range(count)))

    assert {type(each) for each in results} == {DeadlineExceeded}
    assert results[-1].sent is sent
    assert took.wall >= SOON - 0.005
    assert took.seconds <= SOON + 0.1
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        await asyncio.wait([task])


async def test_a_wait_of_the_gate_that_cannot_end_in_time_is_refused_at_once() -> None:
    """The pace's next place is after the deadline: no time is spent on finding that out."""
    clock = Clock()
    script = Script()
    chain = chain_over(script, clock, PaceConfig(0.1, 1))
    await outcome(chain, deadline=clock() + 9)
    refused = await outcome(chain, deadline=clock() + 9)

    assert (type(refused), refused.retry_after_ms, clock.slept) == (RateLimited, 10_001, [])


async def test_when_everything_fails_the_upstream_is_spared() -> None:
    """A thousand calls to an upstream of nothing but 500s: the breaker ends it after twenty."""
    clock = Clock()
    script = Script(reply(500))
    chain = chain_over(script, clock, retry=AT_ONCE)
    results = [await outcome(chain) for _ in range(1000)]

    assert len(script.calls) == 20
    assert isinstance(results[-1], CircuitOpen)
