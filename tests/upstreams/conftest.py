"""A stage for simulators, and exchanges to ask them with."""

import ssl
from collections.abc import AsyncIterator, Iterator

import pytest

from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_httpx import HttpxExchange
from support.stage import Stage, open_stage


@pytest.fixture(scope="session")
def _stage() -> Iterator[Stage]:
    stage, stop = open_stage()
    yield stage
    stop()


@pytest.fixture
def stage(_stage: Stage) -> Stage:
    """Return the shared server; a test plays its own application on it."""
    return _stage


@pytest.fixture(scope="session")
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
async def exchange(_tls: ssl.SSLContext) -> AsyncIterator[HttpxExchange]:
    """Return a real exchange of this test's own."""
    exchange = HttpxExchange(ExchangeConfig(total_seconds=10.0, connect_seconds=5.0), _tls)
    yield exchange
    await exchange.close()
