import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.errors import DeadlineExceeded, RateLimited, UpstreamError
from casegraph.transport.calls import Call, Reply
from casegraph.transport.pace import LocalPace, PaceConfig
from casegraph.transport.rate_gate import JITTER, RateGate
from support.clock import Clock, FixedDice, WaitingClock, settle
from support.scripted import Script, a_call, hang, reply

NO_PACE = PaceConfig()


def gate_over(
    script: Script, clock: Clock, pace: PaceConfig = NO_PACE, random: Random | None = None
) -> RateGate:
    """Return a gate on a clock."""
    return RateGate(
        script,
        LocalPace(pace, clock),
        clock=clock,
        wall_clock=clock.wall,
        random=random or FixedDice(),
        sleep=clock.sleep,
    )


async def outcome(gate: RateGate, call: Call) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await gate(call)
    except UpstreamError as error:
        return error


NOON = "Thu, 01 Jan 2026 12:00:{:02} GMT"
FORMS = [
    # the header of a 429, then the pause that follows from it, in seconds
    pytest.param("2", 2.0, id="seconds"),
    pytest.param(NOON.format(2), 2.0, id="date in the future"),
    pytest.param("Wed, 31 Dec 2025 23:59:59 GMT", 0.0, id="date in the past"),
    pytest.param("0", 0.0, id="zero"),
    pytest.param("-5", 1.0, id="negative"),
    pytest.param("soon, please", 1.0, id="garbage"),
    pytest.param("9" * 40, 60.0, id="huge"),
    pytest.param("1.5", 1.5, id="fraction"),
    pytest.param(None, 1.0, id="absent"),
]
MORE_FORMS = [
    pytest.param("  2 ", 2.0, id="spaces"),
    pytest.param("Thursday, 01-Jan-26 12:00:02 GMT", 2.0, id="date of RFC 850"),
    pytest.param("Thu Jan  1 12:00:02 2026", 2.0, id="date of asctime"),
    pytest.param("Thu, 01 Jan 2026 12:00:02 -0000", 2.0, id="date without a zone"),
    pytest.param("Thu, 01 Jan 2026 14:00:02 +0200", 2.0, id="date of another zone"),
    pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 60.0, id="date at the end of time"),
    pytest.param("Fri, 31 Dec 99999 23:59:59 GMT", 1.0, id="date beyond time"),
    pytest.param("1 Jan 2026 12:00:02 +9999", 1.0, id="zone beyond the day"),
    pytest.param("٢", 1.0, id="digits of another script"),
    pytest.param("1e3", 1.0, id="exponent"),
    pytest.param("nan", 1.0, id="nan"),
    pytest.param("2, 3", 1.0, id="two values"),
    pytest.param("2; comment", 1.0, id="parameter"),
]


@pytest.mark.parametrize(("header", "pause"), [*FORMS, *MORE_FORMS])
async def test_every_form_of_retry_after(header: str | None, pause: float) -> None:
    """The wait as written; none where it is over; a second where a 429 says nothing readable."""
    clock = Clock()
    headers = {} if header is None else {"retry_after": header}
    gate = gate_over(Script(reply(429, **headers), reply(200)), clock)
    await gate(a_call())

    assert gate._not_before - clock() == (pytest.approx(pause) if pause else float("-inf"))


@pytest.mark.parametrize("header", ["-5", "soon", None])
async def test_a_503_that_names_no_wait_is_no_pause(header: str | None) -> None:
    """An upstream that failed did not say that it was asked too often."""
    clock = Clock()
    headers = {} if header is None else {"retry_after": header}
    gate = gate_over(Script(reply(503, **headers)), clock)
    await gate(a_call())
    await gate(a_call())

    assert clock.slept == []


@pytest.mark.parametrize("status", [200, 301, 404, 500])
async def test_retry_after_counts_with_429_and_503_only(status: int) -> None:
    """On any other answer the header means something else, or nothing."""
    clock = Clock()
    gate = gate_over(Script(reply(status, retry_after="2")), clock)
    await gate(a_call())
    await gate(a_call())

    assert clock.slept == []


async def test_a_pause_holds_every_caller_until_its_moment() -> None:
    """Fifty callers make one call before the pause ends, and all of theirs when it has."""
    clock = WaitingClock()
    script = Script(reply(429, retry_after="2"), reply(200), clock=clock)
    gate = gate_over(script, clock)
    began = clock()
    await gate(a_call())
    tasks = [asyncio.create_task(gate(a_call())) for _ in range(50)]
    await clock.advance(1.999)
    assert len(script.calls) == 1
    await clock.advance(0.002)

    assert await asyncio.gather(*tasks) == [reply(200)] * 50
    assert set(script.times[1:]) == {began + 2}


