"""Whether a write happened, as the stores say, under each fault; over real sockets."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from support.rehearsed import Rehearsed, rehearsed, until


@pytest.fixture(scope="module")
def running() -> Iterator[Rehearsed]:
    """Run one sandbox for this module."""
    with rehearsed() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Rehearsed) -> Iterator[Rehearsed]:
    """Return it without a plan, and leave it and its cases as they were."""
    running.faults("DELETE")
    before = copy.deepcopy(running.hub.cases)
    yield running
    running.faults("DELETE")
    running.hub.cases.clear()
    running.hub.cases.update(before)


BEFORE = [
    {"kind": "reset"},
    {"kind": "html"},
    {"kind": "status", "code": 408},
    {"kind": "status", "named": "429_seconds"},
    {"kind": "redirect", "to": "/elsewhere"},
    {"kind": "hang"},
]
AFTER = [
    {"kind": "status_after"},
    {"kind": "status_after", "code": 504},
    {"kind": "status_after", "then": "reset"},
    {"kind": "status_after", "then": "hang"},
    {"kind": "truncate"},
    {"kind": "reset_in_body"},
    {"kind": "cut_chunked"},
    {"kind": "cut_lengthless"},
    {"kind": "hang_after_headers"},
    {"kind": "bad_json"},
    {"kind": "slow", "delay_ms": 1},
]


def named(outcome: dict[str, Any]) -> str:
    """Name a case of a table."""
    return "-".join(str(value) for value in outcome.values())


@pytest.mark.parametrize(
    ("outcome", "happens"),
    [*((each, False) for each in BEFORE), *((each, True) for each in AFTER)],
    ids=lambda value: named(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_happens_or_not(
    sandbox: Rehearsed, outcome: dict[str, Any], method: str, *, happens: bool
) -> None:
    """Faults before the effect leave the store alone; faults after it do not take it back."""
    case_id = sandbox.world.oddities.case_with_everything
    body = None
    if method == "PUT":
        body = sandbox.case("GET", case_id).json | {"name": "Renamed"}
    sandbox.plan("action_management", f"case_{method.lower()}", outcome)
    hangs = "hang" in outcome.values() or outcome["kind"] == "hang_after_headers"
    sandbox.case(method, case_id, body, patience=0.15 if hangs else 5.0)
    until(lambda: sandbox.in_flight("action_management") == 0)

    stored = sandbox.hub.cases.get(case_id)
    changed = stored is None if method == "DELETE" else stored["name"] == "Renamed"
    assert happens is changed
    assert sandbox.faults().json["left"] == {}


def test_what_a_denied_write_answers(sandbox: Rehearsed) -> None:
    """After the effect the caller hears the code, headers and body of the plan, or a reset."""
    case_ids = sorted(sandbox.hub.cases)
    refusal = {"kind": "status_after", "code": 503, "headers": {"Retry-After": "1"}, "body": "no"}
    reset = {"kind": "status_after", "then": "reset"}
    sandbox.plan("action_management", "case_delete", {"kind": "status_after"}, refusal, reset)
    heard = [sandbox.case("DELETE", case_id) for case_id in case_ids[:3]]
    assert (heard[0].status, heard[0].body) == (408, b"")
    assert (heard[1].status, heard[1].headers["retry-after"], heard[1].body) == (503, "1", b"no")
    assert (heard[2].data, heard[2].end) == (b"", "reset")
    assert sorted(sandbox.hub.cases) == case_ids[3:]


def test_a_post_that_is_denied_has_happened(sandbox: Rehearsed) -> None:
    """A mail that was sent stays sent, whatever the answer says."""
    sent = sandbox.world.ratings.triggered
    case_id = next(iter(sandbox.world.ratings.cases))
    trigger = f"/cases/{case_id}/ratings/trigger.json"
    sandbox.plan("ratings", "rating_trigger", {"kind": "status", "code": 502}, {"kind": "reset"})
    assert sandbox.ratings(trigger, "POST").status == 502
    assert sandbox.ratings(trigger, "POST").end == "reset"
    assert sent == []
    sandbox.plan("ratings", "rating_trigger", {"kind": "status_after", "code": 502})
    assert sandbox.ratings(trigger, "POST").status == 502
    assert [case_id] == sent


def test_a_sweep_and_a_hash_can_be_aimed_at(sandbox: Rehearsed) -> None:
    """The operations that simulators tell apart within one route are known to plans."""
    sandbox.plan("case_reviews", "reviews_sweep", {"kind": "status", "code": 500})
    assert [sandbox.reviews(query).status for query in ("?case=1", "", "")] == [200, 500, 200]
    sandbox.plan("case_reviews", "reviews_count", {"kind": "status", "code": 500})
    assert [sandbox.reviews(query).status for query in ("", "?mode=count")] == [200, 500]
    sandbox.plan("ratings", "rating_by_hash", {"kind": "status", "code": 500})
    rating = next(iter(sandbox.world.ratings.ratings.values()))
    paths = (f"/cases/{rating['case_id']}/ratings/{key}" for key in (rating["id"], rating["hash"]))
    assert [sandbox.ratings(path).status for path in paths] == [200, 500]
