"""Lists of objects that are read straight off: one loop, no call and no index for each object.

A list of rows whose selected fields are all attributes is most of what a large answer is made of.
Such a list is tried with code that gives up at the first value that is odd in any way; then the
exact code goes through the same list from its beginning. Where the class of its objects says what
they hold (`checks`), text and booleans are not even looked at. An object of eight fields takes
415 ns in place of 560, and 315 where nothing is looked at (400 of them in 100 cases, each with its
share of its case, the least of 150 rounds on one core).
Invariants: attributes are read straight only where reading them is known to do nothing else, so
that they may be read twice; straight code tells nothing and begins nothing, it only returns.
"""

from collections.abc import Callable, Iterable, Iterator
from inspect import getattr_static
from types import MemberDescriptorType
from typing import Any, NoReturn

from graphql import GraphQLEnumType, Undefined
from graphql.pyutils.is_awaitable import is_awaitable

from casegraph.engine.compiled.checks import CHECKS, TEXTS, holds, is_known, needs_no_check
from casegraph.engine.compiled.classes import Classes, Known
from casegraph.engine.compiled.complete import as_member
from casegraph.engine.compiled.fields import Way
from casegraph.engine.compiled.leaves import enum_names
from casegraph.engine.compiled.plan import Kind, Selection, Shape
from casegraph.engine.compiled.rows import row_class

DEPTH_MAX = 4
"""Objects within objects that one function reads; Python's compiler takes no endless nesting."""


class Odd(Exception):
    """A value is not what straight code takes; the exact code has the word."""


def odd(_value: object) -> NoReturn:
    """Give up."""
    raise Odd


class Source:
    """The one class whose objects straight code reads for a selection, once it is known.

    `attributes` are those that it reads; `bare` are leaves, with the classes whose values need no
    check. `is_bare` is unset where the class does not say that they hold nothing else.
    """

    __slots__ = ("_attributes", "_bare", "_known", "_tried", "is_bare", "kind")

    def __init__(
        self,
        known: Known,
        attributes: tuple[str, ...],
        bare: tuple[tuple[str, frozenset[type]], ...],
    ) -> None:
        self._known = known
        self._attributes = attributes
        self._bare = bare
        self._tried: set[int] = set()
        self.kind: type | None = None
        self.is_bare = True

    def look(self, met: Iterable[int] | None = None) -> None:
        """Take a class that the exact code has met, if reading it does nothing else.

        `met` are the ids of the classes in hand, or else all that are known are looked at. It is
        the first of those that need no checks, or else the first: records that hold an error are of
        a class of their own, which may have come before the others.
        """
        for each in self._known if met is None else met:
            if self.kind is not None and self.is_bare:
                return
            if each in self._known and each not in self._tried:
                self._tried.add(each)
                self._try(self._known[each])

    def _try(self, kind: type) -> None:
        if self._is_read_straight(kind):
            is_bare = all(holds(kind, name, classes) for name, classes in self._bare)
            if is_bare or self.kind is None:
                self.kind, self.is_bare = kind, is_bare

    def _is_read_straight(self, kind: type) -> bool:
        return all(
            isinstance(getattr_static(kind, name, None), MemberDescriptorType)
            for name in self._attributes
        )


def scalar_reader(shape: Shape, known: Known) -> Callable[[Any], Any]:
    """Return what prints a scalar of the schema's own, or gives up."""
    coerce = shape.type.coerce_output_value

    def printed(value: Any) -> Any:
        if type(value) is not known.first and id(type(value)) not in known:
            raise Odd
        text = coerce(value)
        if type(text) is not str and (_is_odd(text) or is_awaitable(text)):
            raise Odd
        return text

    return printed


def _is_odd(text: Any) -> bool:
    return text is None or text is Undefined or as_member(text) is not text


def is_straight_list(shape: Shape, depth: int = DEPTH_MAX) -> bool:
    """Return whether a position is a list of objects that can be read straight."""
    item = shape.item
    return item is not None and item.kind is Kind.OBJECT and _is_object(item, depth)


def _is_object(shape: Shape, depth: int) -> bool:
    return depth > 0 and all(
        step.source.way is Way.TYPENAME
        or (step.source.way is Way.READ and _is_value(step.shape, depth - 1))
        for step in _only(shape).steps
    )


def _is_value(shape: Shape, depth: int) -> bool:
    if shape.kind is Kind.LEAF:
        return not isinstance(shape.type, GraphQLEnumType) or bool(enum_names(shape.type))
    if shape.kind is Kind.LIST:
        return is_straight_list(shape, depth)
    return shape.kind is Kind.OBJECT and _is_object(shape, depth)


def _only(shape: Shape) -> Selection:
    return shape.selections[shape.type.name]


