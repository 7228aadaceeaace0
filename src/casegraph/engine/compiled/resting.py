"""Which answers depend on nothing but what a few batch resolvers return.

Who knows such an answer, and that those would return the same again, need not run the operation
again. Told of the plan, once: a resolver that is told of its place or its request may look at
anything, a directive of the schema's own may change what a batch reads.
Invariant: whatever is not known to be such a function of its batches is taken for none.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from graphql import ExecutionResult, FieldNode, GraphQLError

from casegraph.engine.compiled.classes import looks_at_values_only
from casegraph.engine.compiled.fields import Way
from casegraph.engine.compiled.memory import SWITCHES
from casegraph.engine.compiled.plan import Kind, Plan, Shape, Step

_PLAIN = frozenset({Way.TYPENAME, Way.READ})

Batches: TypeAlias = frozenset[Callable[..., Any]]


class PlannedResult(ExecutionResult):
    """What a plan has answered."""

    __slots__ = ("rests_on",)

    def __init__(
        self, data: Any, errors: list[GraphQLError] | None, rests_on: Batches | None
    ) -> None:
        """`rests_on` are the batch resolvers that it is a function of, None where it is of more."""
        super().__init__(data, errors)
        self.rests_on = rests_on


def rests_on(plan: Plan) -> Batches | None:
    """Return the batch resolvers that a plan's answer is a function of, beside its variables."""
    batches: set[Callable[..., Any]] = set()
    for step in plan.steps:
        if _says_more(step.nodes):
            return None
        if step.source.batch is not None:
            batches.add(step.source.batch)
        elif not _is_of_parent(step):
            return None
    return frozenset(batches) if all(map(_tells_by_value, plan.shapes)) else None


def _is_of_parent(step: Step) -> bool:
    return step.source.way in _PLAIN or step.source.is_placeless


def _says_more(nodes: Iterable[FieldNode]) -> bool:
    return any(
        directive.name.value not in SWITCHES
        for node in nodes
        for directive in node.directives or ()
    )


def _tells_by_value(shape: Shape) -> bool:
    return shape.kind in {Kind.LEAF, Kind.LIST} or looks_at_values_only(shape)
