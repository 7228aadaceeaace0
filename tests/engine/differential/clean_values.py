"""Values that fit, for the scalars of all schemas that are tried.

Invariant: the standard executor accepts every value drawn here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from casegraph.upstreams.decode import Id, Instant

_TEXTS = ("", "a", "Ada Löwe", 'ü\u2028 "quoted" \\ \x1f', "𝄞", "x" * 40, "1", "null")


def _text(rng: Random) -> str:
    return rng.choice(_TEXTS)


def _int(rng: Random) -> Any:
    return rng.choice((0, 1, -7, 42, 2**31 - 1, -(2**31), rng.randrange(1000)))


def _float(rng: Random) -> Any:
    return rng.choice((0.0, -0.0, 1.5, 1e300, -2.25, 3, 0, 2**53, rng.random()))


def _id(rng: Random) -> Any:
    return rng.choice(("1", "abc", 7, Id("17"), ""))


def _moment(rng: Random) -> Any:
    kind = rng.choice((datetime, Instant))
    return kind(2026, rng.randrange(1, 13), rng.randrange(1, 29), 9, 30, rng.randrange(60), 5, UTC)


def _json(rng: Random) -> Any:
    return rng.choice((1, "a", None, [1, {"b": None}], {"z": 1, "a": [True]}, {}, [], False)) or 0


CLEAN: Mapping[str, Callable[[Random], Any]] = {
    "String": _text,
    "Int": _int,
    "Float": _float,
    "Boolean": lambda rng: rng.random() < 0.5,
    "ID": _id,
    "DateTime": _moment,
    "Date": lambda rng: date(2026, rng.randrange(1, 13), 1),
    "Time": lambda rng: time(rng.randrange(24), 5),
    "Decimal": lambda rng: Decimal(rng.randrange(-999, 999)) / 8,
    "UUID": lambda rng: UUID(int=rng.getrandbits(128)),
    "JSON": _json,
    "Void": lambda _rng: None,
    "Shout": _text,
    "Fussy": lambda rng: rng.randrange(50),
}
"""By the name of the scalar."""
