"""What telling costs; run with -m bench."""

import io
import logging
import timeit
from collections.abc import Callable
from typing import Any

import pytest

from casegraph.telemetry import logs
from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.observer import RequestEnd
from casegraph.telemetry.reporter import Reporter
from casegraph.telemetry.tracing import Tracing
from casegraph.telemetry.vocabulary import Outcome, Refusal, RequestOutcome

pytestmark = pytest.mark.bench

OPERATIONS = {"ratings": ["rating"]}
ROUNDS, REPEATS = 20_000, 7


def _microseconds(work: Callable[[], object]) -> float:
    # The least of several: a busy machine only ever adds.
    return min(timeit.repeat(work, number=ROUNDS, repeat=REPEATS)) / ROUNDS * 1e6


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_an_observation(kind: Any) -> None:
    """One observation, labels included, takes 2 us at most."""
    metrics = Metrics(OPERATIONS)
    work = {
        "counter": lambda: metrics.call_refused("ratings", "rating", Refusal.LATE),
        "gauge": lambda: metrics.budget_left("ratings", 3.0),
        "histogram": lambda: metrics.gate_waited("ratings", 0.3),
    }[kind]
    took = _microseconds(work)
    print(f"{kind}: {took:.2f} us")  # noqa: T201  the figure is what a benchmark is for
    assert took <= 2


def test_a_good_call_and_a_request() -> None:
    """A good call takes 12 us, a request with its line 60 us, without tracing."""
    reporter = Reporter(OPERATIONS, Metrics(OPERATIONS), Tracing())
    end = RequestEnd(RequestOutcome.OK, 200)

    def call() -> None:
        reporter.attempt_finished(reporter.attempt_started("ratings", "rating"), Outcome.OK)

    def request() -> None:
        reporter.request_finished(reporter.request_started("7f-A"), end)

    logger = logging.getLogger("casegraph.requests")
    handler = logs.LineHandler(io.StringIO())
    handler.setFormatter(logs.LineFormatter(human=False))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        called, requested = _microseconds(call), _microseconds(request)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    print(f"call: {called:.1f} us, request: {requested:.1f} us")  # noqa: T201  the figure is what a benchmark is for
    assert called <= 12
    assert requested <= 60
