"""The exchange against servers that fail in every way a connection can."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest

from casegraph.errors import ContractViolation, DeadlineExceeded, UpstreamUnavailable
from casegraph.transport.calls import Effect
from support.raw_server import always, for_ever, once, raw_server, response

GENEROUS_SECONDS = 2.0
"""Far above every configured total, far below what the server would take without one."""


def closed_port() -> Any:
    """Return an origin nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


async def drip(visit: Any) -> None:
    """Send headers at once and then a body a byte at a time, each at once when it can be taken."""
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    while True:
        await visit.send(b"x")
        await asyncio.sleep(0)


async def drip_headers(visit: Any) -> None:
    """Never come to the end of the headers."""
    await visit.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await visit.send(b"A: b\r\n")
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def headers_only(visit: Any) -> None:
    """Send headers and then nothing."""
    await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    await for_ever(visit)


async def only_informational(visit: Any) -> None:
    """Ask for patience for ever."""
    while True:
        await visit.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0)


async def test_a_complete_answer_comes_back_as_it_is(open_exchange: Any, call_to: Any) -> None:
    """Status, headers in lower case and the body reach the caller; the request arrives whole."""
    async with raw_server(always(response(b"[1]", "X-Odd: A", status="418 Odd"))) as server:
        call = call_to(
            server.origin,
            method="POST",
            target="/v1/a%2Fb?c=d%20e",
            headers={"accept": "application/json"},
            body=b"{}",
        )
        reply = await open_exchange().send(call)
        (request,) = server.requests
    assert (reply.status, reply.headers["x-odd"], reply.body) == (418, "A", b"[1]")
    assert (request.method, request.target, request.body) == ("POST", "/v1/a%2Fb?c=d%20e", b"{}")
    assert request.headers == {
        "host": server.origin.removeprefix("http://"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "casegraph",
        "content-length": "2",
    }


@pytest.mark.parametrize("answer", [drip, headers_only, for_ever, only_informational])
async def test_one_total_time_out_bounds_the_whole_call(
    open_exchange: Any, call_to: Any, answer: Any
) -> None:
    """However the server stays alive, the call ends at its total time-out, as sent."""
    async with raw_server(answer) as server:
        exchange = open_exchange(total_seconds=0.1)
        started = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineExceeded) as caught:
            await exchange.send(call_to(server.origin))
        elapsed = asyncio.get_running_loop().time() - started
    assert caught.value.sent
    assert elapsed < GENEROUS_SECONDS


async def test_headers_without_end_do_not_fill_the_memory(open_exchange: Any, call_to: Any) -> None:
    """A header block that never ends is given up, by size or by time."""
    async with raw_server(drip_headers) as server:
        with pytest.raises((UpstreamUnavailable, DeadlineExceeded)):
            await open_exchange(total_seconds=0.3).send(call_to(server.origin))


async def test_a_refused_connection_sent_nothing(open_exchange: Any, call_to: Any) -> None:
    """Nobody at the port is unavailable, safe to repeat, and no host is named."""
    origin = closed_port()
    with pytest.raises(UpstreamUnavailable) as caught:
        await open_exchange().send(call_to(origin, effect=Effect.ONCE, method="POST"))
    assert not caught.value.sent
    assert "127.0.0.1" not in str(caught.value)


