from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Effect, Reply
from casegraph.transport.retry import Retry, RetryBudget, RetryPolicy, Verdict
from support.clock import Clock, FixedDice
from support.scripted import Script, a_call, reply

READ, REPEATABLE, ONCE = Effect.READ, Effect.REPEATABLE, Effect.ONCE
WHO = ("somebody", "thing", "failed")


def retry_over(script: Script, clock: Clock, **values: object) -> Retry:
    """Return a layer with a full budget of its own."""
    usual = {"clock": clock, "sleep": clock.sleep, "random": FixedDice(0.9)}
    return Retry(script, RetryBudget(clock), **(usual | values))


async def outcome(layer: Retry, call: object) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await layer(call)
    except UpstreamError as error:
        return error


def late(*, sent: bool) -> UpstreamError:
    """Return a time-out."""
    return DeadlineExceeded(*WHO, sent=sent)


def cut(*, sent: bool) -> UpstreamError:
    """Return a failed connection."""
    return UpstreamUnavailable(*WHO, sent=sent)


TABLE = [
    # what came back, then the attempts in all for READ, REPEATABLE, ONCE
    ("not sent: refused, DNS, queue", cut(sent=False), (3, 3, 3)),
    ("not sent: time-out of connecting", late(sent=False), (3, 3, 3)),
    ("408", reply(408), (2, 1, 1)),
    ("429, seconds", reply(429, retry_after="1"), (3, 3, 1)),
    ("429, date", reply(429, retry_after="Thu, 01 Jan 2026 12:00:01 GMT"), (3, 3, 1)),
    ("503, seconds", reply(503, retry_after="1"), (3, 3, 1)),
    ("429, absent", reply(429), (3, 1, 1)),
    ("429, garbage", reply(429, retry_after="soon"), (3, 1, 1)),
    ("429, negative", reply(429, retry_after="-5"), (3, 1, 1)),
    ("503, absent", reply(503), (3, 1, 1)),
    ("503, garbage", reply(503, retry_after="soon"), (3, 1, 1)),
    ("500", reply(500), (3, 1, 1)),
    ("502", reply(502), (3, 1, 1)),
    ("504", reply(504), (3, 1, 1)),
    ("501", reply(501), (1, 1, 1)),
    ("505", reply(505), (1, 1, 1)),
    ("time-out after sending", late(sent=True), (3, 1, 1)),
    ("reset before or in the body", cut(sent=True), (3, 1, 1)),
    ("200", reply(200), (1, 1, 1)),
    ("304", reply(304), (1, 1, 1)),
    ("400", reply(400), (1, 1, 1)),
    ("401", reply(401), (1, 1, 1)),
    ("404", reply(404), (1, 1, 1)),
    ("409", reply(409), (1, 1, 1)),
    ("422", reply(422), (1, 1, 1)),
    ("open breaker", CircuitOpen("somebody", "thing", 5000), (1, 1, 1)),
    ("refused by the gate", RateLimited(*WHO, 5000, sent=False), (1, 1, 1)),
    ("rate limit met within", RateLimited(*WHO, 5000), (1, 1, 1)),
    ("contract", ContractViolation("somebody", "thing", "a wrong type"), (1, 1, 1)),
    ("credentials, sent", CredentialsRefused(*WHO), (1, 1, 1)),
    ("credentials, not sent", CredentialsRefused(*WHO, sent=False), (1, 1, 1)),
    ("rejected sign-in", UpstreamRejected(*WHO), (1, 1, 1)),
    ("not found within", UpstreamNotFound(*WHO), (1, 1, 1)),
]
CASES = [
    pytest.param(effect, failure, attempts, id=f"{name} - {effect.value}")
    for name, failure, row in TABLE
    for effect, attempts in zip((READ, REPEATABLE, ONCE), row, strict=True)
]


