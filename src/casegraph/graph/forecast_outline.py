"""What of an operation can cost something: its fields that cross to an upstream, and its records.

Everything else is left out, so that the cost of one more request is that of a few fields, however
many a document has. An outline is made once for a document and kept with it; arguments that hold
variables are filled in for each request.
Invariant: fields are merged as the executor merges them, and equal selections share one outline,
so that making it is linear in the document whatever its fragments spread.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    ListValueNode,
    ObjectValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_argument_values,
)

from casegraph.graph.forecast_selection import Document, Selected

_ROOT = "Query"
NODE = "Node"
"""What every record of an upstream is; its id names it."""
ASKS = frozenset({"hasNextPage", "totalCount"})
"""Questions about a list that may cost calls of their own."""

_PARTS: Mapping[tuple[str, str], int] = {("Case", "listValues"): 10, ("Case", "roles"): 10}
"""How many there are of a record's parts that lead to records again; the bundled world has 6."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What is selected of the objects of one type."""

    crossings: tuple["Crossing", ...]
    records: tuple["Contained", ...]
    """Records that are reached without a rule: the rows of a connection, the case of a payload."""
    asks: frozenset[str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it can cost anything."""
        return not (self.crossings or self.records)


@dataclass(frozen=True, slots=True, eq=False)
class Contained:
    """A record in a container, so many times for each row of it."""

    times: int
    type_name: str
    outline: Outline


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """A field for which there is a rule, so many times for each object that it is selected of."""

    place: tuple[str, str]
    times: int
    type_name: str
    definition: GraphQLField
    """The field with those of its arguments that matter."""
    node: FieldNode
    below: Mapping[str, Outline]
    """What is selected of what it leads to, by type of object."""
    leads_to_record: bool
    variables: frozenset[str]
    """The names that stand in its arguments."""
    arguments: Mapping[str, Any] | None
    """None where variables decide."""
    asks: frozenset[str]
    """What is asked of the list itself."""
    is_repeated: bool
    """Whether the same question may be asked under another alias."""


class Outlines:
    """Makes the outlines of one operation, for given values of what `@skip` and `@include` read."""

    def __init__(
        self, document: Document, reads: Mapping[tuple[str, str], Collection[str]]
    ) -> None:
        self._document = document
        self._reads = reads
        self._made: dict[tuple[str, tuple[int, ...]], Outline] = {}
        self.variables: set[str] = set()
        """Every name that stands in arguments of a crossing."""

    def of(self, type_name: str, sets: Iterable[SelectionSetNode]) -> Outline:
        """Return what these selections ask of objects of a type."""
        fields = self._document.fields(type_name, sets)
        key = (type_name, tuple(id(node) for field in fields for node in field.nodes))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._outline(type_name, fields)
        return made

    def _outline(self, type_name: str, fields: Collection[Selected]) -> Outline:
        asked = Counter(field.name for field in fields if type_name == _ROOT)
        crossings: list[Crossing] = []
        records: list[Contained] = []
        asks: set[str] = set()
        for field in fields:
            place = (type_name, field.name)
            times = _PARTS.get(place, 1)
            if place in self._reads:
                is_repeated = asked[field.name] > 1
                crossings.append(self._crossing(place, field, is_repeated=is_repeated))
            elif field.name in ASKS:
                asks.add(field.name)
            elif self._is_record(field.type_name):
                below = self.of(field.type_name, field.selection_sets())
                records.append(Contained(times, field.type_name, below))
            elif field.nodes[0].selection_set is not None:
                below = self.of(field.type_name, field.selection_sets())
                crossings += (_repeated(each, times) for each in below.crossings)
                records += (
                    Contained(each.times * times, each.type_name, each.outline)
                    for each in below.records
                )
                asks |= below.asks
        return Outline(tuple(crossings), tuple(records), frozenset(asks))

    def _crossing(self, place: tuple[str, str], field: Selected, *, is_repeated: bool) -> Crossing:
        arguments = field.definition.args
        if not is_repeated:
            arguments = {name: arguments[name] for name in self._reads[place]}
        names = frozenset(_variables_of(field.nodes[0], arguments))
        self.variables |= names
        definition = GraphQLField(field.definition.type, arguments)
        sets = field.selection_sets()
        below = {name: self.of(name, sets) for name in self._objects(field.type_name)}
        return Crossing(
            place=place,
            times=1,
            type_name=field.type_name,
            definition=definition,
            node=field.nodes[0],
            below=below,
            leads_to_record=self._is_record(field.type_name),
            variables=names,
            arguments=None if names else _arguments(definition, field.nodes[0]),
            asks=frozenset[str]().union(*(each.asks for each in below.values())),
            is_repeated=is_repeated,
        )

    def _is_record(self, type_name: str) -> bool:
        kind = self._document.schema.type_map[type_name]
        if isinstance(kind, GraphQLObjectType):
            return any(each.name == NODE for each in kind.interfaces)
        return type_name == NODE

    def _objects(self, type_name: str) -> Iterator[str]:
        kind = self._document.schema.type_map[type_name]
        if isinstance(kind, GraphQLInterfaceType):
            yield from (each.name for each in self._document.schema.get_possible_types(kind))
        elif isinstance(kind, GraphQLObjectType):
            yield type_name


def _repeated(crossing: Crossing, times: int) -> Crossing:
    return crossing if times == 1 else replace(crossing, times=crossing.times * times)


def _arguments(definition: GraphQLField, node: FieldNode) -> Mapping[str, Any] | None:
    try:
        return get_argument_values(definition, node)
    except GraphQLError:
        return None  # the field will be refused, each time in the same words


def _variables_of(node: FieldNode, arguments: Collection[str]) -> Iterator[str]:
    """Yield the names of the variables in some of a field's arguments."""
    waiting: list[ValueNode] = [
        each.value for each in node.arguments or () if each.name.value in arguments
    ]
    while waiting:
        value = waiting.pop()
        if isinstance(value, VariableNode):
            yield value.name.value
        elif isinstance(value, ListValueNode):
            waiting += value.values
        elif isinstance(value, ObjectValueNode):
            waiting += (each.value for each in value.fields)
