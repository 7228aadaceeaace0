"""The fields that a selection asks for: fragments opened, `@skip` and `@include` obeyed.

The executor does the same over values; here there are none yet, only types.
Invariant: fields of one response name are one field with the selections of all its nodes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLDirective,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import VariableValues


@dataclass(frozen=True, slots=True)
class Selected:
    """One field of the answer, on one type of object."""

    response_name: str
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.nodes[0].name.value

    @property
    def type_name(self) -> str:
        """The name of the type it leads to, lists and non-nulls taken off."""
        return str(get_named_type(self.definition.type).name)

    def selection_sets(self) -> list[SelectionSetNode]:
        """Return what is selected below it."""
        return [node.selection_set for node in self.nodes if node.selection_set is not None]


@dataclass(frozen=True, slots=True)
class Document:
    """What a walk over one operation reads: its schema, its fragments, its coerced variables."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

    def fields(self, type_name: str, sets: Iterable[SelectionSetNode]) -> list[Selected]:
        """Return the fields that these selections ask of an object of this type."""
        kind = self.schema.type_map[type_name]
        if not isinstance(kind, GraphQLObjectType):
            return []
        found: dict[str, list[FieldNode]] = {}
        for each in sets:
            self._collect(kind, each.selections, found, set())
        return [
            Selected(name, kind.fields[nodes[0].name.value], tuple(nodes))
            for name, nodes in found.items()
            if nodes[0].name.value in kind.fields  # not __typename, __schema and __type
        ]

    def arguments(self, field: Selected) -> dict[str, Any]:
        """Return the field's coerced arguments."""
        return get_argument_values(field.definition, field.nodes[0], self.variables)

    def said(self, directive: GraphQLDirective, field: Selected) -> dict[str, Any] | None:
        """Return the arguments of a directive at the field, None where it does not stand."""
        for node in field.nodes:
            values = get_directive_values(directive, node, self.variables)
            if values is not None:
                return values
        return None

    def _collect(
        self,
        kind: GraphQLObjectType,
        selections: Sequence[SelectionNode],
        found: dict[str, list[FieldNode]],
        opened: set[str],
    ) -> None:
        for node in selections:
            if not self._is_wanted(node):
                continue
            if isinstance(node, FieldNode):
                name = node.alias.value if node.alias is not None else node.name.value
                found.setdefault(name, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._fits(kind, condition.name.value):
                    self._collect(kind, node.selection_set.selections, found, opened)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in opened:
                opened.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._fits(kind, fragment.type_condition.name.value):
                    self._collect(kind, fragment.selection_set.selections, found, opened)

    def _fits(self, kind: GraphQLObjectType, condition: str) -> bool:
        named = self.schema.type_map[condition]
        if not is_abstract_type(named):
            return named is kind
        abstract: GraphQLAbstractType = named
        return self.schema.is_sub_type(abstract, kind)

    def _is_wanted(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        if skip is not None and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return include is None or bool(include["if"])
