"""Python code from a plan: one function per selection and one per region.

Each leaf costs one check of its class and each object one call, or none in a list that is read
straight (`straight`); that is the whole of what the executor adds to reading attributes and
building rows. On a busy core a leaf cost 0.4 µs where graphql-core took 6 to 7
(tests/bench/execution_cost.py). What a check does not let pass goes to `complete`, at its place.
Invariants: nothing of the document's text stands in the code, its names come in as constants;
functions nest little, so no operation that was planned is too deep for Python's compiler.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from graphql import GraphQLEnumType

from casegraph.engine.compiled.checks import CHECKS, TEXTS, is_known
from casegraph.engine.compiled.classes import Classes
from casegraph.engine.compiled.complete import complete, settle
from casegraph.engine.compiled.fields import Way
from casegraph.engine.compiled.leaves import enum_names, scalar_printer
from casegraph.engine.compiled.plan import Kind, Plan, Region, Selection, Shape, Step
from casegraph.engine.compiled.rows import member, row_class
from casegraph.engine.compiled.straight import StraightWriter, is_straight_list, odd

_UNREAD = object()
"""Stands for an attribute that has not been read yet."""


@dataclass(slots=True)
class Code:
    """The code of one plan and the constants that its names stand for."""

    text: str
    constants: dict[str, Any]


def generated(plan: Plan, classes: Classes) -> Code:
    """Return the code of a plan."""
    return _Writer(plan, classes).code()


def compiled(plan: Plan, code: Code) -> CodeType:
    """Return the code as Python's compiler sees it; tracebacks name the operation."""
    return compile(code.text, f"<operation {_safe(plan.label)}>", "exec", dont_inherit=True)


def bind(plan: Plan, code: Code, byte_code: CodeType) -> None:
    """Give the plan its functions."""
    namespace = dict(code.constants)
    exec(byte_code, namespace)  # noqa: S102  the code is our own and holds no text of a client's
    for selection in plan.selections:
        selection.make = namespace[f"o{selection.number}"]
    for region in plan.regions[1:]:
        region.settle = namespace[f"g{region.number}"]


def _safe(label: str) -> str:
    return "".join(each if each.isalnum() and each.isascii() else "_" for each in label)


@dataclass(slots=True)
class _Function:
    """One function while it is written."""

    head: str
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, depth: int = 1) -> None:
        self.lines.append(f"{'    ' * depth}{line}")

    def text(self) -> str:
        return "\n".join([self.head, *self.lines])


