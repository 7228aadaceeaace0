"""Bytes kept for a while in Redis, by a cache whose failure nobody notices.

What keeps them is a plain store: get, set and delete, bytes in and bytes out.
Invariants: no operation raises for a backend's sake or lasts longer than its cap; a backend that
keeps failing is left alone for a while; neither a key nor a value is ever logged.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

_log = logging.getLogger("casegraph.cache")

Clock = Callable[[], float]
"""Seconds on a clock that never goes back."""

OPERATION_SECONDS = 0.05
"""A cache slower than this costs more than it saves on calls of some 100 ms."""
FAILURES_TO_SKIP = 5
"""In a row; one lost packet is no outage."""
SKIP_SECONDS = 5.0
"""For so long a failing backend is not asked, so it adds no latency and may recover."""
REDIS_CONNECTIONS = 16
"""At most; at 1 ms a round trip they carry more than one Python process can ask."""
_MAX_KEY_LENGTH = 200
_KEY_PREFIX = "casegraph:v1:"
_LATE_SECONDS = 0.01


class CacheUrlError(ValueError):
    """A cache URL cannot be understood; the text never repeats it, for it may hold a password."""


class Backend(Protocol):
    """What is used of an aiocache cache."""

    async def get(self, key: str) -> object:
        """Return the value, or None."""

    async def set(self, key: str, value: bytes, ttl: float) -> object:
        """Keep the value for ttl seconds."""

    async def delete(self, key: str) -> object:
        """Forget the value, if there is one."""

    async def close(self) -> object:
        """Let go of connections."""


class Cache:
    """A byte store that fails open: trouble reads as a miss and writes as nothing done."""

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Clock = time.monotonic,
        operation_seconds: float = OPERATION_SECONDS,
        concurrency: int = REDIS_CONNECTIONS,
    ) -> None:
        self._backend = backend
        self._health = _Health(clock)
        self._seconds = operation_seconds
        self._slots = asyncio.Semaphore(concurrency)
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """Return the value kept under the key, or None for a miss of any cause."""
        value = await self._attempt(lambda: self._backend.get(key))
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Keep the value for ttl_seconds; a time to live that has run out deletes instead."""
        # Below a millisecond Redis refuses, and aiocache reads 0 as "for ever".
        if ttl_seconds < 0.001:  # noqa: PLR2004 - explained above
            await self.delete(key)
            return
        ttl = float(ttl_seconds)
        await self._attempt(lambda: self._backend.set(key, value, ttl=ttl))

    async def delete(self, key: str) -> None:
        """Forget the value kept under the key."""
        await self._attempt(lambda: self._backend.delete(key))

    async def close(self) -> None:
        """Close the backend; afterwards every get is a miss. May be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(self._seconds):
                await self._backend.close()
        except Exception as error:  # noqa: BLE001 - a store that cannot close must not stop the exit
            _log.warning("cache did not close cleanly (%s)", type(error).__name__)

    async def _attempt(self, operation: Callable[[], Awaitable[object]]) -> object:
        if self._closed or not self._health.admits():
            return None
        cap = asyncio.timeout(self._seconds)
        asked = False
        try:
            async with cap, self._slots:
                asked = True
                answer = await operation()
        except TimeoutError as error:
            # Waiting for a slot, or a timer that itself fired late, tells of a busy process: our
            # own burst must not be taken for an outage of the backend.
            if asked and not _fired_late(cap):
                self._health.failed(error)
            return None
        except Exception as error:  # noqa: BLE001 - fail open, whatever the backend raises
            self._health.failed(error)
            return None
        self._health.succeeded()
        return answer


class _Health:
    """Decides when the backend is asked: after five failures in a row, once every five seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._next_probe = 0.0

    def admits(self) -> bool:
        if self._failures < FAILURES_TO_SKIP:
            return True
        now = self._clock()
        if now < self._next_probe:
            return False
        # One caller is the probe; those beside it go on skipping until it has an answer.
        self._next_probe = now + SKIP_SECONDS
        return True

    def failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures < FAILURES_TO_SKIP:
            return
        self._next_probe = self._clock() + SKIP_SECONDS
        if self._failures == FAILURES_TO_SKIP:
            # The class only: a backend's message may quote the key or the URL.
            _log.warning("cache skipped after repeated failures (%s)", type(error).__name__)

    def succeeded(self) -> None:
        if self._failures >= FAILURES_TO_SKIP:
            _log.info("cache available again")
        self._failures = 0


def open_cache(
    url: str, *, clock: Clock = time.monotonic, operation_seconds: float = OPERATION_SECONDS
) -> Cache:
    """Return the cache at `redis://[user:password@]host[:port][/db]`.

    Nothing is connected yet: an absent Redis is a cache that misses. Raises CacheUrlError.
    """
    # With its driver it takes 7 MB, which a process without a Redis can do without.
    from casegraph.loading.cache_redis import RedisStore  # noqa: PLC0415  see above

    # At level DEBUG aiocache would write every key into the log.
    logging.getLogger("aiocache").setLevel(logging.INFO)
    backend = RedisStore(**_redis_options(url), connections=REDIS_CONNECTIONS)
    return Cache(backend, clock=clock, operation_seconds=operation_seconds)


def cache_key(*parts: str) -> str:
    """Return the versioned key of these parts: different parts never give the same key.

    Raises ValueError for an empty part, which is a scope somebody forgot to fill in. A key that
    would be long, or could not be written as UTF-8, becomes a digest.
    """
    if not parts or not all(parts):
        raise ValueError("a cache key needs parts, and none of them empty")
    text = ":".join(parts)
    if "%" in text or text.count(":") >= len(parts):
        text = ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)
    key = _KEY_PREFIX + text
    if len(key) <= _MAX_KEY_LENGTH and key.isascii():
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    # The empty part marks a digest: no key made of parts has one.
    return f"{_KEY_PREFIX}:{digest}"


def _redis_options(url: str) -> dict[str, Any]:
    try:
        split = urlsplit(url)
        port = split.port or 6379
    except ValueError:
        raise CacheUrlError("the cache URL's host or port cannot be read") from None
    if split.scheme != "redis" or not split.hostname or split.query or split.fragment:
        raise CacheUrlError("the cache URL is memory:// or redis://[:password@]host:port/db")
    return {
        "endpoint": split.hostname,
        "port": port,
        "db": _database(split),
        "username": unquote(split.username) if split.username else None,
        "password": unquote(split.password) if split.password else None,
    }


def _database(split: SplitResult) -> int:
    number = split.path.removeprefix("/")
    if not number:
        return 0
    if not (number.isascii() and number.isdigit()):
        raise CacheUrlError("the cache URL's path is the number of a Redis database")
    return int(number)


def _fired_late(cap: asyncio.Timeout) -> bool:
    due = cap.when()
    return due is not None and asyncio.get_running_loop().time() - due > _LATE_SECONDS
