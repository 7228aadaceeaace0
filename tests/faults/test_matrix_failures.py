"""Every fault against every upstream: its own field fails, with its own cause, and nothing else.

Generated over the registry: real gateway, real sockets, the sandbox's fault plans. A gateway of its
own for each fault, because what it learns of a failing upstream is for no other test; the upstreams
share it, because their chains have nothing in common, unless it remembers them as throttled. Waits
drawn by chance are drawn as zero, so that counts are certain; their length is tested elsewhere.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from casegraph.transport import rate_gate
from support.gateway import Answer, Gateway, running_gateway
from support.registry import (
    REGISTRY,
    Asked,
    ask_everything,
    assert_no_leak,
    at,
    neighbours,
    plan_for,
    rehearsing,
)
from support.stalls import timed
from support.upstreams import Upstreams

HANG_MS = 1_500
"""Time enough for the neighbours' answers on a busy machine."""
LATE_SECONDS = 0.3
"""Promised are 100 ms after the deadline; the rest is for a machine that runs other things too."""
TOO_LONG_SECONDS = 3.0
"""A pause that no request waits out, whatever its deadline."""
WELL_MS = 8_000
SECRET = "SECRET http://10.1.2.3/internal"


@dataclass(frozen=True)
class Fault:
    """One fault and what is to come of it; `calls` is in attempts, "reads" for all there are."""

    name: str
    plan: dict[str, Any]
    code: str | None
    retryable: bool = False
    calls: int | str = 1
    wait_ms: tuple[int, int] | None = None
    deadline_ms: int = WELL_MS

    @property
    def lasts(self) -> bool:
        """Whether the gateway remembers it, so that the field would fail in later requests too."""
        return self.code == "RATE_LIMITED" or self.name == "401"


def hanging(kind: str, **more: Any) -> Fault:
    """Return a fault that lasts longer than anybody waits."""
    plan = {"kind": kind, **more}
    return Fault(kind, plan, "DEADLINE_EXCEEDED", retryable=True, deadline_ms=HANG_MS)


def cut(kind: str) -> Fault:
    """Return a fault of the connection, which a read survives by asking again."""
    return Fault(kind, {"kind": kind}, "UNAVAILABLE", retryable=True, calls="reads")


def unreadable(name: str, kind: str, **more: Any) -> Fault:
    """Return an answer that breaks the contract, and would do so again."""
    return Fault(name, {"kind": kind, **more}, "UPSTREAM_CONTRACT")


def status(code: int, ours: str, *, retryable: bool = False, calls: int | str = 1) -> Fault:
    """Return a status with a text that is for nobody but the vendor."""
    plan = {"kind": "status", "code": code, "body": json.dumps({"message": SECRET})}
    return Fault(str(code), plan, ours, retryable, calls)


def throttled(named: str, wait_ms: tuple[int, int] | None = None, calls: int | str = 1) -> Fault:
    """Return a 429 with one form of Retry-After."""
    plan = {"kind": "status", "named": named, "retry_after_seconds": 7}
    return Fault(named, plan, "RATE_LIMITED", True, calls, wait_ms)  # noqa: FBT003  by position


FAULTS = [
    hanging("hang"),
    hanging("hang_after_headers"),
    hanging("drip", bytes=1, interval_ms=1000),
    *map(cut, ("reset", "reset_in_body", "truncate", "cut_chunked", "cut_lengthless")),
    unreadable("bloat", "bloat", bytes=9 * 2**20),
    unreadable("gzip_bomb", "gzip_bomb"),
    unreadable("double_gzip", "double_gzip"),
    *(
        unreadable(f"json_{form}", "bad_json", form=form)
        for form in ("cut", "words", "nan", "deep", "huge_integer")
    ),
    unreadable("html", "html"),
    *(
        Fault(f"top_{name}", {"kind": "status", "code": 200, "body": body}, "UPSTREAM_CONTRACT")
        for name, body in (("text", '"SECRET"'), ("number", "7"), ("true", "true"))
    ),
    unreadable("redirect", "redirect", to="http://127.0.0.1:9/SECRET"),
    *(status(code, "UNAVAILABLE", retryable=True, calls="reads") for code in (500, 502, 503, 504)),
    *(status(code, "UPSTREAM_CONTRACT") for code in (301, 405, 410, 418)),
    status(426, "UNAVAILABLE"),
    status(501, "UPSTREAM_CONTRACT"),
    status(505, "UPSTREAM_CONTRACT"),
    status(401, "UNAVAILABLE", calls="proofs"),
    status(403, "UNAVAILABLE"),
    status(408, "DEADLINE_EXCEEDED", retryable=True, calls=2),
    status(409, "CONFLICT"),
    status(412, "CONFLICT"),
    status(400, "INVALID_ARGUMENT"),
    status(422, "INVALID_ARGUMENT"),
    throttled("429_seconds", (7000, 7000)),
    throttled("429_date", (3000, 8000)),  # counted from when it was written
    throttled("429_absent"),
    throttled("429_garbage"),
    throttled("429_negative"),
    throttled("429_zero", (0, 0), calls="reads"),
    throttled("429_past_date", (0, 0), calls="reads"),
    throttled("429_huge", (86_400_000, 86_400_000)),
    throttled("kayako_rate_limit_reached", (7000, 7000)),
]


