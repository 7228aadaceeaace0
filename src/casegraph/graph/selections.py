"""What is asked below a field, as far as it decides which calls are worth making.

Looked at before the field's own rows are there: a case whose details nobody selects need not come
by its details call, and a list of which only the count is selected need not come at all.
Invariant: where a directive or a fragment leaves doubt, the answer is the one that costs calls.
"""

from collections.abc import Iterator
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from casegraph.graph.context import Info

DETAILS_ONLY = frozenset(
    {"isOverdue", "dueAt", "preOverdueAt", "postOverdueAt", "updatedAt", "source", "version"}
)
"""Fields of a case that its list form leaves out (contract §5.2)."""
_OF_CASES = frozenset({"Case", "Node"})
_NOTHING = frozenset({"__typename"})


def asks_for_details(info: Info) -> bool:
    """Return whether a field that leads to a case selects any of its details."""
    return not DETAILS_ONLY.isdisjoint(_names(info))


def asks_only_for_count(info: Info) -> bool:
    """Return whether of a connection nothing but its total is selected."""
    return set(_names(info)) - _NOTHING == {"totalCount"}


def is_alone(info: Info) -> bool:
    """Return whether a field of the query is the only one that its operation selects."""
    raw: Any = info._raw_info  # noqa: SLF001  as below
    selected = raw.operation.selection_set.selections
    return len(selected) == 1 and isinstance(selected[0], FieldNode)


def is_of_one(info: Info) -> bool:
    """Return whether a field has one parent only, so that its kind is asked of no other meanwhile.

    That is below the only field of an operation, with no list between. The same of the same parent
    may be asked twice, under two names.
    """
    raw: Any = info._raw_info  # noqa: SLF001  as below
    around = raw.path
    while around is not None:
        if around.key.__class__ is int:
            return False
        around = around.prev
    return is_alone(info)


def _names(info: Info) -> Iterator[str]:
    raw: Any = info._raw_info  # noqa: SLF001  strawberry offers no other way to the field's nodes
    for node in raw.field_nodes:
        yield from _below(node.selection_set, raw.fragments)


def _below(selected: SelectionSetNode | None, fragments: Any) -> Iterator[str]:
    for node in selected.selections if selected is not None else ():
        if isinstance(node, FieldNode):
            yield node.name.value
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            if condition is None or condition.name.value in _OF_CASES or _is_list(condition):
                yield from _below(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            fragment = fragments[node.name.value]
            if fragment.type_condition.name.value in _OF_CASES or _is_list(fragment.type_condition):
                yield from _below(fragment.selection_set, fragments)


def _is_list(condition: Any) -> bool:
    name: str = condition.name.value
    return name.endswith("Connection")
