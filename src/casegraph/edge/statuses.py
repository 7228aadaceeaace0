"""Which HTTP status an answer has: the one table, in two modes.

`audit` is what the official audits want and today's clients can read: who takes only
`application/json` sees 200 for whatever GraphQL itself refused, because such clients throw the
errors of a 4xx away. `draft` is the GraphQL over HTTP draft of August 2026: 422 where the request
is understood and cannot be run, 294 for data with errors, and no more consideration for old
clients than that an answer of success keeps their media type.
Invariant: an answer with data is a success; one without is none, but for the audits' 200.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from graphql import ExecutionResult, GraphQLSyntaxError

from casegraph.edge.decoding import BadRequest
from casegraph.edge.negotiation import GRAPHQL_JSON, PLAIN_JSON
from casegraph.edge.parameters import MalformedRequest
from casegraph.edge.persisted import UnknownDocument
from casegraph.errors import PermissionDenied

StatusCodes = Literal["audit", "draft"]

_FIRST_REFUSAL = 400


class Situation(StrEnum):  # whose members are looked up by the hash of a string, in C
    """How a request ended, as far as its status depends on it."""

    WHOLE = "data without errors"
    PARTIAL = "data, if only null, and errors"
    NO_GRAPHQL = "the document cannot be parsed"
    NOT_VALID = "not valid, too big, no clear operation, or variables that do not fit"
    MALFORMED = "not a request as GraphQL over HTTP describes it"
    UNKNOWN_DOCUMENT = "an id of which there is no document"
    FORBIDDEN = "valid, and more than this caller may"


_PLAIN, _TYPED = 0, 1
_TABLE: Mapping[StatusCodes, Mapping[Situation, tuple[int, int]]] = {
    # For application/json, for application/graphql-response+json.
    "audit": {
        Situation.WHOLE: (200, 200),
        Situation.PARTIAL: (200, 200),
        Situation.NO_GRAPHQL: (200, 400),
        Situation.NOT_VALID: (200, 400),
        Situation.MALFORMED: (400, 400),
        # Clients of automatic persisted queries send the text then; some do so only after a 200.
        Situation.UNKNOWN_DOCUMENT: (200, 200),
        Situation.FORBIDDEN: (200, 403),
    },
    "draft": {
        Situation.WHOLE: (200, 200),
        Situation.PARTIAL: (200, 294),  # a code of GraphQL's own, for its own type only
        Situation.NO_GRAPHQL: (400, 400),
        Situation.NOT_VALID: (422, 422),
        Situation.MALFORMED: (422, 422),
        Situation.UNKNOWN_DOCUMENT: (200, 404),
        Situation.FORBIDDEN: (403, 403),
    },
}


class StatusTable:
    """The table in one of its modes."""

    def __init__(self, mode: StatusCodes) -> None:
        self._rows = _TABLE[mode]
        self._keeps_type = mode == "audit"

    def of_result(self, result: ExecutionResult, answer: Mapping[str, Any], media_type: str) -> int:
        """Return the status of what an operation came to."""
        return self._status(_situation(result, answer), media_type)

    def of_refusal(self, error: BadRequest, media_type: str) -> int:
        """Return the status of what was refused before it was an operation."""
        if isinstance(error, UnknownDocument):
            return self._status(Situation.UNKNOWN_DOCUMENT, media_type)
        if isinstance(error, MalformedRequest):
            return self._status(Situation.MALFORMED, media_type)
        return error.status

    def type_of(self, status: int, media_type: str) -> str:
        """Return the media type with which a status leaves."""
        keeps = self._keeps_type or status < _FIRST_REFUSAL
        return media_type if keeps else GRAPHQL_JSON

    def _status(self, situation: Situation, media_type: str) -> int:
        return self._rows[situation][_PLAIN if media_type == PLAIN_JSON else _TYPED]


def _situation(result: ExecutionResult, answer: Mapping[str, Any]) -> Situation:
    errors = result.errors
    if "data" in answer:
        return Situation.PARTIAL if errors else Situation.WHOLE
    if errors and isinstance(errors[0], GraphQLSyntaxError):
        return Situation.NO_GRAPHQL
    if errors and isinstance(errors[0].original_error, PermissionDenied):
        return Situation.FORBIDDEN
    return Situation.NOT_VALID
