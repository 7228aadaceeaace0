"""Rows of the failure matrix that a status or a body cannot stand for: doors, paces, neighbours.

Generated over the registry, like its sister `test_matrix_failures`: real gateways, real sockets.
"""

import random
import re
import socket
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message

from casegraph.sandbox.traffic import Call, Proceed
from support.crowd import at_once
from support.gateway import Gateway, plain_client, running_gateway
from support.meddling import meddling
from support.registry import (
    EXTENSIONS,
    REGISTRY,
    ask_everything,
    ask_some,
    assert_no_leak,
    neighbours,
    plan_for,
    rehearsing,
)
from support.rehearsed import until
from support.stalls import timed
from support.upstreams import Upstreams, running_upstreams

HANGING = 20
"""Clients that wait for an upstream which hangs."""


@pytest.fixture(autouse=True, scope="module")
def _waits_are_short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random.SystemRandom, "uniform", lambda _self, low, _high: low)
        yield


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose counts begin here."""
    _own.mark()
    return _own


def moved(own: Upstreams, upstream: str, origin: str) -> dict[str, str]:
    """Return settings under which one upstream stands elsewhere."""
    setting = f"CASEGRAPH_{upstream.upper()}__URL"
    url = re.sub(r"^http://[^/]+", origin, own.environment[setting])
    return {**own.environment, setting: url}


@pytest.mark.parametrize("upstream", REGISTRY)
def test_nobody_listens(own: Upstreams, upstream: str) -> None:
    """A closed port is UNAVAILABLE, worth another try, and its address stays here."""
    with socket.socket() as taken:  # and not listened at, so that nobody else takes it
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with running_gateway(moved(own, upstream, f"http://127.0.0.1:{port}")) as gateway:
            answer = ask_everything(gateway, own)
            figures = gateway.client.get(f"{gateway.url}/metrics").text

    alias = REGISTRY[upstream].alias
    assert answer.codes == {alias: "UNAVAILABLE"}
    assert all(answer.partial[each] for each in neighbours(upstream))
    (error,) = answer.body["errors"]
    assert error["extensions"].keys() == EXTENSIONS - {"retryAfterMs"}
    assert error["extensions"]["retryable"] is True
    assert_no_leak(answer, str(port))
    operation = REGISTRY[upstream].operation.removesuffix("_sweep")
    labels = f'operation="{operation}",outcome="unreachable",upstream="{upstream}"'
    reads = REGISTRY[upstream].reads
    assert f"casegraph_upstream_attempts_total{{{labels}}} {float(reads)}" in figures


@pytest.mark.parametrize("where", ["elsewhere", "here"])
@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_redirect_takes_the_credentials_nowhere(
    own: Upstreams, upstream: str, where: str
) -> None:
    """Neither another server nor another path of the same one sees a call of ours."""
    with (
        socket.socket() as door,
        running_gateway(own.environment) as gateway,
    ):
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.settimeout(0)
        elsewhere = f"http://127.0.0.1:{door.getsockname()[1]}/login"
        target = elsewhere if where == "elsewhere" else f"{own.base}/again"
        with rehearsing(own, plan_for(upstream, kind="redirect", to=target, code=307)):
            answer = ask_everything(gateway, own)
        with pytest.raises(BlockingIOError):
            door.accept()

    assert answer.codes == {REGISTRY[upstream].alias: "UPSTREAM_CONTRACT"}
    assert sum(own.calls(upstream).values()) == 1
    assert_no_leak(answer, "login", "again")


@pytest.mark.parametrize("content_type", [b"text/plain", b"text/html", b"", None])
@pytest.mark.parametrize("upstream", REGISTRY)
def test_what_parses_is_read_whatever_it_is_called(
    own: Upstreams, upstream: str, content_type: bytes | None
) -> None:
    """One vendor labels JSON as text; a wrong or absent content type costs nothing."""

    async def relabel(call: Call, proceed: Proceed) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [each for each in message["headers"] if each[0] != b"content-type"]
                named = [] if content_type is None else [(b"content-type", content_type)]
                message = {**message, "headers": [*kept, *named]}
            await call.send(message)

        await proceed(replace(call, send=send))

    with running_gateway(own.environment) as gateway:
        whole = ask_everything(gateway, own).data
        with meddling(own, upstream, relabel):
            assert ask_everything(gateway, own).data == whole


@pytest.mark.parametrize("upstream", REGISTRY)
def test_an_error_page_of_any_kind_is_only_its_status(own: Upstreams, upstream: str) -> None:
    """Empty, HTML, half a JSON or bytes that are no text: reading an error's body never fails."""
    bodies: list[dict[str, Any]] = [
        {"body": body, "headers": {"content-type": kind}}
        for body in (
            "",
            "<html>SECRET",
            '{"errors": [',
            '{"errors": 7}',
            "[[[[",
            "\x00\x7f",
            "null",
        )
        for kind in ("text/html", "application/json")
    ]
    with running_gateway(own.environment) as gateway:
        for body in bodies:
            with rehearsing(own, plan_for(upstream, kind="status", code=400, **body)):
                answer = ask_some(gateway, own, upstream)
            assert answer.codes == {REGISTRY[upstream].alias: "INVALID_ARGUMENT"}
            assert_no_leak(answer)

    assert sum(own.calls(upstream).values()) == len(bodies)


