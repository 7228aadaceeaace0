"""Where outcomes of mutations and leases of cases are kept: a store that says when it fails.

A cache may fail open; this must not. What is written here decides whether a change is made a second
time, so trouble is an exception, and a store that is full refuses rather than forgets.
Invariant: each operation is one step, for all who share the store; an entry lives exactly until its
time has run out, or it is taken away by whoever knows its value.
"""

import heapq
from collections.abc import Callable
from typing import Protocol

MAX_BYTES = 64 * 2**20
"""Of the memory store, keys and values together: some 60,000 keyed mutations a day."""


class StoreUnavailable(Exception):
    """The store cannot say, or cannot keep."""


class Store(Protocol):
    """Bytes under keys; times to live are seconds. Every method raises StoreUnavailable."""

    is_shared: bool
    """Whether other processes see the same entries."""

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Keep the value unless there is one already; return that, None when the key was free."""

    async def get(self, key: str) -> bytes | None:
        """Return the value."""

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        """Put a new value, or the same for a longer time, in the place of the old, if it stands."""

    async def drop(self, key: str, value: bytes) -> bool:
        """Take the value away, if it still stands."""

    async def close(self) -> None:
        """Let go of connections. Never raises."""


class MemoryStore:
    """The store of one process."""

    is_shared = False

    def __init__(self, clock: Callable[[], float], max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._ends: list[tuple[float, str]] = []
        self._bytes = 0

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Keep the value unless there is one already; return that, None when the key was free."""
        self._expire()
        found = self._entries.get(key)
        if found is not None:
            return found[0]
        self._put(key, value, seconds)
        return None

    async def get(self, key: str) -> bytes | None:
        """Return the value."""
        self._expire()
        found = self._entries.get(key)
        return None if found is None else found[0]

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        """Put a new value, or the same for a longer time, in the place of the old, if it stands."""
        if await self.get(key) != old:
            return False
        self._remove(key)
        self._put(key, new, seconds, may_refuse=False)
        return True

    async def drop(self, key: str, value: bytes) -> bool:
        """Take the value away, if it still stands."""
        if await self.get(key) != value:
            return False
        self._remove(key)
        return True

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._ends.clear()
        self._bytes = 0

    def _put(self, key: str, value: bytes, seconds: float, *, may_refuse: bool = True) -> None:
        size = len(key) + len(value)
        if may_refuse and self._bytes + size > self._max_bytes:
            raise StoreUnavailable("full")
        ends = self._clock() + seconds
        self._entries[key] = (value, ends)
        heapq.heappush(self._ends, (ends, key))
        self._bytes += size

    def _remove(self, key: str) -> None:
        value, _ = self._entries.pop(key)
        self._bytes -= len(key) + len(value)

    def _expire(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, key = heapq.heappop(self._ends)
            found = self._entries.get(key)
            if found is not None and found[1] <= now:
                self._remove(key)
