"""Much time for Redis and upstreams, so that no test takes a busy machine for one that is lost.

As shipped most uses of Redis have 50 ms and go on without it when that was too short; a test of
what two processes share through it would then find nothing shared. A call has 3 s, after which it
is made once more; a test that counts calls would count that one too. What the figures as shipped do
is for tests/transport and tests/faults, which have them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from typing import Any

from casegraph.edge import rates
from casegraph.loading.cache import open_cache
from casegraph.loading.feeds.redis_place import RedisServer
from casegraph.transport.breaker import BreakerConfig
from casegraph.transport.exchange import ExchangeConfig
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
_CALL_SECONDS = 9.0
"""Of the 10 s that a request has."""
_BOUNDS: tuple[tuple[type[Any], str], ...] = (
    (ExchangeConfig, "total_seconds"),
    (ExchangeConfig, "connect_seconds"),
    (BreakerConfig, "slow_seconds"),
)
"""Records whose field has a bound as its default."""


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


@contextmanager
def patience_with_upstreams() -> Iterator[None]:
    """Give that much time to the calls of gateways that are started in the context."""
    with ExitStack() as stack:
        for record, name in _BOUNDS:
            made_by: Any = vars(record)["__init__"]
            before = made_by.__defaults__
            names = [each.name for each in fields(record)]
            stack.callback(setattr, made_by, "__defaults__", before)
            made_by.__defaults__ = tuple(
                _CALL_SECONDS if field == name else value
                for field, value in zip(names, before, strict=True)
            )
        yield
