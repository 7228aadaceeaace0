"""A field's arguments, read from what its document says of them, and that is looked at once.

What stands in the document as text is the same for every request, and a variable has been coerced
already, so that all that is left of most fields is to pick the variables' values: 0.5 µs where
graphql-core takes 3.6 to walk through those of a page of cases anew (measured, Python 3.11).
Invariant: what is returned is what `get_argument_values` returns; whatever could fail, or could be
another value each time, is left to it.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_specified_scalar_type,
)
from graphql.execution.values import VariableValues
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

from casegraph.engine.compiled.fields import is_shareable

_LEFT_OUT = object()


class _OddError(Exception):
    """Has to be read by graphql-core."""


class PlainArguments:
    """The arguments of one field of a document."""

    __slots__ = ("_entries",)

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        given = {each.name.value: each.value for each in node.arguments or ()}
        self._entries: list[tuple[str, str | None, Any, bool]] | None = []
        try:
            for name, argument in definition.args.items():
                entry = _entry(argument, given.get(name))
                self._entries.append((argument.out_name or name, *entry))
        except _OddError:
            self._entries = None

    def read(self, variables: VariableValues) -> dict[str, Any] | None:
        """Return the arguments as graphql-core hands them over; None where it has to read them."""
        if self._entries is None:
            return None
        coerced: Mapping[str, Any] = variables.coerced
        values: dict[str, Any] = {}
        for name, variable, otherwise, must_be in self._entries:
            value = otherwise if variable is None else coerced.get(variable, otherwise)
            if value is not _LEFT_OUT:
                if must_be and value is None:
                    return None
                values[name] = value
            elif must_be:
                return None
        return values


def _entry(argument: GraphQLArgument, value: ValueNode | None) -> tuple[str | None, Any, bool]:
    """Return the variable that an argument's value is, what it is without, and if it must be."""
    must_be = is_non_null_type(argument.type)
    if isinstance(value, VariableNode):
        default = _LEFT_OUT if is_required_argument(argument) else _default(argument)
        return value.name.value, default, must_be
    if value is not None:
        return None, _literal(argument, value), must_be
    return None, _default(argument), must_be


def _default(argument: GraphQLArgument) -> Any:
    """Return the value of an argument that is not given."""
    try:
        found = coerce_default_value(argument)
    except Exception:  # noqa: BLE001  an invalid default, which is told when it is used
        raise _OddError from None
    return _LEFT_OUT if found is Undefined else _immutable(found)


def _literal(argument: GraphQLArgument, value: ValueNode) -> Any:
    """Return the value of text that can hold no variable and means the same each time."""
    kind = get_named_type(argument.type)
    is_leaf = is_specified_scalar_type(kind) or is_enum_type(kind)
    if not is_leaf or is_list_type(get_nullable_type(argument.type)):
        raise _OddError
    found = coerce_input_literal(value, argument.type)
    if found is Undefined:
        raise _OddError
    return _immutable(found)


def _immutable(value: Any) -> Any:
    if is_shareable({"": value}):
        return value
    raise _OddError
