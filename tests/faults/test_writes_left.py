"""A client that leaves, or whose time is over: nothing half written, and the outcome is told."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.gateway import running_gateway
from support.meddling import meddling
from support.mutations import Mutations, codes, document
from support.rehearsed import until
from support.upstreams import running_upstreams


@pytest.fixture(scope="module")
def lab() -> Iterator[Mutations]:
    """Return a gateway over a sandbox of this module's own."""
    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        yield Mutations(ours, upstreams)


class Holding:
    """Holds the calls of one operation until they are let go on."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.reached = threading.Event()
        self.released = threading.Event()

    async def __call__(self, call: Any, proceed: Any) -> None:
        """Hold one call, and say that it is here."""
        if call.operation == self.operation:
            self.reached.set()
            await asyncio.to_thread(self.released.wait, 20)
        await proceed(call)


def leaving(lab: Mutations, name: str, holding: Holding, /, **asked: Any) -> None:
    """Ask for a mutation and leave while it is held."""
    parts = urlsplit(lab.gateway.url)
    body = json.dumps({"query": document(name), "variables": {"input": asked}}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    client.sendall(head.encode() + body)
    assert holding.reached.wait(10)
    client.close()


def audit(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the fields of the audit lines."""
    return [r.__dict__["fields"] for r in caplog.records if r.name == "casegraph.audit"]


def test_a_write_goes_to_its_end_without_its_client(
    lab: Mutations, caplog: pytest.LogCaptureFixture
) -> None:
    """It is written, read back and logged as if somebody had waited."""
    case, holding = next(iter(lab.hub.cases)), Holding("case_put")
    with caplog.at_level(logging.INFO), meddling(lab.upstreams, "action_management", holding):
        leaving(lab, "updateCase", holding, **lab.key(case), name="Left alone")
        gone = [r for r in caplog.records if r.name == "casegraph.requests"]
        until(lambda: gone or [r for r in caplog.records if r.name == "casegraph.requests"])
        holding.released.set()
        until(lambda: audit(caplog))

    (line,) = audit(caplog)
    assert lab.row(case)["name"] == "Left alone"
    assert (line["result"], line["clientGone"], line["fields"]) == ("APPLIED", True, ["name"])


def test_a_write_that_has_not_begun_ends_with_its_client(
    lab: Mutations, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever leaves while the case is still being read changes nothing."""
    case, holding = list(lab.hub.cases)[1], Holding("case")
    before = dict(lab.row(case))
    lab.upstreams.mark()
    with caplog.at_level(logging.INFO), meddling(lab.upstreams, "action_management", holding):
        leaving(lab, "updateCase", holding, **lab.key(case), name="Never")
        until(lambda: [r for r in caplog.records if r.name == "casegraph.requests"])
        holding.released.set()
        until(
            lambda: not lab.upstreams.sandbox.traffic["action_management"].snapshot()["in_flight"]
        )

    assert lab.row(case) == before
    assert "action_management.case_put" not in lab.calls()
    assert audit(caplog) == []


def test_a_deadline_in_the_middle_of_a_write_is_told_and_can_be_asked_after(
    lab: Mutations, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer goes out in time with what is known; the same id tells the end later."""
    case, holding = list(lab.hub.cases)[2], Holding("case_put")
    asked = {**lab.key(case), "name": "Slow", "clientMutationId": "slow"}
    with caplog.at_level(logging.INFO), meddling(lab.upstreams, "action_management", holding):
        headers = {"X_Deadline_Ms": "2000"}
        first = lab.gateway.ask(document("updateCase"), {"input": asked}, **headers)
        holding.released.set()
        until(lambda: audit(caplog))
    again = lab.make("updateCase", **asked)

    told = first.partial["updateCase"]
    assert (told["outcome"], codes(told)) == ("UNKNOWN", ["OUTCOME_UNKNOWN"])
    assert "clientMutationId" in told["userErrors"][0]["message"]
    assert (again["outcome"], again["isRepeated"]) == ("APPLIED", True)
    assert lab.row(case)["name"] == "Slow"


def test_without_time_nothing_is_begun(lab: Mutations) -> None:
    """A deadline that is over before the write says so, and that nothing was written."""
    case, holding = list(lab.hub.cases)[3], Holding("case")
    before = dict(lab.row(case))
    with meddling(lab.upstreams, "action_management", holding):
        answer = lab.gateway.ask(
            document("updateCase", "outcome userErrors { code retryable }"),
            {"input": {**lab.key(case), "name": "Too late"}},
            X_Deadline_Ms="300",
        )
        holding.released.set()

    assert answer.data["updateCase"] == {
        "outcome": "NOT_APPLIED",
        "userErrors": [{"code": "DEADLINE_EXCEEDED", "retryable": True}],
    }
    assert lab.row(case) == before