@pytest.fixture(autouse=True, scope="module")
def _waits_are_short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(random.SystemRandom, "uniform", lambda _self, low, _high: low)
        # The pause after a 429 that names none; as shipped it is short enough to be waited out.
        patch.setattr(rate_gate, "UNNAMED_PAUSE_SECONDS", TOO_LONG_SECONDS)
        yield


@pytest.fixture(scope="module", params=FAULTS, ids=lambda fault: fault.name)
def spoiled(request: Any, _upstreams: Upstreams) -> Iterator[tuple[Fault, Gateway]]:
    """Return a fault and a gateway for all upstreams that meet it in turn."""
    with running_gateway(_upstreams.environment) as running:
        ask_everything(running, _upstreams)  # the first request of a gateway is the slowest
        yield request.param, running


@pytest.fixture
def own_gateway(_upstreams: Upstreams) -> Iterator[Callable[[], Gateway]]:
    """Give a function that starts a gateway of the test's own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running_gateway(_upstreams.environment))


def calls_of(asked: Asked, calls: int | str) -> int:
    """Return how many calls a fault may cost."""
    count: int = calls if isinstance(calls, int) else getattr(asked, calls)
    return count


def assert_neighbours_whole(answer: Answer, upstream: str) -> None:
    """Check that the fields of all other upstreams are complete."""
    for alias in neighbours(upstream):
        assert answer.partial[alias], alias
    assert [e for e in answer.codes if e.split(".")[0] in neighbours(upstream)] == []


@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_fault_costs_its_own_field(
    spoiled: tuple[Fault, Gateway],
    upstreams: Upstreams,
    upstream: str,
    own_gateway: Callable[[], Gateway],
) -> None:
    """One null with code, upstream and retryable; as many calls as its effect allows; no leak."""
    fault, gateway = spoiled
    asked = REGISTRY[upstream]
    if fault.lasts:
        gateway = own_gateway()
    with rehearsing(upstreams, plan_for(upstream, **fault.plan)), timed() as took:
        answer = ask_everything(gateway, upstreams, x_deadline_ms=str(fault.deadline_ms))

    assert answer.response.status_code == 200
    assert_neighbours_whole(answer, upstream)
    assert answer.partial[asked.alias] is None
    assert answer.codes == {asked.alias: fault.code}
    (error,) = answer.body["errors"]
    extensions = error["extensions"]
    assert extensions["upstream"] == upstream
    assert extensions["retryable"] is fault.retryable
    assert ("retryAfterMs" in extensions) is (fault.wait_ms is not None)
    if fault.wait_ms is not None:
        assert fault.wait_ms[0] <= extensions["retryAfterMs"] <= fault.wait_ms[1]
    assert_no_leak(answer, "10.1.2.3")
    assert sum(upstreams.calls(upstream).values()) == calls_of(asked, fault.calls)
    assert all(sum(upstreams.calls(n).values()) == 1 for n in REGISTRY if n != upstream)
    assert took.seconds <= fault.deadline_ms / 1000 + LATE_SECONDS


@pytest.fixture(scope="module")
def well(_upstreams: Upstreams) -> Iterator[Gateway]:
    """Return a gateway for faults that teach it nothing."""
    with running_gateway(_upstreams.environment) as running:
        yield running


@pytest.mark.parametrize("upstream", REGISTRY)
def test_slow_within_the_deadline_is_only_slow(
    well: Gateway, upstreams: Upstreams, upstream: str
) -> None:
    """An upstream that takes its time is waited for, and asked once."""
    with rehearsing(upstreams, plan_for(upstream, kind="slow", delay_ms=250)):
        data = ask_everything(well, upstreams).data

    assert all(data.values())
    assert sum(upstreams.calls(upstream).values()) == 1


@pytest.mark.parametrize("upstream", REGISTRY)
def test_a_wrong_type_costs_the_field_that_has_it(
    well: Gateway, upstreams: Upstreams, upstream: str
) -> None:
    """The record's other fields and all its neighbours stay; the error leads into the body."""
    asked = REGISTRY[upstream]
    pointer, field = asked.wrong
    whole = ask_everything(well, upstreams).data
    upstreams.mark()
    wrong = {"kind": "wrong_types", "path": pointer, "value": {"SECRET": [1]}}
    with rehearsing(upstreams, plan_for(upstream, **wrong)):
        answer = ask_everything(well, upstreams)

    assert answer.codes == {f"{asked.alias}.{field}": "UPSTREAM_CONTRACT"}
    (error,) = answer.body["errors"]
    assert (error["extensions"]["upstream"], error["extensions"]["retryable"]) == (upstream, False)
    assert pointer.rpartition("/")[2] in error["message"]
    place, _, name = field.rpartition(".")
    assert at(answer.partial[asked.alias], place) == {**at(whole[asked.alias], place), name: None}
    assert_neighbours_whole(answer, upstream)
    assert_no_leak(answer)
    assert sum(upstreams.calls(upstream).values()) == 1


