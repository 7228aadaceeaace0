"""How often one caller may ask, counted over all processes where there is a Redis.

The counting is the library's (`limits`): a sliding window of two counters a caller, so that the
turn of a minute lets nobody have two minutes' worth at once. A Redis that is down or slow costs
nobody an answer: for a while each process counts by itself.
Invariants: only callers that have proved who they are are counted, so what is kept is bounded by
how many there are; no name of a caller is a key of the store.
"""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from casegraph.edge.identity import Identity, RateExceeded

OPERATION_SECONDS = 0.05
"""Cap of counting one request in Redis (reliability §3, cache)."""
SKIP_SECONDS = 5.0
"""For so long a Redis that failed is not asked (reliability §3, cache)."""
FORGET_SECONDS = 30.0
"""How often a process drops counts that say nothing any more."""
_KEY_PREFIX = "casegraph:v1:rate"

_log = logging.getLogger("casegraph.rates")


class PerMinute:
    """So many requests a minute and caller."""

    def __init__(
        self,
        requests: int,
        redis_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._item = RateLimitItemPerMinute(requests, namespace="caller")
        self._memory = MemoryStorage()
        self._local = SlidingWindowCounterRateLimiter(self._memory)
        self._redis: RedisStorage | None = None
        self._shared: SlidingWindowCounterRateLimiter | None = None
        if redis_url is not None:
            url = f"async+{redis_url}"
            self._redis = RedisStorage(
                url, implementation="redispy", key_prefix=_KEY_PREFIX, protocol=2
            )
            self._shared = SlidingWindowCounterRateLimiter(self._redis)
        self._clock = clock
        self._now = now
        self._next_try = float("-inf")

    async def count(self, identity: Identity) -> None:
        """Count one request; raises RateExceeded."""
        if self._memory.timer is None:
            # The library would look through all counts after each; it leaves that to a timer.
            self._memory.timer = asyncio.create_task(self._keep_forgetting())
        caller = hashlib.sha256(identity.name.encode()).hexdigest()[:32]
        if self._shared is not None and self._clock() >= self._next_try:
            try:
                async with asyncio.timeout(OPERATION_SECONDS):
                    return await self._count(self._shared, caller)
            except RateExceeded:
                raise
            except Exception as error:  # noqa: BLE001  whatever the driver raises, a request goes on
                self._next_try = self._clock() + SKIP_SECONDS
                _log.warning("callers are counted by process (%s)", type(error).__name__)
        return await self._count(self._local, caller)

    async def forget(self) -> None:
        """Drop the counts of past minutes."""
        for key in tuple(self._memory.expirations):
            await self._memory.get(key)  # which drops what has expired

    async def _keep_forgetting(self) -> None:
        while True:
            await asyncio.sleep(FORGET_SECONDS)
            await self.forget()

    async def close(self) -> None:
        """Close the connections, and end the errand that forgets old counts."""
        if self._memory.timer is not None:
            self._memory.timer.cancel()
        if self._redis is not None:
            await self._redis.bridge.get_connection().aclose()  # type: ignore[attr-defined]

    async def _count(self, limiter: SlidingWindowCounterRateLimiter, caller: str) -> None:
        if await limiter.hit(self._item, caller):
            return
        stats = await limiter.get_window_stats(self._item, caller)
        wait = min(max(stats.reset_time - self._now(), 0.001), float(self._item.get_expiry()))
        raise RateExceeded(
            math.ceil(wait * 1000),
            {
                "retry-after": str(math.ceil(wait)),
                "ratelimit-limit": str(self._item.amount),
                "ratelimit-remaining": "0",
                "ratelimit-reset": str(math.ceil(wait)),
            },
        )
