"""A schema of arguments: defaults, inputs in inputs, lists, enums, dates, exactly one of several.

Fields named `echo` tell what arrived at the resolver, as text, so that coercion is compared too.
"""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from graphql import GraphQLInputObjectType
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from casegraph.graph.scalars import SCALARS
from engine.differential.computed import Mode, Passing, computed


@strawberry.enum
class Rank(Enum):
    """Where somebody stands."""

    FIRST = "1st"
    SECOND = 2
    LAST = strawberry.enum_value("z", name="ULTIMATE")


@strawberry.input
class Span:
    """From when to when."""

    start: datetime | None = strawberry.UNSET
    end: date | None = None
    limit: int = 10


@strawberry.input
class Filter:
    """What is wanted; it may hold others of its kind."""

    text: str
    ranks: list[Rank] | None = strawberry.UNSET
    span: Span = strawberry.field(default_factory=Span)
    any_of: (
        list[Annotated["Filter", strawberry.lazy("engine.differential.schema_office")]] | None
    ) = None
    grid: list[list[int | None]] | None = strawberry.UNSET
    ratio: float = strawberry.field(name="theRatio", default=0.5)


@strawberry.input(one_of=True)
class Target:
    """Exactly one of these."""

    name: strawberry.Maybe[str]
    number: strawberry.Maybe[int]
    rank: strawberry.Maybe[Rank]


_ARGUMENTS: dict[str, Any] = {
    "wanted": (Filter | None, strawberry.UNSET),
    "rank": (Rank, Rank.SECOND),
    "ids": (list[strawberry.ID], ("1", "2")),
    "since": (datetime | None, None),
    "class_": (Annotated[str | None, strawberry.argument(name="class")], "x"),
}


@strawberry.type
class Task:
    """Something to do."""

    title: str | None
    rank: Rank
    steps: (
        list[Annotated["Task", strawberry.lazy("engine.differential.schema_office")] | None] | None
    )
    due = computed("Task.due", datetime | None, {"after": (datetime | None, strawberry.UNSET)})
    owner = computed(
        "Task.owner",
        Annotated["Worker", strawberry.lazy("engine.differential.schema_office")],
        mode=Mode.BATCH,
    )


@strawberry.type
class Worker:
    """Somebody."""

    name: str
    tags: list[str] | None
    boss: Annotated["Worker", strawberry.lazy("engine.differential.schema_office")] | None
    echo = computed("Worker.echo", str, _ARGUMENTS, echoes=True)
    echo_batch = computed("Worker.echoBatch", str, _ARGUMENTS, mode=Mode.BATCH, echoes=True)
    tasks = computed(
        "Worker.tasks",
        list[Task] | None,
        {"first": (int, 5), "wanted": (Filter | None, None)},
        mode=Mode.BATCH,
    )
    team = computed(
        "Worker.team",
        list[list[Annotated["Worker", strawberry.lazy("engine.differential.schema_office")]]],
        {"of": Target},
        mode=Mode.ASYNC,
    )
    next_task = computed("Worker.nextTask", Task, mode=Mode.EITHER, extensions=[Passing()])


@strawberry.type
class Query:
    """The root; it has no value."""

    worker = computed("Query.worker", Worker | None, {"id": strawberry.ID}, mode=Mode.BATCH)
    workers = computed("Query.workers", list[Worker | None] | None, {"wanted": Filter})
    the_boss = computed("Query.theBoss", Worker, mode=Mode.ASYNC)
    task = computed("Query.task", Task | None, {"at": (Target | None, strawberry.UNSET)})
    find = computed("Query.find", list[Task], _ARGUMENTS, mode=Mode.BATCH_ALONE)
    echo = computed(
        "Query.echo", str | None, {**_ARGUMENTS, "target": (Target | None, None)}, echoes=True
    )
    echo_late = computed(
        "Query.echoLate",
        str,
        {"x": int, "y": (float | None, 1), "z": (JSON | None, None), "on": (bool, True)},
        mode=Mode.ASYNC,
        echoes=True,
    )


@strawberry.type
class Mutation:
    """What changes something; fields run one after the other."""

    add = computed("Mutation.add", Worker | None, {"name": str}, mode=Mode.ASYNC)
    drop = computed("Mutation.drop", int, {"wanted": Filter})


def build() -> strawberry.Schema:
    """Return the schema."""
    config = StrawberryConfig(scalar_map={kind: SCALARS[kind] for kind in (datetime, date)})
    schema = strawberry.Schema(Query, Mutation, config=config)
    for kind in schema._schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            kind.is_one_of = kind.extensions["strawberry-definition"].is_one_of
    return schema
