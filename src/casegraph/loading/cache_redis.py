"""The cache library's Redis store, as `loading.cache` wants it; imported where a Redis is set.

aiocache is a plain store here. Its decorators log values, share mutable objects and fail with
their backend, so none is used, nor any serializer.
Invariant: no other module imports aiocache.
"""

from typing import Any

from aiocache import RedisCache
from aiocache.serializers import NullSerializer


class RedisStore(RedisCache):  # type: ignore[misc] # aiocache has no types
    """aiocache's Redis cache, told to leave bytes and time alone.

    Time: its own time-out (5 s, 20 us an operation) and the driver's are off; `Cache` caps. The
    protocol is RESP2: under RESP3 the driver (8.x) listens for maintenance notices, and then no
    longer checks a pooled connection for a leftover reply. A cancelled operation closes its
    connection, so the next one cannot read its answer.
    """

    def __init__(self, username: str | None, connections: int, **options: Any) -> None:
        super().__init__(
            serializer=NullSerializer(encoding=None),
            timeout=None,
            pool_max_size=connections,
            connection_pool_kwargs={"protocol": 2, "socket_timeout": None, "username": username},
            **options,
        )

    async def _close(self, *_args: object, **_ignored: object) -> None:
        # aiocache calls close(), which the driver has deprecated.
        await self.client.aclose()
