"""Request bodies: bytes in, one operation out, and every bad body is the client's error.

Invariant: nothing a client can send raises anything but BadRequest here.
"""

from typing import Any

import msgspec

from casegraph.engine.standard import Operation


class BadRequest(Exception):
    """The request is not a GraphQL request; says why, in words a client may read."""


def decode_operation(body: bytes) -> Operation:
    """Return the operation of a JSON body; raises BadRequest."""
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The body is not valid JSON in UTF-8.") from None
    if not isinstance(request, dict):
        raise BadRequest("The body must be one JSON object; batches are not taken.")
    query = request.get("query")
    if not isinstance(query, str) or not query.strip():
        raise BadRequest("`query` must hold the text of a GraphQL document.")
    _optional_object(request, "extensions")
    name = request.get("operationName")
    if name is not None and not isinstance(name, str):
        raise BadRequest("`operationName` must be a string or null.")
    return Operation(query, _optional_object(request, "variables"), name or None)


def _optional_object(request: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = request.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"`{name}` must be an object or null.")
    return value
