"""What one call costs this process, in CPU, over each exchange.

An answer of 2 kB over loopback with keep-alive, at 1, 8 and 64 calls at once, on uvloop as the
gateway runs and on asyncio's own loop. The server is a bare asyncio protocol in a process of its
own, so its work is not counted; all threads of this process are. A figure is the least of several
rounds, because whatever else the machine does can only add to it; the range says how quiet it was.
The exchanges take turns round by round, so that a load that comes and goes meets all of them.
Run it on an otherwise idle machine, from the project's folder:

    PYTHONPATH=src python tests/bench/exchange_cost.py [lean aiohttp httpx]

The bound itself is a test: pytest -m bench tests/bench/test_exchange_cost.py
"""

import asyncio
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from time import process_time

import uvloop

from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import Exchange, ExchangeConfig
from casegraph.transport.exchange_aiohttp import AiohttpExchange
from casegraph.transport.exchange_httpx import HttpxExchange
from casegraph.transport.exchange_lean import LeanExchange

AT_ONCE = (1, 8, 64)
ROUNDS = 9
CALLS = 2000
BODY = b'{"text": "' + b"x" * 2000 + b'"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
EXCHANGES: dict[str, Callable[[ExchangeConfig], Exchange]] = {
    "lean": LeanExchange,
    "aiohttp": AiohttpExchange,
    "httpx": HttpxExchange,
}
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
LIBRARIES = ("uvloop", "httptools", "aiohttp", "httpx", "httpcore")


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU per call, one figure a round."""

    rounds: tuple[float, ...]

    @property
    def least(self) -> float:
        """The quietest round."""
        return min(self.rounds)

    @property
    def typical(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def answering() -> Iterator[str]:
    """Start the server in its own process and return its origin."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  this file
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class Meter:
    """One exchange towards the server, kept over all rounds."""

    def __init__(self, name: str, origin: str, at_once: int, calls: int) -> None:
        # No call of a busy machine may run into a time-out here.
        self._exchange = EXCHANGES[name](ExchangeConfig(pool=at_once, total_seconds=60.0))
        self._call = Call("bench", "thing", Effect.READ, "GET", origin, "/v1/thing")
        self._at_once, self._calls = at_once, calls

    async def round(self) -> float:
        """Return what a call costs now, in microseconds."""
        left = iter(range(self._calls))

        async def work() -> None:
            for _ in left:
                reply = await self._exchange.send(self._call)
                assert reply.body == BODY

        before = process_time()
        await asyncio.gather(*(work() for _ in range(self._at_once)))
        return (process_time() - before) / self._calls * 1e6

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()


async def measured(
    names: Sequence[str], origin: str, at_once: int, calls: int = CALLS
) -> dict[str, Cost]:
    """Return what a call costs over each exchange, after as many calls to warm it up."""
    meters = {name: Meter(name, origin, at_once, calls) for name in names}
    for meter in meters.values():
        await meter.round()
    rounds = [{name: await meter.round() for name, meter in meters.items()} for _ in range(ROUNDS)]
    for meter in meters.values():
        await meter.close()
    return {name: Cost(tuple(each[name] for each in rounds)) for name in names}


def main(names: Sequence[str]) -> None:
    """Print the table."""
    named = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    sys.stdout.write(f"Python {platform.python_version()}, {named}\n")
    sys.stdout.write(f"CPU per call of {len(BODY)} bytes, µs: least (median, most of {ROUNDS})\n")
    with answering() as origin:
        for loop, factory in LOOPS.items():
            for at_once in AT_ONCE:
                with asyncio.Runner(loop_factory=factory) as runner:
                    costs = runner.run(measured(names, origin, at_once))
                for name, cost in costs.items():
                    told = f"{cost.least:6.0f}  ({cost.typical:.0f}, {max(cost.rounds):.0f})"
                    sys.stdout.write(f"{loop:<8} {at_once:>3} at once  {name:<8} {told}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(_serve())
    else:
        main(sys.argv[1:] or tuple(EXCHANGES))
