"""Links that a request is going to follow from cases that it has not read yet.

What changed lately among notes and reviews can be asked while the cases are on their way, where
that is how they will be read; who waits for the one after the other waits twice as long.
Invariant: nothing is begun for a link that a directive or a fragment leaves in doubt.
"""

from collections.abc import Iterator
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from casegraph.graph.context import Info

_WAYS = frozenset({"nodes", "edges", "node"})
"""Fields between a connection and its cases."""
_OF_CASES = frozenset({"Case", "Node"})
_LINKS = frozenset({"notes", "reviews"})
"""Those that are followed by a feed."""


def look_ahead(info: Info, hub_id: str, cases: int, meanwhile: str) -> None:
    """Begin what links of a hub's cases need that are below the field, by its own request.

    So many cases are expected, and asked for `meanwhile`, by an operation of that name.

    Below it the request's own acceptance holds, whatever a directive says of the field itself.
    """
    raw: Any = info._raw_info  # noqa: SLF001  strawberry offers no other way to the field's nodes
    links = {name for node in raw.field_nodes for name in _links(node.selection_set, raw.fragments)}
    reads = info.context.reads
    if "notes" in links:
        reads.notes.look_ahead(hub_id, cases, meanwhile)
    if "reviews" in links:
        reads.reviews.look_ahead(cases, meanwhile)


def _links(selected: SelectionSetNode | None, fragments: Any) -> Iterator[str]:
    for node in selected.selections if selected is not None else ():
        if node.directives:
            continue
        if isinstance(node, FieldNode):
            name = node.name.value
            if name in _LINKS:
                yield name
            elif name in _WAYS:
                yield from _links(node.selection_set, fragments)
        elif isinstance(node, InlineFragmentNode):
            if node.type_condition is None or _is_passed(node.type_condition.name.value):
                yield from _links(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            fragment = fragments[node.name.value]
            if _is_passed(fragment.type_condition.name.value):
                yield from _links(fragment.selection_set, fragments)


def _is_passed(name: str) -> bool:
    """Return whether cases, or what leads to them, are of this type."""
    return name in _OF_CASES or name.endswith(("Connection", "Edge"))
