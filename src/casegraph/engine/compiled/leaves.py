"""Leaves that no check in the generated code can tell: enums and scalars of a schema's own.

A member of a strawberry enum is found by its identity, which is what makes it cheap: enum members
live as long as their class, and hashing one calls a function of Python's.
Invariant: what is printed here is what the type's own `coerce_output_value` returns.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from graphql import GraphQLEnumType, Undefined
from graphql.pyutils.is_awaitable import is_awaitable

from casegraph.engine.compiled.classes import Known
from casegraph.engine.compiled.complete import as_member, later, settle
from casegraph.engine.compiled.plan import Shape


class Names(dict[int, str]):
    """The names of an enum's members by identity; holds the members, or theirs could be reused."""

    def __init__(self, members: list[tuple[Enum, str]]) -> None:
        super().__init__((id(member), name) for member, name in members)
        self._members = members


def enum_names(kind: GraphQLEnumType) -> Names | None:
    """Return the names of the members of strawberry's enum; None for an enum of another make."""
    wrapped = getattr(kind, "wrapped_cls", None)
    if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
        return None
    members: list[tuple[Enum, str]] = []
    for member in wrapped:
        try:
            members.append((member, kind.coerce_output_value(member)))
        except Exception:  # noqa: BLE001, S112  one that cannot be printed is told when it is met
            continue
    return Names(members)


def scalar_printer(shape: Shape, known: Known, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Return what prints a scalar of the schema's own; `otherwise` completes what is not known."""
    coerce = shape.type.coerce_output_value

    def printed(position: Shape, value: Any, run: Any, entry: Any, *indexes: int) -> Any:
        if type(value) is not known.first and id(type(value)) not in known:
            return otherwise(position, value, run, entry, *indexes)
        try:
            text = coerce(value)
        except Exception as error:  # noqa: BLE001  whatever a scalar's function raises
            return run.failed(position, error, entry, indexes)
        if text is None or text is Undefined:
            return settle(position, value, run, entry, *indexes)
        if type(text) is str:
            return text
        if is_awaitable(text):
            return later(text, position, run, entry, indexes)
        return as_member(text)

    return printed
