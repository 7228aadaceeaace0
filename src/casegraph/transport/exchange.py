"""One request on the wire: the only module that knows the HTTP client.

Behind the one method `send` stands httpx's connection pool, without httpx's client object: no
cookies, no redirects, no proxies or credentials from the environment, no merged headers.
Three measured traps of httpx 0.28 / httpcore 1.0 shape it. It has no total time-out (a body
dripping a byte every 0.1 s outlives any read time-out), so one is kept here. A call cancelled while
its connection is being made or put back loses a pool slot for good, so a caller that leaves never
cancels it then: a connecting request ends by itself, unsent, once it is connected, and holds its
slot till then. And an answer without a length that is cut short looks complete, so for a read it
must be JSON.
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent.
"""

import asyncio
import re
import ssl
import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import msgspec

from casegraph.errors import (
    ContractViolation,
    DeadlineExceeded,
    InvalidArgument,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Call, Effect, Reply

_CONNECTED = "http11.send_request_headers.started"
_CLOSING = "http11.response_closed.started"
_ORIGIN = re.compile(r"https?://[^/?#@\\\s]+")
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
_HEADER_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})
"""Headers that decide where a request goes and where it ends; never a caller's."""
_LARGEST_PORT = 65_535
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Bounds of one upstream's connections; every number is a default of the reliability study."""

    total_seconds: float = 3.0
    """One call in all, connect to last byte."""
    connect_seconds: float = 1.0
    pool: int = 40
    """Connections at most; also the number of requests on the wire, so none queues in the pool."""
    keep_alive: int = 16
    keep_alive_seconds: float = 5.0


class HttpxExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(
        self, config: ExchangeConfig | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = config or ExchangeConfig()
        # Reading the system's certificates takes 20 ms and more: several exchanges may share them.
        self._tls = tls or ssl.create_default_context()
        self._pool = self._open()
        self._slots = asyncio.Semaphore(self._config.pool)
        self._running: set[asyncio.Task[Any]] = set()
        self._closing = False
        self.pools_replaced = 0
        """How often a pool that had lost its connections was given up."""

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """
        attempt = _Attempt()
        request = self._request(call)
        request.extensions["trace"] = attempt.trace
        try:
            async with asyncio.timeout(self._config.total_seconds):
                await self._slots.acquire()  # who leaves here has sent nothing
                task = self._start(call, request, attempt)
                try:
                    return await asyncio.shield(task)
                except asyncio.CancelledError:
                    attempt.leave(task)
                    raise
        except TimeoutError:
            raise _late(call, attempt) from None

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
        self._closing = True
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._pool.transport.aclose()

    def _open(self) -> "_Pool":
        return _Pool(
            httpx.AsyncHTTPTransport(
                verify=self._tls,
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=self._config.pool,
                    max_keepalive_connections=self._config.keep_alive,
                    keepalive_expiry=self._config.keep_alive_seconds,
                ),
            )
        )

    def _start(
        self, call: Call, request: httpx.Request, attempt: "_Attempt"
    ) -> asyncio.Task[Reply]:
        """Start a request in a task of its own; its slot is free when the task has ended."""
        task = asyncio.create_task(self._run(call, request, attempt))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._slots.release()
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # an abandoned call's failure has no reader; asyncio would complain

    def _request(self, call: Call) -> httpx.Request:
        config = self._config
        if not _is_sendable(call):
            raise InvalidArgument(f"{call.upstream}: this cannot be sent.")
        try:
            request = httpx.Request(
                call.method,
                call.origin + call.target,
                headers={"accept-encoding": "identity", **call.headers},
                content=call.body,
                extensions={
                    "timeout": {
                        "connect": config.connect_seconds,
                        "read": config.total_seconds,
                        "write": config.total_seconds,
                        "pool": config.connect_seconds,
                    }
                },
            )
            stays = request.url.raw_path == call.target.encode()
            stays = stays and _origin(request.url) == call.origin
        except (httpx.InvalidURL, ValueError, TypeError):
            # The client's own text would repeat the value.
            raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
        if not stays:
            raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")
        return request

    async def _run(self, call: Call, request: httpx.Request, attempt: "_Attempt") -> Reply:
        pool = self._pool
        pool.users += 1
        try:
            return await _exchange(pool.transport, call, request)
        except httpx.PoolTimeout:
            self._replace(pool)
            raise _unavailable(call, attempt, "the connection failed") from None
        except httpx.ConnectTimeout:
            raise _unavailable(call, attempt, "no connection in time") from None
        except httpx.TimeoutException:
            raise _late(call, attempt) from None
        except (httpx.HTTPError, OSError, UnicodeError):
            # Their texts may hold headers or the address.
            raise _unavailable(call, attempt, "the connection failed") from None
        except _Cut:
            raise _unavailable(call, attempt, "the answer was cut short") from None
        except asyncio.CancelledError:
            if not self._closing:
                raise
            raise _unavailable(call, attempt, "the gateway is stopping") from None
        finally:
            pool.users -= 1
            if pool is not self._pool and pool.users == 0:
                await pool.transport.aclose()

    def _replace(self, pool: "_Pool") -> None:
        """Give up a pool that has lost connections; it would refuse every call for ever.

        There are as many slots as connections, so a request that holds one must get the other.
        """
        if pool is self._pool:
            self._pool = self._open()
            self.pools_replaced += 1


@dataclass(slots=True)
class _Pool:
    """A connection pool and how many requests are in it."""

    transport: httpx.AsyncHTTPTransport
    users: int = 0


class _Abandoned(Exception):
    """Ends a request that nobody waits for any more; never seen outside."""


class _Cut(Exception):
    """The answer ended before its end; never seen outside."""


class _Attempt:
    """How far a request is, as httpcore's trace tells it."""

    def __init__(self) -> None:
        self.is_sent = False
        """Whether the upstream may have seen anything of it."""
        self._abandoned = False
        self._is_closing = False

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        """Note how far it is; on its connection, end a request that was abandoned meanwhile."""
        if event == _CONNECTED:
            if self._abandoned:
                raise _Abandoned
            self.is_sent = True
        elif event == _CLOSING:
            self._is_closing = True

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Stop a request nobody waits for: at once where that is safe, else it ends by itself."""
        self._abandoned = True
        if self.is_sent and not self._is_closing:
            task.cancel()


def _unavailable(call: Call, attempt: _Attempt, what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(call.upstream, call.operation, what, sent=attempt.is_sent)


def _late(call: Call, attempt: _Attempt) -> DeadlineExceeded:
    what = "no answer in time"
    return DeadlineExceeded(call.upstream, call.operation, what, sent=attempt.is_sent)


def _is_sendable(call: Call) -> bool:
    """Say whether origin, method and headers are what HTTP allows; the client says it too late."""
    if not _ORIGIN.fullmatch(call.origin) or not _METHOD.fullmatch(call.method):
        return False
    return all(
        _HEADER_NAME.fullmatch(name)
        and _HEADER_VALUE.fullmatch(value)
        and name.lower() not in _FRAMING
        for name, value in call.headers.items()
    )


def _origin(url: httpx.URL) -> str:
    if (url.port or 0) > _LARGEST_PORT:
        raise httpx.InvalidURL("no such port")
    return f"{url.scheme}://{url.netloc.decode()}"


def _lower(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _exchange(
    transport: httpx.AsyncHTTPTransport, call: Call, request: httpx.Request
) -> Reply:
    response = await transport.handle_async_request(request)
    try:
        body = await _read(call, response)
    finally:
        await response.aclose()
    if _may_be_cut(call, response) and not _is_json(body):
        raise _Cut
    return Reply(response.status_code, _lower(response.headers), body)


async def _read(call: Call, response: httpx.Response) -> bytes:
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", ""}:
        raise ContractViolation(call.upstream, call.operation, "an unknown content coding")
    inflate = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    body = bytearray()
    async for raw in cast("AsyncIterable[bytes]", response.stream):
        try:
            room = call.max_bytes + 1 - len(body)
            body += inflate.decompress(raw, room) if inflate else raw
        except zlib.error:
            raise ContractViolation(call.upstream, call.operation, "a broken gzip body") from None
        if len(body) > call.max_bytes:
            raise ContractViolation(
                call.upstream, call.operation, f"a body of more than {call.max_bytes} bytes"
            )
        if inflate and inflate.unused_data:
            # Kept by zlib, so an endless tail would grow past every cap.
            raise ContractViolation(call.upstream, call.operation, "data after the gzip body")
    if inflate and body and not inflate.eof:
        raise _Cut
    return bytes(body)


def _may_be_cut(call: Call, response: httpx.Response) -> bool:
    """Say whether a good answer to a read ends only because the connection did."""
    return (
        call.effect is Effect.READ
        and response.is_success
        and response.status_code not in _BODILESS
        and "content-length" not in response.headers
        and "transfer-encoding" not in response.headers
    )


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
