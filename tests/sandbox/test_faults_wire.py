"""Each fault as a client without any HTTP library sees it, over real sockets."""

import gzip
import json
import threading
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from support.raw_client import Heard
from support.rehearsed import Rehearsed, rehearsed, until

SOON = 0.25
"""Seconds of silence after which something is said to hang."""
EARLY = 0.005
"""Seconds by which a loop's timer may fire before its time."""


@pytest.fixture(scope="module")
def running() -> Iterator[Rehearsed]:
    """Run one sandbox for this module."""
    with rehearsed() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Rehearsed) -> Iterator[Rehearsed]:
    """Return it without a plan, and leave it so."""
    running.faults("DELETE")
    yield running
    running.faults("DELETE")


@pytest.fixture
def whole(sandbox: Rehearsed) -> bytes:
    """Return the true body of the list of reviews."""
    return sandbox.reviews().body


def faulted(sandbox: Rehearsed, outcome: dict[str, Any], **more: Any) -> Heard:
    """Read the list of reviews under one outcome."""
    sandbox.plan("case_reviews", "*", outcome)
    return sandbox.reviews(**more)


def test_slow_waits_then_answers(sandbox: Rehearsed, whole: bytes) -> None:
    """A slow call has its answer, and not before its delay."""
    heard = faulted(sandbox, {"kind": "slow", "delay_ms": 120})
    assert (200, "closed", whole) == (heard.status, heard.end, heard.body)
    assert heard.arrivals[0] >= 0.12 - EARLY


def test_hang_sends_nothing(sandbox: Rehearsed) -> None:
    """A hanging call brings no byte, and its connection stays open."""
    heard = faulted(sandbox, {"kind": "hang"}, patience=SOON)
    assert (heard.data, heard.end) == (b"", "open")


def test_hang_after_headers_sends_headers_only(sandbox: Rehearsed, whole: bytes) -> None:
    """The headers promise a body that does not come."""
    heard = faulted(sandbox, {"kind": "hang_after_headers"}, silence=SOON)
    assert (heard.status, heard.end, heard.body) == (200, "open", b"")
    assert len(whole) == heard.missing


def test_a_call_that_hangs_is_over_when_its_caller_leaves(sandbox: Rehearsed) -> None:
    """Hanging calls are in flight until the caller goes, and not longer."""
    for kind in ("hang", "hang_after_headers"):
        faulted(sandbox, {"kind": kind}, patience=0.05)
        until(lambda: sandbox.in_flight("case_reviews") == 0)


@pytest.mark.parametrize("kind", ["hang", "hang_after_headers"])
@pytest.mark.parametrize("how", ["DELETE", "PUT"])
def test_clearing_the_plan_lets_hanging_calls_go(
    sandbox: Rehearsed, whole: bytes, kind: str, how: str
) -> None:
    """What hangs is answered in truth as soon as the plan is cleared or replaced."""
    heard: list[Heard] = []
    thread = threading.Thread(target=lambda: heard.append(faulted(sandbox, {"kind": kind})))
    thread.start()
    until(lambda: sandbox.in_flight("case_reviews") == 1)
    sandbox.faults(how, {} if how == "PUT" else None)
    thread.join(5)
    assert [(200, "closed", whole)] == [(each.status, each.end, each.body) for each in heard]


def test_drip_sends_piece_by_piece(sandbox: Rehearsed, whole: bytes) -> None:
    """The body comes in pieces of the named size, with the interval between, and is whole."""
    size = len(whole) // 3 + 1
    heard = faulted(sandbox, {"kind": "drip", "bytes": size, "interval_ms": 60})
    assert ("closed", whole) == (heard.end, heard.body)
    assert heard.arrivals[-1] - heard.arrivals[0] >= 0.12 - 2 * EARLY


def test_reset_before_headers(sandbox: Rehearsed) -> None:
    """The connection is reset before any byte."""
    heard = faulted(sandbox, {"kind": "reset"})
    assert (heard.data, heard.end) == (b"", "reset")


