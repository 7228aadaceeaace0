"""Whether the fields of a document merge for certain, told in one pass over its text.

Validation compares the fields of one response name pairwise, through all fragments, because they
might differ. In most documents they do not: wherever a name stands on a type, it is the same field
with the same arguments. Then no pair can conflict, and none need be compared.
Invariant: True is a proof and False is none, so that whoever gets False looks for himself. Two
fields that merge stand on types that some selection set brings together by a type condition; what
is below them merges in its turn, and as their type is the same, stands on one type again.
"""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

_Signature = tuple[str, ...]


def merges_for_certain(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Return True only where no two fields of a document can conflict."""
    try:
        found = _Fields(schema, document)
    except _Unknown:
        return False
    merged: dict[tuple[str, str], _Signature] = {}
    for (type_name, name), signature in found.signatures.items():
        if merged.setdefault((found.group(type_name), name), signature) != signature:
            return False
    return True


class _Unknown(Exception):
    """A name is not in the schema or the document, or stands for two things on one type."""


class _Fields:
    """What each response name stands for on each type, and which types merge."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.signatures: dict[tuple[str, str], _Signature] = {}
        self._schema = schema
        self._groups: dict[str, str] = {}
        self._fragments: dict[str, str] = {
            each.name.value: each.type_condition.name.value
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = schema.get_root_type(definition.operation)
                self._walk(definition.selection_set, "" if root is None else root.name)
            elif isinstance(definition, FragmentDefinitionNode):
                self._walk(definition.selection_set, definition.type_condition.name.value)

    def group(self, type_name: str) -> str:
        """Return the type that stands for all that merge with this one."""
        while type_name in self._groups:
            type_name = self._groups[type_name]
        return type_name

    def _walk(self, selections: SelectionSetNode, type_name: str) -> None:
        waiting = [(selections, type_name)]
        while waiting:
            around, parent = waiting.pop()
            for node in around.selections:
                waiting += self._seen(node, parent)

    def _seen(self, node: SelectionNode, parent: str) -> Iterator[tuple[SelectionSetNode, str]]:
        """Note one selection; yields what is to be walked below it."""
        if isinstance(node, FieldNode):
            type_name = self._field(node, parent)
            if node.selection_set is not None:
                yield node.selection_set, type_name
        elif isinstance(node, FragmentSpreadNode):
            if node.name.value not in self._fragments:
                raise _Unknown
            self._merge(parent, self._fragments[node.name.value])
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = parent if condition is None else condition.name.value
            self._merge(parent, inner)
            yield node.selection_set, inner

    def _field(self, node: FieldNode, parent: str) -> str:
        """Note what a field is; returns the name of the type that it leads to."""
        kind = self._schema.type_map.get(parent)
        if not is_composite_type(kind):
            raise _Unknown
        definition = self._schema.get_field(kind, node.name.value)
        if definition is None:
            raise _Unknown
        key = (parent, node.alias.value if node.alias else node.name.value)
        signature = (node.name.value, str(definition.type), *_said(node))
        if self.signatures.setdefault(key, signature) != signature:
            raise _Unknown
        return get_named_type(definition.type).name

    def _merge(self, one: str, other: str) -> None:
        first, second = self.group(one), self.group(other)
        if first != second:
            self._groups[second] = first


def _said(node: FieldNode) -> list[str]:
    """Return the arguments and directives of a field as they are written."""
    return sorted(
        each.loc.source.body[each.loc.start : each.loc.end]
        for each in (*(node.arguments or ()), *(node.directives or ()))
        if each.loc is not None
    )
