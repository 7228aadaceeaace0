"""One telling, three ears: metrics, log lines and spans of the same events."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from casegraph.telemetry.logs import LineFormatter, LineHandler
from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.observer import RequestEnd, attempt_number, current_request
from casegraph.telemetry.reporter import Reporter
from casegraph.telemetry.tracing import Tracing, tracing_to
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

OPERATIONS = {"ratings": ["rating"]}
SECRET = "canary-5ecret/?token"
Lines = Callable[[], list[dict[str, Any]]]
"""Reads the lines written so far."""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OK = RequestEnd(RequestOutcome.OK, 200)


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands."""
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of one upstream."""
    return Metrics(OPERATIONS)


@pytest.fixture
def reporter(metrics: Metrics, clock: Clock) -> Iterator[Reporter]:
    """Return a reporter without tracing; what a test makes current is gone after it."""
    token = current_request.set(None)
    yield Reporter(OPERATIONS, metrics, Tracing(), clock)
    current_request.reset(token)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return a reader of the JSON lines that this package writes."""
    stream, logger = io.StringIO(), logging.getLogger("casegraph")
    handler = LineHandler(stream)
    handler.setFormatter(LineFormatter(human=False))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics._registry.get_sample_value(f"casegraph_{name}", labels)


def test_a_request(reporter: Reporter, metrics: Metrics, clock: Clock, lines: Lines) -> None:
    """A request is counted, timed and told in one line, however often it is finished."""
    request = reporter.request_started("7f-A")
    assert request is current_request.get()
    assert _value(metrics, "requests_in_flight") == 1
    request.operation_type = OperationType.QUERY
    clock.now += 0.5
    reporter.request_finished(request, OK)
    reporter.request_finished(request, OK)
    assert _value(metrics, "requests_in_flight") == 0
    assert _value(metrics, "requests_total", type="query", outcome="ok") == 1
    assert _value(metrics, "request_seconds_sum", type="query") == 0.5
    assert [(line["event"], line["durationMs"]) for line in lines()] == [("request", 500.0)]


def test_a_good_call(reporter: Reporter, metrics: Metrics, clock: Clock, lines: Lines) -> None:
    """A good call is counted for its request and makes no line."""
    request = reporter.request_started("7f-A")
    attempt = reporter.attempt_started("ratings", "rating")
    assert _value(metrics, "upstream_in_flight", upstream="ratings") == 1
    clock.now += 0.25
    reporter.attempt_finished(attempt, Outcome.OK)
    reporter.attempt_finished(attempt, Outcome.OK)
    call = {"upstream": "ratings", "operation": "rating"}
    assert _value(metrics, "upstream_in_flight", upstream="ratings") == 0
    assert _value(metrics, "upstream_attempts_total", outcome="ok", **call) == 1
    assert _value(metrics, "upstream_attempt_seconds_sum", **call) == 0.25
    assert (request.upstream_calls, lines()) == (1, [])


@pytest.mark.parametrize("outcome", list(Outcome))
def test_lines_of_calls(reporter: Reporter, lines: Lines, outcome: Any) -> None:
    """Every failed call makes a line, and only those do."""
    reporter.attempt_finished(reporter.attempt_started("ratings", "rating"), outcome)
    assert ([outcome] if outcome.is_failure() else []) == [line["outcome"] for line in lines()]


def test_attempts_are_numbered(reporter: Reporter, lines: Lines) -> None:
    """The number that the retry layer set stands in the line."""
    token = attempt_number.set(3)
    try:
        attempt = reporter.attempt_started("ratings", "rating")
    finally:
        attempt_number.reset(token)
    reporter.attempt_finished(attempt, Outcome.UNREACHABLE)
    assert lines()[0]["attempt"] == 3


def test_calls_that_were_not_made(reporter: Reporter, metrics: Metrics, lines: Lines) -> None:
    """A refused call has a line and a figure of its own and is no call of the request."""
    request = reporter.request_started("7f-A")
    reporter.call_refused("ratings", "rating", Refusal.BREAKER)
    reporter.answer_unusable("ratings", "rating")
    call = {"upstream": "ratings", "operation": "rating"}
    assert _value(metrics, "upstream_refusals_total", reason="breaker", **call) == 1
    assert _value(metrics, "upstream_unusable_answers_total", **call) == 1
    assert None is _value(metrics, "upstream_attempts_total", outcome="ok", **call)
    assert request.upstream_calls == 0
    assert [(line["outcome"], line["requestId"]) for line in lines()] == [
        ("breaker", "7f-A"),
        ("contract", "7f-A"),
    ]


