"""How a write ended, as values: a payload is made of them, and they are kept for who repeats it.

Nothing a write meets is raised to its client: one operation may hold several mutations, and a
failure of one must not hide the outcome of another.
Invariant: nothing here holds a secret or an upstream's own text; every value can be kept as JSON.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import msgspec

from casegraph.errors import (
    CasegraphError,
    InvalidArgument,
    UpstreamConflict,
    UpstreamError,
    UpstreamNotFound,
    UpstreamRejected,
)


class WriteOutcome(Enum):
    """What has become of a change."""

    APPLIED = "APPLIED"
    UNCHANGED = "UNCHANGED"
    PLANNED = "PLANNED"
    REFUSED = "REFUSED"
    CONFLICT = "CONFLICT"
    NOT_APPLIED = "NOT_APPLIED"
    UNKNOWN = "UNKNOWN"


class ErrorCode(Enum):
    """What a client can act on."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    AMBIGUOUS = "AMBIGUOUS"
    REJECTED = "REJECTED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    IDEMPOTENCY_UNAVAILABLE = "IDEMPOTENCY_UNAVAILABLE"
    IN_PROGRESS = "IN_PROGRESS"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    NOT_APPLIED = "NOT_APPLIED"
    LEASE_LOST = "LEASE_LOST"
    UNAVAILABLE = "UNAVAILABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    UPSTREAM_CONTRACT = "UPSTREAM_CONTRACT"
    UPSTREAM_NOT_CONFIGURED = "UPSTREAM_NOT_CONFIGURED"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"


class WriteError(msgspec.Struct, frozen=True):
    """One reason why a write did not end as asked; `path` leads to the input's field."""

    code: ErrorCode
    message: str
    path: tuple[str, ...] = ()
    upstream: str | None = None
    retryable: bool = False
    retry_after_ms: int | None = None


class FieldChange(msgspec.Struct, frozen=True):
    """A field before and after a change; values are plain JSON."""

    field: str
    before: Any = None
    after: Any = None


class FieldDifference(msgspec.Struct, frozen=True):
    """A field that is not as the writer had seen or left it; values are plain JSON."""

    field: str
    expected: Any = None
    actual: Any = None
    requested: Any = None
    is_expected_known: bool = True
    is_requested: bool = False


class Conflict(msgspec.Struct, frozen=True):
    """Somebody else's change that a write has met."""

    message: str
    fields: tuple[FieldDifference, ...] = ()
    is_gone: bool = False
    """Whether the object does not exist any more."""
    current_version: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How one mutation ended; the object itself is no part of it, for it lives on."""

    outcome: WriteOutcome
    errors: tuple[WriteError, ...] = ()
    conflict: Conflict | None = None
    changes: tuple[FieldChange, ...] = ()
    object_key: tuple[str, ...] = ()
    """(hub, case) of a case, (case, rating) of a rating; empty where there is none."""
    closes_case: bool = False
    reopens_case: bool = False
    is_repeated: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether a repeated mutation must get this very ending: something was, or may be, written.

        What certainly changed nothing for a passing reason may be tried again under the same id.
        """
        return self.outcome not in _FREE


_FREE = frozenset({WriteOutcome.REFUSED, WriteOutcome.NOT_APPLIED, WriteOutcome.PLANNED})


def refused(errors: Iterable[WriteError], object_key: tuple[str, ...] = ()) -> Ending:
    """Return the ending of a mutation that was wrong before anything was written."""
    return Ending(outcome=WriteOutcome.REFUSED, errors=tuple(errors), object_key=object_key)


def invalid(message: str, *path: str) -> WriteError:
    """Return the error of one input field."""
    return WriteError(ErrorCode.INVALID_ARGUMENT, message, ("input", *path))


def not_found(message: str, *path: str) -> WriteError:
    """Return the error of an input field that names nothing."""
    return WriteError(ErrorCode.NOT_FOUND, message, ("input", *path))


def failed(error: CasegraphError) -> WriteOutcome:
    """Return the outcome of a write that certainly was not made: wrong, or only not possible."""
    wrong = isinstance(error, UpstreamRejected | UpstreamNotFound | InvalidArgument)
    return WriteOutcome.REFUSED if wrong else WriteOutcome.NOT_APPLIED


def told(error: CasegraphError, *path: str) -> WriteError:
    """Return a cause as an error of a payload."""
    where = ("input", *path) if path else ()
    if not isinstance(error, UpstreamError):
        code = ErrorCode.INVALID_ARGUMENT if isinstance(error, InvalidArgument) else _code(error)
        return WriteError(code, str(error), where, retryable=error.retryable)
    return WriteError(
        _code(error),
        str(error),
        where,
        upstream=error.upstream,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
    )


def _code(error: CasegraphError) -> ErrorCode:
    match error:
        case UpstreamRejected():
            return ErrorCode.REJECTED
        case UpstreamNotFound():
            return ErrorCode.NOT_FOUND
        case UpstreamConflict():
            return ErrorCode.CONFLICT
        case _:
            try:
                return ErrorCode(error.code)
            except ValueError:
                return ErrorCode.UNAVAILABLE
