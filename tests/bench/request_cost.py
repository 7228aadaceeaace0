"""What a request costs this process, in CPU, from the bytes of its head to those of its answer.

The gateway's own server protocol is fed from memory, so the parser, the application and all that
stands around the engine are in the figure, and sockets are not. `bare` is the same protocol over an
application that does nothing, which is what the others are compared with. What the upstreams told
is in hand before anything is counted. A figure is the least of several rounds in which the requests
take turns. Run it on an otherwise idle machine, from the project's folder:

    PYTHONPATH=src python tests/bench/request_cost.py [--profile tiny]

The bound itself is a test: pytest -m bench tests/bench/test_request_cost.py
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import platform
import pstats
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from casegraph.app import create_app
from casegraph.collector import Collector
from casegraph.connection import BoundedConnection
from casegraph.sandbox.server import build
from casegraph.sandbox.world import build_world
from casegraph.serving import start_in_thread
from casegraph.settings import load_settings

ROUNDS = 7
REQUESTS = 400
AT_ONCE = 8
"""Connections with a request each; alone, a request would pay for every turn of the loop."""
CASES = 200
PAGE = """query Page($hub: ID!) { cases(hubId: $hub, first: 20) { nodes {
  id caseId name status { name } notes { nodes { id text createdBy { userName } } }
  ratings { nodes { id score } } reviews { nodes { id status } } } } }"""
_Q3 = json.loads((Path(__file__).parent / "peer" / "queries.json").read_text())["Q3"]
_HUB = {"hub": "96"}
REQUESTS_BY_NAME: Mapping[str, Mapping[str, Any]] = {
    "tiny": {"query": "{ __typename }"},
    "look-ups": {"query": _Q3["query"], "variables": _HUB},
    "page": {"query": PAGE, "variables": _HUB},
}
_WARM = 4


class _Transport(asyncio.Transport):
    """A connection of which nothing leaves the process."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Stay open."""

    def abort(self) -> None:
        """Stay open."""

    def pause_reading(self) -> None:
        """Read on."""

    def resume_reading(self) -> None:
        """Read on."""


class Connection:
    """One connection to an application, on which requests are asked one after another."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, ws="none")
        config.load()
        self._state = ServerState()
        self._protocol = BoundedConnection(config, self._state, {})
        self._transport = _Transport()
        self._protocol.connection_made(self._transport)

    async def ask(self, request: bytes) -> bytes:
        """Return the bytes of the answer."""
        self._transport.written.clear()
        self._protocol.data_received(request)
        await asyncio.wait(self._state.tasks)
        return bytes(self._transport.written)

    def close(self) -> None:
        """Let go of the connection's timers."""
        self._protocol.connection_lost(None)


def request_bytes(body: Mapping[str, Any], accept_encoding: str = "gzip, deflate") -> bytes:
    """Return a request as a client of GraphQL sends it."""
    content = json.dumps(body).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nuser-agent: bench/1\r\n"
        "accept: application/graphql-response+json, application/json;q=0.9\r\n"
        f"accept-encoding: {accept_encoding}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _bare(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read a body and answer, as the least that any application does."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


@contextmanager
def upstreams() -> Iterator[Mapping[str, str]]:
    """Run the sandbox; returns the settings of a gateway over it, with its log hidden."""
    sandbox = build(build_world(seed=7, cases=CASES))
    with start_in_thread(sandbox.app) as running:
        chosen = {"CASEGRAPH_LOG__LEVEL": "error", **sandbox.environment(running.url)}
        os.environ.update(chosen)
        try:
            yield chosen
        finally:
            for name in chosen:
                del os.environ[name]


@asynccontextmanager
async def gateway() -> AsyncIterator[ASGIApp]:
    """Return the whole application, started."""
    app = create_app(load_settings())
    async with app.router.lifespan_context(app):
        yield app


async def _batch(connections: Sequence[Connection], request: bytes, count: int) -> None:
    async def client(connection: Connection) -> None:
        for _ in range(count // len(connections)):
            await connection.ask(request)

    await asyncio.gather(*map(client, connections))


async def _warmed(connection: Connection, request: bytes) -> int:
    """Ask until plans and upstreams' answers are in hand; returns the answer's size."""
    for _ in range(_WARM):
        answer = await connection.ask(request)
    if b" 200 " not in answer[:20] or b'"errors"' in answer:
        raise SystemExit(answer.decode(errors="replace")[:2000])
    return len(answer)


async def measured(
    names: Sequence[str] = tuple(REQUESTS_BY_NAME), rounds: int = ROUNDS, count: int = REQUESTS
) -> Mapping[str, float]:
    """Return the microseconds of CPU per request, by name; `bare` is among them.

    To be called with the upstreams running.
    """
    least = dict.fromkeys(("bare", *names), float("inf"))
    async with gateway() as app:
        ours = [Connection(app) for _ in range(AT_ONCE)]
        bare = [Connection(_bare) for _ in range(AT_ONCE)]
        # Without gzip: how dear that is depends on the answer alone, and a thread does it.
        asked = {name: request_bytes(REQUESTS_BY_NAME[name], "identity") for name in names}
        for request in asked.values():
            await _warmed(ours[0], request)
        Collector().started()
        turns = [("bare", bare, request_bytes({}))]
        turns += [(name, ours, request) for name, request in asked.items()]
        for _ in range(rounds):
            for name, connections, request in turns:
                gc.collect()
                begun = process_time()
                await _batch(connections, request, count)
                spent = (process_time() - begun) / count * 1e6
                least[name] = min(least[name], spent)
        for connection in (*ours, *bare):
            connection.close()
    return least


async def profiled(name: str, count: int = 5000) -> pstats.Stats:
    """Return where the time of one kind of request goes."""
    profile = cProfile.Profile()
    async with gateway() as app:
        connections = [Connection(app) for _ in range(AT_ONCE)]
        request = request_bytes(REQUESTS_BY_NAME[name], "identity")
        await _warmed(connections[0], request)
        profile.enable()
        await _batch(connections, request, count)
        profile.disable()
        for connection in connections:
            connection.close()
    return pstats.Stats(profile)


def main() -> None:
    """Print the table, or a profile."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=REQUESTS_BY_NAME)
    chosen = parser.parse_args()
    with upstreams(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if chosen.profile:
            stats = runner.run(profiled(chosen.profile))
            stats.sort_stats("tottime").print_stats(70)
            return
        costs = runner.run(measured())
    sys.stdout.write(
        f"Python {platform.python_version()}, uvicorn {uvicorn.__version__}, "
        f"uvloop {uvloop.__version__}\n\n| request | µs | above bare |\n|---|---|---|\n"
    )
    for name, cost in costs.items():
        sys.stdout.write(f"| {name} | {cost:.0f} | {cost - costs['bare']:.0f} |\n")


if __name__ == "__main__":
    main()
