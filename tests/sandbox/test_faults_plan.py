"""Fault plans are decoded strictly: what is right becomes a value, all else names its spot."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.sandbox.fault_kinds import KINDS, Pace, Quota, Reset, Slow, Status
from casegraph.sandbox.faults import Plan, PlanInvalid, load_plan, plan_as_json, read_plan
from casegraph.sandbox.server import build
from casegraph.sandbox.world import build_world

LEAST: dict[str, dict[str, Any]] = {
    "slow": {"delay_ms": 5},
    "bloat": {"bytes": 100},
    "wrong_types": {"path": "/a"},
    "drop_field": {"path": "/a"},
    "status": {"code": 503},
    "redirect": {"to": "/elsewhere"},
}
"""What kinds need beside their name; the others need nothing."""

JSON = b"""{"seed": 3, "upstreams": {"ratings": {
    "pace": {"interval_ms": 250, "excess": "queue"}, "quota": {"limit": 10},
    "operations": {"ratings": [{"kind": "slow", "delay_ms": 80, "times": 2, "probability": 0.5}],
                   "*": [{"kind": "status", "code": 503, "times": "forever"}, {"kind": "reset"}]}}}}
"""
TOML = b"""seed = 3
[upstreams.ratings]
pace = {interval_ms = 250, excess = "queue"}
quota = {limit = 10}
[[upstreams.ratings.operations.ratings]]
kind = "slow"
delay_ms = 80
times = 2
probability = 0.5
[[upstreams.ratings.operations."*"]]
kind = "status"
code = 503
times = "forever"
[[upstreams.ratings.operations."*"]]
kind = "reset"
"""


def one(outcome: Any) -> bytes:
    """Write a plan of one outcome."""
    return json.dumps({"upstreams": {"ratings": {"operations": {"*": [outcome]}}}}).encode()


def test_json_and_toml_say_the_same() -> None:
    """Both forms give the same values."""
    plan = read_plan(JSON)
    assert plan == read_plan(TOML, "toml")
    part = plan.upstreams["ratings"]
    assert (3, Pace(250, excess="queue"), Quota(10)) == (plan.seed, part.pace, part.quota)
    assert (Slow(delay_ms=80, times=2, probability=0.5),) == part.operations["ratings"]
    assert (Status(code=503, times="forever"), Reset()) == part.operations["*"]


def test_an_empty_plan_is_a_plan() -> None:
    """Nothing has to be said."""
    assert Plan() == read_plan(b"{}") == read_plan(b"", "toml")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_back(kind: str) -> None:
    """Each kind is known by its name, and a plan written again is the same plan."""
    plan = read_plan(one({"kind": kind, **LEAST.get(kind, {})}))
    assert plan == read_plan(json.dumps(plan_as_json(plan)).encode())
    assert kind == plan_as_json(plan)["upstreams"]["ratings"]["operations"]["*"][0]["kind"]


SPOT = "upstreams.ratings.operations.*[0]"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"kind": "slwo"}, f"{SPOT}.kind: no such kind; known: bad_json, bloat"),
        ({}, f"{SPOT}.kind: no such kind"),
        ({"kind": ["slow"]}, f"{SPOT}.kind: no such kind"),
        (7, f"{SPOT}: Expected `object`, got `int`"),
        ({"kind": "slow"}, f"{SPOT}: Object missing required field `delay_ms`"),
        ({"kind": "slow", "delay_ms": "5"}, f"{SPOT}.delay_ms: Expected `float`, got `str`"),
        ({"kind": "slow", "delay_ms": -1}, f"{SPOT}.delay_ms: Expected `float` >= 0"),
        ({"kind": "slow", "delay_ms": True}, f"{SPOT}.delay_ms: Expected `float`, got `bool`"),
        ({"kind": "hang", "x": 1}, f"{SPOT}: Object contains unknown field `x`"),
        ({"kind": "hang", "times": 0}, f"{SPOT}.times: Expected `int` >= 1"),
        ({"kind": "hang", "times": "often"}, f"{SPOT}.times: Invalid enum value 'often'"),
        ({"kind": "hang", "probability": 0}, f"{SPOT}.probability: Expected `float` > 0"),
        ({"kind": "hang", "probability": 1.1}, f"{SPOT}.probability: Expected `float` <= 1.0"),
        ({"kind": "bloat", "bytes": 10**9}, f"{SPOT}.bytes: Expected `int` <= 67108864"),
        ({"kind": "bloat", "bytes": 2**70}, f"plan.{SPOT}.bytes: must fit 64 bits"),
        ({"kind": "wrong_types", "path": "a.b"}, f"{SPOT}: `path` must be a JSON pointer"),
        ({"kind": "wrong_types", "path": "/~2"}, f"{SPOT}: `path` must be a JSON pointer"),
        ({"kind": "drop_field", "path": ""}, f"{SPOT}: `path` must name a field"),
        ({"kind": "status"}, f"{SPOT}: either `code` or `named` must be given"),
        ({"kind": "status", "code": 500, "named": "429_zero"}, f"{SPOT}: either `code` or"),
        ({"kind": "status", "named": "429_zero", "body": "x"}, f"{SPOT}: `named` brings its own"),
        ({"kind": "status", "named": "418"}, f"{SPOT}.named: Invalid enum value '418'"),
        ({"kind": "status", "code": 199}, f"{SPOT}.code: Expected `int` >= 200"),
        ({"kind": "status", "code": 204, "body": "x"}, f"{SPOT}: `body` must be empty"),
        ({"kind": "status", "code": 200, "headers": {"A:": ""}}, f"{SPOT}: `headers`: 'A:' cannot"),
        ({"kind": "status", "code": 200, "headers": {"A": "\n"}}, f"{SPOT}: `headers`: the value"),
        ({"kind": "status", "code": 200, "headers": {"A": "€"}}, f"{SPOT}: `headers`: the value"),
        (
            {"kind": "status", "code": 200, "headers": {"Content-Length": "9"}},
            f"{SPOT}: `headers`: Content-Length is not to be set",
        ),
        ({"kind": "redirect", "to": "a b"}, f"{SPOT}: `to` must be a URL"),
        ({"kind": "redirect", "to": "/", "code": 304}, f"{SPOT}.code: Invalid enum value 304"),
        ({"kind": "status_after", "code": 204, "body": "x"}, f"{SPOT}: `body` must be empty"),
        ({"kind": "wrong_types", "path": "", "value": "\ud800"}, f"plan.{SPOT}.value: holds half"),
    ],
)
def test_a_bad_outcome_names_its_spot(outcome: Any, expected: str) -> None:
    """The message begins with where the fault is and says what would be right."""
    with pytest.raises(PlanInvalid) as raised:
        read_plan(one(outcome))
    assert str(raised.value)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "line 1, column 1: Expecting value"),
        (b'{"seed": 1,}', "line 1, column 12: "),
        (b"\xff", "byte 0: not UTF-8"),
        (b"[]", "plan: must be an object"),
        (b'{"sede": 1}', "plan.sede: no such key; known: seed, upstreams"),
        (b'{"seed": -1}', "seed: Expected `int` >= 0"),
        (b'{"seed": 1.5}', "seed: Expected `int`, got `float`"),
        (b'{"seed": NaN}', "plan: NaN is not JSON"),
        (b'{"seed": 1e999}', "plan.seed: must be a finite number"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "plan: Exceeds the limit"),
        (b'{"seed": 1, "seed": 2}', "plan: the key 'seed' stands twice in one object"),
        (b"[" * 100_000, "plan: nested too deeply"),
        (b"[" * 100 + b"]" * 100, "plan" + "[0]" * 33 + ": nested deeper than 32"),
        (b'{"upstreams": []}', "upstreams: must be an object"),
        (b'{"upstreams": {"ratings": 1}}', "upstreams.ratings: must be an object"),
        (b'{"upstreams": {"ratings": {"pcae": 1}}}', "upstreams.ratings.pcae: no such key"),
        (
            b'{"upstreams": {"ratings": {"pace": {"interval_ms": 0}}}}',
            "upstreams.ratings.pace.interval_ms: Expected `float` > 0",
        ),
        (
            b'{"upstreams": {"ratings": {"quota": {"limit": -1}}}}',
            "upstreams.ratings.quota.limit: Expected `int` >= 0",
        ),
        (
            b'{"upstreams": {"ratings": {"operations": {"case": {}}}}}',
            "upstreams.ratings.operations.case: must be a list of outcomes",
        ),
    ],
)
def test_a_bad_plan_names_its_spot(content: bytes, expected: str) -> None:
    """Outside the outcomes the same holds."""
    with pytest.raises(PlanInvalid) as raised:
        read_plan(content)
    assert str(raised.value)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"seed = ", "TOML: "),
        (b"seed = 2024-05-01", "plan.seed: dates and times are not taken"),
        (b"seed = nan", "plan.seed: must be a finite number"),
        (b"seed = 2024-99-99", "TOML: "),
    ],
)
def test_bad_toml_names_its_spot(content: bytes, expected: str) -> None:
    """What only TOML can say wrongly is refused as well."""
    with pytest.raises(PlanInvalid) as raised:
        read_plan(content, "toml")
    assert str(raised.value)[: len(expected)] == expected


def test_a_plan_is_loaded_by_its_suffix(tmp_path: Path) -> None:
    """A file holds JSON or TOML as its name says; an error names the file first."""
    (tmp_path / "plan.json").write_bytes(JSON)
    (tmp_path / "plan.TOML").write_bytes(TOML)
    (tmp_path / "bad.json").write_bytes(b'{"sede": 1}')
    assert load_plan(tmp_path / "plan.json") == load_plan(tmp_path / "plan.TOML") == read_plan(JSON)
    for name, expected in (
        ("bad.json", "plan.sede: no such key; known: seed, upstreams"),
        ("none.json", "No such file or directory"),
        ("plan.yaml", "a fault plan ends in .json or .toml"),
    ):
        with pytest.raises(PlanInvalid) as raised:
            load_plan(tmp_path / name)
        assert f"{tmp_path / name}: {expected}" == str(raised.value)


@pytest.mark.parametrize(
    ("part", "spot"),
    [
        ({"nobody": {}}, "upstreams.nobody: no such upstream; known: action_management, "),
        (
            {"ratings": {"operations": {"reviews": []}}},
            "upstreams.ratings.operations.reviews: no such operation; known: *, case_summaries, ",
        ),
    ],
)
def test_names_that_are_not_there_are_refused(part: Any, spot: str) -> None:
    """A slip in a name would be a fault that never comes; the sandbox does not start with it."""
    plan = read_plan(json.dumps({"upstreams": part}).encode())
    with pytest.raises(PlanInvalid) as raised:
        build(build_world(cases=50), faults=plan)
    assert str(raised.value)[: len(spot)] == spot


WORDS = st.sampled_from(
    [*KINDS, "*", "ratings", "kind", "times", "forever", "path", "named", "/a/*", "429_date"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "times",
        "probability",
        "delay_ms",
        "bytes",
        "interval_ms",
        "after_bytes",
        "form",
        "path",
        "value",
        "code",
        "headers",
        "body",
        "named",
        "retry_after_seconds",
        "to",
        "then",
    ]
)
OUTCOMES = st.builds(
    lambda kind, more: more | {"kind": kind},
    WORDS,
    st.dictionaries(MEMBERS, VALUES, max_size=3),
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "pace": VALUES,
        "quota": VALUES,
        "operations": st.dictionaries(WORDS, st.lists(OUTCOMES | VALUES, max_size=3), max_size=2),
    },
)
NEAR_PLANS = st.fixed_dictionaries(
    {}, optional={"seed": VALUES, "upstreams": st.dictionaries(WORDS, PARTS | VALUES, max_size=2)}
)


def reads_or_refuses(content: bytes, form: Any) -> None:
    """Read; a plan must read back as itself, a refusal must begin with a spot."""
    try:
        plan = read_plan(content, form)
    except PlanInvalid as error:
        assert ": " in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert plan == read_plan(json.dumps(plan_as_json(plan)).encode())


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_garbage_never_crashes(content: bytes) -> None:
    """Any bytes give a plan or a refusal, in either form."""
    reads_or_refuses(content, "json")
    reads_or_refuses(content, "toml")


@settings(deadline=None)
@given(NEAR_PLANS | VALUES)
def test_what_looks_like_a_plan_never_crashes(value: Any) -> None:
    """So does any JSON made of a plan's own words."""
    reads_or_refuses(json.dumps(value).encode(), "json")


@settings(deadline=None)
@given(OUTCOMES)
def test_what_looks_like_an_outcome_never_crashes(outcome: Any) -> None:
    """So does any outcome in its right place."""
    reads_or_refuses(one(outcome), "json")
