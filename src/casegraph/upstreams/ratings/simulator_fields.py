"""What a caller sends to the simulated tenant: arguments in the query, parameters in the body.

The vendor keeps the two apart (§2.1), so a hash in the query string authorises nothing. Bodies are
form-urlencoded or JSON; a multipart body is only for uploads, so here it holds no parameter.
Invariant: a value that cannot be read is a FIELD_INVALID that names the field, never a fault.
"""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from casegraph.upstreams.ratings.simulator_answers import Refusal

_LONGEST = 18
"""Digits of the longest number read: any such number fits a signed 64-bit column."""


def whole(text: str) -> int | None:
    """Return the number that the digits spell, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


def number(request: Request, name: str, default: int) -> int:
    """Return a whole-number argument; raises FIELD_INVALID."""
    text = request.query_params.get(name)
    value = default if text is None else whole(text)
    if value is None:
        raise Refusal("FIELD_INVALID", name)
    return value


def limited(request: Request, default: int, maximum: int) -> int:
    """Return the effective `limit`: at least one, cut to the maximum without complaint."""
    value = number(request, "limit", default)
    if value == 0:
        raise Refusal("FIELD_INVALID", "limit")
    return min(value, maximum)


def choice(request: Request, name: str, allowed: tuple[str, ...]) -> str | None:
    """Return an argument that must be one of several words; None when absent."""
    text = request.query_params.get(name)
    if text is not None and text not in allowed:
        raise Refusal("FIELD_INVALID", name)
    return text


def flag(request: Request, name: str) -> bool | None:
    """Return a boolean argument; None when absent."""
    text = choice(request, name, ("true", "false"))
    return None if text is None else text == "true"


async def body_fields(request: Request) -> dict[str, Any]:
    """Return the parameters of a body; raises FIELD_INVALID for a body that cannot be read."""
    if request.method not in {"POST", "PUT"}:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == "application/json" and body:
        return _json(body)
    if kind == "application/x-www-form-urlencoded":
        return _form(body)
    return {}


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("FIELD_INVALID", "body") from None
    if not isinstance(fields, dict):
        raise Refusal("FIELD_INVALID", "body")
    return fields


def _form(body: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise Refusal("FIELD_INVALID", "body") from None


def accepts_json(accept: str | None) -> bool:
    """Say whether an Accept header allows `application/json`."""
    if accept is None or not accept.strip():
        return True
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        refused = any(part.replace(" ", "") in _REFUSED for part in parameters)
        if kind in {"application/json", "application/*", "*/*"} and not refused:
            return True
    return False


_REFUSED = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
