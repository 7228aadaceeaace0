"""How much an operation can cost at most, told from its document and variables alone.

Counted are upstream calls as `forecast_most` has them, and rows: the records that the answer can
hold, page sizes multiplied along the way. Calls are counted once for what is read once; rows as
often as they would be printed, because a graph that is walked in circles reads little and prints
without end. What is found is kept with the document as far as no variable changes it.
Invariants: nothing is asked and nothing waits; the work of a request is linear in the fields of its
document that cross to an upstream, times its root fields.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues, get_variable_values

from casegraph.engine.limits import ROWS_MAX, CostLimits
from casegraph.errors import CasegraphError
from casegraph.graph.forecast_most import MOST, READS, Group, Place
from casegraph.graph.forecast_outline import Crossing, Outline, Outlines
from casegraph.graph.forecast_selection import Document
from casegraph.loading.links import LinkConfig

OUTLINES_MAX = 16
"""Outlines kept of one operation: one for each way in which its conditions came out."""
COUNTS_MAX = 16
"""Costs kept of one outline, by the variables that its arguments need: mostly the size of a page.
To count anew takes 15 to 25 µs."""
Variables: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation can cost at most."""

    calls: int
    rows: int


@dataclass(frozen=True, slots=True)
class OperationCosts:
    """Tells for the documents of one schema what their operations cost."""

    schema: GraphQLSchema
    links: LinkConfig
    limits: CostLimits

    def of(self, document: DocumentNode) -> "DocumentCosts":
        """Return the costs of a valid document."""
        return DocumentCosts(self, document)


class DocumentCosts:
    """The costs of one document's operations; outlines are made when an operation is first run."""

    def __init__(self, costs: OperationCosts, document: DocumentNode) -> None:
        self._costs = costs
        self._document = document
        self._operations: dict[str | None, _OperationCost] = {}

    def refusals(self, name: str | None, variables: Variables) -> tuple[str, ...]:
        """Return what is said against running an operation, which must be clear."""
        cost = self.cost(name, variables)
        if cost is None:
            return ()
        return tuple(self._costs.limits.refusals(cost.calls, cost.rows))

    def cost(self, name: str | None, variables: Variables) -> Cost | None:
        """Return what an operation costs; None where its variables will be refused."""
        operation = self._operations.get(name)
        if operation is None:
            operation = self._operations[name] = self._operation(name)
        return operation.cost(variables)

    def _operation(self, name: str | None) -> "_OperationCost":
        fragments: dict[str, FragmentDefinitionNode] = {}
        found: OperationDefinitionNode | None = None
        for each in self._document.definitions:
            if isinstance(each, FragmentDefinitionNode):
                fragments[each.name.value] = each
            elif isinstance(each, OperationDefinitionNode) and (
                name is None or (each.name is not None and each.name.value == name)
            ):
                found = each
        if found is None:
            raise AssertionError(name)
        return _OperationCost(self._costs, found, fragments)


@dataclass(frozen=True, slots=True)
class _Made:
    """An outline, the variables that its arguments need, and its cost where there are none."""

    outline: Outline
    variables: frozenset[str]
    cost: Cost | None
    counted: dict[tuple[Any, ...], Cost] = field(default_factory=dict)
    """Costs by the variables' values, in the set's own order."""


