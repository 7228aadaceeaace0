"""Variables that are plainly values of their types are coerced as graphql-core coerces them."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, get_variable_values, parse
from graphql.execution.values import VariableValues
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.compiled.variables import PlainVariables

SCHEMA = build_schema(
    "scalar Odd input In { a: Int } enum Kind { A B }"
    " type Query { q(a: ID, b: Int, c: String, d: Boolean, e: Float, f: Odd, g: In, h: Kind): Int }"
)
TYPES = ["ID", "Int", "String", "Boolean", "Float", "Odd", "In", "Kind", "[Int]", "Nowhere"]
PLAIN = {"ID", "Int", "String", "Boolean"}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1]),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(), max_size=2),
)


def definition_of(declared: str) -> OperationDefinitionNode:
    """Return an operation with these variables."""
    definition = parse(f"query Q({declared}) {{ q }}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def told(values: VariableValues) -> Any:
    """Return all that matters of values: where they came from as well."""
    sources = {
        name: (source.value, source.signature.name, str(source.signature.type))
        for name, source in values.sources.items()
    }
    return repr((list(values.coerced.items()), list(sources.items())))


@st.composite
def declared(draw: st.DrawFn) -> str:
    """Draw the declaration of up to three variables, some with defaults."""
    parts = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        kind = draw(st.sampled_from(TYPES))
        default = draw(st.sampled_from(["", "!", " = 3", " = null"]))
        parts.append(f"${name}: {kind}{default}")
    return ", ".join(parts)


@given(declared(), st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
def test_what_is_coerced_is_what_graphql_core_coerces(text: str, values: dict[str, Any]) -> None:
    """Whatever is declared and given, nothing is coerced that would be refused, or otherwise."""
    definition = definition_of(text)
    found = PlainVariables(SCHEMA, definition).coerced(values)
    if found is not None:
        expected = get_variable_values(SCHEMA, definition.variable_definitions or (), values)
        assert isinstance(expected, VariableValues)
        assert told(found) == told(expected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$a: ID!, $b: Int, $c: String", {"a": "96", "b": 20, "c": None}),
        ("$a: ID!, $b: Int, $c: String", {"a": "96"}),
        ("$a: Boolean! = true", {"a": False, "nobody": [1]}),
    ],
    ids=["given", "left out", "more than declared"],
)
def test_the_usual_ones_are_coerced(text: str, values: dict[str, Any]) -> None:
    """A hub, a size and a cursor need no walk through their types."""
    definition = definition_of(text)
    found = PlainVariables(SCHEMA, definition).coerced(values)

    expected = get_variable_values(SCHEMA, definition.variable_definitions or (), values)
    assert found is not None
    assert isinstance(expected, VariableValues)
    assert told(found) == told(expected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$a: ID!", {"a": 96}),
        ("$a: ID!", {}),
        ("$a: ID!", {"a": None}),
        ("$a: Int", {"a": True}),
        ("$a: Int", {"a": 2**31}),
        ("$a: Int = 3", {}),
        ("$a: Int = 3", {"a": None}),
        ("$a: Odd", {"a": "x"}),
        ("$a: [ID]", {"a": "x"}),
    ],
    ids=str,
)
def test_whatever_is_unusual_is_left_alone(text: str, values: dict[str, Any]) -> None:
    """Numbers for ids, defaults, lists and own scalars are graphql-core's, and so are refusals."""
    assert PlainVariables(SCHEMA, definition_of(text)).coerced(values) is None
