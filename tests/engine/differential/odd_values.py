"""Values that no resolver should give and some do: wrong types, bounds, failures, late values.

Whatever is drawn is drawn from a random source of its own, so that two executors that ask for the
same thing in another order get the same.
Invariant: nothing here is shared between two draws but the one exception that is shared on purpose.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from random import Random
from typing import Any

import msgspec
import strawberry
from graphql import GraphQLEnumType, GraphQLError, Undefined

from casegraph.errors import ContractViolation, UpstreamUnavailable
from casegraph.upstreams.decode import Id, Instant


class Turn:
    """Gives every other task of the loop a turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Later:
    """A value that has to be awaited, after some turns; a failure is raised then.

    Unlike a coroutine it makes no noise when nobody awaits it; like one it is awaited once, where
    that is said.
    """

    def __init__(self, value: Any, turns: int, *, once: bool) -> None:
        self._value = value
        self._turns = turns
        self._once = once

    def __await__(self) -> Generator[None, None, Any]:
        if self._once:
            if self._turns < 0:
                raise RuntimeError("awaited before")
            turns, self._turns = self._turns, -1
        else:
            turns = self._turns
        for _ in range(turns):
            yield
        if isinstance(self._value, Raise):
            raise self._value.exception
        return self._value


class Raise:
    """Stands for a value that cannot be had: whoever reads it gets the exception raised."""

    def __init__(self, exception: Exception) -> None:
        self.exception = exception


class Rows:
    """Can be gone through as often as one likes, and is neither a list nor a sequence."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


class Stream:
    """Can be gone through asynchronously, as often as one likes; it may fail at its end."""

    def __init__(self, items: list[Any], failure: Exception | None = None) -> None:
        self._items = items
        self._failure = failure

    async def _all(self) -> AsyncIterator[Any]:
        for item in self._items:
            await Turn()
            yield item
        if self._failure is not None:
            raise self._failure

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._all()


class Breaking:
    """Gives some items and fails, whenever it is gone through."""

    def __init__(self, items: list[Any], exception: Exception) -> None:
        self._items = items
        self._exception = exception

    def __iter__(self) -> Iterator[Any]:
        yield from self._items
        raise self._exception


class Loud(str):
    """A text of a class of its own."""

    __slots__ = ()


class Level(IntEnum):
    """A number that is no plain int."""

    LOW = 1
    HIGH = 2**40


class Mood(str, Enum):  # noqa: UP042  its text is the name of its class, unlike StrEnum's
    """A text that is no plain str."""

    GOOD = "good"


class Plain:
    """An object that nobody expects."""


class Liar:
    """Says that it is of another class, as proxies do, and is nothing of the kind."""

    def __init__(self, pretended: type) -> None:
        self._pretended = pretended

    @property  # type: ignore[misc]  # this is the lie
    def __class__(self) -> type:
        """Lie."""
        return self._pretended

    def __str__(self) -> str:
        return "lie"


SHARED_FAILURE = RuntimeError("the one failure of many fields")
"""Raised again and again, as a loader does that fails for many keys at once.

