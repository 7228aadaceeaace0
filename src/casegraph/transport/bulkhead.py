"""Bounded concurrency towards one upstream, so that a slow one cannot take the whole process.

Invariant: never more than `limit` calls are inside; waiting callers enter in order.
"""

import asyncio

from casegraph.transport.calls import Call, Reply, Send


class Bulkhead:
    """Lets at most `limit` calls through at the same time."""

    def __init__(self, inner: Send, limit: int) -> None:
        if limit < 1:
            raise ValueError("a bulkhead needs at least one place")
        self._inner = inner
        self._places = asyncio.Semaphore(limit)

    async def __call__(self, call: Call) -> Reply:
        """Send the call once there is a place."""
        async with self._places:
            return await self._inner(call)
