"""A client that has left gets no more work done for it.

uvicorn and Starlette only tell of a closed connection to who listens for it; nobody cancels a
running query by itself. So the connection is watched while the query runs, and whichever ends
first decides. The work runs in the task that waits for it, and watching begins after a moment: two
tasks and the waits for them took 21 µs of each answer where a timer and what belongs to it take 4.
Work that never waits has none: nobody can be seen to leave before the loop turns.
Invariant: when `while_connected` returns or raises, the work has ended and nothing is listening.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

from casegraph.edge.first_step import resumed

T = TypeVar("T")

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

UNWATCHED_SECONDS = 0.002
"""How long nobody looks whether the client is still there: less than a call upstream takes."""


class ClientGone(Exception):
    """The client closed the connection before its answer was ready."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; cancels it and raises ClientGone when the client leaves.

    The request's body must have been read: what `receive` tells next is the end.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    watch = _Watch(receive)
    try:
        result = await resumed(work, waits_for)
    except BaseException:
        if watch.has_cancelled():
            raise ClientGone from None
        raise
    finally:
        # Cancelled, it holds an error that holds this frame: a cycle.
        del waits_for
        await watch.end()
    if watch.has_cancelled():  # and the work did not mind
        raise ClientGone
    return result


class _Watch:
    """Cancels the task that it is made in, once, when the client leaves."""

    __slots__ = ("_before", "_has_cancelled", "_receive", "_start", "_task", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._before = 0 if self._task is None else self._task.cancelling()
        self._has_cancelled = False
        self._watching: asyncio.Task[None] | None = None
        self._start = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, self._begin)

    def has_cancelled(self) -> bool:
        """Return whether the task was cancelled for its client and nobody else; takes that back."""
        if not self._has_cancelled or self._task is None:
            return False
        self._has_cancelled = False
        return self._task.uncancel() <= self._before

    async def end(self) -> None:
        """Stop listening."""
        self._start.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
            # Its CancelledError holds its frame, which holds this watch: a cycle for each request.
            self._watching = None

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        with suppress(Exception):  # a connection that cannot be listened to is closed
            while (await self._receive())["type"] != "http.disconnect":
                pass
        if self._task is not None:
            self._has_cancelled = True
            self._task.cancel()
