"""How big a document is, measured in one pass before anything costly looks at it.

Validation compares fields pairwise and execution follows every spread, so a short text can ask for
much work; what it would ask for is found here without doing it. Each definition is walked once and
each fragment is summed up once, after those it spreads, so a chain in which every fragment spreads
the next twice costs as much as its text, and its true size is still told.
Invariants: the work is linear in the nodes of the document, whatever it spreads; nothing recurses;
cycles and unknown fragments count as nothing, because validation refuses them by name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
)

COUNT_MAX = 1_000_000
"""Where counting stops: doubling fragments reach figures that nobody wants to read."""

_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of one document; each is the largest of its operations, fragments expanded."""

    operations: int = 0
    depth: int = 0
    """Fields below fields, and lists and objects in values; introspection apart."""
    introspection_depth: int = 0
    """The depth at which the deepest field of `__schema` or `__type` stands."""
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    mutations: int = 0
    """Root fields of the largest mutation."""
    fields: int = 0
    """Fields of the widest selection set, counted as often as they are spread there."""
    work: int = 0
    """Nodes looked at while measuring, for the proof that this is linear."""


@dataclass(slots=True)
class _Set:
    """One selection set with its inline fragments, its spreads still closed."""

    fields: int = 0
    spreads: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Spread:
    name: str
    depth: int
    """Depth of the field around it."""
    introspecting: bool


@dataclass(slots=True)
class _Part:
    """One definition on its own; the first of its sets is its root."""

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    directives: int = 0
    sets: list[_Set] = field(default_factory=lambda: [_Set()])
    spreads: list[_Spread] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Total:
    """One definition with everything that it spreads."""

    depth: int = 0
    introspection_depth: int = 0
    aliases: int = 0
    directives: int = 0
    fields: int = 0


_NOTHING = _Total()


def measured(document: DocumentNode) -> Shape:
    """Return the shape of a document that has been parsed and not validated."""
    pass_ = _Pass()
    operations: list[tuple[OperationType, _Part]] = []
    fragments: dict[str, _Part] = {}
    parts: list[_Part] = []
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            parts.append(pass_.part(node))
            operations.append((node.operation, parts[-1]))
        elif isinstance(node, FragmentDefinitionNode):
            parts.append(pass_.part(node))
            fragments[node.name.value] = parts[-1]
    totals = pass_.totals(fragments)
    expanded = [(kind, pass_.total(part, totals)) for kind, part in operations]
    return Shape(
        operations=len(operations),
        depth=_largest(total.depth for _, total in expanded),
        introspection_depth=_largest(total.introspection_depth for _, total in expanded),
        # What no operation spreads is validated all the same, so the text as written counts too.
        aliases=max(
            _largest(total.aliases for _, total in expanded), sum(part.aliases for part in parts)
        ),
        directives=max(
            _largest(total.directives for _, total in expanded),
            sum(part.directives for part in parts),
        ),
        root_fields=_largest(total.fields for _, total in expanded),
        mutations=_largest(
            total.fields for kind, total in expanded if kind is OperationType.MUTATION
        ),
        fields=_largest(pass_.width(each, totals) for part in parts for each in part.sets),
        work=pass_.work,
    )


class _Pass:
    """The walk, and how many nodes it has looked at."""

    def __init__(self) -> None:
        self.work = 0

    def part(self, node: OperationDefinitionNode | FragmentDefinitionNode) -> _Part:
        """Walk one definition."""
        part = _Part()
        self._attach(part, node.directives or ())
        for variable in node.variable_definitions or ():
            self._attach(part, variable.directives or ())
            self._value(part, variable.default_value)
        stack = [(node.selection_set, 1, False, part.sets[0])]
        while stack:
            selections, depth, introspecting, around = stack.pop()
            for selection in selections.selections:
                self.work += 1
                self._attach(part, selection.directives or ())
                if isinstance(selection, FieldNode):
                    inner = self._field(part, selection, depth, around, introspecting)
                    stack += inner
                elif isinstance(selection, FragmentSpreadNode):
                    name = selection.name.value
                    part.spreads.append(_Spread(name, depth - 1, introspecting))
                    around.spreads.append(name)
                elif isinstance(selection, InlineFragmentNode):
                    stack.append((selection.selection_set, depth, introspecting, around))
        return part

    def _field(
        self, part: _Part, node: FieldNode, depth: int, around: _Set, introspecting: bool
    ) -> Iterator[tuple[SelectionSetNode, int, bool, _Set]]:
        """Count a field; yields what is to be walked below it."""
        around.fields += 1
        part.aliases += node.alias is not None
        introspecting = introspecting or node.name.value in _INTROSPECTION
        if introspecting:
            part.introspection_depth = max(part.introspection_depth, depth)
        else:
            part.depth = max(part.depth, depth)
        for argument in node.arguments or ():
            self._value(part, argument.value)
        if node.selection_set is not None:
            part.sets.append(_Set())
            yield node.selection_set, depth + 1, introspecting, part.sets[-1]

    def _attach(self, part: _Part, directives: Iterable[DirectiveNode]) -> None:
        for directive in directives:
            self.work += 1
            part.directives += 1
            for argument in directive.arguments or ():
                self._value(part, argument.value)

    def _value(self, part: _Part, value: ValueNode | None) -> None:
        """Count how deep lists and objects nest in a value."""
        stack = [(value, 1)] if value is not None else []
        while stack:
            node, depth = stack.pop()
            self.work += 1
            if isinstance(node, ListValueNode):
                stack += [(each, depth + 1) for each in node.values]
            elif isinstance(node, ObjectValueNode):
                stack += [(each.value, depth + 1) for each in node.fields]
            else:
                continue
            part.depth = max(part.depth, depth)

    def totals(self, fragments: dict[str, _Part]) -> dict[str, _Total]:
        """Sum every fragment up once, after those it spreads."""
        totals: dict[str, _Total] = {}
        begun: set[str] = set()
        for root in fragments:
            stack = [root]
            while stack:
                name = stack[-1]
                self.work += 1
                if name in begun:
                    stack.pop()
                    if name not in totals:
                        totals[name] = self.total(fragments[name], totals)
                    continue
                begun.add(name)
                spreads = {spread.name: None for spread in fragments[name].spreads}
                self.work += len(fragments[name].spreads)
                stack += [each for each in spreads if each in fragments and each not in begun]
        return totals

    def total(self, part: _Part, totals: dict[str, _Total]) -> _Total:
        """Return a definition's figures with those of the fragments it spreads."""
        depth, introspection = part.depth, part.introspection_depth
        aliases, directives = part.aliases, part.directives
        for spread in part.spreads:
            self.work += 1
            inner = totals.get(spread.name, _NOTHING)
            aliases += inner.aliases
            directives += inner.directives
            if spread.introspecting:
                below = max(inner.depth, inner.introspection_depth)
                introspection = max(introspection, spread.depth + below)
                continue
            depth = max(depth, spread.depth + inner.depth)
            if inner.introspection_depth:
                introspection = max(introspection, spread.depth + inner.introspection_depth)
        return _Total(
            depth,
            introspection,
            min(aliases, COUNT_MAX),
            min(directives, COUNT_MAX),
            self.width(part.sets[0], totals),
        )

    def width(self, each: _Set, totals: dict[str, _Total]) -> int:
        """Return how many fields a selection set has, its fragments opened."""
        self.work += 1 + len(each.spreads)
        spread = sum(totals.get(name, _NOTHING).fields for name in each.spreads)
        return min(each.fields + spread, COUNT_MAX)


def _largest(figures: Iterable[int]) -> int:
    return max(figures, default=0)