@pytest.mark.parametrize("after", [0, 1, 20, None])
def test_reset_in_body(sandbox: Rehearsed, whole: bytes, after: int | None) -> None:
    """The connection is reset after so many bytes of the body; by default after half."""
    heard = faulted(sandbox, {"kind": "reset_in_body", "after_bytes": after})
    kept = len(whole) // 2 if after is None else after
    assert ("reset", whole[:kept]) == (heard.end, heard.body)
    assert len(whole) - kept == heard.missing


@pytest.mark.parametrize("after", [0, 7, 10_000_000, None])
def test_truncate(sandbox: Rehearsed, whole: bytes, after: int | None) -> None:
    """The connection closes in order with bytes missing, one at the least."""
    heard = faulted(sandbox, {"kind": "truncate", "after_bytes": after})
    kept = len(whole) // 2 if after is None else min(after, len(whole) - 1)
    assert ("closed", whole[:kept]) == (heard.end, heard.body)
    assert len(whole) - kept == heard.missing


def test_cut_chunked(sandbox: Rehearsed, whole: bytes) -> None:
    """The chunks end without the last one."""
    heard = faulted(sandbox, {"kind": "cut_chunked", "after_bytes": 10})
    assert (heard.end, heard.headers["transfer-encoding"]) == ("closed", "chunked")
    assert "content-length" not in heard.headers
    assert b"a\r\n" + whole[:10] + b"\r\n" == heard.body


def test_cut_lengthless(sandbox: Rehearsed, whole: bytes) -> None:
    """Nothing tells that the body was cut: no length, no chunks."""
    heard = faulted(sandbox, {"kind": "cut_lengthless", "after_bytes": 33})
    assert (200, "closed", whole[:33]) == (heard.status, heard.end, heard.body)
    assert not {"content-length", "transfer-encoding"} & set(heard.headers)
    assert heard.headers["content-type"] == "application/json"


def test_bloat(sandbox: Rehearsed, whole: bytes) -> None:
    """The body is as long as asked, and the same JSON."""
    heard = faulted(sandbox, {"kind": "bloat", "bytes": 6_000_000})
    assert (len(heard.body), heard.missing) == (6_000_000, 0)
    assert whole == heard.body.rstrip(b" ")


def test_gzip_bomb(sandbox: Rehearsed, whole: bytes) -> None:
    """A few kilobytes on the wire become the asked megabytes."""
    heard = faulted(sandbox, {"kind": "gzip_bomb", "bytes": 20_000_000})
    assert (heard.headers["content-encoding"], heard.missing) == ("gzip", 0)
    assert len(heard.body) < 40_000
    inflated = zlib.decompress(heard.body, wbits=31)
    assert len(inflated) == 20_000_000
    assert whole == inflated.rstrip(b" ")


@pytest.mark.parametrize("size", [0, 5_000_000])
def test_double_gzip(sandbox: Rehearsed, whole: bytes, size: int) -> None:
    """Two layers of gzip are announced and are there."""
    heard = faulted(sandbox, {"kind": "double_gzip", "bytes": size})
    assert heard.headers["content-encoding"] == "gzip, gzip"
    inflated = gzip.decompress(gzip.decompress(heard.body))
    assert max(size, len(whole)) == len(inflated)


@pytest.mark.parametrize(
    "form",
    ["cut", "empty", "words", "nan", "duplicate_keys", "bad_utf8", "deep", "huge_integer"],
)
def test_bad_json(sandbox: Rehearsed, form: str) -> None:
    """HTTP is whole and says JSON; a strict reader refuses what comes, whatever the form."""
    heard = faulted(sandbox, {"kind": "bad_json", "form": form})
    assert (
        heard.status,
        heard.missing,
        heard.headers["content-type"],
    ) == (200, 0, "application/json")
    with pytest.raises((ValueError, RecursionError)):
        json.loads(heard.body, parse_constant=refuse, object_pairs_hook=no_twins)


