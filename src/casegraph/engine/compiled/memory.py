"""Plans that were made, by the text of their document, as many as bounds in bytes allow.

A text is planned when it is seen for the second time: one that never comes again would cost more to
compile than to run. Of a text that was seen once nothing is kept but its hash.
Invariants: what is kept weighs no more than the bound, whatever is asked in which order; one
document is compiled a bounded number of times while it is kept.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

from casegraph.engine.compiled.plan import Plan
from casegraph.engine.compiled.variables import PlainVariables

SEEN_MAX = 4_096
"""Texts of which it is remembered that they were seen once; 100 bytes each."""
DOCUMENTS_MAX = 512
"""Documents whose plans are kept, as many as documents that are kept parsed."""
STEP_BYTES = 3_400
"""What one planned field weighs with its code and the closures it calls: 2,450 bytes, measured
(tests/bench/execution_cost.py prints it), 330 in the class of its rows, and what the allocator
keeps beside them."""
SELECTION_BYTES = 2_200
"""What the class of a selection's rows weighs beside its keys, if no other plan has the same."""
TOKEN_BYTES = 600
"""What one token of the parsed document weighs, which its plans hold."""
BYTES_MAX = 48 * 2**20
"""All plans together: the fields of three hundred operations written by people."""
VARIANTS_MAX = 16
"""Plans of one operation, by the values that its directives take."""

SWITCHES = frozenset({"skip", "include"})
"""The directives that choose what is left out; a plan is of one choice."""

K = TypeVar("K")
V = TypeVar("V")


class Weighed(Generic[K, V]):
    """An LRU by number and weight."""

    def __init__(self, entries: int, weight: int) -> None:
        self._entries_max = entries
        self._weight_max = weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return a value, which is then the most recent."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep a value at this weight, and forget others until there is room."""
        _, before = self._kept.pop(key, (None, 0))
        self.weight -= before
        if weight > self._weight_max:
            return
        self._kept[key] = (value, weight)
        self.weight += weight
        while len(self._kept) > self._entries_max or self.weight > self._weight_max:
            _, (_, oldest) = self._kept.popitem(last=False)
            self.weight -= oldest


@dataclass(slots=True)
class OperationPlans:
    """The plans of one operation of a document."""

    definition: OperationDefinitionNode
    switches: tuple[str, ...]
    """The variables on whose values @skip and @include depend."""
    refusal: str | None
    """Why no plan is made of it."""
    has_variables: bool
    plain_variables: PlainVariables | None = None
    """What coerces most of them, once that was needed."""
    variants: dict[tuple[Any, ...], Plan | str] = field(default_factory=dict)
    """A plan, or why there is none, by the values of the switches."""


@dataclass(slots=True)
class DocumentPlans:
    """The operations of one document."""

    document: DocumentNode
    operations: dict[str | None, OperationPlans]
    steps: int = 0
    """Planned fields of all variants."""
    selections: int = 0
    """Selections of all variants."""


def look_through(document: DocumentNode, known_directives: frozenset[str]) -> DocumentPlans:
    """Return a valid document's operations, and what can be told of them before planning."""
    directives = list(_directives(document))
    names = {each.name.value for each in directives}
    strange = names - SWITCHES - known_directives
    switches = sorted(
        {
            argument.value.name.value
            for each in directives
            if each.name.value in SWITCHES
            for argument in each.arguments or ()
            if isinstance(argument.value, VariableNode)
        }
    )
    refusal = "a directive that only the standard executor knows" if strange else None
    operations: dict[str | None, OperationPlans] = {}
    nodes = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    for node in nodes:
        is_query = node.operation is OperationType.QUERY
        plans = OperationPlans(
            node,
            tuple(switches),
            refusal if is_query else f"a {node.operation.value}",
            bool(node.variable_definitions),
        )
        operations[None if node.name is None else node.name.value] = plans
    if len(nodes) == 1:
        operations[None] = next(iter(operations.values()))
    return DocumentPlans(document, operations)


def _directives(document: DocumentNode) -> Iterator[DirectiveNode]:
    """Yield every directive of a document's operations and fragments."""
    stack: list[SelectionSetNode] = []
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            yield from node.directives or ()
            stack.append(node.selection_set)
        for variable in getattr(node, "variable_definitions", None) or ():
            yield from variable.directives or ()
    while stack:
        for selection in stack.pop().selections:
            yield from selection.directives or ()
            inner = getattr(selection, "selection_set", None)
            if inner is not None:
                stack.append(inner)
