"""What only the exchange over httpx has to do: never cancel in a moment that costs a slot."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from httpcore._async.http11 import AsyncHTTP11Connection

from casegraph.errors import UpstreamUnavailable
from casegraph.transport.calls import Effect
from support.raw_server import always, raw_server, response

POOL = 8


async def assert_no_slot_is_lost(exchange: Any, call_to: Any) -> None:
    """Send as many calls as there are slots to a server that answers only when all are there."""
    arrived = []

    async def together(visit: Any) -> None:
        arrived.append(visit)
        if len(arrived) == POOL:
            for each in arrived:
                await each.send(response(b"[]"))

    async with raw_server(together) as server:
        calls = [exchange.send(call_to(server.origin)) for _ in range(POOL)]
        replies = await asyncio.gather(*calls)
    assert [reply.status for reply in replies] == [200] * POOL


async def test_who_leaves_while_connecting_has_sent_nothing(
    open_httpx: Any, call_to: Any, monkeypatch: Any
) -> None:
    """A call given up before its connection stands ends by itself, unsent, and frees its slot."""
    connecting, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async def slow_connect(*args: Any, **kwargs: Any) -> Any:
        connecting.set()
        await go.wait()
        return await connect(*args, **kwargs)

    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_httpx(pool=1)
        monkeypatch.setattr(loop, "create_connection", slow_connect)
        leaving = asyncio.create_task(
            exchange.send(call_to(server.origin, method="DELETE", effect=Effect.ONCE))
        )
        await connecting.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        go.set()
        reply = await exchange.send(call_to(server.origin))
        assert [request.method for request in server.requests] == ["GET"]
    assert reply.status == 200


async def test_who_leaves_while_the_connection_is_put_back_loses_no_slot(
    open_httpx: Any, call_to: Any, monkeypatch: Any
) -> None:
    """The last moment of a call, when all is read, is no moment to cancel it."""
    putting_back = asyncio.Event()
    put_back = AsyncHTTP11Connection._response_closed

    async def slowly(connection: Any) -> None:
        putting_back.set()
        for _ in range(5):
            await asyncio.sleep(0)
        await put_back(connection)

    exchange = open_httpx(pool=POOL)
    monkeypatch.setattr(AsyncHTTP11Connection, "_response_closed", slowly)
    async with raw_server(always(response(b"[]"))) as server:
        for _ in range(POOL):
            putting_back.clear()
            leaving = asyncio.create_task(exchange.send(call_to(server.origin)))
            await putting_back.wait()
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving
    await assert_no_slot_is_lost(exchange, call_to)
    assert exchange.pools_replaced == 0


async def test_a_pool_without_connections_is_replaced(
    open_httpx: Any, call_to: Any, monkeypatch: Any
) -> None:
    """If the pool loses its connections after all, one call fails unsent and the next succeeds."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_httpx()

        async def stuck(_request: Any) -> None:
            raise httpx.PoolTimeout("no connection")

        monkeypatch.setattr(exchange._pool.transport, "handle_async_request", stuck)
        with pytest.raises(UpstreamUnavailable) as caught:
            await exchange.send(call_to(server.origin))
        reply = await exchange.send(call_to(server.origin))
    assert not caught.value.sent
    assert (reply.status, exchange.pools_replaced) == (200, 1)
