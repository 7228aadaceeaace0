"""Who asks the server is told when a client has left, on a real socket, without listening."""

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from casegraph.edge.cancellation import GONE
from casegraph.serving import Running, start_in_thread
from support.rehearsed import until

PATIENCE = 30.0
"""Seconds until a test gives up."""


class App:
    """Reads a body, asks to be told, and says what became of it."""

    def __init__(self) -> None:
        self.waits = threading.Event()
        self.was_told = threading.Event()
        self.asks_late = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        """Wait until the client is gone; answers nothing."""
        if scope["type"] != "http":
            return
        await Request(scope, receive).body()
        if self.asks_late:
            self.waits.set()
            while (await receive())["type"] != "http.disconnect":
                pass
        gone = asyncio.Event()
        scope["extensions"][GONE]["tell"](gone.set)
        self.waits.set()
        await gone.wait()
        self.was_told.set()


@pytest.fixture
def app() -> App:
    """Return an application."""
    return App()


@pytest.fixture
def server(app: App) -> Iterator[Running]:
    """Return a server of it."""
    with start_in_thread(app) as running:
        yield running


def leave_after(server: Running, app: App, *requests: bytes) -> None:
    """Send requests, and leave when the first of them waits."""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
        client.sendall(b"".join(requests))
        assert app.waits.wait(PATIENCE)


def post(size: int) -> bytes:
    """Return a request with a body of so many bytes."""
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


@pytest.mark.parametrize("size", [0, 10, 250_000])
def test_a_client_that_leaves_is_told_of(server: Running, app: App, size: int) -> None:
    """Even where the body was so long that the server had stopped to read."""
    leave_after(server, app, post(size))

    assert app.was_told.wait(PATIENCE)


def test_a_connection_that_has_ended_waits_for_no_collector(server: Running, app: App) -> None:
    """Nothing of it and of what came with its requests is part of a cycle."""
    kinds = {"BoundedConnection", "RequestResponseCycle"}

    def left() -> int:
        return sum(type(each).__name__ in kinds for each in gc.get_objects())

    gc.collect()
    before = left()  # those of other servers of this process
    gc.disable()
    try:
        for _ in range(20):
            app.waits.clear()
            app.was_told.clear()
            leave_after(server, app, post(10))
            assert app.was_told.wait(PATIENCE)
        until(lambda: left() <= before + 2, patience=PATIENCE)  # the last may still be ending
    finally:
        gc.enable()


def test_who_asks_too_late_is_told_at_once(server: Running, app: App) -> None:
    """The client had left before."""
    app.asks_late = True

    leave_after(server, app, post(10))

    assert app.was_told.wait(PATIENCE)


def test_a_client_that_had_more_to_ask_is_told_of(server: Running, app: App) -> None:
    """Of two requests on one connection the one that runs is told, whichever came last."""
    leave_after(server, app, post(10) + post(20))

    assert app.was_told.wait(PATIENCE)
