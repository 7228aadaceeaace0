"""What a running gateway tells of its upstreams: `/metrics` and log lines, fault by fault.

Real gateways over one sandbox. Waits drawn by chance are drawn as zero, so that counts are certain.
"""

import io
import json
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from casegraph.reporting import _OPERATIONS
from casegraph.telemetry.logs import LineFormatter, LineHandler
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)
from support.gateway import Answer, Gateway, running_gateway
from support.meddling import meddling
from support.registry import (
    REGISTRY,
    ask_everything,
    assert_no_leak,
    at,
    plan_for,
    rehearsing,
    variables,
)
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True, scope="module")
def _waits_are_short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random.SystemRandom, "uniform", lambda _self, low, _high: low)
        yield


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose counts begin here."""
    _own.mark()
    return _own


@dataclass
class Watched:
    """A gateway, and what it has told since it began."""

    gateway: Gateway
    stream: io.StringIO

    def value(self, name: str, **labels: str) -> float:
        """Return a figure; 0 where there is none."""
        return self.figures().get((f"casegraph_{name}", *sorted(labels.values())), 0.0)

    def figures(self) -> dict[tuple[str, ...], float]:
        """Return all figures by name and label values."""
        text = self.gateway.client.get(f"{self.gateway.url}/metrics").text
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        every = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in every if line["event"] == event]

    def failures(self) -> list[tuple[Any, ...]]:
        """Return upstream, operation, attempt and outcome of all failed calls, in order."""
        told = self.lines("upstream call failed")
        return [(e["upstream"], e["operation"], e["attempt"], e["outcome"]) for e in told]


@pytest.fixture
def watched(own: Upstreams) -> Iterator[Watched]:
    """Return a gateway that nothing has happened to yet."""
    stream, logger = io.StringIO(), logging.getLogger("casegraph")
    handler = LineHandler(stream)
    handler.setFormatter(LineFormatter(human=False))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    with running_gateway(own.environment) as gateway:
        yield Watched(gateway, stream)


def call_of(upstream: str) -> dict[str, str]:
    """Return the labels of the registry's call; a plan says `reviews_sweep` for some `reviews`."""
    operation = REGISTRY[upstream].operation.removesuffix("_sweep")
    return {"upstream": upstream, "operation": operation}


@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_retry_is_counted_and_each_failed_attempt_has_a_line(
    watched: Watched, own: Upstreams, upstream: str
) -> None:
    """One failure and a good end: one retry, two attempts, one line; the budget is one poorer."""
    with rehearsing(own, plan_for(upstream, kind="status", code=500, times=1)):
        answer = ask_everything(watched.gateway, own)
    call = call_of(upstream)

    assert answer.data[REGISTRY[upstream].alias]
    assert watched.value("upstream_retries_total", **call) == 1
    assert watched.value("upstream_attempts_total", outcome="server_error", **call) == 1
    assert watched.value("upstream_attempts_total", outcome="ok", **call) == 1
    assert watched.value("upstream_attempt_seconds_count", **call) == 2
    assert watched.value("upstream_retry_budget", upstream=upstream) < 20
    assert watched.failures() == [(upstream, call["operation"], 1, "server_error")]
    assert watched.value("upstream_unusable_answers_total", **call) == 0


def test_a_retry_that_cannot_be_paid_is_counted_as_refused(
    watched: Watched, own: Upstreams
) -> None:
    """Twenty retries are paid; what comes after fails with the upstream's own answer."""
    sometimes: list[dict[str, Any]] = [
        {"kind": "status", "code": 500},
        {"kind": "pass", "times": 2},
    ]
    plan = {"ratings": {"operations": {"ratings": sometimes * 60}}}
    query = "query($case: ID!) { ratings(caseId: $case) { nodes { ratingId } } }"
    asked = {"case": variables(own)["case"]}
    call = call_of("ratings")
    with rehearsing(own, plan):
        for _ in range(100):
            answer = watched.gateway.ask(query, asked)
            if answer.codes:
                break

    assert answer.codes == {"ratings": "UNAVAILABLE"}
    assert watched.value("upstream_refusals_total", reason="budget", **call) == 1
    assert watched.value("upstream_retries_total", **call) >= 20
    assert watched.value("upstream_retry_budget", upstream="ratings") < 1
    assert watched.failures()[-2:] == [
        ("ratings", "ratings", 1, "server_error"),
        ("ratings", "ratings", 1, "budget"),
    ]


