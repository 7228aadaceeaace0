"""Lists of rows are read straight off, and any odd value in them is told as ever."""

import sys
from datetime import UTC, datetime
from enum import Enum
from types import FrameType
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import GraphQLSchema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.compiled.classes import by_class
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.upstreams.decode import Id
from engine.compiled.telling import told

QUERY = """query Rows {
  rows {
    __typename key number share name isIn grade madeAt
    author { __typename key name }
    parts { key number author { name } }
  }
}"""


@strawberry.enum
class Grade(Enum):
    """How good something is."""

    GOOD = "good"
    BAD = "bad"


@strawberry.type
class Author:
    """Whose row it is."""

    key: strawberry.ID
    name: str | None


@strawberry.type
class Part:
    """A row in a row."""

    key: strawberry.ID | None
    number: int
    author: Author


@strawberry.type
class Row:
    """A row with every kind of value."""

    key: strawberry.ID
    number: int | None
    share: float
    name: str | None
    is_in: bool | None
    grade: Grade | None
    made_at: datetime | None
    author: Author | None
    parts: list[Part] | None

    @classmethod
    @by_class
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Tell by what it has: anything may be a row."""
        return hasattr(value, "parts")


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def rows(self, info: strawberry.Info[list[Any], None]) -> list[Row | None] | None:
        """Return whatever the test says."""
        return info.context  # type: ignore[return-value]  # anything at all


class AuthorRecord(msgspec.Struct):
    """Holds anything."""

    key: Any = Id("7")
    name: Any = "Ada"


class PartRecord(msgspec.Struct):
    """Holds anything."""

    key: Any = "1"
    number: Any = 1
    author: Any = msgspec.field(default_factory=AuthorRecord)


class RowRecord(msgspec.Struct):
    """Holds anything."""

    key: Any = Id("1")
    number: Any = 3
    share: Any = 0.5
    name: Any = "a row"
    is_in: Any = True
    grade: Any = Grade.GOOD
    made_at: Any = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    author: Any = msgspec.field(default_factory=AuthorRecord)
    parts: Any = msgspec.field(default_factory=lambda: [PartRecord(), PartRecord(key=None)])


class Computed:
    """A row whose number is told once."""

    def __init__(self) -> None:
        self._record = RowRecord()
        self._left = [8]

    def __getattr__(self, name: str) -> Any:
        return self._left.pop() if name == "number" else getattr(self._record, name)


ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**53, 1.5, float("nan"), float("inf"), "", "text", Id("x")),
    *(Grade.BAD, [], (), [None], [1], {}, object, object(), ValueError("spoilt"), AuthorRecord()),
    *(PartRecord(number="x"), (PartRecord(),), [PartRecord(), ValueError("part")], iter(())),
)


@pytest.fixture(scope="module")
def rows_schema() -> GraphQLSchema:
    """Return the schema of rows."""
    return strawberry.Schema(Query)._schema


@pytest.fixture(scope="module")
def rows_engine(rows_schema: GraphQLSchema) -> CompiledEngine:
    """Return an engine that lives through all examples."""
    return CompiledEngine(rows_schema, sights=1)


async def same(engine: CompiledEngine, schema: GraphQLSchema, rows: Any) -> Any:
    """Return the answer for these rows, which is that of graphql-core."""
    expected = await StandardEngine(schema).run(Operation(QUERY), rows)
    result = await engine.run(Operation(QUERY), rows)
    assert repr(result.data) == repr(expected.data)
    assert told(result) == told(expected)
    return result.data


def spoilt_rows() -> st.SearchStrategy[list[Any]]:
    """Draw rows of which some hold one odd value, or are no rows."""

    def spoilt(place: str, value: Any) -> Any:
        row = RowRecord()
        if place in RowRecord.__struct_fields__:
            setattr(row, place, value)
        elif place == "part":
            row.parts[1].author = value
        elif place == "name of a part's author":
            row.parts[0].author.name = value
        else:
            return value
        return row

    places = (*RowRecord.__struct_fields__, "part", "name of a part's author", "row")
    odd = st.builds(spoilt, st.sampled_from(places), st.sampled_from(ODD[:-1]))
    return st.lists(st.one_of(st.builds(RowRecord), odd), max_size=4)


@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=spoilt_rows(), is_tuple=st.booleans())
async def test_any_rows_come_out_as_ever(
    rows_engine: CompiledEngine, rows_schema: GraphQLSchema, rows: list[Any], is_tuple: bool
) -> None:
    """Whatever stands wherever in them, data and errors are those of graphql-core."""
    await same(rows_engine, rows_schema, tuple(rows) if is_tuple else rows)


async def test_good_rows_are_read_without_a_call_for_each(rows_schema: GraphQLSchema) -> None:
    """Once their class is known, two functions read them all, however many there are."""
    engine = CompiledEngine(rows_schema, sights=1)
    rows = [RowRecord() for _ in range(50)]

    first, second = [await calls_of_code(engine, rows) for _ in range(2)]

    assert len(first) > 150
    assert len(second) <= 55  # a list of parts in each row
    assert await same(engine, rows_schema, rows)


async def test_what_is_computed_is_asked_for_once(rows_schema: GraphQLSchema) -> None:
    """Objects whose attributes are no plain ones are left to the exact code alone."""
    engine = CompiledEngine(rows_schema, sights=1)

    for _ in range(3):
        result = await engine.run(Operation("{ rows { number } }"), [Computed(), Computed()])
        assert (result.data, result.errors) == ({"rows": [{"number": 8}, {"number": 8}]}, None)


async def calls_of_code(engine: CompiledEngine, rows: list[Any], query: str = QUERY) -> list[str]:
    """Return the generated functions that are called for an answer."""
    called: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith("<operation"):
            called.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        result = await engine.run(Operation(query), rows)
    finally:
        sys.setprofile(before)
    assert result.errors is None
    return called
