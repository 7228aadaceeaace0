"""What one call costs this process, in CPU, over each exchange.

An answer of 2 kB over loopback with keep-alive, at 1, 8, 20 and 60 calls at once. The server is a
bare asyncio protocol in a process of its own, so its work is not counted; all threads of this
process are. A figure is the median of several rounds, and the range says how quiet the machine was.
Run it on an otherwise idle machine, from the project's folder:

    PYTHONPATH=src python tests/bench/exchange_cost.py

The bound itself is a test: pytest -m bench tests/bench/test_exchange_cost.py
"""

import asyncio
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from time import process_time

from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import Exchange, ExchangeConfig
from casegraph.transport.exchange_aiohttp import AiohttpExchange
from casegraph.transport.exchange_httpx import HttpxExchange

AT_ONCE = (1, 8, 20, 60)
ROUNDS = 5
CALLS = 2000
BODY = b'{"text": "' + b"x" * 2000 + b'"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
EXCHANGES: dict[str, Callable[[ExchangeConfig], Exchange]] = {
    "aiohttp": AiohttpExchange,
    "httpx": HttpxExchange,
}
LIBRARIES = ("aiohttp", "httpx", "httpcore")


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU per call, one figure a round."""

    rounds: tuple[float, ...]

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


async def measured(name: str, origin: str, at_once: int, calls: int = CALLS) -> Cost:
    """Return what a call costs over this exchange, after as many calls to warm it up."""
    exchange = EXCHANGES[name](ExchangeConfig(pool=at_once))
    call = Call("bench", "thing", Effect.READ, "GET", origin, "/v1/thing")

    async def batch() -> float:
        left = iter(range(calls))

        async def work() -> None:
            for _ in left:
                reply = await exchange.send(call)
                assert reply.body == BODY

        before = process_time()
        await asyncio.gather(*(work() for _ in range(at_once)))
        return (process_time() - before) / calls * 1e6

    await batch()
    cost = Cost(tuple([await batch() for _ in range(ROUNDS)]))
    await exchange.close()
    return cost


def main() -> None:
    """Print the table."""
    named = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    sys.stdout.write(f"Python {platform.python_version()}, {named}\n")
    sys.stdout.write(f"CPU per call of {len(BODY)} bytes, µs: median (least to most of {ROUNDS})\n")
    with answering() as origin:
        for name in EXCHANGES:
            for at_once in AT_ONCE:
                cost = asyncio.run(measured(name, origin, at_once))
                told = f"{cost.typical:7.0f}  ({min(cost.rounds):.0f} to {max(cost.rounds):.0f})"
                sys.stdout.write(f"{name:<10} {at_once:>3} at once {told}\n")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(_serve())
    else:
        main()
