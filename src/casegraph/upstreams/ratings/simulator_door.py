"""Who may come in to the simulated tenant: logins, sessions, CSRF, OAuth, locks (§2.6).

Basic creates a session each time it comes without one. A session made without `X-CSRF: false` wants
its token back on every write. A public route lets a caller without any credential pass; one with a
wrong credential is refused there too.
Invariant: the door knows no route and no resource; it says who calls, and roles decide later.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from starlette.requests import Request

from casegraph.upstreams.ratings.simulator_answers import Refusal
from casegraph.upstreams.ratings.simulator_switches import Credentials, Switches

STAFF = frozenset({"owner", "admin", "agent"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_MOST_SESSIONS = 10_000
"""Sessions kept; the oldest goes first, so callers that never reuse one cannot fill the memory."""


@dataclass
class Session:
    """A signed-in caller; `csrf_token` is empty when the session is not protected."""

    session_id: str
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; an empty role is nobody. `fresh` is the session this very call created."""

    role: str = ""
    fresh: Session | None = None

    def must_be(self, roles: frozenset[str]) -> None:
        """Raise AUTHENTICATION_FAILED for nobody, PERMISSIONS_DENIED for another role."""
        if not self.role:
            raise Refusal("AUTHENTICATION_FAILED")
        if self.role not in roles:
            raise Refusal("PERMISSIONS_DENIED")


@dataclass
class _Failures:
    count: int = 0
    locked_until: datetime | None = None


class Door:
    """Checks what proves a caller; keeps sessions and failed logins."""

    def __init__(
        self, credentials: Credentials, switches: Switches, now: Callable[[], datetime]
    ) -> None:
        self._credentials = credentials
        self._switches = switches
        self._now = now
        self._failures: dict[str, _Failures] = {}
        self._login_tokens: set[str] = set()
        self.sessions: dict[str, Session] = {}

    def identify(self, request: Request) -> Caller:
        """Return the caller; raises a Refusal for a wrong or missing proof, never for none."""
        session_id = _one_of(request, "x-session-id", "_session_id")
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._basic(request, value.strip(), session_id)
        if scheme and scheme.lower() != "bearer":
            raise Refusal("AUTHENTICATION_FAILED")
        if scheme or "access_token" in request.query_params:
            return self._bearer(request, value.strip() if scheme else None)
        if session_id is not None:
            self._enter(request, session_id)
            return Caller(self._switches.caller_role)
        if "x-token" in request.headers:
            return self._second_step(request)
        return _anonymous(request)

    def _basic(self, request: Request, encoded: str, session_id: str | None) -> Caller:
        email, password = _decoded(encoded)
        failures = self._failures.setdefault(email, _Failures())
        now = self._now()
        if failures.locked_until is not None and now < failures.locked_until:
            wait = ceil((failures.locked_until - now).total_seconds())
            raise Refusal("AUTHENTICATION_LOCKED", retry_after=wait)
        if (email, password) != (self._credentials.email, self._credentials.password):
            self._count(failures, now)
            raise Refusal("AUTHENTICATION_FAILED")
        self._failures.pop(email)
        if session_id is not None:
            self._enter(request, session_id)
            return Caller(self._switches.caller_role)
        if self._switches.login_step:
            token = secrets.token_hex(16)
            self._login_tokens.add(token)
            raise Refusal(self._switches.login_step, auth_token=token)
        return self._open(request)

    def _count(self, failures: _Failures, now: datetime) -> None:
        failures.count += 1
        if self._switches.lock_after_failures and (
            failures.count >= self._switches.lock_after_failures
        ):
            failures.count = 0
            failures.locked_until = now + timedelta(seconds=self._switches.lock_seconds)

    def _bearer(self, request: Request, header: str | None) -> Caller:
        argument = request.query_params.get("access_token")
        if header is not None and argument is not None and header != argument:
            raise Refusal("PARAMETERS_INCONSISTENT", "access_token")
        if (header if header is not None else argument) != self._credentials.bearer:
            raise Refusal("AUTHENTICATION_FAILED")
        wanted = {"conversations", "conversations:write"}
        if request.method in _READS:
            wanted.add("conversations:read")
        if not wanted.intersection(self._switches.bearer_scopes):
            raise Refusal("PERMISSIONS_DENIED")
        return Caller(self._switches.caller_role)

    def _second_step(self, request: Request) -> Caller:
        """Finish a login that stopped with OTP_EXPECTED; its token works once."""
        token = request.headers["x-token"]
        right = request.headers.get("x-otp") == self._switches.one_time_password
        if token not in self._login_tokens or not right:
            raise Refusal("AUTHENTICATION_FAILED")
        self._login_tokens.remove(token)
        return self._open(request)

    def _open(self, request: Request) -> Caller:
        protected = request.headers.get("x-csrf", "").lower() != "false"
        session = Session(
            session_id=secrets.token_hex(16),
            csrf_token=secrets.token_hex(16) if protected else "",
            expires_at=self._end(),
        )
        if len(self.sessions) >= _MOST_SESSIONS:
            del self.sessions[next(iter(self.sessions))]
        self.sessions[session.session_id] = session
        return Caller(self._switches.caller_role, session)

    def _enter(self, request: Request, session_id: str) -> None:
        session = self.sessions.get(session_id)
        if session is None or self._now() >= session.expires_at:
            self.sessions.pop(session_id, None)
            raise Refusal("SESSION_LOADING_FAILED")
        given = request.headers.get("x-csrf-token", "")
        if session.csrf_token and request.method not in _READS and given != session.csrf_token:
            raise Refusal("CSRF_FAILED")
        session.expires_at = self._end()

    def _end(self) -> datetime:
        return self._now() + timedelta(seconds=self._switches.session_seconds)


def _one_of(request: Request, header: str, argument: str) -> str | None:
    """Return a value that may stand in a header or an argument, but not differ between them."""
    in_header = request.headers.get(header)
    in_query = request.query_params.get(argument)
    if in_header is not None and in_query is not None and in_header != in_query:
        raise Refusal("PARAMETERS_INCONSISTENT", argument)
    return in_query if in_header is None else in_header


def _decoded(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal("AUTHENTICATION_FAILED") from None
    email, _, password = text.partition(":")
    return email, password


def _anonymous(request: Request) -> Caller:
    """Return nobody, or the customer that a fingerprint makes of nobody."""
    fingerprint = request.headers.get("x-fingerprint-id")
    if fingerprint is None:
        return Caller()
    try:
        UUID(fingerprint)
    except ValueError:
        raise Refusal("AUTHENTICATION_FAILED") from None
    return Caller("customer")


class RateLimit:
    """A token bucket per action: `per_minute` calls at once, refilled evenly; 0 lets all pass."""

    def __init__(self, per_minute: int, now: Callable[[], datetime]) -> None:
        self._per_minute = per_minute
        self._now = now
        self._full_at: dict[str, datetime] = {}

    def take(self, action: str) -> None:
        """Let one call through or raise RATE_LIMIT_REACHED with the wait."""
        if not self._per_minute:
            return
        now = self._now()
        each = timedelta(minutes=1) / self._per_minute
        full_at = max(self._full_at.get(action, now), now) + each
        over = full_at - now - timedelta(minutes=1)
        if over > each / 2:  # half a call of slack, for a divided minute is rounded
            raise Refusal("RATE_LIMIT_REACHED", retry_after=ceil(over.total_seconds()))
        self._full_at[action] = full_at