def test_guards(reporter: Reporter, metrics: Metrics) -> None:
    """Retries, budget and waits reach their figures."""
    reporter.retry_scheduled("ratings", "rating", 0.5)
    reporter.budget_changed("ratings", 7.0)
    reporter.gate_waited("ratings", 2.0)
    call = {"upstream": "ratings", "operation": "rating"}
    assert _value(metrics, "upstream_retries_total", **call) == 1
    assert _value(metrics, "upstream_retry_wait_seconds_total", **call) == 0.5
    assert _value(metrics, "upstream_retry_budget", upstream="ratings") == 7
    assert _value(metrics, "upstream_gate_wait_seconds_sum", upstream="ratings") == 2


def test_breakers(reporter: Reporter, metrics: Metrics, lines: Lines) -> None:
    """A state is a figure at once and a line only when it is another than before."""
    for state in ("closed", "open", "open", "probing", "closed"):
        reporter.breaker_changed("ratings", BreakerState(state))
    assert [line["state"] for line in lines()] == ["open", "probing", "closed"]
    assert _value(metrics, "upstream_breaker_state", upstream="ratings") == 0


def test_undeclared_names(reporter: Reporter, lines: Lines) -> None:
    """A name that nobody declared is `other` in every ear."""
    for upstream, operation in ((SECRET, "rating"), ("ratings", SECRET), ("x", "y")):
        reporter.attempt_finished(reporter.attempt_started(upstream, operation), Outcome.CONTRACT)
        reporter.breaker_changed(upstream, BreakerState.OPEN)
    assert [(line["upstream"], line["operation"]) for line in lines() if "operation" in line] == [
        ("other", "other"),
        ("ratings", "other"),
        ("other", "other"),
    ]
    assert "canary" not in json.dumps(lines())


@pytest.mark.parametrize(
    ("received", "sent"),
    [
        ([TRACEPARENT], {"traceparent": TRACEPARENT}),
        ([], {}),
        ([SECRET], {}),
        ([TRACEPARENT, TRACEPARENT], {}),
        ([f"00-{'0' * 32}-00f067aa0ba902b7-01"], {}),
    ],
)
def test_a_valid_trace_is_passed_on(
    reporter: Reporter, received: list[str], sent: dict[str, str]
) -> None:
    """Without tracing an upstream is told the client's trace context, if it is a valid one."""
    reporter.request_started("7f-A", received)
    assert sent == reporter.attempt_started("ratings", "rating").headers


def test_errands_of_the_gateway(reporter: Reporter) -> None:
    """A call on nobody's behalf belongs to no request and carries no trace."""
    attempt = reporter.attempt_started("ratings", "rating")
    assert (attempt.request, attempt.headers) == (None, {})


async def test_requests_do_not_mix(reporter: Reporter) -> None:
    """Interleaved requests count their own calls only, those of their tasks included."""

    async def call() -> None:
        await asyncio.create_task(asyncio.sleep(0))
        reporter.attempt_finished(reporter.attempt_started("ratings", "rating"), Outcome.OK)

    async def request(calls: int) -> int:
        record = reporter.request_started(f"r{calls}")
        await asyncio.gather(*(call() for _ in range(calls)))
        return record.upstream_calls

    assert await asyncio.gather(*(request(calls) for calls in (1, 2, 3, 40))) == [1, 2, 3, 40]


def test_with_tracing(metrics: Metrics, lines: Lines) -> None:
    """Lines, spans and what the upstream is told meet in one trace."""
    exporter = InMemorySpanExporter()
    tracing = tracing_to(exporter)
    reporter = Reporter(OPERATIONS, metrics, tracing)

    def work() -> list[str]:
        request = reporter.request_started("7f-A", [TRACEPARENT])
        attempt = reporter.attempt_started("ratings", "rating")
        reporter.attempt_finished(attempt, Outcome.SERVER_ERROR)
        reporter.request_finished(request, OK)
        return attempt.headers["traceparent"].split("-")

    _, trace, told, _ = copy_context().run(work)
    tracing.close()
    call, request = exporter.get_finished_spans()
    assert [line["traceId"] for line in lines()] == [TRACE, TRACE]
    assert (int(TRACE, 16), int(told, 16)) == (call.context.trace_id, call.context.span_id)
    assert (TRACE, request.context.span_id) == (trace, call.parent.span_id)
