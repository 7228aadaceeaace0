"""The schema, assembled from the domains, and its text.

Invariant: everything in it has a description; the text is the same on every run, so that the file
in the repository can be compared with it.
"""

from typing import Any

import strawberry
from graphql import (
    GraphQLDeferDirective,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLStreamDirective,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from casegraph.engine.scopes import AuthScope
from casegraph.graph.cases import Case, Note
from casegraph.graph.customer_cases import CUSTOMER_CASE_STATUSES, CustomerCase
from casegraph.graph.freshness import FRESHNESS, REASONS, SOURCES
from casegraph.graph.mutation import Mutation
from casegraph.graph.mutation_payloads import (
    CODES,
    OUTCOMES,
    CaseConflict,
    DeleteCasePayload,
    FieldChange,
    FieldDifference,
    RatingConflict,
    RatingPayload,
    UpdateCasePayload,
)
from casegraph.graph.printing import in_reading_order
from casegraph.graph.program import LIST_TYPES, ProgramList, Role
from casegraph.graph.query import Query
from casegraph.graph.ratings import RATING_SCORES, Rating
from casegraph.graph.reviews import REVIEW_STATUSES, ReviewEntry
from casegraph.graph.scalars import SCALARS
from casegraph.graph.scopes import needing

_ENUM_VALUES = {
    "ProgramListType": LIST_TYPES,
    "ReviewStatus": REVIEW_STATUSES,
    "RatingScore": RATING_SCORES,
    "CustomerCaseStatus": CUSTOMER_CASE_STATUSES,
    "FreshnessSource": SOURCES,
    "StaleReason": REASONS,
    "WriteOutcome": OUTCOMES,
    "UserErrorCode": CODES,
}
"""Descriptions of enum values whose classes live on the wire side, which knows no GraphQL."""

_OF_OPERATIONS = (FRESHNESS, GraphQLDeferDirective, GraphQLStreamDirective)


class Schema(strawberry.Schema):
    """strawberry's schema, without its log line and traceback per field error.

    The endpoint logs what is worth it, once per cause.
    """

    def process_errors(
        self, errors: list[Any], execution_context: ExecutionContext | None = None
    ) -> None:
        """Leave errors to the endpoint."""


# What an answer to a write tells beside what its caller has said itself is reading.
for _kind, _names in (
    (FieldChange, ("before",)),
    (FieldDifference, ("expected", "actual")),
    (CaseConflict, ("current",)),
    (RatingConflict, ("current",)),
    (UpdateCasePayload, ("case",)),
    (DeleteCasePayload, ("case",)),
    (RatingPayload, ("rating",)),
):
    needing(AuthScope.CASES_READ, *_names)(_kind)


def build_schema() -> Schema:
    """Return the schema."""
    schema = Schema(
        query=Query,
        mutation=Mutation,
        types=[Case, Note, ReviewEntry, Rating, Role, ProgramList, CustomerCase],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    for name, values in _ENUM_VALUES.items():
        enum = schema._schema.type_map[name]  # noqa: SLF001  strawberry offers no other way
        if isinstance(enum, GraphQLEnumType):
            for value, description in values.items():
                enum.values[value].description = description
    _mark_one_of(schema)
    # strawberry's own directives of operations run in its executor, which is not used here.
    schema._schema.directives = (*schema._schema.directives, *_OF_OPERATIONS)  # noqa: SLF001  as above
    return schema


def _mark_one_of(schema: Schema) -> None:
    """Tell graphql-core which inputs are @oneOf; strawberry checks them only in its own execute."""
    for kind in schema._schema.type_map.values():  # noqa: SLF001  as above
        if isinstance(kind, GraphQLInputObjectType):
            kind.is_one_of = kind.extensions["strawberry-definition"].is_one_of


def sdl(schema: Schema) -> str:
    """Return the schema as text, in the order in which a person reads it."""
    return in_reading_order(schema._schema, schema.as_str())  # noqa: SLF001  as above
