"""Requests that offer another protocol are answered in this one, body and all, on a real socket."""

import json
import socket
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from casegraph.serving import Running, start_in_thread
from support.raw_client import Heard, listen

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
CLOSING = b"Connection: close\r\n"
BODY = b'{"query": "{ __typename }"}'


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what has come."""
    if scope["type"] == "http":
        request = Request(scope, receive)
        body = (await request.body()).decode()
        told = {"line": [request.method, str(request.url.path), request.url.query], "body": body}
        told |= {"headers": [name for name, _ in request.headers.items()]}
        await JSONResponse(told)(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Return a server."""
    with start_in_thread(app) as running:
        yield running


def post(offer: bytes, *more: bytes, body: bytes = BODY) -> bytes:
    """Return a request with a body."""
    head = b"POST /graphql?a=%C3%A4 HTTP/1.1\r\nHost: x\r\nX-Own: 1\r\nX-Own: 2\r\n"
    return head + offer + b"".join(more) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def heard(server: Running, *pieces: bytes) -> Heard:
    """Send a request in pieces, each after what was sent before has been taken, and listen."""
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        return listen(connection)


def closing(request: bytes) -> bytes:
    """Return a request that ends its connection."""
    return request.replace(b"Connection: ", b"Connection: close, ", 1)


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET])
def test_what_was_sent_with_an_offer_is_taken(server: Running, offer: bytes) -> None:
    """Line, headers but the offer, and body are what they are without it."""
    plain = heard(server, post(CLOSING)).json
    told = heard(server, closing(post(offer))).json

    assert told["line"] == plain["line"] == ["POST", "/graphql", "a=%C3%A4"]
    assert told["body"] == plain["body"] == BODY.decode()
    assert told["headers"].count("x-own") == 2
    assert "upgrade" not in told["headers"]


def test_it_may_come_in_any_pieces(server: Running) -> None:
    """Wherever a read ends, in the head or in the body."""
    request = closing(post(H2C))
    for at in range(1, len(request), 7):
        assert heard(server, request[:at], request[at:]).json["body"] == BODY.decode()
    each = [request[at : at + 1] for at in range(len(request))]
    assert heard(server, *each).json["body"] == BODY.decode()


def test_a_chunked_body_is_taken_too(server: Running) -> None:
    """Its length is told behind the head only."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n"
    request = closing(head) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

    assert heard(server, request).json["body"] == BODY.decode()


def test_a_large_body_is_taken_too(server: Running) -> None:
    """It is read as far as somebody takes it, like any other."""
    body = b"x" * 3_000_000

    assert heard(server, closing(post(H2C, body=body))).json["body"] == body.decode()


def test_a_connection_goes_on_behind_an_offer(server: Running) -> None:
    """What follows at once is another request, with an offer or without."""
    bodies = [b"1", b"22", b"333", b"4444"]
    requests = [
        post(H2C, body=bodies[0]),
        post(b"", body=bodies[1]),
        post(WEBSOCKET, body=bodies[2]),
        post(CLOSING, body=bodies[3]),
    ]

    answers = heard(server, b"".join(requests))

    parts = answers.data.split(b"\r\n\r\n")[1:]
    told = [json.loads(part.partition(b"HTTP/1.1 ")[0]) for part in parts]
    assert [each["body"].encode() for each in told] == bodies


def test_a_thousand_offers_may_come_at_once(server: Running) -> None:
    """Each is a turn of a loop, and not a call within the call before."""
    requests = [post(H2C, body=b"%d" % each) for each in range(1_500)]

    answers = heard(server, b"".join([*requests, post(CLOSING)]))

    assert answers.end == "closed"
    assert answers.data.count(b"HTTP/1.1 200 OK") == len(requests) + 1


def test_an_offer_without_a_body_is_a_request_too(server: Running) -> None:
    """As a browser's page would make one that looks for a WebSocket."""
    told = heard(server, b"GET /a HTTP/1.1\r\nHost: x\r\n" + closing(WEBSOCKET) + b"\r\n").json

    assert (told["line"], told["body"]) == (["GET", "/a", ""], "")


def test_who_wants_a_tunnel_gets_none(server: Running) -> None:
    """What a proxy would do is not asked of the application with a body."""
    answer = heard(server, b"CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\nhello")

    assert (answer.status, answer.end) == (400, "closed")
