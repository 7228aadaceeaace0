"""The schema in the forms that tools read beside its text: introspection, and what may be what.

The text is for people and most generators; a normalising client cache needs to know which types an
interface stands for, and some tools read only what introspection answers.
Invariant: the same schema gives the same bytes; both forms end with a line feed.
"""

import json
from typing import Any, Literal

from graphql import (
    ExecutionResult,
    GraphQLSchema,
    experimental_execute_incrementally,
    get_introspection_query,
    is_abstract_type,
    parse,
)

from casegraph.graph.schema import Schema, sdl

Format = Literal["sdl", "json", "possible-types"]


def exported(schema: Schema, form: Format) -> str:
    """Return the schema in one of its forms."""
    core = schema._schema  # noqa: SLF001  strawberry offers no other way to graphql-core's schema
    match form:
        case "sdl":
            return sdl(schema)
        case "json":
            return _json(_introspection(core))
        case "possible-types":
            return _json(_possible_types(core))


def _introspection(schema: GraphQLSchema) -> Any:
    """Return what the whole introspection query answers, as its `data`."""
    # Not `introspection_from_schema`, which refuses schemas that have @defer.
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        experimental_directive_deprecation=True,
        one_of=True,
    )
    result = experimental_execute_incrementally(schema, parse(query))
    if not isinstance(result, ExecutionResult) or result.errors:
        raise AssertionError(result)
    return result.data


def _possible_types(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Return the object types of each interface and union, as Apollo Client's cache wants them."""
    return {
        name: sorted(each.name for each in schema.get_possible_types(kind))
        for name, kind in sorted(schema.type_map.items())
        if is_abstract_type(kind)
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
