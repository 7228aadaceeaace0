"""The headers of an answer as the parser hands them over: names and values, taking turns.

They are kept as they come and looked at once, when the head is whole: the bounds by one look at
their length in all, the names by what the same server sent before. Seven of them cost 2 µs like
this; decoded and measured one by one as they come they cost twice as much.
Invariant: what is repeated is joined, so that no second value hides behind a first.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from casegraph.transport.bodies import joined

_FIELD_BYTES = 8_190
"""Longest header, name and value; aiohttp's figure, and about every server's."""
_FIELDS = 128
_NAMES_KEPT = 512
_LONGEST_KEPT = 64
"""Bytes of a name that is kept in lower case."""
_THEIR_PATIENCE = re.compile(r"\btimeout=\"?([0-9]{1,9})\b", re.ASCII | re.IGNORECASE)
_AHEAD_SECONDS = 1.0
"""A request has to arrive before the server's patience ends; undici takes a second, too."""


class _Names(dict[bytes, str]):
    """Names in lower case by what came; a server sends the same each time."""

    def __missing__(self, name: bytes) -> str:
        made = name.decode("latin-1").lower()
        if len(self) < _NAMES_KEPT and len(name) <= _LONGEST_KEPT:
            self[name] = made
        return made


_names = _Names()


def is_bounded(fields: Sequence[bytes]) -> bool:
    """Say whether neither the number of fields nor the length of one of them is too large."""
    if len(fields) > 2 * _FIELDS:
        return False
    if len(b"".join(fields)) <= _FIELD_BYTES:  # then no single one is larger
        return True
    each = iter(fields)
    return all(len(name) + len(next(each)) <= _FIELD_BYTES for name in each)


def headers_of(fields: Sequence[bytes]) -> Mapping[str, str]:
    """Return headers by name in lower case; a repeated one joined."""
    each = iter(fields)
    found = {_names[name]: next(each).decode("latin-1").strip(" \t") for name in each}
    if 2 * len(found) == len(fields):
        return found
    each = iter(fields)
    return joined((_names[name], next(each).decode("latin-1").strip(" \t")) for name in each)


@lru_cache(maxsize=64)
def their_patience(told: str) -> float | None:
    """Return the time for which a server says that it keeps a connection, less a little."""
    found = _THEIR_PATIENCE.search(told)
    return None if found is None else int(found[1]) - _AHEAD_SECONDS