async def test_calls_on_the_wire_are_all_that_arrives_in_a_pause() -> None:
    """What is sent when the 429 comes cannot be called back; nobody follows it."""
    clock, release = WaitingClock(), asyncio.Event()

    async def answer(_call: Call) -> Reply:
        await release.wait()
        return reply(429, retry_after="30")

    script = Script(answer)
    gate = gate_over(script, clock)
    first = [asyncio.create_task(gate(a_call())) for _ in range(3)]
    await settle()
    release.set()
    await asyncio.gather(*first)
    refused = [await outcome(gate, a_call()) for _ in range(20)]

    assert len(script.calls) == 3
    assert {type(each) for each in refused} == {RateLimited}


async def test_two_pauses_at_once_are_the_longer_one() -> None:
    """A short pause that is learned later does not shorten a long one."""
    clock = Clock()
    gate = gate_over(Script(reply(200)), clock)
    for seconds in ("2", "1"):
        gate._learn(reply(429, retry_after=seconds))

    assert gate._not_before == clock() + 2


@pytest.mark.parametrize(("left", "asked"), [(1.0, "1"), (9.0, "3"), (1.04, "1"), (0.01, "1")])
async def test_a_pause_too_long_is_refused_before_it_is_waited_for(left: float, asked: str) -> None:
    """Longer than the time left or than 2 s: refused at once, with the wait, unsent."""
    clock = Clock()
    script = Script(reply(429, retry_after=asked))
    gate = gate_over(script, clock)
    await gate(a_call())
    with pytest.raises(RateLimited) as caught:
        await gate(a_call(deadline=clock() + left))

    assert (len(script.calls), clock.slept, caught.value.sent) == (1, [], False)
    assert int(asked) * 1000 <= caught.value.retry_after_ms <= int(asked) * 1000 + 1


async def test_two_seconds_are_waited_out_whatever_the_jitter() -> None:
    """The jitter that is ours does not turn a bearable pause into an unbearable one."""
    clock = Clock()
    gate = gate_over(Script(reply(429, retry_after="2"), reply(200)), clock, random=FixedDice(1.0))
    await gate(a_call())

    assert await gate(a_call()) == reply(200)
    assert clock.slept == pytest.approx([2.2])


async def test_a_pause_is_remembered_for_a_minute_at_most() -> None:
    """A vendor that asks for a day is asked again after a minute."""
    clock = Clock()
    script = Script(reply(429, retry_after="86400"), reply(200))
    gate = gate_over(script, clock)
    await gate(a_call())
    with pytest.raises(RateLimited) as caught:
        await gate(a_call())
    clock.now += 59.9

    assert await gate(a_call()) == reply(200)
    assert caught.value.retry_after_ms == 60_001
    assert clock.slept == pytest.approx([0.1])


@settings(deadline=None)
@given(st.integers(), st.integers(1, 100))
async def test_the_jitter_only_stretches_and_by_a_tenth_at_most(seed: int, asked: int) -> None:
    """Never earlier than asked, so that not all processes come back at once, nor too early."""
    clock = Clock()
    dice = Random(seed)  # noqa: S311 - a test's dice
    gate = gate_over(Script(reply(429, retry_after=str(asked))), clock, random=dice)
    await gate(a_call())
    bare = min(asked, 60)

    assert bare <= round(gate._not_before - clock(), 6) <= bare * (1 + JITTER)


EPOCH_AT_NOON = 1767268800
QUOTAS = [
    # headers of a good answer, then the pause
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}, 2.0),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH_AT_NOON + 2)}, 2.0),
    ({"ratelimit-remaining": "0", "ratelimit-reset": "2"}, 2.0),
    ({"x-rate-limit-remaining": " 0 ", "x-rate-limit-reset": " 2 "}, 2.0),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1.5"}, 1.5),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "3600"}, 60.0),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH_AT_NOON - 5)}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-3"}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"}, None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "inf"}, None),
    ({"x-ratelimit-remaining": "0"}, None),
    ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "2"}, None),
    ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "2"}, None),
    ({"x-ratelimit-reset": "2"}, None),
    ({"x-ratelimit-remaining": "0", "ratelimit-remaining": "0", "ratelimit-reset": "2"}, 2.0),
]


@pytest.mark.parametrize(("headers", "pause"), QUOTAS)
async def test_an_exhausted_quota_pauses_before_the_429(
    headers: dict[str, str], pause: float | None
) -> None:
    """Nothing left until a moment, given as seconds or as a time of day, is a pause until then."""
    clock = Clock()
    gate = gate_over(Script(Reply(200, headers, b"{}")), clock)
    await gate(a_call())

    assert gate._not_before - clock() == (float("-inf") if pause is None else pytest.approx(pause))


async def test_a_counting_upstream_never_has_to_answer_429() -> None:
    """Ten calls a second and no more: thirty calls in single file see no 429."""
    clock = Clock()
    window = {"left": 10, "reset": clock() + 1}

    async def counting(_call: Call) -> Reply:
        if clock() >= window["reset"]:
            window.update(left=10, reset=clock() + 1)
        if not window["left"]:
            return reply(429)
        window["left"] -= 1
        seconds = window["reset"] - clock()
        left = str(window["left"])
        return reply(200, x_ratelimit_remaining=left, x_ratelimit_reset=f"{seconds:.3f}")

    gate = gate_over(Script(counting), clock)

    assert [(await gate(a_call())).status for _ in range(30)] == [200] * 30