@pytest.mark.parametrize("upstream", REGISTRY)
def test_an_answer_that_nobody_can_read_is_unusable(
    watched: Watched, own: Upstreams, upstream: str
) -> None:
    """The attempt was good and its body is not: counted once, told in one line."""
    with rehearsing(own, plan_for(upstream, kind="html")):
        ask_everything(watched.gateway, own)
    call = call_of(upstream)

    assert watched.value("upstream_unusable_answers_total", **call) == 1
    assert watched.value("upstream_attempts_total", outcome="ok", **call) == 1
    assert watched.failures() == [(upstream, call["operation"], 1, "contract")]


@pytest.mark.parametrize("upstream", REGISTRY)
@pytest.mark.parametrize(
    "fault", [{"kind": "redirect", "to": "http://127.0.0.1:9/"}, {"kind": "double_gzip"}]
)
def test_a_breach_that_shows_before_the_body_is_told_with_its_attempt(
    watched: Watched, own: Upstreams, upstream: str, fault: dict[str, Any]
) -> None:
    """One line and no second one for the same answer."""
    with rehearsing(own, plan_for(upstream, **fault)):
        ask_everything(watched.gateway, own)
    call = call_of(upstream)

    assert watched.value("upstream_attempts_total", outcome="contract", **call) == 1
    assert watched.value("upstream_unusable_answers_total", **call) == 0
    assert watched.failures() == [(upstream, call["operation"], 1, "contract")]


def repeatedly(watched: Watched, own: Upstreams, number: int) -> list[Answer]:
    """Ask everything so often."""
    return [ask_everything(watched.gateway, own) for _ in range(number)]


@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_wrong_field_is_told_each_time_and_never_costs_the_upstream(
    watched: Watched, own: Upstreams, upstream: str
) -> None:
    """Thirty answers with one wrong value are thirty lines, and all records but for the value."""
    asked = REGISTRY[upstream]
    pointer, field = asked.wrong
    wrong = {"kind": "wrong_types", "path": pointer, "value": {"SECRET": [1]}}
    with rehearsing(own, plan_for(upstream, **wrong)):
        answers = repeatedly(watched, own, 30)
    call = call_of(upstream)

    assert {tuple(each.codes.items()) for each in answers} == {
        ((f"{asked.alias}.{field}", "UPSTREAM_CONTRACT"),)
    }
    place, _, name = field.rpartition(".")
    record = at(answers[-1].partial[asked.alias], place)
    assert record.pop(name) is None
    assert all(record.values())
    assert watched.value("upstream_unusable_answers_total", **call) == 30
    assert watched.value("upstream_breaker_state", upstream=upstream) == 0
    assert watched.failures() == [(upstream, call["operation"], 1, "contract")] * 30


@pytest.mark.parametrize("upstream", REGISTRY)
def test_unreadable_answers_open_the_breaker(
    watched: Watched, own: Upstreams, upstream: str
) -> None:
    """Twenty of them are enough; then the state is told and calls are refused, each with a line."""
    with rehearsing(own, plan_for(upstream, kind="html")):
        answers = repeatedly(watched, own, 25)
    call, alias = call_of(upstream), REGISTRY[upstream].alias

    assert [each.codes[alias] for each in answers] == (
        ["UPSTREAM_CONTRACT"] * 20 + ["UNAVAILABLE"] * 5
    )
    assert sum(own.calls(upstream).values()) == 20
    assert watched.value("upstream_unusable_answers_total", **call) == 20
    assert watched.value("upstream_breaker_state", upstream=upstream) == 2
    assert watched.value("upstream_breaker_changes_total", upstream=upstream, state="open") == 1
    assert watched.value("upstream_refusals_total", reason="breaker", **call) == 5
    assert [(e["upstream"], e["state"]) for e in watched.lines("breaker")] == [(upstream, "open")]
    others = REGISTRY.keys() - {upstream}
    assert {watched.value("upstream_breaker_state", upstream=name) for name in others} == {0}


def test_a_token_that_cannot_be_used_is_unusable_too(watched: Watched, own: Upstreams) -> None:
    """It is told under its own operation; the case query was never sent."""
    empty = {"kind": "status", "code": 200, "body": '{"access_token": ""}', "times": "forever"}
    with rehearsing(own, {"action_management": {"operations": {"token": [empty]}}}):
        answer = ask_everything(watched.gateway, own)
    token = {"upstream": "action_management", "operation": "token"}

    assert answer.codes == {"actions": "UPSTREAM_CONTRACT"}
    assert_no_leak(answer)
    assert watched.value("upstream_unusable_answers_total", **token) == 1
    assert watched.failures() == [("action_management", "token", 1, "contract")]
    assert own.calls("action_management") == {}


