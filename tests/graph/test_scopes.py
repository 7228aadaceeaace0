"""`@requiresScope`: every field says what it needs, and what an operation needs is found once."""

import sys
from collections import Counter
from typing import Any

import pytest
import strawberry
from graphql import GraphQLSchema, parse

from casegraph.engine.scopes import ALL_SCOPES, AuthScope
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.graph.schema import build_schema, sdl
from casegraph.graph.scopes import ScopeTable, needing

SCHEMA: GraphQLSchema = build_schema()._schema
TABLE = ScopeTable(SCHEMA)


def needs(document: str) -> Any:
    """Return the scopes that each operation of a document needs."""
    return {name: set(each) for name, each in TABLE.needs(parse(document)).items()}


@pytest.mark.parametrize("root", ["Query", "Mutation"])
def test_the_text_says_of_every_root_field_what_it_needs(root: str) -> None:
    """Who reads the schema sees which scope a question or a change asks for."""
    body = sdl(build_schema()).partition(f"\ntype {root} {{")[2].partition("\n}")[0]
    kind: Any = SCHEMA.type_map[root]

    assert body.count("@requiresScope(scope: ") == len(kind.fields) > 5
    assert set(ALL_SCOPES) >= {
        part.partition('"')[0] for part in body.split('@requiresScope(scope: "')[1:]
    }


def test_ratings_are_written_with_their_own_scope() -> None:
    """A survey's key cannot change a case."""
    kind: Any = SCHEMA.mutation_type
    of_ratings = {
        name for name in kind.fields if TABLE._scopes["Mutation", name] == AuthScope.RATINGS_WRITE
    }

    assert of_ratings == {"addRating", "updateRating", "triggerRating"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ __typename __schema { types { name } } }", {None: set()}),
        ("{ node(id: 1) { id } }", {None: {"cases:read"}}),
        (
            "query A { __typename } query B { node(id: 1) { id } }",
            {"A": set(), "B": {"cases:read"}},
        ),
        (
            "query A { node(id: 1) @skip(if: true) { id } }",
            {"A": {"cases:read"}, None: {"cases:read"}},
        ),
        ("query { ... { ... on Query { node(id: 1) { id } } } }", {None: {"cases:read"}}),
        (
            "{ ...a } fragment a on Query { ...b } fragment b on Query { node(id: 1) { id } }",
            {None: {"cases:read"}},
        ),
        (
            "mutation { deleteCase(input: {}) { case { name } } addRating(input: {}) { outcome } }",
            {None: {"cases:write", "cases:read", "ratings:write"}},
        ),
        (
            "mutation { updateCase(input: {}) { conflict { message } changes { after } } }",
            {None: {"cases:write"}},
        ),
        (
            "mutation { updateCase(input: {}) { conflict { fields { actual } } } }",
            {None: {"cases:write", "cases:read"}},
        ),
    ],
)
def test_what_operations_need(document: str, expected: dict[str | None, set[str]]) -> None:
    """Fragments, several operations, payloads; what a variable would skip counts as well."""
    assert needs(document) == expected


def test_a_field_reached_through_an_interface_needs_the_same() -> None:
    """There is no way round by asking for less exactly."""

    @strawberry.interface
    class Thing:
        @strawberry.field
        def secret(self) -> str:
            return ""

    @needing(AuthScope.ADMIN, "secret")
    @strawberry.type
    class Safe(Thing):
        other: str

        @strawberry.field
        def secret(self) -> str:
            return ""

    @needing(AuthScope.CASES_READ)
    @strawberry.type
    class Query:
        thing: Thing

    schema: Any = strawberry.Schema(query=Query, types=[Safe])._schema
    found = ScopeTable(schema).needs(parse("{ thing { secret } }"))

    assert set(found[None]) == {"cases:read", "admin"}


def test_a_schema_with_an_open_root_field_is_not_built() -> None:
    """Who adds a question and forgets its scope hears of it at once."""

    @strawberry.type
    class Query:
        forgotten: str

    schema: Any = strawberry.Schema(query=Query)._schema
    with pytest.raises(ValueError, match=r"Query\.forgotten needs no scope"):
        ScopeTable(schema)
    with pytest.raises(ValueError, match="has no field nothing"):
        needing(AuthScope.ADMIN, "nothing")(Query)


async def test_a_document_is_looked_through_once() -> None:
    """The hot path pays for a look into what is remembered of the document."""
    looked = []

    def look(document: Any) -> Any:
        looked.append(document)
        return TABLE.needs(document)

    engine = StandardEngine(SCHEMA, needs=look)
    query = "query Q { node(id: 1) { id } }"
    answers = [
        engine.prepared(Operation(query, scopes=scopes))
        for scopes in (frozenset[str](), frozenset({"cases:write"}), ALL_SCOPES) * 3
    ]
    refused = [bool(getattr(answer, "errors", None)) for answer in answers]

    assert refused == [True, True, False] * 3
    assert len(looked) == 1


@pytest.mark.parametrize("is_trusted", [False, True])
def test_trusted_documents_need_their_scopes_too(is_trusted: bool) -> None:
    """Limits do not hold for them; rights do."""
    engine = StandardEngine(SCHEMA, needs=TABLE.needs)
    operation = Operation("{ node(id: 1) { id } }", is_trusted=is_trusted, scopes=frozenset())
    refused: Any = engine.prepared(operation)

    assert [error.original_error.code for error in refused.errors] == ["PERMISSION_DENIED"]


def test_looking_is_linear_in_the_document() -> None:
    """A document of fragments that spread the next one twice costs no more than its length."""

    def steps(count: int) -> int:
        text = "{ ...f0 }" + "".join(
            f" fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(count)
        )
        document = parse(f"{text} fragment f{count} on Query {{ __typename }}")
        made: Counter[str] = Counter()
        sys.setprofile(lambda _frame, event, _argument: made.update([event]))
        TABLE.needs(document)
        sys.setprofile(None)
        return made["call"] + made["c_call"]

    assert 0 < steps(400) < 5 * steps(100)
