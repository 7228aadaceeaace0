"""A pause left in the Redis that all processes share, so that one is told and every one obeys.

Under `casegraph:v1:<name>` stands nothing but a key that expires: what is left of the pause is what
is left of the key's life, by Redis' own clock, and no process's clock is compared with another's.
A longer pause replaces a shorter one and never the other way round.
Reading costs a round trip, and every call reads. So what was read serves all calls of the process
for 20 ms, and one caller reads while the others wait for its answer; the price is that calls which
another process begins within those 20 ms still go.
Invariants: a pause is bounded, whatever stands in Redis; when Redis is slow, gone or wrong, there
is none but the process's own.
"""

import asyncio
import math
import time
from collections.abc import Callable

from casegraph.transport.shared_pace import PaceServer

FRESH_SECONDS = 0.02
"""How long an answer of Redis serves: 50 reads a second and upstream at most."""
_KEY_PREFIX = "casegraph:v1:"

# What has no end, or one beyond the bound, was not left by us and counts for nothing.
_LEFT = """
local left = redis.call('PTTL', KEYS[1])
if left > tonumber(ARGV[1]) then left = 0 end
return {math.max(left, 0)}
"""
_HOLD = """
local wanted, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left >= wanted and left <= longest then return {left} end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return {wanted}
"""


class SharedPause:
    """A `Pause` under one name, of `longest` seconds at most."""

    def __init__(
        self,
        server: PaceServer,
        name: str,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._key = _KEY_PREFIX + name
        self._longest = _milliseconds(longest)
        self._clock = clock
        self._until = float("-inf")
        self._fresh_until = float("-inf")
        self._reading = asyncio.Lock()

    async def left(self) -> float:
        """Return how many seconds are left of the pause that Redis knows; 0 when it cannot say."""
        if self._clock() >= self._fresh_until:
            async with self._reading:
                if self._clock() >= self._fresh_until:
                    await self._read()
        return max(self._until - self._clock(), 0.0)

    async def _read(self) -> None:
        answer = await self._server.run(_LEFT, self._key, self._longest)
        now = self._clock()
        # What is not known is left as it was: a pause that was read once holds to its end.
        if answer is not None:
            self._until = now + answer[0] / 1000
        self._fresh_until = now + FRESH_SECONDS

    def hold(self, seconds: float) -> None:
        """Leave a pause for all processes, unless a longer one stands there; returns at once."""
        wanted = min(_milliseconds(seconds), self._longest)
        if wanted > 0:
            self._server.send(_HOLD, self._key, wanted, self._longest)


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
