"""One request on the wire over httpx, for those who want no other client (see exchange_lean).

Behind the one method `send` stands httpx's connection pool, without httpx's client object: no
cookies, no redirects, no proxies or credentials from the environment, no merged headers.
Three measured traps of httpx 0.28 / httpcore 1.0 shape it. It has no total time-out (a body
dripping a byte every 0.1 s outlives any read time-out), so one is kept here. A call cancelled while
its connection is being made or put back loses a pool slot for good, so a caller that leaves never
cancels it then: a connecting request ends by itself, unsent, once it is connected, and holds its
slot till then. And an answer without a length that is cut short looks complete, so for a read it
must be JSON. One trap stays open: what a server sends in one piece with an answer, behind its end,
is read as the answer to the next call.
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

import httpx

from casegraph.errors import (
    CertificateRefused,
    DeadlineExceeded,
    InvalidArgument,
    UpstreamUnavailable,
)
from casegraph.transport.bodies import BodyReader, check_sendable, joined, outgoing, whole
from casegraph.transport.calls import Call, Reply
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_tls import trusting

_CONNECTED = "http11.send_request_headers.started"
_CLOSING = "http11.response_closed.started"
_LARGEST_PORT = 65_535


class HttpxExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(
        self, config: ExchangeConfig | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = config or ExchangeConfig()
        self._tls = tls or trusting(self._config.ca_file)
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
            async with asyncio.timeout(self._seconds(call)):
                await self._slots.acquire()  # who leaves here has sent nothing
                if self._closing:
                    self._slots.release()
                    raise _unavailable(call, attempt, "the gateway is stopping")
                task = self._start(call, request, attempt)
                try:
                    return await asyncio.shield(task)
                except asyncio.CancelledError:
                    attempt.leave(task)
                    raise
        except TimeoutError:
            raise _late(call, attempt) from None

    def _seconds(self, call: Call) -> float:
        return min(self._config.total_seconds, call.deadline - monotonic())

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
                    max_keepalive_connections=self._config.pool,
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
        check_sendable(call)
        try:
            request = httpx.Request(
                call.method,
                call.origin + call.target,
                headers=outgoing(call),
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
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            # Their texts may hold headers or the address.
            if not attempt.is_sent and _is_about_certificates(error):
                raise CertificateRefused(call.upstream, call.operation) from None
            raise _unavailable(call, attempt, "the connection failed") from None
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


def _origin(url: httpx.URL) -> str:
    if (url.port or 0) > _LARGEST_PORT:
        raise httpx.InvalidURL("no such port")
    return f"{url.scheme}://{url.netloc.decode()}"


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


async def _exchange(
    transport: httpx.AsyncHTTPTransport, call: Call, request: httpx.Request
) -> Reply:
    response = await transport.handle_async_request(request)
    try:
        headers = joined(response.headers.multi_items())
        reader = BodyReader(call, headers)
        async for chunk in cast("AsyncIterable[bytes]", response.stream):
            reader.feed(chunk)
    finally:
        await response.aclose()
    return whole(call, Reply(response.status_code, headers, reader.finish()))
