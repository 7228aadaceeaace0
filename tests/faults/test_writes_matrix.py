"""Every fault against every write: what is told is what the vendor has, and it has it once.

Real gateway, real sockets, the sandbox's fault plans. Each fault is met on the write itself, once;
what the vendor has afterwards is read from its store.
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from casegraph.sandbox.faults import read_plan
from casegraph.upstreams.action_management.simulator_switches import PutMode
from support.gateway import running_gateway
from support.meddling import meddling
from support.mutations import Mutations, codes, vendor_reading
from support.upstreams import Upstreams, running_upstreams


@dataclass(frozen=True)
class Fault:
    """One fault of a write; `effect` says whether the vendor does it all the same."""

    name: str
    plan: dict[str, Any]
    effect: bool


FAULTS = [
    Fault("408 before", {"kind": "status", "code": 408}, effect=False),
    Fault("408 after", {"kind": "status_after", "code": 408}, effect=True),
    Fault("500 before", {"kind": "status", "code": 500}, effect=False),
    Fault("500 after", {"kind": "status_after", "code": 500}, effect=True),
    Fault("reset before", {"kind": "reset"}, effect=False),
    Fault("reset after", {"kind": "status_after", "then": "reset"}, effect=True),
    Fault("truncated", {"kind": "truncate"}, effect=True),
    Fault("a page of a proxy", {"kind": "html"}, effect=False),
    Fault("a redirect", {"kind": "redirect", "to": "http://127.0.0.1:9/"}, effect=False),
    # Last: the gateway remembers the wait.
    Fault("503 after, with a wait", {
        "kind": "status_after", "code": 503, "headers": {"Retry-After": "1"},
    }, effect=True),
]  # fmt: skip


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running
        running.sandbox.faults.clear()


@pytest.fixture(scope="module")
def _lab(_own: Upstreams) -> Iterator[Mutations]:
    with running_gateway(_own.environment) as ours:
        yield Mutations(ours, _own)


@pytest.fixture
def lab(_lab: Mutations) -> Iterator[Mutations]:
    """Return the gateway; no fault outlives its test."""
    yield _lab
    _lab.upstreams.sandbox.faults.clear()


def plan(lab: Mutations, upstream: str, operation: str, *outcomes: dict[str, Any]) -> None:
    """Order what happens to the next calls of one operation."""
    parts = {upstream: {"operations": {operation: list(outcomes)}}}
    lab.upstreams.sandbox.faults.install(read_plan(json.dumps({"upstreams": parts}).encode()))


@dataclass(frozen=True)
class Write:
    """A mutation that is repeatable, where it is written, and what the vendor has of it."""

    mutation: str
    upstream: str
    operation: str
    asked: Callable[[Mutations], dict[str, Any]]
    stored: Callable[[Mutations], Any]


def case_id(lab: Mutations) -> int:
    """Return the case that is written."""
    return next(iter(lab.hub.cases))


def status_item(lab: Mutations) -> str:
    """Return a status that the case has not."""
    (status,) = [each for each in lab.hub.lists if each["type"] == "status"]
    chosen = {value["id"] for value in lab.row(case_id(lab))["listValues"]}
    return next(str(each["id"]) for each in status["items"] if each["id"] not in chosen)


def newest_rating(lab: Mutations) -> Any:
    """Return the rating that is written."""
    store = lab.upstreams.world.ratings
    return store.ratings[max(store.ratings)]


CASE_WRITES = [
    Write(
        "updateCase", "action_management", "case_put",
        lambda lab: {**lab.key(case_id(lab)), "name": lab.row(case_id(lab))["name"] + "!"},
        lambda lab: lab.row(case_id(lab))["name"],
    ),
    Write(
        "setCaseListValue", "action_management", "case_put",
        lambda lab: {
            **lab.key(case_id(lab)), "listType": "STATUS", "itemId": status_item(lab),
        },
        lambda lab: copy.deepcopy(lab.row(case_id(lab))["listValues"]),
    ),
    Write(
        "deleteCase", "action_management", "case_delete",
        lambda lab: lab.key(case_id(lab)),
        lambda lab: sorted(lab.hub.cases),
    ),
    Write(
        "updateRating", "ratings", "rating_update",
        lambda lab: {
            "caseId": str(newest_rating(lab)["case_id"]),
            "ratingId": str(newest_rating(lab)["id"]),
            "comment": (newest_rating(lab)["comment"] or "") + "!",
            "hash": newest_rating(lab)["hash"],
        },
        lambda lab: newest_rating(lab)["comment"],
    ),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("write", CASE_WRITES, ids=lambda write: write.mutation)
def test_what_is_told_of_a_checkable_write_is_true(
    lab: Mutations, write: Write, fault: Fault
) -> None:
    """A write that nobody confirmed is looked for; it is done or not done, and it was sent once."""
    asked, before = write.asked(lab), write.stored(lab)
    plan(lab, write.upstream, write.operation, fault.plan)

    made = lab.make(write.mutation, **asked)

    is_done = write.stored(lab) != before
    assert is_done is fault.effect
    assert made["outcome"] == ("APPLIED" if is_done else "NOT_APPLIED"), made
    assert codes(made) == ([] if is_done else ["NOT_APPLIED"])
    assert lab.calls()[f"{write.upstream}.{write.operation}"] == 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("mutation", ["addRating", "triggerRating"])
def test_a_write_that_may_double_is_sent_once_and_never_again(
    lab: Mutations, mutation: str, fault: Fault
) -> None:
    """Nobody can tell what has become of it, and that is said; the vendor has it once at most."""
    store = lab.upstreams.world.ratings
    case = next(iter(store.cases.values()))
    asked = {"caseId": str(case["id"])}
    if mutation == "addRating":
        asked |= {"score": "GOOD", "comment": fault.name, "hash": case["hash"]}
    operation = "rating_add" if mutation == "addRating" else "rating_trigger"
    before = len(store.ratings) + len(store.triggered)
    plan(lab, "ratings", operation, fault.plan)

    made = lab.make(mutation, **asked)

    assert len(store.ratings) + len(store.triggered) - before == int(fault.effect)
    assert (made["outcome"], codes(made)) == ("UNKNOWN", ["OUTCOME_UNKNOWN"])
    assert "before" in made["userErrors"][0]["message"]
    assert lab.calls()[f"ratings.{operation}"] == 1


@pytest.mark.parametrize("mode", PutMode, ids=lambda mode: mode.name.lower())
def test_an_edit_between_reading_and_writing_is_a_conflict(lab: Mutations, mode: PutMode) -> None:
    """Somebody edits the case right after it was read: that edit stands, and is told."""
    case = case_id(lab)
    edited = threading.Event()

    async def edit_after_reading(call: Any, proceed: Any) -> None:
        await proceed(call)
        if call.operation == "case" and not edited.is_set():
            edited.set()
            lab.hub.cases[case] = {**lab.row(case), "cost": 4321}

    with vendor_reading(lab.upstreams, put_mode=mode):
        lab.version(case)  # so that the exchanged vendor's token is there
        with meddling(lab.upstreams, "action_management", edit_after_reading):
            before = lab.row(case).get("cost")
            made = lab.make("updateCase", **lab.key(case), name="Mine")
    lab.version(case)

    assert edited.is_set()
    assert made["outcome"] == "CONFLICT"
    assert made["conflict"]["fields"] == [
        {
            "field": "cost",
            "expected": before,
            "actual": 4321,
            "requested": None,
            "isExpectedKnown": True,
            "isRequested": False,
        }
    ]
    assert (lab.row(case)["cost"], lab.row(case)["name"]) == (4321, made["case"]["name"])
    assert "action_management.case_put" not in lab.calls()
    lab.hub.cases[case] = {**lab.row(case), "cost": before or 1}


def test_an_edit_right_after_the_write_is_told_beside_it(lab: Mutations) -> None:
    """Both effects stand, and the payload says that somebody else has written too."""
    case = case_id(lab)

    async def edit_after_writing(call: Any, proceed: Any) -> None:
        await proceed(call)
        if call.operation == "case_put":
            lab.hub.cases[case] = {**lab.row(case), "cost": 77}

    with meddling(lab.upstreams, "action_management", edit_after_writing):
        made = lab.make("updateCase", **lab.key(case), name="Mine again")

    assert made["outcome"] == "APPLIED"
    assert [(each["field"], each["actual"]) for each in made["conflict"]["fields"]] == [
        ("cost", 77)
    ]
    assert (lab.row(case)["name"], lab.row(case)["cost"]) == ("Mine again", 77)


def test_a_write_that_is_overwritten_at_once_is_a_conflict(lab: Mutations) -> None:
    """A change that does not stand any more when it is read back is not called applied."""
    case = case_id(lab)

    async def overwrite(call: Any, proceed: Any) -> None:
        await proceed(call)
        if call.operation == "case_put":
            lab.hub.cases[case] = {**lab.row(case), "name": "Theirs"}

    with meddling(lab.upstreams, "action_management", overwrite):
        made = lab.make("updateCase", **lab.key(case), name="Mine for a moment")

    assert made["outcome"] == "CONFLICT"
    (found,) = made["conflict"]["fields"]
    assert (found["expected"], found["actual"]) == ("Mine for a moment", "Theirs")


def test_an_upstream_that_is_down_is_told_as_not_applied(lab: Mutations) -> None:
    """What could not even be read was certainly not written."""
    plan(lab, "action_management", "case", {"kind": "status", "code": 503, "times": "forever"})

    made = lab.make("updateCase", "outcome userErrors { code upstream retryable }", **lab.key(
        case_id(lab)), name="x")  # fmt: skip

    assert made == {
        "outcome": "NOT_APPLIED",
        "userErrors": [{"code": "UNAVAILABLE", "upstream": "action_management", "retryable": True}],
    }
    assert "action_management.case_put" not in lab.calls()


def test_a_write_that_cannot_be_read_back_is_unknown(lab: Mutations) -> None:
    """The vendor said yes and then nothing more: that is no certainty, and no failure either."""
    case = case_id(lab)
    failing = {"kind": "status", "code": 503, "times": "forever"}
    plan(lab, "action_management", "case", {"kind": "pass", "times": 2}, failing)

    made = lab.make("updateCase", "outcome userErrors { code message }", **lab.key(case), name="Y")

    assert (made["outcome"], codes(made)) == ("UNKNOWN", ["OUTCOME_UNKNOWN"])
    assert lab.row(case)["name"] == "Y"
