import os
import signal
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from casegraph.serving import Running, start_in_thread
from support.rehearsed import until


async def hello(_: Request) -> PlainTextResponse:
    """Greet."""
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


def test_a_thread_serves_until_it_is_stopped() -> None:
    """The port answers as soon as the call returns, and is free after the context."""
    with start_in_thread(APP) as running:
        assert running.url == f"http://127.0.0.1:{running.port}"
        assert httpx.get(running.url).text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", running.port))


def test_stopping_twice_is_harmless() -> None:
    """A stopped server may be stopped again."""
    running = start_in_thread(APP)
    running.stop()
    running.stop()
    names = {thread.name for thread in threading.enumerate()}
    assert f"casegraph-sandbox-{running.port}" not in names


def test_a_thread_that_does_not_end_is_an_error() -> None:
    """A server that cannot be stopped is told, not passed over."""
    stuck = SimpleNamespace(join=lambda _: None, is_alive=lambda: True)
    server: Any = SimpleNamespace(should_exit=False)
    with pytest.raises(RuntimeError, match="did not stop"):
        Running("::1", 80, server, cast("Any", stuck)).stop()
    assert server.should_exit


def test_an_ipv6_host_is_bracketed() -> None:
    """A URL with an IPv6 host is a URL."""
    nothing: Any = None
    assert Running("::1", 80, nothing, nothing).url == "http://[::1]:80"


def test_servers_run_side_by_side() -> None:
    """Two servers get two ports."""
    with start_in_thread(APP) as one, start_in_thread(APP) as two:
        assert one.port != two.port
        assert {httpx.get(each.url).status_code for each in (one, two)} == {200}


def test_a_taken_port_fails_in_the_caller() -> None:
    """A port in use is an OSError at once."""
    with start_in_thread(APP) as running, pytest.raises(OSError, match="in use"):
        start_in_thread(APP, port=running.port)


def test_an_application_that_refuses_to_start() -> None:
    """A failed start is an error in the caller, not a hang."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(RuntimeError, match="did not start"):
        start_in_thread(app)


SCRIPT = """
from casegraph.serving import serve
from starlette.applications import Starlette

serve(Starlette(), "127.0.0.1", 0, lambda port: print(port, flush=True))
"""


def test_serve_runs_until_a_signal() -> None:
    """The blocking form tells its port once it accepts connections, and ends on a signal."""
    with subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM


DRAINING = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from casegraph.serving import Stopping, serve

state = {"ready": True}
async def readyz(_request):
    return PlainTextResponse("yes" if state["ready"] else "no")
stopping = Stopping(told=lambda: state.update(ready=False), drain_seconds=3)
app = Starlette(routes=[Route("/readyz", readyz)])
serve(app, "127.0.0.1", 0, lambda port: print(port, flush=True), stopping)
"""


def test_a_server_that_is_asked_to_stop_says_so_before_it_stops() -> None:
    """For the time of draining new connections are answered, and told that it is not ready."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", DRAINING],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/readyz"
        assert httpx.get(url).text == "yes"
        process.send_signal(signal.SIGTERM)
        until(lambda: httpx.get(url).text == "no")

        assert process.wait(15) in {0, -signal.SIGTERM}
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


AT_ONCE = "state.pop('ready', None) and signal.raise_signal(signal.SIGINT)"
"""Has the second signal come while the first one is being heard."""


TOLD = "state.update(ready=False)"


@pytest.mark.parametrize(
    ("heard", "sent"), [(TOLD, [signal.SIGTERM, signal.SIGINT]), (AT_ONCE, [signal.SIGTERM])]
)
def test_a_second_signal_ends_the_server_at_once(heard: str, sent: list[signal.Signals]) -> None:
    """Who asks twice does not wait for draining, be there no moment between the two."""
    script = DRAINING.replace("drain_seconds=3", "drain_seconds=60")
    script = "import signal" + script.replace(TOLD, heard)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        for each in sent:
            process.send_signal(each)

        assert process.wait(15) is not None
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
