"""What only our own client has to do, over real sockets: connect, keep connections, take turns."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from casegraph.errors import InvalidArgument, UpstreamUnavailable
from casegraph.transport.calls import Effect
from casegraph.transport.exchange_lean_request import address_of, encoded
from support.raw_server import always, for_ever, once, raw_server, response


async def turns() -> None:
    """Let the loop take in what has arrived."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_address_of_version_6_is_asked(open_lean: Any, call_to: Any) -> None:
    """An IPv6 literal is connected to, and stands in brackets where the server reads its name."""
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(response(b"[6]", "Connection: close"))
        writer.close()

    async with await asyncio.start_server(serve, "::1", 0) as server:
        host = f"[::1]:{server.sockets[0].getsockname()[1]}"
        reply = await open_lean().send(call_to(f"http://{host}"))
    assert reply.body == b"[6]"
    assert f"\r\nHost: {host}\r\n".encode() in heads[0]


def resolving(monkeypatch: Any, *found: Any) -> None:
    """Let every name have these addresses."""

    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


def address(server: Any) -> tuple[str, int]:
    """Return where a server listens."""
    return "127.0.0.1", int(server.origin.rpartition(":")[2])


async def test_a_name_whose_first_address_refuses_is_reached_by_the_next(
    open_lean: Any, call_to: Any, monkeypatch: Any
) -> None:
    """An address where nobody listens costs nothing but the attempt."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with raw_server(always(response(b"[2]"))) as server:
            resolving(monkeypatch, closed.getsockname(), address(server))
            reply = await open_lean().send(call_to("http://two.example"))
            assert server.requests[0].headers["host"] == "two.example"
    assert reply.body == b"[2]"


async def test_a_name_whose_first_address_swallows_all_is_reached_by_the_next(
    open_lean: Any, call_to: Any, monkeypatch: Any
) -> None:
    """A route that answers nothing is left for the next address within the connect time-out."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler = [socket.socket() for _ in range(4)]  # the backlog of a listener that never accepts
        for each in filler:
            each.settimeout(0)
            each.connect_ex(full.getsockname())
        async with raw_server(always(response(b"[2]"))) as server:
            resolving(monkeypatch, full.getsockname(), address(server))
            exchange = open_lean(connect_seconds=2.0, total_seconds=10.0)
            reply = await exchange.send(call_to("http://two.example"))
        for each in filler:
            each.close()
    assert reply.body == b"[2]"


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "-.example"])
async def test_a_name_that_can_be_none_is_unavailable(
    open_lean: Any, call_to: Any, host: str
) -> None:
    """What no resolver takes is told like a name that nobody has, or refused; never a crash."""
    with pytest.raises((UpstreamUnavailable, InvalidArgument)) as caught:
        await open_lean().send(call_to(f"http://{host}"))
    assert not getattr(caught.value, "sent", False)


@pytest.mark.parametrize(
    "origin",
    [
        "http://h:80",
        "https://h:443",
        "http://H",
        "http://h:0",
        "http://h:080",
        "http://[::1",
        "http://[0::1]",
        "http://[::1%25eth0]",
        "http://[127.0.0.1]",
        "http://h/",
        "http://h ",
        "http://.h",
        "HTTP://h",
    ],
)
def test_an_origin_has_one_form(origin: str) -> None:
    """What other spelling there is of an origin is refused, so that one origin is one pool."""
    with pytest.raises(ValueError, match=r"not|expected"):
        address_of(origin)


@pytest.mark.parametrize(
    ("origin", "host", "port", "is_tls", "is_literal"),
    [
        ("http://h.example", "h.example", 80, False, False),
        ("https://h.example", "h.example", 443, True, False),
        ("https://h.example.:8443", "h.example.", 8443, True, False),
        ("http://10.0.0.1:65535", "10.0.0.1", 65535, False, True),
        ("https://[2001:db8::1]", "2001:db8::1", 443, True, True),
    ],
)
def test_an_origin_names_where_to_connect(
    origin: str, host: str, port: int, is_tls: bool, is_literal: bool
) -> None:
    """Scheme, host and port of an origin are those that are connected to."""
    found = address_of(origin)
    assert (found.host, found.port, found.is_tls, found.is_literal) == (
        host,
        port,
        is_tls,
        is_literal,
    )


