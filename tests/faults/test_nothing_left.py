"""A request that failed is freed as it ends, and does not wait for the collector of cycles.

While an upstream is down every request fails, and the collector walks the whole heap seldom: what
a failure leaves behind is held by the thousand just when the machine has other worries.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from casegraph.errors import CasegraphError
from casegraph.loading.loader import Loader
from casegraph.telemetry.observer import RequestRecord
from support.gateway import running_gateway
from support.leaving import LeavingClient
from support.registry import (
    EVERYTHING,
    REGISTRY,
    ask_everything,
    plan_for,
    rehearsing,
    variables,
)
from support.rehearsed import until
from support.upstreams import Upstreams

HANG_MS = 400
FEW_CALLS = {"CASEGRAPH_FUSE_CALLS": "2", "CASEGRAPH_LIMITS__CALLS": "1000"}
LINKED = """query($hub: ID!) {
  cases(hubId: $hub, first: 3) { nodes { notes { nodes { text } } ratings { nodes { ratingId } } } }
}"""
WELL_MS = 8_000
PLANS: dict[str, dict[str, Any]] = {
    "no fault": {"kind": "slow", "delay_ms": 20},  # and long enough for the client to be watched
    "hang": {"kind": "hang"},
    "reset": {"kind": "reset"},
    "truncate": {"kind": "truncate"},
    "gzip_bomb": {"kind": "gzip_bomb"},
    "bad_json": {"kind": "bad_json"},
    "500": {"kind": "status", "code": 500},
    "429": {"kind": "status", "named": "429_seconds", "retry_after_seconds": 7},
}


@contextmanager
def no_collector() -> Iterator[None]:
    """Leave cycles alone meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def collected() -> list[str]:
    """Return the parts of requests that only the collector can free, and free them."""
    kinds = (RequestRecord, Loader, CasegraphError, HttpToolsProtocol)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [repr(each) for each in gc.garbage if isinstance(each, kinds) or _is_frame(each)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def _is_frame(each: object) -> bool:
    """Return whether something is a frame of the gateway's; the sandbox is in this process too."""
    if not isinstance(each, FrameType):
        return False
    where = each.f_code.co_filename
    return "/casegraph/" in where and not any(part in where for part in ("/sandbox/", "simulator"))


def test_a_refused_request_is_freed_as_it_ends(upstreams: Upstreams) -> None:
    """Nor is one that may make no more calls, which fails before any is made."""
    asked = {"hub": variables(upstreams)["hub"]}
    with running_gateway(upstreams.environment | FEW_CALLS) as gateway:
        for _ in range(2):
            gateway.ask(LINKED, asked)
        with no_collector():
            assert "LIMIT_EXCEEDED" in gateway.ask(LINKED, asked).codes.values()
            until(lambda: gateway.in_hand() == 0)
            left = collected()

    assert left == []


def test_a_request_that_was_left_is_freed_as_it_ends(upstreams: Upstreams) -> None:
    """Nor is one whose client has gone while all of its calls were under way."""
    traffic = upstreams.sandbox.traffic
    with running_gateway(upstreams.environment) as gateway:
        for _ in range(2):
            assert ask_everything(gateway, upstreams).codes == {}
        with no_collector(), rehearsing(upstreams, plan_for(*REGISTRY, kind="hang")):
            client = LeavingClient(gateway, EVERYTHING, variables(upstreams))
            until(lambda: all(traffic[name].snapshot()["in_flight"] for name in REGISTRY))
            client.leave()
            until(lambda: not any(traffic[name].snapshot()["in_flight"] for name in REGISTRY))
            until(lambda: gateway.in_hand() == 0)
            left = collected()

    assert left == []


@pytest.mark.parametrize("fault", PLANS)
def test_a_failed_request_is_freed_as_it_ends(upstreams: Upstreams, fault: str) -> None:
    """Whatever failed in every upstream, no record, loader or error of it is in a cycle."""
    deadline = str(HANG_MS if fault == "hang" else WELL_MS)
    failed = set() if fault == "no fault" else {each.alias for each in REGISTRY.values()}
    plan = plan_for(*REGISTRY, **PLANS[fault])
    with running_gateway(upstreams.environment) as gateway:
        for _ in range(2):  # until it has a plan: graphql-core's executor is a cycle by itself
            assert ask_everything(gateway, upstreams).codes == {}
        with no_collector(), rehearsing(upstreams, plan):
            for _ in range(2):
                answer = ask_everything(gateway, upstreams, X_Deadline_Ms=deadline)
                assert set(answer.codes) == failed
            until(lambda: gateway.in_hand() == 0)
            left = collected()

    assert left == []
