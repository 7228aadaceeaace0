"""One request on the wire over a client of our own: asyncio's connections and the parser httptools.

Worth its lines by what a call of 2 kB over loopback costs, in µs of CPU on uvloop, at 1, 8 and 64
at once: 26, 20, 26 here and 105, 90, 107 over aiohttp's lower parts, in one run on two busy cores;
on asyncio's loop 40, 26, 32 and 119, 120, 119 (tests/bench/exchange_cost.py). Bare connections and
parser take 12 to 17. After each of 5 x 2,000 calls cancelled within 6 ms, 100 good ones succeed
over a pool of 8, on both loops (tests/transport/test_exchange_gate.py).
It speaks HTTP/1.1 to an origin and nothing else: no proxy, redirect, cookie or pipelining, no
coding but gzip. Nor a second try: a request that met the end of a kept connection was sent, as far
as anybody knows, and whether it may be repeated is for `retry` to say, which knows its effect.
Invariant: when `send` has ended, its connection is idle in the pool or ended, and its place free.
"""

import asyncio
import ssl
from time import monotonic

from casegraph.errors import CertificateRefused, DeadlineExceeded, UpstreamUnavailable
from casegraph.transport.calls import Call, Effect, Reply, reply_of
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_lean_connection import Connection
from casegraph.transport.exchange_lean_dial import dial
from casegraph.transport.exchange_lean_pool import Pool
from casegraph.transport.exchange_lean_request import address_of, encoded
from casegraph.transport.exchange_tls import trusting
from casegraph.transport.places import Places

_STOPPING = "the gateway is stopping"


class LeanExchange:
    """Sends calls over a pool of kept-alive connections, each within one total time-out."""

    def __init__(
        self, config: ExchangeConfig | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = config or ExchangeConfig()
        self._tls = tls or trusting(self._config.ca_file)
        self._pool = Pool()
        self._places = Places(self._config.pool)
        self._waits: set[asyncio.Timeout] = set()
        self._running = 0
        self._closing = False
        self._ended = asyncio.Event()

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """
        request = encoded(call)
        if self._closing:
            raise _unsent(call, _STOPPING)
        now = monotonic()
        ends = min(now + self._config.total_seconds, call.deadline)
        if ends <= now:
            raise _late(call)
        self._running += 1
        try:
            if not self._places.take():
                await self._place(call, ends - now)
                now = monotonic()
            try:
                connection = self._pool.take(call.origin, surely=call.effect is not Effect.READ)
                if connection is None:
                    connection = await self._connected(call, ends - now)
                    now = monotonic()
                try:
                    if ends <= now:
                        raise _late(call)
                    return reply_of(await connection.ask(call, request, ends - now))
                finally:
                    self._pool.put(call.origin, connection)
            finally:
                self._places.give()
        finally:
            self._running -= 1
            if self._closing and not self._running:
                self._ended.set()

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
        self._closing = True
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)
        await self._pool.close(_STOPPING)
        if self._running:
            await self._ended.wait()

    async def _place(self, call: Call, seconds: float) -> None:
        """Wait for a place among the calls on the wire, in order; who leaves has sent nothing."""
        try:
            async with asyncio.timeout(seconds) as wait:
                self._waits.add(wait)
                try:
                    await self._places.wait()
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            raise _unsent(call, _STOPPING) if self._closing else _late(call) from None

    async def _connected(self, call: Call, seconds: float) -> Connection:
        """Return a new connection, on which nothing has been said."""
        patience = self._config.connect_seconds
        try:
            async with asyncio.timeout(min(seconds, patience)) as wait:
                self._waits.add(wait)
                try:
                    connection = await dial(address_of(call.origin), self._tls, self._make)
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            if self._closing:
                raise _unsent(call, _STOPPING) from None
            if seconds <= patience:
                raise _late(call) from None
            raise _unsent(call, "no connection in time") from None
        except ssl.SSLCertVerificationError:
            raise CertificateRefused(call.upstream, call.operation) from None
        except (OSError, UnicodeError):
            # Their texts may hold the address.
            raise _unsent(call, "the connection failed") from None
        if self._closing or not connection.is_ready:
            connection.abort()
            raise _unsent(call, _STOPPING if self._closing else "the connection failed")
        return connection

    def _make(self) -> Connection:
        return Connection(self._pool, self._config.keep_alive_seconds)


def _unsent(call: Call, what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(call.upstream, call.operation, what, sent=False)


def _late(call: Call) -> DeadlineExceeded:
    return DeadlineExceeded(call.upstream, call.operation, "no answer in time", sent=False)
