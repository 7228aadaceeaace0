"""A Trackops tenant in a box: the case reviews endpoints of its API, over a store.

It exists so that the gateway can be tried and tested without the vendor, with the vendor's own
oddities. Everything the vendor leaves open is a named switch (`simulator_switches`), filters stand
in `simulator_filters`, and the printed form of an entry, which is a guess of the contract, in
`simulator_rows`.
Invariant: nothing is cached between two calls, so a test may edit the store at any time; whatever a
caller sends, the answer is one of the vendor's, never a 500.
"""

import base64
import binascii
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.upstreams.case_reviews.simulator_filters import Question, Refused, whole
from casegraph.upstreams.case_reviews.simulator_rows import print_entry
from casegraph.upstreams.case_reviews.simulator_switches import Credentials, Switches
from casegraph.upstreams.case_reviews.store import Store

__all__ = ["Credentials", "Switches", "create_app"]

BASE = "/api/v1"
_TEXTS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


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
    """Return the simulated tenant as an application serving `/api/v1/case/reviews`.

    `now` only drives throttling. The scope key `casegraph.operation` says which of `reviews`,
    `reviews_sweep` and `reviews_count` a call of the list was.
    """
    tenant = _Tenant(store, switches, credentials, now)
    app = Starlette(
        routes=[
            Route(f"{BASE}/case/reviews", tenant.guarded(tenant.reviews), name="reviews"),
            Route(
                f"{BASE}/case/reviews/{{entry_id}}", tenant.guarded(tenant.review), name="review"
            ),
        ],
        exception_handlers={HTTPException: tenant.not_served},
    )
    app.router.redirect_slashes = False
    return app


Handler = Callable[[Request], Response]


@dataclass
class _Bucket:
    """Calls the tenant still takes before it throttles; refilled with time."""

    interval: timedelta
    burst: int
    full_at: datetime | None = None

    def take(self, at: datetime) -> timedelta:
        """Return how long the caller must wait; zero when the call was let through."""
        full_at = max(self.full_at or at, at) + self.interval
        over = full_at - at - self.interval * self.burst
        if over > timedelta():
            return over
        self.full_at = full_at
        return timedelta()


class _Tenant:
    """Answers calls; holds no data but the throttle."""

    def __init__(
        self,
        store: Store,
        switches: Switches,
        credentials: Credentials,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._switches = switches
        self._credentials = credentials
        self._now = now
        self._bucket = _Bucket(
            timedelta(seconds=switches.throttle_interval_seconds), switches.throttle_burst
        )

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Put the checks that every call passes before `handler`."""

        async def answer(request: Request) -> Response:
            return self._refusal(request) or handler(request)

        return answer

    def reviews(self, request: Request) -> Response:
        """List entries, or count them with `mode=count`."""
        try:
            question = Question.read(request.query_params.multi_items(), self._switches)
        except Refused as refused:
            request.scope["casegraph.operation"] = _operation(request)
            return self._error(400, str(refused))
        request.scope["casegraph.operation"] = _operation(request, counting=question.counting)
        rows = question.select(self._store)
        if question.counting:
            pages = math.ceil(len(rows) / question.per_page)
            return _json({"record_count": len(rows), "page_count": pages})
        rows.sort(key=itemgetter("id"), reverse=question.descending)
        start = (question.page - 1) * question.per_page
        page = rows[start : start + question.per_page]
        return _json([print_entry(row, self._store, self._switches) for row in page])

    def review(self, request: Request) -> Response:
        """Return one entry."""
        entry_id = whole(request.path_params["entry_id"])
        row = None if entry_id is None else self._store.entries.get(entry_id)
        if row is None:
            return self._error(404)
        return _json(print_entry(row, self._store, self._switches))

    async def not_served(self, _request: Request, refused: Exception) -> Response:
        """Answer an unknown path or method in the tenant's error form."""
        status = refused.status_code if isinstance(refused, HTTPException) else 404
        return self._error(status)

    def _refusal(self, request: Request) -> Response | None:
        switches = self._switches
        if switches.refuse_plain_http and request.url.scheme != "https":
            return self._error(403, "HTTPS is required.")
        if not self._knows(request.headers.get("authorization", "")):
            return self._error(401, headers={"WWW-Authenticate": 'Basic realm="API"'})
        if not (switches.api_activated and switches.full_access):
            return self._error(403, "This user has no access to the API.")
        wait = self._bucket.take(self._now())
        if wait > timedelta():
            seconds = str(math.ceil(wait.total_seconds()))
            headers = {"Retry-After": seconds} if switches.throttle_names_wait else {}
            return self._error(switches.throttle_status, headers=headers)
        return None

    def _knows(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        expected = f"{self._credentials.username}/token:{self._credentials.token}"
        return scheme.lower() == "basic" and given == expected.encode()

    def _error(
        self, status: int, text: str = "", headers: dict[str, str] | None = None
    ) -> Response:
        text = text or _TEXTS.get(status, "Error")
        if self._switches.error_body == "empty":
            return Response(status_code=status, headers=headers)
        if self._switches.error_body == "html":
            page = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
            return Response(page, status, headers, media_type="text/html")
        return _json({"error": text}, status, headers)


def _operation(request: Request, *, counting: bool = False) -> str:
    if counting:
        return "reviews_count"
    return "reviews" if "case" in request.query_params else "reviews_sweep"


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
