"""A Kayako tenant in a box: satisfaction ratings and case summaries of its API v1, over a store.

It exists so that the gateway can be tried and tested without the vendor, with the vendor's own
oddities. This module joins the parts: `simulator_door` says who calls, `simulator_endpoints` what
a route does, `simulator_shape` how the answer is bent, `simulator_answers` how it is wrapped, and
`simulator_switches` names what the contract leaves open.
Invariant: nothing of the store is cached between two calls, so a test may edit it at any time;
whatever a caller sends, the answer is one of the vendor's, never a 500.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.status import HTTP_405_METHOD_NOT_ALLOWED

from casegraph.upstreams.ratings.simulator_answers import (
    Answer,
    Refusal,
    cache_headers,
    encoded,
    is_unchanged,
)
from casegraph.upstreams.ratings.simulator_door import Caller, Door, RateLimit
from casegraph.upstreams.ratings.simulator_endpoints import Ask, Endpoints
from casegraph.upstreams.ratings.simulator_fields import accepts_json, body_fields
from casegraph.upstreams.ratings.simulator_resources import Printer
from casegraph.upstreams.ratings.simulator_shape import Shape
from casegraph.upstreams.ratings.simulator_switches import Credentials, Switches
from casegraph.upstreams.ratings.store import Store

__all__ = ["Credentials", "Switches", "create_app"]

BASE = "/api/v1"
Handler = Callable[[Ask], Answer]


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def create_app(
    store: Store,
    switches: Switches = Switches(),  # noqa: B008 - frozen, so one shared default is safe
    *,
    credentials: Credentials = Credentials(),  # noqa: B008 - the same
    now: Callable[[], datetime] = utc_now,
) -> Starlette:
    """Return the simulated tenant as an application serving `/api/v1`.

    `now` drives sessions, locks, the rate limit and the times of new ratings. The dictionary
    `app.state.sessions` holds the open sessions by id; emptying it is how a test ends them all.
    """
    tenant = _Tenant(store, switches, Door(credentials, switches, now), now)
    app = Starlette(
        routes=_routes(tenant),
        exception_handlers={HTTPException: tenant.not_served, ClientDisconnect: _gone},
    )
    app.router.redirect_slashes = False
    app.state.sessions = tenant.door.sessions
    return app


class _Tenant:
    """Leads a call through the checks to its handler and wraps what comes back."""

    def __init__(
        self, store: Store, switches: Switches, door: Door, now: Callable[[], datetime]
    ) -> None:
        self.door = door
        self.endpoints = Endpoints(store, switches)
        self._store = store
        self._switches = switches
        self._now = now
        self._rate_limit = RateLimit(switches.rate_limit_per_minute, now)

    def guarded(self, name: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Put the checks that every call passes before `handler`."""

        async def answer(request: Request) -> Response:
            shape = Shape()
            try:
                shape = Shape.read(request)
                self._admit(request, name)
                caller = self.door.identify(request)
                found = handler(await self._ask(request, caller, shape))
            except Refusal as refusal:
                status, body, headers = refusal.response()
                return encoded(shape.finish(body), status, headers)
            return self._response(request, found, shape, caller)

        async def acceptable(request: Request) -> Response:
            if not accepts_json(request.headers.get("accept")):
                return encoded({"status": 406, "errors": []}, 406, {})  # §2.7: code not found
            return await answer(request)

        return acceptable

    async def not_served(self, _request: Request, refused: Exception) -> Response:
        """Answer a wrong method, or an unknown address: 400, not 404 (§2.7)."""
        status = refused.status_code if isinstance(refused, HTTPException) else None
        code = "METHOD_NOT_SUPPORTED" if status == HTTP_405_METHOD_NOT_ALLOWED else "APP_NOT_FOUND"
        status, body, headers = Refusal(code).response()
        return encoded(body, status, headers)

    def _admit(self, request: Request, name: str) -> None:
        key = request.path_params.get("rating_key", "")
        if key == "trigger":  # the one word in that place that is no hash; it takes POST only
            raise Refusal("METHOD_NOT_SUPPORTED")
        if name == "rating" and not key.isdigit():
            name = "rating_by_hash"
            request.scope["casegraph.operation"] = name
        if self._switches.license_expired:
            raise Refusal("LICENSE_EXPIRED")
        self._rate_limit.take(name)

    async def _ask(self, request: Request, caller: Caller, shape: Shape) -> Ask:
        # Not base_url, which leaves out the prefix this application may be mounted under.
        url, prefix = request.url, request.scope.get("root_path", "")
        base = f"{url.scheme}://{url.netloc}{prefix}{BASE}"
        printer = Printer(self._store, self._switches, base)
        return Ask(request, caller, shape, printer, await body_fields(request), self._now())

    def _response(self, request: Request, found: Answer, shape: Shape, caller: Caller) -> Response:
        if not self._switches.conditional_requests:
            found.etag, found.modified = "", None
        headers = cache_headers(found)
        body: dict[str, Any] = found.body()
        if caller.fresh is not None:
            body["session_id"] = caller.fresh.session_id
            if caller.fresh.csrf_token:
                headers["X-CSRF-Token"] = caller.fresh.csrf_token
        if request.method in {"GET", "HEAD"} and is_unchanged(request, found):
            return Response(status_code=304, headers=headers)
        if self._switches.notices_on_success:
            body["notifications"] = [{"type": "INFO", "message": "Sandbox", "sticky": False}]
            body["logs"] = [{"level": "NOTICE", "message": "Sandbox"}]
        return encoded(shape.finish(body), found.status, headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    """End a call whose caller left before its body was complete; nobody reads this."""
    return Response(status_code=400)


def _routes(tenant: _Tenant) -> list[Route]:
    """Return every route twice, with and without `.json`; the longer form must come first."""
    own = tenant.endpoints
    case, conversation = "/cases/{case_id}", "/conversations/{case_id}"
    table: list[tuple[str, str, str, Handler]] = [
        ("GET", "/cases/ratings/recent", "recent_ratings", own.recent_ratings),
        ("GET", "/cases", "case_summaries", own.case_summaries),
        ("GET", case, "case_summary", own.case_summary),
        ("GET", f"{case}/ratings", "ratings", own.ratings),
        ("POST", f"{case}/ratings", "rating_add", own.rating_add),
        ("POST", f"{case}/ratings/trigger", "rating_trigger", own.rating_trigger),
        ("GET", f"{case}/ratings/{{rating_key}}", "rating", own.rating),
        ("PUT", f"{case}/ratings/{{rating_key}}", "rating_update", own.rating_update),
        ("GET", f"{conversation}/ratings", "conversation_ratings", own.conversation_ratings),
        ("POST", f"{conversation}/ratings", "conversation_rating_add", own.conversation_rating_add),
        (
            "PUT",
            f"{conversation}/ratings/{{rating_key}}",
            "conversation_rating_update",
            own.conversation_rating_update,
        ),
    ]
    return [
        Route(BASE + path + suffix, tenant.guarded(name, handler), methods=[method], name=name)
        for suffix in (".json", "")
        for method, path, name, handler in table
    ]
