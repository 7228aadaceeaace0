"""Everything that can go wrong, as one tree; each leaf is a cause a client can act on.

    CasegraphError                     INTERNAL
    ├── InvalidArgument                INVALID_ARGUMENT
    │   └── InvalidCursor              INVALID_CURSOR
    ├── Ambiguous                      AMBIGUOUS
    ├── LimitExceeded                  LIMIT_EXCEEDED
    ├── PermissionDenied               PERMISSION_DENIED
    ├── SettingsInvalid                (ends the start; never reaches a client)
    └── UpstreamError                  UNAVAILABLE
        ├── UpstreamNotConfigured      UPSTREAM_NOT_CONFIGURED
        ├── UpstreamUnavailable        UNAVAILABLE
        │   ├── CredentialsRefused     UNAVAILABLE
        │   │   └── CredentialsMissing CREDENTIALS_MISSING
        │   ├── CertificateRefused     UNAVAILABLE
        │   └── CircuitOpen            UNAVAILABLE
        ├── DeadlineExceeded           DEADLINE_EXCEEDED
        ├── RateLimited                RATE_LIMITED
        ├── ContractViolation          UPSTREAM_CONTRACT
        ├── UpstreamRejected           INVALID_ARGUMENT
        ├── UpstreamNotFound           NOT_FOUND
        ├── UpstreamConflict           CONFLICT
        └── OutcomeUnknown             OUTCOME_UNKNOWN

Invariant: a message may be read by a client as it stands. It names the upstream and the operation,
never a URL, a header, a body, a credential or the upstream's own text. No words of HTTP or GraphQL.
"""

from collections.abc import Sequence
from typing import ClassVar, TypeVar

E = TypeVar("E", bound=BaseException)


class CasegraphError(Exception):
    """Base of every failure this package raises on purpose."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


class InvalidArgument(CasegraphError):
    """The caller asked with a value that can never be right."""

    code = "INVALID_ARGUMENT"


class InvalidCursor(InvalidArgument):
    """The cursor is damaged, or was made for another list."""

    code = "INVALID_CURSOR"

    def __init__(self) -> None:
        super().__init__("This cursor is damaged or belongs to another list; start without it.")


class Ambiguous(CasegraphError):
    """More than one answer fits and nothing says which; the candidates are named."""

    code = "AMBIGUOUS"

    def __init__(self, what: str, candidates: Sequence[str]) -> None:
        self.candidates = tuple(candidates)
        super().__init__(f"{what} is ambiguous; candidates: {', '.join(self.candidates)}.")


class LimitExceeded(CasegraphError):
    """A bound of this gateway was met before the answer was certain."""

    code = "LIMIT_EXCEEDED"


class PermissionDenied(CasegraphError):
    """The caller is known and may not ask for this; names the scope and the field."""

    code = "PERMISSION_DENIED"

    def __init__(self, scope: str, place: str) -> None:
        self.scope = scope
        super().__init__(f"{place} needs the scope {scope}, which this caller does not have.")


class SettingsInvalid(CasegraphError):
    """The configuration cannot be started with; names the setting, never its secret."""


class UpstreamError(CasegraphError):
    """A call to one upstream did not bring what was asked.

    `sent` is False when the upstream cannot have seen the call, so that repeating it is safe;
    `retry_after_ms` is the wait after which asking again may help, where that is known.
    """

    code = "UNAVAILABLE"

    def __init__(
        self,
        upstream: str,
        operation: str,
        what: str,
        retry_after_ms: int | None = None,
        *,
        sent: bool = True,
    ) -> None:
        self.upstream = upstream
        self.operation = operation
        self.what = what
        self.retry_after_ms = retry_after_ms
        self.sent = sent
        super().__init__(f"{upstream}: {what} ({operation}).")


class UpstreamNotConfigured(UpstreamError):
    """No base URL is set for this upstream, so it cannot be asked."""

    code = "UPSTREAM_NOT_CONFIGURED"

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream, "setup", "this gateway is not connected to this upstream")


class UpstreamUnavailable(UpstreamError):
    """The upstream could not be reached or failed on its own side."""

    retryable = True


class CredentialsRefused(UpstreamUnavailable):
    """The upstream does not accept the credentials it was asked with; waiting does not help."""

    retryable = False


class CredentialsMissing(CredentialsRefused):
    """The upstream is asked as the caller, who brought no credential for it; nothing was sent."""

    code = "CREDENTIALS_MISSING"

    def __init__(self, upstream: str, operation: str) -> None:
        what = "it is asked as the caller, who brought no credential for it"
        super().__init__(upstream, operation, what, sent=False)


class CertificateRefused(UpstreamUnavailable):
    """The upstream cannot prove who it is; nothing was sent, and trying again does not help."""

    retryable = False

    def __init__(self, upstream: str, operation: str) -> None:
        super().__init__(upstream, operation, "its certificate cannot be trusted", sent=False)


class CircuitOpen(UpstreamUnavailable):
    """The upstream has kept failing, so it is left alone for a while; nothing was sent."""

    def __init__(self, upstream: str, operation: str, retry_after_ms: int) -> None:
        what = "left alone for a while after repeated failures"
        super().__init__(upstream, operation, what, retry_after_ms, sent=False)


class DeadlineExceeded(UpstreamError):
    """The upstream did not answer in the time there was."""

    code = "DEADLINE_EXCEEDED"
    retryable = True


class RateLimited(UpstreamError):
    """The upstream asks for a pause."""

    code = "RATE_LIMITED"
    retryable = True


class ContractViolation(UpstreamError):
    """The upstream's answer is not what its contract says; `path` leads to the spot."""

    code = "UPSTREAM_CONTRACT"

    def __init__(self, upstream: str, operation: str, what: str, path: str = "$") -> None:
        self.path = path
        super().__init__(upstream, operation, f"{what} at {path}")


class UpstreamRejected(UpstreamError):
    """The upstream calls the request wrong."""

    code = "INVALID_ARGUMENT"


class UpstreamNotFound(UpstreamError):
    """The upstream knows nothing under this key."""

    code = "NOT_FOUND"


class UpstreamConflict(UpstreamError):
    """The upstream refuses because its state has moved on."""

    code = "CONFLICT"


class OutcomeUnknown(UpstreamError):
    """A change was sent and no answer says whether it took effect."""

    code = "OUTCOME_UNKNOWN"


def again(error: E) -> E:
    """Return an error that is to be raised and may stand in a record, which outlives the request.

    Each time it is raised its traceback grows by frames, and they hold all that was being done.
    """
    return error.with_traceback(None) if isinstance(error, ContractViolation) else error
