"""The checks that generated code makes of a value before it prints it, as expressions of Python.

A class may say what its instances hold, in a mapping under the name `HELD` in its own `__dict__`:
by the name of an attribute, the classes of which its values can be, each exactly of one of them.
That is believed, and such values are not checked where they are read straight (`straight`): a class
that says what is not so has the bug. The word is for instances of exactly that class, so it is not
looked for in the classes above; an attribute that is not in the mapping is checked.
Invariant: a value that passes is printed by the type's own `coerce_output_value` as it is.
"""

from collections.abc import Mapping
from types import NoneType

_INT_MAX = 2**31 - 1
_IS_TEXT = "type({v}) is str"
CHECKS = {
    "String": _IS_TEXT,
    "ID": _IS_TEXT,
    "Boolean": "{v} is True or {v} is False",
    "Int": f"type({{v}}) is int and {-_INT_MAX - 1} <= {{v}} <= {_INT_MAX}",
    "Float": "type({v}) is float and -inf < {v} < inf",
}
"""By the name of the built-in scalar; `v` is the value."""
TEXTS = frozenset({"String", "ID"})
"""Those that print text."""
HELD = "__held__"
_PLAIN: Mapping[str, type] = {"String": str, "ID": str, "Boolean": bool}
"""The class of which every instance passes, for the scalars that have one."""


def is_known(value: str, known: str) -> str:
    """Return the check that a value's class is one of a `Known`."""
    return f"type({value}) is {known}.first or id(type({value})) in {known}"


def needs_no_check(name: str, *, is_nullable: bool) -> frozenset[type] | None:
    """Return the classes whose values a leaf of this type prints as they are; None if it has none.

    They are those of all values that the check lets pass, but for subclasses of str.
    """
    plain = _PLAIN.get(name)
    if plain is None:
        return None
    return frozenset({plain, NoneType} if is_nullable else {plain})


def holds(kind: type, attribute: str, classes: frozenset[type]) -> bool:
    """Return whether a class says that an attribute holds nothing but values of these classes."""
    held = vars(kind).get(HELD)
    said = held.get(attribute) if isinstance(held, Mapping) else None
    return said is not None and classes.issuperset(said)