async def test_a_connection_that_is_never_made_ends_as_unsent(
    open_exchange: Any, call_to: Any
) -> None:
    """A listener that accepts nobody is unavailable after the connect time-out."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        filler = [socket.socket() for _ in range(4)]  # the backlog of a listener that never accepts
        for each in filler:
            each.settimeout(0)
            each.connect_ex(address)
        exchange = open_exchange(connect_seconds=0.1, total_seconds=5.0)
        with pytest.raises(UpstreamUnavailable) as caught:
            await exchange.send(call_to(f"http://127.0.0.1:{address[1]}"))
        for each in filler:
            each.close()
    assert not caught.value.sent


async def test_an_unknown_host_sent_nothing(open_exchange: Any, call_to: Any) -> None:
    """A name that does not resolve is unavailable, safe to repeat, and is not repeated."""
    with pytest.raises(UpstreamUnavailable) as caught:
        await open_exchange().send(call_to("http://nobody.invalid"))
    assert not caught.value.sent
    assert "nobody" not in str(caught.value)


async def reset_at_once(visit: Any) -> None:
    """Cut the connection instead of answering."""
    visit.reset()


@pytest.mark.parametrize(
    "answer",
    [
        reset_at_once,
        once(b""),
        once(b"HTTP/1.1 200 OK\r\nContent-"),
        once(response(b'{"id": 1}', length=100)),
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"),
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
        once(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n[]"),
        once(b"SSH-2.0-OpenSSH_9.6\r\n"),
        once(b"HTTP/9.9 200 OK\r\n\r\n"),
        once(b"HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_a_broken_answer_is_unavailable_after_sending(
    open_exchange: Any, call_to: Any, answer: Any
) -> None:
    """Resets, truncation and broken framing are one cause: it was sent and no answer came."""
    async with raw_server(answer) as server:
        with pytest.raises(UpstreamUnavailable) as caught:
            await open_exchange().send(call_to(server.origin))
        assert len(server.requests) == 1
    assert caught.value.sent


async def test_a_body_cut_at_any_byte_is_never_taken_for_whole(
    open_exchange: Any, call_to: Any
) -> None:
    """Under Content-Length, chunks or no length at all, each cut of a body is noticed."""
    body = b'[{"id": 12}, {"id": 3.5}]'
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19\r\n" + body
    whole = {
        "length": (response(body, "Connection: close"), len(body)),
        "chunked": (chunked + b"\r\n0\r\n\r\n", len(body) + 7),
        "none": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, len(body)),
    }
    exchange = open_exchange()
    taken = []
    for framing, (data, cuts) in whole.items():
        for cut in range(1, cuts + 1):
            async with raw_server(once(data[:-cut])) as server:
                try:
                    await exchange.send(call_to(server.origin))
                    taken.append((framing, cut))
                except UpstreamUnavailable:
                    continue
    assert taken == []


async def test_an_answer_without_length_is_taken_when_it_is_whole(
    open_exchange: Any, call_to: Any
) -> None:
    """An old server that ends a good body by closing is understood."""
    async with raw_server(once(b"HTTP/1.0 200 OK\r\n\r\n[1]")) as server:
        reply = await open_exchange().send(call_to(server.origin))
    assert reply.body == b"[1]"


@pytest.mark.parametrize(
    ("head", "effect"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Effect.READ),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Effect.READ),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Effect.REPEATABLE),
    ],
)
async def test_an_empty_answer_is_whole_where_no_body_is_needed(
    open_exchange: Any, call_to: Any, head: Any, effect: Any
) -> None:
    """No content, an error and a written change need no body, however the answer ends."""
    async with raw_server(once(head)) as server:
        reply = await open_exchange().send(call_to(server.origin, effect=effect))
    assert reply.body == b""


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(open_exchange: Any, call_to: Any, status: Any) -> None:
    """The redirect itself is the answer; the server it names is never asked."""
    async with raw_server(always(response(b"[]"))) as other:
        moved = response(b"", f"Location: {other.origin}/stolen", status=status)
        async with raw_server(always(moved)) as server:
            reply = await open_exchange().send(
                call_to(server.origin, headers={"authorization": "Bearer secret"})
            )
            assert len(server.requests) == 1
        assert other.connections == 0
    assert reply.status == int(status[:3])


async def test_connections_are_kept_and_used_again(open_exchange: Any, call_to: Any) -> None:
    """Calls one after the other share one connection."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_exchange()
        for _ in range(5):
            await exchange.send(call_to(server.origin))
        assert (server.connections, len(server.requests)) == (1, 5)


async def test_a_call_is_sent_once_when_a_kept_connection_breaks(
    open_exchange: Any, call_to: Any
) -> None:
    """Not even a GET is repeated down here, although the connection had been good before."""
    answers = [response(b"[1]")]

    async def answer(visit: Any) -> None:
        if answers:
            await visit.send(answers.pop())
        else:
            visit.reset()

    async with raw_server(answer) as server:
        exchange = open_exchange()
        await exchange.send(call_to(server.origin))
        with pytest.raises(UpstreamUnavailable) as caught:
            await exchange.send(call_to(server.origin))
        assert (server.connections, len(server.requests)) == (1, 2)
    assert caught.value.sent


async def test_what_a_server_says_unasked_is_nobodys_answer(
    open_exchange: Any, call_to: Any
) -> None:
    """A second answer on an idle connection is not taken for that to the next call."""
    visits = []

    async def answer(visit: Any) -> None:
        visits.append(visit)
        await visit.send(response(b"[1]"))

    async with raw_server(answer) as server:
        exchange = open_exchange()
        await exchange.send(call_to(server.origin))
        await visits[0].send(response(b"[666]"))
        for _ in range(20):  # turns of the loop, so that the client has it
            await asyncio.sleep(0)
        with suppress(UpstreamUnavailable):  # as unsent: its connection was given up
            assert (await exchange.send(call_to(server.origin))).body == b"[1]"
        assert len(server.requests) in {1, 2}
        reply = await exchange.send(call_to(server.origin))
    assert reply.body == b"[1]"


async def test_a_switch_of_protocols_is_no_answer(open_exchange: Any, call_to: Any) -> None:
    """A server that wants to speak something else does not hang the call."""
    async with raw_server(
        once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello")
    ) as server:
        try:
            reply = await open_exchange(total_seconds=0.5).send(call_to(server.origin))
        except (UpstreamUnavailable, ContractViolation):
            return
    assert reply.status == 101


async def test_closing_ends_the_calls_on_the_wire_as_unavailable(
    open_exchange: Any, call_to: Any
) -> None:
    """A caller that waits when the gateway stops is told so, and is not cancelled."""
    arrived = asyncio.Event()

    async def hold(visit: Any) -> None:
        arrived.set()
        await for_ever(visit)

    async with raw_server(hold) as server:
        exchange = open_exchange()
        waiting = asyncio.create_task(exchange.send(call_to(server.origin)))
        await arrived.wait()
        await exchange.close()
        with pytest.raises(UpstreamUnavailable):
            await waiting