Whoever hands it out takes its trail off: it would hold the frames, and engines, of all runs before.
"""

LEAVES: tuple[Any, ...] = (
    *(0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 2**53 + 1, 2**63, 2**64, 10**400),
    *(0.0, -0.0, 1.0, 1.5, 3.7, 1e300, float("nan"), float("inf"), float("-inf"), 2.0**31, 2.0**53),
    *(True, False, "", "3", "3.0", "true", "NaN", "text", "ü\u2028\x00", "\ud800", "RED", "red"),
    *(b"bytes", bytearray(b"x"), Decimal("1.0"), Decimal("NaN"), Fraction(1, 2), 1j, range(2)),
    *(Loud("loud"), Id("17"), Level.LOW, Level.HIGH, Mood.GOOD, Plain, int, len, frozenset({1})),
    *(datetime(2026, 1, 31, 9, 30, tzinfo=UTC), datetime(2026, 1, 31), date(2026, 1, 31)),  # noqa: DTZ001  one without a zone is what is wanted
    *(Instant(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00Z", datetime.max, datetime.min),  # noqa: DTZ901  as above
    *(Liar(int), Liar(float), Liar(str), Liar(bool), Liar(list), Liar(dict), Liar(datetime)),
    *(strawberry.UNSET, msgspec.UNSET, Undefined, NotImplemented, Ellipsis),
)
"""Values of classes of all sorts."""


NEAR: Mapping[str, tuple[Any, ...]] = {
    "Int": (
        *(2**31, -(2**31) - 1, True, 1.0, 2**31 - 1, -(2**31), False, 1.5, "1", "", Level.LOW),
        *(2.0**31, float("nan"), Decimal(3), 10**400, Level.HIGH, 1 + 0j, Liar(int)),
    ),
    "Float": (
        *(float("inf"), float("-inf"), float("nan"), 1, True, 2**53 + 1, "1.5", "inf", ""),
        *(10**400, Decimal("1.5"), Decimal("NaN"), Fraction(1, 3), Level.LOW, Liar(float)),
    ),
    "Boolean": (0, 1, 2, 0.0, 1.0, float("nan"), "true", "", None, Level.LOW, []),
    "String": (
        Liar(str),
        1,
        2**64,
        1.0,
        1.5,
        True,
        False,
        b"bytes",
        Loud("loud"),
        Mood.GOOD,
        [],
        "\ud800",
    ),
    "ID": (1, -1, 2**64, 1.0, 1.5, True, b"bytes", Id("17"), Loud("loud"), Level.LOW, []),
    "DateTime": (
        *(datetime(2026, 1, 31), datetime.max, date(2026, 1, 31), "2026-01-31T09:30:00Z", 0),  # noqa: DTZ001, DTZ901  as above
        *(datetime.max.replace(tzinfo=UTC), Instant(2026, 1, 31)),
    ),
    "Date": (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31", 0),
    "Fussy": (7, 13, "7", 7.0, [], True, 0),
    "Shout": (1, None, Loud("loud"), b"bytes", Mood.GOOD),
}
"""Values that a scalar just takes or just refuses, by its name; the first four more often."""


def near(rng: Random, kind: Any) -> Any:
    """Return a value of which a leaf's type has to look closely whether it takes it."""
    if isinstance(kind, GraphQLEnumType):
        members = list(kind.extensions["strawberry-definition"].wrapped_cls)
        values = [each.value for each in members] + [each.name for each in members]
        return rng.choice([*values, *kind.values, Level.LOW, Mood.GOOD, 1.0, 3.0, True, ["red"]])
    known = NEAR.get(getattr(kind, "name", ""))
    if known is None:
        return leaf(rng)
    return rng.choice(known[:4] if rng.random() < 0.5 else known)


def leaf(rng: Random) -> Any:
    """Return some value that fits few types."""
    made: tuple[Callable[[], Any], ...] = (dict, list, tuple, object, Plain, lambda: {"a": [1]})
    if rng.random() < 0.15:
        return rng.choice(made)()
    return rng.choice(LEAVES)


def failure(rng: Random) -> Exception:
    """Return a new exception of some kind, or the shared one.

    StopIteration is none of them: Python makes another error of it in every coroutine it passes.
    """
    number = rng.randrange(100)
    makers: tuple[Callable[[], Exception], ...] = (
        lambda: ValueError(f"bad {number}"),
        LookupError,
        lambda: KeyError("missing"),
        lambda: AttributeError("hidden"),
        TimeoutError,
        lambda: GraphQLError(f"told {number}", extensions={"number": number}),
        lambda: GraphQLError("wrapped", original_error=ValueError("inner")),
        lambda: GraphQLError("placed", path=["else", 0, "where"]),
        lambda: UpstreamUnavailable("ratings", "case_ratings", f"failed {number}"),
        lambda: ContractViolation("ratings", "case_ratings", "a value of a wrong type", "$.x"),
        lambda: SHARED_FAILURE.with_traceback(None),
    )
    return rng.choice(makers)()


def container(rng: Random, items: list[Any], *, is_plain: bool, once: bool) -> Any:
    """Return the items as something that is gone through; `once` allows what is then used up."""
    if is_plain or rng.random() < 0.5:
        return tuple(items) if rng.random() < 0.3 else items
    made: list[Callable[[], Any]] = [
        lambda: deque(items),
        lambda: Rows(items),
        lambda: Stream(items, failure(rng) if rng.random() < 0.5 else None),
        lambda: dict(enumerate(items)),
        lambda: dict(enumerate(items)).values(),
        lambda: Breaking(items, failure(rng)),
        lambda: "".join("x" for _ in items),
    ]
    if once:
        made += [lambda: iter(items), lambda: (item for item in items), lambda: map(_same, items)]
    return rng.choice(made)()


def _same(item: Any) -> Any:
    return item


async def settled(value: Any, turns: int) -> Any:
    """Return a drawn value after some turns, as a resolver that waits for something does."""
    for _ in range(turns):
        await Turn()
    return given(value)


def given(value: Any) -> Any:
    """Return a drawn value, or raise what stands in its place."""
    if isinstance(value, Raise):
        raise value.exception
    return value


def late(rng: Random, value: Any, *, once: bool) -> Awaitable[Any]:
    """Return a value that has to be awaited."""
    return Later(value, rng.randrange(3), once=once)
