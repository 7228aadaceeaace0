"""One request on the wire over pyreqwest: the default exchange.

CPU of the whole process per call of 2 kB over loopback, 20 at once, median of 5 rounds on two busy
cores: 86 to 126 µs; httpx 2,494 (repeat it with tests/bench/exchange_cost.py). Five times 2,000
calls cancelled within 6 ms over a pool of 8: all good calls after each succeed, over at most 8
connections (tests/transport/test_exchange_gate.py, with -m soak).
Two traps of pyreqwest 0.15 shape it. It forgets a request cancelled before its headers but does not
end it, and a cancellation can be swallowed just as they come. So each request has a task of its
own, which holds its slot till it has ended: at the latest at its own deadline.
Invariant: what is sent has exactly the origin and the target of the call, or nothing is sent.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ConnectTimeoutError,
    DetailedPyreqwestError,
    PyreqwestError,
)
from pyreqwest.http import Url
from pyreqwest.request import RequestBuilder, StreamRequest

from casegraph.errors import (
    CertificateRefused,
    DeadlineExceeded,
    InvalidArgument,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.transport.bodies import BodyReader, check_sendable, joined, outgoing, whole
from casegraph.transport.calls import Call, Reply
from casegraph.transport.exchange import ExchangeConfig

_CONNECTING = "client error (Connect)"
"""The one cause that says that no connection stood; ConnectError itself is also raised when a
connection is reset after the request."""
_UNTRUSTED = "invalid peer certificate"


class PyreqwestExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(self, config: ExchangeConfig | None = None) -> None:
        self._config = config or ExchangeConfig()
        self._client: Client | None = _open(self._config)
        # Not the client's own limit: its queue cannot tell a call that waited from one that left.
        self._slots = asyncio.Semaphore(self._config.pool)
        self._running: set[asyncio.Task[Reply]] = set()

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """
        builder = _builder(call, self._client)
        attempt = _Attempt()
        ends = min(monotonic() + self._config.total_seconds, call.deadline)
        try:
            async with asyncio.timeout(ends - monotonic()):
                await self._slots.acquire()  # who leaves here has sent nothing
                task = self._start(call, builder, attempt, ends)
                try:
                    return await asyncio.shield(task)
                except asyncio.CancelledError:
                    attempt.leave(task)
                    raise
        except TimeoutError:
            raise _late(call, sent=attempt.is_started) from None

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
        # Closing ends its calls; its idle connections end with the client object.
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(
        self, call: Call, builder: RequestBuilder, attempt: "_Attempt", ends: float
    ) -> asyncio.Task[Reply]:
        """Start a request in a task of its own; its slot is free when the task has ended."""
        seconds = ends - monotonic()
        if seconds <= 0:
            self._slots.release()
            raise TimeoutError
        # Without a buffer: it would wait to be full before anyone could look at the headers.
        limited = builder.timeout(timedelta(seconds=seconds)).streamed_read_buffer_limit(0)
        task = asyncio.create_task(_run(call, limited.build_streamed(), attempt))
        attempt.is_started = True
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Reply]) -> None:
        self._slots.release()
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # an abandoned call's failure has no reader; asyncio would complain


class _Abandoned(Exception):
    """Ends a request that nobody waits for any more; never seen outside."""


@dataclass(slots=True)
class _Attempt:
    """How far a request is, and whether anybody still waits for it."""

    is_started: bool = False
    """Whether the upstream may have seen anything of it, while no error says better."""
    is_answering: bool = False
    is_abandoned: bool = False

    def leave(self, task: asyncio.Task[Reply]) -> None:
        """Stop a request nobody waits for: at once in its body, else when its headers come.

        Before that the client would forget the request but not end it: it would hold a connection
        that no slot counts.
        """
        self.is_abandoned = True
        if self.is_answering:
            task.cancel()

    def go_on(self) -> None:
        """End the request here if nobody waits; the client may have swallowed the cancellation."""
        if self.is_abandoned:
            raise _Abandoned


def _builder(call: Call, client: Client | None) -> RequestBuilder:
    check_sendable(call)
    if client is None:
        what = "the gateway is stopping"
        raise UpstreamUnavailable(call.upstream, call.operation, what, sent=False)
    url = call.origin + call.target
    try:
        stays = str(Url(url)) == url
        builder = client.request(call.method, url).headers(outgoing(call))
    except (BuilderError, ValueError, TypeError):
        # The client's own text would repeat the value.
        raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
    if not stays:
        raise InvalidArgument(f"{call.upstream}: this would leave the upstream's own paths.")
    return builder if call.body is None else builder.body_bytes(call.body)


async def _run(call: Call, request: StreamRequest, attempt: _Attempt) -> Reply:
    attempt.go_on()
    try:
        async with request as response:
            attempt.is_answering = True
            attempt.go_on()
            headers = joined(response.headers.items())
            reader = BodyReader(call, headers)
            chunks = response.body_reader
            while (chunk := await chunks.read_chunk()) is not None:
                attempt.go_on()
                reader.feed(bytes(chunk))
            return whole(call, Reply(response.status, headers, reader.finish()))
    except (PyreqwestError, OSError) as error:
        raise _cause(call, error) from None


def _open(config: ExchangeConfig) -> Client:
    builder = (
        ClientBuilder()
        .pool_max_idle_per_host(config.keep_alive)
        .pool_idle_timeout(timedelta(seconds=config.keep_alive_seconds))
        .connect_timeout(timedelta(seconds=config.connect_seconds))
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
    )
    if config.ca_file is not None:
        builder = builder.add_root_certificate_pem(Path(config.ca_file).read_bytes())
    return builder.build()


def _cause(call: Call, error: Exception) -> UpstreamError:
    """Return our error; the client's text may hold headers or the address."""
    causes = _causes(error)
    sent = _CONNECTING not in causes
    if not sent and any(_UNTRUSTED in cause for cause in causes):
        return CertificateRefused(call.upstream, call.operation)
    what = "the connection failed"
    if isinstance(error, ConnectTimeoutError) and not sent:
        what = "no connection in time"
    elif isinstance(error, TimeoutError):
        return _late(call, sent=sent)
    return UpstreamUnavailable(call.upstream, call.operation, what, sent=sent)


def _late(call: Call, *, sent: bool) -> DeadlineExceeded:
    return DeadlineExceeded(call.upstream, call.operation, "no answer in time", sent=sent)


def _causes(error: Exception) -> list[str]:
    if not isinstance(error, DetailedPyreqwestError):
        return []
    return [cause["message"] for cause in error.details["causes"] or ()]
