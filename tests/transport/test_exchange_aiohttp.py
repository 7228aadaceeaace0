"""What only the exchange over aiohttp has to do: it stands on the parts below the session."""

import asyncio
from typing import Any

import pytest

from casegraph.errors import UpstreamUnavailable
from casegraph.transport.calls import Effect
from support.raw_server import always, once, raw_server, response

TARGETS = (
    "/v1/a%2Fb/c%2fd/%7E~/%41",
    "/v1//double//",
    "/v1/;a=1,b='(!)*$&+:@",
    "/v1/x?a=%20+b&&=&c=%3d;d",
    "/v1/x?q=/../?",
    '/v1/"<>[]{}|^`\\',
    "/v1/...",
)


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_is_sent_byte_for_byte(open_strict: Any, call_to: Any, target: str) -> None:
    """Nothing is quoted anew, nothing resolved, nothing folded together."""
    async with raw_server(always(response(b"[]"))) as server:
        await open_strict().send(call_to(server.origin, target=target))
        assert [request.target for request in server.requests] == [target]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_no_header_is_added_to_a_request(open_strict: Any, call_to: Any, method: str) -> None:
    """A body has a length and no type that nobody named; without one only the writing say so."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_strict()
        for body in (b"{}", b"", None):
            call = call_to(server.origin, method=method, effect=Effect.REPEATABLE, body=body)
            await exchange.send(call)
        usual = {"host", "accept", "accept-encoding", "user-agent"}
        told = [
            (request.headers.keys() - usual, request.headers.get("content-length"))
            for request in server.requests
        ]
    length = {"content-length"}
    empty = (set(), None) if method == "GET" else (length, "0")
    assert told == [(length, "2"), (length, "0"), empty]


async def test_a_second_answer_behind_the_first_is_nobodys_answer(
    open_strict: Any, call_to: Any
) -> None:
    """What comes in one piece with an answer and is more than it ends the connection."""
    answers = [response(b"[1]") + response(b"[666]"), response(b"[2]")]

    async def answer(visit: Any) -> None:
        await visit.send(answers.pop(0))

    async with raw_server(answer) as server:
        exchange = open_strict()
        replies = [await exchange.send(call_to(server.origin)) for _ in range(2)]
        assert (server.connections, len(server.requests)) == (2, 2)
    assert [reply.body for reply in replies] == [b"[1]", b"[2]"]


@pytest.mark.parametrize(
    "headers",
    [["X-Long: " + "x" * 9000], [f"X-{number}: 1" for number in range(200)]],
    ids=["long", "many"],
)
async def test_headers_beyond_the_bounds_are_refused(
    open_strict: Any, call_to: Any, headers: list[str]
) -> None:
    """A header of more than 8 KiB and more than 128 headers are no answer."""
    async with raw_server(once(response(b"[]", *headers))) as server:
        with pytest.raises(UpstreamUnavailable) as caught:
            await open_strict().send(call_to(server.origin))
    assert caught.value.sent


async def test_connections_end_when_they_were_idle_too_long(open_strict: Any, call_to: Any) -> None:
    """A kept connection is closed after its time, although no call comes."""
    ended = asyncio.Event()

    async def answer(visit: Any) -> None:
        await visit.send(response(b"[]"))
        assert await visit.reader.read() == b""
        ended.set()

    async with raw_server(answer) as server:
        await open_strict(keep_alive_seconds=0.05).send(call_to(server.origin))
        assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 5)
