"""Objects to carry drawn values, of every kind of Python class that a resolver may return.

A compiled executor tells types by the classes it has seen; so the same GraphQL type comes as its
strawberry class, a subclass of that, a msgspec Struct, a class whose attributes are properties, one
that answers for every type, and a mapping.
Invariant: every carrier says its kind, its seed and its depth under the same three names.
"""

from collections.abc import Callable, Mapping
from random import Random
from types import SimpleNamespace
from typing import Any, Protocol

import msgspec
import strawberry

from engine.differential.odd_values import Raise, given

KIND, SEED, DEPTH = "kind_", "seed_", "depth_"
_EAGER_DEPTH_MAX = 3
"""Below it attributes are drawn when they are read, or objects that hold objects never end."""


class Draws(Protocol):
    """What carriers take their values from."""

    def attribute(
        self, kind: str, name: str, seed: int, depth: int, *, is_computed: bool = False
    ) -> Any:
        """Return what an attribute holds, or what a property gives."""


def told(value: Any, name: str) -> Any:
    """Return what a value says of itself under one of the three names, None where it does not."""
    # Not isinstance, which believes those who lie about their class.
    if issubclass(type(value), Mapping):
        return value.get(name)
    return getattr(value, name, None)


def kind_of(value: Any) -> Any:
    """Return the name of the type that a value says it is."""
    return told(value, KIND)


def seed_of(value: Any, otherwise: int) -> int:
    """Return the seed of an object; of what is none, one that follows from its class."""
    seed = told(value, SEED)
    return seed if isinstance(seed, int) else otherwise + len(type(value).__name__)


def depth_of(value: Any) -> int:
    """Return how deep in the data an object lies."""
    depth = told(value, DEPTH)
    return depth if isinstance(depth, int) else 0


class Lazy:
    """Any type at all: draws an attribute when it is first read."""

    def __init__(self, draws: Draws, names: frozenset[str], kind: str, seed: int, depth: int):  # noqa: ANN204
        self.__dict__.update({KIND: kind, SEED: seed, DEPTH: depth})
        self._draws = draws
        self._names = names

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if name.startswith("_") or name not in own["_names"]:
            raise AttributeError(name)
        value = own["_draws"].attribute(own[KIND], name, own[SEED], own[DEPTH])
        if not isinstance(value, Raise):
            own[name] = value
        return given(value)


class Carriers:
    """Makes objects for the types of one schema."""

    def __init__(
        self,
        names: Mapping[str, tuple[str, ...]],
        origins: Mapping[str, type],
        *,
        has_mappings: bool,
        only_structs: bool = False,
    ) -> None:
        self._names = names
        self._origins = origins
        self._structs = {
            kind: msgspec.defstruct(
                f"{kind}Record",
                [(name, Any, None) for name in (*attributes, KIND, SEED, DEPTH)],
                kw_only=True,
            )
            for kind, attributes in names.items()
        }
        self._subclasses = {
            kind: type(f"Odd{kind}", (origin,), {}) for kind, origin in origins.items()
        }
        self._computing = {kind: _computing(kind, all_) for kind, all_ in names.items()}
        self._only_structs = only_structs
        self._kinds: list[Callable[[str, dict[str, Any]], Any]] = [
            *[self._own] * 5,
            *[self._struct] * 3,
            self._subclass,
            self._namespace,
            self._cast,
            *([self._mapping] * 2 if has_mappings else ()),
        ]

    def make(self, draws: Draws, kind: str, rng: Random, depth: int) -> Any:
        """Return a new object of a type."""
        seed, names = rng.getrandbits(30), self._names[kind]
        is_odd = rng.random() < 0.02 if self._only_structs else rng.random() < 0.2
        if depth >= _EAGER_DEPTH_MAX or is_odd:
            return Lazy(draws, frozenset(names), kind, seed, depth)
        if not self._only_structs and rng.random() < 0.1:
            return self._computing[kind](draws, frozenset(names), kind, seed, depth)
        values = {name: draws.attribute(kind, name, seed, depth) for name in names}
        values = {
            name: value.exception if isinstance(value, Raise) else value
            for name, value in values.items()
        }
        told_of = {KIND: kind, SEED: seed, DEPTH: depth}
        kinds = [self._struct] if self._only_structs else self._kinds
        return rng.choice(kinds)(kind, {**values, **told_of})

    def _own(self, kind: str, values: dict[str, Any]) -> Any:
        return _filled(self._origins[kind], values)

    def _subclass(self, kind: str, values: dict[str, Any]) -> Any:
        return _filled(self._subclasses[kind], values)

    def _struct(self, kind: str, values: dict[str, Any]) -> Any:
        return self._structs[kind](**values)

    def _namespace(self, _kind: str, values: dict[str, Any]) -> Any:
        return SimpleNamespace(**values)

    def _cast(self, kind: str, values: dict[str, Any]) -> Any:
        return strawberry.cast(self._origins[kind], SimpleNamespace(**values))

    def _mapping(self, _kind: str, values: dict[str, Any]) -> Any:
        return values


def _filled(origin: type, values: dict[str, Any]) -> Any:
    made: Any = object.__new__(origin)
    made.__dict__.update(values)
    return made


def _computing(kind: str, names: tuple[str, ...]) -> type[Lazy]:
    """Return a class whose attributes are properties, computed whenever they are read."""

    def reader(name: str) -> property:
        def read(self: Any) -> Any:
            own = self.__dict__
            draws, place = own["_draws"], (own[KIND], name, own[SEED], own[DEPTH])
            return given(draws.attribute(*place, is_computed=True))

        return property(read)

    return type(f"Computing{kind}", (Lazy,), {name: reader(name) for name in names})
