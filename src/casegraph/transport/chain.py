"""The layers of one upstream, in the only order in which they are right.

    deadline → retry → rate gate → breaker → bulkhead → credentials → exchange

Every attempt is seen by gate and breaker; an open breaker ends the retries; a place in the bulkhead
is taken only by a call that may go now; a renewed proof is no attempt. Deadline and breaker have a
second door behind the bulkhead, because what was true in front of a queue may be over behind it.
Invariant: the layers know nothing of each other, each is `Call → Reply`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random, SystemRandom
from time import monotonic

from casegraph.transport.breaker import Breaker, BreakerConfig, State
from casegraph.transport.bulkhead import MOST_WAITING, Bulkhead
from casegraph.transport.calls import Send
from casegraph.transport.deadline import LastDoor, WithinDeadline
from casegraph.transport.pace import Pace
from casegraph.transport.rate_gate import RateGate
from casegraph.transport.retry import Retry, RetryBudget, RetryPolicy


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance, handed in so that no test waits or guesses."""

    clock: Callable[[], float] = monotonic
    wall_clock: Callable[[], datetime] = _now
    random: Random = field(default_factory=SystemRandom)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """What differs between upstreams (reliability §3.1)."""

    concurrency: int = 8
    waiting: int = MOST_WAITING
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)


@dataclass(frozen=True, slots=True)
class Chain:
    """The finished chain; breaker and budget can be looked at."""

    send: Send
    breaker: Breaker
    budget: RetryBudget


def build_chain(
    proven: Send,
    pace: Pace,
    config: ChainConfig,
    surroundings: Surroundings,
    on_breaker: Callable[[State], None] = lambda _state: None,
    on_gate_wait: Callable[[float], None] = lambda _seconds: None,
) -> Chain:
    """Return the chain in front of `proven`, which is credentials over the exchange."""
    around = surroundings

    async def gate_sleep(seconds: float) -> None:
        on_gate_wait(seconds)
        await around.sleep(seconds)

    breaker = Breaker(
        LastDoor(proven, around.clock),
        clock=around.clock,
        random=around.random,
        config=config.breaker,
        on_change=on_breaker,
        between=lambda wire: Bulkhead(wire, config.concurrency, waiting=config.waiting),
    )
    gate = RateGate(
        breaker,
        pace,
        clock=around.clock,
        wall_clock=around.wall_clock,
        random=around.random,
        sleep=gate_sleep,
    )
    budget = RetryBudget(around.clock)
    retry = Retry(
        gate,
        budget,
        clock=around.clock,
        random=around.random,
        policy=config.retry,
        sleep=around.sleep,
    )
    within = WithinDeadline(retry, around.clock, has_last_door=True)
    return Chain(within, breaker, budget)
