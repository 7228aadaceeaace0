"""What is told of a call: each attempt on the wire once, and each call that was not made."""

import asyncio
from typing import Any

import pytest

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.telemetry.observer import Attempt, SilentObserver, attempt_number
from casegraph.transport.observed import ObservedAttempts, ObservedCalls
from support.clock import Clock
from support.scripted import Script, a_call, hang, reply

WHO = ("somebody", "thing")


class Ear(SilentObserver):
    """Notes what it is told."""

    def __init__(self, headers: dict[str, str] | None = None) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self._headers = headers or {}

    def attempt_started(self, upstream: str, operation: str) -> Attempt:
        """Give headers to send."""
        return Attempt(upstream, operation, attempt_number.get(), 0.0, self._headers)

    def attempt_finished(self, attempt: Attempt, outcome: Any) -> None:
        """Note an end."""
        self.heard.append((attempt.operation, attempt.number, outcome.value))

    def call_refused(self, upstream: str, operation: str, refusal: Any) -> None:
        """Note a refusal."""
        self.heard.append((upstream, operation, refusal.value, attempt_number.get()))

    def budget_changed(self, upstream: str, left: float) -> None:
        """Note a budget."""
        self.heard.append((upstream, left))


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (reply(200), "ok"),
        (reply(404), "not_found"),
        (reply(408), "timed_out"),
        (reply(429), "rate_limited"),
        (reply(503), "server_error"),
        (reply(302), "contract"),
        (DeadlineExceeded(*WHO, "late"), "timed_out"),
        (UpstreamUnavailable(*WHO, "down"), "unreachable"),
        (ContractViolation(*WHO, "too large"), "contract"),
        (ValueError("a bug"), "bug"),
    ],
)
async def test_an_attempt_is_told_once_whichever_way_it_ends(outcome: Any, told: str) -> None:
    """An answer or a failure: one outcome, under the attempt's number, and the call as it was."""
    ear, clock = Ear(), Clock()
    result = (
        await asyncio.gather(
            ObservedAttempts(Script(outcome), ear, clock)(a_call(attempt=2)),
            return_exceptions=True,
        )
    )[0]

    assert result is outcome
    assert ear.heard == [("thing", 2, told)]


@pytest.mark.parametrize(("seconds", "told"), [(0.5, "cancelled"), (1.0, "timed_out")])
async def test_a_leaving_client_and_a_deadline_differ(seconds: float, told: str) -> None:
    """Both cancel the attempt; what came at the deadline is the upstream's slowness."""
    ear, clock = Ear(), Clock()
    send = ObservedAttempts(Script(hang), ear, clock)
    task = asyncio.create_task(send(a_call(deadline=clock() + 1.0)))
    await asyncio.sleep(0)
    clock.now += seconds
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert ear.heard == [("thing", 1, told)]


async def test_the_trace_goes_out_with_the_attempt() -> None:
    """Headers of the observer are sent beside the call's own."""
    inside = Script()
    send = ObservedAttempts(inside, Ear({"traceparent": "00-a-b-01"}), Clock())
    await send(a_call(headers={"accept": "application/json"}))

    assert [call.headers for call in inside.calls] == [
        {"accept": "application/json", "traceparent": "00-a-b-01"}
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RateLimited(*WHO, "its pace leaves no place in time", sent=False), "pace"),
        (CircuitOpen(*WHO, 1000), "breaker"),
        (DeadlineExceeded(*WHO, "no time was left to ask", sent=False), "late"),
        (CredentialsRefused(*WHO, "locked", sent=False), "locked"),
        (RateLimited(*WHO, "a pause is asked for"), None),
        (DeadlineExceeded(*WHO, "no answer in time"), None),
        (CredentialsRefused(*WHO, "refused"), None),
        (UpstreamUnavailable(*WHO, "refused", sent=False), None),
        (ContractViolation(*WHO, "too large"), None),
    ],
)
async def test_a_refusal_is_told_by_the_layer_that_refused(
    error: UpstreamError, told: str | None
) -> None:
    """What was on the wire, or met no connection, is an attempt and no refusal."""
    ear = Ear()
    attempt_number.set(3)
    send = ObservedCalls(Script(error), "somebody", ear, lambda: 7.5)
    with pytest.raises(type(error)):
        await send(a_call())

    refused = [] if told is None else [("somebody", "thing", told, 1)]
    assert ear.heard == [*refused, ("somebody", 7.5)]


async def test_a_good_call_tells_what_is_left_of_the_budget() -> None:
    """And nothing else."""
    ear = Ear()
    send = ObservedCalls(Script(), "somebody", ear, lambda: 20.0)

    assert await send(a_call()) == reply(200)
    assert ear.heard == [("somebody", 20.0)]
