"""What the gateway's parts tell, turned into log lines, metrics and spans; the one class that may.

Upstreams and operations are held to the declared names here, before anything is told, so that one
look-up closes the labels, the fields and the spans at once.
Invariants: a request and an attempt are counted out exactly once; without tracing, a call costs
its metrics and one attribute check.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from casegraph.telemetry.logs import breaker_line, call_line, request_line
from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.observer import (
    NO_HEADERS,
    Attempt,
    RequestEnd,
    RequestRecord,
    attempt_number,
    current_request,
)
from casegraph.telemetry.tallies import OTHER
from casegraph.telemetry.traceparent import parse as parse_traceparent
from casegraph.telemetry.tracing import Tracing
from casegraph.telemetry.vocabulary import BreakerState, Outcome, Refusal


class Reporter:
    """An Observer that feeds logs, metrics and tracing; `operations` are every upstream's."""

    def __init__(
        self,
        operations: Mapping[str, Iterable[str]],
        metrics: Metrics,
        tracing: Tracing,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._known = {upstream: frozenset(names) for upstream, names in operations.items()}
        self._metrics = metrics
        self._tracing = tracing
        self._clock = clock
        self._breakers: dict[str, BreakerState] = {}

    def request_started(self, request_id: str, traceparents: Sequence[str] = ()) -> RequestRecord:
        """Open a request and make it the current one."""
        request = RequestRecord(request_id, self._clock(), parse_traceparent(traceparents))
        current_request.set(request)
        self._metrics.request_started()
        if self._tracing.enabled:
            self._tracing.request_started(request)
        return request

    def request_finished(self, request: RequestRecord, end: RequestEnd) -> None:
        """Count a request out, write its line, close its span."""
        if request.finished:
            return
        request.finished = True
        seconds = self._clock() - request.started
        self._metrics.request_finished(request.operation_type, end.outcome, seconds)
        request_line(request, end, seconds)
        if self._tracing.enabled:
            self._tracing.request_finished(request, end)

    def attempt_started(self, upstream: str, operation: str) -> Attempt:
        """Count a call onto the wire; pass the client's trace on, or the span's own."""
        attempt = self._attempt(upstream, operation)
        if attempt.request is not None:
            attempt.request.upstream_calls += 1
        self._metrics.call_started(attempt.upstream)
        if self._tracing.enabled:
            self._tracing.attempt_started(attempt)
        return attempt

    def attempt_finished(self, attempt: Attempt, outcome: Outcome) -> None:
        """Count a call off the wire, write a line if it failed, close its span."""
        if attempt.finished:
            return
        attempt.finished = True
        seconds = self._clock() - attempt.started
        self._metrics.call_finished(attempt.upstream, attempt.operation, outcome, seconds)
        if outcome.is_failure():
            call_line(attempt, outcome, seconds)
        if self._tracing.enabled:
            self._tracing.attempt_finished(attempt, outcome)

    def call_refused(self, upstream: str, operation: str, refusal: Refusal) -> None:
        """Count a call that was not made, and write a line."""
        attempt = self._attempt(upstream, operation)
        self._metrics.call_refused(attempt.upstream, attempt.operation, refusal)
        call_line(attempt, refusal, 0.0)

    def answer_unusable(self, upstream: str, operation: str) -> None:
        """Count an answer that broke its contract, and write a line."""
        attempt = self._attempt(upstream, operation)
        self._metrics.answer_unusable(attempt.upstream, attempt.operation)
        call_line(attempt, Outcome.CONTRACT, 0.0)

    def retry_scheduled(self, upstream: str, operation: str, wait_seconds: float) -> None:
        """Count another attempt."""
        self._metrics.retry_scheduled(upstream, operation, wait_seconds)

    def budget_changed(self, upstream: str, left: float) -> None:
        """Set the retries allowed."""
        self._metrics.budget_left(upstream, left)

    def gate_waited(self, upstream: str, seconds: float) -> None:
        """Observe a wait."""
        self._metrics.gate_waited(upstream, seconds)

    def breaker_changed(self, upstream: str, state: BreakerState) -> None:
        """Set a breaker's state, and write a line if it is another."""
        self._metrics.breaker_changed(upstream, state)
        name = upstream if upstream in self._known else OTHER
        if self._breakers.get(name, BreakerState.CLOSED) is not state:
            breaker_line(name, state)
        self._breakers[name] = state

    def _attempt(self, upstream: str, operation: str) -> Attempt:
        known = self._known.get(upstream)
        request = current_request.get()
        trace = None if request is None else request.trace
        return Attempt(
            upstream if known is not None else OTHER,
            operation if known is not None and operation in known else OTHER,
            attempt_number.get(),
            self._clock(),
            NO_HEADERS if trace is None else {"traceparent": str(trace)},
            request,
        )
