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
from casegraph.transport.calls import Call, Send
from casegraph.transport.deadline import LastDoor, WithinDeadline
from casegraph.transport.pace import Pace
from casegraph.transport.pause import Pause
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
class Listeners:
    """Who is told what the layers decide, as it happens; none of them may raise or wait."""

    breaker: Callable[[State], None] = lambda _state: None
    gate_wait: Callable[[float], None] = lambda _seconds: None
    """Of each call that the rate gate lets through: how long it was held, zero included."""
    retry: Callable[[Call, float], None] = lambda _call, _wait: None
    """The attempt that failed, and the seconds until the next."""
    unpaid: Callable[[Call], None] = lambda _call: None
    """A retry that only the budget forbids."""
    full: Callable[[Call], None] = lambda _call: None
    """A call that found no place to wait in."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The finished chain; breaker, budget and gate can be looked at."""

    send: Send
    breaker: Breaker
    budget: RetryBudget
    gate: RateGate


def build_chain(
    proven: Send,
    pace: Pace,
    config: ChainConfig,
    surroundings: Surroundings,
    listeners: Listeners | None = None,
    pause: Pause | None = None,
) -> Chain:
    """Return the chain in front of `proven`, which is credentials over the exchange.

    `pause` is what other processes have learned of the same upstream, where they can be asked.
    """
    around = surroundings
    told = listeners or Listeners()
    breaker = Breaker(
        LastDoor(proven, around.clock),
        clock=around.clock,
        random=around.random,
        config=config.breaker,
        on_change=told.breaker,
        between=lambda wire: Bulkhead(
            wire, config.concurrency, waiting=config.waiting, on_full=told.full
        ),
    )
    gate = RateGate(
        breaker,
        pace,
        clock=around.clock,
        wall_clock=around.wall_clock,
        random=around.random,
        sleep=around.sleep,
        others=pause,
        on_wait=told.gate_wait,
    )
    budget = RetryBudget(around.clock)
    retry = Retry(
        gate,
        budget,
        clock=around.clock,
        random=around.random,
        policy=config.retry,
        sleep=around.sleep,
        on_retry=told.retry,
        on_unpaid=told.unpaid,
    )
    within = WithinDeadline(retry, around.clock, has_last_door=True)
    return Chain(within, breaker, budget, gate)
