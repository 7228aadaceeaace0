"""Telling what becomes of calls: every attempt on the wire, and every call refused before it.

Two layers that change nothing. One stands around the exchange, inside the credentials, so that
token calls and repeats for a stale proof are seen; the other around the whole chain, where the
refusals of its layers come out.
Invariant: an outcome is told exactly once, whichever way a call ends.
"""

from collections.abc import Callable
from dataclasses import replace

from casegraph.errors import CircuitOpen, DeadlineExceeded, RateLimited, UpstreamError
from casegraph.telemetry.observer import Observer, attempt_number
from casegraph.telemetry.vocabulary import Refusal, outcome_of_error, outcome_of_status
from casegraph.transport.calls import Call, Reply, Send


class ObservedAttempts:
    """Tells of every attempt on the wire, and sends the trace context with it."""

    def __init__(self, inner: Send, observer: Observer) -> None:
        self._inner = inner
        self._observer = observer

    async def __call__(self, call: Call) -> Reply:
        """Send the call."""
        attempt_number.set(call.attempt)
        attempt = self._observer.attempt_started(call.upstream, call.operation)
        if attempt.headers:
            call = replace(call, headers={**call.headers, **attempt.headers})
        try:
            reply = await self._inner(call)
        except BaseException as error:
            self._observer.attempt_finished(attempt, outcome_of_error(error))
            raise
        self._observer.attempt_finished(attempt, outcome_of_status(reply.status))
        return reply


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
        try:
            return await self._inner(call)
        except UpstreamError as error:
            refusal = _refusal(error)
            if refusal is not None:
                self._observer.call_refused(call.upstream, call.operation, refusal)
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
        case _:
            return None