@pytest.mark.parametrize(("effect", "failure", "attempts"), CASES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_who_may_be_repeated(
    effect: Effect, failure: Reply | Exception, attempts: int, method: str
) -> None:
    """Attempts follow from the declared effect and the failure, never from the method."""
    clock = Clock()
    script = Script(failure, clock=clock)
    call = a_call(effect=effect, method=method, deadline=clock.now + 60)
    result = await outcome(retry_over(script, clock), call)

    assert attempts == len(script.calls)
    assert list(range(1, attempts + 1)) == [each.attempt for each in script.calls]
    assert result is failure


async def test_a_good_answer_ends_the_retries() -> None:
    """The second attempt's answer is the caller's."""
    clock = Clock()
    script = Script(reply(502), reply(200))

    assert await retry_over(script, clock)(a_call(deadline=clock.now + 9)) == reply(200)
    assert len(script.calls) == 2


async def test_a_408_after_another_failure_is_no_licence_for_a_third_attempt() -> None:
    """Once more means two in all."""
    clock = Clock()
    script = Script(reply(500), reply(408), reply(200))

    assert await retry_over(script, clock)(a_call()) == reply(408)


async def test_what_is_unsent_first_and_sent_then_is_not_repeated() -> None:
    """ONCE may be tried again until something left, and then never."""
    clock = Clock()
    script = Script(cut(sent=False), cut(sent=True), reply(200))
    result = await outcome(retry_over(script, clock), a_call(effect=ONCE))

    assert (len(script.calls), result.sent) == (2, True)


@pytest.mark.parametrize(
    "refusal", [RateLimited(*WHO, 5000, sent=False), CircuitOpen("somebody", "thing", 5000)]
)
async def test_a_refused_repetition_does_not_hide_what_the_upstream_said(
    refusal: UpstreamError,
) -> None:
    """When gate or breaker refuse the second attempt, the first one's answer stands."""
    clock = Clock()
    script = Script(reply(503, retry_after="40"), refusal)

    assert await outcome(retry_over(script, clock), a_call()) == reply(503, retry_after="40")


async def test_an_open_breaker_says_more_than_a_failed_connection() -> None:
    """Where the upstream said nothing, the refusal tells when to come back."""
    script = Script(cut(sent=False), CircuitOpen("somebody", "thing", 5000))

    assert (await outcome(retry_over(script, Clock()), a_call())).retry_after_ms == 5000


@pytest.mark.parametrize("left", [0.0, 0.05, 0.09])
async def test_no_wait_that_would_reach_the_deadline(left: float) -> None:
    """Without 50 ms left after the wait the failure is the answer, at once and unpaid."""
    clock = Clock()
    script = Script(reply(500))
    layer = retry_over(script, clock)
    await layer(a_call(deadline=clock.now + left))

    assert (len(script.calls), clock.slept, layer._budget.left) == (1, [], 20.0)


@pytest.mark.parametrize(("left", "attempts"), [(2.9, 1), (3.1, 2), (6.2, 3)])
async def test_after_a_time_out_only_with_time_for_a_whole_attempt(
    left: float, attempts: int
) -> None:
    """An upstream that just needed more than 3 s is not asked again with less than 3 s left."""
    clock = Clock()

    async def time_out(_call: object) -> Reply:
        clock.now += 3
        raise late(sent=True)

    script = Script(time_out)
    await outcome(retry_over(script, clock), a_call(deadline=clock.now + 3 + left))

    assert attempts == len(script.calls)


BOUNDS = [
    (reply(500), [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
    (cut(sent=False), [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
    (reply(429), [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]),
    (reply(429, retry_after="2"), [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]),
]


@pytest.mark.parametrize(("failure", "bounds"), BOUNDS)
async def test_waits_grow_and_are_capped(failure: Reply | Exception, bounds: list[float]) -> None:
    """Twice as long each time, from 50 ms to 1 s; from 1 s to 5 s where no pause was named."""
    clock, dice = Clock(), FixedDice(0.9)
    layer = retry_over(Script(failure), clock, random=dice, policy=RetryPolicy(attempts=8))
    await outcome(layer, a_call())

    assert dice.bounds == [(0, bound) for bound in bounds]
    assert clock.slept == pytest.approx([0.9 * bound for bound in bounds])


@settings(deadline=None)
@given(
    st.sampled_from([Verdict.BACK_OFF, Verdict.ONCE_MORE, Verdict.PAUSED, Verdict.THROTTLED]),
    st.integers(1, 1000),
)
def test_no_number_of_attempts_makes_a_wait_unbounded(verdict: Verdict, attempt: int) -> None:
    """The bound is above nothing and at most the cap, for any attempt."""
    cap = 5.0 if verdict is Verdict.THROTTLED else 1.0

    assert 0 < RetryPolicy().longest_wait(verdict, attempt) <= cap


@settings(deadline=None)
@given(st.integers(), st.floats(0.06, 8))
async def test_full_jitter_stays_within_its_bounds_and_the_deadline(seed: int, left: float) -> None:
    """Any dice: each wait lies between nothing and its bound, and time is left after the last."""
    clock = Clock()
    deadline = clock.now + left
    dice = Random(seed)  # noqa: S311 - a test's dice
    script = Script(reply(429), clock=clock)
    await retry_over(script, clock, random=dice)(a_call(deadline=deadline))

    assert all(0 <= wait <= bound for wait, bound in zip(clock.slept, [1.0, 2.0], strict=False))
    assert script.times[-1] <= deadline - 0.05 + 1e-6


TRACES = st.lists(
    st.tuples(st.floats(0, 3), st.sampled_from([200, 404, 408, 429, 500, 503])), max_size=300
)


@settings(deadline=None)
@given(TRACES)
async def test_retries_are_bounded_for_any_trace(trace: list[tuple[float, int]]) -> None:
    """At most a tenth of first attempts, one a second, and the bucket's twenty."""
    clock = Clock()
    status = 200

    async def answer(_call: object) -> Reply:
        return reply(status)

    script = Script(answer)
    layer = retry_over(script, clock, random=FixedDice(0.0))
    began = clock.now
    for done, (pause, status) in enumerate(trace, start=1):  # noqa: B007 - read by `answer`
        clock.now += pause
        await layer(a_call())
        retries = len(script.calls) - done
        assert retries <= 0.1 * done + (clock.now - began) + 20 + 1e-6


async def test_when_everything_fails_the_load_grows_by_a_tenth_at_most() -> None:
    """A thousand calls to a dead upstream cost a tenth more, and the bucket that was full."""
    clock = Clock()
    script = Script(reply(500))
    layer = retry_over(script, clock, random=FixedDice(0.0))
    for _ in range(1000):
        await layer(a_call())

    assert 1000 * 1.1 <= len(script.calls) <= 1000 * 1.1 + 20


async def test_the_bucket_never_holds_more_than_twenty() -> None:
    """A long good time is no credit for a bad one."""
    clock = Clock()
    budget = RetryBudget(clock)
    for _ in range(10_000):
        budget.first_attempt()
    clock.now += 86_400

    assert sum(budget.take() for _ in range(100)) == 20


async def test_an_empty_bucket_fills_by_time_and_by_first_attempts() -> None:
    """One retry a second, and one for ten calls."""
    clock = Clock()
    budget = RetryBudget(clock)
    while budget.take():
        pass
    clock.now += 10.25
    by_time = sum(budget.take() for _ in range(100))
    for _ in range(58):
        budget.first_attempt()
    by_calls = sum(budget.take() for _ in range(100))

    assert (by_time, by_calls) == (10, 6)


@pytest.mark.parametrize(
    "refusal", [RateLimited(*WHO, 5000, sent=False), CircuitOpen("somebody", "thing", 5000)]
)
async def test_calls_that_were_refused_fill_no_budget(refusal: UpstreamError) -> None:
    """A thousand calls against an open breaker pay for no retry afterwards."""
    clock = Clock()
    layer = retry_over(Script(refusal), clock)
    while layer._budget.take():
        pass
    for _ in range(1000):
        await outcome(layer, a_call())

    assert layer._budget.left < 1


async def test_what_is_no_cause_of_ours_is_never_repeated() -> None:
    """A bug shows itself at once."""
    script = Script(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await retry_over(script, Clock())(a_call())

    assert len(script.calls) == 1
