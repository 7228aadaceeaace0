"""Our errors as GraphQL errors: a stable code, who failed, whether trying again helps, no more.

The one table from causes to what a client may see. Anything that is not ours is a bug: it is logged
with an id, and the client gets the id and nothing else.
Invariant: `extensions` holds code, upstream, retryable, retryAfterMs and requestId only.
"""

import logging
from typing import Any

from graphql import GraphQLError

from casegraph.errors import CasegraphError, UpstreamError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL"
MESSAGE_MAX = 500
"""Longest message that leaves, in characters (reliability default)."""

_NULL_BUBBLED = "Cannot return null for non-nullable field"
_ARGUMENT = "Argument "
"""How graphql-core begins when an argument of one field cannot be read."""

_FOUND = " found: "
_SECRETIVE = ("Secret", "RatingInput")
"""Types whose values are not repeated; whole inputs, which may hold such, never are."""

_log = logging.getLogger("casegraph.failures")


def present(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """Return one error in the form it leaves the gateway in."""
    cause = _cause(error)
    message = error.message
    if isinstance(cause, CasegraphError):
        # Nobody logs their frames, which lead back to the loaders and the answer: a cycle each.
        error.__traceback__ = cause.__traceback__ = None
        extensions = _extensions(cause)
        message = str(cause)
    elif isinstance(cause, ValueError) and error.path is None:
        # A scalar could not read what stands in the document; its words are for Python's people.
        extensions = {"code": VALIDATION_FAILED, "retryable": False}
        message = "A value in the document does not fit its type."
    elif cause is not None:
        # The request id is in the client's hands; the rest stays here.
        _log.error("unexpected failure in request %s", request_id, exc_info=cause)
        extensions = {"code": INTERNAL, "retryable": False}
        message = f"Something went wrong in the gateway; its log has more under {request_id}."
    elif error.path is not None:
        asked_wrongly = message.startswith(_ARGUMENT)
        code = VALIDATION_FAILED if asked_wrongly else INTERNAL
        extensions = {"code": code, "retryable": False}
        if not asked_wrongly and not message.startswith(_NULL_BUBBLED):
            # Found while completing a value: such a text may repeat the value.
            message = "A value did not fit its type."
    else:
        parse = message.startswith("Syntax Error")
        code = PARSE_FAILED if parse else VALIDATION_FAILED
        extensions = {"code": code, "retryable": False}
    formatted: dict[str, Any] = {"message": _without_secrets(message)[:MESSAGE_MAX]}
    if error.locations:
        formatted["locations"] = [place.formatted for place in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = {**extensions, "requestId": request_id}
    return formatted


def _without_secrets(message: str) -> str:
    """Return graphql's own text without the input it found, where a secret may be in it."""
    told, found, value = message.partition(_FOUND)
    if found and (value.startswith("{") or any(name in told for name in _SECRETIVE)):
        return told.rstrip(",;") + "."
    return message


def _cause(error: GraphQLError) -> BaseException | None:
    """Return what a resolver raised; None when graphql itself found the fault."""
    cause: BaseException | None = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _extensions(cause: CasegraphError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": cause.code, "retryable": cause.retryable}
    if isinstance(cause, UpstreamError):
        extensions["upstream"] = cause.upstream
        if cause.retry_after_ms is not None:
            extensions["retryAfterMs"] = cause.retry_after_ms
    return extensions
