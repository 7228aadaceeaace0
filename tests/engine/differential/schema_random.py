"""Schemas made from a seed: types, interfaces, unions, nullability, lists and resolvers at random.

What no hand-written schema has together is had here sooner or later: an interface's field made
stricter by a type, a union of all types, four lists within each other.
Invariant: the same seed makes the same schema.
"""

from datetime import datetime
from enum import Enum
from random import Random
from typing import Annotated, Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from casegraph.graph.scalars import SCALARS
from engine.differential.carriers import kind_of
from engine.differential.computed import Mode, Passing, computed
from engine.differential.dice import dice


@strawberry.enum
class Shade(Enum):
    """An enum of a text and a number."""

    DARK = "dark"
    LIGHT = 1


_LEAVES: tuple[Any, ...] = (int, float, str, bool, strawberry.ID, datetime, Shade)
_ARGUMENTS: dict[str, Any] = {
    "n": (int | None, 3),
    "shade": (Shade | None, None),
    "texts": (list[str] | None, strawberry.UNSET),
}
_TYPES_MAX = 6


def build(seed: int) -> strawberry.Schema:
    """Return the schema of a seed."""
    return _Maker(dice(seed)).schema()


class _Maker:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._interfaces: list[Any] = []
        self._types: list[Any] = []
        self._named: list[Any] = []

    def schema(self) -> strawberry.Schema:
        """Make types one after the other, each of fields that lead to those before it."""
        rng = self._rng
        for number in range(rng.randrange(3)):
            self._interfaces.append(self._made(f"Face{number}", strawberry.interface, ()))
            self._named.append(self._interfaces[-1])
        for number in range(rng.randrange(2, _TYPES_MAX)):
            bases = tuple(each for each in self._interfaces if rng.random() < 0.5)
            made = self._made(f"Kind{number}", strawberry.type, bases)
            self._types.append(made)
            self._named.append(made)
            if len(self._types) > 1 and rng.random() < 0.5:
                members = rng.sample(self._types, 2)
                union = strawberry.union(f"One{number}")
                self._named.append(Annotated[members[0] | members[1], union])
        query = self._made("Query", strawberry.type, (), computes=True)
        config = StrawberryConfig(scalar_map={datetime: SCALARS[datetime]})
        return strawberry.Schema(query, types=self._types, config=config)

    def _made(
        self, name: str, decorate: Any, bases: tuple[Any, ...], *, computes: bool = False
    ) -> Any:
        rng = self._rng
        annotations: dict[str, Any] = {}
        members: dict[str, Any] = {"__annotations__": annotations, "__module__": __name__}
        for number in range(rng.randrange(3, 8)):
            kind, field_name = self._kind(), f"{name.lower()}_f{number}"
            if computes or rng.random() < 0.35:
                members[field_name] = self._computed(name, field_name, kind)
            else:
                annotations[field_name] = kind
        if decorate is strawberry.type and not computes:
            members["is_type_of"] = _teller(name)
        return decorate(type(name, bases, members))

    def _computed(self, name: str, field_name: str, kind: Any) -> Any:
        rng = self._rng
        head, _, tail = field_name.partition("_")
        arguments = {key: each for key, each in _ARGUMENTS.items() if rng.random() < 0.3}
        extensions = [Passing()] if rng.random() < 0.1 else []
        mode = rng.choice(list(Mode))
        where = f"{name}.{head}{tail.upper()}"
        return computed(where, kind, arguments, mode=mode, extensions=extensions)

    def _kind(self) -> Any:
        """Return a type at random, of what there is so far."""
        rng = self._rng
        kind = rng.choice(self._named if self._named and rng.random() < 0.55 else _LEAVES)
        if rng.random() < 0.5:
            kind = kind | None
        for _ in range(rng.choices((0, 1, 2, 4), (55, 30, 12, 3))[0]):
            kind = list.__class_getitem__(kind)
            if rng.random() < 0.5:
                kind = kind | None
        return kind


def _teller(name: str) -> Any:
    def is_type_of(_cls: Any, value: Any, _info: object) -> bool:
        return bool(kind_of(value) == name)

    return classmethod(is_type_of)
