"""The seam between the gateway's work and what is told of it.

The endpoint, the clients and every layer of the transport chain say what happened through this
protocol and know nothing of logs, metrics or traces; `reporter` is the one class that does.
Who asks travels beside the work in a context variable, so that no layer has to hand it down. A
look-up shared by several requests runs in the context of the one that began it, and counts there.
Invariant: no hook raises, waits or keeps what it was given beyond its values.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from casegraph.telemetry.traceparent import TraceContext
from casegraph.telemetry.traceparent import parse as parse_traceparent
from casegraph.telemetry.vocabulary import (
    BreakerState,
    OperationType,
    Outcome,
    Refusal,
    RequestOutcome,
)

NO_HEADERS: Mapping[str, str] = {}


@dataclass(slots=True, eq=False)
class RequestRecord:
    """One GraphQL request while it runs; the engine fills in what the document says."""

    request_id: str
    started: float
    trace: TraceContext | None = None
    """What upstream calls name as their parent while no span of theirs does."""
    operation_name: str | None = None
    operation_type: OperationType = OperationType.UNKNOWN
    upstream_calls: int = 0
    """Attempts on the wire so far, retries included."""
    span: Any = field(default=None, repr=False)
    """The tracing library's; nobody else touches it."""
    finished: bool = False


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt on the wire while it runs; `headers` are to be sent with it."""

    upstream: str
    operation: str
    number: int
    started: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request: RequestRecord | None = field(default=None, repr=False)
    span: Any = field(default=None, repr=False)
    finished: bool = False


class RequestEnd(Struct, frozen=True):
    """How a request ended: `status` is HTTP's, 499 for a client that left."""

    outcome: RequestOutcome
    status: int
    errors: Mapping[str, int] = {}
    """How often each error code is in the answer."""

    @classmethod
    def of_answer(cls, answer: Mapping[str, Any], status: int) -> "RequestEnd":
        """Return how the request of this GraphQL answer ended."""
        errors = answer.get("errors") or ()
        if status >= 500:  # noqa: PLR2004  the gateway's own failure
            outcome = RequestOutcome.FAILED
        elif "data" not in answer:
            outcome = RequestOutcome.REFUSED
        elif answer["data"] is None and errors:
            outcome = RequestOutcome.FAILED
        else:
            outcome = RequestOutcome.PARTIAL if errors else RequestOutcome.OK
        if not errors:
            return cls(outcome, status)
        codes = [str(error.get("extensions", {}).get("code", "OTHER")) for error in errors]
        return cls(outcome, status, dict(Counter(codes)))


current_request: ContextVar[RequestRecord | None] = ContextVar("current_request", default=None)
"""The request on whose behalf this task runs; None for the gateway's own errands."""

attempt_number: ContextVar[int] = ContextVar("attempt_number", default=1)
"""Which attempt of a call this is; set before each goes on the wire, the first included."""


class Observer(Protocol):
    """What the working parts tell; times are seconds, `upstream` and `operation` declared names."""

    def request_started(self, request_id: str, traceparents: Sequence[str] = ()) -> RequestRecord:
        """Open a request and make it the current one; `traceparents` are all such headers."""

    def request_finished(self, request: RequestRecord, end: RequestEnd) -> None:
        """Close a request; a second time does nothing."""

    def attempt_started(self, upstream: str, operation: str) -> Attempt:
        """Open an attempt on the wire; its `headers` must be sent with it."""

    def attempt_finished(self, attempt: Attempt, outcome: Outcome) -> None:
        """Close an attempt; a second time does nothing."""

    def call_refused(self, upstream: str, operation: str, refusal: Refusal) -> None:
        """Tell of a call that was not made."""

    def answer_unusable(self, upstream: str, operation: str) -> None:
        """Tell of an answer that came well and broke its contract, as a whole or in some field."""

    def retry_scheduled(self, upstream: str, operation: str, wait_seconds: float) -> None:
        """Tell that another attempt has been decided on, after a wait."""

    def budget_changed(self, upstream: str, left: float) -> None:
        """Tell how many retries the budget allows just now."""

    def gate_waited(self, upstream: str, seconds: float) -> None:
        """Tell how long a call that may go now has waited for its turn, zero included."""

    def breaker_changed(self, upstream: str, state: BreakerState) -> None:
        """Tell a breaker's new state; also once at the start."""


class SilentObserver:
    """Tells nobody anything; for tests and for tools that make single calls."""

    def request_started(self, request_id: str, traceparents: Sequence[str] = ()) -> RequestRecord:
        """Return a record that is the current one, with a valid trace passed through."""
        request = RequestRecord(request_id, 0.0, parse_traceparent(traceparents))
        current_request.set(request)
        return request

    def request_finished(self, request: RequestRecord, end: RequestEnd) -> None:  # noqa: ARG002
        """Mark the record."""
        request.finished = True

    def attempt_started(self, upstream: str, operation: str) -> Attempt:
        """Return an attempt without headers."""
        return Attempt(upstream, operation, attempt_number.get(), 0.0, NO_HEADERS)

    def attempt_finished(self, attempt: Attempt, outcome: Outcome) -> None:  # noqa: ARG002
        """Mark the attempt."""
        attempt.finished = True

    def call_refused(self, upstream: str, operation: str, refusal: Refusal) -> None:
        """Do nothing."""

    def answer_unusable(self, upstream: str, operation: str) -> None:
        """Do nothing."""

    def retry_scheduled(self, upstream: str, operation: str, wait_seconds: float) -> None:
        """Do nothing."""

    def budget_changed(self, upstream: str, left: float) -> None:
        """Do nothing."""

    def gate_waited(self, upstream: str, seconds: float) -> None:
        """Do nothing."""

    def breaker_changed(self, upstream: str, state: BreakerState) -> None:
        """Do nothing."""
