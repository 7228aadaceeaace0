"""A real server process with a faulty application writes lines, and no secret in them."""

import json
import os
import signal
import subprocess
import sys

import httpx

SERVER = """
import asyncio, logging, socket, sys
import uvicorn
from casegraph.telemetry.logs import configure_logging, log_uncaught
from casegraph.telemetry.observer import RequestRecord, current_request

configure_logging("info", human=False)
log_uncaught()
CANARY = "https://user:canary-5ecret@host/?token=canary"


async def fail_alone():
    raise ValueError(CANARY)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    current_request.set(RequestRecord("7f-A", 0.0))
    task = asyncio.create_task(fail_alone())
    await asyncio.sleep(0)
    del task
    logging.getLogger("httpx").warning("HTTP Request: %s", CANARY)
    raise OSError(CANARY)


server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_config=None, lifespan="on")
uvicorn.Server(config).run(sockets=[server])
"""


def test_a_served_process_writes_lines_only() -> None:
    """Start, a crash in the application, a dead task, a chatty library and the end: all lines."""
    process = subprocess.Popen(  # noqa: S603  the program is in this file
        [sys.executable, "-c", SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        port = int(process.stdout.readline())
        response = httpx.get(f"http://127.0.0.1:{port}/?token=canary", timeout=10)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert response.status_code == 500
    assert out == ""
    assert "canary" not in err
    lines = [json.loads(line) for line in err.splitlines()]
    told = {(line["event"], line.get("error"), line.get("requestId")) for line in lines}
    assert told >= {
        ("Application startup complete.", None, None),
        ("Exception in ASGI application", "OSError", "7f-A"),
        ("HTTP Request: %s", None, "7f-A"),
        ("Application shutdown complete.", None, None),
    }
    assert {"asyncio"} == {line["logger"] for line in lines if line.get("error") == "ValueError"}
