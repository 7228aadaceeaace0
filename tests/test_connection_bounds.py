"""What a connection may hold, on a real socket: silence, drips, long heads, unread answers.

The bounds are shortened on a subclass of their own, so that a test takes tenths of a second.
"""

import socket
import time
from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from casegraph.connection import BoundedConnection
from casegraph.serving import Running, start_in_thread
from support.raw_client import Heard, listen
from support.rehearsed import until
from support.stalls import timed

SHORT = 0.4
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BIG = 30_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked for, without reading a body."""
    if scope["type"] == "http":
        size = BIG if scope["path"] == "/big" else 2
        await PlainTextResponse("x" * size)(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Return a server with short bounds."""
    with pytest.MonkeyPatch.context() as patch:
        bounds = BoundedConnection
        for name in ("head_seconds", "body_seconds", "unread_seconds"):
            patch.setattr(bounds, name, SHORT)
        patch.setattr(bounds, "connections_max", 5)
        with start_in_thread(app) as running:
            yield running


def connected(server: Running) -> socket.socket:
    """Open a connection that waits for seconds, not for ever."""
    return socket.create_connection((server.host, server.port), timeout=30)


def check_refusal(heard: Heard, status: int) -> None:
    """Check that a refusal is JSON with a code, and ends the connection."""
    assert (heard.status, heard.end) == (status, "closed")
    assert heard.headers["content-type"] == "application/json; charset=utf-8"
    assert heard.headers["x-content-type-options"] == "nosniff"
    (error,) = heard.json["errors"]
    assert set(error["extensions"]) == {"code", "retryable"}


def test_a_silent_connection_is_closed(server: Running) -> None:
    """Who says nothing gets nothing."""
    with connected(server) as connection:
        heard = listen(connection)

    assert (heard.data, heard.end != "open") == (b"", True)


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\n", GET[:-2]])
def test_half_a_head_is_given_up(server: Running, sent: bytes) -> None:
    """A client that begins and does not go on is told so."""
    with connected(server) as connection:
        connection.sendall(sent)
        check_refusal(listen(connection), 408)


@pytest.mark.parametrize("before", [b"", GET], ids=["at once", "after an answer"])
@pytest.mark.parametrize("drop", [b"\r\n", b"G"], ids=["empty lines", "a name"])
def test_a_dripped_head_buys_no_time(server: Running, before: bytes, drop: bytes) -> None:
    """A byte now and then does not begin the time anew."""
    with connected(server) as connection:
        if before:
            connection.sendall(before)
            assert connection.recv(65_536)
        began = time.monotonic()
        with timed() as took, pytest.raises(OSError):  # noqa: PT012  the loop is what ends
            while time.monotonic() - began < 20 * SHORT:
                connection.sendall(drop)
                connection.settimeout(SHORT / 4)
                try:
                    if connection.recv(65_536) == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    continue

    assert took.seconds < 4 * SHORT


def test_a_body_that_never_ends_is_cut(server: Running) -> None:
    """Also after the answer, when nobody reads it any more."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(head + b"x")
        heard = listen(connection)

    assert heard.status == 200
    assert heard.end != "open"


def test_an_answer_that_nobody_reads_is_dropped(server: Running) -> None:
    """Megabytes wait for a reader for a while, not for ever."""
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(GET.replace(b"/ ", b"/big ", 1))
        until(lambda: not server._server.server_state.connections)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n",
        GET[:-2] + b"X-Long: " + b"a" * 70_000,
        GET[:-2] + b"X: y\r\n" * 12_000,
    ],
    ids=["path", "value", "many"],
)
def test_a_head_beyond_its_bound_is_refused(server: Running, head: bytes) -> None:
    """Headers are kept in memory, so they have a bound."""
    with connected(server) as connection:
        connection.sendall(head)
        check_refusal(listen(connection), 431)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nA\x00B: c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_not_http_is_refused_as_json(server: Running, noise: bytes) -> None:
    """Noise and smuggling tricks end in a 400 in the one form of errors, or in a closed line."""
    with connected(server) as connection:
        connection.sendall(noise)
        heard = listen(connection)

    assert heard.end != "open"
    last = heard.data[heard.data.rfind(b"HTTP/1.1 ") :]
    if b"chunked" in noise and heard.status == 200:
        return  # answered before its body was looked at, and closed at the bad chunk
    check_refusal(Heard(last, "closed"), 400)


def test_connections_are_bounded(server: Running) -> None:
    """The one too many is told to come again, and a place that is left is free again."""
    open_ones = [connected(server) for _ in range(5)]
    for each in open_ones:
        each.sendall(GET)
        assert each.recv(65_536)
    with connected(server) as late:
        heard = listen(late)
    for each in open_ones:
        each.close()
    ended = time.monotonic() + 30
    status = 503
    while status == 503 and time.monotonic() < ended:
        with connected(server) as again:
            again.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            status = listen(again).status

    check_refusal(heard, 503)
    assert heard.headers["retry-after"] == "1"
    assert heard.json["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryable": True}
    assert status == 200


def test_a_slow_but_steady_client_is_served(server: Running) -> None:
    """Two requests, each in two halves, on one connection."""
    with connected(server) as connection:
        for _ in range(2):
            connection.sendall(GET[:10])
            connection.sendall(GET[10:])
            assert Heard(connection.recv(65_536), "open").status == 200
