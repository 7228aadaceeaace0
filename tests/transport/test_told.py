"""What a chain tells of its decisions while it makes them, and that it tells each once."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from casegraph.errors import UpstreamError, UpstreamUnavailable
from casegraph.transport.breaker import State
from casegraph.transport.calls import Effect
from casegraph.transport.chain import Chain, ChainConfig, Listeners, Surroundings, build_chain
from casegraph.transport.pace import LocalPace, PaceConfig
from casegraph.transport.retry import RetryPolicy
from support.clock import Clock, FixedDice, WaitingClock, settle
from support.scripted import Script, a_call, hang, reply

AT_ONCE = RetryPolicy(base_seconds=0.0)


class Told:
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def of(self, *kinds: str) -> list[tuple[Any, ...]]:
        """Return what was told of these kinds."""
        return [each for each in self.heard if each[0] in kinds]

    def listeners(self) -> Listeners:
        """Return ears for everything."""
        note = self.heard.append
        return Listeners(
            breaker=lambda state: note(("breaker", state)),
            gate_wait=lambda seconds: note(("gate", seconds)),
            retry=lambda call, wait: note(("retry", call.operation, call.attempt, wait)),
            unpaid=lambda call: note(("unpaid", call.operation, call.attempt)),
            full=lambda call: note(("full", call.operation, call.attempt)),
        )


def chain_over(
    script: Script, clock: Clock, told: Told, pace: PaceConfig | None = None, **config: Any
) -> Chain:
    """Return a chain that tells, on a clock and with dice that roll nine tenths."""
    around = Surroundings(clock, clock.wall, FixedDice(0.9), clock.sleep)
    local = LocalPace(pace or PaceConfig(), clock)
    return build_chain(script, local, ChainConfig(**config), around, told.listeners())


async def ask(chain: Chain, **values: Any) -> None:
    """Make a call, whatever comes of it."""
    with suppress(UpstreamError):
        await chain.send(a_call(**values))


async def test_each_retry_is_told_with_the_attempt_that_failed_and_the_wait() -> None:
    """Two failures are two retries, told before their waits; the good end tells nothing."""
    clock, told = Clock(), Told()
    await ask(chain_over(Script(reply(500), reply(502), reply(200)), clock, told))

    assert told.of("retry") == [
        ("retry", "thing", 1, pytest.approx(0.045)),
        ("retry", "thing", 2, pytest.approx(0.09)),
    ]
    assert [seconds for seconds in clock.slept if seconds] == pytest.approx([0.045, 0.09])


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [(reply(404), Effect.READ), (reply(501), Effect.READ), (reply(500), Effect.ONCE)],
)
async def test_what_is_not_repeated_tells_of_no_retry(outcome: Any, effect: Effect) -> None:
    """A status that says no, and a call that may have had its effect."""
    told = Told()
    await ask(chain_over(Script(outcome), Clock(), told), effect=effect)

    assert told.of("retry", "unpaid") == []


async def test_a_retry_without_time_for_it_is_not_told() -> None:
    """The decision falls against it, so there is nothing to tell."""
    clock, told = Clock(), Told()
    chain = chain_over(Script(reply(500)), clock, told)
    await ask(chain, deadline=clock() + 0.06)

    assert told.of("retry", "unpaid") == []


async def test_a_retry_that_only_the_budget_forbids_is_told_as_unpaid() -> None:
    """Twenty retries are paid, and the call that asks for the next one says so once."""
    told = Told()
    script = Script(
        *[reply(500), reply(200), reply(200)] * 100
    )  # two of three are well: no breaker
    chain = chain_over(script, Clock(), told, retry=RetryPolicy(attempts=2, base_seconds=0.0))
    for _ in range(100):
        if not told.of("unpaid"):
            await ask(chain)

    assert 20 <= len(told.of("retry")) <= 25
    assert told.of("unpaid") == [("unpaid", "thing", 1)]


async def test_who_finds_the_queue_full_is_told_of_each_time() -> None:
    """Three attempts at a full queue are three."""
    told = Told()
    chain = chain_over(Script(hang), Clock(), told, concurrency=1, waiting=0, retry=AT_ONCE)
    first = asyncio.create_task(ask(chain))
    await settle()
    await ask(chain)
    first.cancel()
    await asyncio.wait([first])

    assert told.of("full") == [("full", "thing", number) for number in (1, 2, 3)]


async def test_the_gate_tells_of_every_call_it_lets_through() -> None:
    """Zero for who need not wait, and the whole wait for who must, told once a call."""
    clock, told = WaitingClock(0.0), Told()
    chain = chain_over(Script(), clock, told, PaceConfig(0.5, 1))
    tasks = [asyncio.create_task(ask(chain)) for _ in range(3)]
    await clock.advance(5)
    await asyncio.wait(tasks)

    assert told.of("gate") == [("gate", 0), ("gate", 2), ("gate", 4)]


async def test_a_pause_is_part_of_the_wait_that_is_told() -> None:
    """A 429's own repetition waits at the gate, jitter included."""
    clock, told = Clock(), Told()
    script = Script(reply(429, retry_after="1"), reply(200))
    await ask(chain_over(script, clock, told, retry=AT_ONCE))

    assert [each[1] for each in told.of("gate")] == [0, pytest.approx(1.09)]


async def test_who_the_gate_refuses_has_not_waited() -> None:
    """A refusal is told elsewhere; it is no wait."""
    clock, told = Clock(), Told()
    chain = chain_over(Script(), clock, told, PaceConfig(0.1, 1))
    for _ in range(2):
        await ask(chain, deadline=clock() + 5)

    assert told.of("gate") == [("gate", 0)]


async def test_every_change_of_the_breaker_is_told() -> None:
    """Open, tried, closed: each once."""
    clock, told = Clock(), Told()
    unreachable = UpstreamUnavailable("somebody", "thing", "down", sent=False)
    script = Script(*[unreachable] * 5, reply(200))
    chain = chain_over(script, clock, told, retry=RetryPolicy(attempts=1))
    for _ in range(6):
        await ask(chain)
    clock.now += 10
    for _ in range(3):
        await ask(chain)

    states = [State.OPEN, State.HALF_OPEN, State.CLOSED]
    assert told.of("breaker") == [("breaker", state) for state in states]
