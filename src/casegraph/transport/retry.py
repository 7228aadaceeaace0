"""Whether and when a failed call is made again: by its declared effect, within time and budget.

The only layer that repeats anything. It never looks at the HTTP method: a case query is a read made
with POST. Of a call that may have had an effect, nothing is repeated here; whoever changed
something reads back first.
The number of attempts alone is the wrong dial: three attempts a call triple the load just when an
upstream is down. So every retry is paid from a budget that first attempts fill by a tenth.
Invariant: retries ≤ a tenth of first attempts, plus one a second, plus the bucket's 20.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
)
from casegraph.transport.calls import Call, Effect, Reply, Send

_REQUEST_TIMEOUT = 408
_THROTTLED = frozenset({429, 503})
_TRANSIENT = frozenset({500, 502, 503, 504})
"""501 and 505 say what will not change by asking again."""


class Verdict(Enum):
    """What a failure allows."""

    NO = "no"
    BACK_OFF = "back off"
    ONCE_MORE = "once more"
    """One more attempt in all: the upstream's own time-out (408)."""
    THROTTLED = "throttled"
    """Again, after the pause that was asked for, which the rate gate keeps."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon; AWS's 2026 figures and Envoy's (reliability §3)."""

    attempts: int = 3
    base_seconds: float = 0.05
    cap_seconds: float = 1.0
    throttled_base_seconds: float = 1.0
    """Where a throttling upstream names no wait."""
    throttled_cap_seconds: float = 5.0
    needed_seconds: float = 0.05
    """Time that must be left after the wait, or the retry is never begun."""

    def longest_wait(self, verdict: Verdict, attempt: int) -> float:
        """Return the upper bound of the wait after this attempt, in seconds."""
        throttled = verdict is Verdict.THROTTLED
        base = self.throttled_base_seconds if throttled else self.base_seconds
        cap = self.throttled_cap_seconds if throttled else self.cap_seconds
        return float(min(cap, base * 2 ** (attempt - 1)))


class RetryBudget:
    """A bucket that first attempts fill by a tenth each, and time by one a second."""

    SHARE = 0.1
    PER_SECOND = 1.0
    SIZE = 20.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens = self.SIZE
        self._filled_at = clock()

    def first_attempt(self) -> None:
        """Count a call."""
        self._fill(self.SHARE)

    def take(self) -> bool:
        """Return whether a retry can be paid, and pay it."""
        self._fill(0.0)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def left(self) -> float:
        """Retries that could be paid now."""
        return self._tokens

    def _fill(self, share: float) -> None:
        now = self._clock()
        gained = (now - self._filled_at) * self.PER_SECOND + share
        self._filled_at = now
        self._tokens = min(self.SIZE, self._tokens + gained)


class Retry:
    """Repeats a call that failed, where its effect allows it."""

    def __init__(
        self,
        inner: Send,
        budget: RetryBudget,
        *,
        clock: Callable[[], float],
        random: Random,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._budget = budget
        self._clock = clock
        self._random = random
        self._policy = policy or RetryPolicy()
        self._sleep = sleep

    async def __call__(self, call: Call) -> Reply:
        """Send the call, again where that is right; the last outcome stands."""
        self._budget.first_attempt()
        attempt = 1
        while True:
            result = await self._attempt(replace(call, attempt=attempt))
            wait = self._wait(call, result, attempt)
            if wait is None:
                if isinstance(result, UpstreamError):
                    raise result
                return result
            await self._sleep(wait)
            attempt += 1

    async def _attempt(self, call: Call) -> Reply | UpstreamError:
        try:
            return await self._inner(call)
        except UpstreamError as error:
            return error

    def _wait(self, call: Call, result: Reply | UpstreamError, attempt: int) -> float | None:
        """Return how long to wait before the next attempt; None when there is to be none."""
        verdict = judge(call.effect, result)
        attempts = 2 if verdict is Verdict.ONCE_MORE else self._policy.attempts
        if verdict is Verdict.NO or attempt >= attempts:
            return None
        wait = 0.0
        if verdict is not Verdict.THROTTLED or not _names_a_wait(result):
            wait = self._random.uniform(0, self._policy.longest_wait(verdict, attempt))
        if call.deadline - self._clock() - wait < self._policy.needed_seconds:
            return None
        return wait if self._budget.take() else None


def judge(effect: Effect, result: Reply | UpstreamError) -> Verdict:
    """Return what a call of this effect may do after this outcome (reliability §5)."""
    if isinstance(result, UpstreamError):
        return _judge_error(effect, result)
    status = result.status
    if status in _THROTTLED and _names_a_wait(result):
        return Verdict.NO if effect is Effect.ONCE else Verdict.THROTTLED
    if effect is not Effect.READ:
        return Verdict.NO
    if status == _REQUEST_TIMEOUT:
        return Verdict.ONCE_MORE
    if status in _TRANSIENT:
        return Verdict.BACK_OFF
    return Verdict.THROTTLED if status in _THROTTLED else Verdict.NO


def _judge_error(effect: Effect, error: UpstreamError) -> Verdict:
    final = (CircuitOpen, ContractViolation, CredentialsRefused, RateLimited)
    if isinstance(error, final) or (isinstance(error, DeadlineExceeded) and not error.sent):
        return Verdict.NO
    if not error.sent or effect is Effect.READ:
        return Verdict.BACK_OFF
    return Verdict.NO


def _names_a_wait(result: Reply | UpstreamError) -> bool:
    return isinstance(result, Reply) and "retry-after" in result.headers
