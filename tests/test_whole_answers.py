"""Answers that leave in one piece are, byte for byte, those that the server writes by itself."""

import asyncio
import re
import socket
from collections.abc import Iterable, Iterator
from functools import partial
from queue import SimpleQueue
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
    "an empty end": (
        200,
        [length(len(BODY))],
        [{"body": BODY, "more_body": True}, {"body": b""}],
    ),
    "closing": (200, [length(len(BODY)), (b"connection", b"close")], [{"body": BODY}]),
    "chunked": (200, [(b"transfer-encoding", b"chunked")], [{"body": BODY}]),
    "latin": (200, [length(len(BODY)), (b"x-own", "ä\t".encode("latin-1"))], [{"body": BODY}]),
    "too long": (200, [length(3)], [{"body": BODY}]),
    "two lengths": (200, [length(len(BODY)), length(5)], [{"body": BODY}]),
    "two lengths of which one is wrong": (
        200,
        [length(5), length(len(BODY))],
        [{"body": BODY}],
    ),
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
    name = scope["path"].strip("/").replace("_", " ")
    listening = asyncio.create_task(_listen(receive)) if name == "listening" else None
    await asyncio.sleep(0)
    if not name.startswith("listening"):
        await receive()
    status, headers, bodies = ANSWERS["plain" if name.startswith("listening") else name]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    if scope["query_string"] == b"whole":
        start[WHOLE] = True
    await send(start)
    for body in bodies:
        await send({"type": "http.response.body", **body})
    if name.startswith("listening"):
        await (listening or _listen(receive))


async def _listen(receive: Receive) -> None:
    """Take messages until none is to come."""
    while (message := await receive())["type"] == "http.request":
        pass
    LISTENED.put(message["type"])


LISTENED: SimpleQueue[str] = SimpleQueue()
IN_ONE_PIECE = {
    "plain",
    "empty",
    "large",
    "another status",
    "twice the header",
    "latin",
    "two lengths",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Return a server."""
    with start_in_thread(app) as running:
        yield running


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return, for each answer that could be written whole, whether it was."""
    each: list[bool] = []
    write = WholeAnswers._is_written

    def watched(cycle: WholeAnswers, start: Any, message: Any) -> bool:
        each.append(write(cycle, start, message))
        return each[-1]

    monkeypatch.setattr(WholeAnswers, "_is_written", watched)
    return each


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


WRONG_LENGTHS = {"too long", "too short", "two lengths of which one is wrong"}
LAST = b"GET /closing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_is_what_the_server_would_send(
    server: Running, written: list[bool], name: str, method: str
) -> None:
    """Whatever its headers, and where they or its length are wrong, too."""
    whole = told(server, request(name, "whole", method) + LAST)
    assert any(written) is (method == "GET" and name in IN_ONE_PIECE)
    apart = told(server, request(name, "apart", method) + LAST)

    if name == "no end":  # of which nothing had to be sent yet: the server can still say so
        assert whole.startswith(b"HTTP/1.1 500 ")
    elif name in WRONG_LENGTHS and method == "GET":
        assert apart.startswith(whole.partition(b"\r\n\r\n")[0])
    else:
        assert whole == apart


def test_answers_to_requests_in_a_row_come_in_their_order(
    server: Running, written: list[bool]
) -> None:
    """On one connection, in one piece or not, also for a client that will not keep it."""
    names = ["plain", "large", "in parts", "empty", "no length", "plain"]
    asked = b"".join(request(name, "whole") for name in names)
    alike = asked.replace(b"whole", b"apart")
    old = request("plain", "whole", version="1.0")

    assert told(server, asked + LAST) == told(server, alike + LAST)
    assert written.count(True) == 4
    assert told(server, old) == told(server, old.replace(b"whole", b"apart"))
    assert written.count(True) == 4


@pytest.mark.parametrize("how", ["whole", "apart"])
@pytest.mark.parametrize("when", ["listening", "listening_after"])
def test_who_listens_is_told_that_the_answer_is_complete(
    server: Running, when: str, how: str
) -> None:
    """All the while or only after it; and then no body is asked for any more."""
    head = f"POST /{when}?{how} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n"
    expecting = "" if when == "listening" else "expect: 100-continue\r\n"

    heard = told(server, f"{head}{expecting}\r\nabc".encode() + LAST)

    assert heard.count(b"HTTP/1.1 ") == heard.count(b"HTTP/1.1 200 OK") == 2
    assert LISTENED.get(timeout=30) == "http.disconnect"


class Wire:
    """What a cycle knows of its connection, which counts what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write_paused = False
        self.told: list[str] = []

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.written.append(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Take several pieces together."""
        self.written.append(b"".join(pieces))

    def close(self) -> None:
        """Take no more."""
        self.told.append("closed")

    async def drain(self) -> None:
        """Wait for the client to read."""
        self.told.append("drained")
        self.write_paused = False

    def info(self, *_: object) -> None:
        """Take a line of a log."""
        self.told.append("logged")


async def sent(wire: Wire, promised: dict[str, Any], **unlike: Any) -> WholeAnswers:
    """Return a cycle that has sent the plain answer."""
    state = {"transport": wire, "flow": wire, "logger": wire, "access_logger": wire}
    told: Any = {"access_log": False, "keep_alive": True, "expect_100_continue": False, **unlike}
    scope: Any = {"method": "GET", "path": "/", "query_string": b"", "http_version": "1.1"}
    cycle = WholeAnswers(
        {**scope, "client": None},
        **state,
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        on_response=partial(wire.told.append, "answered"),
        **{name: told[name] for name in ("access_log", "keep_alive", "expect_100_continue")},
    )
    cycle.disconnected = told.get("disconnected", False)
    status, headers, (body,) = ANSWERS["plain"]
    start = {"type": "http.response.start", "status": status, "headers": headers, **promised}
    await cycle.send(start)
    await cycle.send({"type": "http.response.body", **body})
    return cycle


@pytest.mark.parametrize(("promised", "writes"), [({WHOLE: True}, 1), ({}, 2)])
async def test_it_is_one_write(promised: dict[str, Any], writes: int) -> None:
    """The server's own way writes head and body one by one."""
    wire = Wire()

    cycle = await sent(wire, promised)

    assert len(wire.written) == writes
    assert b"".join(wire.written).endswith(b"\r\n\r\n" + BODY)
    assert cycle.response_complete
    assert wire.told == ["answered"]


@pytest.mark.parametrize(
    ("unlike", "writes", "told_too"),
    [
        ({"keep_alive": False}, 2, ["closed"]),
        ({"access_log": True}, 2, ["logged"]),
        ({"disconnected": True}, 0, []),
    ],
    ids=["closing", "logged", "gone"],
)
async def test_what_is_unusual_is_left_to_the_server(
    unlike: dict[str, Any], writes: int, told_too: list[str]
) -> None:
    """So that it is logged, closed or left out as it ever was."""
    wire = Wire()

    await sent(wire, {WHOLE: True}, **unlike)

    assert len(wire.written) == writes
    assert sorted({*wire.told} - {"answered"}) == told_too


async def test_who_does_not_read_is_waited_for() -> None:
    """Before a second answer is put on top of the first."""
    wire = Wire()
    wire.write_paused = True

    await sent(wire, {WHOLE: True})

    assert "drained" in wire.told
    assert len(wire.written) == 2
