"""Lists whose classes say what they hold are read without checks, and come out as ever."""

import json
from enum import Enum
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import GraphQLSchema
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.compiled import CompiledEngine, checks
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.upstreams import declared
from casegraph.upstreams.declared import as_declared
from casegraph.upstreams.decode import Id, Record, Shape, Where
from engine.compiled.telling import told
from engine.compiled.test_straight import calls_of_code

PEOPLE = "people { key name isHere }"
QUERY = f"query Rows {{ rows {{ __typename key title name isIn grade by {{ name }} {PEOPLE} }} }}"
WHERE = Where("somebody", "thing")


@strawberry.enum
class Grade(Enum):
    """How good something is."""

    GOOD = "good"
    BAD = "bad"


@strawberry.type
class Person:
    """Somebody in a row."""

    key: strawberry.ID
    name: str | None
    is_here: bool | None


@strawberry.type
class Row:
    """A row with all that may go unchecked, and something that may not."""

    key: strawberry.ID
    title: str
    name: str | None
    is_in: bool | None
    grade: Grade | None
    by: Person | None
    people: list[Person] | None


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def rows(self, info: strawberry.Info[list[Any], None]) -> list[Row | None] | None:
        """Return whatever the test says."""
        return info.context  # type: ignore[return-value]  # anything at all


@as_declared()
class PersonRecord(Record, frozen=True):
    """Says what it holds."""

    key: Id = "7"  # type: ignore[assignment]  # as ids are read
    name: str | None = "Ada"
    is_here: bool | None = True


class UntoldPerson(PersonRecord, frozen=True):
    """Says nothing, though the class above it does."""


@as_declared()
class RowRecord(Record, frozen=True):
    """Says what it holds."""

    key: Id
    title: str = "a title"
    name: str | None = None
    is_in: bool | None = None
    grade: Grade | None = None
    by: PersonRecord | None = None
    people: tuple[PersonRecord, ...] | None = ()


class UntoldRow(RowRecord, frozen=True):
    """Says nothing, though the class above it does."""


@as_declared(but=("is_in",))
class SilentRow(RowRecord, frozen=True):
    """Says what it holds, but for one field."""


@as_declared()
class LooseRow(RowRecord, frozen=True):
    """Says that it may hold None where the schema has none."""

    title: str | None = None  # type: ignore[assignment]  # this is the difference


class OddRow(RowRecord, frozen=True):
    """Says what nobody understands."""


setattr(OddRow, checks.HELD, "everything")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Return the schema of rows."""
    return strawberry.Schema(Query)._schema


@pytest.fixture
def engine(schema: GraphQLSchema) -> CompiledEngine:
    """Return an engine that has met no class yet."""
    return CompiledEngine(schema, sights=1)


async def same(engine: CompiledEngine, rows: Any) -> Any:
    """Return the answer for these rows, which is that of graphql-core, each time it is asked."""
    expected = await StandardEngine(engine._schema).run(Operation(QUERY), rows)
    for _ in range(3):
        result = await engine.run(Operation(QUERY), rows)
        assert repr(result.data) == repr(expected.data)
        assert told(result) == told(expected)
    return expected


async def unchecked(engine: CompiledEngine, rows: list[Any], query: str = QUERY) -> Any:
    """Return the answer for these rows once their classes are known.

    A class whose records hold a number in the place of text is telling: checked, it would be text.
    """
    for _ in range(2):
        await engine.run(Operation(query), rows)
    return (await engine.run(Operation(query), rows)).data


RIGHT: dict[str, Any] = {
    "title": st.text(max_size=3),
    "name": st.none() | st.text(max_size=3),
    "is_in": st.none() | st.booleans(),
    "grade": st.none() | st.sampled_from(["good", "bad"]),
}
ANYTHING = st.sampled_from([None, True, 0, -1.5, 2**70, "", "text", [], [None], {}, {"key": 1}])


def bodies(*, is_spoilt: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw rows as an upstream may tell them; wrong values may stand anywhere but in keys."""

    def value(right: Any) -> Any:
        return right | ANYTHING if is_spoilt else right

    keys = st.integers(1, 9) | st.sampled_from(["a", "b"])
    texts = {"name": value(RIGHT["name"]), "is_here": value(RIGHT["is_in"])}
    person = st.fixed_dictionaries({"key": keys}, optional=texts)
    members = {name: value(right) for name, right in RIGHT.items()}
    members["by"] = value(st.none() | person)
    members["people"] = value(st.none() | st.lists(person, max_size=3))
    return st.lists(st.fixed_dictionaries({"key": keys}, optional=members), max_size=4)


LIVING = CompiledEngine(strawberry.Schema(Query)._schema, sights=1)
"""An engine that lives through all examples."""


@given(body=bodies(is_spoilt=True) | bodies(is_spoilt=False))
async def test_whatever_was_read_comes_out_as_ever(body: list[dict[str, Any]]) -> None:
    """Records that kept their contract and such that did not: data and errors of graphql-core."""
    shape = Shape[tuple[RowRecord, ...]](tuple[RowRecord, ...])

    await same(LIVING, shape.read(json.dumps(body).encode(), WHERE))


def test_both_sides_mean_the_same_name() -> None:
    """What a record says is found where the engine looks for it."""
    assert declared.HELD == checks.HELD


