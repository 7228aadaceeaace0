"""The engine with documents that came by a way of their own: read-only ones and trusted ones."""

import pytest
from graphql import ExecutionResult, GraphQLSchema, build_schema

from casegraph.engine import standard
from casegraph.engine.limits import Limits
from casegraph.engine.standard import Operation, ReadsOnly, StandardEngine

BIG = "{ " + " ".join(f"a{number}: one" for number in range(60)) + " }"


@pytest.fixture
def schema() -> GraphQLSchema:
    """Return a schema of a question and a change."""
    schema = build_schema("type Query { one: Int } type Mutation { change: Int }")
    for kind in (schema.query_type, schema.mutation_type):
        for field in kind.fields.values():
            field.resolve = lambda *_: 1
    return schema


async def run(schema: GraphQLSchema, query: str, name: str | None = None) -> ExecutionResult:
    """Run an operation that promises to change nothing."""
    return await StandardEngine(schema).run(Operation(query, None, name, reads_only=True), None)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("mutation { change }", None),
        ("mutation M { change }", None),
        ("mutation M { change }", "M"),
        ("mutation M { nothing }", None),
        ("mutation M($a: X) { change }", "M"),
        ("query Q { one } mutation M { change }", "M"),
        ("query Q { one } mutation M { change } mutation N { change }", "N"),
    ],
)
async def test_a_promise_to_change_nothing_is_kept(
    schema: GraphQLSchema, query: str, name: str | None
) -> None:
    """A mutation is refused as what it is, also when it would not be valid."""
    schema.mutation_type.fields["change"].resolve = lambda *_: pytest.fail("it ran")

    with pytest.raises(ReadsOnly):
        await run(schema, query, name)


@pytest.mark.parametrize(
    ("query", "name"), [("{ one }", None), ("query Q { one } mutation M { change }", "Q")]
)
async def test_a_query_keeps_the_promise(
    schema: GraphQLSchema, query: str, name: str | None
) -> None:
    """A mutation that stands beside it does not matter."""
    assert (await run(schema, query, name)).data == {"one": 1}


async def test_what_is_not_clear_is_refused_as_such(schema: GraphQLSchema) -> None:
    """Which operation is meant must be known before anything is said of it."""
    result = await run(schema, "query Q { one } mutation M { change }")

    assert result.data is None
    assert "operationName" in result.errors[0].message


async def test_a_mutation_runs_where_nothing_was_promised(schema: GraphQLSchema) -> None:
    """The promise is the request's, not the document's."""
    engine = StandardEngine(schema)

    assert (await engine.run(Operation("mutation { change }"), None)).data == {"change": 1}


async def test_a_trusted_document_has_no_limits(schema: GraphQLSchema) -> None:
    """The same text is refused for anybody else, before and after."""
    engine = StandardEngine(schema, limits=Limits(aliases=30, root_fields=20, characters=100))

    refused = await engine.run(Operation(BIG), None)
    trusted = await engine.run(Operation(BIG, is_trusted=True), None)
    again = await engine.run(Operation(BIG), None)

    assert len(trusted.data) == 60
    assert refused.data is None
    assert [each.message for each in again.errors] == [each.message for each in refused.errors]


async def test_a_trusted_document_is_valid_all_the_same(schema: GraphQLSchema) -> None:
    """Trust is no reason to run what the schema does not have."""
    engine = StandardEngine(schema)

    result = await engine.run(Operation("{ gone }", is_trusted=True), None)

    assert result.data is None
    assert "gone" in result.errors[0].message


async def test_a_trusted_document_is_checked_once(
    schema: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And for good, whatever others run in between."""
    checks: list[object] = []
    validate = standard.validated

    def counted(*args: object, **more: object) -> object:
        checks.append(args)
        return validate(*args, **more)

    monkeypatch.setattr(standard, "validated", counted)
    engine = StandardEngine(schema)
    for _ in range(3):
        await engine.run(Operation(BIG, is_trusted=True), None)

    assert len(checks) == 1
