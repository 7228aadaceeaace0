"""The schema's text in the order in which a person reads it: questions, things, lists, the rest.

The order is derived, never listed: the things are the types with an identity, as the questions name
them, each followed by the parts that are nearest to it; then what only arguments use, connections,
scalars and directives. A new type finds its place by itself.
Invariant: every definition of the schema is printed once, and the same schema gives the same text.
"""

from collections.abc import Iterator, Mapping

from graphql import (
    DirectiveDefinitionNode,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    TypeDefinitionNode,
    get_named_type,
    parse,
)

_ARGUMENT_STEPS = 2
"""An argument ties a type less closely than a field, so an enum goes to the thing that has it."""

_ONE_OF = '"""Exactly one field of this input must be given, and not as null."""\n'
"""strawberry declares the directive for tools that do not know it yet, without a word on it."""


def in_reading_order(schema: GraphQLSchema, text: str) -> str:
    """Return the definitions of `text`, which must be `schema`'s, in reading order."""
    types: dict[str, str] = {}
    directives: dict[str, str] = {}
    for node in parse(text).definitions:
        if node.loc is not None and isinstance(node, TypeDefinitionNode | DirectiveDefinitionNode):
            kept = directives if isinstance(node, DirectiveDefinitionNode) else types
            kept[node.name.value] = text[node.loc.start : node.loc.end]
    if "oneOf" in directives and not directives["oneOf"].startswith('"'):
        directives["oneOf"] = _ONE_OF + directives["oneOf"]
    names = [name for name in _type_names(schema) if name in types]
    in_order = [types[name] for name in names] + [directives[name] for name in sorted(directives)]
    return "\n\n".join(in_order) + "\n"


def _type_names(schema: GraphQLSchema) -> list[str]:
    roots = [each for each in (schema.query_type, schema.mutation_type) if each is not None]
    things = _things(roots)
    parts = _parts(schema, things)
    order = [root.name for root in roots]
    for thing in things:
        order += [thing, *parts[thing]]
    order += [name for root in roots for name in _distances(schema, root.name)]
    order += sorted(schema.type_map)
    order = list(dict.fromkeys(order))
    return sorted(order, key=lambda name: _place(schema.type_map[name], order))


def _things(roots: list[GraphQLObjectType]) -> list[str]:
    """Return what has an identity, and the interface that says so, as the questions name them."""
    asked = [get_named_type(field.type) for root in roots for field in root.fields.values()]
    found = [
        each.name
        for each in asked
        if isinstance(each, GraphQLInterfaceType)
        or (isinstance(each, GraphQLObjectType) and each.interfaces)
    ]
    return list(dict.fromkeys(found))


def _parts(schema: GraphQLSchema, things: list[str]) -> Mapping[str, list[str]]:
    """Return for each thing the types that are nearer to it than to any other thing before it."""
    nearest: dict[str, tuple[int, str]] = {}
    for thing in things:
        for name, steps in _distances(schema, thing, stop=frozenset(things)).items():
            if name not in nearest or steps < nearest[name][0]:
                nearest[name] = (steps, thing)
    parts: dict[str, list[str]] = {thing: [] for thing in things}
    for thing in things:
        for name in _distances(schema, thing, stop=frozenset(things)):
            if name not in parts and nearest[name][1] == thing:
                parts[thing].append(name)
    return parts


def _distances(
    schema: GraphQLSchema, start: str, stop: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Return the types reachable from one, nearest first, without going through those in `stop`."""
    reached = {start: 0}
    waiting = [start]
    while waiting:
        waiting.sort(key=lambda name: reached[name])  # stable: equals stay in order of discovery
        name = waiting.pop(0)
        if name != start and name in stop:
            continue
        for found, steps in _uses(schema.type_map[name]):
            if found not in reached:
                reached[found] = reached[name] + steps
                waiting.append(found)
    del reached[start]
    return dict(sorted(reached.items(), key=lambda item: item[1]))


def _uses(kind: GraphQLNamedType) -> Iterator[tuple[str, int]]:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for field in kind.fields.values():
            yield get_named_type(field.type).name, 1
            for argument in field.args.values():
                yield get_named_type(argument.type).name, _ARGUMENT_STEPS
    elif isinstance(kind, GraphQLInputObjectType):
        for part in kind.fields.values():
            yield get_named_type(part.type).name, 1


def _place(kind: GraphQLNamedType, order: list[str]) -> tuple[int, int]:
    """Return how far behind the things a type stands; connections in the order of their things."""
    if isinstance(kind, GraphQLScalarType):
        return 2, 0
    row = kind.name.removesuffix("Connection").removesuffix("Edge")
    if row != kind.name and row in order:
        return 1, order.index(row)
    return (1, len(order)) if kind.name == "PageInfo" else (0, 0)
