"""`@semanticNonNull`: null here means only that something failed, never that there is nothing.

A gateway's fields cross to systems that may be down, so they are nullable; this directive lets a
client that handles errors treat them as present (Relay's `@throwOnFieldError`, graphql-codegen's
`nullability.errorHandlingClient`).
"""

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="semanticNonNull",
    description=(
        "Null at these levels of the field (0 is the field itself, 1 the items of its list) only"
        " ever stands for a failure, which is in `errors`."
    ),
)
class SemanticNonNull:
    """Marks a field whose null only means failure."""

    levels: list[int | None] | None = strawberry.UNSET


FAILS_ONLY = SemanticNonNull(levels=[0])
"""For a field that is null only when reading it failed."""
