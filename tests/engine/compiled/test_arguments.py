"""Arguments that are plainly values or variables are read as graphql-core reads them."""

import re
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    OperationDefinitionNode,
    build_schema,
    get_argument_values,
    get_variable_values,
    parse,
)
from graphql.execution.values import VariableValues
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.compiled.arguments import PlainArguments

SCHEMA = build_schema(
    """
    scalar Odd
    enum Kind { A B }
    input In { a: Int = 4, b: [ID!] }
    type Query {
      plain(a: ID!, b: Int = 25, c: String, d: Boolean! = true, e: Kind = A, f: Float): Int
      odd(a: [Int], b: Odd, c: In, d: [Kind!]! = [A], e: Int = 3): Int
    }
    """
)
VARIABLES = {
    "$id": ("ID!", ["96", "x"]),
    "$int": ("Int", [None, 7]),
    "$five": ("Int = 5", [None, 7]),
    "$text": ("String", [None, "x"]),
    "$flag": ("Boolean", [None, True, False]),
    "$kind": ("Kind", [None, "A"]),
    "$ints": ("[Int]", [None, [1]]),
    "$odd": ("Odd", [None, {"a": [1]}]),
    "$in": ("In", [None, {"a": 1}, {}]),
    "$kinds": ("[Kind!]! = [B]", [["A"]]),
}
"""Variables with their types and values."""
FITTING = {
    "plain": {
        "a": ['"x"', "7", "$id"],
        "b": ["7", "null", "$int", "$five"],
        "c": ['"x"', "null", "$text"],
        "d": ["true", "$flag"],
        "e": ["A", "null", "$kind"],
        "f": ["1", "2.5", "$int"],
    },
    "odd": {
        "a": ["[1]", "[$int, 2]", "1", "null", "$ints"],
        "b": ['"x"', "{a: $int}", "$odd"],
        "c": ["{a: 1}", "{a: $int, b: [$id]}", "null", "$in"],
        "d": ["[A]", "A", "[$kind]", "$kinds"],
        "e": ["3", "null", "$five"],
    },
}
"""What each argument takes; one that may not be null takes variables that may be."""


def field_of(document: str) -> tuple[GraphQLField, FieldNode, OperationDefinitionNode]:
    """Return the definition and the node of a document's only field, and the operation."""
    operation = parse(document).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    node = operation.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    assert SCHEMA.query_type is not None
    return SCHEMA.query_type.fields[node.name.value], node, operation


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a query of one field, and values for some of its variables."""
    field = draw(st.sampled_from(sorted(FITTING)))
    names = draw(st.lists(st.sampled_from(sorted(FITTING[field])), unique=True))
    if field == "plain" and "a" not in names:
        names.append("a")
    said = ", ".join(f"{name}: {draw(st.sampled_from(FITTING[field][name]))}" for name in names)
    used = [name for name in VARIABLES if re.search(re.escape(name) + r"\b", said)]
    declared = ", ".join(f"{name}: {VARIABLES[name][0]}" for name in used)
    values = {
        name[1:]: draw(st.sampled_from(VARIABLES[name][1]))
        for name in used
        if name == "$id" or draw(st.booleans())
    }
    return (
        f"query Q{f'({declared})' if used else ''} {{ {field}{f'({said})' if said else ''} }}",
        values,
    )


@given(asked())
def test_what_is_read_is_what_graphql_core_reads(asked: tuple[str, dict[str, Any]]) -> None:
    """The same names, values and order, or nothing; and nothing where it refuses."""
    document, given = asked
    definition, node, operation = field_of(document)
    variables = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(variables, VariableValues)

    found = PlainArguments(definition, node).read(variables)

    try:
        expected = get_argument_values(definition, node, variables)
    except GraphQLError:
        assert found is None
        return
    if found is not None:
        assert repr(list(found.items())) == repr(list(expected.items()))


@pytest.mark.parametrize(
    ("document", "given"),
    [
        ("query Q($v: ID!, $w: Int) { plain(a: $v, b: $w) }", {"v": "96"}),
        ('query Q { plain(a: "96", c: null, e: B) }', {}),
        ("query Q($v: ID!) { plain(a: $v, b: 3, d: false, f: 1) }", {"v": "x"}),
    ],
    ids=["variables", "text", "both"],
)
def test_the_usual_ones_are_read(document: str, given: dict[str, Any]) -> None:
    """Ids, sizes, cursors and choices need no walk through their definitions."""
    definition, node, operation = field_of(document)
    variables = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(variables, VariableValues)

    found = PlainArguments(definition, node).read(variables)

    assert found is not None
    assert repr(list(found.items())) == repr(
        list(get_argument_values(definition, node, variables).items())
    )


@pytest.mark.parametrize(
    ("document", "given"),
    [
        ("query Q { odd }", {}),
        ("query Q { odd(a: [1], d: [A]) }", {}),
        ('query Q { odd(b: "x", d: [A]) }', {}),
        ("query Q($v: Boolean = true) { plain(a: 1, d: $v) }", {"v": None}),
    ],
    ids=["a list by default", "a list", "a scalar of its own", "null where none may be"],
)
def test_whatever_can_change_or_fail_is_left_alone(document: str, given: dict[str, Any]) -> None:
    """A list may be changed by who is handed it, and a refusal has words of graphql-core's."""
    definition, node, operation = field_of(document)
    variables = get_variable_values(SCHEMA, operation.variable_definitions or (), given)
    assert isinstance(variables, VariableValues)

    assert PlainArguments(definition, node).read(variables) is None
