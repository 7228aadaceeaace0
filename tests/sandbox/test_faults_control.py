"""The control endpoint of faults: seen, set, refused, cleared, over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.sandbox.faults import load_plan
from casegraph.sandbox.server import build
from casegraph.sandbox.world import build_world
from casegraph.serving import start_in_thread
from support.raw_client import call
from support.rehearsed import Rehearsed, rehearsed

PLAN = {
    "seed": 5,
    "upstreams": {
        "ratings": {
            "pace": {"interval_ms": 1.5},
            "operations": {"case_summaries": [{"kind": "status", "code": 503, "times": 2}]},
        },
        "case_reviews": {"operations": {"*": [{"kind": "reset"}]}},
    },
}


@pytest.fixture(scope="module")
def running() -> Iterator[Rehearsed]:
    """Run one sandbox for this module."""
    with rehearsed() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Rehearsed) -> Rehearsed:
    """Return it without a plan."""
    running.faults("DELETE")
    return running


def test_without_a_plan(sandbox: Rehearsed) -> None:
    """Nothing is left and nothing was applied."""
    heard = sandbox.faults()
    assert (heard.status, heard.json) == (200, {"left": {}, "applied": {}})


def test_a_plan_is_put_and_counts_down(sandbox: Rehearsed) -> None:
    """PUT answers the plan as it stands; GET shows what is left and what happened."""
    assert ((put := sandbox.faults("PUT", PLAN)).status, put.json["left"]) == (200, PLAN)
    assert sandbox.ratings().status == 503
    assert sandbox.reviews().end == "reset"
    seen = sandbox.faults().json
    once = {"kind": "status", "code": 503}
    ratings = {"pace": {"interval_ms": 1.5}, "operations": {"case_summaries": [once]}}
    assert {"seed": 5, "upstreams": {"ratings": ratings}} == seen["left"]
    assert seen["applied"]["ratings"]["case_summaries"] == {"status": 1}
    assert seen["applied"]["case_reviews"]["reviews_sweep"] == {"reset": 1}


def test_a_plan_replaces_the_one_before(sandbox: Rehearsed) -> None:
    """A second plan does not add to the first; DELETE leaves none."""
    sandbox.faults("PUT", PLAN)
    sandbox.plan("ratings", "case_summaries", {"kind": "status", "code": 418})
    assert sandbox.ratings().status == 418
    assert sandbox.reviews().status == 200
    sandbox.faults("PUT", PLAN)
    assert sandbox.faults("DELETE").status == 204
    assert sandbox.faults().json == {"left": {}, "applied": {}}
    assert (sandbox.ratings().status, sandbox.reviews().status) == (200, 200)


@pytest.mark.parametrize(
    ("plan", "spot"),
    [
        ([], "plan: "),
        ({"upstreams": {"nobody": {}}}, "upstreams.nobody: "),
        (
            {"upstreams": {"ratings": {"operations": {"reviews": []}}}},
            "upstreams.ratings.operations.reviews: ",
        ),
        (
            {"upstreams": {"ratings": {"operations": {"*": [{"kind": "slow"}]}}}},
            "upstreams.ratings.operations.*[0]: ",
        ),
    ],
)
def test_a_bad_plan_is_400_and_changes_nothing(sandbox: Rehearsed, plan: Any, spot: str) -> None:
    """The message begins with the spot, and the plan in force stays in force."""
    sandbox.faults("PUT", PLAN)
    heard = sandbox.faults("PUT", plan)
    assert (400, spot) == (heard.status, heard.json["message"][: len(spot)])
    assert sandbox.faults().json["left"] == PLAN


def test_other_methods_are_not_there(sandbox: Rehearsed) -> None:
    """A POST is refused, so that nobody believes it added to the plan."""
    assert sandbox.faults("POST", PLAN).status == 405


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_garbage_is_never_a_500(running: Rehearsed, content: bytes) -> None:
    """Whatever is put, the answer is 200 or 400."""
    heard = call("PUT", f"{running.base}/__control/faults", body=content)
    assert heard.status in {200, 400}


def test_control_calls_are_neither_counted_nor_faulted(sandbox: Rehearsed) -> None:
    """An outage of everything leaves the way out of it open."""
    names = ("action_management", "case_reviews", "ratings", "customer_cases")
    hang = {"operations": {"*": [{"kind": "hang", "times": "forever"}]}}
    sandbox.faults("PUT", {"upstreams": dict.fromkeys(names, hang)})
    assert sandbox.faults().json["applied"]["ratings"] == {}
    assert sandbox.faults("DELETE").status == 204


def test_a_plan_at_the_start_and_upstreams_of_their_own(tmp_path: Path) -> None:
    """A plan from a file holds from the first call, also where each upstream has its own port."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN))
    sandbox = build(build_world(cases=50), faults=load_plan(path))
    with start_in_thread(sandbox.apps["case_reviews"]) as running:
        assert call("GET", f"{running.url}/case-reviews/x").end == "reset"
        left = call("GET", f"{running.url}/__control/faults").json["left"]
    assert list(left["upstreams"]) == ["ratings"]
