"""The keys of one feed in a Redis that several processes share, and the steps taken on them.

Marks, rows, a log of who changed what, and two leases: one to refresh, one to read the whole. Each
step is one script, so no process sees half of another's. A whole has an epoch, a name that nobody
used before; each refresh that brought rows has a number in it.
Invariants: only who holds a lease writes, and what an overdue holder brings is refused; no step
lasts longer than its cap or raises; a Redis that failed is left alone for a second.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from casegraph.transport.redis_link import OPERATION_SECONDS, RedisLink, Work

_log = logging.getLogger("casegraph.feeds")

BULK_SECONDS = 10.0
"""Cap of reading or writing a whole, for which nobody waits."""
LEASE_SECONDS = 3.0
"""A lease that is not renewed ends so long after its holder was last heard of."""
LIFE_SECONDS = 7 * 86_400
"""A feed that nobody has used for a week is let go."""
LOG_LENGTH = 200
"""Refreshes that a process may have missed before it has to load the whole."""
_ROWS_AT_ONCE = 500
_PREFIX = "casegraph:v1:feed:"

T = TypeVar("T")

_HEAD = "return redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'tick', 'data')"
_TAKE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
return 0
"""
_GIVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"
_CATCH_UP = """
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'tick', 'data')
if head[1] ~= ARGV[1] then return false end
local from, seq = tonumber(ARGV[2]), tonumber(head[2])
local length = redis.call('LLEN', KEYS[2])
if seq - from > length or from > seq then return false end
local entries = {}
if seq > from then entries = redis.call('LRANGE', KEYS[2], length - (seq - from), -1) end
local ids, known = {}, {}
for _, entry in ipairs(entries) do
  for _, id in ipairs(cjson.decode(entry)) do
    if not known[id] then known[id] = true; ids[#ids + 1] = id end
  end
end
local rows = {}
for _, id in ipairs(ids) do
  rows[#rows + 1] = redis.call('HGET', KEYS[3], id)
end
return {head[2], head[3], head[4], rows}
"""
_PUBLISH = """
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'tick', ARGV[7])
if #ARGV > 7 then
  for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1]) end
  redis.call('RPUSH', KEYS[2], ARGV[4])
  redis.call('LTRIM', KEYS[2], -tonumber(ARGV[5]), -1)
  redis.call('HINCRBY', KEYS[1], 'seq', 1)
end
for at = 1, 3 do redis.call('EXPIRE', KEYS[at], ARGV[6]) end
return 1
"""
_COMMIT = """
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'seq', '0', 'tick', '0', 'data', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in Redis of a feed: which whole, how far it has come, and its marks."""

    epoch: str
    seq: int
    tick: int
    data: bytes


