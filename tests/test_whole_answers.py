"""Answers that leave in one piece are, byte for byte, those that the server writes by itself."""

import asyncio
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from casegraph.edge.replies import WHOLE
from casegraph.serving import Running, start_in_thread
from casegraph.whole_answers import WholeAnswers

BODY = b'{"data": null}'
JSON = (b"content-type", b"application/json")


def length(size: int) -> tuple[bytes, bytes]:
    """Return the header that says how long a body is."""
    return (b"content-length", str(size).encode())


ANSWERS: dict[str, tuple[int, list[tuple[bytes, bytes]], list[dict[str, Any]]]] = {
    "plain": (200, [JSON, length(len(BODY))], [{"body": BODY}]),
    "empty": (200, [length(0)], [{"body": b""}]),
    "large": (200, [length(3_000_000)], [{"body": b"x" * 3_000_000}]),
    "another status": (405, [JSON, length(len(BODY)), (b"allow", b"POST")], [{"body": BODY}]),
    "no body": (204, [], [{"body": b""}]),
    "no length": (200, [JSON], [{"body": BODY}]),
    "twice the header": (
        200,
        [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), length(len(BODY))],
        [{"body": BODY}],
    ),
    "in parts": (
        200,
        [length(len(BODY))],
        [{"body": BODY[:3], "more_body": True}, {"body": BODY[3:]}],
    ),
    "closing": (200, [length(len(BODY)), (b"connection", b"close")], [{"body": BODY}]),
    "chunked": (200, [(b"transfer-encoding", b"chunked")], [{"body": BODY}]),
    "latin": (200, [length(len(BODY)), (b"x-own", "ä\t".encode("latin-1"))], [{"body": BODY}]),
    "too long": (200, [length(3)], [{"body": BODY}]),
    "too short": (200, [length(300)], [{"body": BODY}]),
    "a line break": (200, [length(len(BODY)), (b"x-own", b"a\r\nx-evil: b")], [{"body": BODY}]),
    "a half line break": (200, [length(len(BODY)), (b"x-own", b"a\n")], [{"body": BODY}]),
    "a bad name": (200, [length(len(BODY)), (b"x own", b"a")], [{"body": BODY}]),
    "a name with an end": (200, [length(len(BODY)), (b"x-own:\r\nx", b"a")], [{"body": BODY}]),
    "no end": (200, [length(len(BODY))], []),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the path says, in one piece if the query says so."""
    if scope["type"] != "http":
        return
    await receive()
    status, headers, bodies = ANSWERS[scope["path"].strip("/").replace("_", " ")]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    if scope["query_string"] == b"whole":
        start[WHOLE] = True
    await send(start)
    for body in bodies:
        await send({"type": "http.response.body", **body})


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Return a server."""
    with start_in_thread(app) as running:
        yield running


def told(server: Running, request: bytes) -> bytes:
    """Return all that comes until the server ends the connection, but for the time of day."""
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.sendall(request)
        heard = b""
        while data := connection.recv(1 << 20):
            heard += data
    return re.sub(rb"date: [^\r]+", b"date: now", heard)


def request(name: str, how: str, method: str = "GET", version: str = "1.1") -> bytes:
    """Return a request for one of the answers."""
    path = name.replace(" ", "_")
    return f"{method} /{path}?{how} HTTP/{version}\r\nhost: x\r\n\r\n".encode()


LAST = b"GET /closing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_is_what_the_server_would_send(server: Running, name: str, method: str) -> None:
    """Whatever its headers, and where they or its length are wrong, too."""
    whole = told(server, request(name, "whole", method) + LAST)
    apart = told(server, request(name, "apart", method) + LAST)

    if name == "no end":  # of which nothing had to be sent yet: the server can still say so
        assert whole.startswith(b"HTTP/1.1 500 ")
    elif name in {"too long", "too short"} and method == "GET":
        assert apart.startswith(whole.partition(b"\r\n\r\n")[0])
    else:
        assert whole == apart


def test_answers_to_requests_in_a_row_come_in_their_order(server: Running) -> None:
    """On one connection, in one piece or not, also for a client that will not keep it."""
    names = ["plain", "large", "in parts", "empty", "no length", "plain"]
    asked = b"".join(request(name, "whole") for name in names)
    alike = asked.replace(b"whole", b"apart")
    old = request("plain", "whole", version="1.0")

    assert told(server, asked + LAST) == told(server, alike + LAST)
    assert told(server, old) == told(server, old.replace(b"whole", b"apart"))


class Wire:
    """What a cycle knows of its connection, which counts what is written."""

    write_paused = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.written.append(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Take several pieces together."""
        self.written.append(b"".join(pieces))


@pytest.mark.parametrize(("promised", "writes"), [({WHOLE: True}, 1), ({}, 2)])
async def test_it_is_one_write(promised: dict[str, Any], writes: int) -> None:
    """The server's own way writes head and body one by one."""
    wire, ended = Wire(), asyncio.Event()
    scope: Any = {"method": "GET"}
    told: Any = {"transport": wire, "flow": wire, "logger": None, "access_logger": None}
    cycle = WholeAnswers(
        scope,
        **told,
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=ended.set,
    )

    status, headers, (body,) = ANSWERS["plain"]
    start = {"type": "http.response.start", "status": status, "headers": headers, **promised}
    await cycle.send(start)
    await cycle.send({"type": "http.response.body", **body})

    assert len(wire.written) == writes
    assert b"".join(wire.written).endswith(b"\r\n\r\n" + BODY)
    assert cycle.response_complete
    assert ended.is_set()
