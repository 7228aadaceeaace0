"""How our own client reads answers: like aiohttp over a corpus, alike in any slicing, never odd."""

import asyncio
import gzip
import zlib
from sys import getrefcount
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import UpstreamError, UpstreamUnavailable
from casegraph.transport.calls import Call, Effect, Reply
from casegraph.transport.exchange_lean_connection import Connection
from support.raw_server import once, raw_server, response
from support.wire import Wire

BODY = b'{"id": 1}'
CHUNKED = b'5\r\n{"id"\r\n4\r\n: 1}\r\n0\r\n\r\n'


def head(*lines: str, start: str = "HTTP/1.1 200 OK") -> bytes:
    """Return the head of an answer."""
    return "\r\n".join((start, *lines, "", "")).encode("latin-1")


def a_call(method: str = "GET", max_bytes: int = 10_000) -> Call:
    """Return a call; nothing of it but method and cap matters here."""
    return Call("u", "o", Effect.READ, method, "http://h", "/x", max_bytes=max_bytes)


async def read(*pieces: bytes, is_ended: bool = True, **values: Any) -> tuple[Any, Connection]:
    """Return what an answer in these pieces is taken for, at the end of the connection if need be.

    Nothing is awaited but an outcome that is there: whatever hung would fail at once.
    """
    wire = Wire()
    connection = Connection(wire, 5.0)
    connection.connection_made(cast("asyncio.Transport", wire))
    outcome = connection.ask(a_call(**values), b"GET", 60.0)
    for piece in filter(None, pieces):
        if wire.is_aborted:
            break
        connection.data_received(piece)
    if is_ended and not outcome.done():
        connection.eof_received()
        connection.connection_lost(None)
    assert outcome.done()
    return outcome.result(), connection


