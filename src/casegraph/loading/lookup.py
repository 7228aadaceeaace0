"""Read through the cache, then through one shared call, and never wait for the cache to be filled.

One LookUp serves one kind of record. Callers of the same scope share the reading of the cache, the
fetch, and its failure. Invariants: a failure is never cached; an entry that cannot be decoded is a
miss; what a forgotten fetch brings home is answered to those who waited and not kept. Values are
shared between callers, so they must be immutable; whoever may not see another's values needs their
identity among the scope parts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Generic, TypeVar

from casegraph.loading.cache import Cache, cache_key, jittered
from casegraph.loading.flight import SingleFlight

_log = logging.getLogger("casegraph.cache")

T = TypeVar("T")


class LookUp(Generic[T]):
    """Cached reads of one kind of record; `name` parts its keys from every other kind's."""

    def __init__(
        self,
        cache: Cache,
        flight: SingleFlight,
        name: str,
        ttl_seconds: float = 300.0,
        *,
        encode: Callable[[T], bytes],
        decode: Callable[[bytes], T],
        random: Random,
    ) -> None:
        self._cache = cache
        self._flight = flight
        self.name = name
        self._ttl_seconds = ttl_seconds
        self._encode = encode
        self._decode = decode
        self._random = random
        self._reading: dict[str, object] = {}
        self._writes: dict[asyncio.Task[None], str] = {}

    async def get(self, scope_parts: tuple[str, ...], fetch: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value, or fetch it, once for all who ask meanwhile.

        Raises what `fetch` raises, to every caller that waited for it.
        """
        key = cache_key(self.name, *scope_parts)
        return await self._flight.do(key, lambda: self._read(key, fetch))

    async def forget(self, scope_parts: tuple[str, ...]) -> None:
        """Make every later get fetch anew; to be awaited between a write and reading it back."""
        key = cache_key(self.name, *scope_parts)
        self._reading.pop(key, None)
        self._flight.forget(key)
        # Waited for rather than cancelled: cancelled, it might still reach the backend after us.
        pending = [task for task, written in self._writes.items() if written == key]
        if pending:
            await asyncio.wait(pending)
        await self._cache.delete(key)

    async def close(self) -> None:
        """Return when the cache has been told what is known; its own cap bounds the wait."""
        if self._writes:
            await asyncio.wait(list(self._writes))

    async def _read(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        reading = object()
        self._reading[key] = reading
        try:
            stored = await self._cache.get(key)
            if stored is not None:
                try:
                    return self._decode(stored)
                except Exception:  # noqa: BLE001, S110 - garbage of any kind is a miss
                    pass
            value = await fetch()
            if self._reading.get(key) is reading:
                self._write_soon(key, value)
            return value
        finally:
            if self._reading.get(key) is reading:
                del self._reading[key]

    def _write_soon(self, key: str, value: T) -> None:
        task = asyncio.create_task(self._write(key, value))
        self._writes[task] = key
        task.add_done_callback(self._writes.pop)

    async def _write(self, key: str, value: T) -> None:
        try:
            encoded = self._encode(value)
        except Exception as error:  # noqa: BLE001 - the answer is out already; a cache is optional
            # Without the traceback, which could quote the value.
            _log.error("%s cannot be encoded (%s)", self.name, type(error).__name__)
            return
        await self._cache.set(key, encoded, jittered(self._ttl_seconds, self._random))
