"""Much time for uses of Redis, so that no test takes a busy machine for a Redis that is lost.

As shipped most uses have 50 ms and go on without Redis when that was too short; a test of what two
processes share through it would then find nothing shared.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from casegraph.edge import rates
from casegraph.loading.cache import open_cache
from casegraph.loading.feeds.redis_place import RedisServer
from casegraph.transport.shared_pace import PaceServer
from casegraph.writing.shared_store import RedisStore

PATIENCE_SECONDS = 20.0
_CAPS: tuple[tuple[Callable[..., Any], str], ...] = (
    (open_cache, "operation_seconds"),
    (PaceServer.__init__, "operation_seconds"),
    (RedisServer.__init__, "step_seconds"),
    (RedisStore.__init__, "operation_seconds"),
)
"""Functions whose keyword has a cap as its default."""


@contextmanager
def patience_with_redis() -> Iterator[None]:
    """Give that much time to uses of Redis that are opened in the context."""
    with ExitStack() as stack:
        for function, name in _CAPS:
            defaults = function.__kwdefaults__
            assert defaults is not None
            stack.callback(defaults.__setitem__, name, defaults[name])
            defaults[name] = PATIENCE_SECONDS
        stack.callback(setattr, rates, "OPERATION_SECONDS", rates.OPERATION_SECONDS)
        rates.OPERATION_SECONDS = PATIENCE_SECONDS
        yield
