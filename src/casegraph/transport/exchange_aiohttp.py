"""One request on the wire over aiohttp, for those who want a client that others use as well.

CPU of the process per call of 2 kB over loopback, 20 at once: 83 µs on a quiet machine, 135 on two
cores under a load of 8; httpx above 1,000 (tests/bench/exchange_cost.py). After each of 5 x 2,000
calls cancelled within 6 ms, 100 good ones succeed over a pool of 8, on asyncio's loop and uvloop
(tests/transport/test_exchange_gate.py). A left call ends for its upstream within 6 ms.
It stands on the parts below aiohttp's session, which costs 25 µs a call, repeats idempotent methods
when a connection broke, and keeps cookies. Closing sends what is buffered and over TLS waits 30 s
for a farewell, so a connection given up is aborted; one with an answer to nothing is not used.
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent; when
`send` has ended, its connection is idle in the pool or gone.
"""

import asyncio
import math
import ssl
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from time import monotonic

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientRequest,
    ClientResponse,
    ClientTimeout,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import HttpProcessingError
from yarl import URL

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

_READ_BYTES = 65_536
"""Twice this is read ahead of the body's reader, and no more."""
_LINE_BYTES = 8_190
_FIELD_BYTES = 8_190
_FIELDS = 128
"""The client's own bounds of a status line, a header and their number, said so that they stay."""

_NO_TIMER = TimerNoop()
_NOT_OURS = ("content-type",)
"""A header that the client would add, body or not; the others it knows are all given to it."""


class AiohttpExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(
        self, config: ExchangeConfig | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = config or ExchangeConfig()
        self._tls = tls or trusting(self._config.ca_file)
        self._connect = ClientTimeout(
            total=None, connect=self._config.connect_seconds, ceil_threshold=math.inf
        )
        self._pool: TCPConnector | None = None  # needs a running loop: made by the first call
        # Not the client's own limit: its queue cannot tell a call that waited from one that left.
        self._slots = asyncio.Semaphore(self._config.pool)
        self._running: set[asyncio.Timeout] = set()
        self._closing = False
        self._ended = asyncio.Event()

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """
        url = _address(call)
        attempt = _Attempt()
        if self._closing:
            raise _unavailable(call, attempt, "the gateway is stopping")
        seconds = min(self._config.total_seconds, call.deadline - monotonic())
        if seconds <= 0:  # a time-out of none would let a kept connection send first
            raise _late(call, attempt)
        try:
            async with asyncio.timeout(seconds) as limit:
                self._running.add(limit)
                try:
                    async with self._slots:  # who leaves here has sent nothing
                        return await self._exchange(call, url, attempt)
                finally:
                    self._ends(limit)
        except TimeoutError:
            if self._closing:
                raise _unavailable(call, attempt, "the gateway is stopping") from None
            raise _late(call, attempt) from None

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
        self._closing = True
        now = asyncio.get_running_loop().time()
        for limit in self._running:
            if not limit.expired():
                limit.reschedule(now)
        if self._running:
            await self._ended.wait()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(abort_ssl=True)

    def _ends(self, limit: asyncio.Timeout) -> None:
        self._running.discard(limit)
        if self._closing and not self._running:
            self._ended.set()

    async def _exchange(self, call: Call, url: URL, attempt: "_Attempt") -> Reply:
        pool = self._pool = self._pool or _open(self._config, self._tls)
        request = _request(call, url)
        try:
            connection = await pool.connect(request, [], self._connect)
        except ClientConnectorCertificateError:
            raise CertificateRefused(call.upstream, call.operation) from None
        except TimeoutError:
            raise _unavailable(call, attempt, "no connection in time") from None
        except (ClientError, OSError):
            # Their texts may hold headers or the address.
            raise _unavailable(call, attempt, "the connection failed") from None
        try:
            return await _read(call, await attempt.send(request, connection))
        except (ClientError, HttpProcessingError, OSError):
            raise _unavailable(call, attempt, "the connection failed") from None
        finally:
            attempt.end(connection)


@dataclass(slots=True)
class _Attempt:
    """How far a request is, and what it holds."""

    is_sent: bool = False
    """Whether the upstream may have seen anything of it."""
    _transport: asyncio.Transport | None = None
    _response: ClientResponse | None = None

    async def send(self, request: ClientRequest, connection: Connection) -> ClientResponse:
        """Send the request and return the answer when its headers are here; raises ClientError."""
        protocol = connection.protocol
        if protocol is None or protocol.should_close:  # the server has said something unasked
            raise ClientError
        self._transport = protocol.transport
        protocol.set_response_params(
            timer=_NO_TIMER,
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=_READ_BYTES,
            max_line_size=_LINE_BYTES,
            max_field_size=_FIELD_BYTES,
            max_headers=_FIELDS,
        )
        self.is_sent = True
        self._response = await request.send(connection)
        return await self._response.start(connection)

    def end(self, connection: Connection) -> None:
        """Give up the connection, unless the whole answer came and it is back in the pool."""
        if self._response is not None and not self._response.closed:
            self._response.close()
        connection.close()
        if self._transport is not None and self._transport.is_closing():
            self._transport.abort()


def _address(call: Call) -> URL:
    check_sendable(call)
    try:
        _check_origin(call.origin)
        url = URL(call.origin + call.target, encoded=True)
    except ValueError:
        # The client's own text would repeat the value.
        raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
    if url.raw_path_qs != call.target:
        raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")
    return url


@lru_cache(maxsize=32)
def _check_origin(origin: str) -> None:
    """Raise ValueError unless the origin is in its one normal form."""
    if str(URL(origin).origin()) != origin:
        raise ValueError("not an origin")


def _open(config: ExchangeConfig, tls: ssl.SSLContext) -> TCPConnector:
    return TCPConnector(
        limit=0,  # the slots are the limit
        keepalive_timeout=config.keep_alive_seconds,
        timeout_ceil_threshold=math.inf,
        ssl=tls,
        resolver=ThreadedResolver(),  # the system's; the default depends on what is installed
    )


def _request(call: Call, url: URL) -> ClientRequest:
    return ClientRequest(
        call.method,
        url,
        headers=outgoing(call),
        skip_auto_headers=None if call.method == "GET" and call.body is None else _NOT_OURS,
        data=None if call.body is None else BytesIO(call.body),  # bytes would warn above 1 MiB
        loop=asyncio.get_running_loop(),
        timer=_NO_TIMER,
        response_class=ClientResponse,
    )


async def _read(call: Call, response: ClientResponse) -> Reply:
    headers = joined(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
    )
    reader = BodyReader(call, headers)
    while chunk := await response.content.readany():
        reader.feed(chunk)
    return whole(call, Reply(response.status, headers, reader.finish()))


def _unavailable(call: Call, attempt: _Attempt, what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(call.upstream, call.operation, what, sent=attempt.is_sent)


def _late(call: Call, attempt: _Attempt) -> DeadlineExceeded:
    what = "no answer in time"
    return DeadlineExceeded(call.upstream, call.operation, what, sent=attempt.is_sent)
