"""The rate gate beside a place where other processes leave their pauses, on a test's clock."""

import asyncio

import pytest

from casegraph.errors import RateLimited, UpstreamError
from casegraph.transport.calls import Reply
from casegraph.transport.pace import LocalPace, PaceConfig
from casegraph.transport.pause import OwnPause
from casegraph.transport.rate_gate import JITTER, RateGate
from support.clock import Clock, FixedDice, WaitingClock
from support.scripted import Script, a_call, reply


class Place:
    """A place whose pause the test sets; `held` is what was left there."""

    def __init__(self, clock: Clock) -> None:
        self.until = 0.0
        self.held: list[float] = []
        self._clock = clock

    async def left(self) -> float:
        """Return what is left of the pause."""
        return max(self.until - self._clock(), 0.0)

    def hold(self, seconds: float) -> None:
        """Keep what is left here."""
        self.held.append(seconds)


def gate_over(
    script: Script, clock: Clock, place: Place, share: float = 0.0, pace: PaceConfig | None = None
) -> RateGate:
    """Return a gate beside a place."""
    return RateGate(
        script,
        LocalPace(pace or PaceConfig(), clock),
        clock=clock,
        wall_clock=clock.wall,
        random=FixedDice(share),
        sleep=clock.sleep,
        others=place,
    )


async def outcome(gate: RateGate) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await gate(a_call())
    except UpstreamError as error:
        return error


async def test_a_pause_that_comes_while_a_call_waits_for_its_place_holds_it() -> None:
    """It was let in before the others were told, and is not sent after."""
    clock = WaitingClock(0.0)
    script, place = Script(clock=clock), Place(clock)
    gate = gate_over(script, clock, place, pace=PaceConfig(0.5, 1))
    tasks = [asyncio.create_task(outcome(gate)) for _ in range(2)]
    await clock.advance(1)
    place.until = clock() + 30
    await clock.advance(5)
    results = await asyncio.gather(*tasks)

    assert results[0] == reply(200)
    assert isinstance(results[1], RateLimited)
    assert script.times == [0]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_a_pause_of_others_is_stretched_once(share: float) -> None:
    """However often it is read, it ends by a tenth of its length later at most."""
    clock = Clock(0.0)
    script, place = Script(clock=clock), Place(clock)
    place.until = 1.5
    gate = gate_over(script, clock, place, share)

    assert await outcome(gate) == reply(200)
    assert script.times == [pytest.approx(1.5 * (1 + share * JITTER))]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (reply(429, retry_after="30"), [30.0]),
        (reply(429, retry_after="86400"), [60.0]),
        (reply(429), [1.0]),
        (reply(503, retry_after="5"), [5.0]),
        (reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="7"), [7.0]),
        (reply(429, retry_after="0"), []),
        (reply(503), []),
        (reply(200), []),
    ],
)
async def test_what_was_asked_is_left_for_the_others_unstretched(
    told: Reply, left: list[float]
) -> None:
    """Each process adds its own jitter; a minute at most; nothing where nothing was asked."""
    clock = Clock()
    place = Place(clock)
    await outcome(gate_over(Script(told), clock, place, share=1.0))

    assert place.held == left


async def test_a_pause_that_others_had_is_not_left_again() -> None:
    """Only who was told by the upstream tells."""
    clock = Clock()
    place = Place(clock)
    place.until = clock() + 30
    results = [await outcome(gate_over(Script(), clock, place)) for _ in range(2)]

    assert {type(each) for each in results} == {RateLimited}
    assert place.held == []


async def test_without_others_there_is_nothing_to_learn() -> None:
    """The place of a process alone stays empty, whatever is left there."""
    own = OwnPause()
    own.hold(30.0)

    assert await own.left() == 0.0