WRONG: Any = 7


async def test_a_class_is_believed(engine: CompiledEngine) -> None:
    """What it says it holds is printed as it is, in rows and in what stands in them."""
    person = PersonRecord(name=WRONG)
    row = RowRecord("1", name=WRONG, by=person, people=(person,))  # type: ignore[arg-type]  # as read

    (data,) = (await unchecked(engine, [row]))["rows"]

    assert (data["name"], data["by"]["name"], data["people"][0]["name"]) == (7, 7, 7)


@pytest.mark.parametrize("kind", [UntoldRow, SilentRow, LooseRow, OddRow])
async def test_what_does_not_say_all_is_checked(engine: CompiledEngine, kind: Any) -> None:
    """Nothing is taken from the class above, and half a word is none."""
    (data,) = (await unchecked(engine, [kind("1", title="a", name=WRONG)]))["rows"]

    assert data["name"] == "7"


async def test_a_list_in_a_row_is_read_by_its_own_word(schema: GraphQLSchema) -> None:
    """Rows are checked or not, and so are lists in them, whatever the other is."""
    lists = "{ rows { name people { name } } }"
    rows: Any = [
        UntoldRow("1", people=(PersonRecord(name=WRONG),)),  # type: ignore[arg-type]  # as read
        RowRecord("1", name=WRONG, people=(UntoldPerson(),)),  # type: ignore[arg-type]  # as read
    ]
    names = []

    for row in rows:
        (data,) = (await unchecked(CompiledEngine(schema, sights=1), [row], lists))["rows"]
        names.append((data["name"], data["people"][0]["name"]))

    assert names == [(None, 7), (7, "Ada")]


async def test_an_object_that_was_never_there_needs_no_word(engine: CompiledEngine) -> None:
    """Rows without it go unchecked; the first that has it is looked at."""
    row = RowRecord("1", name=WRONG)  # type: ignore[arg-type]  # as read
    rows = [row, RowRecord("2", name=WRONG, by=UntoldPerson(name=WRONG))]  # type: ignore[arg-type]  # as read

    names = [
        [each["name"] for each in (await unchecked(engine, some))["rows"]] for some in ([row], rows)
    ]

    assert names == [[7], ["7", "7"]]


async def test_an_object_in_a_row_needs_its_own_word(engine: CompiledEngine) -> None:
    """A row with an object that says nothing is checked as a whole."""
    row = RowRecord("1", name=WRONG, by=UntoldPerson(name=WRONG))  # type: ignore[arg-type]  # as read

    (data,) = (await unchecked(engine, [row]))["rows"]

    assert (data["name"], data["by"]["name"]) == ("7", "7")


async def test_a_null_that_may_not_be_is_an_error(engine: CompiledEngine) -> None:
    """Where the class allows None and the schema does not, it is told as graphql-core tells it."""
    result = await same(engine, [LooseRow("1", title="a"), LooseRow("2")])  # type: ignore[arg-type]  # as read

    assert [row and row["title"] for row in result.data["rows"]] == ["a", None]
    assert len(result.errors) == 1


async def test_a_record_with_an_error_is_told_among_good_ones(engine: CompiledEngine) -> None:
    """It is of another class, so the exact code has the word, before and after good rows."""
    body = [{"key": 1, "name": "a"}, {"key": 2, "name": [], "people": [{"key": 3, "name": 1}]}]
    read = Shape[tuple[RowRecord, ...]](tuple[RowRecord, ...]).read
    good, spoilt = (read(json.dumps(each).encode(), WHERE) for each in (body[:1] * 2, body))

    for rows in (spoilt, good, spoilt, good):
        result = await same(engine, rows)

        assert len(result.errors or ()) == (2 if rows is spoilt else 0)


async def test_a_spoilt_record_that_came_first_slows_nobody(engine: CompiledEngine) -> None:
    """The class that says what it holds is read straight, though it was not the first to be met."""
    row = {"key": 1, "by": {"key": 2}, "people": [{"key": 3}]}
    spoilt = {"key": 1, "name": 1, "by": {"key": 2, "name": 1}, "people": [{"key": 3, "name": 1}]}
    read = Shape[tuple[RowRecord, ...]](tuple[RowRecord, ...]).read
    first, good = (read(json.dumps([each] * 50).encode(), WHERE) for each in (spoilt, row))

    await same(engine, first)
    await same(engine, good)

    called = await calls_of_code(engine, list(good), QUERY)
    assert len(called) <= 55  # a list of people in each row


class PlainRow(msgspec.Struct):
    """A row that says nothing."""

    key: Any = "1"
    title: Any = "a"
    name: Any = None
    is_in: Any = None
    grade: Any = Grade.GOOD
    by: Any = None
    people: Any = ()


async def test_a_position_has_the_class_that_stands_there(engine: CompiledEngine) -> None:
    """Rows that say nothing are read straight too, though others of their type came elsewhere."""
    other = "{ rows { key } }"
    await engine.run(Operation(other), [UntoldRow("1")])  # type: ignore[arg-type]  # as read

    for _ in range(2):
        await same(engine, [PlainRow() for _ in range(50)])

    called = await calls_of_code(engine, [PlainRow() for _ in range(50)], QUERY)
    assert len(called) <= 55