@pytest.mark.parametrize("upstream", REGISTRY)
def test_fifty_callers_respect_one_pause(own: Upstreams, upstream: str) -> None:
    """Once one of them was told to wait, not one of fifty goes; all are told how long."""
    with running_gateway(own.environment) as gateway:
        fault = {"kind": "status", "named": "429_seconds", "retry_after_seconds": 30, "times": 1}
        with rehearsing(own, plan_for(upstream, **fault)):
            ask_some(gateway, own, upstream)
            own.mark()
            answers = at_once(gateway, 50, lambda each: ask_some(each, own, upstream))

    assert own.calls(upstream) == {}
    for answer in answers:
        assert answer.codes == {REGISTRY[upstream].alias: "RATE_LIMITED"}
        assert 0 < answer.body["errors"][0]["extensions"]["retryAfterMs"] <= 30_001


@pytest.mark.parametrize("reset_as", ["epoch", "seconds"])
def test_a_quota_that_is_told_is_never_overdrawn(own: Upstreams, reset_as: str) -> None:
    """Thirty questions one after the other against ten a window: the vendor never says 429."""
    quota = {"limit": 10, "window_ms": 60_000, "reset_as": reset_as}
    with (
        running_gateway(own.environment) as gateway,
        rehearsing(own, {"ratings": {"quota": quota}}),
    ):
        answers = [ask_some(gateway, own, "ratings") for _ in range(30)]
        applied = own.sandbox.faults.applied()

    assert "quota" not in str(applied)
    assert [bool(each.codes) for each in answers] == [False] * 10 + [True] * 20
    assert {code for each in answers for code in each.codes.values()} == {"RATE_LIMITED"}
    assert sum(own.calls("ratings").values()) == 10


@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_missing_field_is_null_and_nothing_else(own: Upstreams, upstream: str) -> None:
    """What the vendor leaves out is simply not there; the record stands."""
    asked = REGISTRY[upstream]
    pointer, field = asked.wrong
    with running_gateway(own.environment) as gateway:
        whole = ask_some(gateway, own, upstream).data[asked.alias]
        with rehearsing(own, plan_for(upstream, kind="drop_field", path=pointer)):
            answer = ask_some(gateway, own, upstream).data[asked.alias]

    for name in field.split(".")[:-1]:
        place = int(name) if name.isdigit() else name
        whole, answer = whole[place], answer[place]
    assert answer == {**whole, field.rpartition(".")[2]: None}


def median_ms(gateway: Gateway, own: Upstreams, upstream: str) -> float:
    """Return the median time of twenty questions to one upstream."""
    took = []
    for _ in range(20):
        with timed() as asking:
            assert ask_some(gateway, own, upstream).data
        took.append(asking.seconds)
    return statistics.median(took) * 1000


@pytest.mark.parametrize("dead", REGISTRY)
def test_a_hanging_upstream_leaves_the_others_as_quick_as_they_were(
    own: Upstreams, dead: str
) -> None:
    """While twenty requests hang on one, the median of the other three hardly moves."""
    well = next(name for name in REGISTRY if name != dead)
    stop = threading.Event()
    with running_gateway({**own.environment, "CASEGRAPH_DEADLINE_MS": "3000"}) as gateway:
        ask_everything(gateway, own)
        before = median_ms(gateway, own, well)

        def hang(_number: int) -> None:
            with plain_client() as client:
                while not stop.is_set():
                    ask_some(Gateway(gateway.url, client), own, dead)
                    stop.wait(0.2)

        with rehearsing(own, plan_for(dead, kind="hang")), ThreadPoolExecutor(HANGING) as pool:
            hanging = [pool.submit(hang, number) for number in range(HANGING)]
            try:
                until(lambda: gateway.in_hand() >= HANGING / 2)  # now and then one begins anew
                during = median_ms(gateway, own, well)
            finally:
                stop.set()  # or a failure would wait for threads that never end
            for each in hanging:
                each.result(timeout=30)

    # The twenty clients share this process and its two cores; a queue would cost 3 s.
    assert during <= 3 * before + 60
