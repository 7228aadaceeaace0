"""What an operation asks for, laid out once: which fields of which types, and where each stands.

graphql-core's own collection of fields is asked for every selection, so aliases, fragments, merging
and order are right by construction; what @skip and @include leave out is left out here. A step that
needs more than its parent's attribute and cannot be called on the spot begins a region: everything
that follows from its value without another such step.
Invariant: a plan holds nothing that came with one request alone; what would make it too large is
refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_specified_scalar_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from casegraph.engine.compiled.arguments import PlainArguments
from casegraph.engine.compiled.fields import FieldSource, Sources, Way

STEPS_MAX = 450
"""Largest plan, in fields, counted for every type that a value may have. Planning and compiling one
field takes 65 to 110 µs (tests/bench/execution_cost.py prints it), and 50 ms is the longest that
one document may hold the loop."""
DEPTH_MAX = 40
"""Deepest plan; only trusted documents may be deeper than 12."""
LISTS_MAX = 8
"""Most lists within lists of one field."""

_INTROSPECTION = frozenset({"__schema", "__type"})

Indexes: TypeAlias = tuple[int, ...]
"""Where a value stands in the lists between it and the beginning of its region."""
Entry: TypeAlias = tuple[Any, ...]
"""What waits for a region's first value: the parent, the object in the answer that the value is put
into, the entry of the parent's own region, and the parent's indexes there, one by one."""


class Unplanned(Exception):
    """The operation is left to the standard executor; says why in words without its text."""


class Kind(Enum):
    """What completing a value means."""

    LEAF = "leaf"
    LIST = "list"
    OBJECT = "object"
    ABSTRACT = "abstract"


@dataclass(slots=True, eq=False)
class Shape:
    """One position of the answer and the type that a value must have there."""

    number: int
    step: "Step"
    kind: Kind
    type: Any
    """Without the non-null around it."""
    is_nullable: bool
    outer: "Shape | None"
    """The list around it, within the same field."""
    indexes: int
    """How many indexes its values have."""
    item: "Shape | None" = None
    selections: "dict[str, Selection]" = field(default_factory=dict)
    """What is selected below, by the name of the object type."""
    functions: dict[int, Any] = field(default_factory=dict)
    """Of an abstract position: what makes an answer of a value, by the id of its class."""
    held: list[object] = field(default_factory=list)
    """Those classes, whose ids must not be another's."""
    tells_by_class: bool | None = None
    """Whether what tells its types looks at values only, so that it needs no path; once known."""

    @property
    def lists(self) -> int:
        """How many of the indexes belong to lists of its own field."""
        count, shape = 0, self.outer
        while shape is not None:
            count, shape = count + 1, shape.outer
        return count


@dataclass(slots=True, eq=False)
class Step:
    """One field of a selection, under one key of the answer."""

    number: int
    key: str
    owner: "Selection"
    details: list[FieldDetails]
    definition: GraphQLField
    source: FieldSource
    nodes: list[FieldNode]
    shape: Shape = field(init=False)
    region: "Region | None" = None
    """The region that begins with its values, where one does."""
    is_fixed: bool = False
    """Whether its arguments are the same for every request."""
    arguments: Mapping[str, Any] | None = None
    """Those arguments as its function takes them, once read and if nobody can change them."""

    plain_arguments: PlainArguments | None = None
    """What reads most arguments, once that was needed."""

    @property
    def name(self) -> str:
        """The field's name in the schema, with its type's."""
        return f"{self.owner.type.name}.{self.nodes[0].name.value}"


@dataclass(slots=True, eq=False)
class Selection:
    """What is selected of one object type at one position."""

    number: int
    type: GraphQLObjectType
    shape: Shape | None
    """The position of its objects; None for the root."""
    region: "Region"
    indexes: int
    steps: list[Step] = field(default_factory=list)
    make: Any = None
    """Makes an object of the answer; set when the code is bound."""

    @property
    def groups(self) -> list[Step]:
        """The steps that begin regions."""
        return [step for step in self.steps if step.region is not None]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its objects in the answer."""
        return tuple(step.key for step in self.steps)


@dataclass(slots=True, eq=False)
class Region:
    """What one step leads to, for all its parents at once; the first has no step."""

    number: int
    step: Step | None
    children: "list[Region]" = field(default_factory=list)
    settle: Any = None
    """Puts the values into the answer; set when the code is bound."""


@dataclass(slots=True, eq=False)
class Plan:
    """One operation under one choice of what its directives leave out."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    root: Selection
    regions: list[Region]
    shapes: list[Shape]
    steps: list[Step]
    selections: list[Selection]
    rests_on: frozenset[Callable[..., Any]] | None = None
    """The batch resolvers that its answer is a function of; None where it may be of more."""

    @property
    def label(self) -> str:
        """A short name for tracebacks and listings."""
        name = self.operation.name
        return "anonymous" if name is None else name.value[:40]


def planned(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    sources: Sources,
) -> Plan:
    """Return the plan of a query; raises Unplanned."""
    try:
        return _Planner(schema, document, operation, variables, sources).plan()
    except GraphQLError:
        raise Unplanned("a directive's argument cannot be read") from None
    except RecursionError:
        raise Unplanned("fragments nested too deeply") from None


