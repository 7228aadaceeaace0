"""Real exchanges over loopback, both kinds, and calls to send with them."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_httpx import HttpxExchange
from casegraph.transport.exchange_pyreqwest import PyreqwestExchange


@pytest.fixture(scope="session")
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
async def open_httpx(_tls: ssl.SSLContext) -> AsyncIterator[Any]:
    """Open httpx exchanges, for what only they do; all are closed when the test ends."""
    opened = []

    def open_httpx(**bounds: Any) -> HttpxExchange:
        tls = None if "ca_file" in bounds else _tls
        exchange = HttpxExchange(ExchangeConfig(**bounds), tls)
        opened.append(exchange)
        return exchange

    yield open_httpx
    for exchange in opened:
        await exchange.close()


@pytest.fixture
async def open_pyreqwest() -> AsyncIterator[Any]:
    """Open exchanges of the default kind; all are closed when the test ends."""
    opened = []

    def open_pyreqwest(**bounds: Any) -> PyreqwestExchange:
        exchange = PyreqwestExchange(ExchangeConfig(**bounds))
        opened.append(exchange)
        return exchange

    yield open_pyreqwest
    for exchange in opened:
        await exchange.close()


@pytest.fixture(params=["pyreqwest", "httpx"])
def open_exchange(request: pytest.FixtureRequest, open_httpx: Any, open_pyreqwest: Any) -> Any:
    """Open an exchange under given bounds, of each kind in turn."""
    return {"pyreqwest": open_pyreqwest, "httpx": open_httpx}[request.param]


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
