"""The engine alone: what it refuses, what it remembers, and what it runs."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema

from casegraph.engine import limits
from casegraph.engine.standard import ERRORS_MAX, Operation, StandardEngine


class Root:
    """The answers of the schema below."""

    def __init__(self) -> None:
        self.both = asyncio.Barrier(2)

    async def slow(self) -> str:
        """Answer when both fields have been asked."""
        await self.both.wait()
        return "slow"


@pytest.fixture
def schema() -> GraphQLSchema:
    """Return a schema with a field that needs company."""
    schema = build_schema("type Query { slow: String twice(n: Int!): Int self: Query }")
    fields = schema.query_type.fields
    fields["slow"].resolve = lambda _, info: info.context.slow()
    fields["twice"].resolve = lambda _, __, n: n * 2
    fields["self"].resolve = lambda _, __: {}
    return schema


@pytest.fixture
def engine(schema: GraphQLSchema) -> StandardEngine:
    """Return an engine over it."""
    return StandardEngine(schema)


async def test_sibling_fields_run_together(engine: StandardEngine) -> None:
    """Two fields that wait for each other both get their answers."""
    result = await engine.run(Operation("{ a: slow b: slow }"), Root())

    assert result.data == {"a": "slow", "b": "slow"}


async def test_an_operation_without_waiting_fields_runs_too(engine: StandardEngine) -> None:
    """Execution may end at once; variables are coerced."""
    result = await engine.run(Operation("query ($n: Int!) { twice(n: $n) }", {"n": 21}), None)

    assert result.data == {"twice": 42}


async def test_a_document_is_checked_once(
    engine: StandardEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same text is parsed and validated for the first request only, right or wrong."""
    parsed = []

    def parse(*arguments: Any, **named: Any) -> Any:
        parsed.append(arguments)
        return original(*arguments, **named)

    original = limits.parse
    monkeypatch.setattr(limits, "parse", parse)

    for query in ("{ twice(n: 1) }", "{ nothing }", "{"):
        first = await engine.run(Operation(query), None)
        second = await engine.run(Operation(query), None)
        assert first.formatted == second.formatted

    assert len(parsed) == 3


async def test_remembered_documents_keep_no_variables(engine: StandardEngine) -> None:
    """A second request with other variables gets its own answer."""
    query = "query ($n: Int!) { twice(n: $n) }"

    answers = [(await engine.run(Operation(query, {"n": n}), None)).data for n in (1, 2)]

    assert answers == [{"twice": 2}, {"twice": 4}]


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("{ __typename } { __typename }", None, "must be the only"),
        ("query A { __typename } query B { __typename }", None, "which of"),
        ("query A { __typename }", "B", "no operation of that name"),
        ("fragment F on Query { __typename }", None, "never used"),
    ],
)
async def test_an_operation_that_is_not_clear_is_refused(
    engine: StandardEngine, query: str, name: str | None, expected: str
) -> None:
    """Nothing is guessed: no operation runs because it happens to stand first."""
    result = await engine.run(Operation(query, None, name), None)

    assert result.data is None
    assert {error.path for error in result.errors} == {None}
    assert expected in result.errors[0].message


async def test_a_subscription_is_refused() -> None:
    """Even where a schema has one, this way of running cannot serve it."""
    schema = build_schema("type Query { a: Int } type Subscription { a: Int }")

    result = await StandardEngine(schema).run(Operation("subscription { a }"), None)

    assert [error.message for error in result.errors] == ["This graph has no subscriptions."]


@pytest.mark.parametrize("depth", [50, 200, 400, 600, 900])
async def test_nesting_of_any_depth_ends_in_an_answer(engine: StandardEngine, depth: int) -> None:
    """Selections, lists and types nested too deeply are refused; no depth breaks the engine."""
    queries = [
        "{ " + "self { " * depth + "__typename" + " }" * depth + " }",
        "{ twice(n: " + "[" * depth + "]" * depth + ") }",
        "query ($a: " + "[" * depth + "Int" + "]" * depth + ") { twice(n: $a) }",
    ]

    results = [await engine.run(Operation(query), None) for query in queries]

    assert all(result.data is not None or result.errors[0].path is None for result in results)


async def test_the_number_of_errors_is_bounded(engine: StandardEngine) -> None:
    """A document with a hundred faults is told ten of them."""
    query = "{ self { " + " ".join(f"nothing{number}" for number in range(100)) + " } }"

    result = await engine.run(Operation(query), None)

    assert len(result.errors) == ERRORS_MAX


async def test_introspection_can_be_closed(schema: GraphQLSchema) -> None:
    """Then asking for the schema is invalid, and asking for a type's name is not."""
    engine = StandardEngine(schema, introspection=False)

    refused = await engine.run(Operation("{ __schema { queryType { name } } }"), None)
    allowed = await engine.run(Operation("{ __typename }"), None)

    assert refused.data is None
    assert "introspection" in refused.errors[0].message
    assert allowed.data == {"__typename": "Query"}
