"""An upstream that keeps failing is left alone for a while, then tried by one call at a time.

Counted as failures: the upstream's own 5xx and 408, time-outs, answers slower than 3 s, answers
that break the contract. Never: 404, 422, 429 and other answers that only say no. Connection
failures in a row open it sooner, because nobody is there at all.
It stands on both sides of the queue for a place (`between`): in front, so that while it is open
nobody queues; behind, so that who queued when it opened is not sent, and waiting for a place is not
taken for slowness of the upstream. A call that got no further than the queue says nothing.
Invariant: while it is open nothing is sent and the answer takes no time; while it is half-open one
call at a time is sent; two good ones in a row close it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from random import Random

from msgspec import Struct

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Call, Reply, Send

_SERVER_FAULT = 500
_REQUEST_TIMEOUT = 408
_TIMER_SECONDS = 0.001
"""A deadline's timer may fire that much before the clock says so."""


class State(Enum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """When to open and for how long; Hystrix's and Envoy's figures (reliability §3)."""

    window_seconds: float = 10.0
    least_calls: int = 20
    bad_share: float = 0.5
    slow_seconds: float = 3.0
    connect_failures: int = 5
    """In a row; nobody is there."""
    open_seconds: float = 5.0
    longest_open_seconds: float = 60.0
    jitter: float = 0.1
    successes_to_close: int = 2
    fair_chance_seconds: float = 1.0
    """A time-out counts only when the upstream had this long: a caller's haste is no failure. While
    a probe runs, others are told to come back after it."""


class _Admission(Struct, eq=False, gc=False):
    """One call between the two doors and beyond."""

    openings: int
    """How often the breaker had opened when the call was sent."""
    sent_at: float | None = None
    """None while the call has not passed the second door."""


_admission: ContextVar[_Admission] = ContextVar("breaker_admission")


def _nothing_between(wire: Send) -> Send:
    return wire


class Breaker:
    """Closed, open or half-open towards one upstream."""

    def __init__(
        self,
        inner: Send,
        *,
        clock: Callable[[], float],
        random: Random,
        config: BreakerConfig | None = None,
        on_change: Callable[[State], None] = lambda _state: None,
        between: Callable[[Send], Send] = _nothing_between,
    ) -> None:
        self._wire = inner
        self._queue = between(self._send)
        self._clock = clock
        self._random = random
        self._config = config or BreakerConfig()
        self._on_change = on_change
        self._state = State.CLOSED
        self._recent: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._connect_failures = 0
        self._open_until = 0.0
        self._openings = 0
        self._openings_in_a_row = 0
        self._probe: _Admission | None = None
        self._probe_successes = 0

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    async def __call__(self, call: Call) -> Reply:
        """Send the call; raises CircuitOpen without sending while the breaker is open."""
        admission = self._admit(call)
        _admission.set(admission)  # every call sets its own, so none has to be put back
        try:
            reply = await self._queue(call)
        except UpstreamError as error:
            self._judge_error(admission, error)
            raise
        except asyncio.CancelledError:
            self._judge_departure(admission, call)
            raise
        else:
            bad = reply.status >= _SERVER_FAULT or reply.status == _REQUEST_TIMEOUT
            now = self._clock()
            sent_at = admission.sent_at
            slow = sent_at is not None and now - sent_at > self._config.slow_seconds
            self._record(admission, now, bad=bad or slow)
            return reply
        finally:
            if self._probe is admission:
                self._probe = None

    def contract_broken(self) -> None:
        """Turn the answer that has just passed as a good one into a failure.

        To be called at once when it proves unreadable, before anything else is awaited.
        """
        if self._state is State.HALF_OPEN or (self._state is State.CLOSED and not self._recent):
            # It was a probe's: of the first in the one case, of the one that closed in the other.
            self._open(self._clock())
        elif self._state is State.CLOSED:
            moment, was_bad = self._recent.pop()
            self._failed -= was_bad
            self._count(moment, self._clock(), bad=True)

    def _send(self, call: Call) -> Awaitable[Reply]:
        """Send the call through the door behind the queue; raises CircuitOpen."""
        admission = _admission.get()
        if self._state is not State.CLOSED and self._probe is not admission:
            raise self._refusal(call)
        admission.openings = self._openings
        admission.sent_at = self._clock()
        return self._wire(call)

    def _admit(self, call: Call) -> _Admission:
        """Let the call in, as the probe if it is time for one; raises CircuitOpen."""
        admission = _Admission(self._openings)
        if self._state is State.OPEN and self._clock() >= self._open_until:
            self._probe_successes = 0
            self._change(State.HALF_OPEN)
        if self._state is State.CLOSED:
            return admission
        if self._state is State.HALF_OPEN and self._probe is None:
            self._probe = admission
            return admission
        raise self._refusal(call)

    def _refusal(self, call: Call) -> CircuitOpen:
        wait = self._config.fair_chance_seconds
        if self._state is State.OPEN:
            wait = max(self._open_until - self._clock(), 0.0)
        return CircuitOpen(call.upstream, call.operation, int(wait * 1000) + 1)

    def _seconds(self, admission: _Admission) -> float:
        return 0.0 if admission.sent_at is None else self._clock() - admission.sent_at

    def _judge_error(self, admission: _Admission, error: UpstreamError) -> None:
        now = self._clock()
        if isinstance(error, CredentialsRefused):
            if error.sent:
                self._record(admission, now, bad=False)  # refused by somebody who is there
        elif isinstance(error, DeadlineExceeded):
            if self._seconds(admission) >= self._config.fair_chance_seconds:
                self._record(admission, now, bad=True, connected=error.sent)
        else:
            bad = isinstance(error, UpstreamUnavailable | ContractViolation)
            self._record(admission, now, bad=bad, connected=error.sent)

    def _judge_departure(self, admission: _Admission, call: Call) -> None:
        """Count a call that was given up: the deadline outside ends it as a leaving client does."""
        seconds = self._seconds(admission)
        timed_out = self._clock() >= call.deadline - _TIMER_SECONDS
        fair = self._config.fair_chance_seconds
        if seconds > self._config.slow_seconds or (timed_out and seconds >= fair):
            self._record(admission, self._clock(), bad=True)

    def _record(
        self, admission: _Admission, now: float, *, bad: bool, connected: bool = True
    ) -> None:
        """Count an outcome, if the call was sent and the breaker has not opened since."""
        if admission.sent_at is None or admission.openings != self._openings:
            return
        if self._probe is admission:
            self._judge_probe(now, bad=bad)
        elif self._state is State.CLOSED:
            self._openings_in_a_row = 0
            self._connect_failures = 0 if connected else self._connect_failures + 1
            self._count(now, now, bad=bad)

    def _judge_probe(self, now: float, *, bad: bool) -> None:
        if bad:
            self._open(now)
            return
        self._probe_successes += 1
        if self._probe_successes >= self._config.successes_to_close:
            self._change(State.CLOSED)

    def _count(self, moment: float, now: float, *, bad: bool) -> None:
        self._recent.append((moment, bad))
        self._failed += bad
        if self._too_bad(now):
            self._open(now)

    def _too_bad(self, now: float) -> bool:
        config = self._config
        while self._recent and self._recent[0][0] <= now - config.window_seconds:
            _, was_bad = self._recent.popleft()
            self._failed -= was_bad
        if self._connect_failures >= config.connect_failures:
            return True
        if len(self._recent) < config.least_calls:
            return False
        return self._failed >= config.bad_share * len(self._recent)

    def _open(self, now: float) -> None:
        config = self._config
        seconds = config.open_seconds * 2**self._openings_in_a_row
        seconds = min(seconds, config.longest_open_seconds)
        self._open_until = now + seconds * (1 + self._random.uniform(-config.jitter, config.jitter))
        self._openings += 1
        self._openings_in_a_row = min(self._openings_in_a_row + 1, 16)
        self._recent.clear()
        self._failed = 0
        self._connect_failures = 0
        self._probe = None
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._on_change(state)
