"""Prometheus metrics of one gateway process, behind methods that say what happened.

Labels are closed sets: members of `vocabulary`, and the operations named at the start;
anything else is counted as `other`. Figures are plain numbers (`tallies`), found by one dictionary
look-up; the library sees them when it is asked for its text. Measured on
one busy core, Python 3.11: a counter or a histogram 0.4 us, a gauge 0.1, all five figures of a call
1.6 where the library's own took 5.8 (`tests/telemetry/test_metrics_cost.py`).
Invariant: the number of time series has a bound that no input can move.
"""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from casegraph.telemetry.tallies import Counters, Gauges, Histograms
from casegraph.telemetry.vocabulary import (
    BreakerState,
    Comparison,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Up to an attempt's 3 s and a little more; finer where vendors usually answer."""
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Up to the default deadline of 10 s and the hard cap of 30 s."""
_WAIT_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Case reviews are paced at 2 s a call."""
_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""50 ms is the longest that one document may hold the loop (reliability §4 C)."""

_STATES = {BreakerState.CLOSED: 0, BreakerState.PROBING: 1, BreakerState.OPEN: 2}


class Metrics:
    """The metrics of one process, in a registry of their own.

    `operations` names every upstream's operations.
    """

    def __init__(self, operations: Mapping[str, Iterable[str]]) -> None:
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
        self._open = self._gauge("requests_in_flight", "GraphQL requests running now.", {})
        self._running = self._open.at()
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
        self._in_flight.at(upstream).value += 1

    def call_finished(
        self, upstream: str, operation: str, outcome: Outcome, seconds: float
    ) -> None:
        """Count a call off the wire, by how it ended and how long it took."""
        self._in_flight.at(upstream).value -= 1
        self._attempts.at(upstream, operation, outcome).value += 1
        self._seconds.at(upstream, operation).observe(seconds)

    def call_refused(self, upstream: str, operation: str, refusal: Refusal) -> None:
        """Count a call that was not made."""
        self._refusals.at(upstream, operation, refusal).value += 1

    def answer_unusable(self, upstream: str, operation: str) -> None:
        """Count an answer that could not be used, as a whole or in some field."""
        self._unusable.at(upstream, operation).value += 1

    def retry_scheduled(self, upstream: str, operation: str, wait_seconds: float) -> None:
        """Count another attempt, and the wait before it."""
        self._retries.at(upstream, operation).value += 1
        self._backoff.at(upstream, operation).value += max(0.0, wait_seconds)

    def budget_left(self, upstream: str, retries: float) -> None:
        """Set how many retries are allowed."""
        self._budget.at(upstream).value = retries

    def gate_waited(self, upstream: str, seconds: float) -> None:
        """Observe a wait for a turn."""
        self._waits.at(upstream).observe(seconds)

    def breaker_changed(self, upstream: str, state: BreakerState) -> None:
        """Set a breaker's state and count the change."""
        self._breakers.at(upstream).value = _STATES[state]
        self._breaker_changes.at(upstream, state).value += 1

    def request_started(self) -> None:
        """Count a request in."""
        self._running.value += 1

    def request_finished(
        self, kind: OperationType, outcome: RequestOutcome, seconds: float
    ) -> None:
        """Count a request out, by how it ended and how long it took."""
        self._running.value -= 1
        self._requests.at(kind, outcome).value += 1
        self._request_seconds.at(kind).observe(seconds)

    def engines_compared(self, outcome: Comparison) -> None:
        """Count a query that both engines have run."""
        self._comparisons.at(outcome).value += 1

    def event_loop_lagged(self, seconds: float) -> None:
        """Observe how late the loop was."""
        self._lag.at().observe(seconds)

    def exposition(self) -> tuple[bytes, str]:
        """Return the text of all metrics and its media type, for `/metrics`."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _counter(self, name: str, about: str, labels: Mapping[str, Iterable[str]]) -> Counters:
        family = Counters(f"casegraph_{name}", about, labels)
        self._registry.register(family)
        return family

    def _gauge(self, name: str, about: str, labels: Mapping[str, Iterable[str]]) -> Gauges:
        family = Gauges(f"casegraph_{name}", about, labels)
        self._registry.register(family)
        return family

    def _histogram(
        self, name: str, about: str, bounds: Sequence[float], labels: Mapping[str, Iterable[str]]
    ) -> Histograms:
        family = Histograms(f"casegraph_{name}", about, bounds, labels)
        self._registry.register(family)
        return family
