"""`@requiresScope`: what a caller must be allowed for a field, said in the schema and held to.

An operation is looked through once, when its document is first seen; what it needs is remembered
with the document. Each fragment is walked once, so the pass is linear in the document. A field that
`@skip` would leave out counts, so that nobody learns by variables what the rest may not be asked.
Invariants: every root field needs a scope, or the schema is not built; on an interface a field
needs what it needs on any of its types.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from strawberry.schema_directive import Location
from strawberry.types.base import get_object_definition

from casegraph.engine.scopes import AuthScope, Needs

Kind = TypeVar("Kind", bound=type)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresScope",
    description=(
        "Whoever asks for the field must have this scope, where callers are authenticated: else the"
        " whole operation is refused with `PERMISSION_DENIED` and nothing is fetched. Scopes are"
        " `cases:read`, `cases:write`, `ratings:write` and `admin`, which has all of them."
    ),
)
class RequiresScope:
    """Marks a field that not every caller may ask for."""

    scope: str


def needing(scope: AuthScope, *names: str) -> Callable[[Kind], Kind]:
    """Let fields of a type need a scope: those of these names, or all that need none yet."""

    def mark(kind: Kind) -> Kind:
        fields = get_object_definition(kind, strict=True).fields
        strangers = set(names) - {field.python_name for field in fields}
        if strangers:
            raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(strangers))}.")
        for field in fields:
            if field.python_name in names or not (names or _scope_of(field) is not None):
                field.directives = [*field.directives, RequiresScope(scope=scope.value)]
        return kind

    return mark


class ScopeTable:
    """What each field of a schema needs, and from that what operations need."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._scopes = {
            (kind.name, name): scope
            for kind in schema.type_map.values()
            if isinstance(kind, GraphQLObjectType)
            for name, field in kind.fields.items()
            if (scope := _scope_of(field.extensions.get("strawberry-definition"))) is not None
        }
        for interface in schema.type_map.values():
            if isinstance(interface, GraphQLInterfaceType):
                self._take_over(interface)
        for root in filter(None, (schema.query_type, schema.mutation_type)):
            open_to_all = [name for name in root.fields if (root.name, name) not in self._scopes]
            if open_to_all:
                raise ValueError(f"{root.name}.{open_to_all[0]} needs no scope.")

    def needs(self, document: DocumentNode) -> Mapping[str | None, Needs]:
        """Return what each operation of a valid document needs, by name.

        The only operation of a document is there under None as well.
        """
        operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        found: dict[str | None, Needs] = {
            node.name.value if node.name else None: self._of_operation(node, fragments)
            for node in operations
        }
        if len(operations) == 1:
            found[None] = next(iter(found.values()))
        return found

    def _take_over(self, interface: GraphQLInterfaceType) -> None:
        for kind in self._schema.get_possible_types(interface):
            for name in interface.fields:
                scope = self._scopes.get((kind.name, name))
                if scope is not None:
                    self._scopes.setdefault((interface.name, name), scope)

    def _of_operation(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> Needs:
        needs: dict[str, str] = {}
        walked: set[str] = set()
        root = self._schema.get_root_type(operation.operation)
        waiting: list[tuple[GraphQLNamedType, SelectionSetNode]] = []
        if root is not None:
            waiting.append((root, operation.selection_set))
        while waiting:  # a document may nest deeper than Python's stack, where limits are off
            parent, selections = waiting.pop()
            waiting += self._below(parent, selections, fragments, walked, needs)
        return needs

    def _below(
        self,
        parent: GraphQLNamedType,
        selections: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        walked: set[str],
        needs: dict[str, str],
    ) -> Iterator[tuple[GraphQLNamedType, SelectionSetNode]]:
        """Note what a selection set's fields need, and return the sets below it."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                place = (parent.name, node.name.value)
                scope = self._scopes.get(place)
                if scope is not None:
                    needs.setdefault(scope, ".".join(place))
                if node.selection_set is not None:
                    yield self._type_of(parent, node), node.selection_set
            elif isinstance(node, FragmentSpreadNode):
                fragment = fragments[node.name.value]
                if node.name.value not in walked:
                    walked.add(node.name.value)
                    yield self._named(fragment.type_condition.name.value), fragment.selection_set
            else:
                condition: Any = getattr(node, "type_condition", None)
                kind = parent if condition is None else self._named(condition.name.value)
                inner: Any = node
                yield kind, inner.selection_set

    def _type_of(self, parent: GraphQLNamedType, node: FieldNode) -> GraphQLNamedType:
        field = self._schema.get_field(parent, node.name.value)  # type: ignore[arg-type]
        if field is None:
            raise AssertionError(node.name.value)
        return get_named_type(field.type)

    def _named(self, name: str) -> GraphQLNamedType:
        return self._schema.type_map[name]


def _scope_of(field: Any) -> str | None:
    """Return the scope that a field of strawberry's needs."""
    for directive in getattr(field, "directives", ()):
        if isinstance(directive, RequiresScope):
            return directive.scope
    return None
