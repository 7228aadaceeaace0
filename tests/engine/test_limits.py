"""What a document may have: each limit, what it counts, and what its refusal says."""

from dataclasses import replace

import pytest
from graphql import GraphQLSchema, build_schema, get_introspection_query
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.limits import INTROSPECTION_DEPTH_MAX, DocumentRefused, Limits, parsed
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.errors import LimitExceeded

LIMITS = Limits()
NESTED = "{ self " * 12 + "{ n }" + " }" * 12
"""A document of depth 13."""


def fragments(count: int, spreads: str, *, last: str = "{ n }") -> str:
    """Return fragments of which each spreads the next, as told."""
    chain = " ".join(
        f"fragment F{number} on Query {{ {spreads.replace('NEXT', f'...F{number + 1}')} }}"
        for number in range(count)
    )
    return f"{chain} fragment F{count} on Query {last}"


def refusals(query: str, limits: Limits = LIMITS) -> list[str]:
    """Return what is said against a document."""
    try:
        parsed(query, limits)
    except DocumentRefused as refused:
        return [error.message for error in refused.errors]
    return []


def said(name: str, figure: int | str, limit: int) -> str:
    """Return the sentence of one refusal."""
    return f"The document is too big: {name} {figure}, at most {limit} allowed."


AT_THE_LIMIT = {
    "characters": "{ n }" + " " * (LIMITS.characters - 5),
    "tokens": "{ n(a: [" + "1 " * 1_991 + "]) }",
    "depth": "{ self " * 11 + "{ n }" + " }" * 11,
    "depth of a value": "{ n(a: " + "[" * 12 + "]" * 12 + ") }",
    "depth through fragments": "{ ...F0 } " + fragments(11, "self { NEXT }"),
    "aliases": "{ self { " + " ".join(f"a{number}: n" for number in range(30)) + " } }",
    "root fields": "{ " + "n " * 20 + "}",
    "mutations": "mutation { " + "n " * 5 + "}",
    "directives": "{ n " + "@skip(if: false) " * 50 + "}",
    "fields": "{ self { " + "n " * 200 + "} }",
    "operations": " ".join(f"query Q{number} {{ n }}" for number in range(10)),
}

COMPARED = "{ other: self { n(a: [1]) } self { " + "n " * 200 + "} }"
"""A field of two meanings, so that its two hundred nodes are compared with each other."""

ABOVE = [
    ("{ n }" + " " * (LIMITS.characters - 4), said("characters", 15_001, 15_000)),
    ("{ n(a: [" + "1 " * 1_992 + "]) }", said("tokens", "more than 2000", 2_000)),
    ("# c\n" * 2_001 + "{ n }", said("tokens", "more than 2000", 2_000)),
    (NESTED, said("depth", 13, 12)),
    ("{ n(a: " + "[" * 13 + "]" * 13 + ") }", said("depth", 13, 12)),
    ("{ n(a: " + "{b:" * 13 + "1" + "}" * 13 + ") }", said("depth", 13, 12)),
    ("query ($a: I = " + "[" * 13 + "]" * 13 + ") { n }", said("depth", 13, 12)),
    ("{ n @skip(if: " + "[" * 13 + "]" * 13 + ") }", said("depth", 13, 12)),
    ("{ ...F0 } " + fragments(12, "self { NEXT }"), said("depth", 13, 12)),
    ("{ self " * 300 + "{ n }" + " }" * 300, said("depth", "more than 12", 12)),
    (
        "{ self { " + " ".join(f"a{number}: n" for number in range(31)) + " } }",
        said("aliases", 31, 30),
    ),
    (
        "{ " + "...F " * 11 + "} fragment F on Query { self { a: n b: n c: n } }",
        said("aliases", 33, 30),
    ),
    ("{ " + "n " * 21 + "}", said("root fields", 21, 20)),
    ("{ ... { " + "n " * 21 + "} }", said("root fields", 21, 20)),
    ("{ ...F } fragment F on Query { " + "n " * 21 + "}", said("root fields", 21, 20)),
    ("mutation { " + "n " * 6 + "}", said("mutations", 6, 5)),
    ("{ n " + "@skip(if: false) " * 51 + "}", said("directives", 51, 50)),
    ("query " + "@a " * 51 + "{ n }", said("directives", 51, 50)),
    ("query ($a: I " + "@a " * 51 + ") { n }", said("directives", 51, 50)),
    ("{ ... " + "@a " * 51 + "{ n } }", said("directives", 51, 50)),
    ("{ ...F " + "@a " * 51 + "} fragment F on Query { n }", said("directives", 51, 50)),
    ("{ n } fragment F on Query " + "@a " * 51 + "{ n }", said("directives", 51, 50)),
    ("{ self { " + "n " * 201 + "} }", said("fields of one selection set", 201, 200)),
    (
        "{ self { " + "... { n } " * 201 + "} }",
        said("fields of one selection set", 201, 200),
    ),
    (
        " ".join(f"query Q{number} {{ n }}" for number in range(11)),
        said("operations", 11, 10),
    ),
]


