"""How faults get on with the server below them: its protocols, its log, its buffers, its end."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.sandbox.faults import read_plan
from casegraph.sandbox.rehearsal import Rehearsal
from casegraph.sandbox.server import build
from casegraph.sandbox.traffic import Traffic
from casegraph.sandbox.wire import expose
from casegraph.sandbox.world import build_world
from casegraph.serving import start_in_thread
from support.raw_client import Heard, call
from support.rehearsed import until


@contextmanager
def own_server(plan: Any, **options: Any) -> Iterator[tuple[str, uvicorn.Server]]:
    """Serve a sandbox under a plan with other options than the bundled server has."""
    sandbox = build(build_world(cases=50), faults=read_plan(json.dumps(plan).encode()))
    config = uvicorn.Config(sandbox.app, port=0, log_config=None, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}", server
    finally:
        server.should_exit = True
        thread.join(10)


def planned(*outcomes: Any) -> dict[str, Any]:
    """Make a plan for all of ratings."""
    return {"upstreams": {"ratings": {"operations": {"*": list(outcomes)}}}}


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_every_protocol_of_the_server_shows_its_connection(http: str) -> None:
    """Resets and cuts work with either HTTP parser, and also without uvloop."""
    plan = planned(
        {"kind": "reset"},
        {"kind": "truncate", "after_bytes": 0},
        {"kind": "cut_lengthless", "after_bytes": 3},
    )
    with own_server(plan, http=http, loop="asyncio") as (url, _):
        heard = [call("GET", f"{url}/ratings/x") for _ in range(3)]
    assert [each.end for each in heard] == ["reset", "closed", "closed"]
    assert (heard[1].body, len(heard[2].body)) == (b"", 3)


def test_no_fault_makes_the_server_complain(caplog: pytest.LogCaptureFixture) -> None:
    """The server takes every fault for a call in order, or for a caller that left."""
    brief = [
        {"kind": kind}
        for kind in [
            "hang",
            "hang_after_headers",
            "drip",
            "reset",
            "reset_in_body",
            "truncate",
            "cut_chunked",
            "cut_lengthless",
            "double_gzip",
            "bad_json",
            "html",
        ]
    ]
    with own_server(planned(*brief)) as (url, _):
        for _ in brief:
            call("GET", f"{url}/ratings/x", patience=0.05)
    assert [each.message for each in caplog.records if each.levelname != "INFO"] == []


def test_a_server_that_stops_cuts_what_hangs(caplog: pytest.LogCaptureFixture) -> None:
    """A rehearsal of hanging calls ends with the server, as a reset and not as an error of ours."""
    heard: list[Heard] = []
    with own_server(planned({"kind": "hang"}), timeout_graceful_shutdown=0) as (url, server):
        thread = threading.Thread(target=lambda: heard.append(call("GET", f"{url}/ratings/x")))
        thread.start()
        until(lambda: server.server_state.tasks)
    thread.join(5)
    assert [(each.data, each.end) for each in heard] == [(b"", "reset")]
    assert [each for each in caplog.records if each.exc_info] == []


@pytest.mark.parametrize("kind", ["truncate", "reset_in_body"])
def test_a_large_body_is_cut_where_asked(kind: str) -> None:
    """Bytes before a close all arrive, whatever the buffers; a reset may lose those under way."""
    body = bytes(range(256)) * 20_000
    asked = len(body) - 1000

    async def large(_request: Request) -> Response:
        return Response(body)

    rehearsal = Rehearsal({"one": ["large"]})
    outcome = {"kind": kind, "after_bytes": asked}
    plan = {"upstreams": {"one": {"operations": {"large": [outcome]}}}}
    rehearsal.install(read_plan(json.dumps(plan).encode()))
    upstream = Starlette(routes=[Route("/large", large, name="large")])
    traffic = Traffic(upstream, "one", interventions=[rehearsal.around("one")])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        expose(scope, send)
        await traffic(scope, receive, send)

    with start_in_thread(app) as running:
        heard = call("GET", f"{running.url}/large")
    assert body[: len(heard.body)] == heard.body
    if kind == "truncate":
        assert ("closed", asked) == (heard.end, len(heard.body))
    else:
        assert heard.end == "reset"
        assert 0 < len(heard.body) <= asked