def refuse(constant: str) -> None:
    """Refuse NaN and the infinities."""
    raise ValueError(constant)


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def test_html(sandbox: Rehearsed) -> None:
    """A page with status 200 stands where JSON was asked for."""
    heard = faulted(sandbox, {"kind": "html"})
    assert (heard.status, heard.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert heard.body.startswith(b"<!DOCTYPE html>")
    assert heard.missing == 0


def test_wrong_types_and_dropped_fields(sandbox: Rehearsed, whole: bytes) -> None:
    """Only what the path names changes: to another type, to a given value, or away."""
    true = json.loads(whole)
    wrong = faulted(sandbox, {"kind": "wrong_types", "path": "/*/id"})
    assert [row | {"id": {"unexpected": True}} for row in true] == wrong.json
    given = faulted(sandbox, {"kind": "wrong_types", "path": "/1/status", "value": None})
    assert [true[0], true[1] | {"status": None}, *true[2:]] == given.json
    dropped = faulted(sandbox, {"kind": "drop_field", "path": "/0/id"})
    assert {name: true[0][name] for name in true[0] if name != "id"} == dropped.json[0]
    assert true[1:] == dropped.json[1:]


def test_status_as_spelled_out(sandbox: Rehearsed) -> None:
    """Code, headers and body are those of the plan."""
    outcome = {"kind": "status", "code": 503, "headers": {"Retry-After": "7"}, "body": "{}"}
    heard = faulted(sandbox, outcome)
    assert (heard.status, heard.headers["retry-after"], heard.body) == (503, "7", b"{}")
    assert heard.headers["content-type"] == "application/json"


def test_status_without_a_body(sandbox: Rehearsed) -> None:
    """A status that forbids a body comes without one, and without a length."""
    heard = faulted(sandbox, {"kind": "status", "code": 204})
    assert (heard.status, heard.body, "content-length" in heard.headers) == (204, b"", False)


@pytest.mark.parametrize(
    ("named", "retry_after"),
    [
        ("429_seconds", "3"),
        ("429_absent", None),
        ("429_garbage", "soon; or a bit later"),
        ("429_zero", "0"),
        ("429_negative", "-3"),
        ("429_huge", "9" * 30),
        ("kayako_rate_limit_reached", "3"),
        ("kayako_authentication_locked", "3"),
    ],
)
def test_named_429(sandbox: Rehearsed, named: str, retry_after: str | None) -> None:
    """Each ready name is 429 with its own Retry-After."""
    heard = faulted(sandbox, {"kind": "status", "named": named, "retry_after_seconds": 3})
    assert (429, retry_after) == (heard.status, heard.headers.get("retry-after"))


@pytest.mark.parametrize(("named", "ahead"), [("429_date", True), ("429_past_date", False)])
def test_named_429_with_a_date(sandbox: Rehearsed, named: str, *, ahead: bool) -> None:
    """Retry-After may be an HTTP date, to come or past."""
    heard = faulted(sandbox, {"kind": "status", "named": named, "retry_after_seconds": 60})
    seconds = parsedate_to_datetime(heard.headers["retry-after"]).timestamp() - time.time()
    assert (50 < seconds <= 61) if ahead else (-70 < seconds < -50)


@pytest.mark.parametrize("code", ["RATE_LIMIT_REACHED", "AUTHENTICATION_LOCKED"])
def test_kayakos_own_429(sandbox: Rehearsed, code: str) -> None:
    """The body is the vendor's envelope with its code."""
    heard = faulted(sandbox, {"kind": "status", "named": f"kayako_{code.lower()}"})
    assert (429, [code]) == (heard.json["status"], [each["code"] for each in heard.json["errors"]])


def test_redirect(sandbox: Rehearsed) -> None:
    """The caller is sent to the named URL with the named code."""
    outcome = {"kind": "redirect", "to": "http://127.0.0.2:9/x?y=1", "code": 307}
    heard = faulted(sandbox, outcome)
    assert (heard.status, heard.headers["location"]) == (307, "http://127.0.0.2:9/x?y=1")
    assert heard.body == b""


@pytest.mark.parametrize("kind", ["truncate", "reset_in_body", "cut_chunked", "cut_lengthless"])
def test_an_empty_answer_can_be_cut_too(sandbox: Rehearsed, kind: str) -> None:
    """An answer without a body becomes a 200 that misses its only byte."""
    sandbox.plan("action_management", "case_delete", {"kind": kind})
    case_id = max(sandbox.hub.cases)
    heard = sandbox.case("DELETE", case_id)
    assert (200, kind == "reset_in_body") == (heard.status, heard.end == "reset")
    assert heard.body == b""
