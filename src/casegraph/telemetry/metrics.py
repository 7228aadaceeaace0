"""Prometheus metrics of one gateway process, behind methods that say what happened.

Labels are closed sets: members of `vocabulary`, and the operations named at the start;
anything else is counted as `other`. Children are bound once and found again by one dictionary
look-up. Measured on one busy core, Python 3.11: a counter or gauge 0.7-1.0 us, a histogram
1.2-1.5 us, so 2 us an observation at most (`tests/telemetry/test_metrics_cost.py`).
Invariant: the number of time series has a bound that no input can move.
"""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from casegraph.telemetry.vocabulary import (
    BreakerState,
    Comparison,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

OTHER = "other"
"""The label value of what has no name here."""

_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Up to an attempt's 3 s and a little more; finer where vendors usually answer."""
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Up to the default deadline of 10 s and the hard cap of 30 s."""
_WAIT_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Case reviews are paced at 2 s a call."""
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""50 ms is the longest that one document may hold the loop (reliability §4 C)."""

_STATES = {BreakerState.CLOSED: 0, BreakerState.PROBING: 1, BreakerState.OPEN: 2}

M = TypeVar("M", Counter, Gauge, Histogram)


class _Family(Generic[M]):
    """A metric and its children, each bound the first time its labels are met."""

    def __init__(self, metric: M, labels: Mapping[str, Iterable[str]]) -> None:
        self._metric: M = metric
        self._allowed = [frozenset(values) for values in labels.values()]
        self._children: dict[tuple[str, ...], M] = {}

    def at(self, *labels: str) -> M:
        """Return the child of these labels."""
        child = self._children.get(labels)
        return self._bind(labels) if child is None else child

    def _bind(self, labels: tuple[str, ...]) -> M:
        # Kept under the closed labels only, or unknown ones would fill the memory instead.
        closed = tuple(
            label if label in allowed else OTHER
            for label, allowed in zip(labels, self._allowed, strict=True)
        )
        child = self._children.get(closed)
        if child is None:
            child = self._metric.labels(*closed) if closed else self._metric
            self._children[closed] = child
        return child


class Metrics:
    """The metrics of one process, in a registry of their own.

    `operations` names every upstream's operations.
    """

    def __init__(self, operations: Mapping[str, Iterable[str]]) -> None:
        # "_created" would double the series and is read by nothing here; the switch is the
        # library's only one and holds for the process.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot its hints
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        upstream = {"upstream": frozenset(operations)}
        names = frozenset(name for each in operations.values() for name in each)
        self._add_calls({**upstream, "operation": names})
        self._add_guards(upstream)
        self._add_requests()

    def _add_calls(self, call: Mapping[str, Iterable[str]]) -> None:
        self._attempts = self._counter(
            "upstream_attempts",
            "Calls on the wire by how they ended.",
            {**call, "outcome": Outcome},
        )
        self._seconds = self._histogram(
            "upstream_attempt_seconds", "Time of calls on the wire.", _CALL_SECONDS, call
        )
        self._refusals = self._counter(
            "upstream_refusals", "Calls not made, by reason.", {**call, "reason": Refusal}
        )
        self._unusable = self._counter(
            "upstream_unusable_answers", "Answers that broke their contract.", call
        )
        self._retries = self._counter("upstream_retries", "Further attempts decided on.", call)
        self._backoff = self._counter(
            "upstream_retry_wait_seconds", "Waits before further attempts.", call
        )

    def _add_guards(self, upstream: Mapping[str, Iterable[str]]) -> None:
        self._in_flight = self._gauge("upstream_in_flight", "Calls on the wire now.", upstream)
        self._budget = self._gauge("upstream_retry_budget", "Retries allowed now.", upstream)
        self._breakers = self._gauge(
            "upstream_breaker_state", "0 closed, 1 probing, 2 open.", upstream
        )
        self._breaker_changes = self._counter(
            "upstream_breaker_changes",
            "Breakers entering a state.",
            {**upstream, "state": BreakerState},
        )
        self._waits = self._histogram(
            "upstream_gate_wait_seconds", "Waits for a turn.", _WAIT_SECONDS, upstream
        )

    def _add_requests(self) -> None:
        kind = {"type": OperationType}
        self._requests = self._counter(
            "requests", "GraphQL requests by how they ended.", {**kind, "outcome": RequestOutcome}
        )
        self._request_seconds = self._histogram(
            "request_seconds", "Time of GraphQL requests.", _REQUEST_SECONDS, kind
        )
        # Asked for when it is read: two observations less for each request.
        self._running = 0
        self._open = self._gauge("requests_in_flight", "GraphQL requests running now.", {})
        self._open.at().set_function(lambda: self._running)
        self._comparisons = self._counter(
            "engine_comparisons",
            "Queries that both engines ran, by how the answers compare.",
            {"outcome": Comparison},
        )
        self._lag = self._histogram(
            "event_loop_lag_seconds", "How late the loop wakes a timer.", _LAG_SECONDS, {}
        )

    def call_started(self, upstream: str) -> None:
        """Count a call onto the wire."""
        self._in_flight.at(upstream).inc()

    def call_finished(
        self, upstream: str, operation: str, outcome: Outcome, seconds: float
    ) -> None:
        """Count a call off the wire, by how it ended and how long it took."""
        self._in_flight.at(upstream).dec()
        self._attempts.at(upstream, operation, outcome).inc()
        self._seconds.at(upstream, operation).observe(seconds)

    def call_refused(self, upstream: str, operation: str, refusal: Refusal) -> None:
        """Count a call that was not made."""
        self._refusals.at(upstream, operation, refusal).inc()

    def answer_unusable(self, upstream: str, operation: str) -> None:
        """Count an answer that could not be used, as a whole or in some field."""
        self._unusable.at(upstream, operation).inc()

    def retry_scheduled(self, upstream: str, operation: str, wait_seconds: float) -> None:
        """Count another attempt, and the wait before it."""
        self._retries.at(upstream, operation).inc()
        self._backoff.at(upstream, operation).inc(max(0.0, wait_seconds))

    def budget_left(self, upstream: str, retries: float) -> None:
        """Set how many retries are allowed."""
        self._budget.at(upstream).set(retries)

    def gate_waited(self, upstream: str, seconds: float) -> None:
        """Observe a wait for a turn."""
        self._waits.at(upstream).observe(seconds)

    def breaker_changed(self, upstream: str, state: BreakerState) -> None:
        """Set a breaker's state and count the change."""
        self._breakers.at(upstream).set(_STATES[state])
        self._breaker_changes.at(upstream, state).inc()

    def request_started(self) -> None:
        """Count a request in."""
        self._running += 1

    def request_finished(
        self, kind: OperationType, outcome: RequestOutcome, seconds: float
    ) -> None:
        """Count a request out, by how it ended and how long it took."""
        self._running -= 1
        self._requests.at(kind, outcome).inc()
        self._request_seconds.at(kind).observe(seconds)

    def engines_compared(self, outcome: Comparison) -> None:
        """Count a query that both engines have run."""
        self._comparisons.at(outcome).inc()

    def event_loop_lagged(self, seconds: float) -> None:
        """Observe how late the loop was."""
        self._lag.at().observe(seconds)

    def exposition(self) -> tuple[bytes, str]:
        """Return the text of all metrics and its media type, for `/metrics`."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _counter(
        self, name: str, about: str, labels: Mapping[str, Iterable[str]]
    ) -> _Family[Counter]:
        metric = Counter(f"casegraph_{name}", about, tuple(labels), registry=self._registry)
        return _Family(metric, labels)

    def _gauge(self, name: str, about: str, labels: Mapping[str, Iterable[str]]) -> _Family[Gauge]:
        metric = Gauge(f"casegraph_{name}", about, tuple(labels), registry=self._registry)
        return _Family(metric, labels)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], labels: Mapping[str, Iterable[str]]
    ) -> _Family[Histogram]:
        metric = Histogram(
            f"casegraph_{name}", about, tuple(labels), buckets=buckets, registry=self._registry
        )
        return _Family(metric, labels)