CORPUS = {
    "plain": response(BODY),
    "no_reason": head("Content-Length: 9", start="HTTP/1.1 200") + BODY,
    "empty_reason": head("Content-Length: 9", start="HTTP/1.1 200 ") + BODY,
    "reason_in_utf8": head("Content-Length: 9", start="HTTP/1.1 200 Sch\xc3\xb6n") + BODY,
    "chunked": head("Transfer-Encoding: chunked") + CHUNKED,
    "chunked_in_capitals": head("TRANSFER-ENCODING: CHUNKED") + CHUNKED,
    "chunk_extensions": head("Transfer-Encoding: chunked")
    + b'9;a=b;c="d"\r\n%b\r\n0;x\r\n\r\n' % BODY,
    "trailers": head("Transfer-Encoding: chunked")
    + b"9\r\n%b\r\n0\r\nX-Sum: 1\r\nContent-Encoding: gzip\r\n\r\n" % BODY,
    "padded_chunk_size": head("Transfer-Encoding: chunked") + b"9 \r\n%b\r\n0\r\n\r\n" % BODY,
    "chunks_ended_by_line_feeds": head("Transfer-Encoding: chunked") + b"9\n%b\n0\n\n" % BODY,
    "chunked_with_length": head("Transfer-Encoding: chunked", "Content-Length: 9") + CHUNKED,
    "identity_coding": head("Transfer-Encoding: identity", "Content-Length: 9") + BODY,
    "same_length_twice": head("Content-Length: 9", "Content-Length: 9") + BODY,
    "two_lengths": head("Content-Length: 9", "Content-Length: 8") + BODY,
    "list_of_lengths": head("Content-Length: 9, 9") + BODY,
    "signed_length": head("Content-Length: +9") + BODY,
    "length_in_hex": head("Content-Length: 0x9") + BODY,
    "no_length": head("Content-Length: ") + BODY,
    "overflowing_length": head(f"Content-Length: {10**22}") + BODY,
    "spaced_length": head("Content-Length:   9  ") + BODY,
    "until_close": head("Connection: close") + BODY,
    "http_1_0": head(start="HTTP/1.0 200 OK") + BODY,
    "http_1_0_with_length": head("Content-Length: 9", start="HTTP/1.0 200 OK") + BODY,
    "http_1_2": head("Content-Length: 9", start="HTTP/1.2 200 OK") + BODY,
    "204": head(start="HTTP/1.1 204 No Content"),
    "204_with_length": head("Content-Length: 9", start="HTTP/1.1 204 No Content"),
    "304_with_length": head("Content-Length: 9", start="HTTP/1.1 304 Not Modified"),
    "304": head('ETag: "x"', start="HTTP/1.1 304 Not Modified"),
    "205": head(start="HTTP/1.1 205 Reset Content"),
    "404_empty": head("Content-Length: 0", start="HTTP/1.1 404 Not Found"),
    "100_before": head(start="HTTP/1.1 100 Continue") + response(BODY),
    "103_before": head("Link: x", start="HTTP/1.1 103 Early Hints") + response(BODY),
    "many_before": head("X: y", start="HTTP/1.1 102 Processing") * 200 + response(BODY),
    "repeated_header": response(BODY, "X: 1", "X: 2"),
    "header_without_value": response(BODY, "X:"),
    "header_without_space": response(BODY, "X:1"),
    "header_between_tabs": response(BODY, "X:\t1\t"),
    "header_in_utf8": response(BODY, "X: \xc3\xbc"),
    "nul_in_header": response(BODY, "X: a\0b"),
    "space_before_colon": response(BODY, "X : 1"),
    "header_without_name": response(BODY, ": 1"),
    "header_without_colon": response(BODY, "Xyz"),
    "line_feeds": b"HTTP/1.1 200 OK\nContent-Length: 9\n\n" + BODY,
    "one_line_feed": b"HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 9\r\n\r\n" + BODY,
    "carriage_returns": b"HTTP/1.1 200 OK\rContent-Length: 9\r\r" + BODY,
    "line_before": b"\r\n" + response(BODY),
    "line_behind": response(BODY) + b"\r\n",
    "two_answers": response(BODY) + response(b"[]"),
    "status_99": head("Content-Length: 9", start="HTTP/1.1 99 X") + BODY,
    "status_600": head("Content-Length: 9", start="HTTP/1.1 600 X") + BODY,
    "status_1000": head("Content-Length: 9", start="HTTP/1.1 1000 X") + BODY,
    "status_2x0": head("Content-Length: 9", start="HTTP/1.1 2x0 X") + BODY,
    "gzip": response(gzip.compress(BODY), "Content-Encoding: gzip"),
    "gzip_cut": response(gzip.compress(BODY)[:-3], "Content-Encoding: gzip"),
    "two_gzip_members": response(gzip.compress(BODY) * 2, "Content-Encoding: gzip"),
    "deflate": response(zlib.compress(BODY), "Content-Encoding: deflate"),
    "nothing": b"",
    "noise": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a_tls_alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "half_a_head": b"HTTP/1.1 200 OK\r\n",
    "offer_of_an_upgrade": response(BODY, "Upgrade: h2c", "Connection: upgrade"),
    "header_of_8000": response(BODY, "X: " + "x" * 8000),
    "header_of_9000": response(BODY, "X: " + "x" * 9000),
    "128_headers": response(BODY, *(f"X-{number}: 1" for number in range(127))),
    "129_headers": response(BODY, *(f"X-{number}: 1" for number in range(128))),
}


async def taken_for(exchange: Any, call: Call) -> Any:
    """Return a reply's parts, or what the caller is told instead."""
    try:
        reply = await exchange.send(call)
    except UpstreamError as error:
        return type(error), str(error), error.sent
    return reply.status, dict(reply.headers), reply.body


@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS)
async def test_answers_are_read_as_aiohttp_reads_them(
    open_lean: Any, open_aiohttp: Any, call_to: Any, data: bytes
) -> None:
    """Good and bad, an answer is the same reply or the same error over both clients."""
    async with raw_server(once(data)) as server:
        call = call_to(server.origin)
        ours, theirs = [await taken_for(each(), call) for each in (open_lean, open_aiohttp)]
    assert ours == theirs


