"""Real exchanges over loopback, and calls to send with them."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_httpx import HttpxExchange


@pytest.fixture(scope="session")
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
async def open_exchange(_tls: ssl.SSLContext) -> AsyncIterator[Any]:
    """Open an exchange under given bounds; all are closed when the test ends."""
    opened = []

    def open_exchange(**bounds: Any) -> HttpxExchange:
        exchange = HttpxExchange(ExchangeConfig(**bounds), _tls)
        opened.append(exchange)
        return exchange

    yield open_exchange
    for exchange in opened:
        await exchange.close()


@pytest.fixture
def call_to() -> Any:
    """Return a maker of calls: a read of `/v1/thing` unless said otherwise."""

    def call_to(origin: str, **values: Any) -> Call:
        usual: dict[str, Any] = {
            "upstream": "somebody",
            "operation": "thing",
            "effect": Effect.READ,
            "method": "GET",
            "target": "/v1/thing",
        }
        return Call(origin=origin, **(usual | values))

    return call_to
