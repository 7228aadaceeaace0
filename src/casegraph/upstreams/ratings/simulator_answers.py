"""The simulated tenant's envelope: success and error bodies, headers, conditional requests.

Clients match on `code`, so a code always comes with the one HTTP status of the contract's table
(§2.7). An ETag covers the resource itself, and of a collection only the ids (§2.8): a list whose
score changed still answers 304.
Invariant: the body's `status` equals the HTTP status, except where the switch for the vendor's own
exception says otherwise.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

STATUS_OF = {
    "FIELD_REQUIRED": 400,
    "FIELD_INVALID": 400,
    "ANY_FIELD_REQUIRED": 400,
    "ONE_FIELD_EXPECTED": 400,
    "PARAMETERS_INCONSISTENT": 400,
    "APP_NOT_FOUND": 400,
    "AUTHENTICATION_FAILED": 401,
    "OTP_EXPECTED": 403,
    "CREDENTIAL_EXPIRED": 403,
    "PERMISSIONS_DENIED": 403,
    "CSRF_FAILED": 403,
    "RESOURCE_NOT_FOUND": 404,
    "METHOD_NOT_SUPPORTED": 405,
    "RESOURCE_MODIFIED": 412,
    "LICENSE_EXPIRED": 426,
    "RATE_LIMIT_REACHED": 429,
    "AUTHENTICATION_LOCKED": 429,
    "SESSION_LOADING_FAILED": 454,
}
_HEADERS = {"X-API-Version": "1", "Content-Type": "application/json"}
_MORE_INFO = "https://developer.kayako.com/api/v1/reference/errors/"


class Refusal(Exception):
    """The tenant answers with an error; `code` decides the HTTP status.

    `named` is a bad field (`parameter`) or several (`parameters`).
    """

    def __init__(
        self,
        code: str,
        *named: str,
        retry_after: int | None = None,
        auth_token: str = "",
    ) -> None:
        super().__init__(code)
        self.code = code
        self.named = named
        self.retry_after = retry_after
        self.auth_token = auth_token

    def response(self) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return HTTP status, body and headers."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.code.replace("_", " ").capitalize(),
            "more_info": _MORE_INFO + self.code,
        }
        if len(self.named) == 1:
            error["parameter"] = self.named[0]
        elif self.named:
            error["parameters"] = list(self.named)
        status = STATUS_OF[self.code]
        body: dict[str, Any] = {"status": status, "errors": [error]}
        if self.auth_token:
            body["auth_token"] = self.auth_token
        wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return status, body, wait


@dataclass
class Answer:
    """A success before it is an HTTP response.

    `counts` are the envelope's offset, limit and total_count, as far as the route has them.
    """

    data: Any = None
    resource: str = ""
    status: int = 200
    body_status: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    etag: str = ""
    modified: datetime | None = None

    def body(self) -> dict[str, Any]:
        """Return the envelope; an answer without a resource has neither data nor resource."""
        body: dict[str, Any] = {"status": self.body_status or self.status}
        if self.resource:
            body |= {"data": self.data, "resource": self.resource, **self.counts}
        return body


def encoded(body: object, status: int, headers: Mapping[str, str]) -> Response:
    """Return a JSON response with the headers every answer has."""
    return Response(msgspec.json.encode(body), status, {**_HEADERS, **headers})


def etag_of(value: object) -> str:
    """Return the entity tag of a resource's own values, or of a collection's ids."""
    digest = hashlib.sha256(msgspec.json.encode(value)).hexdigest()
    return f'"{digest[:32]}"'


def cache_headers(answer: Answer) -> dict[str, str]:
    """Return ETag, Last-Modified and Expires as far as the answer has them."""
    headers = {"ETag": answer.etag} if answer.etag else {}
    if answer.modified is not None:
        headers["Last-Modified"] = _http_date(answer.modified)
        headers["Expires"] = _http_date(answer.modified)
    return headers


def is_unchanged(request: Request, answer: Answer) -> bool:
    """Say whether a conditional read is answered with 304; If-None-Match goes first."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return _names(tags, answer.etag)
    since = _moment(request.headers.get("if-modified-since"))
    return since is not None and answer.modified is not None and _whole(answer.modified) <= since


def refuse_if_modified(request: Request, etag: str, modified: datetime) -> None:
    """Raise RESOURCE_MODIFIED when a conditional write names another state than the present one."""
    tags = request.headers.get("if-match")
    if tags is not None and not _names(tags, etag):
        raise Refusal("RESOURCE_MODIFIED")
    since = _moment(request.headers.get("if-unmodified-since"))
    if tags is None and since is not None and _whole(modified) > since:
        raise Refusal("RESOURCE_MODIFIED")


def latest(moments: Iterable[datetime]) -> datetime | None:
    """Return the latest moment, None of none."""
    return max(moments, default=None)


def _names(tags: str, etag: str) -> bool:
    named = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    return bool(etag) and ("*" in named or etag in named)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # that header is ignored, as HTTP wants
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
