"""The time of day may jump by an hour either way: what was decided keeps its length.

Only dates in headers are read against the time of day, at the moment when they are read.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from casegraph.errors import CircuitOpen, DeadlineExceeded, RateLimited, UpstreamError
from casegraph.transport.breaker import State
from casegraph.transport.calls import Reply
from casegraph.transport.chain import Chain, ChainConfig, Surroundings, build_chain
from casegraph.transport.pace import LocalPace, PaceConfig
from casegraph.transport.retry import RetryPolicy
from support.clock import Clock, FixedDice
from support.scripted import Script, a_call, reply


class Jumping(Clock):
    """A clock whose time of day can be set wrong while it runs on."""

    jumped = timedelta()

    def wall(self) -> datetime:
        """Return the time of day as it is set."""
        return super().wall() + self.jumped


def chain_over(script: Script, clock: Jumping, pace: PaceConfig) -> Chain:
    """Return a chain without retries."""
    around = Surroundings(clock, clock.wall, FixedDice(), clock.sleep)
    config = ChainConfig(retry=RetryPolicy(attempts=1))
    return build_chain(script, LocalPace(pace, clock), config, around)


async def outcome(chain: Chain, clock: Clock, seconds: float = 30.0) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await chain.send(a_call(deadline=clock() + seconds))
    except UpstreamError as error:
        return error


JUMPS = pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])


@JUMPS
@pytest.mark.parametrize("header", ["30", "Thu, 01 Jan 2026 12:00:30 GMT"], ids=["seconds", "date"])
async def test_a_pause_keeps_its_length(jump: timedelta, header: str) -> None:
    """Thirty seconds stay thirty, whatever the wall says meanwhile."""
    clock = Jumping()
    chain = chain_over(Script(reply(429, retry_after=header), reply(200)), clock, PaceConfig())
    await outcome(chain, clock)
    clock.jumped = jump
    refused = await outcome(chain, clock)
    clock.now += 30.01

    assert isinstance(refused, RateLimited)
    assert refused.retry_after_ms == 30_001
    assert await outcome(chain, clock) == reply(200)


@JUMPS
async def test_a_pace_keeps_its_interval(jump: timedelta) -> None:
    """Two seconds between two calls, by the clock that cannot be set."""
    clock = Jumping(0.0)
    script = Script(clock=clock)
    chain = chain_over(script, clock, PaceConfig(0.5, 1))
    for _ in range(3):
        await outcome(chain, clock)
        clock.jumped += jump

    assert script.times == [0, 2, 4]


@JUMPS
async def test_an_open_breaker_stays_open_as_long_as_it_said(jump: timedelta) -> None:
    """Neither at once nor an hour later is it tried again."""
    clock = Jumping()
    chain = chain_over(Script(*[reply(500)] * 20, reply(200)), clock, PaceConfig())
    for _ in range(20):
        await outcome(chain, clock)
    clock.jumped = jump
    refused = await outcome(chain, clock)
    assert chain.breaker.state is State.OPEN
    assert isinstance(refused, CircuitOpen)
    clock.now += (refused.retry_after_ms or 0) / 1000

    assert await outcome(chain, clock) == reply(200)


@JUMPS
async def test_a_deadline_is_no_time_of_day(jump: timedelta) -> None:
    """A call with time left goes out, one without does not."""
    clock = Jumping()
    chain = chain_over(Script(), clock, PaceConfig())
    clock.jumped = jump

    assert await outcome(chain, clock, 1.0) == reply(200)
    assert isinstance(await outcome(chain, clock, 0.01), DeadlineExceeded)


def test_the_jump_is_one() -> None:
    """The clock of these tests tells another time of day and the same time."""
    clock = Jumping()
    told: Callable[[], datetime] = clock.wall
    before, now = told(), clock()
    clock.jumped = timedelta(hours=1)

    assert (told() - before, clock()) == (timedelta(hours=1), now)