def test_a_header_that_was_good_once_is_checked_all_the_same(call_to: Any) -> None:
    """What is kept of good headers never lets a bad one pass."""
    for value in ("good", "bad\r\nx: y", "good"):
        call = call_to("http://h", headers={"x-kept": value})
        if value == "good":
            assert b"\r\nx-kept: good\r\n" in encoded(call)
        else:
            with pytest.raises(InvalidArgument):
                encoded(call)


async def test_who_waits_for_a_place_gets_it_in_turn(open_lean: Any, call_to: Any) -> None:
    """Calls beyond the pool are sent in the order in which they came."""
    async with raw_server(always(response(b"[]"))) as server:
        exchange = open_lean(pool=1)
        calls = [exchange.send(call_to(server.origin, target=f"/{n}")) for n in range(20)]
        await asyncio.gather(*calls)
        assert [request.target for request in server.requests] == [f"/{n}" for n in range(20)]
        assert server.connections == 1


async def test_each_origin_has_connections_of_its_own(open_lean: Any, call_to: Any) -> None:
    """Two servers behind one exchange never see each other's calls, and both are kept."""
    async with (
        raw_server(always(response(b"[1]"))) as one,
        raw_server(always(response(b"[2]"))) as other,
    ):
        exchange = open_lean(pool=1)
        for _ in range(3):
            assert (await exchange.send(call_to(one.origin))).body == b"[1]"
            assert (await exchange.send(call_to(other.origin))).body == b"[2]"
        assert (one.connections, other.connections) == (1, 1)


async def test_a_connection_that_its_server_has_ended_is_not_used(
    open_lean: Any, call_to: Any
) -> None:
    """An end that has come in while nobody asked costs no call."""
    async with raw_server(once(response(b"[]"))) as server:
        exchange = open_lean()
        for _ in range(5):
            await exchange.send(call_to(server.origin))
            await turns()
        assert (server.connections, len(server.requests)) == (5, 5)


async def test_a_connection_is_not_kept_for_longer_than_its_server_says(
    open_lean: Any, call_to: Any
) -> None:
    """A server that waits for a second is asked over a new connection each time."""
    async with raw_server(always(response(b"[]", "Keep-Alive: timeout=1"))) as server:
        exchange = open_lean()
        for _ in range(3):
            await exchange.send(call_to(server.origin))
        assert server.connections == 3


class Leaving(threading.Thread):
    """A server that answers one call a connection, and ends it when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.go, self.gone = threading.Event(), threading.Event()
        self.methods: list[bytes] = []

    def run(self) -> None:
        """Serve two connections."""
        with self.listener:
            for _ in range(2):
                connection, _ = self.listener.accept()
                with connection:
                    self.methods.append(connection.recv(65536).partition(b" ")[0])
                    connection.sendall(response(b"[]"))
                    self.go.wait(10)
                self.gone.set()


@pytest.mark.parametrize("effect", [Effect.ONCE, Effect.REPEATABLE])
async def test_what_changes_something_is_not_sent_into_an_end(
    open_lean: Any, call_to: Any, effect: Any
) -> None:
    """An end that has arrived but that the loop has not seen yet loses no call with an effect."""
    server = Leaving()
    server.start()
    exchange = open_lean()
    await exchange.send(call_to(server.origin))
    server.go.set()
    assert server.gone.wait(10)  # without a turn of the loop
    reply = await exchange.send(call_to(server.origin, method="POST", effect=effect, body=b"{}"))
    server.join(10)
    assert reply.status == 200
    assert server.methods == [b"GET", b"POST"]


async def test_closing_twice_is_closing_once(open_lean: Any, call_to: Any) -> None:
    """Whoever closes again finds nothing to do and does not hang."""
    async with raw_server(for_ever) as server:
        exchange = open_lean()
        waiting = asyncio.create_task(exchange.send(call_to(server.origin)))
        await asyncio.wait([waiting], timeout=0.05)
        await asyncio.wait_for(asyncio.gather(exchange.close(), exchange.close()), 5)
        with pytest.raises(UpstreamUnavailable):
            await waiting


async def test_closing_ends_a_handshake_that_hangs(open_lean: Any, call_to: Any) -> None:
    """A call that waits for its connection is told at once, unsent, when the gateway stops."""
    arrived = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        arrived.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        exchange = open_lean(total_seconds=30.0, connect_seconds=30.0)
        call = asyncio.create_task(exchange.send(call_to(origin)))
        await arrived.wait()
        await asyncio.wait_for(exchange.close(), 5)
        with pytest.raises(UpstreamUnavailable) as caught:
            await call
    assert (caught.value.sent, caught.value.what) == (False, "the gateway is stopping")