class StraightWriter:
    """Writes straight code; `constant` takes a name and its value, and returns the name."""

    def __init__(self, classes: Classes, constant: Callable[[str, Any], str]) -> None:
        self._classes = classes
        self._constant = constant
        self._sources: dict[int, str] = {}
        self._written: set[int] = set()
        self.functions: list[str] = []

    def list_of(self, shape: Shape, at: str, exact: str) -> str:
        """Return the name of what makes a list, by `exact`, an expression of `c`, if it must."""
        name, reader = f"w{shape.number}", self._reader(shape)
        item, *inner = _objects(_item(shape))
        self.functions.append(
            "\n".join(
                [
                    f"def {name}(c, s, e{at}):  # {shape.step.name}",
                    "    try:",
                    f"        return {reader}(c)",
                    "    except Exception:",
                    "        pass",
                    f"    o = {exact}",
                    f"    {self._source(item)}.look(map(id, map(type, c)))",
                    *(f"    {self._source(each)}.look()" for each in inner),
                    "    return o",
                ]
            )
        )
        return name

    def _reader(self, shape: Shape) -> str:
        """Return the name of what reads a list straight."""
        name, item = f"m{shape.number}", _item(shape)
        if shape.number not in self._written:
            self._written.add(shape.number)
            objects = list(_objects(item))
            lines = [
                f"def {name}(c):  # {shape.step.name}, straight",
                *(f"    {_kind(each)} = {self._source(each)}.kind" for each in objects),
                "    o = []",
            ]
            if any(map(_bare, objects)):
                is_bare = " and ".join(f"{self._source(each)}.is_bare" for each in objects)
                lines += [f"    if {is_bare}:"]
                lines += (f"    {line}" for line in self._loop(item, is_bare=True))
            self.functions.append("\n".join([*lines, *self._loop(item, is_bare=False)]))
        return name

    def _loop(self, item: Shape, *, is_bare: bool) -> Iterator[str]:
        yield "    for x in c:"
        yield f"        if type(x) is not {_kind(item)}:"
        yield "            B(x)"
        # Python runs `o.append(...)` faster than a bound `append`, and than a comprehension.
        yield f"        o.append({self._row(item)}("
        yield from (f"            {each}" for each in self._members(item, "x", is_bare=is_bare))
        yield "        ))"
        yield "    return o"

    def _source(self, shape: Shape) -> str:
        selection = _only(shape)
        name = self._sources.get(selection.number)
        if name is None:
            read = [each for each in selection.steps if each.source.way is Way.READ]
            known = self._classes.of(shape.type.name)
            attributes = tuple(each.source.attribute for each in read)
            source = Source(known, attributes, _bare(shape))
            name = self._sources[selection.number] = self._constant(f"q{selection.number}", source)
        return name

    def _row(self, shape: Shape) -> str:
        selection = _only(shape)
        return self._constant(f"R{selection.number}", row_class(selection.keys))

    def _members(self, shape: Shape, value: str, *, is_bare: bool) -> Iterator[str]:
        """Write what an object is made of; `is_bare` leaves out the checks that may be."""
        selection = _only(shape)
        for step in selection.steps:
            if step.source.way is Way.TYPENAME:
                text = self._constant(f"t{step.number}", selection.type.name)
            else:
                text = self._value(step.shape, f"{value}.{step.source.attribute}", is_bare=is_bare)
            yield f"{text},"

    def _value(self, shape: Shape, read: str, *, is_bare: bool) -> str:
        if shape.kind is Kind.LEAF:
            return read if is_bare and _unchecked(shape) else self._leaf(shape, read)
        name = f"x{shape.number}"
        otherwise = f"{f'None if {name} is None else ' if shape.is_nullable else ''}B({name})"
        if shape.kind is Kind.LIST:
            is_list = f"type({name} := {read}) is tuple or type({name}) is list"
            return f"{self._reader(shape)}({name}) if {is_list} else {otherwise}"
        made = f"{self._row(shape)}({' '.join(self._members(shape, name, is_bare=is_bare))})"
        return f"{made} if type({name} := {read}) is {_kind(shape)} else {otherwise}"

    def _leaf(self, shape: Shape, read: str) -> str:
        kind = shape.type
        null = f"None if (a := {read}) is None else " if shape.is_nullable else ""
        value = "a" if shape.is_nullable else read
        if isinstance(kind, GraphQLEnumType):
            return f"{null}{self._constant(f'n_{kind.name}', enum_names(kind))}[id({value})]"
        check = CHECKS.get(kind.name)
        if check is None:
            printer = scalar_reader(shape, self._classes.of(kind.name))
            return f"{null}{self._constant(f'u{shape.number}', printer)}({value})"
        if shape.is_nullable:
            check = f"{{v}} is None or {check}"
        fits = check.replace("{v}", f"(a := {read})", 1).format(v="a")
        text = f"str(a) if {is_known('a', 'T')} else " if kind.name in TEXTS else ""
        return f"a if {fits} else {text}B(a)"


def _item(shape: Shape) -> Shape:
    if shape.item is None:
        raise AssertionError(shape)
    return shape.item


def _objects(shape: Shape) -> Iterator[Shape]:
    """Return the position of an object and those that stand in it without a list between."""
    yield shape
    for step in _only(shape).steps:
        if step.source.way is Way.READ and step.shape.kind is Kind.OBJECT:
            yield from _objects(step.shape)


def _bare(shape: Shape) -> tuple[tuple[str, frozenset[type]], ...]:
    """Return the leaves of an object whose check may be left out, and for which classes."""
    return tuple(
        (step.source.attribute, classes)
        for step in _only(shape).steps
        if step.source.way is Way.READ and (classes := _unchecked(step.shape)) is not None
    )


def _unchecked(shape: Shape) -> frozenset[type] | None:
    if shape.kind is not Kind.LEAF:
        return None
    return needs_no_check(shape.type.name, is_nullable=shape.is_nullable)


def _kind(shape: Shape) -> str:
    """Return the local name of the class that is read at a position."""
    return f"z{_only(shape).number}"
