"""Answers as JSON: what an operation came to, and refusals in the same shape.

Invariant: every answer is a GraphQL response in UTF-8, with a code in every error.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError

_simpler = partial(msgspec.to_builtins, enc_hook=str)
"""Makes what JSON knows of what the encoder takes as it is: structs, and things that are text."""


def formatted(
    result: ExecutionResult, present: Callable[[GraphQLError], dict[str, Any]]
) -> dict[str, Any]:
    """Return an answer's members; a request that was refused before execution has no `data`.

    Without errors there always is `data`, if only null, or clients take the answer for none.
    """
    errors = [present(error) for error in result.errors or ()]
    answer: dict[str, Any] = {"errors": errors} if errors else {}
    if result.data is not None or not errors or any("path" in error for error in errors):
        answer["data"] = result.data
    return answer


def refused(request_id: str, message: str, **said: Any) -> dict[str, Any]:
    """Return the answer to what was refused; what is `said` of its error stands above the usual."""
    extensions = {"code": "BAD_REQUEST", "retryable": False, **said, "requestId": request_id}
    return {"errors": [{"message": message, "extensions": extensions}]}


def encode(answer: Any) -> bytes:
    """Return an answer as JSON; text subclasses (ids) are text.

    UTF-8 has no form for half a character, which an upstream may send as an escape; an answer with
    one leaves with escapes.
    """
    try:
        return msgspec.json.encode(answer, enc_hook=str)
    except UnicodeEncodeError:
        return json.dumps(answer, default=_simpler, separators=(",", ":")).encode()
