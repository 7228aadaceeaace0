"""A client that leaves: its calls are cancelled, everybody else's go on, and the log says so."""

import logging
import random
import threading
from collections.abc import Iterator

import pytest

from support.crowd import at_once
from support.gateway import Answer, Gateway, running_gateway
from support.leaving import LeavingClient
from support.registry import EVERYTHING, REGISTRY, ask_everything, plan_for, rehearsing, variables
from support.rehearsed import until
from support.stalls import timed
from support.upstreams import Upstreams, running_upstreams

GONE_SECONDS = 0.1
"""What is promised. One of a few tries must keep it: the machine runs other things too."""
TRIES = 4
LATE_SECONDS = 0.5
"""What every try must keep, but for the time for which the machine holds this process up."""
LISTS = "query($hub: ID!) { programLists(hubId: $hub) { name } }"
ONE_CALL = {"action_management.lists": 1}


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running
        running.sandbox.faults.clear()


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose calls in flight are this test's alone."""
    until(lambda: busy(_own) == 0)
    _own.mark()
    return _own


@pytest.fixture
def fresh(own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway that remembers nothing."""
    with running_gateway(own.environment) as running:
        yield running


def busy(upstreams: Upstreams, upstream: str | None = None) -> int:
    """Return how many calls the sandbox has in hand."""
    traffic = upstreams.sandbox.traffic
    names = REGISTRY if upstream is None else [upstream]
    return sum(traffic[name].snapshot()["in_flight"] for name in names)


def outcomes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return how the requests ended, as the log has it."""
    told = [getattr(record, "fields", {}) for record in caplog.records]
    return [fields["outcome"] for fields in told if "upstreamCalls" in fields]


def left_behind(gateway: Gateway, own: Upstreams, caplog: pytest.LogCaptureFixture) -> float:
    """Leave four hanging calls; returns the seconds till no upstream has any of them in hand."""
    caplog.clear()
    client = LeavingClient(gateway, EVERYTHING, variables(own))
    until(lambda: busy(own) == len(REGISTRY))
    with timed() as took:
        client.leave()
        until(lambda: outcomes(caplog) and busy(own) == 0)
    assert outcomes(caplog) == ["client_gone"]
    return took.seconds


@pytest.mark.parametrize("kind", ["hang", "hang_after_headers"])
@pytest.mark.parametrize("exchange", [None, "httpx"], ids=["default", "httpx"])
def test_calls_of_a_client_that_left_are_cancelled(
    own: Upstreams, caplog: pytest.LogCaptureFixture, exchange: str | None, kind: str
) -> None:
    """All four upstreams see their connections closed within 100 ms, and the log says why."""
    caplog.set_level(logging.INFO, "casegraph")
    chosen = {} if exchange is None else {"CASEGRAPH_EXCHANGE": exchange}
    with running_gateway({**own.environment, **chosen}) as fresh:
        with rehearsing(own, plan_for(*REGISTRY, kind=kind)):
            took = [left_behind(fresh, own, caplog) for _ in range(TRIES)]
        assert min(took) <= GONE_SECONDS, took
        assert max(took) <= LATE_SECONDS, took
        assert ask_everything(fresh, own).data


def test_a_client_that_sent_what_nobody_reads_is_missed_too(own: Upstreams, fresh: Gateway) -> None:
    """Behind the unread body of a GET the server sees no end by itself: it stops reading."""
    with rehearsing(own, plan_for(*REGISTRY, kind="hang")):
        client = LeavingClient(fresh, EVERYTHING, variables(own), unread=200_000)
        until(lambda: busy(own) == len(REGISTRY))
        with timed() as took:
            client.leave()
            until(lambda: busy(own) == 0)

    assert took.seconds <= LATE_SECONDS


def test_calls_below_a_case_are_cancelled_too(fresh: Gateway, own: Upstreams) -> None:
    """Calls that a list's rows made, and those that wait for a place, end with their client."""
    query = """query($hub: ID!) { cases(hubId: $hub, first: 20) { nodes {
      dueAt notes { nodes { text } } ratings { totalCount } } } }"""
    hang = {"operations": {"*": [{"kind": "hang_after_headers", "times": "forever"}]}}
    with rehearsing(own, {"ratings": hang}):
        client = LeavingClient(fresh, query, variables(own))
        # The session is signed in to by one call; the others wait for it, and more for a place.
        until(lambda: busy(own, "ratings") >= 1)
        with timed() as took:
            client.leave()
            until(lambda: busy(own) == 0)
        seen = sum(own.calls("ratings").values())
        threading.Event().wait(0.2)
        later = sum(own.calls("ratings").values())

    assert took.seconds <= LATE_SECONDS
    assert seen == later


def test_hundreds_of_aborted_requests_leave_the_pools_intact(
    fresh: Gateway, own: Upstreams
) -> None:
    """200 clients leave within 30 ms; then 50 good requests are all whole, nothing is in flight."""
    chance = random.Random(3)  # noqa: S311 - no secret
    slow = {"kind": "slow", "delay_ms": 15, "times": "forever"}
    part = {"operations": {"*": [slow]}}
    with rehearsing(own, dict.fromkeys(REGISTRY, part)):
        for _ in range(50):
            clients = [LeavingClient(fresh, EVERYTHING, variables(own)) for _ in range(4)]
            for client in clients:
                threading.Event().wait(chance.uniform(0, 0.03) / len(clients))
                client.leave()
        until(lambda: busy(own) == 0)

    answers = at_once(fresh, 50, lambda each: ask_everything(each, own))
    assert [answer.response.status_code for answer in answers] == [200] * 50
    assert [answer.codes for answer in answers] == [{}] * 50
    until(lambda: busy(own) == 0)


def test_a_shared_answer_survives_a_caller_that_leaves(fresh: Gateway, own: Upstreams) -> None:
    """Two ask for the same lists, the first one leaves, the second has its answer by one call."""
    slow = {"operations": {"lists": [{"kind": "slow", "delay_ms": 1500}]}}
    answers: list[Answer] = []
    with rehearsing(own, {"action_management": slow}):
        first = LeavingClient(fresh, LISTS, variables(own))
        until(lambda: own.calls() == ONE_CALL)  # before it there is one for a token
        second = threading.Thread(target=lambda: answers.append(fresh.ask(LISTS, variables(own))))
        second.start()
        threading.Event().wait(0.2)  # so that it has joined; if late, it would ask anew
        first.leave()
        second.join(10)

    assert answers[0].data["programLists"]
    assert own.calls() == ONE_CALL


def test_a_shared_answer_that_nobody_waits_for_is_given_up(fresh: Gateway, own: Upstreams) -> None:
    """When the last caller has left, the shared call is cancelled; the next one asks anew."""
    hang = {"operations": {"lists": [{"kind": "hang_after_headers"}]}}
    with rehearsing(own, {"action_management": hang}):
        clients = [LeavingClient(fresh, LISTS, variables(own)) for _ in range(3)]
        until(lambda: own.calls() == ONE_CALL)  # before it there is one for a token
        with timed() as took:
            for client in clients:
                client.leave()
            until(lambda: busy(own) == 0)

    assert took.seconds <= LATE_SECONDS
    assert fresh.ask(LISTS, variables(own)).data["programLists"]
    assert own.calls() == {"action_management.lists": 2}
