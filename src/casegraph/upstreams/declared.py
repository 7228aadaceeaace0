"""Records that hold what their annotations say, told so that nobody has to look at each value.

Who prints records would check every value, as it may be an error in the place of one. Instances of
exactly a record's own class hold none: `decode` puts them into a class below it, and the copies
that loaders make are of classes below it too. `as_declared` says so of a class, under a name of
which the engine knows (`engine/compiled/checks.py`), and it is believed.
Invariant: what is said is true of every instance of exactly the class, whoever made it. So a field
that is stamped is left out, since ids in paths are texts of a class of their own; and a record that
is made by hand takes its texts from a body (both are looked for by test_declared.py).
"""

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from msgspec.structs import fields

from casegraph.upstreams.decode import Id, Record

HELD = "__held__"
"""Holds, by the name of a field, the classes of which its values can be, exactly."""

R = TypeVar("R", bound=Record)

_PLAIN: dict[Any, type] = {Id: str, str: str, bool: bool, NoneType: NoneType}
"""What annotations say that a value's class tells all about, and the class that it is read as."""


def as_declared(*, but: tuple[str, ...] = ()) -> Callable[[type[R]], type[R]]:
    """Say of a record class that its fields hold plain text and booleans where annotated so.

    `but` names the fields of which nothing is said. It is not said of the classes below.
    """

    def said(kind: type[R]) -> type[R]:
        held = {
            each.name: classes
            for each in fields(kind)
            if each.name not in but and (classes := _classes(each.type)) is not None
        }
        setattr(kind, HELD, held)
        return kind

    return said


def _classes(annotation: Any) -> frozenset[type] | None:
    """Return the classes of the values of an annotation; None if they do not tell enough."""
    is_union = get_origin(annotation) in {Union, UnionType}
    parts = get_args(annotation) if is_union else (annotation,)
    if not all(part in _PLAIN for part in parts):
        return None
    return frozenset(_PLAIN[part] for part in parts)
