"""One process's connections to the Redis that it shares with others.

RESP2 is asked for, because only with it the driver checks a pooled connection for left-over
replies; time-outs and retries of the driver's own are off, because every use has a cap of its own.
A `RedisLink` fails open: what fails once is left alone for a second, then one caller tries again,
and both the loss and the return are told once.
Invariants: no use outlasts its cap, connecting included; the driver's own text, which may quote the
address, never leaves. The URL is one that the cache has accepted too.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

OPERATION_SECONDS = 0.05
"""Cap of one operation, connecting included (reliability §3, cache)."""
SKIP_SECONDS = 1.0
"""For so long a Redis that failed is not asked; then one caller tries it again."""
CONNECTIONS = 4
"""Per process and use; at 1 ms a round trip they carry some 4,000 operations a second."""
_LATE_SECONDS = 0.01

T = TypeVar("T")
Work = Callable[[Any], Awaitable[T]]
"""Something done with the driver's client."""


def open_redis(url: str, connections: int) -> Any:
    """Return a client for `redis://[user:password@]host[:port][/db]`; connects when first used."""
    # The driver takes 6 MB, which a process without a Redis can do without.
    from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415  see above
    from redis.asyncio.retry import Retry  # noqa: PLC0415  see above
    from redis.backoff import NoBackoff  # noqa: PLC0415  see above

    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": connections,
        "timeout": None,
    }
    pool: Any = BlockingConnectionPool
    return Redis(connection_pool=pool.from_url(url, **options))


async def close_redis(client: Any, seconds: float) -> str | None:
    """Let go of every connection; returns the class of what went wrong. Never raises."""
    try:
        async with asyncio.timeout(seconds):
            await client.aclose(close_connection_pool=True)
    except Exception as error:  # noqa: BLE001 - what cannot close must not stop the exit
        return type(error).__name__
    return None


class RedisLink:
    """Uses of Redis that a process can do without; `what` names in the log what is shared.

    An error of a class in `passing` is the caller's: it says nothing of whether Redis is well.
    """

    def __init__(
        self,
        url: str,
        what: str,
        log: logging.Logger,
        *,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = OPERATION_SECONDS,
        passing: tuple[type[Exception], ...] = (),
    ) -> None:
        self._client = open_redis(url, CONNECTIONS)
        self._what = what
        self._log = log
        self._clock = clock
        self._seconds = seconds
        self._passing = passing
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._next_try = float("-inf")
        self._is_lost = False
        self._closed = False

    async def run(self, work: Work[T], seconds: float | None = None) -> T | None:
        """Return what the work answers; None when Redis cannot say. Raises what passes."""
        # Waiting for a connection tells of a busy process, so it is not under the cap.
        async with self._slots:
            if self._closed or self._clock() < self._next_try:
                return None
            if self._is_lost:
                # One caller tries; those beside it go on without until it has an answer.
                self._next_try = self._clock() + SKIP_SECONDS
            cap = asyncio.timeout(seconds or self._seconds)
            try:
                async with cap:
                    answer = await work(self._client)
            except self._passing:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the driver raises, work goes on
                if not _fired_late(cap):
                    self._lost(error)
                return None
            self._found()
            return answer

    async def close(self) -> None:
        """Let go of every connection; nothing is shared any more. Never raises."""
        self._closed = True
        trouble = await close_redis(self._client, self._seconds)
        if trouble is not None:
            self._log.warning("shared %s did not close cleanly (%s)", self._what, trouble)

    def _lost(self, error: Exception) -> None:
        self._next_try = self._clock() + SKIP_SECONDS
        if not self._is_lost:
            # The class only: the driver's message may quote the address.
            kind = type(error).__name__
            self._log.warning("%s kept by this process alone (%s)", self._what, kind)
        self._is_lost = True

    def _found(self) -> None:
        self._next_try = float("-inf")
        if self._is_lost:
            self._log.info("%s shared again", self._what)
        self._is_lost = False


def _fired_late(cap: asyncio.Timeout) -> bool:
    """Say whether the cap ran out only because this process was busy."""
    due = cap.when()
    late = due is not None and asyncio.get_running_loop().time() - due > _LATE_SECONDS
    return late and cap.expired()
