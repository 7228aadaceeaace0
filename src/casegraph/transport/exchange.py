"""One request on the wire: the only module that knows the HTTP client.

Behind the one method `send` stands httpx's connection pool, without httpx's client object: no
cookies, no redirects, no proxies or credentials from the environment, no merged headers.
Two measured traps of httpx 0.28 / httpcore 1.0 shape it. It has no total time-out (a body dripping
a byte every 0.1 s outlives any read time-out), so one is kept here. And a call cancelled while its
connection is being made loses a pool slot for good, so a caller that leaves never cancels the
exchange itself: the request runs in a task of its own, and is cancelled only once its headers are
out, holding its slot until the end.
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from casegraph.errors import (
    ContractViolation,
    DeadlineExceeded,
    InvalidArgument,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Call, Reply

_HEADERS_ARE_OUT = "http11.send_request_headers.complete"


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

    def __init__(self, config: ExchangeConfig | None = None) -> None:
        self._config = config or ExchangeConfig()
        self._transport = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(
                max_connections=self._config.pool,
                max_keepalive_connections=self._config.keep_alive,
                keepalive_expiry=self._config.keep_alive_seconds,
            ),
        )
        self._slots = asyncio.Semaphore(self._config.pool)
        self._running: set[asyncio.Task[Any]] = set()

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound.
        """
        request = self._request(call)
        headers_out = asyncio.Event()
        request.extensions["trace"] = _signals(headers_out)
        task = asyncio.create_task(self._run(call, request))
        self._keep(task)
        try:
            async with asyncio.timeout(self._config.total_seconds):
                return await asyncio.shield(task)
        except TimeoutError:
            self._keep(asyncio.create_task(_abandon(task, headers_out)))
            raise DeadlineExceeded(call.upstream, call.operation, "no answer in time") from None
        except asyncio.CancelledError:
            self._keep(asyncio.create_task(_abandon(task, headers_out)))
            raise

    async def close(self) -> None:
        """Close every connection; calls still on the wire are cancelled."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._transport.aclose()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._running.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # an abandoned call's failure has no reader; asyncio would complain

    def _request(self, call: Call) -> httpx.Request:
        config = self._config
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
        except (httpx.InvalidURL, ValueError, TypeError):
            # The client's own text would repeat the value.
            raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
        if request.url.raw_path != call.target.encode() or _origin(request.url) != call.origin:
            raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")
        return request

    async def _run(self, call: Call, request: httpx.Request) -> Reply:
        async with self._slots:
            try:
                response = await self._transport.handle_async_request(request)
                try:
                    body = await _read(call, response)
                finally:
                    await response.aclose()
            except httpx.TimeoutException:
                raise DeadlineExceeded(call.upstream, call.operation, "no answer in time") from None
            except (httpx.HTTPError, OSError):
                # Their texts may hold headers or the address.
                raise UpstreamUnavailable(
                    call.upstream, call.operation, "the connection failed"
                ) from None
            return Reply(response.status_code, _lower(response.headers), body)


async def _abandon(task: asyncio.Task[Any], headers_out: asyncio.Event) -> None:
    """Cancel a request nobody waits for, but not before its headers are out (see above)."""
    out = asyncio.create_task(headers_out.wait())
    try:
        await asyncio.wait({task, out}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        out.cancel()
        task.cancel()


def _signals(headers_out: asyncio.Event) -> Any:
    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event == _HEADERS_ARE_OUT:
            headers_out.set()

    return trace


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


def _lower(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _read(call: Call, response: httpx.Response) -> bytes:
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", ""}:
        raise ContractViolation(call.upstream, call.operation, "an unknown content coding")
    inflate = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    body = bytearray()
    async for raw in cast("AsyncIterable[bytes]", response.stream):
        try:
            body += inflate.decompress(raw, call.max_bytes + 1) if inflate else raw
        except zlib.error:
            raise ContractViolation(call.upstream, call.operation, "a broken gzip body") from None
        if len(body) > call.max_bytes or (inflate and inflate.unconsumed_tail):
            raise ContractViolation(
                call.upstream, call.operation, f"a body of more than {call.max_bytes} bytes"
            )
    if inflate and body and not inflate.eof:
        raise UpstreamUnavailable(call.upstream, call.operation, "the answer was cut short")
    return bytes(body)
