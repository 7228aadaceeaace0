"""Who may call the simulated Action Management API, and how often.

Tokens are opaque, live as long as the credentials say by the injected clock, and carry the scopes
that were asked for. The bucket is off unless a switch gives it a rate.
Invariant: time comes from the injected clock only, so a test can let a token run out at will.
"""

import math
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from casegraph.upstreams.action_management.simulator_query import RefusalError
from casegraph.upstreams.action_management.simulator_switches import (
    Credentials,
    RetryAfter,
    Switches,
)

_encode = msgspec.json.Encoder().encode


def answer(content: object, status: int = 200) -> Response:
    """Answer with `content` as JSON."""
    return Response(_encode(content), status, media_type="application/json")


class Tokens:
    """Issues opaque bearer tokens and knows which scopes a live one has."""

    def __init__(
        self, credentials: Credentials, switches: Switches, now: Callable[[], datetime]
    ) -> None:
        self._credentials = credentials
        self._switches = switches
        self._now = now
        self._issued: dict[str, tuple[datetime, frozenset[str]]] = {}

    async def issue(self, request: Request) -> Response:
        """Answer POST /identity/connect/token."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return answer({"error": "invalid_request"}, 400)
        text = (await request.body()).decode("utf-8", "replace")
        form = {name: values[0] for name, values in parse_qs(text).items()}
        error = self._error(form)
        if error is not None:
            return answer({"error": error}, 400)
        now = self._now()
        self._issued = {key: each for key, each in self._issued.items() if each[0] > now}
        seconds = self._credentials.token_seconds
        token = secrets.token_hex(32)
        self._issued[token] = (now + timedelta(seconds=seconds), frozenset(form["scope"].split()))
        return answer({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})

    def _error(self, form: dict[str, str]) -> str | None:
        if "grant_type" not in form:
            return "invalid_request"
        if form["grant_type"] != "api-user":
            return "unsupported_grant_type"
        known = (self._credentials.client_id, self._credentials.client_secret)
        if (form.get("client_id"), form.get("client_secret")) != known:
            return self._switches.wrong_secret_error
        asked = set(form.get("scope", "").split())
        if not asked or not asked <= set(self._credentials.scope.split()):
            return "invalid_scope"
        return None

    def scopes(self, request: Request) -> frozenset[str] | None:
        """Tell the scopes of the request's live bearer token; None without one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        issued = self._issued.get(token.strip()) if scheme.lower() == "bearer" else None
        if issued is None or issued[0] <= self._now():
            return None
        return issued[1]


class Bucket:
    """A token bucket over the whole API."""

    def __init__(self, switches: Switches, now: Callable[[], datetime]) -> None:
        self._switches = switches
        self._now = now
        self._level = float(switches.burst)
        self._at: datetime | None = None

    def take(self) -> None:
        """Spend one call; a 429 with Retry-After when none is left."""
        rate = self._switches.requests_per_second
        if rate <= 0:
            return
        now = self._now()
        gone = (now - (self._at or now)).total_seconds()
        self._at = now
        self._level = min(self._switches.burst, self._level + max(gone, 0.0) * rate)
        if self._level < 1:
            wait = math.ceil((1 - self._level) / rate)
            later = now.astimezone(UTC) + timedelta(seconds=wait)
            dated = self._switches.retry_after is RetryAfter.DATE
            after = format_datetime(later, usegmt=True) if dated else str(wait)
            raise RefusalError(429, "Too many requests.", {"Retry-After": after})
        self._level -= 1