@pytest.mark.parametrize("upstream", REGISTRY)
def test_nothing_by_this_key(well: Gateway, upstreams: Upstreams, upstream: str) -> None:
    """A 404 is no failure of the upstream: a null where the contract says none, else NOT_FOUND."""
    asked = REGISTRY[upstream]
    gone = {"kind": "status", "code": 404, "body": SECRET}
    with rehearsing(upstreams, plan_for(upstream, **gone)):
        answer = ask_everything(well, upstreams)

    assert answer.partial[asked.alias] is None
    assert answer.codes == ({} if asked.missing is None else {asked.alias: asked.missing})
    assert_neighbours_whole(answer, upstream)
    assert_no_leak(answer, "10.1.2.3")
    assert sum(upstreams.calls(upstream).values()) == 1


@pytest.mark.parametrize("upstream", REGISTRY)
def test_an_empty_body(well: Gateway, upstreams: Upstreams, upstream: str) -> None:
    """Where the contract lets it stand for nothing found it does, elsewhere it is a breach."""
    asked = REGISTRY[upstream]
    with rehearsing(upstreams, plan_for(upstream, kind="bad_json", form="empty")):
        answer = ask_everything(well, upstreams)

    assert answer.codes == ({asked.alias: "UPSTREAM_CONTRACT"} if asked.blank is None else {})
    assert answer.partial[asked.alias] == json.loads(asked.blank or "null")
    assert_neighbours_whole(answer, upstream)
    assert sum(upstreams.calls(upstream).values()) == 1


@pytest.mark.parametrize("form", ["duplicate_keys", "bad_utf8"])
@pytest.mark.parametrize("upstream", REGISTRY)
def test_what_only_some_readers_mind(
    well: Gateway, upstreams: Upstreams, upstream: str, form: str
) -> None:
    """In a field that nobody reads it changes nothing, in one that is read it is a breach."""
    asked = REGISTRY[upstream]
    whole = ask_everything(well, upstreams).data
    upstreams.mark()
    with rehearsing(upstreams, plan_for(upstream, kind="bad_json", form=form)):
        answer = ask_everything(well, upstreams)

    assert set(answer.codes.values()) <= {"UPSTREAM_CONTRACT"}
    if not answer.codes:
        assert answer.partial == whole
    assert all(path.split(".")[0] == asked.alias for path in answer.codes)
    assert_neighbours_whole(answer, upstream)
    assert_no_leak(answer)
    assert sum(upstreams.calls(upstream).values()) == 1
