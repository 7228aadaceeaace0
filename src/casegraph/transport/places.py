"""How many calls go on at once, in a bulkhead and on the wire, and who is next when one leaves.

A place that is free costs no coroutine: asyncio's semaphore takes 1.3 µs a call to be found open, a
tenth of what a call costs beside its socket.
Invariant: a place is free only while nobody waits; it is handed on in the order of asking, and one
that was handed to somebody who has left goes to the next.
"""

import asyncio
from collections import deque
from contextlib import suppress


class Places:
    """So many places, one for each call."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if one is free; say whether it was."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def wait(self) -> None:
        """Take a place when it is this caller's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:  # a cancellation, or the end of a coroutine that nobody awaits
            if turn.done() and not turn.cancelled():
                self.give()  # handed over while the caller was leaving
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def give(self) -> None:
        """Give a place back, to who has waited for longest or to nobody."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
