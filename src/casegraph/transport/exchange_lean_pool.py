"""Idle connections by origin, the last used first, and each closed when it has been idle too long.

How many calls are on the wire is bounded by whoever uses the pool; so there are never more
connections to an origin than calls at the same time.
A server closes idle connections as well, and a request that crosses such an end is lost without
anybody knowing whether it was read. So ours must be the shorter patience: five seconds unless set
otherwise, and a second less than what the server names in `Keep-Alive`.
Invariant: a connection is in the pool only while the next call may be sent over it; one that comes
back unfit is ended here.
"""

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic

from casegraph.transport.exchange_lean_connection import Connection

_SWEEP_SECONDS = 0.001
"""Least time between two looks for old connections: a timer may fire too early."""
_FAREWELL_SECONDS = 1.0
"""Longest wait for the loop to say that what was ended has ended; a turn of it is usual."""


class Pool:
    """The connections of one exchange, which belong to one running loop."""

    def __init__(self) -> None:
        self._idle: dict[str, deque[Connection]] = {}
        self._open: set[Connection] = set()
        self._emptied = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: str, *, surely: bool) -> Connection | None:
        """Return an idle connection, or None; `surely` asks the socket whether its end is there."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        now = monotonic()
        while idle:
            connection = idle.pop()
            fit = connection.until > now and connection.is_ready
            if fit and (not surely or connection.is_quiet()):
                return connection
            connection.abort()
        return None

    def put(self, origin: str, connection: Connection) -> None:
        """Take a connection back after its call, or end it if that is not through."""
        connection.leave()
        if not connection.is_ready:
            return
        seconds = connection.kept_seconds
        if seconds <= 0:
            connection.abort()
            return
        connection.until = monotonic() + seconds
        idle = self._idle.get(origin)
        if idle is None:
            idle = self._idle[origin] = deque()
        idle.append(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(seconds, self._end_old_ones)

    def made(self, connection: Connection) -> None:
        """Keep account of a new connection."""
        self._open.add(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.discard(connection)
        if not self._open:
            self._emptied.set()
        for idle in self._idle.values():
            if connection in idle:
                idle.remove(connection)

    async def close(self, why: str) -> None:
        """End every connection; calls that are on one are unavailable for this reason."""
        if self._sweep is not None:
            self._sweep.cancel()
        self._emptied.clear()
        for connection in tuple(self._open):
            connection.give_up(why)
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._emptied.wait()

    def _end_old_ones(self) -> None:
        now = monotonic()
        left: list[float] = []
        for idle in self._idle.values():
            for connection in tuple(idle):
                if connection.until <= now:
                    idle.remove(connection)
                    connection.abort()
                else:
                    left.append(connection.until)
        self._sweep = None
        if left:
            loop = asyncio.get_running_loop()
            seconds = max(min(left) - now, _SWEEP_SECONDS)
            self._sweep = loop.call_later(seconds, self._end_old_ones)
