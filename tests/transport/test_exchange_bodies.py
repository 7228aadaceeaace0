"""How much of an answer is read, and in which coding."""

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from casegraph.errors import ContractViolation, DeadlineExceeded, UpstreamUnavailable
from support.raw_server import always, once, raw_server, response

CAP = 1000
MEGABYTE = 2**20
GZIP = "Content-Encoding: gzip"


async def fetch(open_exchange: Any, call_to: Any, data: Any, **values: Any) -> Any:
    """Return the reply to a call that is answered with these bytes."""
    async with raw_server(always(data)) as server:
        return await open_exchange().send(call_to(server.origin, **values))


async def test_a_body_of_exactly_the_cap_is_taken(open_exchange: Any, call_to: Any) -> None:
    """The cap is the largest size that passes, plain and compressed alike."""
    body = b"1" * CAP
    plain = await fetch(open_exchange, call_to, response(body), max_bytes=CAP)
    packed = response(gzip.compress(body), GZIP)
    unpacked = await fetch(open_exchange, call_to, packed, max_bytes=CAP)
    assert plain.body == unpacked.body == body


@pytest.mark.parametrize(
    "data",
    [
        response(b"1" * (CAP + 1)),
        response(gzip.compress(b"1" * (CAP + 1)), GZIP),
        response(b"1" * CAP, length=CAP + 10_000_000) + b"1" * 10,
    ],
    ids=["plain", "gzip", "length_beyond"],
)
async def test_a_body_above_the_cap_is_refused(open_exchange: Any, call_to: Any, data: Any) -> None:
    """One byte more is a breach of contract that names the cap."""
    with pytest.raises(ContractViolation, match="more than 1000 bytes"):
        await fetch(open_exchange, call_to, data, max_bytes=CAP)


async def test_an_endless_body_is_left_at_the_cap(open_exchange: Any, call_to: Any) -> None:
    """Reading stops at the cap, whatever the server goes on to send, and the connection ends."""
    ended = asyncio.Event()

    async def endless(visit: Any) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await visit.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        except OSError:
            ended.set()
            raise

    async with raw_server(endless) as server:
        with pytest.raises(ContractViolation):
            await open_exchange().send(call_to(server.origin, max_bytes=CAP))
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_gzip_bomb_costs_no_more_memory_than_the_cap(
    open_exchange: Any, call_to: Any
) -> None:
    """50 MB in 48 kB are refused after 5 MiB, with less than 16 MiB taken on the way."""
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 50_000
    async with raw_server(always(response(bomb, GZIP))) as server:
        exchange = open_exchange()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            with pytest.raises(ContractViolation, match="more than 5242880 bytes"):
                await exchange.send(call_to(server.origin))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak - before < 16 * MEGABYTE


async def test_data_after_a_gzip_body_is_not_kept(open_exchange: Any, call_to: Any) -> None:
    """A tail behind a small gzip body is refused at once, instead of filling the memory."""
    tail = gzip.compress(b"[]") + b"x" * 100

    async def answer(visit: Any) -> None:
        await visit.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        )
        await visit.send(b"%x\r\n%b\r\n" % (len(tail), tail))
        while True:
            await visit.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    async with raw_server(answer) as server:
        with pytest.raises(ContractViolation, match="after the gzip body"):
            await open_exchange().send(call_to(server.origin))


async def test_gzip_is_understood_in_any_slicing(open_exchange: Any, call_to: Any) -> None:
    """A compressed body that comes a byte at a time is the same body."""
    body = b'{"id": 1, "text": "' + bytes(range(97, 123)) * 40 + b'"}'
    packed = gzip.compress(body)

    async def answer(visit: Any) -> None:
        await visit.send(response(b"", GZIP, length=len(packed)))
        for index in range(len(packed)):
            await visit.send(packed[index : index + 1])

    async with raw_server(answer) as server:
        reply = await open_exchange().send(call_to(server.origin))
    assert reply.body == body


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "deflate", "identity, gzip", "x"])
async def test_another_coding_than_gzip_alone_is_refused(
    open_exchange: Any, call_to: Any, coding: Any
) -> None:
    """What cannot be read within the cap is not read at all."""
    data = response(gzip.compress(gzip.compress(b"[]")), f"Content-Encoding: {coding}")
    with pytest.raises(ContractViolation, match="content coding"):
        await fetch(open_exchange, call_to, data)


