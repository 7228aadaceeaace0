"""The schema in the forms that tools read."""

import json

import pytest
from graphql import build_client_schema, is_abstract_type, lexicographic_sort_schema, print_schema

from casegraph.graph.exports import exported
from casegraph.graph.schema import Schema, build_schema, sdl


@pytest.fixture(scope="module")
def schema() -> Schema:
    """Return the schema."""
    return build_schema()


def test_the_text_is_that_of_the_file(schema: Schema) -> None:
    """The form that people read is the one that is kept in the repository."""
    assert exported(schema, "sdl") == sdl(schema)


def test_introspection_tells_the_whole_schema(schema: Schema) -> None:
    """A tool that reads it has the same types, descriptions and deprecations."""
    rebuilt = build_client_schema(json.loads(exported(schema, "json")))

    def shown(each: object) -> str:
        return print_schema(lexicographic_sort_schema(each))

    assert shown(rebuilt) == shown(schema._schema)


def test_caches_learn_what_may_stand_for_what(schema: Schema) -> None:
    """Every interface and union is there with its object types, in the form that Apollo reads."""
    possible = json.loads(exported(schema, "possible-types"))

    abstract = {name for name, kind in schema._schema.type_map.items() if is_abstract_type(kind)}
    assert set(possible) == abstract
    assert {"Case", "Note", "Rating", "ReviewEntry", "CustomerCase"} <= set(possible["Node"])
    for name, members in possible.items():
        kind = schema._schema.type_map[name]
        assert members == sorted(each.name for each in schema._schema.get_possible_types(kind))


@pytest.mark.parametrize("form", ["sdl", "json", "possible-types"])
def test_the_forms_are_the_same_on_every_run(schema: Schema, form: str) -> None:
    """So that a file can be compared."""
    text = exported(schema, form)

    assert text == exported(build_schema(), form)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
