"""An upstream that keeps failing is left alone for a while, then tried by one call at a time.

Counted as failures: the upstream's own 5xx, time-outs, answers slower than 3 s, answers that break
the contract. Never: 404, 422, 429 and other answers that only say no. Connection failures in a row
open it sooner, because nobody is there at all.
Invariant: while it is open nothing is sent and the answer takes no time; while it is half-open one
call at a time is sent; two good ones in a row close it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

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
    """A time-out counts only when the upstream had this long: a caller's haste is no failure."""


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
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._random = random
        self._config = config or BreakerConfig()
        self._on_change = on_change
        self._state = State.CLOSED
        self._recent: deque[tuple[float, bool]] = deque()
        self._connect_failures = 0
        self._open_until = 0.0
        self._times_opened = 0
        self._probing = False
        self._probe_successes = 0

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    async def __call__(self, call: Call) -> Reply:
        """Send the call; raises CircuitOpen without sending while the breaker is open."""
        is_probe = self._admit(call)
        started = self._clock()
        try:
            reply = await self._inner(call)
        except UpstreamError as error:
            bad = self._is_failure(error, self._clock() - started)
            if bad or not isinstance(error, DeadlineExceeded | CredentialsRefused):
                self._record(bad=bad, connected=error.sent, is_probe=is_probe)
            raise
        else:
            slow = self._clock() - started > self._config.slow_seconds
            bad = reply.status >= _SERVER_FAULT or slow
            self._record(bad=bad, connected=True, is_probe=is_probe)
            return reply
        finally:
            if is_probe:
                self._probing = False

    def contract_broken(self) -> None:
        """Count an answer that turned out unreadable after it had passed here."""
        self._record(bad=True, connected=True, is_probe=self._state is State.HALF_OPEN)

    def _admit(self, call: Call) -> bool:
        """Return whether the call is a probe; raises CircuitOpen when it may not go."""
        now = self._clock()
        if self._state is State.OPEN and now >= self._open_until:
            self._probe_successes = 0
            self._change(State.HALF_OPEN)
        if self._state is State.CLOSED:
            return False
        if self._state is State.HALF_OPEN and not self._probing:
            self._probing = True
            return True
        wait = max(self._open_until - now, 0.0)
        raise CircuitOpen(call.upstream, call.operation, int(wait * 1000) + 1)

    def _is_failure(self, error: UpstreamError, seconds: float) -> bool:
        if isinstance(error, DeadlineExceeded):
            return seconds >= self._config.fair_chance_seconds
        failures = (UpstreamUnavailable, ContractViolation)
        return isinstance(error, failures) and not isinstance(error, CredentialsRefused)

    def _record(self, *, bad: bool, connected: bool, is_probe: bool) -> None:
        """Count an outcome; one that was sent before the breaker opened says nothing new."""
        if self._state is State.HALF_OPEN and is_probe:
            self._judge_probe(bad=bad)
        elif self._state is State.CLOSED:
            now = self._clock()
            self._recent.append((now, bad))
            self._connect_failures = 0 if connected else self._connect_failures + 1
            if self._too_bad(now):
                self._open(now)

    def _judge_probe(self, *, bad: bool) -> None:
        if bad:
            self._open(self._clock())
            return
        self._probe_successes += 1
        if self._probe_successes >= self._config.successes_to_close:
            self._times_opened = 0
            self._recent.clear()
            self._connect_failures = 0
            self._change(State.CLOSED)

    def _too_bad(self, now: float) -> bool:
        config = self._config
        while self._recent and self._recent[0][0] <= now - config.window_seconds:
            self._recent.popleft()
        if self._connect_failures >= config.connect_failures:
            return True
        if len(self._recent) < config.least_calls:
            return False
        failed = sum(bad for _, bad in self._recent)
        return failed >= config.bad_share * len(self._recent)

    def _open(self, now: float) -> None:
        config = self._config
        seconds = min(config.open_seconds * 2**self._times_opened, config.longest_open_seconds)
        self._open_until = now + seconds * (1 + self._random.uniform(-config.jitter, config.jitter))
        self._times_opened = min(self._times_opened + 1, 16)
        self._recent.clear()
        self._connect_failures = 0
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._on_change(state)
