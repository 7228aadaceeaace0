"""Bounded concurrency towards one upstream, so that a slow one cannot take the whole process.

The queue is bounded in callers, not in time. A fixed wait, say 250 ms, would fail what is right: a
page of 100 cases queues behind 8 places, and its last call waits for some twelve others before it.
How long a caller can wait is its own affair, and the deadline around the chain ends it; what must
be bounded here is how many wait, because each one holds memory for somebody.
Invariant: never more than `limit` calls are inside nor more than `waiting` before the door; callers
enter in order.
"""

from collections.abc import Callable

from casegraph.errors import UpstreamUnavailable
from casegraph.transport.calls import Call, Reply, Send
from casegraph.transport.places import Places

MOST_WAITING = 2500
"""Five operations at the fuse of 500 calls each; 16 clients that each want 100 rows of one kind at
once, none of them in hand, are 1,600."""


class Bulkhead:
    """Lets at most `limit` calls through at the same time, and at most `waiting` queue."""

    def __init__(
        self,
        inner: Send,
        limit: int,
        *,
        waiting: int = MOST_WAITING,
        on_full: Callable[[Call], None] = lambda _call: None,
    ) -> None:
        if limit < 1:
            raise ValueError("a bulkhead needs at least one place")
        if waiting < 0:
            raise ValueError("a queue cannot be shorter than empty")
        self._inner = inner
        self._places = Places(limit)
        self._most_waiting = waiting
        self._on_full = on_full
        self._waiting = 0

    async def __call__(self, call: Call) -> Reply:
        """Send the call once it has a place; raises UpstreamUnavailable when the queue is full."""
        if not self._places.take():
            await self._queue(call)
        try:
            return await self._inner(call)
        finally:
            self._places.give()

    async def _queue(self, call: Call) -> None:
        if self._waiting >= self._most_waiting:
            self._on_full(call)
            what = "too many calls are waiting for it already"
            raise UpstreamUnavailable(call.upstream, call.operation, what, sent=False)
        self._waiting += 1
        try:
            await self._places.wait()
        finally:
            self._waiting -= 1
