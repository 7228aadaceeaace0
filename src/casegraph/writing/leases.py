"""One writer per object: a queue in this process, a lease over all that share a store.

The vendors have no versions, so two writers of one case must not overlap between reading it and
reading it back. A lease can be lost (a paused process, a store that forgot), and no vendor takes a
fencing token; so it is confirmed right before the write, lasts longer than any write may take, and
is looked at again after it: its loss is noticed, before the write as a refusal, after it as a word.
Invariant: holders of one key in one process follow each other in the order they came; a store that
cannot say leaves this process's own queue standing.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from casegraph.transport.deadline import in_time
from casegraph.writing.leftovers import Leftovers
from casegraph.writing.store import Store, StoreUnavailable

LEASE_SECONDS = 45.0
"""Longer than the longest request (30 s), which bounds what comes before a write, and the longest
write with its reading back together."""
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.2
"""Between two tries for a lease that somebody else has, in seconds."""

_log = logging.getLogger("casegraph.leases")


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


@dataclass(slots=True)
class Hold:
    """The right to write one object, for the time of a context."""

    _store: Store
    _key: str
    _token: bytes | None
    """None while the right stands on this process's own queue alone."""

    async def confirm(self) -> bool:
        """Make sure of the right for another full lease; False when it was lost."""
        if self._token is None:
            return True
        try:
            return await self._store.swap(self._key, self._token, self._token, LEASE_SECONDS)
        except StoreUnavailable:
            # The lease was ours for longer than a write takes; the store's trouble is not a thief.
            return True


class OneWriter:
    """Gives the right to write, one holder per key at a time."""

    def __init__(
        self, store: Store, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._store = store
        self._leftovers = Leftovers(store)
        self._sleep = sleep
        self._queues: dict[str, _Queue] = {}
        self._is_lost = False

    @asynccontextmanager
    async def hold(self, upstream: str, *parts: str) -> AsyncIterator[Hold]:
        """Wait for the right and give it back at the end; raises DeadlineExceeded."""
        key = ":".join(("lease", upstream, *parts))
        queue = self._queues.setdefault(key, _Queue())
        queue.users += 1
        try:
            await in_time(queue.lock.acquire(), upstream, "write")
            try:
                hold = await in_time(self._lease(key), upstream, "write")
                try:
                    yield hold
                finally:
                    await self._release(hold)
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users:
                self._queues.pop(key, None)

    async def _lease(self, key: str) -> Hold:
        if not self._store.is_shared:
            return Hold(self._store, key, None)
        token = secrets.token_hex(16).encode()
        wait = _FIRST_WAIT
        try:
            while await self._leftovers.claim(key, token, LEASE_SECONDS) is not None:
                await self._sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        except StoreUnavailable as error:
            if not self._is_lost:
                _log.warning("cases are guarded by this process alone (%s)", error.args[0])
            self._is_lost = True
            self._leftovers.remember(key, token)  # the claim may arrive all the same
            return Hold(self._store, key, None)
        except asyncio.CancelledError:
            self._leftovers.remember(key, token)
            raise
        self._is_lost = False
        return Hold(self._store, key, token)

    async def _release(self, hold: Hold) -> None:
        if hold._token is None:  # noqa: SLF001 - the hold is this module's own
            return
        if not await self._leftovers.drop(hold._key, hold._token):  # noqa: SLF001 - as above
            _log.warning("a lease was left for later, or to run out")
