"""Where entries are kept: decoded in this process, or as bytes in a cache that processes share.

In memory nothing is decoded twice but what is only there for bad times, which is kept as the body
it came in; the bound in bytes counts what an entry would be as JSON. In a shared cache an entry is
a JSON object with its moment and its value.
Invariants: no operation raises; an entry that cannot be read is a miss and one that cannot be
written is not kept; what is being written is found before it has arrived.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from casegraph.loading.cache import Cache, Clock, open_cache
from casegraph.loading.flight import SingleFlight

_log = logging.getLogger("casegraph.cache")

T = TypeVar("T")

MAX_ENTRIES = 10_000
"""Of the memory store."""
MAX_BYTES = 64 * 1024 * 1024
"""Of the memory store: keys, and values as they would be written, or as the bodies they came in."""
_ABSENT = b"null"


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A value and the moment at which it was last known true, in seconds since 1970.

    The value None stands for a thing that is known to be absent.
    """

    value: T
    fetched_at: float
    size: int | None = None
    """About how many bytes it is; None where only encoding it can tell."""


class Unread(msgspec.Struct, frozen=True):
    """An entry as the body that it was read from, for whoever wants it after all."""

    body: bytes
    reread: Callable[[bytes, tuple[str, ...]], Any]
    parts: tuple[str, ...]
    fetched_at: float


class Store(Protocol):
    """Keeps entries by key."""

    async def get(self, key: str, decode: Callable[[bytes], Any]) -> Entry[Any] | None:
        """Return the entry, None for a miss of any cause."""

    def put(self, key: str, entry: Entry[T], encode: Callable[[T], bytes], seconds: float) -> None:
        """Keep the entry for so long without waiting for it; no time at all deletes it."""

    async def written(self, key: str) -> None:
        """Return when what was put under the key is there for other processes too."""

    async def delete(self, key: str) -> None:
        """Forget the entry, after whatever is still being written under its key."""

    async def close(self) -> None:
        """Finish what is being written, and let go of connections."""


