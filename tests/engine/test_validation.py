"""Our validation finds what the library's does, in the same words and places."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    build_schema,
    get_introspection_query,
    parse,
    specified_rules,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.validation import validated
from support.attacked import corpus, text_of

SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text("utf-8"))
RULES = (*specified_rules, NoSchemaIntrospectionCustomRule)
HOSTILE = {entry["name"]: text_of(entry["document"]) for entry in corpus("documents")}
VALID = {
    "variables": """query Q($id: ID!, $n: Int = 5, $ids: [ID!] = ["1"], $yes: Boolean!) {
      cases(hubId: $id, first: $n, filter: { statusItemIds: $ids }) { nodes { ...C } } }
      fragment C on Case { name @include(if: $yes) notes(first: $n) { nodes { id text } } }""",
    "a dollar in a text": '{ dollars: customerCases(customerId: "$n") { id } }',
    "introspection": get_introspection_query(),
}
BROKEN = {
    "a variable of another type": "query ($n: Int) { node(id: $n) { id } }",
    "a variable of another type, in a fragment": (
        "query ($n: Int) { ...A } fragment A on Query { node(id: $n) { id } }"
    ),
    "an unknown variable in a fragment": (
        "query A { ...A } fragment A on Query { node(id: $n) { id } }"
    ),
    "a conflict": '{ a: case(hubId: "1", caseId: "1") { a: name a: cost } a: roles { id } }',
    "deep introspection": "{ __schema { types { fields { type { fields { type { name } } } } } } }",
    "fragments nested too deeply": "{ ...F0 } "
    + " ".join(f"fragment F{each} on Query {{ ...F{each + 1} }}" for each in range(400))
    + " fragment F400 on Query { __typename }",
}


def found(document: str, *, hide: bool = False) -> tuple[list[str], list[str]]:
    """Return what the library and what we say of a document, each with its places."""
    parsed = parse(document)
    theirs = validate(SCHEMA, parsed, RULES, max_errors=9, hide_suggestions=hide)
    ours = validated(SCHEMA, parsed, RULES, max_errors=9, hide_suggestions=hide)
    return (
        [f"{error.message} {error.locations}" for error in theirs],
        [f"{error.message} {error.locations}" for error in ours],
    )


@pytest.mark.parametrize("document", [*VALID.values(), *BROKEN.values()], ids=[*VALID, *BROKEN])
def test_the_findings_are_the_librarys(document: str) -> None:
    """For valid documents none, for others the same ones, with suggestions and without."""
    for hide in (True, False):
        theirs, ours = found(document, hide=hide)
        assert ours == theirs


def test_each_of_the_broken_is_found() -> None:
    """The comparison compares something."""
    assert all(found(document)[1] for document in BROKEN.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_found_the_same(name: str) -> None:
    """Whatever of the corpus can be read at all."""
    try:
        theirs, ours = found(HOSTILE[name])
    except GraphQLSyntaxError:
        return
    assert ours == theirs


PIECES = st.sampled_from(
    [
        "id",
        "name",
        "a: name",
        "a: cost",
        "nope",
        "name(a: 1)",
        "notes { nodes { text id } }",
        "notes(first: $n) { totalCount }",
        "notes(first: $m, first: 1) { totalCount }",
        "dataField(questionName: $t) { name }",
        "...A",
        "...B",
        "... on Note { id }",
        "... on Case { a: isClosed }",
        "... @include(if: $b) { id }",
        "name @skip(if: $b) @skip(if: true)",
        "name @nope(a: $n)",
        "status",
        "listValues(type: STATU) { type }",
        "dataFields(questionNames: [1, $t, null]) { name }",
    ]
)
SOME = st.lists(PIECES, min_size=1, max_size=6).map(" ".join)
VARIABLES = st.lists(
    st.sampled_from(
        ["$n: Int", "$m: Int = 3", "$t: String!", "$b: Boolean!", "$u: Case", "$n: ID"]
    ),
    max_size=4,
).map(lambda each: f"({', '.join(each)})" if each else "")


@given(VARIABLES, SOME, SOME, SOME)
def test_any_document_is_found_the_same(variables: str, case: str, first: str, second: str) -> None:
    """Rules that skip subtrees, break off or share what they found do so as in the library."""
    theirs, ours = found(
        f"query Q{variables} {{ case(hubId: 1, caseId: 2) {{ {case} }} }}"
        f" fragment A on Case {{ {first} }} fragment B on Node {{ {second} }}"
    )

    assert ours == theirs
