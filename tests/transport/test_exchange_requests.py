"""What leaves the exchange: exactly the call, and nothing of anybody else's."""

import itertools
import re
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import CasegraphError, InvalidArgument
from casegraph.transport.bodies import check_target
from casegraph.transport.calls import Call, Effect, Reply
from support.hostile_ids import HOSTILE_IDS
from support.raw_server import always, for_ever, once, raw_server, response

SECRET = "c4n4ry"


def printed(error: Any) -> Any:
    """Return everything that a log could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.__dict__)


async def test_cookies_are_neither_kept_nor_sent(open_exchange: Any, call_to: Any) -> None:
    """A cookie of one answer is in no later request, however it is set."""
    cookie = response(b"[]", "Set-Cookie: session=1; Path=/", "Set-Cookie: other=2")
    async with raw_server(always(cookie)) as server:
        exchange = open_exchange()
        for _ in range(3):
            await exchange.send(call_to(server.origin))
        assert [request for request in server.requests if "cookie" in request.headers] == []
        assert len(server.requests) == 3


async def test_the_environment_has_no_say(
    open_exchange: Any, call_to: Any, monkeypatch: Any, tmp_path: Any
) -> None:
    """Proxies and credentials of the environment are not used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    async with (
        raw_server(always(response(b"[]"))) as proxy,
        raw_server(always(response(b"[]"))) as server,
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
            monkeypatch.setenv(name.lower(), proxy.origin)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("NETRC", str(netrc))
        await open_exchange().send(call_to(server.origin))
        assert (proxy.connections, len(server.requests)) == (0, 1)
        assert "authorization" not in server.requests[0].headers


BAD_VALUES = (
    f"{SECRET}\r\nX-Evil: 1",
    f"{SECRET}\n",
    f"{SECRET}\r",
    f"{SECRET}\0",
    f" {SECRET}",
    f"{SECRET} ",
    f"{SECRET}é",
    f"{SECRET}\u2028",
    f"{SECRET}\ud800",
    f"{SECRET}\x7f",
    "",
)
BAD_NAMES = ("", "x y", "x:", "x\r\nX-Evil", "é", "x\0", "(x)")
OUR_NAMES = ("Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade")


@pytest.mark.parametrize(
    "headers",
    [{"authorization": value} for value in BAD_VALUES]
    + [{name: SECRET} for name in (*BAD_NAMES, *OUR_NAMES)],
)
async def test_a_header_that_could_inject_is_refused_unsent(
    open_exchange: Any, call_to: Any, headers: Any
) -> None:
    """Nothing is sent, the caller is told, and the value is nowhere in what is told."""
    async with raw_server(always(response(b"[]"))) as server:
        with pytest.raises(InvalidArgument) as caught:
            await open_exchange().send(call_to(server.origin, headers=headers))
        assert server.connections == 0
    assert SECRET not in printed(caught.value)


@pytest.mark.parametrize("method", ["", "get", "GET /x HTTP/1.1\r\nX:", "G\0T", "GËT"])
async def test_a_method_that_could_inject_is_refused_unsent(
    open_exchange: Any, call_to: Any, method: Any
) -> None:
    """Only plain upper-case methods are sent."""
    async with raw_server(always(response(b"[]"))) as server:
        with pytest.raises(InvalidArgument):
            await open_exchange().send(call_to(server.origin, method=method))
        assert server.connections == 0


@pytest.mark.parametrize("template", ["/v1/cases/{}/notes", "/v1/cases/{}", "/{}", "{}"])
async def test_no_target_changes_host_or_path(
    open_exchange: Any, call_to: Any, template: Any
) -> None:
    """Raw hostile text in a target is refused, or arrives at this server byte for byte."""
    async with (
        raw_server(always(response(b"[]"))) as server,
        raw_server(always(response(b"[]"))) as elsewhere,
    ):
        exchange = open_exchange()
        here, there = (each.origin.removeprefix("http://") for each in (server, elsewhere))
        extra = (f"@{there}/x", f"http://{there}/", f"//{there}/", f"\\\\{there}")
        sent = []
        for hostile in itertools.chain(HOSTILE_IDS, extra):
            target = template.format(hostile)
            try:
                await exchange.send(call_to(server.origin, target=target))
            except InvalidArgument:
                continue
            else:
                sent.append(target)
        assert [request.target for request in server.requests] == sent
        assert {request.headers["host"] for request in server.requests} <= {here}
        assert elsewhere.connections == 0
    climbing = {"..", "."}
    assert [each for each in sent if climbing & set(each.partition("?")[0].split("/"))] == []


@pytest.mark.parametrize(
    "target", ["/v1/../x", "/v1/.", "/..", "/v1/%2e%2E/x", "/v1/.%2e?x=1", "/%2E?x"]
)
async def test_a_path_that_climbs_is_refused_unsent(
    open_exchange: Any, call_to: Any, target: Any
) -> None:
    """Segments that anybody on the way would resolve are not sent, also with their dots escaped."""
    async with raw_server(always(response(b"[]"))) as server:
        with pytest.raises(InvalidArgument):
            await open_exchange().send(call_to(server.origin, target=target))
        assert server.connections == 0


@pytest.mark.parametrize(
    "origin",
    [
        "http://user:pw@127.0.0.1:1",
        "http://127.0.0.1:1/base",
        "ftp://127.0.0.1:1",
        "127.0.0.1:1",
        "http://127.0.0.1:1?x=",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:1\r\n",
        "",
    ],
)
async def test_an_origin_is_scheme_host_and_port_only(
    open_exchange: Any, call_to: Any, origin: Any
) -> None:
    """An origin that carries anything more is refused."""
    with pytest.raises(InvalidArgument):
        await open_exchange().send(call_to(origin))


async def test_no_representation_shows_a_secret(call_to: Any) -> None:
    """Calls and replies print neither target, headers nor bodies."""
    call = call_to(
        "http://127.0.0.1:1",
        target=f"/{SECRET}?token={SECRET}",
        headers={"authorization": SECRET},
        body=SECRET.encode(),
    )
    reply = Reply(200, {"set-cookie": SECRET}, SECRET.encode())
    for value in (call, reply):
        for text in (repr(value), str(value), f"{value}"):
            assert SECRET not in text


@pytest.mark.parametrize(
    "answer",
    [
        once(b""),
        once(SECRET.encode()),
        once(response(SECRET.encode(), length=1000)),
        once(response(SECRET.encode(), f"Content-Encoding: {SECRET}")),
        once(response(SECRET.encode(), "Content-Encoding: gzip")),
        once(b"HTTP/1.1 200 OK\r\nX: " + SECRET.encode() + b"\0\r\n\r\n"),
        once(b"HTTP/1.1 200 OK\r\n\r\n" + SECRET.encode()),
        for_ever,
        always(response(SECRET.encode() * 200)),
    ],
    ids=["cut", "noise", "short", "coding", "gzip", "header", "no_json", "hang", "large"],
)
async def test_no_failure_shows_a_secret(open_exchange: Any, call_to: Any, answer: Any) -> None:
    """Whatever goes wrong, the error repeats nothing of the call and nothing of the answer."""
    async with raw_server(answer) as server:
        call = call_to(
            server.origin,
            target=f"/{SECRET}?token={SECRET}",
            headers={"authorization": f"Bearer {SECRET}"},
            method="POST",
            body=SECRET.encode(),
            max_bytes=100,
        )
        with pytest.raises(CasegraphError) as caught:
            await open_exchange(total_seconds=0.2).send(call)
        host = server.origin.removeprefix("http://")
    assert SECRET not in printed(caught.value)
    assert host not in printed(caught.value)


TARGETS = st.text(max_size=20) | st.lists(
    st.sampled_from(
        ["/", ".", "..", "%2e", "%2E", "%2f", "a", "?", "#", " ", "\x7f", "\n", "~", "!"]
    )
).map("".join)


@given(TARGETS | TARGETS.map("/".__add__))
def test_a_target_is_visible_ascii_and_climbs_nowhere(target: Any) -> None:
    """For any text: refused unless it is a path of visible signs whose segments all stay."""
    is_visible = re.fullmatch(r"/[!-\"$-~]*", target) is not None
    segments = re.sub("%2e", ".", target.partition("?")[0], flags=re.IGNORECASE).split("/")
    call = Call("u", "o", Effect.READ, "GET", "http://h", target)
    if is_visible and {".", ".."}.isdisjoint(segments):
        check_target(call)
        return
    with pytest.raises(InvalidArgument):
        check_target(call)
