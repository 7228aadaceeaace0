"""Marks that writes leave, so that nothing asked before a write is served after it, anywhere.

A list of cases is kept under what was asked for, so nobody can name all the lists that hold one
case. A write leaves the moment at which it was made under the leading parts of their keys instead,
a hub or a case of a hub, and whatever was asked before that moment is a miss from then on, for
every caller: what one of them changed is changed for all.
Invariant: a mark only ever costs a call; one that a shared store has lost is still known to the
process that made the write.
"""

import asyncio
from collections.abc import Callable

import msgspec

from casegraph.loading.cache import cache_key
from casegraph.loading.kept_store import Entry, MemoryStore, Store

MARKED_PARTS = 2
"""Leading parts of a key under which a write may forget: a hub, or a case of a hub."""
_AHEAD_SECONDS = 1.0
"""What the clocks of two processes that share a store may differ."""
_MOST_MARKS = 10_000
"""Writes remembered by this process; an older one is found in a shared store only."""
_MOMENT = msgspec.json.Decoder(float)


class Key(str):
    """The key of an entry, which knows where the marks that writes leave for it would stand."""

    __slots__ = ("_marked",)
    _marked: tuple[str, str, tuple[str, ...]]

    @classmethod
    def of(cls, text: str, name: str, tenant: str, parts: tuple[str, ...]) -> "Key":
        """Return the key of a thing of this name, tenant and parts."""
        key = cls(text)
        key._marked = (name, tenant, parts)
        return key

    @property
    def parts(self) -> tuple[str, ...]:
        """What the thing is asked by."""
        return self._marked[2]

    def marks(self) -> list[str]:
        """Return where marks would stand; made when asked for, since most keys are of no write."""
        name, tenant, parts = self._marked
        lengths = range(1, min(len(parts), MARKED_PARTS) + 1)
        return [mark_of(name, tenant, parts[:length]) for length in lengths]


def key_of(name: str, scope: tuple[str, str], parts: tuple[str, ...]) -> Key:
    """Return the key of an entry; `scope` is the tenant and who was told."""
    tenant, _ = scope
    return Key.of(cache_key(name, *scope, *parts), name, tenant, parts)


def mark_of(name: str, tenant: str, parts: tuple[str, ...]) -> str:
    """Return where the mark for all keys with these leading parts stands, whoever was told."""
    return cache_key("written", name, tenant, *parts)


class Written:
    """The marks of one process, and of all that share its store."""

    def __init__(self, store: Store, clock: Callable[[], float], seconds: float) -> None:
        """Take a clock of seconds since 1970, and for how long anything is kept at most."""
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._marks: dict[str, float] = {}

    async def leave(self, mark: str) -> None:
        """Mark that something was written just now; returns when other processes can see it."""
        now = self._clock()
        self._marks.pop(mark, None)
        self._marks[mark] = now
        while len(self._marks) > _MOST_MARKS:
            self._marks.pop(next(iter(self._marks)))
        self._store.put(mark, Entry(now + _AHEAD_SECONDS, now), msgspec.json.encode, self._seconds)
        await self._store.written(mark)

    def since(self, asked_at: float, key: Key) -> bool:
        """Return whether this process has written since something was asked."""
        if not self._marks:
            return False
        return any(asked_at <= self._marks.get(mark, 0.0) for mark in key.marks())

    async def anywhere_since(self, asked_at: float, key: Key) -> bool:
        """Return whether any process has."""
        if self.since(asked_at, key):
            return True
        if isinstance(self._store, MemoryStore):
            return False
        found = await asyncio.gather(*(self._store.get(m, _MOMENT.decode) for m in key.marks()))
        return any(mark is not None and asked_at <= mark.value for mark in found)
