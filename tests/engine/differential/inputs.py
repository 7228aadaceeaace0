"""Values for arguments: as literals of a document and as JSON for variables.

Invariant: a literal is always valid where it stands; what goes into a variable may be wrong on
purpose, when it is told so.
"""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Protocol

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
)


class Asked(Protocol):
    """Gives the name of a variable that may stand for a value, None where there is to be none."""

    def __call__(self, type_: GraphQLInputType, hint: str, *, in_one_of: bool) -> str | None:
        """Take the type, what values are known by, and whether it is one of exclusive fields."""


_MOMENTS = ("2026-01-31T09:30:00Z", "2026-06-30T23:59:59.123456+02:00")
_TEXTS = ("", "a", "Ada \u00e4", 'with "quotes"', "tab\tand\nline", "\\", "x" * 20)
_WRONG: tuple[Any, ...] = (
    None,
    1,
    -1,
    1.5,
    "text",
    True,
    [],
    {},
    [None],
    {"text": 1},
    2**40,
    "2026",
    float("nan"),
)

_JSON: Mapping[str, Callable[[Random], Any]] = {
    "String": lambda rng: rng.choice(_TEXTS),
    "Shout": lambda rng: rng.choice(_TEXTS),
    "Int": lambda rng: rng.choice((0, 1, 3, -5, 2**31 - 1, -(2**31))),
    "Fussy": lambda rng: rng.randrange(20),
    "Float": lambda rng: rng.choice((0, 1, 0.5, -2.25, 1e10)),
    "Boolean": lambda rng: rng.random() < 0.5,
    "ID": lambda rng: rng.choice(("1", 7, "abc")),
    "DateTime": lambda rng: rng.choice(_MOMENTS),
    "Date": lambda rng: rng.choice(("2026-01-31", "2024-02-29")),
    "JSON": lambda rng: rng.choice((1, "a", [1, None], {"a": {"b": [True]}}, False)),
}
"""By the name of the scalar."""


class Inputs:
    """Draws values for input types; `known` gives values for arguments that must mean something."""

    def __init__(self, rng: Random, known: Mapping[str, tuple[Any, ...]]) -> None:
        self._rng = rng
        self._known = known

    def json(self, type_: GraphQLInputType, name: str = "", *, depth: int = 0) -> Any:
        """Return a value of the type, as it would stand in JSON."""
        rng = self._rng
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, name, depth)
        return None if rng.random() < 0.15 else self._present(type_, name, depth)

    def _present(self, type_: Any, name: str, depth: int) -> Any:
        rng = self._rng
        if isinstance(type_, GraphQLList):
            if rng.random() < 0.15 and not isinstance(type_.of_type, GraphQLList):
                return self._present(_nullable(type_.of_type), name, depth)
            size = rng.randrange(3) if depth < 3 else 0
            return [self.json(type_.of_type, name, depth=depth + 1) for _ in range(size)]
        if name in self._known:
            return rng.choice(self._known[name])
        if isinstance(type_, GraphQLEnumType):
            return rng.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self.json(_wanted(type_, each), key, depth=depth + 1)
                for key, each in self.chosen(type_, depth)
            }
        if not isinstance(type_, GraphQLScalarType):
            raise TypeError(type_)
        return _JSON[type_.name](rng)

    def chosen(
        self, type_: GraphQLInputObjectType, depth: int
    ) -> list[tuple[str, GraphQLInputField]]:
        """Return the fields to give of an input: all that must be, and some of the others."""
        fields, rng = list(type_.fields.items()), self._rng
        if type_.is_one_of:
            return [rng.choice(fields)]
        chance = 0.5 if depth < 3 else 0.0
        kept = [(key, each) for key, each in fields if is_required(each) or rng.random() < chance]
        if rng.random() < 0.3:
            rng.shuffle(kept)
        return kept

    def literal(
        self,
        type_: GraphQLInputType,
        name: str,
        variable: Asked,
        *,
        in_one_of: bool = False,
        depth: int = 0,
    ) -> str:
        """Return a value as text of a document; `variable` gives the name of one, or None."""
        rng = self._rng
        if rng.random() < 0.25:
            found = variable(type_, name if name in self._known else "", in_one_of=in_one_of)
            if found is not None:
                return f"${found}"
        inner = _nullable(type_)
        if inner is type_ and not in_one_of and rng.random() < 0.12:
            return "null"
        if isinstance(inner, GraphQLList):
            if rng.random() < 0.15:
                return self.literal(
                    GraphQLNonNull(_nullable(inner.of_type)), name, no_variable, depth=depth + 1
                )
            size = rng.randrange(3) if depth < 3 else 0
            items = [
                self.literal(inner.of_type, name, variable, depth=depth + 1) for _ in range(size)
            ]
            return f"[{', '.join(items)}]"
        if isinstance(inner, GraphQLInputObjectType):
            fields = [
                f"{key}: "
                + self.literal(
                    each.type, key, variable, in_one_of=bool(inner.is_one_of), depth=depth + 1
                )
                for key, each in self.chosen(inner, depth)
            ]
            return "{" + ", ".join(fields) + "}"
        value = self._present(inner, name, depth)
        if isinstance(inner, GraphQLEnumType):
            return str(value)
        return self._text(value)

    def _text(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {self._text(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return f"[{', '.join(self._text(each) for each in value)}]"
        if isinstance(value, str) and value.isalnum() and self._rng.random() < 0.2:
            return f'"""{value}"""'
        return json.dumps(value)

    def wrong(self) -> Any:
        """Return a value that fits few types."""
        return self._rng.choice(_WRONG)


def is_required(each: Any) -> bool:
    """Return whether an argument or a field of an input must be given."""
    return isinstance(each.type, GraphQLNonNull) and each.default_value is Undefined


def _wanted(type_: GraphQLInputObjectType, each: GraphQLInputField) -> Any:
    """Return the type of a field's value; one of several must not be null."""
    return GraphQLNonNull(_nullable(each.type)) if type_.is_one_of else each.type


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def no_variable(type_: GraphQLInputType, hint: str, *, in_one_of: bool) -> None:
    """Give none."""
    return