async def test_two_coding_headers_are_a_double_coding(open_exchange: Any, call_to: Any) -> None:
    """A coding repeated in a header of its own is refused like one in a list."""
    data = response(gzip.compress(gzip.compress(b"[]")), GZIP, GZIP)
    with pytest.raises(ContractViolation, match="content coding"):
        await fetch(open_exchange, call_to, data)


@pytest.mark.parametrize("coding", ["", "identity", "GZIP", " gzip "])
async def test_the_harmless_spellings_of_codings_are_taken(
    open_exchange: Any, call_to: Any, coding: Any
) -> None:
    """No coding under any name, and gzip in capitals, are what they say."""
    body = gzip.compress(b"[]") if "gzip" in coding.lower() else b"[]"
    reply = await fetch(open_exchange, call_to, response(body, f"Content-Encoding: {coding}"))
    assert reply.body == b"[]"


async def test_a_broken_gzip_body_is_a_breach_of_contract(open_exchange: Any, call_to: Any) -> None:
    """Bytes that are no gzip are not handed on."""
    with pytest.raises(ContractViolation, match="broken gzip"):
        await fetch(open_exchange, call_to, response(b"not gzip at all", GZIP))


async def test_a_truncated_gzip_body_is_unavailable(open_exchange: Any, call_to: Any) -> None:
    """A gzip stream without its end was cut, although the framing says it is complete."""
    with pytest.raises(UpstreamUnavailable, match="cut short"):
        await fetch(open_exchange, call_to, response(gzip.compress(b"[1, 2]")[:-4], GZIP))


async def test_an_empty_body_needs_no_gzip_frame(open_exchange: Any, call_to: Any) -> None:
    """A coding named on an answer without a body is no fault."""
    reply = await fetch(open_exchange, call_to, response(b"", GZIP, status="404 Not Found"))
    assert (reply.status, reply.body) == (404, b"")


async def test_what_is_left_of_a_refused_body_is_nobodys_answer(
    open_exchange: Any, call_to: Any
) -> None:
    """After a refused body the next call gets its own answer."""
    answers = [response(b"1" * (CAP + 1), length=16 * MEGABYTE), response(b"[2]")]

    async def answer(visit: Any) -> None:
        await visit.send(answers.pop(0))

    async with raw_server(answer) as server:
        exchange = open_exchange()
        with pytest.raises(ContractViolation):
            await exchange.send(call_to(server.origin, max_bytes=CAP))
        reply = await exchange.send(call_to(server.origin, max_bytes=CAP))
    assert reply.body == b"[2]"


async def test_a_time_out_within_gzip_is_a_time_out(open_exchange: Any, call_to: Any) -> None:
    """A compressed body that stops half-way is late, not broken."""
    packed = gzip.compress(b"[1, 2, 3]")

    async def answer(visit: Any) -> None:
        await visit.send(response(packed[:10], GZIP, length=len(packed)))
        await asyncio.get_running_loop().create_future()

    async with raw_server(answer) as server:
        with pytest.raises(DeadlineExceeded):
            await open_exchange(total_seconds=0.1).send(call_to(server.origin))


async def test_huge_headers_are_refused(open_exchange: Any, call_to: Any) -> None:
    """A header block of a megabyte is not read to its end."""
    data = response(b"[]", "X-Large: " + "x" * MEGABYTE)
    async with raw_server(once(data)) as server:
        with pytest.raises(UpstreamUnavailable):
            await open_exchange().send(call_to(server.origin))