@pytest.mark.parametrize("upstream", REGISTRY)
def test_an_attempt_that_hangs_is_counted_out_once(
    watched: Watched, own: Upstreams, upstream: str
) -> None:
    """One attempt is counted out, timed out, or given up when the last who waited had to leave."""
    with rehearsing(own, plan_for(upstream, kind="hang")):
        answer = ask_everything(watched.gateway, own, x_deadline_ms="1500")
    call = call_of(upstream)
    ends = ("timed_out", "cancelled")

    assert answer.codes == {REGISTRY[upstream].alias: "DEADLINE_EXCEEDED"}
    until(lambda: watched.value("upstream_in_flight", upstream=upstream) == 0)
    told = {o: watched.value("upstream_attempts_total", outcome=o, **call) for o in ends}
    assert sum(told.values()) == 1
    assert len(watched.failures()) == told["timed_out"]


def test_locked_credentials_and_too_little_time_are_refusals(
    watched: Watched, own: Upstreams
) -> None:
    """Each call that was not made has its reason, in the figures and in a line."""
    ask_everything(watched.gateway, own, x_deadline_ms="10")
    with rehearsing(
        own, plan_for("ratings", kind="status", named="kayako_authentication_locked", times=1)
    ):
        ask_everything(watched.gateway, own)
    ask_everything(watched.gateway, own)
    call = call_of("ratings")

    assert watched.value("upstream_refusals_total", reason="late", **call) == 1
    assert watched.value("upstream_refusals_total", reason="locked", **call) == 1
    assert [line[3] for line in watched.failures() if line[0] == "ratings"] == [
        "late",
        "rate_limited",
        "locked",
    ]


def test_waits_at_the_gate_are_told_of_every_call(own: Upstreams) -> None:
    """Two calls at once at one a fifth of a second: one waits, both are counted."""
    settings = {
        **own.environment,
        "CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "5",
        "CASEGRAPH_CASE_REVIEWS__BURST": "1",
    }
    with running_gateway(settings) as gateway:
        watched = Watched(gateway, io.StringIO())
        for _ in range(2):
            assert ask_everything(gateway, own).data
        count = watched.value("upstream_gate_wait_seconds_count", upstream="case_reviews")
        waited = watched.value("upstream_gate_wait_seconds_sum", upstream="case_reviews")
        elsewhere = watched.value("upstream_gate_wait_seconds_count", upstream="ratings")

    assert (count, elsewhere) == (2, 2)
    assert 0 < waited <= 0.3


def test_labels_are_closed_whatever_was_asked(watched: Watched, own: Upstreams) -> None:
    """Names made up by clients and vendors make no series: every label value is declared."""
    for number in range(20):
        watched.gateway.ask(
            f'query Canary{number} {{ customerCases(customerId: "canary-{number}") {{ title }} }}',
            x_request_id=f"canary-{number}",
            traceparent=f"00-{number + 1:032x}-00f067aa0ba902b7-01",
        )
    with rehearsing(own, plan_for(*REGISTRY, kind="status", code=418)):
        ask_everything(watched.gateway, own)
    operations = {each.name for known in _OPERATIONS.values() for each in known}
    declared = {*REGISTRY, *operations, "other"}
    declared |= {*Outcome, *Refusal, *BreakerState, *OperationType, *RequestOutcome}
    text = watched.gateway.client.get(f"{watched.gateway.url}/metrics").text
    labels = {
        value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("casegraph_")
        for name, value in sample.labels.items()
        if name != "le"
    }

    assert labels - declared == set()
    assert labels >= REGISTRY.keys()
    assert "canary" not in text


@pytest.fixture
def heard(own: Upstreams) -> Iterator[Callable[[], dict[str, set[bytes]]]]:
    """Return what each upstream was told as trace context."""
    found: dict[str, list[bytes]] = {name: [] for name in REGISTRY}
    contexts = []
    for name in REGISTRY:

        async def note(call: Any, proceed: Any, name: str = name) -> None:
            headers = call.scope["headers"]
            found[name] += [value for key, value in headers if key == b"traceparent"]
            await proceed(call)

        contexts.append(meddling(own, name, note))
    for context in contexts:
        context.__enter__()
    yield lambda: {name: set(values) for name, values in found.items()}
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [(TRACEPARENT, {TRACEPARENT.encode()}), ("00-canary-1-01", set()), (None, set())],
)
def test_a_trace_that_came_in_goes_out_to_every_upstream(
    watched: Watched,
    own: Upstreams,
    heard: Callable[[], dict[str, set[bytes]]],
    sent: str | None,
    passed_on: set[bytes],
) -> None:
    """Without tracing of our own the client's context goes on as it is; a broken one does not."""
    headers = {} if sent is None else {"traceparent": sent}
    assert ask_everything(watched.gateway, own, **headers).data

    assert heard() == dict.fromkeys(REGISTRY, passed_on)
    (line,) = watched.lines("request")
    assert line.get("traceId") == (TRACE if passed_on else None)
