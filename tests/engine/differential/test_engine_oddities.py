"""Single cases that random data meets too seldom, each compared with graphql-core's answer."""

from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLSchema
from strawberry.scalars import JSON

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.standard import Operation, StandardEngine
from engine.differential import schema_leaves
from engine.differential.comparing import Outcome, outcome_of
from engine.differential.odd_values import LEAVES, NEAR, Liar


class Fresh:
    """Computes its attributes whenever they are read, and counts that."""

    def __init__(self) -> None:
        self.reads = 0

    @property
    def items(self) -> Iterator[int]:
        """Return what can be gone through once."""
        return iter((1, 2))

    @property
    def late(self) -> Awaitable[int]:
        """Return what can be awaited once."""

        async def value() -> int:
            return 5

        return value()

    @property
    def counted(self) -> int:
        """Return how often it was read."""
        self.reads += 1
        return self.reads

    @property
    def broken(self) -> int:
        """Fail."""
        raise ValueError("broken")


class Secretive:
    """Does not even say of what class it is."""

    @property
    def __class__(self) -> type:
        """Fail."""
        raise RuntimeError("no class")

    @__class__.setter
    def __class__(self, value: type) -> None:
        """Fail."""


class _Uncountable(type):
    """Makes classes that cannot be hashed."""

    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None  # type: ignore[assignment]  # as Python itself sets it


class Unhashable(metaclass=_Uncountable):
    """Of a class that cannot be put into a set."""

    counted = 7

    def __str__(self) -> str:
        return "unhashable"


@strawberry.type
class Thing:
    """Attributes of every kind."""

    items: list[int] | None
    late: int | None
    counted: int | None
    broken: int | None

    @strawberry.field
    def eats(self, json: JSON, numbers: list[int]) -> str:
        """Tell the arguments, and use them up."""
        told = repr((json, numbers))
        json.clear()  # type: ignore[attr-defined]  # a dict or a list
        numbers.clear()
        return told

    @strawberry.field
    async def eats_late(self, json: JSON, numbers: list[int]) -> str:
        """Tell the arguments, and use them up."""
        told = repr((json, numbers))
        json.clear()  # type: ignore[attr-defined]  # a dict or a list
        numbers.clear()
        return told


@strawberry.interface
class Placed:
    """Told by the types."""

    x: int | None


@strawberry.type
class Here(Placed):
    """Wants to know where it is asked."""

    @classmethod
    def is_type_of(cls, _value: object, info: Any) -> bool:
        """Tell nothing but the place."""
        raise LookupError(f"{info.path.as_list()} {info.field_name} {info.parent_type}")


@strawberry.type
class There(Placed):
    """Never the right one."""

    @classmethod
    def is_type_of(cls, _value: object, _info: Any) -> bool:
        """Tell no."""
        return False


def _returning(kind: Any, make: Callable[[], Any]) -> Any:
    return strawberry.field(resolver=lambda: make(), graphql_type=kind)  # noqa: PLW0108  a class is no function


@strawberry.type
class Query:
    """The root; it has no value."""

    thing = _returning(Thing, Fresh)
    things = _returning(list[Thing], lambda: [Fresh(), Fresh()])
    placed = _returning(list[Placed | None], lambda: [Fresh()])
    union = _returning(
        list[Annotated[Here | There, strawberry.union("Either")] | None], lambda: [Fresh()]
    )
    ints = _returning(list[int | None], lambda: [1, Liar(int), 2])
    floats = _returning(list[float | None], lambda: [1.0, Liar(float), 2.0])
    objects = _returning(list[Thing | None], lambda: [Liar(int), Fresh()])
    lists = _returning(list[list[int]] | None, lambda: [[1], Liar(list)])
    unhashable = _returning(list[Thing | None], lambda: [Unhashable()])
    texts = _returning(list[str | None], lambda: ["a", Unhashable()])
    secretive = _returning(list[int | None] | None, lambda: [1, Secretive()])


async def both(schema: GraphQLSchema, query: str) -> tuple[Outcome, Outcome]:
    """Return what graphql-core comes to, and what a plan does that has run before."""
    truth = await StandardEngine(schema).run(Operation(query), None)
    engine = CompiledEngine(schema)
    assert not isinstance(engine.plan(Operation(query)), str)
    for _ in range(3):
        got = await engine.run(Operation(query), None)
    return outcome_of(truth), outcome_of(got)


@pytest.mark.parametrize(
    "query",
    [
        "{ thing { a: items b: items } }",
        "{ thing { a: late b: late } }",
        "{ thing { a: counted b: counted } }",
        "{ thing { counted broken } }",
        "{ thing { items late broken } }",
        "{ things { eats(json: {a: 1}, numbers: [1]) } }",
        "{ things { eats(json: [1], numbers: [1]) eatsLate(json: {a: [1]}, numbers: [1]) } }",
        "{ placed { __typename } union { __typename } }",
        "{ ints }",
        "{ floats }",
        "{ objects { counted } }",
        "{ lists }",
        "{ secretive }",
        "{ unhashable { counted } }",
        "{ texts }",
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_odd_objects_make_no_difference(query: str) -> None:
    """What is used up by reading, what lies, what asks where it is: all come to the same."""
    truth, got = await both(strawberry.Schema(Query)._schema, query)

    assert got == truth


@pytest.mark.parametrize("name", sorted(schema_leaves.KINDS))
async def test_every_leaf_takes_and_refuses_the_same(name: str) -> None:
    """Each odd value, before and after one of its class was seen, in every type of leaf."""
    kind: Any = schema_leaves.KINDS[name]
    members = list(kind) if isinstance(kind, type) and issubclass(kind, Enum) else []
    values = [
        *LEAVES,
        *(each for near in NEAR.values() for each in near),
        *members,
        *(each.value for each in members),
        *(each.name for each in members),
    ]
    schema = schema_leaves.of_every_leaf({name: [*values, *reversed(values)]})._schema

    truth, got = await both(schema, f"{{ {name} }}")

    assert got == truth
    assert len(truth.text) > len(values)
