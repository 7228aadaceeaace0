"""Whether and when a failed call is made again: by its declared effect, within time and budget.

The only layer that repeats anything. It never looks at the HTTP method: a case query is a read made
with POST. Of a call that may have had an effect, nothing is repeated here; whoever changed
something reads back first.
The number of attempts alone is the wrong dial: three attempts a call triple the load just when an
upstream is down. So every retry is paid from a budget that first attempts fill by a tenth.
Invariant: retries ≤ a tenth of first attempts, plus one a second, plus the bucket's 20. A call that
gate or breaker refused is no attempt and fills nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from msgspec.structs import replace

from casegraph.errors import CircuitOpen, DeadlineExceeded, RateLimited, UpstreamError
from casegraph.transport.calls import Call, Effect, Reply, Send, reply_of
from casegraph.transport.retry_after import names_a_wait

_REFUSED = (CircuitOpen, RateLimited)
_FIRST_FAULT = 400
"""Below it an answer is never a reason to ask again, and nearly all are."""
_REQUEST_TIMEOUT = 408
_TOO_MANY = 429
_THROTTLED = frozenset({_TOO_MANY, 503})
_TRANSIENT = frozenset({500, 502, 503, 504})
"""501 and 505 say what will not change by asking again."""


class Verdict(Enum):
    """What a failure allows."""

    NO = "no"
    BACK_OFF = "back off"
    ONCE_MORE = "once more"
    """One more attempt in all: the upstream's own time-out (408)."""
    PAUSED = "paused"
    """Again, after the pause that was asked for, which the rate gate keeps."""
    THROTTLED = "throttled"
    """Again, after a longer wait of our own: too many calls, and no pause that could be read."""


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
    attempt_seconds: float = 3.0
    """The same after a time-out: who just needed longer than an attempt gets a whole one."""

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
        on_retry: Callable[[Call, float], None] = lambda _call, _wait: None,
        on_unpaid: Callable[[Call], None] = lambda _call: None,
    ) -> None:
        self._inner = inner
        self._on_retry = on_retry
        self._on_unpaid = on_unpaid
        self._budget = budget
        self._clock = clock
        self._random = random
        self._policy = policy or RetryPolicy()
        self._sleep = sleep

    async def __call__(self, call: Call) -> Reply:
        """Send the call, again where that is right; the upstream's last word stands."""
        if call.attempt != 1:
            call = replace(call, attempt=1)
        first: Reply | UpstreamError
        # Nearly every call ends here, for 0.9 µs; by two more coroutines and `judge` it takes 2.0.
        try:
            first = await self._inner(call)
            if first.status < _FIRST_FAULT:
                self._budget.first_attempt()
                return first
        except UpstreamError as error:
            first = error
        try:
            return reply_of(await self._last_word(call, first))
        finally:
            del first  # it holds this frame when it is raised: a cycle

    async def _last_word(self, call: Call, result: Reply | UpstreamError) -> Reply | UpstreamError:
        if not _is_refusal(result):
            self._budget.first_attempt()
        while (wait := self._wait(call, result)) is not None:
            await self._sleep(wait)
            call = replace(call, attempt=call.attempt + 1)
            again = await self._attempt(call)
            if _is_refusal(again) and isinstance(result, Reply):
                break  # what the upstream said tells more than why it was not asked again
            result = again
        return result

    async def _attempt(self, call: Call) -> Reply | UpstreamError:
        try:
            return await self._inner(call)
        except UpstreamError as error:
            return error

    def _wait(self, call: Call, result: Reply | UpstreamError) -> float | None:
        """Return how long to wait before the next attempt; None when there is to be none.

        `call` is the one that just ended: what is told of the decision names its attempt.
        """
        verdict = judge(call.effect, result)
        attempts = 2 if verdict is Verdict.ONCE_MORE else self._policy.attempts
        if verdict is Verdict.NO or call.attempt >= attempts:
            return None
        wait = self._random.uniform(0, self._policy.longest_wait(verdict, call.attempt))
        if call.deadline - self._clock() - wait < self._needed(result):
            return None
        if not self._budget.take():
            self._on_unpaid(call)
            return None
        self._on_retry(call, wait)
        return wait

    def _needed(self, result: Reply | UpstreamError) -> float:
        """Return how much time must be left for one more attempt to be worth it."""
        timed_out = isinstance(result, DeadlineExceeded)
        return self._policy.attempt_seconds if timed_out else self._policy.needed_seconds


def judge(effect: Effect, result: Reply | UpstreamError) -> Verdict:
    """Return what a call of this effect may do after this outcome (reliability §5)."""
    if isinstance(result, UpstreamError):
        return _judge_error(effect, result)
    status = result.status
    if status in _THROTTLED and names_a_wait(result.headers):
        return Verdict.NO if effect is Effect.ONCE else Verdict.PAUSED
    if effect is not Effect.READ:
        return Verdict.NO
    if status == _REQUEST_TIMEOUT:
        return Verdict.ONCE_MORE
    if status in _TRANSIENT:
        return Verdict.BACK_OFF
    return Verdict.THROTTLED if status == _TOO_MANY else Verdict.NO


def _judge_error(effect: Effect, error: UpstreamError) -> Verdict:
    if isinstance(error, _REFUSED) or not error.retryable:
        return Verdict.NO
    if not error.sent or effect is Effect.READ:
        return Verdict.BACK_OFF
    return Verdict.NO


def _is_refusal(result: Reply | UpstreamError) -> bool:
    """Say whether a layer within refused to make the attempt, so that there was none."""
    return isinstance(result, _REFUSED) and not result.sent
