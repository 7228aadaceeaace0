"""Metrics: what is counted, under labels that no input can multiply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

OPERATIONS = {"ratings": ["rating", "ratings"], "case_reviews": ["reviews"]}


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of two upstreams."""
    return Metrics(OPERATIONS)


def _samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    body, _ = metrics.exposition()
    return {
        (sample.name.removeprefix("casegraph_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("casegraph_")
    }


def _nonzero(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        key: value
        for key, value in _samples(metrics).items()
        if value and not key[0].endswith("_bucket")
    }


def test_calls(metrics: Metrics) -> None:
    """A call is in flight until it ends, then counted by its outcome and timed."""
    metrics.call_started("ratings")
    metrics.call_started("ratings")
    assert _nonzero(metrics) == {("upstream_in_flight", "ratings"): 2.0}
    metrics.call_finished("ratings", "rating", Outcome.OK, 0.2)
    metrics.call_finished("ratings", "rating", Outcome.TIMED_OUT, 3.0)
    assert _nonzero(metrics) == {
        ("upstream_attempts_total", "ok", "rating", "ratings"): 1.0,
        ("upstream_attempts_total", "rating", "ratings", "timed_out"): 1.0,
        ("upstream_attempt_seconds_count", "rating", "ratings"): 2.0,
        ("upstream_attempt_seconds_sum", "rating", "ratings"): 3.2,
    }
    assert _samples(metrics)["upstream_attempt_seconds_bucket", "0.25", "rating", "ratings"] == 1.0


def test_guards(metrics: Metrics) -> None:
    """Refusals, broken answers, retries, budget, breaker and waits each have their figure."""
    metrics.call_refused("ratings", "rating", Refusal.BREAKER)
    metrics.answer_unusable("ratings", "rating")
    metrics.retry_scheduled("ratings", "rating", 0.5)
    metrics.retry_scheduled("ratings", "rating", -0.5)
    metrics.budget_left("ratings", 7.5)
    metrics.breaker_changed("ratings", BreakerState.OPEN)
    metrics.breaker_changed("ratings", BreakerState.PROBING)
    metrics.gate_waited("case_reviews", 2.0)
    assert _nonzero(metrics) == {
        ("upstream_refusals_total", "breaker", "rating", "ratings"): 1.0,
        ("upstream_unusable_answers_total", "rating", "ratings"): 1.0,
        ("upstream_retries_total", "rating", "ratings"): 2.0,
        ("upstream_retry_wait_seconds_total", "rating", "ratings"): 0.5,
        ("upstream_retry_budget", "ratings"): 7.5,
        ("upstream_breaker_state", "ratings"): 1.0,
        ("upstream_breaker_changes_total", "open", "ratings"): 1.0,
        ("upstream_breaker_changes_total", "probing", "ratings"): 1.0,
        ("upstream_gate_wait_seconds_count", "case_reviews"): 1.0,
        ("upstream_gate_wait_seconds_sum", "case_reviews"): 2.0,
    }


def test_requests_and_loop(metrics: Metrics) -> None:
    """Requests by type and outcome, the loop's lateness."""
    metrics.request_started()
    metrics.request_started()
    metrics.request_finished(OperationType.QUERY, RequestOutcome.PARTIAL, 0.5)
    metrics.event_loop_lagged(0.004)
    assert _nonzero(metrics) == {
        ("requests_in_flight",): 1.0,
        ("requests_total", "partial", "query"): 1.0,
        ("request_seconds_count", "query"): 1.0,
        ("request_seconds_sum", "query"): 0.5,
        ("event_loop_lag_seconds_count",): 1.0,
        ("event_loop_lag_seconds_sum",): 0.004,
    }


def test_exposition(metrics: Metrics) -> None:
    """The text names its version, carries the process's own figures, and no creation times."""
    metrics.call_refused("ratings", "rating", Refusal.LATE)
    body, media_type = metrics.exposition()
    assert media_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"process_resident_memory_bytes" in body
    assert b"_created" not in body


def test_a_registry_of_its_own(metrics: Metrics) -> None:
    """Two gateways in a process do not meet, nor is the library's global registry touched."""
    other = Metrics(OPERATIONS)
    metrics.event_loop_lagged(1.0)
    assert _nonzero(other) == {}
    assert not [each for each in REGISTRY.collect() if each.name.startswith("casegraph")]


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=30))
def test_any_label_is_one_of_a_closed_set(labels: list[tuple[str, str, str]]) -> None:
    """Whatever is passed for a name, the labels that appear are declared ones or `other`."""
    metrics = Metrics(OPERATIONS)
    for upstream, operation, kind in labels:
        metrics.call_started(upstream)
        metrics.call_finished(upstream, operation, kind, 0.1)
        metrics.call_refused(upstream, operation, kind)
    known = {"other", "ratings", "case_reviews", "rating", "reviews"}
    known |= {*Outcome, *Refusal, *OperationType, *RequestOutcome}
    found = {
        label
        for name, *values in _samples(metrics)
        if not name.endswith("_bucket")
        for label in values
    }
    assert known >= found


def test_ten_thousand_names_make_one_series(metrics: Metrics) -> None:
    """Names from outside cost neither series nor memory."""
    metrics.call_refused("first", "unknown", Refusal.LATE)
    before = len(_samples(metrics))
    for number in range(10_000):
        metrics.call_refused(f"u{number}", f"o{number}", Refusal.LATE)
    assert before == len(_samples(metrics))
    assert len(metrics._refusals._children) == 1
    assert _samples(metrics)["upstream_refusals_total", "late", "other", "other"] == 10_001
