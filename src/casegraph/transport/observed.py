"""Telling what becomes of calls: every attempt on the wire, and every call refused before it.

Two layers that change nothing. One stands around the exchange, inside the credentials, so that
token calls and repeats for a stale proof are seen; the other around the whole chain, where the
refusals of its layers come out.
Invariant: an outcome is told exactly once, whichever way a call ends.
"""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from casegraph.errors import (
    CircuitOpen,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
)
from casegraph.telemetry import waterfall
from casegraph.telemetry.observer import Observer, attempt_number
from casegraph.telemetry.vocabulary import Outcome, Refusal, outcome_of_error, outcome_of_status
from casegraph.transport.calls import Call, Reply, Send

_TIMER_SECONDS = 0.001
"""A deadline's timer may fire that much before the clock says so."""


class ObservedAttempts:
    """Tells of every attempt on the wire, and sends the trace context with it."""

    def __init__(self, inner: Send, observer: Observer, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._observer = observer
        self._clock = clock

    async def __call__(self, call: Call) -> Reply:
        """Send the call."""
        attempt_number.set(call.attempt)
        attempt = self._observer.attempt_started(call.upstream, call.operation)
        if attempt.headers:
            call = replace(call, headers={**call.headers, **attempt.headers})
        row = waterfall.call_started(call.upstream, call.operation, call.attempt)
        try:
            reply = await self._inner(call)
        except BaseException as error:
            outcome = self._outcome(call, error)
            self._observer.attempt_finished(attempt, outcome)
            waterfall.call_finished(row, outcome)
            raise
        outcome = outcome_of_status(reply.status)
        self._observer.attempt_finished(attempt, outcome)
        waterfall.call_finished(row, outcome, len(reply.body))
        return reply

    def _outcome(self, call: Call, error: BaseException) -> Outcome:
        """Return how it ended; the deadline outside cancels just as a leaving client does."""
        is_given_up = isinstance(error, asyncio.CancelledError)
        if is_given_up and self._clock() >= call.deadline - _TIMER_SECONDS:
            return Outcome.TIMED_OUT
        return outcome_of_error(error)


class ObservedCalls:
    """Tells of calls that a layer refused to send, and of what is left of the retry budget."""

    def __init__(
        self, inner: Send, upstream: str, observer: Observer, budget_left: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._upstream = upstream
        self._observer = observer
        self._budget_left = budget_left

    async def __call__(self, call: Call) -> Reply:
        """Send the call."""
        attempt_number.set(call.attempt)  # or a refusal would name the last call's
        waterfall.call_asked()
        try:
            return await self._inner(call)
        except UpstreamError as error:
            refusal = _refusal(error)
            if refusal is not None:
                self._observer.call_refused(call.upstream, call.operation, refusal)
                waterfall.call_refused(call.upstream, call.operation, call.attempt, refusal)
            raise
        finally:
            self._observer.budget_changed(self._upstream, self._budget_left())


def _refusal(error: UpstreamError) -> Refusal | None:
    """Return which layer refused; None for a call that went out or met no connection."""
    match error:
        case RateLimited(sent=False):
            return Refusal.PACE
        case CircuitOpen():
            return Refusal.BREAKER
        case DeadlineExceeded(sent=False):
            return Refusal.LATE
        case CredentialsRefused(sent=False):
            return Refusal.LOCKED
        case _:
            return None
