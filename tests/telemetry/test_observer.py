"""The seam: how an answer reads as an end, and an observer that tells nobody."""

import asyncio
import inspect
from typing import Any

import pytest

from casegraph.telemetry.observer import (
    Attempt,
    Observer,
    RequestEnd,
    RequestRecord,
    SilentObserver,
    attempt_number,
    current_request,
)
from casegraph.telemetry.reporter import Reporter
from casegraph.telemetry.vocabulary import Outcome, RequestOutcome

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _errors(*codes: str) -> list[dict[str, Any]]:
    return [{"message": "x", "extensions": {"code": code}} for code in codes]


@pytest.mark.parametrize(
    ("answer", "status", "outcome", "codes"),
    [
        ({"data": {"case": None}}, 200, "ok", {}),
        ({"data": {}, "errors": _errors("A", "B", "A")}, 200, "partial", {"A": 2, "B": 1}),
        ({"data": None, "errors": _errors("A")}, 200, "failed", {"A": 1}),
        ({"data": None, "extensions": {"explain": {}}}, 200, "ok", {}),
        ({"errors": _errors("BAD_REQUEST")}, 400, "refused", {"BAD_REQUEST": 1}),
        ({"errors": _errors("INTERNAL")}, 500, "failed", {"INTERNAL": 1}),
        ({"errors": [{"message": "x"}]}, 400, "refused", {"OTHER": 1}),
    ],
)
def test_an_answer_as_an_end(
    answer: dict[str, Any], status: int, outcome: Any, codes: dict[str, int]
) -> None:
    """Data, errors and status say whether an answer is whole, partial, refused or failed."""
    assert RequestEnd(RequestOutcome(outcome), status, codes) == RequestEnd.of_answer(
        answer, status
    )


def _hooks(kind: Any) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(hook)
        for name, hook in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("kind", [SilentObserver, Reporter])
def test_every_hook_is_there(kind: Any) -> None:
    """Both observers have each hook of the protocol, with its very signature, and no other."""
    assert _hooks(Observer) == _hooks(kind)


async def test_a_silent_observer_still_identifies() -> None:
    """Without telemetry a request is current all the same, for its own task and those below."""

    async def below() -> RequestRecord | None:
        return current_request.get()

    async def one(request_id: str) -> RequestRecord:
        request = SilentObserver().request_started(request_id, [TRACEPARENT])
        assert request is await asyncio.create_task(below())
        return request

    first, second = await asyncio.gather(one("a"), one("b"))
    assert (first.request_id, second.request_id, current_request.get()) == ("a", "b", None)
    assert str(first.trace) == TRACEPARENT
    SilentObserver().request_finished(first, RequestEnd(RequestOutcome.OK, 200))
    assert first.finished
    assert not second.finished


def test_a_silent_attempt() -> None:
    """It has no headers, knows its number, and can be finished."""
    token = attempt_number.set(2)
    try:
        attempt = SilentObserver().attempt_started("ratings", "rating")
    finally:
        attempt_number.reset(token)
    assert (attempt.number, attempt.headers) == (2, {})
    SilentObserver().attempt_finished(attempt, Outcome.OK)
    assert attempt.finished


def test_what_is_not_shown() -> None:
    """The repr of an attempt shows neither its headers nor its request."""
    assert "canary" not in repr(Attempt("u", "o", 1, 0.0, {"traceparent": "canary"}))