class _Writer:
    """Writes the code of one plan."""

    def __init__(self, plan: Plan, classes: Classes) -> None:
        self._plan = plan
        self._classes = classes
        self._constants: dict[str, Any] = {"X": complete, "Y": settle, "inf": math.inf}
        self._constants["B"] = odd
        self._constants["T"] = classes.texts
        self._constants["N"] = _UNREAD
        self._straight = StraightWriter(classes, self._constant)

    def code(self) -> Code:
        """Return the whole."""
        functions = [self._selection(each) for each in self._plan.selections]
        functions += [self._region(each) for each in self._plan.regions[1:]]
        texts = [*self._straight.functions, *(each.text() for each in functions)]
        return Code("\n\n\n".join(texts) + "\n", self._constants)

    def _selection(self, selection: Selection) -> _Function:
        at = "".join(f", i{number}" for number in range(selection.indexes))
        function = _Function(f"def o{selection.number}(v, s, e{at}):  # {selection.type.name}")
        names = self._values(selection, function, at)
        row = self._constant(f"R{selection.number}", row_class(selection.keys))
        function.add(f"o = {row}(")
        for step in selection.steps:
            if step.source.way is Way.TYPENAME:
                value = self._constant(f"t{step.number}", selection.type.name)
            elif step.region is not None:
                value = "None"
            else:
                value = self._completed(step.shape, names[step.number], "X")
            function.add(f"{value},  # {step.name}", 2)
        function.add(")")
        for step in selection.groups:
            number = step.region.number if step.region is not None else 0
            function.add(f"s.queues[{number}].append((v, o, e{at}))  # {step.name}")
        function.add("return o")
        return function

    def _values(self, selection: Selection, function: _Function, at: str) -> dict[int, str]:
        """Write how the values of a selection's steps are had; returns their names."""
        names: dict[int, str] = {}
        read: dict[str, str] = {}  # each field reads for itself: what is read may be used up
        for step in selection.steps:
            if step.source.way is Way.READ:
                name = names[step.number] = f"a{step.number}"
                read[name] = step.source.attribute
        if read:
            reader = self._constant(f"r{selection.number}", _reader(tuple(read.values())))
            function.add(f"{' = '.join(read)} = N")
            function.add("try:")
            for name, attribute in read.items():
                function.add(f"{name} = v.{attribute}", 2)
            function.add("except Exception as x:")
            function.add(f"{', '.join(read)}, = {reader}(v, x, {', '.join(read)})", 2)
        for step in selection.steps:
            if step.source.way is Way.CALLED:
                name = names[step.number] = f"c{step.number}"
                function.add("try:")
                function.add(f"{name} = {self._called(step, at)}  # {step.name}", 2)
                function.add("except Exception as x:")
                function.add(f"{name} = x", 2)
        return names

    def _called(self, step: Step, at: str) -> str:
        """Return an expression that calls a step's function."""
        source = step.source
        if not source.is_placeless:
            indexes = f"{at[2:]}," if at else ""
            return f"s.called({self._constant(f's{step.number}', step)}, v, e, ({indexes}))"
        function = self._constant(f"f{step.number}", source.call)
        if not source.takes_arguments:
            return f"{function}(v)"
        return f"{function}(v, **s.arguments({self._constant(f's{step.number}', step)}))"

    def _region(self, region: Region) -> _Function:
        step = region.step
        if step is None:
            raise AssertionError(region)
        function = _Function(f"def g{region.number}(entries, values, s):  # {step.name}")
        value = self._completed(step.shape, "a", "Y")
        function.add("for e, a in zip(entries, values):")
        function.add(f"e[1].{member(step.owner.steps.index(step))} = {value}", 2)
        return function

    def _constant(self, name: str, value: Any) -> str:
        self._constants[name] = value
        return name

    def _completed(self, shape: Shape, value: str, odd: str) -> str:
        """Return an expression for what stands in the answer for a value."""
        at = "".join(f", i{number}" for number in range(shape.indexes))
        position = self._constant(f"p{shape.number}", shape)
        slow = f"{odd}({position}, {value}, s, e{at})"
        null = f"None if {value} is None else " if shape.is_nullable else ""
        if shape.kind is Kind.LEAF:
            return self._leaf(shape, value, slow, null)
        if shape.kind is Kind.LIST:
            return self._list(shape, value, f"{null}{slow}")
        if shape.kind is Kind.OBJECT:
            selection = shape.selections[shape.type.name]
            known = self._constant(f"h_{shape.type.name}", self._classes.of(shape.type.name))
            made = f"o{selection.number}({value}, s, e{at})"
            return f"{made} if {is_known(value, known)} else {null}{slow}"
        known = self._constant(f"d{shape.number}", shape.functions)
        made = f"{known}[id(type({value}))]({value}, s, e{at})"
        return f"{made} if id(type({value})) in {known} else {null}{slow}"

    def _leaf(self, shape: Shape, value: str, slow: str, null: str) -> str:
        kind = shape.type
        check = CHECKS.get(kind.name)
        if isinstance(kind, GraphQLEnumType):
            names = enum_names(kind)
            if not names:
                return f"{null}{slow}"
            known = self._constant(f"n_{kind.name}", names)
            return f"n if (n := {known}.get(id({value}))) is not None else {null}{slow}"
        if check is None:
            classes = self._classes.of(kind.name)
            otherwise = self._constants[slow[0]]
            printed = scalar_printer(shape, classes, otherwise)
            return f"{null}{self._constant(f'l{shape.number}', printed)}{slow[1:]}"
        checked = check.format(v=value)
        if shape.is_nullable:
            checked = f"{checked} or {value} is None"
        if kind.name in TEXTS:
            text = f"str({value}) if {is_known(value, 'T')}"
            return f"{value} if {checked} else {text} else {slow}"
        return f"{value} if {checked} else {slow}"

    def _list(self, shape: Shape, value: str, slow: str) -> str:
        item = shape.item
        if item is None:
            raise AssertionError(shape)
        number = shape.indexes
        inner = self._completed(item, f"x{number}", "X")
        made = f"[{inner} for i{number}, x{number} in enumerate({{}})]"
        is_list = f"type({value}) is tuple or type({value}) is list"
        if not is_straight_list(shape):
            return f"{made.format(value)} if {is_list} else {slow}"
        at = "".join(f", i{number}" for number in range(shape.indexes))
        straight = self._straight.list_of(shape, at, made.format("c"))
        return f"{straight}({value}, s, e{at}) if {is_list} else {slow}"


def _reader(attributes: tuple[str, ...]) -> Callable[..., list[Any]]:
    """Return what goes on reading attributes after one could not be read."""

    def read(parent: Any, error: Exception, *found: Any) -> list[Any]:
        at = next(at for at, value in enumerate(found) if value is _UNREAD)
        values = [*found[:at], error]
        for name in attributes[at + 1 :]:
            try:
                values.append(getattr(parent, name))
            except Exception as another:  # noqa: BLE001  it is the failure of one field
                values.append(another)
        return values

    return read
