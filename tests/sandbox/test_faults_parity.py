"""The sandbox's faults against a server that writes its bytes by hand: a client sees no difference.

The sandbox reaches its faults through a server framework, the fault server through a bare socket.
What both send must end in the same way, or one of the two does not do what its name says.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from support.fault_server import FaultServer, Reply, fault_server
from support.raw_client import Heard, call, request_bytes
from support.rehearsed import Rehearsed, rehearsed

SOON = 0.2
BODY = b'{"case": 345016, "status": "open"}'
HEAD = len(Reply(BODY, keep_alive=False).wire()[0])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Rehearsed]:
    """Run one sandbox for this module."""
    with rehearsed() as running:
        yield running


async def from_server(server: FaultServer, reply: Reply, **more: Any) -> Heard:
    """Hear one reply of the fault server, which lives in this loop."""
    server.plan("/", reply)
    return await asyncio.to_thread(call, "GET", f"{server.url}/", **more)


def shape(heard: Heard, whole: bytes) -> tuple[Any, ...]:
    """Describe an answer by what does not depend on its body: end, framing, what is missing."""
    if not heard.data:
        return (heard.end, "nothing")
    headers = heard.headers
    framing = "chunked" if "transfer-encoding" in headers else "close"
    if "content-length" in headers:
        framing = f"length of {int(headers['content-length']) - len(whole)} more than the truth"
    ends = heard.body.endswith(b"0\r\n\r\n") if framing == "chunked" else None
    return (heard.end, heard.status, framing, ends, len(heard.body) < len(whole))


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        ({"kind": "pass"}, Reply(BODY, keep_alive=False)),
        ({"kind": "reset"}, Reply(BODY, reset=0)),
        ({"kind": "hang"}, Reply(BODY, hang=0)),
        ({"kind": "hang_after_headers"}, Reply(BODY, hang=HEAD, keep_alive=False)),
        (
            {"kind": "reset_in_body", "after_bytes": 5},
            Reply(BODY, reset=HEAD + 5, keep_alive=False),
        ),
        (
            {"kind": "truncate", "after_bytes": 5},
            Reply(BODY, limit_data=HEAD + 5, keep_alive=False),
        ),
        (
            {"kind": "cut_chunked", "after_bytes": 5},
            Reply(BODY[:5], framing="chunked", last_chunk=b"", keep_alive=False),
        ),
        ({"kind": "cut_lengthless", "after_bytes": 5}, Reply(BODY[:5], framing="close")),
        (
            {"kind": "drip", "bytes": 4000, "interval_ms": 1},
            Reply(BODY, slicer=1, keep_alive=False),
        ),
        ({"kind": "slow", "delay_ms": 30}, Reply(BODY, latency=0.03, keep_alive=False)),
        ({"kind": "slow", "delay_ms": 30}, Reply(BODY, bandwidth=2000, keep_alive=False)),
        ({"kind": "pass"}, Reply(BODY, slow_close=0.03)),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
async def test_both_end_in_the_same_way(
    sandbox: Rehearsed, outcome: dict[str, Any], reply: Reply
) -> None:
    """End, framing and missing bytes are those of a server that writes the wire itself."""
    await asyncio.to_thread(sandbox.faults, "DELETE")
    whole = (await asyncio.to_thread(sandbox.reviews)).body
    sandbox.plan("case_reviews", "*", outcome)
    waits = {"hang": {"patience": SOON}, "hang_after_headers": {"silence": SOON}}
    more = waits.get(outcome["kind"], {})
    planned = await asyncio.to_thread(sandbox.reviews, **more)
    async with fault_server() as server:
        by_hand = await from_server(server, reply, **more)
        assert [(each.request.method, each.path) for each in server.log] == [("GET", "/")]
    assert shape(by_hand, BODY) == shape(planned, whole)


async def test_lies_that_only_a_bare_socket_tells() -> None:
    """Lengths too long and too short, chunks that are none, and whole answers of any bytes."""
    async with fault_server() as server:
        longer = await from_server(server, Reply(BODY, declared=1000, keep_alive=False))
        shorter = await from_server(server, Reply(BODY, declared=3, keep_alive=False))
        raw = await from_server(server, Reply(raw=b"220 mail\r\n", keep_alive=False))
        chunks = Reply(BODY, framing="chunked", slicer=20, last_chunk=b"zz\r\n", keep_alive=False)
        chunked = await from_server(server, chunks)
    assert (1000 - len(BODY), 3 - len(BODY)) == (longer.missing, shorter.missing)
    assert raw.data == b"220 mail\r\n"
    assert b"14\r\n" + BODY[:20] + b"\r\ne\r\n" + BODY[20:] + b"\r\nzz\r\n" == chunked.body


async def test_toxics_take_the_time_they_are_given() -> None:
    """Latency comes before the first byte, bandwidth spreads the bytes, slow close ends late."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with fault_server(sleep=sleep) as server:
        await from_server(server, Reply(BODY, latency=3.0, keep_alive=False))
        assert slept == [3.0]
        slept.clear()
        await from_server(server, Reply(BODY, bandwidth=10.0, keep_alive=False))
        assert sum(slept) == pytest.approx((HEAD + len(BODY)) / 10)
        slept.clear()
        await from_server(server, Reply(BODY, slow_close=9.0))
        assert slept == [9.0]


async def test_replies_come_in_order_and_the_last_one_stays() -> None:
    """A route's list is consumed, `*` serves the others, and every arrival is in the log."""
    replies = [Reply(status=503, keep_alive=False), Reply(reset=0), Reply(keep_alive=False)]
    routes = {"/a": replies, "*": [Reply(status=404, keep_alive=False)]}
    async with fault_server(routes) as server:
        targets = ("/a", "/a?x=1", "/b", "/a", "/a")
        heard = [await asyncio.to_thread(call, "GET", server.url + each) for each in targets]
        assert list(targets) == [each.request.target for each in server.log]
        assert (server.count("/a"), server.count("/b"), server.connections) == (4, 1, 5)
    assert [each.status if each.data else None for each in heard] == [503, None, 404, 200, 200]


async def test_a_connection_is_kept_and_its_leaving_is_seen() -> None:
    """Two requests may share a connection; a caller that goes while it waits is logged as such."""
    async with fault_server({"/": [Reply(), Reply(hang=0)]}) as server:
        (host, port), request = request_bytes("GET", f"{server.url}/")
        reader, writer = await asyncio.open_connection(host, port)
        for _ in range(2):
            writer.write(request)
        await server.until(lambda: len(server.log) == 2)
        assert (server.connections, server.open) == (1, 1)
        writer.close()
        await writer.wait_closed()
        await server.until(lambda: server.log[1].left_early)
        assert [each.left_early for each in server.log] == [False, True]
        assert server.open == 0
    assert reader is not None


async def test_what_hangs_can_be_released() -> None:
    """A hanging reply goes on where it stood."""
    async with fault_server({"/": [Reply(BODY, hang=HEAD + 4, keep_alive=False)]}) as server:
        waiting = asyncio.create_task(asyncio.to_thread(call, "GET", f"{server.url}/"))
        await server.until(lambda: len(server.log) == 1)
        server.release()
        heard = await waiting
    assert (heard.end, heard.body) == ("closed", BODY)
