"""The bound on operations at the same time: alone, and at the door of a real gateway."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError

from casegraph.edge.admission import Admission, Overloaded
from casegraph.edge.decoding import BodyBounds
from casegraph.edge.endpoint import GraphQLEndpoint
from casegraph.engine.standard import Operation
from casegraph.telemetry.observer import RequestEnd, RequestRecord, SilentObserver


def test_places_are_taken_and_given_back() -> None:
    """The bound is the number that runs, not the number that came."""
    admission = Admission(2)

    with admission.place(), admission.place():
        assert admission.in_flight == 2
        with pytest.raises(Overloaded, match="2 operations are running"):
            admission.refuse_when_full()
    with admission.place():
        assert admission.in_flight == 1

    assert admission.in_flight == 0


def test_a_refused_operation_takes_no_place() -> None:
    """Otherwise every refusal would lower the bound for good."""
    admission = Admission(1)

    with admission.place(), pytest.raises(Overloaded), admission.place():
        pass

    assert admission.in_flight == 0


def test_a_place_is_given_back_after_a_failure() -> None:
    """Work that fails leaves its place to others."""
    admission = Admission(1)

    with pytest.raises(ZeroDivisionError), admission.place():
        _ = 1 / 0

    assert admission.in_flight == 0


class Held:
    """A session that runs until it is let go, or fails as told."""

    def __init__(self, gate: asyncio.Event, error: Exception | None = None) -> None:
        self._gate = gate
        self._error = error
        self.begun = asyncio.Semaphore(0)

    async def run(self, operation: Operation) -> ExecutionResult:
        """Wait."""
        self.begun.release()
        await self._gate.wait()
        if self._error is not None:
            raise self._error
        return ExecutionResult({"said": operation.query}, None)

    def headers(self) -> Mapping[str, str]:
        """Return none."""
        return {}

    def extensions(self) -> Mapping[str, Any]:
        """Return none."""
        return {}

    def standing(self) -> None:
        """Return that the answer may be another the next time."""

    def forget(self) -> None:
        """Do nothing."""


class Ends(SilentObserver):
    """Notes how each request ended."""

    def __init__(self) -> None:
        self.ends: list[RequestEnd] = []

    def request_finished(self, request: RequestRecord, end: RequestEnd) -> None:
        """Note it."""
        super().request_finished(request, end)
        self.ends.append(end)


def endpoint(session: Held, observer: Ends, at_most: int) -> GraphQLEndpoint:
    """Return an endpoint with this many places."""

    def present(error: GraphQLError, _: str) -> dict[str, Any]:
        return {"message": error.message}

    return GraphQLEndpoint(
        lambda *_: session,
        present,
        None,
        deadline_seconds=10,
        observer=observer,
        admission=Admission(at_most),
        body=BodyBounds(),
    )


async def asked(door: GraphQLEndpoint) -> tuple[int, dict[str, str], Any]:
    """Send one operation to it and return status, headers and body."""
    body = json.dumps({"query": "{ a }"}).encode()
    incoming = iter([{"type": "http.request", "body": body, "more_body": False}])
    sent: list[Any] = []

    async def receive() -> Any:
        for message in incoming:
            return message
        await asyncio.Event().wait()
        return None

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers}
    await door(scope, receive, send)
    start, content = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], named, json.loads(content["body"])


async def test_beyond_the_bound_the_answer_is_come_again() -> None:
    """503 with Retry-After and an error a client can act on, told like every other request."""
    gate, observer = asyncio.Event(), Ends()
    session = Held(gate)
    door = endpoint(session, observer, at_most=3)
    running = [asyncio.create_task(asked(door)) for _ in range(3)]
    for _ in running:
        await session.begun.acquire()

    status, headers, body = await asked(door)
    gate.set()
    answers = await asyncio.gather(*running)

    assert status == 503
    assert headers["retry-after"] == "1"
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["extensions"] == {
        "code": "UNAVAILABLE",
        "retryable": True,
        "retryAfterMs": 1000,
        "requestId": headers["x-request-id"],
    }
    assert [answer[0] for answer in answers] == [200, 200, 200]
    assert [end.status for end in observer.ends] == [503, 200, 200, 200]
    assert door._admission.in_flight == 0


async def test_a_bug_behind_the_door_is_told_in_the_same_form() -> None:
    """A failure that nobody foresaw is a 500 in JSON with an id, and its place is given back."""
    gate, observer = asyncio.Event(), Ends()
    gate.set()
    door = endpoint(Held(gate, RuntimeError("secret of ours")), observer, at_most=1)

    status, headers, body = await asked(door)

    assert status == 500
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert headers["x-request-id"] in error["message"]
    assert "secret" not in json.dumps(body)
    assert [end.status for end in observer.ends] == [500]
    assert door._admission.in_flight == 0
