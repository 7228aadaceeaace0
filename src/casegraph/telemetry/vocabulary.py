"""The closed sets of words in which telemetry speaks: outcomes, reasons, states, kinds.

A label taken from the outside makes a new time series per value, and may carry a secret. A member
of these sets can do neither.
Invariant: members are strings with the hash of a string, so one costs no more as a key than its
value. Of this package only `errors` is known here.
"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    InvalidArgument,
    OutcomeUnknown,
    RateLimited,
    UpstreamConflict,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)


class Outcome(StrEnum):
    """How one attempt on the wire ended."""

    OK = "ok"
    NOT_FOUND = "not_found"
    """An answer, not a failure: the upstream knows nothing under this key."""
    REJECTED = "rejected"
    CREDENTIALS = "credentials"
    RATE_LIMITED = "rate_limited"
    TIMED_OUT = "timed_out"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    CONTRACT = "contract"
    UNKNOWN_EFFECT = "unknown_effect"
    NOT_SENT = "not_sent"
    """The call could not be written as a request; nothing left."""
    CANCELLED = "cancelled"
    """Nobody waited any longer, though there was time: the client left."""
    BUG = "bug"
    """Something was raised that is no cause of ours."""

    def is_failure(self) -> bool:
        """Return whether somebody should read about it."""
        return self not in _NO_FAILURES


_NO_FAILURES = frozenset({Outcome.OK, Outcome.NOT_FOUND, Outcome.CANCELLED})


class Comparison(StrEnum):
    """How the answers of the two engines to one query compare."""

    SAME = "same"
    DIFFERENT = "different"
    FAILED = "failed"
    """The second run ended in a bug."""


class Refusal(StrEnum):
    """Why a call was not made at all."""

    PACE = "pace"
    """The rate gate's wait was longer than the time left, or the upstream asked for a pause."""
    LOCKED = "locked"
    """The upstream has locked these credentials or refused them; asking again would prolong it."""
    BREAKER = "breaker"
    FULL = "full"
    """As many calls as may wait for a place in the bulkhead did so already."""
    LATE = "late"
    """Too little time left to start."""
    BUDGET = "budget"
    """A retry that the retry budget did not allow."""


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    PROBING = "probing"
    OPEN = "open"


class OperationType(StrEnum):
    """What kind of GraphQL operation ran; unknown until the document is read."""

    QUERY = "query"
    MUTATION = "mutation"
    UNKNOWN = "unknown"


class RequestOutcome(StrEnum):
    """How one GraphQL request ended."""

    OK = "ok"
    PARTIAL = "partial"
    """Data and errors."""
    REFUSED = "refused"
    """Turned away before execution; nothing was fetched."""
    CLIENT_GONE = "client_gone"
    FAILED = "failed"
    """Executed, and nothing came of it; or a fault of the gateway's own."""


_BY_STATUS = {
    304: Outcome.OK,
    401: Outcome.CREDENTIALS,
    403: Outcome.CREDENTIALS,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMED_OUT,
    426: Outcome.CREDENTIALS,
    429: Outcome.RATE_LIMITED,
    454: Outcome.CREDENTIALS,
}

_BY_ERROR: Sequence[tuple[type[BaseException], Outcome]] = (
    (asyncio.CancelledError, Outcome.CANCELLED),
    (DeadlineExceeded, Outcome.TIMED_OUT),
    (TimeoutError, Outcome.TIMED_OUT),
    (RateLimited, Outcome.RATE_LIMITED),
    (CredentialsRefused, Outcome.CREDENTIALS),  # before its base class
    (UpstreamUnavailable, Outcome.UNREACHABLE),
    (ContractViolation, Outcome.CONTRACT),
    (UpstreamNotFound, Outcome.NOT_FOUND),
    (UpstreamRejected, Outcome.REJECTED),
    (UpstreamConflict, Outcome.REJECTED),
    (OutcomeUnknown, Outcome.UNKNOWN_EFFECT),
    (InvalidArgument, Outcome.NOT_SENT),
)


def outcome_of_status(status: int) -> Outcome:
    """Return what a complete answer's status stands for."""
    if 200 <= status < 300:  # noqa: PLR2004  the range is the definition of success
        return Outcome.OK
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004  the upstream's own failures
        return Outcome.SERVER_ERROR
    return Outcome.REJECTED if status >= 400 else Outcome.CONTRACT  # noqa: PLR2004  4xx


def outcome_of_error(error: BaseException) -> Outcome:
    """Return how an attempt ended that raised; what is no cause of ours is a bug."""
    for kind, outcome in _BY_ERROR:
        if isinstance(error, kind):
            return outcome
    return Outcome.BUG