async def test_the_pace_is_kept_by_all_callers_together() -> None:
    """Five at once, then one every two seconds, in the order in which they came."""
    clock = WaitingClock(0.0)
    script = Script(clock=clock)
    gate = gate_over(script, clock, PaceConfig(0.5, 5))
    tasks = [asyncio.create_task(gate(a_call(target=f"/{n}"))) for n in range(8)]
    await clock.advance(10)
    await asyncio.gather(*tasks)

    assert script.times == [0, 0, 0, 0, 0, 2, 4, 6]
    assert [call.target for call in script.calls] == [f"/{n}" for n in range(8)]


async def test_who_cannot_wait_for_its_place_takes_none() -> None:
    """Refused at once with the wait, and the next caller gets the place."""
    clock = Clock(0.0)
    script = Script(clock=clock)
    gate = gate_over(script, clock, PaceConfig(0.5, 1))
    await gate(a_call())
    with pytest.raises(RateLimited) as caught:
        await gate(a_call(deadline=clock() + 2.0))
    await gate(a_call(deadline=clock() + 2.1))

    assert (caught.value.retry_after_ms, caught.value.sent) == (2001, False)
    assert (script.times, clock.slept) == ([0, 2], [2.0])


@pytest.mark.parametrize("pace", [NO_PACE, PaceConfig(100, 5)])
async def test_a_call_out_of_time_is_late_and_not_limited(pace: PaceConfig) -> None:
    """With less than 50 ms left the cause is the deadline, whatever the pace."""
    clock = Clock()
    script = Script()
    with pytest.raises(DeadlineExceeded) as caught:
        await gate_over(script, clock, pace)(a_call(deadline=clock() + 0.049))

    assert (script.calls, caught.value.sent) == ([], False)


async def test_a_pause_learned_while_waiting_for_a_place_holds_too() -> None:
    """Who sleeps towards its place and meets a pause takes a new place after it."""
    clock = WaitingClock(0.0)
    script = Script(clock=clock)
    gate = gate_over(script, clock, PaceConfig(1, 1))
    tasks = [asyncio.create_task(gate(a_call())) for _ in range(3)]
    await clock.advance(0.5)
    gate._learn(reply(429, retry_after="2"))
    await clock.advance(10)
    await asyncio.gather(*tasks)

    assert script.times[0] == 0
    assert script.times[1] >= 2.5
    assert script.times[2] - script.times[1] >= 1


async def test_a_pause_that_came_meanwhile_can_end_a_wait() -> None:
    """A pause too long for the time left refuses also who already waits for its place."""
    clock = WaitingClock(0.0)
    script = Script(clock=clock)
    gate = gate_over(script, clock, PaceConfig(1, 1))
    tasks = [asyncio.create_task(outcome(gate, a_call(deadline=3.0))) for _ in range(2)]
    await clock.advance(0.5)
    gate._learn(reply(429, retry_after="30"))
    await clock.advance(10)
    results = await asyncio.gather(*tasks)

    assert [type(each) for each in results] == [Reply, RateLimited]
    assert script.times == [0]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 16), st.sampled_from([200, 200, 200, 429])),
        min_size=2,
        max_size=20,
    ),
    st.integers(1, 3),
)
async def test_with_pauses_and_all_the_pace_holds_at_the_wire(
    arrivals: list[tuple[int, int]], burst: int
) -> None:
    """For any arrivals and throttling: in any time t at most burst + rate * t calls are sent."""
    clock = WaitingClock(0.0)
    script = Script(*(reply(status) for _, status in arrivals), clock=clock)
    gate = gate_over(script, clock, PaceConfig(2, burst))
    tasks = []
    for quarters, _ in arrivals:
        await clock.advance(quarters / 4)
        tasks.append(asyncio.create_task(outcome(gate, a_call(deadline=clock() + 20))))
    await clock.advance(60)
    await asyncio.gather(*tasks)

    times = script.times
    assert times
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + 2 * (times[last] - times[first])


async def test_a_caller_that_leaves_disturbs_nobody() -> None:
    """Cancelled in its wait, it sends nothing and the others keep their moments."""
    clock = WaitingClock(0.0)
    script = Script(clock=clock)
    gate = gate_over(script, clock, PaceConfig(1, 1))
    tasks = [asyncio.create_task(gate(a_call(target=f"/{n}"))) for n in range(3)]
    await settle()
    tasks[1].cancel()
    await clock.advance(5)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert [(call.target, at) for call, at in zip(script.calls, script.times, strict=True)] == [
        ("/0", 0),
        ("/2", 2),
    ]


async def test_the_wait_for_a_pause_is_the_callers_alone() -> None:
    """A hanging call stops nobody else at the gate."""
    clock = Clock()
    script = Script(hang, reply(200))
    gate = gate_over(script, clock)
    task = asyncio.create_task(gate(a_call()))
    await settle()

    assert await gate(a_call()) == reply(200)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
