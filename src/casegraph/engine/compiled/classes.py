"""What the class of a Python object proves, so that generated code need not look at the object.

A schema's types may be told by any function of the object. Only where the class alone decides it is
a class remembered: strawberry's own checks, and functions that are marked with `by_class`.
Invariants: what is remembered holds for every instance; it is bounded, as classes may be made at
run time.
"""

from enum import Enum
from types import FunctionType, GeneratorType, NoneType
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, Undefined

from casegraph.engine.compiled.plan import Kind, Shape

CLASSES_MAX = 64
"""Most classes remembered for one type, so that classes made at run time cannot fill the memory."""

_STRAWBERRY = "GraphQLCoreConverter."


def by_class(function: Any) -> Any:
    """Mark an `is_type_of` as one that looks at nothing but the class of the object."""
    function.by_class = True
    return function


class Known(dict[int, type]):
    """The classes that are known for one type, by id, for a class need not have a hash.

    Nearly every type has one class only, and comparing with the first takes 40 ns less than making
    an id and looking that up, of 200 ns that a leaf takes with its share of its object.
    """

    __slots__ = ("first",)

    def __init__(self) -> None:
        super().__init__()
        self.first: type | None = None

    def add(self, kind: type) -> None:
        """Remember a class, while there is room."""
        if len(self) < CLASSES_MAX and is_honest(kind):
            self[id(kind)] = kind
            if self.first is None:
                self.first = kind


class Classes:
    """What is known of Python classes, for one schema.

    An instance of a class in one of these is no exception, cannot be awaited, and is of the type
    under whose name it stands.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: dict[str, Known] = {}
        self.texts = Known()
        """Subclasses of str whose text is what `str` makes of them."""

    def of(self, name: str) -> Known:
        """Return the classes that are known for a type; the same object for good."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = Known()
        return known

    def learn(self, name: str, value: object) -> None:
        """Remember the class of a value that has turned out to be fine."""
        self.of(name).add(type(value))

    def learn_text(self, value: str) -> None:
        """Remember a subclass of str that is nothing but its text."""
        kind = type(value)
        if kind.__str__ is str.__str__:
            self.texts.add(kind)

    def decides(self, kind: GraphQLObjectType, value: object) -> bool:
        """Return whether the class alone tells that a value is of an object type."""
        check = kind.is_type_of
        if check is None or getattr(check, "by_class", False):
            return True
        # strawberry's own check asks for the class, or for a mark that `strawberry.cast` leaves on
        # an instance, which needs a place for it.
        return _is_strawberrys(check) and _has_no_dict(type(value))

    def decides_all(self, shape: Shape, value: object) -> bool:
        """Return whether the class alone tells which of a position's types a value is of."""
        resolve = shape.type.resolve_type
        return (
            _is_strawberrys(resolve)
            and _has_no_dict(type(value))
            and all(
                each.type.is_type_of is not None and self.decides(each.type, value)
                for each in shape.selections.values()
            )
        )


def looks_at_values_only(shape: Shape) -> bool:
    """Return whether all that tells the types of a position is known to look at nothing else."""
    checks = [each.type.is_type_of for each in shape.selections.values()]
    if shape.kind is Kind.ABSTRACT and not _is_strawberrys(shape.type.resolve_type):
        return False
    return all(
        check is None or _is_strawberrys(check) or getattr(check, "by_class", False)
        for check in checks
    )


def is_honest(kind: type) -> bool:
    """Return whether instances are told apart by their class: none fails, waits or pretends."""
    return not (
        issubclass(kind, BaseException | Enum)
        or hasattr(kind, "__await__")
        or hasattr(kind, "__getattr__")
        or isinstance(kind.__getattribute__, FunctionType)
        or any("__class__" in each.__dict__ for each in kind.__mro__[:-1])
        or any(kind is each for each in _NEVER)
    )


_NEVER = (NoneType, type(Undefined), GeneratorType, FunctionType, type)


def _is_strawberrys(function: Any) -> bool:
    return getattr(function, "__qualname__", "").startswith(_STRAWBERRY)


def _has_no_dict(kind: type) -> bool:
    return kind.__dictoffset__ == 0 and not hasattr(kind, "__getattr__")