class RedisServer:
    """The Redis that the feeds of a process share; nothing connects before the first step."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        step_seconds: float = OPERATION_SECONDS,
    ) -> None:
        self._link = RedisLink(
            url, "feeds", _log, clock=clock, seconds=step_seconds, passing=(ResponseError,)
        )

    async def run(self, work: Work[T], seconds: float | None = None) -> T | None:
        """Return what a step answers; None where Redis cannot say.

        Raises ResponseError where what stands there is none of ours.
        """
        return await self._link.run(work, seconds)

    async def close(self) -> None:
        """Let go of every connection. Never raises."""
        await self._link.close()


class Place:
    """The keys of one feed; `token` names this process."""

    def __init__(self, server: RedisServer, name: str, token: str) -> None:
        self._server = server
        self._base = f"{_PREFIX}{{{name}}}"
        self._token = token
        self._head, self._log = f"{self._base}:head", f"{self._base}:log"

    def _rows(self, epoch: str) -> str:
        return f"{self._base}:rows:{epoch}"

    async def _step(self, script: str, keys: list[str], *arguments: Any) -> Any:
        try:
            return await self._server.run(
                lambda client: client.eval(script, len(keys), *keys, *arguments)
            )
        except ResponseError:
            await self.wipe()
            return None

    async def wipe(self) -> None:
        """Let go of what stands there, which is none of ours."""
        try:
            await self._server.run(lambda client: client.delete(self._head, self._log))
        except ResponseError:
            _log.warning("shared feeds cannot be written")

    async def standing(self) -> Standing | None:
        """Return what stands there; None for nothing, garbage, or no answer."""
        return _standing(await self._step(_HEAD, [self._head]))

    async def take(self, lease: str) -> bool | None:
        """Take or renew a lease; None where Redis cannot say."""
        milliseconds = int(LEASE_SECONDS * 1000)
        answer = await self._step(_TAKE, [self._lease(lease)], self._token, milliseconds)
        return None if answer is None else bool(answer)

    async def give(self, lease: str) -> None:
        """Give a lease back."""
        await self._step(_GIVE, [self._lease(lease)], self._token)

    async def tell_left(self, calls: int | None) -> None:
        """Tell the others how many calls the reading of the whole still needs."""
        if calls is not None:
            life = int(LEASE_SECONDS * 1000)
            await self._server.run(lambda client: client.set(f"{self._base}:left", calls, px=life))

    async def left(self) -> int | None:
        """Return how many calls the reading of the whole still needs, where that is known."""
        try:
            answer = await self._server.run(lambda client: client.get(f"{self._base}:left"))
        except ResponseError:
            return None
        return int(answer) if isinstance(answer, bytes) and answer.isdigit() else None

    async def catch_up(self, epoch: str, seq: int) -> tuple[Standing, list[object]] | None:
        """Return what stands there and the rows changed since a number; None where lost."""
        keys = [self._head, self._log, self._rows(epoch)]
        answer = await self._step(_CATCH_UP, keys, epoch, seq)
        if not isinstance(answer, list) or len(answer) != 4:  # noqa: PLR2004  of the script
            return None
        standing = _standing([epoch.encode(), *answer[:3]])
        return None if standing is None else (standing, list(answer[3]))

    async def publish(
        self, epoch: str, data: bytes, ids: bytes, rows: Mapping[str, bytes], *, for_all: bool
    ) -> bool:
        """Add changed rows and new marks, if this process still holds the lease to refresh.

        Those who wait for this refresh take it for theirs if it is `for_all`.
        """
        keys = [self._head, self._log, self._rows(epoch), self._lease("refresh")]
        flat = [part for row_id, body in rows.items() for part in (row_id, body)]
        answer = await self._step(
            _PUBLISH,
            keys,
            *(self._token, epoch, data, ids, LOG_LENGTH, LIFE_SECONDS, int(for_all), *flat),
        )
        return bool(answer)

    async def load(self, epoch: str) -> dict[str, object] | None:
        """Return all rows of a whole; bulk."""
        try:
            rows = await self._server.run(
                lambda client: client.hgetall(self._rows(epoch)), BULK_SECONDS
            )
        except ResponseError:
            return None
        if rows is None:
            return None
        return {bytes(row_id).decode("utf-8", "replace"): body for row_id, body in rows.items()}

    async def put_whole(self, epoch: str, data: bytes, rows: Mapping[str, bytes]) -> bool:
        """Put a whole in the place of what stands there, if this process still holds the lease.

        Bulk; the others see the old whole until the last step.
        """
        old = await self.standing()
        key, items = self._rows(epoch), list(rows.items())
        for first in range(0, len(items), _ROWS_AT_ONCE):
            part = dict(items[first : first + _ROWS_AT_ONCE])

            async def write(client: Any, part: dict[str, bytes] = part) -> bool:
                await client.hset(key, mapping=part)
                await client.expire(key, LIFE_SECONDS)
                return True

            if not await self._server.run(write, BULK_SECONDS) or not await self.take("fill"):
                return False
        keys = [self._head, self._log, key, self._lease("fill")]
        done = await self._step(_COMMIT, keys, self._token, epoch, data, LIFE_SECONDS)
        if done and old is not None and old.epoch != epoch:
            before = self._rows(old.epoch)
            await self._server.run(lambda client: client.unlink(before), BULK_SECONDS)
        return bool(done)

    def _lease(self, name: str) -> str:
        return f"{self._base}:lease:{name}"


def _standing(answer: object) -> Standing | None:
    if not isinstance(answer, list) or not all(isinstance(part, bytes) for part in answer):
        return None
    epoch, seq, tick, data = answer
    if not seq.isdigit() or not tick.isdigit():
        return None
    return Standing(epoch.decode("ascii", "replace"), int(seq), int(tick), data)
