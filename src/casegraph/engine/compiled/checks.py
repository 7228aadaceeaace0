"""The checks that generated code makes of a value before it prints it, as expressions of Python.

Invariant: a value that passes is printed by the type's own `coerce_output_value` as it is.
"""

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


def is_known(value: str, known: str) -> str:
    """Return the check that a value's class is one of a `Known`."""
    return f"type({value}) is {known}.first or id(type({value})) in {known}"