class _Planner:
    """Builds one plan."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        sources: Sources,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._sources = sources
        self._definitions = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        if any(node.variable_definitions for node in self._definitions.values()):
            raise Unplanned("fragments with variables")
        self._fragments = {name: FragmentDetails(node) for name, node in self._definitions.items()}
        self._regions: list[Region] = []
        self._shapes: list[Shape] = []
        self._steps: list[Step] = []
        self._selections: list[Selection] = []

    def plan(self) -> Plan:
        """Return the plan."""
        kind = self._schema.query_type
        if kind is None:
            raise Unplanned("a schema without queries")
        collected = collect_fields(
            self._schema, self._fragments, self._variables, kind, self._operation
        )
        root = self._selection(kind, None, self._region(None), 0)
        self._fill(root, collected, 1)
        return Plan(
            self._schema,
            self._operation,
            self._definitions,
            root,
            self._regions,
            self._shapes,
            self._steps,
            self._selections,
        )

    def _region(self, step: Step | None) -> Region:
        region = Region(len(self._regions), step)
        self._regions.append(region)
        return region

    def _selection(
        self, kind: GraphQLObjectType, shape: Shape | None, region: Region, indexes: int
    ) -> Selection:
        selection = Selection(len(self._selections), kind, shape, region, indexes)
        self._selections.append(selection)
        return selection

    def _fill(self, selection: Selection, collected: Any, depth: int) -> None:
        if collected.new_defer_usages:
            raise Unplanned("@defer")
        if depth > DEPTH_MAX:
            raise Unplanned(f"more than {DEPTH_MAX} levels")
        for key, details in collected.grouped_field_set.items():
            self._step(selection, key, details, depth)

    def _step(self, owner: Selection, key: str, details: list[FieldDetails], depth: int) -> None:
        name = details[0].node.name.value
        if name in _INTROSPECTION:
            raise Unplanned("introspection")
        if len(self._steps) >= STEPS_MAX:
            raise Unplanned(f"more than {STEPS_MAX} fields")
        definition = self._schema.get_field(owner.type, name)
        if definition is None:
            raise Unplanned("an unknown field")
        nodes = [each.node for each in details]
        source = self._sources.of(owner.type, name, definition)
        step = Step(len(self._steps), key, owner, details, definition, source, nodes)
        step.is_fixed = _is_fixed(definition, nodes[0])
        self._steps.append(step)
        owner.steps.append(step)
        region = owner.region
        indexes = owner.indexes
        if source.way in (Way.AWAITED, Way.BATCHED):
            step.region = region = self._region(step)
            owner.region.children.append(region)
            indexes = 0
        step.shape = self._shape(step, definition.type, None, region, indexes, depth)

    def _shape(
        self,
        step: Step,
        type_: Any,
        outer: Shape | None,
        region: Region,
        indexes: int,
        depth: int,
    ) -> Shape:
        is_nullable = not isinstance(type_, GraphQLNonNull)
        bare = type_ if is_nullable else type_.of_type
        shape = Shape(len(self._shapes), step, _kind(bare), bare, is_nullable, outer, indexes)
        self._shapes.append(shape)
        if shape.kind is Kind.LIST:
            if shape.lists >= LISTS_MAX:
                raise Unplanned(f"more than {LISTS_MAX} lists within lists")
            shape.item = self._shape(step, bare.of_type, shape, region, indexes + 1, depth)
        for possible in self._possible(shape):
            selection = self._selection(possible, shape, region, indexes)
            shape.selections[possible.name] = selection
            collected = collect_subfields(
                self._schema,
                self._fragments,
                self._variables,
                self._operation,
                possible,
                step.details,
            )
            self._fill(selection, collected, depth + 1)
        return shape

    def _possible(self, shape: Shape) -> Sequence[GraphQLObjectType]:
        if shape.kind is Kind.OBJECT:
            return (shape.type,)
        if shape.kind is Kind.ABSTRACT:
            return self._schema.get_possible_types(shape.type)
        return ()


def _is_fixed(definition: GraphQLField, node: FieldNode) -> bool:
    """Return whether a field's arguments are the same for every request.

    They stand in the document then; what an input or a scalar of the schema's own makes of it is
    its own affair, each time anew.
    """
    for argument in node.arguments or ():
        type_ = get_named_type(definition.args[argument.name.value].type)
        if isinstance(argument.value, VariableNode):
            return False
        if not (is_specified_scalar_type(type_) or is_enum_type(type_)):
            return False
    return True


def _kind(type_: Any) -> Kind:
    if is_leaf_type(type_):
        return Kind.LEAF
    if is_list_type(type_):
        return Kind.LIST
    if is_abstract_type(type_):
        return Kind.ABSTRACT
    if is_object_type(type_):
        return Kind.OBJECT
    raise Unplanned("an unknown kind of type")


def traced(
    shape: Shape | None, entry: Entry | None, indexes: Indexes
) -> Iterator[tuple[Shape, str | int]]:
    """Yield a position and those around it up to the root, each with its key in the one around."""
    left = len(indexes)
    while shape is not None:
        if shape.outer is not None:
            left -= 1
            yield shape, indexes[left]
            shape = shape.outer
            continue
        step = shape.step
        yield shape, step.key
        shape = step.owner.shape
        if step.region is not None and entry is not None:
            indexes = entry[3:]
            left = len(indexes)
            entry = entry[2]


def path_of(shape: Shape | None, entry: Entry | None, indexes: Indexes) -> tuple[str | int, ...]:
    """Return where a value stands in the answer."""
    return tuple(key for _, key in traced(shape, entry, indexes))[::-1]
