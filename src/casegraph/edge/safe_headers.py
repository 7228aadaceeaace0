"""Headers that keep a browser from doing more with an answer than was meant, on every answer.

A part that knows better says so itself, as the explorer does with its policy; what it leaves out
is set to the strictest here. Answers hold a customer's data, so no cache keeps one unless told.
Invariant: no answer leaves without all of these, error pages included.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

SAFE_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    # For pages of other origins that embed instead of asking; CORS is not touched by it.
    "cross-origin-resource-policy": "same-origin",
}


_RAW = tuple((name.encode(), value.encode()) for name, value in SAFE_HEADERS.items())
_NAMES = frozenset(name for name, _ in _RAW)


def left_out(names: Iterable[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that an answer lacks which has those of these names, in lower case."""
    return _others(_NAMES.intersection(names))


@lru_cache(maxsize=1 << len(_NAMES))  # most answers set none or one of these
def _others(said: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(each for each in _RAW if each[0] not in said)
