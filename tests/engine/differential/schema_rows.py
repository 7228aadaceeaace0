"""A schema of rows: lists of objects whose fields are attributes and nothing else.

All values come in one make of class here, as records of an upstream do, so that what reads whole
rows at once does so, and meets an odd value among good ones.
"""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from casegraph.graph.scalars import SCALARS
from engine.differential.computed import Mode, computed


@strawberry.enum
class Grade(Enum):
    """How good something is."""

    GOOD = "good"
    BAD = "bad"


@strawberry.type
class Person:
    """Somebody; told of by other rows."""

    key: strawberry.ID
    name: str | None
    is_here: bool | None
    since: datetime | None


@strawberry.type
class Line:
    """A row without rows."""

    key: strawberry.ID
    number: int
    share: float | None
    grade: Grade
    by: Person | None
    seen_by: Person


@strawberry.type
class Sheet:
    """A row with rows."""

    key: strawberry.ID | None
    title: str
    grade: Grade | None
    made_at: datetime
    extra: JSON | None
    lines: list[Line]
    people: list[Person] | None
    loose: list[Line | None] | None
    texts: list[str | None] | None
    count = computed("Sheet.count", int | None)


@strawberry.type
class Query:
    """The root; it has no value."""

    sheets = computed("Query.sheets", list[Sheet] | None, mode=Mode.ASYNC)
    lines = computed("Query.lines", list[Line], mode=Mode.BATCH)
    stacks = computed("Query.stacks", list[list[Line] | None] | None)
    people = computed("Query.people", list[Person | None] | None, mode=Mode.EITHER)


def build() -> strawberry.Schema:
    """Return the schema."""
    scalars = {datetime: SCALARS[datetime]}
    return strawberry.Schema(Query, config=StrawberryConfig(scalar_map=scalars))