@pytest.mark.parametrize(
    "data",
    [
        head("Transfer-Encoding: gzip") + gzip.compress(BODY),
        head("Transfer-Encoding: gzip, chunked") + CHUNKED,
        head("Transfer-Encoding: chunked, gzip") + CHUNKED,
        head("Content-Length: 9", start="HTTP/2.0 200 OK") + BODY,
        head("Content-Length: 9", start="HTTP/0.9 200 OK") + BODY,
        head("Upgrade: x", "Connection: upgrade", start="HTTP/1.1 101 Switching") + b"hello",
        head(start="HTTP/1.1 101 Switching") + response(BODY),
        response(BODY, "X: 1\r\n  2"),
        response(BODY, "X: a\x01b"),
        response(BODY, "X: a\x7fb"),
    ],
    ids=range(10),
)
async def test_what_aiohttp_lets_pass_is_no_answer(data: bytes) -> None:
    """Other transfer codings, other versions, another protocol, folded and unprintable headers."""
    outcome, connection = await read(data)
    assert isinstance(outcome, UpstreamUnavailable)
    assert outcome.sent
    assert not connection.is_ready


async def test_an_idle_connection_holds_no_body() -> None:
    """It may be idle for minutes, and a body be megabytes."""
    outcome, connection = await read(response(BODY), is_ended=False)
    assert connection.is_ready
    assert getrefcount(outcome.body) == getrefcount(bytes(bytearray(BODY))) + 1  # the reply's own


@pytest.mark.parametrize("tail", [b"junk", b"H", response(b"[666]"), b"\0"])
async def test_bytes_behind_an_answer_end_the_connection(tail: bytes) -> None:
    """The answer stands; nothing is ever read as that to the next call."""
    for first in (response(BODY), head("Transfer-Encoding: chunked") + CHUNKED):
        outcome, connection = await read(first + tail, is_ended=False)
        assert outcome.body == BODY
        assert not connection.is_ready


async def test_bytes_between_calls_end_the_connection() -> None:
    """What comes when nobody has asked is nobody's, be it a whole answer."""
    outcome, connection = await read(response(BODY), is_ended=False)
    assert outcome.body == BODY
    assert connection.is_ready
    connection.data_received(response(b"[666]"))
    assert not connection.is_ready


@pytest.mark.parametrize(
    "data",
    [
        head("Content-Length: 9"),
        head("Transfer-Encoding: chunked"),
        head("Content-Length: 0"),
        head("Content-Length: 9", start="HTTP/1.1 404 Not Found"),
        head(start="HTTP/1.1 404 Not Found"),
    ],
    ids=["length", "chunked", "empty", "missing", "none"],
)
async def test_an_answer_to_head_has_no_body(data: bytes) -> None:
    """It is whole with its head, whatever that says of a body; its connection is not used again."""
    outcome, connection = await read(data, is_ended=False, method="HEAD")
    assert (outcome.status, outcome.body) == (404 if b"404" in data else 200, b"")
    assert not connection.is_ready


@pytest.mark.parametrize(
    "endless",
    [
        b"HTTP/1.1 200 " + b"x" * 60_000,
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 60_000,
        head("Transfer-Encoding: chunked") + b"2;" + b"x" * 60_000,
        head("Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\nX: ",
    ],
    ids=["reason", "value", "name", "extension", "trailer"],
)
async def test_what_never_comes_to_an_end_is_given_up(endless: bytes) -> None:
    """64 KiB that bring neither a head's end nor a piece of a body are the end."""
    outcome, connection = await read(endless, *(b"x" * 1000 for _ in range(66)), is_ended=False)
    assert isinstance(outcome, UpstreamUnavailable)
    assert not connection.is_ready


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_a_large_body_may_come_in_one_piece(framing: str) -> None:
    """The bound on what brings nothing is none on a body, however much comes at once."""
    body = b'"' + b"x" * 999_998 + b'"'
    framed = body if "Length" in framing else b"f4240\r\n%b\r\n0\r\n\r\n" % body
    data = head(framing) + framed
    for cut in (len(data), 200_000, 40):
        outcome, connection = await read(data[:cut], data[cut:], is_ended=False, max_bytes=10**6)
        assert outcome.body == body
        assert connection.is_ready


async def test_an_error_while_the_connection_ends_cuts_an_answer_without_length() -> None:
    """Only a regular end ends such a body; a reset cuts it, be it JSON so far."""
    wire = Wire()
    connection = Connection(wire, 5.0)
    connection.connection_made(cast("asyncio.Transport", wire))
    outcome = connection.ask(a_call(), b"", 60.0)
    connection.data_received(head("Connection: close") + b"[1]")
    connection.connection_lost(ConnectionResetError())
    assert isinstance(outcome.result(), UpstreamUnavailable)
    assert wire.is_lost


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("timeout=3", 2.0),
        ("max=100, Timeout=4", 3.0),
        ('timeout="2"', 1.0),
        ("timeout=60", 5.0),
        ("timeout=1", 0.0),
        ("timeout=0", -1.0),
        ("timeout=x", 5.0),
        ("nothing", 5.0),
        ("", 5.0),
    ],
)
async def test_the_shorter_patience_counts(told: str, seconds: float) -> None:
    """A connection is kept a second less than its server says, and never longer than we like."""
    _, connection = await read(response(BODY, f"Keep-Alive: {told}"), is_ended=False)
    assert connection.kept_seconds == seconds


