"""The two ends of a call that ASGI hides: the connection below, and whether the caller is there.

ASGI can neither reset a connection nor end a body before its declared length. uvicorn's `send`
belongs to an object that holds the connection's transport; `expose` finds it there, and every
fault that needs it is refused in plain words where another server runs the sandbox.
Invariant: after `reset`, `abort` or `close` nothing more is sent, and uvicorn takes the call as one
whose caller left, so it neither logs an error nor answers 500 in our place.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Self

from starlette.types import Message, Receive, Send

CONNECTION = "casegraph.connection"
"""Scope key of the transport under a call; absent where the server does not show it."""

_NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER on with zero seconds: the close discards what is unsent and sends RST."""
_DRAIN_SECONDS = 0.002


def expose(scope: MutableMapping[str, Any], send: Send) -> None:
    """Put the transport behind the server's own `send` into the scope, where there is one."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None and hasattr(transport, "abort"):
        scope[CONNECTION] = transport


class Caller:
    """The calling side of one call; a context, in which it is listened to.

    What it sends is kept for `receive`, so that waiting for its leaving loses no request body.
    """

    def __init__(self, receive: Receive) -> None:
        self.gone = asyncio.Event()
        self._from_server = receive
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """Return the next message, as ASGI's receive does; after the last, always that one."""
        message = await self._messages.get()
        if message["type"] == "http.disconnect":
            self._messages.put_nowait(message)
        return message

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def _listen(self) -> None:
        while not self.gone.is_set():
            message = await self._from_server()
            self._messages.put_nowait(message)
            if message["type"] == "http.disconnect":
                self.gone.set()


class Connection:
    """The connection under one call."""

    def __init__(self, transport: asyncio.Transport, caller: Caller) -> None:
        self._transport = transport
        self._caller = caller

    async def reset(self) -> None:
        """Send what is written, then RST; returns when the connection is gone."""
        while self._unsent() and not self._caller.gone.is_set():  # noqa: ASYNC110 - see below
            # Polled, for the transport tells only uvicorn when it has drained.
            await asyncio.sleep(_DRAIN_SECONDS)
        await self.abort()

    async def abort(self) -> None:
        """Send RST at once; returns when the connection is gone."""
        held = self._transport.get_extra_info("socket")
        if held is not None and not self._transport.is_closing():
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()
        await self._caller.gone.wait()

    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    async def close(self, last: bytes = b"") -> None:
        """Send `last` as it stands and close in order; returns when the connection is gone."""
        if last:
            self._transport.write(last)
        self._transport.close()
        await self._caller.gone.wait()


class Release:
    """An event that any thread may set, for waiters in any loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def set(self) -> None:
        """Let every waiter go, now and from now on."""
        with self._lock:
            self._is_set = True
            for event, loop in self._waiters.items():
                with suppress(RuntimeError):  # that loop is closed, and nobody waits in it
                    loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        """Return once it is set."""
        event = asyncio.Event()
        with self._lock:
            if self._is_set:
                return
            self._waiters[event] = asyncio.get_running_loop()
        try:
            await event.wait()
        finally:
            with self._lock:
                del self._waiters[event]
