"""The store of several processes: one Redis, each operation one command or one script.

Unlike the cache it reports trouble, and unlike the cache it waits a second before it does: a
mutation is worth it, and what it decides is whether a change is made twice.
Invariants: no operation outlasts its cap; the driver's own text, which may quote the address, never
leaves; keys hold digests and numbers only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from casegraph.transport.redis_link import close_redis, open_redis
from casegraph.writing.store import StoreUnavailable

OPERATION_SECONDS = 1.0
"""Cap of one operation; a process that is only busy answers within it."""
CONNECTIONS = 8
"""Per process; a mutation needs fewer than ten operations."""
_PREFIX = "casegraph:v1:writes:"

_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_DROP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
_CLAIM = """
local found = redis.call('GET', KEYS[1])
if found then return found end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""


class RedisStore:
    """The store behind `redis://[user:password@]host[:port][/db]`; connects when first used."""

    is_shared = True

    def __init__(self, url: str, *, operation_seconds: float = OPERATION_SECONDS) -> None:
        self._client = open_redis(url, CONNECTIONS)
        self._seconds = operation_seconds
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Keep the value unless there is one already; return that, None when the key was free."""
        return await self._bytes(self._script(_CLAIM, key, value, _milliseconds(seconds)))

    async def get(self, key: str) -> bytes | None:
        """Return the value."""
        return await self._bytes(lambda: self._client.get(_PREFIX + key))

    async def swap(self, key: str, old: bytes, new: bytes, seconds: float) -> bool:
        """Put a new value, or the same for a longer time, in the place of the old, if it stands."""
        return bool(await self._ask(self._script(_SWAP, key, old, new, _milliseconds(seconds))))

    async def drop(self, key: str, value: bytes) -> bool:
        """Take the value away, if it still stands."""
        return bool(await self._ask(self._script(_DROP, key, value)))

    async def close(self) -> None:
        """Let go of connections. Never raises."""
        await close_redis(self._client, self._seconds)

    def _script(self, script: str, key: str, *values: bytes | int) -> Callable[[], Awaitable[Any]]:
        return lambda: self._client.eval(script, 1, _PREFIX + key, *values)

    async def _bytes(self, operation: Callable[[], Awaitable[Any]]) -> bytes | None:
        answer = await self._ask(operation)
        if answer is None or isinstance(answer, bytes):
            return answer
        raise StoreUnavailable("an answer that is none")

    async def _ask(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        # Waiting for a connection tells of a busy process, so it is not under the cap.
        async with self._slots:
            return await self._capped(operation)

    async def _capped(self, operation: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                return await operation()
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the store cannot say
            raise StoreUnavailable(type(error).__name__) from None


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)