JSON_BODIES = st.binary(max_size=400).map(lambda data: b'"%b"' % data.hex().encode())
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-One", "x-one", "Etag", "Set-Cookie"]), st.text("ab ,;=", max_size=20)
    ),
    max_size=8,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Reply, bool]:
    """Return the bytes of a good answer, what it says, and whether it ends by closing."""
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 429, 500, 599]))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    body = b"" if status in {204, 304} else draw(JSON_BODIES)
    headers = draw(HEADERS)
    packed = gzip.compress(body) if (is_packed := bool(body) and draw(st.booleans())) else body
    lines = [f"{name}: {value}" for name, value in headers]
    lines += ["Content-Encoding: gzip"] if is_packed else []
    if framing == "length":
        lines.append(f"Content-Length: {len(packed)}")
        framed = packed
    elif framing == "chunked" and status not in {204, 304}:
        lines.append("Transfer-Encoding: chunked")
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(packed) - 1)), max_size=4)))
        parts = [packed[a:b] for a, b in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
        framed += b"0\r\n\r\n"
    else:
        lines.append("Connection: close")
        framed = packed
    before = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * draw(st.integers(0, 2))
    start = f"HTTP/1.1 {status} {draw(st.sampled_from(['OK', '', 'A b']))}"
    expected: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key, value = name.lower(), value.strip(" ")
        expected[key] = f"{expected[key]}, {value}" if key in expected else value
    is_until_close = "Connection: close" in lines and status not in {204, 304}
    return (
        before + head(*lines, start=start) + framed,
        Reply(status, expected, body),
        is_until_close,
    )


@given(answers(), st.data())
async def test_an_answer_is_the_same_in_any_slicing(
    answer: tuple[bytes, Reply, bool], data: st.DataObject
) -> None:
    """Status, headers and body do not depend on where the network cuts; nor does what follows."""
    raw, expected, is_until_close = answer
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=12)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    outcome, connection = await read(*pieces, is_ended=is_until_close)
    assert outcome == expected
    assert connection.is_ready == ("connection" not in expected.headers)


@given(answers())
async def test_an_answer_cut_anywhere_is_no_answer(answer: tuple[bytes, Reply, bool]) -> None:
    """However an answer is framed, none of its beginnings is taken for it."""
    raw, expected, _ = answer
    for cut in range(len(raw)):
        outcome, connection = await read(raw[:cut])
        if isinstance(outcome, Reply):
            # Only one whose body ends with the connection, and where that may be so.
            assert "content-length" not in expected.headers
            assert "transfer-encoding" not in expected.headers
            assert expected.status >= 300
        else:
            assert isinstance(outcome, UpstreamUnavailable)
        assert not connection.is_ready


@given(answers(), st.data())
async def test_no_corruption_hangs_or_raises(
    answer: tuple[bytes, Reply, bool], data: st.DataObject
) -> None:
    """Whatever bytes come, the outcome is a reply or one of the declared errors, at once."""
    raw = bytearray(answer[0])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        kind = data.draw(st.sampled_from(["set", "drop", "add"]))
        if kind == "set":
            raw[place] = data.draw(st.integers(0, 255))
        elif kind == "add":
            raw[place:place] = data.draw(st.binary(min_size=1, max_size=4))
        elif len(raw) > 1:
            del raw[place]
    cut = data.draw(st.integers(0, len(raw)))
    outcome, connection = await read(bytes(raw[:cut]), bytes(raw[cut:]))
    assert isinstance(outcome, Reply | UpstreamError)
    if isinstance(outcome, Reply):
        assert len(outcome.body) <= 10_000
    connection.abort()
    assert not connection.is_ready
