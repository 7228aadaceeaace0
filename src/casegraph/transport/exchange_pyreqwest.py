"""One request on the wire over pyreqwest: the default exchange.

Chosen by evidence. CPU of the whole process per call of 2 kB over loopback with keep-alive, 20 at
once, one run: pyreqwest 64 µs, aiohttp 110 to 122, httpx 1,871 (tests/bench repeats it). Five times
2,000 calls, each cancelled at random within 6 ms, over a pool of 8: after each, all good calls
succeed and the server counts 8 connections. httpx 0.28 loses pool slots for good in that storm
unless a cancelled caller leaves a connecting request alone (see exchange_httpx).
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent; the
client neither inflates, redirects, uses a proxy, nor keeps a cookie.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from time import monotonic

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ConnectError,
    ConnectTimeoutError,
    DetailedPyreqwestError,
    PoolTimeoutError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.request import StreamRequest

from casegraph.errors import (
    CertificateRefused,
    DeadlineExceeded,
    InvalidArgument,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.transport.bodies import BodyReader, check_sendable, whole
from casegraph.transport.calls import Call, Reply
from casegraph.transport.exchange import ExchangeConfig

_UNSENT = (ConnectError, ConnectTimeoutError, PoolTimeoutError)


class PyreqwestExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(self, config: ExchangeConfig | None = None) -> None:
        self._config = config or ExchangeConfig()
        self._client = _open(self._config)

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """
        request = self._request(call)
        seconds = min(self._config.total_seconds, call.deadline - monotonic())
        try:
            async with asyncio.timeout(seconds), request as response:
                headers = _lower(response.headers.items())
                reader = BodyReader(call, headers)
                chunks = response.body_reader
                while (chunk := await chunks.read_chunk()) is not None:
                    reader.feed(bytes(chunk))
                return whole(call, Reply(response.status, headers, reader.finish()))
        except UpstreamError:
            raise
        except (PyreqwestError, OSError) as error:
            raise _cause(call, error) from None

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
        await self._client.close()

    def _request(self, call: Call) -> StreamRequest:
        check_sendable(call)
        url = call.origin + call.target
        try:
            builder = self._client.request(call.method, url).headers(
                {"accept-encoding": "identity", **call.headers}
            )
            if call.body is not None:
                builder = builder.body_bytes(call.body)
            request = builder.build_streamed()
            stays = str(request.url) == url
        except (BuilderError, ValueError, TypeError):
            # The client's own text would repeat the value.
            raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
        if not stays:
            raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")
        return request


def _open(config: ExchangeConfig) -> Client:
    return (
        ClientBuilder()
        .max_connections(config.pool)
        .pool_max_idle_per_host(config.keep_alive)
        .pool_idle_timeout(timedelta(seconds=config.keep_alive_seconds))
        .pool_timeout(timedelta(seconds=config.total_seconds))
        .connect_timeout(timedelta(seconds=config.connect_seconds))
        .timeout(timedelta(seconds=config.total_seconds))
        .error_for_status(enable=False)
        .default_cookie_store(enable=False)
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .referer(enable=False)
        .no_proxy()
        .http1_only()
        .build()
    )


def _lower(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers}


def _cause(call: Call, error: Exception) -> UpstreamError:
    """Return our error; the client's text may hold headers or the address."""
    sent = not isinstance(error, _UNSENT)
    if isinstance(error, ConnectTimeoutError | PoolTimeoutError):
        what = "no connection in time"
        return UpstreamUnavailable(call.upstream, call.operation, what, sent=False)
    if isinstance(error, RequestTimeoutError | TimeoutError):
        return DeadlineExceeded(call.upstream, call.operation, "no answer in time", sent=sent)
    if isinstance(error, ConnectError) and _is_about_certificates(error):
        return CertificateRefused(call.upstream, call.operation)
    return UpstreamUnavailable(call.upstream, call.operation, "the connection failed", sent=sent)


def _is_about_certificates(error: DetailedPyreqwestError) -> bool:
    return "certificate" in repr(error.details).lower()
