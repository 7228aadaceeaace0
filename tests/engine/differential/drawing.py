"""Data for any strawberry schema, drawn as it is asked for, the same for whoever asks.

Every object has a seed; the value of a field follows from that seed, the field and its arguments,
so neither the order in which an executor asks nor how often it asks changes what it gets. Oddness
is the chance that a value is not what its type promises.
Invariant: a field's value on one object is one object for good, unless a resolver computes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    is_abstract_type,
)

from engine.differential import odd_values
from engine.differential.carriers import Carriers, depth_of, seed_of
from engine.differential.clean_values import CLEAN
from engine.differential.dice import dice, mixed
from engine.differential.odd_values import Raise

_LIST_DEPTH_MAX = 5
"""Below it lists are empty, so that no answer grows without bound."""


@dataclass(frozen=True)
class Vocabulary:
    """What is known of a schema's types, found once."""

    schema: GraphQLSchema
    has_mappings: bool = False
    """Whether the schema reads its fields from mappings too."""
    only_structs: bool = False
    """Whether nearly all its objects are of one make of class."""

    @cached_property
    def plain(self) -> dict[str, dict[str, GraphQLOutputType]]:
        """The attributes that are read without a resolver, by type and Python name."""
        return {
            name: {
                each.extensions["strawberry-definition"].python_name: each.type
                for each in kind.fields.values()
                if each.extensions["strawberry-definition"].base_resolver is None
            }
            for name, kind in self.schema.type_map.items()
            if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
        }

    @cached_property
    def carriers(self) -> Carriers:
        """What objects are made of."""
        origins = {
            name: self.schema.type_map[name].extensions["strawberry-definition"].origin
            for name in self.plain
        }
        names = {name: tuple(attributes) for name, attributes in self.plain.items()}
        return Carriers(
            names, origins, has_mappings=self.has_mappings, only_structs=self.only_structs
        )

    def field_type(self, where: str) -> GraphQLOutputType:
        """Return the type of `Type.field`, named as in the schema."""
        type_name, _, field_name = where.partition(".")
        kind = self.schema.type_map[type_name]
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            raise TypeError(where)
        found: GraphQLOutputType = kind.fields[field_name].type
        return found


@dataclass
class Source:
    """The data of one run; it is the run's context."""

    vocabulary: Vocabulary
    seed: int
    oddness: float = 0.0
    once: bool = False
    """Whether every attribute is read once at most, so that it may hold what can be used up."""
    keeps: bool = False
    """Whether computed fields give the same objects again, as a cache does."""
    _kept: dict[int, Any] = field(default_factory=dict)

    def answer(self, parent: Any, where: str, arguments: dict[str, Any]) -> Any:
        """Return what a computed field holds: a value, or a Raise."""
        seed = mixed(seed_of(parent, self.seed), where, repr(sorted(arguments.items())))
        if seed in self._kept:
            return self._kept[seed]
        type_, once = self.vocabulary.field_type(where), not self.keeps
        value = self.value(type_, dice(seed), depth_of(parent) + 1, once=once)
        if self.keeps:
            self._kept[seed] = value
        return value

    def turns(self, parent: Any, where: str) -> int:
        """Return after how many turns of the loop a computed field has its value."""
        return mixed(seed_of(parent, self.seed), where, "turns") % 4

    def attribute(
        self, kind: str, name: str, seed: int, depth: int, *, is_computed: bool = False
    ) -> Any:
        """Return what an attribute holds, or what a property gives; it may be a Raise."""
        rng = dice(mixed(seed, kind, name))
        type_ = self.vocabulary.plain[kind][name]
        return self.value(type_, rng, depth + 1, once=self.once or is_computed)

    def value(self, type_: Any, rng: Random, depth: int, *, once: bool) -> Any:
        """Return a value for a type."""
        if self.oddness and rng.random() < self.oddness:
            return self._odd(type_, rng, depth, once=once)
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif rng.random() < 0.08:
            return None
        if isinstance(type_, GraphQLList):
            most = 4 if depth < _LIST_DEPTH_MAX else 1
            items = [
                _item(self.value(type_.of_type, rng, depth, once=once))
                for _ in range(rng.randrange(most))
            ]
            return odd_values.container(rng, items, is_plain=not self.oddness, once=once)
        return self._named(type_, rng, depth)

    def _named(self, type_: Any, rng: Random, depth: int) -> Any:
        if isinstance(type_, GraphQLScalarType):
            return CLEAN[type_.name](rng)
        if isinstance(type_, GraphQLEnumType):
            definition = type_.extensions["strawberry-definition"]
            return rng.choice(list(definition.wrapped_cls))
        if is_abstract_type(type_) and isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            possible = self.vocabulary.schema.get_possible_types(type_)
            if not possible:
                return odd_values.Plain()
            type_ = rng.choice(sorted(possible, key=lambda each: each.name))
        return self.vocabulary.carriers.make(self, type_.name, rng, depth)

    def _odd(self, type_: Any, rng: Random, depth: int, *, once: bool) -> Any:
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        made: tuple[tuple[int, Callable[[], Any]], ...] = (
            (20, lambda: None),
            (10, lambda: odd_values.failure(rng)),
            (8, lambda: Raise(odd_values.failure(rng))),
            (24, lambda: odd_values.near(rng, inner)),
            (6, lambda: odd_values.leaf(rng)),
            (10, lambda: odd_values.late(rng, self.value(inner, rng, depth, once=once), once=once)),
            (12, lambda: self._other(rng, depth)),
            (10, lambda: self._rewrapped(inner, rng, depth, once=once)),
        )
        make = rng.choices([each for _, each in made], [weight for weight, _ in made])[0]
        return make()

    def _other(self, rng: Random, depth: int) -> Any:
        """Return an object of any type."""
        kind = rng.choice(sorted(self.vocabulary.plain))
        return self.vocabulary.carriers.make(self, kind, rng, depth)

    def _rewrapped(self, inner: Any, rng: Random, depth: int, *, once: bool) -> Any:
        """Return an item in a list's place, and a list in an item's."""
        if isinstance(inner, GraphQLList):
            return self.value(inner.of_type, rng, depth, once=once)
        return [_item(self.value(inner, rng, depth, once=once))]


def _item(value: Any) -> Any:
    """Return a list's item: what cannot be had is there as its exception."""
    return value.exception if isinstance(value, Raise) else value
