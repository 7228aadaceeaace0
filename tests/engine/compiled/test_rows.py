"""An answer's objects as rows: the same JSON as dicts, whatever stands in them."""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import GraphQLSchema
from hypothesis import given
from hypothesis import strategies as st
from strawberry.scalars import JSON

from casegraph.edge.answers import encode
from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.fields import BATCH
from casegraph.engine.compiled.rows import Row, plain, row_class
from casegraph.engine.standard import Operation, StandardEngine

KEYS = st.lists(st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,8}", fullmatch=True), unique=True)
QUERY = """{ things {
  __typename self: value m0: late class: batched
  __init__: inner { value __struct_fields__: late }
  rows { value text }
  more: batchedLate
} }"""


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def _values(things: Sequence[Any], _info: Any) -> list[Any]:
    return [each.value for each in things]


async def _late_values(things: Sequence[Any], _info: Any) -> list[Any]:
    return [_later(each.value) for each in things]


@strawberry.type
class Leaf:
    """A row of a list."""

    value: JSON | None
    text: str


@strawberry.type
class Thing:
    """Something with the same value, had in every way."""

    value: JSON | None

    @strawberry.field
    async def late(self) -> JSON | None:
        """Return it later."""
        return await _later(self.value)

    @strawberry.field(metadata={BATCH: _values})
    async def batched(self) -> JSON | None:
        """Return it with the others'."""
        return self.value

    @strawberry.field(metadata={BATCH: _late_values})
    async def batched_late(self) -> JSON | None:
        """Return it after the others'."""
        return self.value

    @strawberry.field
    def inner(self) -> "Thing":
        """Return another that has it."""
        return Thing(value=self.value)

    @strawberry.field
    def rows(self) -> list[Leaf]:
        """Return rows that have it."""
        return [Leaf(value="plain", text="a"), Leaf(value=self.value, text="b")]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def things(self, info: strawberry.Info) -> list[Thing]:
        """Return one for each value of the test."""
        return [Thing(value=each) for each in info.context]


@pytest.fixture(scope="module")
def things() -> GraphQLSchema:
    """Return the schema."""
    return strawberry.Schema(Query)._schema


@given(keys=KEYS, many=st.booleans())
def test_a_row_is_encoded_as_its_dict(keys: list[str], many: bool) -> None:
    """Any keys of GraphQL, in their order, those of Python's own attributes too."""
    keys = [*keys, *(f"key{number}" for number in range(300 * many))]
    row = row_class(tuple(keys))(*range(len(keys)))
    expected = dict(zip(keys, range(len(keys)), strict=True))

    assert encode(row) == encode(expected)
    assert plain([row, [row]]) == [expected, [expected]]
    for key in keys:
        row[key] = [row[key]]
    assert encode(row) == encode({key: [value] for key, value in expected.items()})


@pytest.mark.parametrize(
    "value",
    [None, "text", 1.5, [1, None], {"a": {"b": []}}, msgspec.UNSET, strawberry.UNSET, "\ud800"],
    ids=repr,
)
async def test_values_of_any_kind_leave_alike(things: GraphQLSchema, value: Any) -> None:
    """By rows, by dicts and by graphql-core: the same bytes; what is unset to others, too."""
    operation, context = Operation(QUERY), [value, "between", value]
    expected = await StandardEngine(things).run(operation, context)
    rows = CompiledEngine(things, sights=1, as_rows=True)
    dicts = CompiledEngine(things, sights=1)

    for _ in range(3):  # what was learned in one run counts in the next
        by_rows, by_dicts = await rows.run(operation, context), await dicts.run(operation, context)
        assert (by_rows.errors, by_dicts.errors) == (None, None)
        assert isinstance(by_rows.data, Row)
        assert encode(by_rows.data) == encode(expected.data)
        assert encode(by_dicts.data) == encode(expected.data)
        assert type(by_dicts.data["things"][0]["rows"][0]) is dict


async def test_the_collector_does_not_know_rows(things: GraphQLSchema) -> None:
    """It would walk through every object of every answer in hand."""
    engine = CompiledEngine(things, sights=1, as_rows=True)

    result = await engine.run(Operation("{ things { rows { text } } }"), ["x"])

    row: Any = result.data
    assert plain(row) == {"things": [{"rows": [{"text": "a"}, {"text": "b"}]}]}
    assert not gc.is_tracked(row)
    assert not gc.is_tracked(row["things"][0])
