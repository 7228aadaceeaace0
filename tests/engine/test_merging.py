"""When it is certain that the fields of a document merge, and that it is never said wrongly."""

import pytest
from graphql import (
    FragmentsOnCompositeTypesRule,
    KnownFragmentNamesRule,
    OverlappingFieldsCanBeMergedRule,
    build_schema,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.merging import merges_for_certain

SCHEMA = build_schema("""
    interface Node { id: ID! text(a: Int, b: Int): String }
    type Case implements Node { id: ID! text(a: Int, b: Int): String status: Status notes: [Note] }
    type Note implements Node { id: ID! text(a: Int, b: Int): String status: String case: Case }
    type Status { text: String }
    type Query { node: Node case(id: ID): Case note: Note }
""")
CERTAIN = [
    "{ case { id id id } note { id } }",
    "{ case { status { text } } note { status } }",
    "{ case { text(a: 1) } note { text(a: 2) } }",
    "{ ...A ...B } fragment A on Query { case { id } } fragment B on Query { case { id text } }",
    "{ node { ... on Case { id } ... on Note { id } ... { text } } }",
    "{ a: case(id: 1) { text } b: case(id: 2) { text } }",
    "{ case { text @skip(if: true) text @skip(if: true) } }",
]
UNCERTAIN = [
    "{ a: case { text(a: 1) } b: case { text(a: 2) } }",
    "{ node { ... on Case { status { text } } ... on Note { status } } }",
    "{ case(id: 1) { id } case(id: 2) { id } }",
    "{ case { id: text } note { case { id } } }",
    "{ case { text text @skip(if: true) } }",
    "{ case { nope } }",
    "{ ...Nope }",
    "{ ...A } fragment A on Nope { id }",
    "{ nope { id } }",
    "subscription { id }",
]


@pytest.mark.parametrize("query", CERTAIN)
def test_one_meaning_on_each_type_is_certain(query: str) -> None:
    """However often a name stands, and whatever it is on types that no set brings together."""
    assert merges_for_certain(SCHEMA, parse(query))


@pytest.mark.parametrize("query", UNCERTAIN)
def test_two_meanings_are_looked_at(query: str) -> None:
    """Also where they do not meet, and where the schema knows nothing of them."""
    assert not merges_for_certain(SCHEMA, parse(query))


FIELDS = st.sampled_from(
    [
        "id",
        "text",
        "text(a: 1)",
        "text(a: 1, b: 2)",
        "text(b: 2, a: 1)",
        "id: text",
        "text: id",
        "status",
        "status: text",
        "...A",
        "...B",
    ]
)
NESTED = st.sampled_from(
    [
        "notes {{ {} }}",
        "case {{ {} }}",
        "status {{ {} }}",
        "... on Case {{ {} }}",
        "... on Note {{ {} }}",
        "... on Node {{ {} }}",
        "... {{ {} }}",
    ]
)


def _wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(str.format, NESTED, st.lists(inner, min_size=1, max_size=3).map(" ".join))


SELECTIONS = st.lists(st.recursive(FIELDS, _wrapped, max_leaves=6), min_size=1, max_size=4).map(
    " ".join
)
RULES = [OverlappingFieldsCanBeMergedRule, KnownFragmentNamesRule, FragmentsOnCompositeTypesRule]


@given(SELECTIONS, SELECTIONS, SELECTIONS, SELECTIONS)
def test_what_is_certain_is_true(node: str, case: str, first: str, second: str) -> None:
    """The library finds no conflict in what is said to merge, whatever the rest of it breaks."""
    document = parse(
        f"{{ node {{ {node} }} case {{ {case} }} }}"
        f" fragment A on Case {{ {first.replace('...A', 'id').replace('...B', 'id')} }}"
        f" fragment B on Node {{ {second.replace('...B', 'id').replace('...A', 'id')} }}"
    )

    if merges_for_certain(SCHEMA, document):
        assert validate(SCHEMA, document, RULES) == []
