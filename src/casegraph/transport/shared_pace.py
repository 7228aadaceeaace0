"""The pace of one upstream held over all processes, as one moment in a Redis that they share.

The vendor counts calls, not processes: two gateways at half a call a second each are one a second.
So the moment of `LocalPace` lives under `casegraph:v1:pace:<upstream>`, and one Lua script reads,
judges and moves it in one step by Redis' own clock (Redis 5 or later). A call never fails for
Redis' sake: when it is slow, gone or wrong, the process keeps its own pace, and tells so once.
Invariants: over all processes that reach Redis at most burst + rate * t calls are let through; each
process alone keeps that bound through every change between Redis and its own pace, because each
tells the other what it has let through. `shared_pause` goes through `PaceServer` too.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from casegraph.transport.pace import LocalPace, PaceConfig, Reservation
from casegraph.transport.redis_link import OPERATION_SECONDS, SKIP_SECONDS, RedisLink

_log = logging.getLogger("casegraph.pace")

HORIZON_SECONDS = 60.0
"""No place further ahead is given out; the hard cap of a request's deadline is 30 s."""
_TELLINGS = 3
_KEY_PREFIX = "casegraph:v1:pace:"

# Times are whole microseconds, which a double holds exactly until the year 2255. What another clock
# or another configuration left too far ahead is no grant of this pace, so it counts for nothing.
_RESERVE = """
local interval, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local longest, backlog, horizon = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local kept = tonumber(redis.call('GET', KEYS[1]) or '') or now
if not (kept <= now + ahead + interval + horizon) then kept = now end
local on_time = math.max(kept, now + backlog)
local wait = math.max(0, on_time - ahead - now)
if wait > longest then return {0, wait} end
on_time = on_time + interval
local lifetime = math.ceil((on_time - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', on_time), 'PX', string.format('%.0f', lifetime))
return {1, wait}
"""


class PaceServer:
    """The Redis that a process shares with others; nothing connects before the first script."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        operation_seconds: float = OPERATION_SECONDS,
    ) -> None:
        self._link = RedisLink(url, "pace", _log, clock=clock, seconds=operation_seconds)
        self._closing = asyncio.Event()
        self._errands: set[asyncio.Task[None]] = set()

    async def run(self, script: str, key: str, *numbers: int) -> list[int] | None:
        """Return the whole numbers that a script about one key answers; None when Redis cannot say.

        Takes 50 ms at most, and then nothing for a second: what fails once is left alone.
        """

        async def work(client: Any) -> list[int]:
            return [int(each) for each in await client.eval(script, 1, key, *numbers)]

        return await self._link.run(work)

    def send(self, script: str, key: str, *numbers: int) -> None:
        """Run a script whose answer nobody waits for; returns at once.

        Tried three times, for what is told so is told once and holds for minutes.
        """

        async def errand() -> None:
            for _ in range(_TELLINGS):
                if await self.run(script, key, *numbers) is not None or self._closing.is_set():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(SKIP_SECONDS):
                        await self._closing.wait()

        task = asyncio.create_task(errand())
        self._errands.add(task)  # the event loop itself holds tasks weakly
        task.add_done_callback(self._errands.discard)

    async def close(self) -> None:
        """Finish and let go of every connection; nothing is shared any more. Never raises."""
        self._closing.set()
        while self._errands:
            await asyncio.wait(self._errands)  # each ends within its cap
        await self._link.close()


class SharedPace:
    """The pace of one upstream over all processes, and of this one while Redis is away."""

    def __init__(
        self,
        server: PaceServer,
        upstream: str,
        config: PaceConfig,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._key = _KEY_PREFIX + upstream
        self._local = LocalPace(config, clock)
        self._has_pace = config.per_second > 0
        interval = 1 / config.per_second if self._has_pace else 0.0
        self._interval = math.ceil(interval * 1e6)
        self._ahead = self._interval * (max(config.burst, 1) - 1)

    @property
    def backlog(self) -> float:
        """How far ahead the places reach that this process was given; others' are not known."""
        return self._local.backlog

    async def reserve(self, longest: float) -> Reservation:
        """Reserve the next place if it comes within `longest` seconds, a minute at most."""
        if not self._has_pace:
            return Reservation(0.0, granted=True)
        answer = await self._server.run(
            _RESERVE,
            self._key,
            self._interval,
            self._ahead,
            math.floor(min(longest, HORIZON_SECONDS) * 1e6),
            math.ceil(self._local.backlog * 1e6),
            math.ceil(HORIZON_SECONDS * 1e6),
        )
        if answer is None:
            return self._local.reserve_now(longest)
        granted, wait = bool(answer[0]), answer[1] / 1e6
        if granted:
            self._local.spend(wait)
        return Reservation(wait, granted=granted)
