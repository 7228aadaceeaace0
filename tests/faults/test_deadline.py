"""One deadline per request, over the real gateway: who sets it, and what comes when it is over."""

import threading
from collections.abc import Iterator

import pytest

from support.gateway import Gateway, running_gateway
from support.registry import REGISTRY, ask_everything, plan_for, rehearsing
from support.stalls import timed
from support.upstreams import Upstreams

LATE_SECONDS = 0.3
"""Promised are 100 ms after the deadline; the rest is for a machine that runs other things too."""
OWN_MS = 1_500
"""The gateway's own deadline, set shorter than its default so that no test waits long."""


@pytest.fixture(scope="module")
def hurried(_upstreams: Upstreams) -> Iterator[Gateway]:
    """Return a gateway whose requests have little time, and which is warm."""
    settings = {**_upstreams.environment, "CASEGRAPH_DEADLINE_MS": str(OWN_MS)}
    with running_gateway(settings) as running:
        ask_everything(running, _upstreams, x_deadline_ms=str(OWN_MS))
        yield running


@pytest.mark.parametrize(
    ("asked_ms", "expected_ms"),
    [(None, OWN_MS), (1_000, 1_000), (999_999_999, OWN_MS)],
)
def test_the_shorter_of_both_deadlines_holds(
    hurried: Gateway, upstreams: Upstreams, asked_ms: int | None, expected_ms: int
) -> None:
    """A client may shorten its time and never lengthen it."""
    headers = {} if asked_ms is None else {"x_deadline_ms": str(asked_ms)}
    with rehearsing(upstreams, plan_for("ratings", kind="hang")), timed() as took:
        answer = ask_everything(hurried, upstreams, **headers)

    assert answer.codes == {"ratings": "DEADLINE_EXCEEDED"}
    assert took.wall >= expected_ms / 1000 - 0.02
    assert took.seconds <= expected_ms / 1000 + LATE_SECONDS
    assert sum(upstreams.calls().values()) == len(REGISTRY)


@pytest.mark.parametrize("text", ["soon", "", "-1", "1.5", "1e3", "0x10", "1 000", "9" * 10])
def test_a_deadline_that_is_no_number_is_refused(
    hurried: Gateway, upstreams: Upstreams, text: str
) -> None:
    """Garbage is a bad request that names the header; nothing is asked."""
    answer = ask_everything(
        hurried, upstreams, x_deadline_ms=text, accept="application/graphql-response+json"
    )

    assert answer.response.status_code == 400
    (error,) = answer.body["errors"]
    assert error["message"] == "X-Deadline-Ms must be a whole number of milliseconds."
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert upstreams.calls() == {}


@pytest.mark.parametrize("left_ms", ["0", "1", "49"])
def test_too_little_time_is_not_worth_a_call(
    hurried: Gateway, upstreams: Upstreams, left_ms: str
) -> None:
    """With less than 50 ms left every field says so, and no upstream is asked at all."""
    answer = ask_everything(hurried, upstreams, x_deadline_ms=left_ms)

    aliases = {each.alias for each in REGISTRY.values()}
    assert answer.codes == dict.fromkeys(aliases, "DEADLINE_EXCEEDED")
    assert answer.partial == dict.fromkeys(aliases)
    assert upstreams.calls() == {}


def test_what_came_before_the_deadline_is_kept(hurried: Gateway, upstreams: Upstreams) -> None:
    """A case is there with its own fields while all that is linked to it hangs."""
    odd = upstreams.world.oddities
    query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
      name notes { nodes { noteId } } reviews { totalCount } ratings { totalCount }
      customerCases { title } } }"""
    asked = {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
    linked = ("case_reviews", "ratings", "customer_cases")
    part = {"operations": {"*": [{"kind": "hang", "times": "forever"}]}}
    with rehearsing(upstreams, dict.fromkeys(linked, part)):
        answer = hurried.ask(query, asked, x_deadline_ms="1500")

    fields = ("case.reviews", "case.ratings", "case.customerCases")
    assert answer.codes == dict.fromkeys(fields, "DEADLINE_EXCEEDED")
    assert answer.partial["case"]["name"]
    assert answer.partial["case"]["notes"]["nodes"]


def test_a_queue_does_not_outlast_the_deadline(hurried: Gateway, upstreams: Upstreams) -> None:
    """Twenty requests behind one slow upstream are all answered in time, whoever is served."""
    took: list[float] = []

    def one() -> None:
        with timed() as asking:
            answer = ask_everything(hurried, upstreams, x_deadline_ms="700")
        took.append(asking.seconds)
        assert set(answer.codes.values()) <= {"DEADLINE_EXCEEDED", "UNAVAILABLE"}

    with rehearsing(upstreams, plan_for("case_reviews", kind="slow", delay_ms=300)):
        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(took) == 20
    assert max(took) <= 0.7 + 2 * LATE_SECONDS  # 20 threads of this very process compete