@pytest.mark.parametrize("query", AT_THE_LIMIT.values(), ids=AT_THE_LIMIT)
def test_a_document_at_a_limit_is_taken(query: str) -> None:
    """The figures are what is allowed, not the first that is refused."""
    assert refusals(query) == []


@pytest.mark.parametrize(("query", "expected"), ABOVE, ids=lambda text: text[:40])
def test_a_document_above_a_limit_is_refused(query: str, expected: str) -> None:
    """The refusal names the limit and the figure."""
    assert expected in refusals(query)


def test_every_limit_is_named_at_once() -> None:
    """Who exceeds two limits learns of both."""
    query = "{ " + " ".join(f"a{number}: n" for number in range(31)) + " }"

    assert refusals(query) == [said("aliases", 31, 30), said("root fields", 31, 20)]


def test_refusals_have_a_code_of_their_own() -> None:
    """A document that is too big is not one that is wrong."""
    with pytest.raises(DocumentRefused) as refused:
        parsed(NESTED, LIMITS)

    assert [error.original_error.code for error in refused.value.errors] == [LimitExceeded.code]


def test_limits_are_what_they_are_set_to() -> None:
    """Another figure moves the bound."""
    assert refusals(NESTED, replace(LIMITS, depth=13)) == []


@pytest.mark.parametrize("count", [10, 17, 60, 180])
def test_fragments_that_double_are_told_by_their_size(count: int) -> None:
    """Each spreads the next twice; what they come to is counted without being walked."""
    query = "{ ...F0 } " + fragments(count, "NEXT NEXT")
    figure = 2**count if 2**count < 1_000_000 else "more than 1000000"

    assert said("root fields", figure, 20) in refusals(query)


@pytest.mark.parametrize(
    "query",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { self { ...B } } fragment B on Query { self { ...A } }",
        "{ ...A } fragment A on Query { ...Nowhere }",
        "{ ...Nowhere }",
    ],
)
def test_fragments_that_lead_nowhere_are_for_validation(query: str) -> None:
    """Cycles and unknown names are refused by their proper messages, not by a limit."""
    assert refusals(query) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"input_value_deprecation": True, "specified_by_url": True, "schema_description": True},
        {"directive_is_repeatable": True, "descriptions": False},
    ],
)
def test_the_introspection_of_known_tools_passes(options: dict[str, bool]) -> None:
    """GraphiQL and the code generators send this query, deeper than any operation may be."""
    assert refusals(get_introspection_query(**options)) == []


def test_introspection_has_a_bound_too() -> None:
    """Its depth is counted apart, and ends."""
    below = "ofType { " * 30 + "name" + " }" * 30
    query = f'{{ __type(name: "A") {{ {below} }} }}'

    assert refusals(query) == [said("introspection depth", 32, INTROSPECTION_DEPTH_MAX)]


def test_introspection_through_fragments_is_counted_as_introspection() -> None:
    """The generators' query names its types in fragments; below `__schema` their depth is its."""
    chain = fragments(13, "ofType { NEXT }", last="{ name }")

    assert refusals("{ __schema { queryType { ...F0 } } } " + chain) == []
    assert said("depth", 14, 12) in refusals("{ ...F0 } " + chain)


