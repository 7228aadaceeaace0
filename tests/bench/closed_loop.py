"""Clients that ask one question after another over kept connections, and what they saw.

As little as will do stands between the socket and the clock, since the clients share a core with
the upstreams: requests are bytes made before, and answers are not decoded.
Invariant: what is reported was measured between the first question and the last whole answer; an
answer that is none, has errors, or went with its connection is counted as failed.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httptools

_MOST_SECONDS = 30.0
"""After which a sample ends, however few answers it has."""
OK = 200


def request_bytes(question: Mapping[str, Any], accept: str = "application/json") -> bytes:
    """Return a question as it goes over the wire."""
    body = json.dumps(question, separators=(",", ":")).encode()
    lines = (
        "POST /graphql HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"accept: {accept}",
        f"content-length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Sample:
    """What a number of clients saw. Times are seconds."""

    whole: list[float] = field(default_factory=list)
    """From the question to the last byte of its answer."""
    first: list[float] = field(default_factory=list)
    """From the question to the first bytes of the answer's body."""
    failed: int = 0
    seconds: float = 0.0

    def percentile(self, which: int) -> float:
        """Return a percentile of whole answers, in ms; infinite without answers."""
        return percentile(self.whole, which)


def percentile(times: Sequence[float], which: int) -> float:
    """Return a percentile of times in seconds, as ms."""
    if len(times) < 2:  # quantiles are between at least two
        return times[0] * 1e3 if times else float("inf")
    return quantiles(times, n=100, method="inclusive")[which - 1] * 1e3


class _Client(asyncio.Protocol):
    """One connection, which has one question out at a time."""

    def __init__(self, requests: Iterator[bytes], sample: Sample, ends: "_Ends") -> None:
        self._requests = requests
        self._sample = sample
        self._ends = ends
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if self._ends.reached(len(self._sample.whole) + self._sample.failed):
            self._transport.close()
            return
        self._parser = httptools.HttpResponseParser(self)
        self._began = time.perf_counter()
        self._first = 0.0
        self._is_right = True
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        if not self._first:
            self._first = time.perf_counter()
        # A quotation mark within a string is escaped, so data never look like this.
        self._is_right = self._is_right and b'"errors":' not in data

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._parser.get_status_code() == OK and self._first and self._is_right:
            self._sample.first.append(self._first - self._began)
            self._sample.whole.append(now - self._began)
        else:
            self._sample.failed += 1
        # Not from within the parser, which the next question replaces.
        asyncio.get_running_loop().call_soon(self._ask)

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._transport.is_closing():
            self._sample.failed += 1
        if not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True)
class _Ends:
    """When clients stop asking: after the time, once there are answers enough of any kind."""

    begun: float
    seconds: float
    at_least: int

    def reached(self, answers: int) -> bool:
        past = time.perf_counter() - self.begun
        return past >= _MOST_SECONDS or (past >= self.seconds and answers >= self.at_least)


async def closed_loop(
    port: int, requests: Iterable[bytes], clients: int, seconds: float, at_least: int = 1
) -> Sample:
    """Ask from so many connections at once for so long; requests are taken round and round."""
    loop = asyncio.get_running_loop()
    sample, turn = Sample(), itertools.cycle(requests)
    begun = time.perf_counter()
    ends = _Ends(begun, seconds, at_least)
    made = [
        await loop.create_connection(lambda: _Client(turn, sample, ends), "127.0.0.1", port)
        for _ in range(clients)
    ]
    async with asyncio.timeout(_MOST_SECONDS * 2):
        await asyncio.gather(*(client.done for _, client in made))
    sample.seconds = time.perf_counter() - begun
    return sample
