"""What may leave in a log line or a span: named fields whose values fit a grammar, nothing else.

A list of forbidden things is never complete, so there is none: headers, query strings, bodies,
vendor ids and texts of exceptions have no field to go into, and a value that does not look like
what its field holds becomes a marker.
Invariants: the result holds allowed names only; every text in it is printable ASCII of bounded
length; no method of a foreign object is called, so its `__str__` cannot leak either.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

REDACTED = "[redacted]"
"""Stands where a value did not fit its field."""
TEXT_MAX = 300
"""Longest text of a field, in characters: a line stays under the 8 KiB of common collectors."""
TEXTS_MAX = 10
"""Most free texts in one field, for the same reason."""
ITEMS_MAX = 20
"""Most entries of a list or table in one field."""

Safe: TypeAlias = str | int | float | bool | list[str] | dict[str, int]
Rule: TypeAlias = Callable[[object], Safe]
"""Turns a value into one that may leave; never raises."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_<][A-Za-z0-9_.<>:-]{0,127}", re.ASCII)
_KEY = re.compile(r"[0-9]{0,20}(?:/[0-9]{1,20}){0,2}", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}", re.ASCII)
_EXACT = 2**53
"""Beyond it a reader of JSON may see another number."""


def allow(fields: Mapping[str, object], rules: Mapping[str, Rule]) -> dict[str, Safe]:
    """Return the fields that have a rule, each as its rule lets it out; None means absent."""
    return {
        name: rules[name](value)
        for name, value in fields.items()
        if name in rules and value is not None
    }


def word(value: object) -> str:
    """Let a name from the code out: a class, an operation, a place; up to 128 characters."""
    return _fitting(_WORD, value)


def request_id(value: object) -> str:
    """Let a request id out."""
    return _fitting(_REQUEST_ID, value)


def hexadecimal(value: object) -> str:
    """Let a trace, span or error id out: up to 32 digits."""
    return _fitting(_HEX, value)


def operation_name(value: object) -> str:
    """Let a plain GraphQL name of up to 64 characters out as it is, anything else as a digest.

    The digest only tells two odd names apart; a guess at the name can be checked against it.
    """
    if not isinstance(value, str):
        return REDACTED
    if _PLAIN_NAME.fullmatch(value):
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"sha256:{digest[:16]}"


def number(value: object) -> int | float | str:
    """Let a finite number out, to three places."""
    if isinstance(value, int) and not isinstance(value, bool):
        whole = int.__int__(value)  # an IntEnum's plain value
        return whole if -_EXACT < whole < _EXACT else REDACTED
    if isinstance(value, float):
        real = float.__float__(value)
        return round(real, 3) if math.isfinite(real) and abs(real) < _EXACT else REDACTED
    return REDACTED


def one_of(members: Iterable[str]) -> Rule:
    """Return a rule that lets the members of a closed set out."""
    known = frozenset(str.__str__(member) for member in members)

    def rule(value: object) -> str:
        plain = str.__str__(value) if isinstance(value, str) else None
        return plain if plain is not None and plain in known else REDACTED

    return rule


def words(value: object) -> list[str]:
    """Let a list of names out."""
    if not isinstance(value, list | tuple):
        return [REDACTED]
    return [word(each) for each in value[:ITEMS_MAX]]


def key(value: object) -> str:
    """Let the numbers that name an object out: a hub's and a case's, with slashes between."""
    return _fitting(_KEY, value)


def flag(value: object) -> bool | str:
    """Let a truth value out."""
    return value if isinstance(value, bool) else REDACTED


def texts(value: object) -> list[str]:
    """Let a list of free texts out, each bounded; only where a person has allowed it."""
    if not isinstance(value, list | tuple):
        return [REDACTED]
    return [text(each) for each in value[:TEXTS_MAX]]


def counts_by_code(value: object) -> dict[str, int]:
    """Let a table of error codes and how often each came out; odd codes count as OTHER."""
    table: dict[str, int] = {}
    if not isinstance(value, dict):
        return table
    for code, count in value.items():
        known = isinstance(code, str) and _CODE.fullmatch(code) is not None
        name = code if known and (code in table or len(table) < ITEMS_MAX - 1) else "OTHER"
        if type(count) is int and 0 <= count < _EXACT:
            table[name] = table.get(name, 0) + count
    return table


def text(value: object) -> str:
    """Let a sentence of this package's own code out: ASCII, one line, bounded."""
    if not isinstance(value, str):
        return REDACTED
    # Cut first: escaping makes one character up to ten.
    escaped = value[:TEXT_MAX].encode("ascii", "backslashreplace").decode()
    return "".join(char if " " <= char <= "~" else " " for char in escaped)[:TEXT_MAX]


def _fitting(pattern: re.Pattern[str], value: object) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return str.__str__(value)
    return REDACTED