def test_no_field_hides_behind_introspection() -> None:
    """A fragment used on both sides is counted on both."""
    query = "{ __schema { ...F0 } self { ...F0 } } " + fragments(12, "self { NEXT }")

    assert said("depth", 14, 12) in refusals(query)


@pytest.fixture
def schema() -> GraphQLSchema:
    """Return a schema of which a field leads back to itself."""
    return build_schema("type Query { n(a: [Int]): Int self: Query }")


async def test_a_refused_document_reaches_the_client(schema: GraphQLSchema) -> None:
    """The engine answers with errors and no data, and validates nothing."""
    result = await StandardEngine(schema).run(Operation("{ unknown " + NESTED + " }"), None)

    assert result.data is None
    assert [error.message for error in result.errors] == [said("depth", 14, 12)]


async def test_comparing_fields_has_a_budget(schema: GraphQLSchema) -> None:
    """Two hundred fields that must be compared are within the shape, not within the comparisons."""
    result = await StandardEngine(schema).run(Operation(COMPARED), None)

    name = "comparisons of fields of the same name"
    assert [error.message for error in result.errors] == [said(name, "more than 2000", 2_000)]


async def test_the_budget_is_a_setting(schema: GraphQLSchema) -> None:
    """With the library's own figure the same document runs."""
    engine = StandardEngine(schema, limits=replace(LIMITS, comparisons=500_000))

    result = await engine.run(Operation(COMPARED), None)

    assert result.errors is None


async def test_what_merges_for_certain_needs_no_budget(schema: GraphQLSchema) -> None:
    """Two hundred times the same field is one field, and nothing is compared."""
    engine = StandardEngine(schema, limits=replace(LIMITS, comparisons=1))

    result = await engine.run(Operation(AT_THE_LIMIT["fields"]), None)

    assert result.errors is None


async def test_refused_documents_are_not_remembered(schema: GraphQLSchema) -> None:
    """Neither those beyond the shape, nor those whose validation is given up."""
    engine = StandardEngine(schema)
    await engine.run(Operation("{ n }"), None)

    for query in [NESTED, "{ n(a: ]", COMPARED, "{" * 20_000, "# " + "\n#" * 3_000]:
        await engine.run(Operation(query), None)

    assert list(engine._memory._kept) == ["{ n }", "{ n(a: ]"]


async def test_invalid_documents_are_remembered_without_their_trees(schema: GraphQLSchema) -> None:
    """What is kept of them is what to say, with at most ten places each."""
    query = "query (" + "$a: Int " * 100 + ") { n }"
    engine = StandardEngine(schema)

    first = await engine.run(Operation(query), None)
    second = await engine.run(Operation(query), None)

    assert first.formatted == second.formatted
    assert [error.nodes for error in first.errors] == [None] * len(first.errors)
    assert max(len(error.locations or ()) for error in first.errors) == 10
    assert engine._memory.tokens < 10


async def test_names_are_hinted_at_only_where_that_is_wanted(schema: GraphQLSchema) -> None:
    """Without suggestions neither documents nor variables make the gateway name its names."""
    input_schema = build_schema("type Query { n(a: I): Int } input I { secretName: Int } ")
    asked = Operation("query ($a: I) { n(a: $a) }", {"a": {"secretNam": 1}})
    unknown = Operation("{ sel }")

    for suggestions in (True, False):
        engine = StandardEngine(input_schema, suggestions=suggestions)
        of_variables = await engine.run(asked, None)
        of_document = await StandardEngine(schema, suggestions=suggestions).run(unknown, None)
        assert suggestions == ("secretName" in str(of_variables.errors).replace("'secretNam'", ""))
        assert suggestions == ("self" in str(of_document.errors))


ENGINE = StandardEngine(build_schema("type Query { n: Int }"))


@given(st.text(alphabet='{}()[]:$@!|."a1 \n#', max_size=200) | st.text(max_size=100))
def test_every_text_is_a_document_a_refusal_or_a_syntax_error(text: str) -> None:
    """Measuring fails on nothing that the parser lets through."""
    refused = None
    try:
        checked = ENGINE._check(text)
    except DocumentRefused as error:
        refused = error.errors

    assert refused or checked.document is not None or checked.errors
