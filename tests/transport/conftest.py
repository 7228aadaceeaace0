"""Real exchanges over loopback, all kinds, and calls to send with them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_aiohttp import AiohttpExchange
from casegraph.transport.exchange_httpx import HttpxExchange
from casegraph.transport.exchange_lean import LeanExchange


@pytest.fixture(autouse=True)
def patient_with_upstreams() -> None:
    """Leave calls their 3 s, and breakers theirs: these tests are about the figures as shipped."""


async def _opening(kind: Any) -> AsyncIterator[Any]:
    opened = []

    def opening(**bounds: Any) -> Any:
        exchange = kind(ExchangeConfig(**bounds))
        opened.append(exchange)
        return exchange

    yield opening
    for exchange in opened:
        await exchange.close()


@pytest.fixture
async def open_httpx() -> AsyncIterator[Any]:
    """Open httpx exchanges, for what only they do; all are closed when the test ends."""
    async for opening in _opening(HttpxExchange):
        yield opening


@pytest.fixture
async def open_aiohttp() -> AsyncIterator[Any]:
    """Open exchanges over aiohttp; all are closed when the test ends."""
    async for opening in _opening(AiohttpExchange):
        yield opening


@pytest.fixture
async def open_lean() -> AsyncIterator[Any]:
    """Open exchanges of the default kind; all are closed when the test ends."""
    async for opening in _opening(LeanExchange):
        yield opening


@pytest.fixture(params=["lean", "aiohttp"])
def open_strict(request: pytest.FixtureRequest, open_lean: Any, open_aiohttp: Any) -> Any:
    """Open an exchange of each kind that leaves no trap of httpx open."""
    return {"lean": open_lean, "aiohttp": open_aiohttp}[request.param]


@pytest.fixture(params=["lean", "aiohttp", "httpx"])
def open_exchange(
    request: pytest.FixtureRequest, open_lean: Any, open_aiohttp: Any, open_httpx: Any
) -> Any:
    """Open an exchange under given bounds, of each kind in turn."""
    return {"lean": open_lean, "aiohttp": open_aiohttp, "httpx": open_httpx}[request.param]


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