class _OperationCost:
    """The cost of one operation."""

    def __init__(
        self,
        costs: OperationCosts,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._costs = costs
        self._operation = operation
        self._fragments = fragments
        self._conditions = _conditions([operation, *fragments.values()])
        self._made: dict[tuple[Any, ...], _Made] = {}

    def cost(self, variables: Variables) -> Cost | None:
        """Return what it costs with these variables; None where they will be refused."""
        chosen = self._coerced(self._conditions, variables)
        if chosen is None:
            return None
        key = tuple(chosen.coerced.get(name) for name in sorted(self._conditions))
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= OUTLINES_MAX:
                self._made.clear()
            made = self._made[key] = self._make(chosen)
        if made.cost is not None:
            return made.cost
        sizes = _numbers(made.variables, variables)
        cost = None if sizes is None else made.counted.get(sizes)
        if cost is None:
            values = self._coerced(made.variables, variables)
            if values is None:
                return None
            cost = self._counted(made.outline, values)
            if sizes is not None:
                if len(made.counted) >= COUNTS_MAX:
                    made.counted.clear()
                made.counted[sizes] = cost
        return cost

    def _make(self, chosen: VariableValues) -> _Made:
        schema = self._costs.schema
        root = schema.get_root_type(self._operation.operation)
        outlines = Outlines(Document(schema, self._fragments, chosen), _READS)
        name = "" if root is None else root.name
        outline = outlines.of(name, [self._operation.selection_set])
        names = frozenset(outlines.variables)
        return _Made(outline, names, None if names else self._counted(outline, chosen))

    def _counted(self, outline: Outline, values: VariableValues) -> Cost:
        count = _Count(self._costs.links, values)
        root = Group("Query")
        rows = count.rows(outline, root)
        return Cost(count.calls, min(rows, ROWS_MAX))

    def _coerced(self, names: frozenset[str], variables: Variables) -> VariableValues | None:
        if not names:
            return _NO_VALUES
        wanted = [
            each
            for each in self._operation.variable_definitions or ()
            if each.variable.name.value in names
        ]
        given = {name: variables[name] for name in names if name in variables}
        values = get_variable_values(self._costs.schema, wanted, given, max_errors=1)
        return values if isinstance(values, VariableValues) else None


def _numbers(names: frozenset[str], variables: Variables) -> tuple[Any, ...] | None:
    """Return the values of these variables; None where one is left out, or more than a number."""
    values = tuple([variables.get(name, "left out") for name in names])
    return values if all(type(value) in _NUMBERS for value in values) else None


_NUMBERS = frozenset({int, type(None)})


class _Count:
    """One count; each outline is looked at once for each group of records."""

    def __init__(self, links: LinkConfig, values: VariableValues) -> None:
        self.links = links
        self.calls = 0
        self._values = values
        self._once: set[str] = set()
        self._rows: dict[tuple[int, int], int] = {}
        self._asked: dict[str, list[tuple[Group, int]]] = {}
        self._groups: list[Group] = []  # kept alive, because they are told apart by identity

    def call(self, calls: int = 1) -> None:
        """Count calls."""
        self.calls += calls

    def once(self, what: str) -> None:
        """Count a call that is made once however often its answer is wanted."""
        if what not in self._once:
            self._once.add(what)
            self.calls += 1

    def rows(self, outline: Outline, group: Group) -> int:
        """Count the calls for what is selected of a group; returns the rows below one of it."""
        key = (id(outline), id(group))
        known = self._rows.get(key)
        if known is not None:
            return known
        self._groups.append(group)
        total = 0
        for contained in outline.records:
            total += contained.times * (1 + self.rows(contained.outline, group))
        for crossing in outline.crossings:
            for found, size in self._found(crossing, group):
                total += crossing.times * size * self._below(crossing, found)
        self._rows[key] = min(total, ROWS_MAX)
        return self._rows[key]

    def _below(self, crossing: Crossing, found: Group) -> int:
        """Return the rows of one record that a field leads to, itself included."""
        if crossing.leads_to_record:
            outline = crossing.below.get(found.type_name)
            return 1 if outline is None else 1 + self.rows(outline, found)
        return sum(self.rows(outline, found) for outline in crossing.below.values())

    def _found(self, crossing: Crossing, group: Group) -> Iterable[tuple[Group, int]]:
        """Return where a field leads, nowhere if it will be refused; equal questions are one."""
        try:
            arguments = crossing.arguments
            if arguments is None:
                arguments = get_argument_values(crossing.definition, crossing.node, self._values)
            place = Place(group, arguments, crossing.type_name, crossing.asks)
            if not crossing.is_repeated:
                return MOST[crossing.place](self, place)
            question = f"{crossing.place[1]} {sorted(arguments.items(), key=str)}"
            found = self._asked.get(question)
            if found is None:
                found = self._asked[question] = list(MOST[crossing.place](self, place))
        except (CasegraphError, GraphQLError):
            return ()
        return found


_NO_VALUES = VariableValues({}, {})
_READS = {place: READS.get(place, ()) for place in MOST}


def _conditions(
    definitions: Iterable[OperationDefinitionNode | FragmentDefinitionNode],
) -> frozenset[str]:
    """Return the names of the variables on which `@skip` and `@include` depend."""
    found: set[str] = set()
    waiting: list[SelectionSetNode] = [each.selection_set for each in definitions]
    while waiting:
        for node in waiting.pop().selections:
            for directive in node.directives or ():
                found.update(_names(directive))
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                waiting.append(node.selection_set)
    return frozenset(found)


def _names(directive: DirectiveNode) -> Iterable[str]:
    if directive.name.value in {"skip", "include"}:
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value