class MemoryStore:
    """Entries in this process; the least recently used goes first.

    A dead entry goes when it is read or when it has become the least recently used, which the
    bounds make soon enough. An unread one is read when somebody first wants it, and stays so.
    """

    def __init__(
        self,
        clock: Clock = monotonic,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._bytes = 0

    async def get(self, key: str, decode: Callable[[bytes], Any]) -> Entry[Any] | None:  # noqa: ARG002  the store's protocol
        """Return the entry itself, as it was put."""
        entry = self.at_once(key)
        return self.read(key, entry) if isinstance(entry, Unread) else entry

    def at_once(self, key: str) -> Entry[Any] | Unread | None:
        """Return the entry, which counts as a use, without reading it: this store never waits."""
        row = self._rows.get(key)
        if row is None:
            return None
        if self._clock() > row.expires_at:
            self._remove(key)
            return None
        self._rows.move_to_end(key)
        return row.entry

    def read(self, key: str, unread: Unread) -> Entry[Any] | None:
        """Return what `at_once` has found as it was when it came, and keep it so from now on."""
        row = self._rows[key]
        try:
            value = unread.reread(unread.body, unread.parts)
        except Exception as error:  # noqa: BLE001  as garbage of any kind it is a miss
            _log.debug("an entry cannot be read again (%s)", type(error).__name__)
            self._remove(key)
            return None
        entry = Entry(value, unread.fetched_at, len(unread.body))
        self._rows[key] = _Row(entry, row.size, row.expires_at)
        return entry

    def put(self, key: str, entry: Entry[T], encode: Callable[[T], bytes], seconds: float) -> None:
        """Keep the entry, unless a newer one is there."""
        if self._has_newer(key, entry.fetched_at):
            return
        self._remove(key)
        if seconds <= 0:
            return
        size = entry.size
        if not size:
            value = _encoded(entry, encode)
            if value is None:
                return
            size = len(value)
        self._enter(key, entry, size, seconds)

    def put_unread(self, key: str, unread: Unread, seconds: float) -> None:
        """Keep an entry as its body, as `put` does."""
        if self._has_newer(key, unread.fetched_at):
            return
        self._remove(key)
        if seconds > 0:
            self._enter(key, unread, len(unread.body), seconds)

    async def written(self, key: str) -> None:
        """Return at once: there is no other process."""

    async def delete(self, key: str) -> None:
        """Forget the entry."""
        self._remove(key)

    async def close(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._bytes = 0

    def _has_newer(self, key: str, fetched_at: float) -> bool:
        row = self._rows.get(key)
        return row is not None and row.entry.fetched_at > fetched_at

    def _enter(self, key: str, entry: Entry[Any] | Unread, size: int, seconds: float) -> None:
        size += len(key)
        if size > self._max_bytes:
            return
        self._rows[key] = _Row(entry, size, self._clock() + seconds)
        self._bytes += size
        while len(self._rows) > self._max_entries or self._bytes > self._max_bytes:
            self._remove(next(iter(self._rows)))

    def _remove(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is not None:
            self._bytes -= row.size


class CacheStore:
    """Entries in a cache of bytes; callers of one moment share the reading."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._flight = SingleFlight()
        self._writing: dict[str, _Writing] = {}

    async def get(self, key: str, decode: Callable[[bytes], Any]) -> Entry[Any] | None:
        """Return the entry, decoded anew."""
        entry: Entry[Any] | None = await self._flight.do(key, lambda: self._read(key, decode))
        writing = self._writing.get(key)
        return entry if writing is None else writing.entry

    def put(self, key: str, entry: Entry[T], encode: Callable[[T], bytes], seconds: float) -> None:
        """Write the entry in the background."""
        value = _encoded(entry, encode) if seconds > 0 else None
        before = self._writing.get(key)
        written = self._write(key, entry, value, max(seconds, 0.0), before)
        self._writing[key] = _Writing(entry if value else None, asyncio.create_task(written))

    async def written(self, key: str) -> None:
        """Wait for the write under the key; its own cap bounds the wait."""
        writing = self._writing.get(key)
        if writing is not None:
            await asyncio.wait([writing.task])

    async def delete(self, key: str) -> None:
        """Forget the entry, behind what is being written."""
        self._flight.forget(key)
        writing = self._writing.get(key)
        # Waited for rather than cancelled: cancelled, it might still reach the backend after us.
        if writing is not None:
            self._writing[key] = _Writing(None, writing.task)
            await asyncio.wait([writing.task])
        await self._cache.delete(key)

    async def close(self) -> None:
        """Return when the cache has been told what is known; its own cap bounds the wait."""
        await self._flight.close()
        tasks = [writing.task for writing in self._writing.values()]
        if tasks:
            await asyncio.wait(tasks)
        await self._cache.close()

    async def _read(self, key: str, decode: Callable[[bytes], Any]) -> Entry[Any] | None:
        stored = await self._cache.get(key)
        if stored is None:
            return None
        try:
            packed = _PACKED.decode(stored)
            value = None if bytes(packed.value) == _ABSENT else decode(bytes(packed.value))
            return Entry(value, packed.fetched_at)
        except Exception:  # noqa: BLE001  garbage of any kind is a miss
            return None

    async def _write(
        self,
        key: str,
        entry: Entry[T],
        value: bytes | None,
        seconds: float,
        before: "_Writing | None",
    ) -> None:
        if before is not None:
            await asyncio.wait([before.task])
        if value is None:
            await self._cache.delete(key)
        else:
            packed = _Packed(entry.fetched_at, msgspec.Raw(value))
            await self._cache.set(key, msgspec.json.encode(packed), seconds)
        self._written(key)

    def _written(self, key: str) -> None:
        writing = self._writing.get(key)
        if writing is not None and writing.task is asyncio.current_task():
            del self._writing[key]


def open_store(url: str) -> Store:
    """Return the store at `memory://` or `redis://[user:password@]host[:port][/db]`.

    Nothing is connected yet: an absent Redis is a store that misses. Raises CacheUrlError.
    """
    return MemoryStore() if url == "memory://" else CacheStore(open_cache(url))


class _Row(msgspec.Struct, frozen=True):
    entry: Entry[Any] | Unread
    size: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is on its way; None where the key is being emptied."""

    entry: Entry[Any] | None
    task: asyncio.Task[None]


class _Packed(msgspec.Struct, frozen=True):
    """An entry as it lies in a shared cache."""

    fetched_at: float
    value: msgspec.Raw


_PACKED = msgspec.json.Decoder(_Packed)


def _encoded(entry: Entry[T], encode: Callable[[T], bytes]) -> bytes | None:
    """Return the value as JSON; None where it holds something that was not readable itself."""
    if entry.value is None:
        return _ABSENT
    try:
        return encode(entry.value)
    except Exception as error:  # noqa: BLE001  the answer is out already; keeping it is optional
        # Without the traceback, which could quote the value.
        _log.debug("an entry cannot be kept (%s)", type(error).__name__)
        return None
