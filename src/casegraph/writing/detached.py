"""A write goes to its end whoever waits for it; until it has begun, it stops with its client.

The endpoint cancels the operation of a client that left, and a request has a deadline. Either may
stop a mutation that is still reading; neither may stop one that is being written, because then
nobody would know how it ended.
Invariant: work is never cancelled after `begin`; what outlives its client is counted, waited for at
the end of the process, and tells its outcome to the audit log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from casegraph.transport.allowance import call_allowance
from casegraph.transport.deadline import own_time, request_deadline

T = TypeVar("T")

WRITE_SECONDS = 12.0
"""Time for a write and its reading back, whatever is left of the request: four attempts of 3 s."""
CLOSE_SECONDS = 15.0
"""How long the process waits for writes at its end: longer than one may take."""


@dataclass(slots=True)
class Passage:
    """Where a write stands: before its beginning it may be stopped."""

    has_begun: bool = False
    is_left: bool = False
    """Whether nobody waits for the end any more."""
    waits_for_first: bool = False
    """Whether an equal mutation was found under way: this one writes nothing, that one may."""

    def begin(self) -> None:
        """Pass the point of no return; from here the write has a time of its own."""
        self.has_begun = True
        own_time(WRITE_SECONDS)
        # A fuse that blew between a write and its reading back would leave its outcome unknown.
        call_allowance.set(None)


class Detached:
    """Runs writes beside the requests that asked for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    async def run(self, work: Callable[[Passage], Awaitable[T]], late: Callable[[Passage], T]) -> T:
        """Return what the work returns, or what `late` says when the request's time is over."""
        passage = Passage()
        task: asyncio.Task[T] = asyncio.create_task(_awaited(work, passage))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        left = request_deadline.get() - monotonic()
        try:
            await asyncio.wait({task}, timeout=None if left == float("inf") else max(left, 0.0))
        except asyncio.CancelledError:
            await _stop(task, passage)
            raise
        if task.done():
            return task.result()
        await _stop(task, passage)
        if task.done() and not task.cancelled() and passage.has_begun:
            return task.result()
        return late(passage)

    async def close(self) -> None:
        """Wait for the writes under way, for a bounded time."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CLOSE_SECONDS)


async def _awaited(work: Callable[[Passage], Awaitable[T]], passage: Passage) -> T:
    return await work(passage)


async def _stop(task: asyncio.Task[T], passage: Passage) -> None:
    passage.is_left = True
    if not passage.has_begun and not task.done():
        task.cancel()
        await asyncio.wait({task})
