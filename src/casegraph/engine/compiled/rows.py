"""The objects of an answer while it is made: structs with the answer's keys, or dicts for who asks.

A struct of five members is made in half the time of a dict and encoded in half, since its keys
are written beforehand; it takes a third of the memory, and no walk of the collector sees it
(benchmark `tests/bench/execution_cost.py`: 100 cases with all fields).
Invariants: the members stand in the order of the selection; a row has no cycle, for what resolvers
and scalars return cannot know it; rows nest no deeper than plans do (40), which matters because
freeing them takes C's stack.
"""

from collections.abc import Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import msgspec


class Row(msgspec.Struct, gc=False):
    """One object of an answer; by its keys, where it is not the generated code that asks."""

    def __getitem__(self, key: str) -> Any:
        """Return a member by its key in the answer."""
        return getattr(self, member(self.__struct_encode_fields__.index(key)))

    def __setitem__(self, key: str, value: Any) -> None:
        """Put a member in its place."""
        setattr(self, member(self.__struct_encode_fields__.index(key)), value)


_classes: WeakValueDictionary[tuple[str, ...], type[Row]] = WeakValueDictionary()
"""By their keys, for as long as a plan has them: what plans weigh counts them."""


def member(place: int) -> str:
    """Return the attribute of a row that stands at a place of its selection."""
    return f"m{place}"


def row_class(keys: tuple[str, ...]) -> type[Row]:
    """Return the class of the objects with these keys; making one takes 4 µs a key and 5 more."""
    found = _classes.get(keys)
    if found is None:
        names = [member(place) for place in range(len(keys))]
        renamed = dict(zip(names, keys, strict=True))
        made = msgspec.defstruct("Row", names, bases=(Row,), rename=renamed, gc=False)
        found = _classes[keys] = cast("type[Row]", made)
    return found


def plain(value: Any) -> Any:
    """Return an answer's data with a dict in the place of each row."""
    if isinstance(value, Row):
        keys: Sequence[str] = value.__struct_encode_fields__
        names = value.__struct_fields__
        return {key: plain(getattr(value, name)) for key, name in zip(keys, names, strict=True)}
    if type(value) is list:
        return [plain(each) for each in value]
    return value
