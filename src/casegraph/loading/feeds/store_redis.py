"""One index and one watermark for all processes of a gateway, in the Redis that they share.

Each process answers from its own memory. Who wants to refresh takes a lease, catches up with what
the others have logged, reads the upstream from the shared mark, and logs what it has read; who
finds the lease taken waits for that entry and takes it over. The same holds for reading the whole.
Invariants: a process whose Redis is gone, slow or full of garbage works as if it were alone, from
an index that is complete by itself; nobody waits for a holder that is no longer heard of.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic
from uuid import uuid4

import msgspec

from casegraph.loading.feeds.bounds import Row
from casegraph.loading.feeds.core import Core, Refreshed
from casegraph.loading.feeds.keeper import Fill, ReadChanges, behind
from casegraph.loading.feeds.redis_place import LEASE_SECONDS, Place, Standing
from casegraph.loading.feeds.stored import (
    encoded,
    encoded_slowly,
    head_of,
    put_back,
    read_head,
    read_rows,
)

POLL_SECONDS = 0.01
"""Between two looks at what another process is refreshing: little beside a call of 100 ms."""
FILL_POLL_SECONDS = 0.1
FOLLOW_SECONDS = 25.0
"""Longest wait for another process's refresh; below the time that a refresh may take."""
_RENEW_SECONDS = LEASE_SECONDS / 6
_MOST_PUBLISHED = 5000
"""Rows published in one step; more are a new whole's matter."""


class RedisKeeper(Generic[Row]):
    """One feed in the shared Redis."""

    def __init__(
        self, place: Place, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._place = place
        self._sleep = sleep
        self._epoch: str | None = None
        self._seq = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_filling = False
        self._is_unfit = False
        """Whether a row has no encoding: then this process keeps the feed to itself."""

    async def restore(self, core: Core[Row]) -> bool:
        """Load what another process has read; returns whether there was anything of use."""
        standing = await self._place.standing()
        return standing is not None and await self._load(core, standing)

    async def refresh(self, core: Core[Row], read: ReadChanges[Row]) -> Refreshed[Row]:
        """Read for all, or take what another process is reading."""
        clock = core.times.clock
        standing = await self._place.standing() if self._epoch is not None else None
        if standing is None or standing.epoch != self._epoch:
            done = await read()
            self._join_later(core)
            return done
        until = clock() + FOLLOW_SECONDS
        while clock() < until:
            is_ours = await self._place.take("refresh")
            if is_ours:
                return await self._lead(core, read)
            if is_ours is None:
                break
            await self._sleep(POLL_SECONDS)
            now = await self._place.standing()
            if now is None or now.epoch != self._epoch:
                break
            if now.tick != standing.tick:
                if await self._catch_up(core):
                    return Refreshed(len(core.index), 0, 0, {})
                break
        return await read()

    async def fill(self, core: Core[Row], fill: Fill) -> None:
        """Read the whole for all, or wait for another process that does."""
        before = self._epoch
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._epoch not in {before, None}:
            return  # another's whole, newer than the one that was found wrong, was being loaded
        while True:
            standing = await self._place.standing()
            is_new = standing is not None and standing.epoch != self._epoch
            if standing is not None and is_new and await self._load(core, standing):
                return
            is_ours = await self._place.take("fill")
            if is_ours is None:
                await fill()
                self._epoch = None
                return
            if is_ours:
                await self._fill(core, fill)
                return
            core.calls_left = await self._place.left()
            core.on_move()
            await self._sleep(FILL_POLL_SECONDS)

    async def _fill(self, core: Core[Row], fill: Fill) -> None:
        self._is_filling = True
        try:
            async with self._held("fill", core):
                await fill()
                await self._publish_whole(core)
        finally:
            self._is_filling = False

    def forget(self, core: Core[Row], _row_ids: tuple[str, ...]) -> None:
        """Publish the whole anew without these rows, behind the write; returns at once."""
        self._soon(lambda: self._replace(core))

    async def close(self) -> None:
        """End what is being loaded or written."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _lead(self, core: Core[Row], read: ReadChanges[Row]) -> Refreshed[Row]:
        """Read from the shared mark and tell the others."""
        async with self._held("refresh", core):
            if not await self._catch_up(core):
                self._epoch = None
                return await read()
            replaced = core.replaced
            done = await read()
            rows = encoded(done.rows)
            self._is_unfit = rows is None
            if rows is None or len(rows) > _MOST_PUBLISHED or core.replaced != replaced:
                self._epoch = None  # the others go on without us
            elif self._epoch is not None:
                ids = msgspec.json.encode(list(rows))
                marks, for_all = head_of(core), not behind.get()
                if await self._place.publish(self._epoch, marks, ids, rows, for_all=for_all):
                    self._seq += 1 if rows else 0
                else:
                    self._epoch = None
            return done

    async def _catch_up(self, core: Core[Row]) -> bool:
        """Take what others have logged since; returns whether nothing is missing now."""
        if self._epoch is None:
            return False
        found = await self._place.catch_up(self._epoch, self._seq)
        if found is None:
            return False
        standing, bodies = found
        head, rows = read_head(standing.data), read_rows(core.reading, bodies)
        if head is None or rows is None or head.covers_from != core.covers_from:
            return False
        core.take(rows, head.watermark, min(head.confirmed_at, core.times.wall()))
        self._seq = standing.seq
        return True

    async def _load(self, core: Core[Row], standing: Standing) -> bool:
        """Put the shared whole in the core's place."""
        head = read_head(standing.data)
        bodies = None if head is None else await self._place.load(standing.epoch)
        if head is None or bodies is None or not await put_back(core, head, bodies):
            return False
        self._epoch, self._seq = standing.epoch, standing.seq
        return True

    def _join_later(self, core: Core[Row]) -> None:
        """Come back to what the processes share, behind the answer."""
        if not (self._tasks or self._is_filling or self._is_unfit):
            self._soon(lambda: self._join(core))

    async def _join(self, core: Core[Row]) -> None:
        standing = await self._place.standing()
        if standing is not None and standing.epoch == self._epoch:
            return  # it was only away; the next refresh catches up
        if standing is None or not await self._load(core, standing):
            await self._replace(core)

    async def _replace(self, core: Core[Row]) -> None:
        if await self._place.take("fill"):
            async with self._held("fill", core):
                await self._publish_whole(core)

    async def _publish_whole(self, core: Core[Row]) -> None:
        self._epoch = None
        replaced, head, rows = core.replaced, head_of(core), core.index.by_id()
        bodies = await encoded_slowly(rows)
        epoch = uuid4().hex
        self._is_unfit = bodies is None
        if bodies is None or not await self._place.put_whole(epoch, head, bodies):
            return
        if core.replaced == replaced:
            self._epoch, self._seq = epoch, 0

    @contextlib.asynccontextmanager
    async def _held(self, lease: str, core: Core[Row]) -> AsyncIterator[None]:
        """Hold a lease that was taken, as long as the block lasts."""

        async def renew() -> None:
            while True:
                await self._sleep(_RENEW_SECONDS)
                await self._place.take(lease)
                if lease == "fill":
                    await self._place.tell_left(core.calls_left)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            await self._place.give(lease)

    def _soon(self, work: Callable[[], Awaitable[None]]) -> None:
        async def behind() -> None:
            await work()

        task = asyncio.create_task(behind())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
