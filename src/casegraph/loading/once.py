"""Attributes that are made when they are first asked for: most requests need few of many.

One request could use 17 loaders, and uses two to seven. `functools.cached_property` does the same
behind a lock, which no other thread ever asks for here: 0.79 µs an attribute against 0.24
(measured, Python 3.11), for each of the dozen that a request makes.
Invariant: made at most once for an instance, in whose `vars` it stands from then on and not before.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar, overload

V = TypeVar("V")


class made_once(Generic[V]):  # noqa: N801  a decorator, like `property`
    """The value of an attribute is what the function returns for its instance, once."""

    def __init__(self, make: Callable[[Any], V]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn under which name the value is to be found."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "made_once[V]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: object | None, owner: type) -> "made_once[V] | V":
        """Make the value; the next who asks finds it without coming here."""
        if instance is None:
            return self
        value = vars(instance)[self._name] = self._make(instance)
        return value


@cache
def made_names(kind: type) -> tuple[str, ...]:
    """Return the names of a class's attributes that are made once."""
    found = (vars(base).items() for base in kind.__mro__)
    return tuple(name for each in found for name, value in each if isinstance(value, made_once))
