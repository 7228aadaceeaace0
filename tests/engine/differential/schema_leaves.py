"""A schema of every kind of leaf: nullable, non-null, in lists of both, and with every resolver.

Odd values meet here all output coercions that graphql-core and strawberry have.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, NewType
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

from casegraph.graph.scalars import SCALARS
from engine.differential.computed import Mode, Passing, computed

Shout = NewType("Shout", str)
Fussy = NewType("Fussy", int)


def _shout(value: Any) -> Any:
    return value.upper()


def _fussy(value: Any) -> Any:
    """Return nothing at all for some numbers, and complain of others."""
    if value == 13:
        raise ValueError("thirteen")
    return None if value in {0, 7} else [value, {"twice": value * 2}]


_SCALARS: dict[object, ScalarDefinition] = {
    Shout: strawberry.scalar(name="Shout", serialize=_shout, parse_value=str),
    Fussy: strawberry.scalar(name="Fussy", serialize=_fussy, parse_value=int),
    **{kind: SCALARS[kind] for kind in (datetime, date)},
}


@strawberry.enum
class Size(IntEnum):
    """Numbers that are equal to plain ones."""

    SMALL = 1
    LARGE = 2


@strawberry.enum
class Tone(Enum):
    """Texts, some of which are names of others."""

    RED = "red"
    LIGHT = strawberry.enum_value("RED", name="PALE")
    DARK = (1, 2)


KINDS: dict[str, Any] = {
    "int": int,
    "float": float,
    "text": str,
    "flag": bool,
    "key": strawberry.ID,
    "moment": datetime,
    "day": date,
    "hour": time,
    "sum": Decimal,
    "uuid": UUID,
    "json": JSON,
    "size": Size,
    "tone": Tone,
    "shout": Shout,
    "fussy": Fussy,
}
"""Types of leaves, by the name of a field."""


def _maybe(kind: Any) -> Any:
    return kind | None


def _many(kind: Any) -> Any:
    return list.__class_getitem__(kind)


def _annotations(wrap: Callable[[Any], Any]) -> dict[str, Any]:
    return {f"a_{name}": wrap(kind) for name, kind in KINDS.items()}


def _type(name: str, annotations: dict[str, Any], **fields: Any) -> Any:
    """Return a strawberry type of these attributes and computed fields."""
    made = type(name, (), {"__annotations__": annotations, "__module__": __name__, **fields})
    return strawberry.type(made)


Loose = _type("Loose", _annotations(lambda kind: kind | None))
Strict = _type("Strict", _annotations(lambda kind: kind))
Lists = _type(
    "Lists",
    {
        **{f"loose_{name}": _maybe(_many(_maybe(kind))) for name, kind in KINDS.items()},
        **{f"strict_{name}": _many(kind) for name, kind in KINDS.items()},
        "deep_int": list[list[int] | None] | None,
        "deep_tone": list[list[Tone | None]] | None,
    },
)
Computed = _type(
    "Computed",
    {},
    **{
        f"{mode.value}_{name}": computed(
            f"Computed.{mode.value.split('_')[0]}{'Alone' * ('_' in mode.value)}{name.title()}",
            kind if index % 2 else kind | None,
            mode=mode,
            extensions=[Passing()] if index % 5 == 1 else (),
        )
        for mode in Mode
        for index, (name, kind) in enumerate(KINDS.items())
    },
)


@strawberry.type
class Query:
    """The root; it has no value."""

    loose = computed("Query.loose", _maybe(Loose))
    strict = computed("Query.strict", _maybe(Strict))
    stricts = computed("Query.stricts", _maybe(_many(_maybe(Strict))), mode=Mode.ASYNC)
    looses = computed("Query.looses", _maybe(_many(Loose)), mode=Mode.BATCH)
    lists = computed("Query.lists", _maybe(_many(_maybe(Lists))), mode=Mode.EITHER)
    every = computed("Query.every", _maybe(_many(Computed)))
    only = computed("Query.only", Strict)
    amount = computed("Query.amount", int | None)
    attribute: int | None


def of_every_leaf(values: Mapping[str, Sequence[Any]]) -> strawberry.Schema:
    """Return a schema of one list for each kind of leaf; a root's field holds all the values."""

    def field(name: str) -> Any:
        kind = _maybe(_many(_maybe(KINDS[name])))
        return strawberry.field(resolver=lambda: list(values[name]), graphql_type=kind)

    query = _type("Query", {}, **{name: field(name) for name in values})
    return strawberry.Schema(query, config=StrawberryConfig(scalar_map=_SCALARS))


def build() -> strawberry.Schema:
    """Return the schema."""
    return strawberry.Schema(Query, config=StrawberryConfig(scalar_map=_SCALARS))
