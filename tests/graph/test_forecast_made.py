"""What was foretold is what is made: the queries of the README and the bench, on real sockets."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.cli import bundled_examples
from casegraph.engine.limits import CostLimits
from casegraph.graph.forecast_bound import OperationCosts
from casegraph.graph.schema import build_schema
from casegraph.loading.links import LinkConfig
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams, running_upstreams

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
BLOCK = re.compile(r"```graphql\nquery (\w+)(.*?)```\n(?:```json\n(.*?)```\n)?", re.DOTALL)
ROWS = """nodes { caseId name status { name }
  notes { nodes { noteId text createdBy { userName } } }
  ratings { nodes { ratingId score } }
  reviews { nodes { reviewEntryId status } } }"""
LIST = f"""($hub: ID!, $first: Int, $after: String) {{
  cases(hubId: $hub, first: $first, after: $after) {{ {ROWS} pageInfo {{ endCursor }} }} }}"""
ONE = f"""($hub: ID!, $case: ID!) {{ case(hubId: $hub, caseId: $case) {{
  isOverdue {ROWS.removeprefix("nodes {")} }}"""

WRITTEN = [
    (name, f"query {name}{body}", json.loads(variables or "{}"))
    for name, body, variables in BLOCK.findall(README)
]
BENCH = [
    ("Q1", f"query Q1{LIST}", {"hub": "96", "first": 20}),
    ("Q2", f"query Q2{ONE}", {"hub": "96", "case": "CASE"}),
    ("Q5", f"query Q5{LIST}", {"hub": "96", "first": 100}),
    (
        "Q3",
        """query Q3($hub: ID!) {
          programLists(hubId: $hub) { listId items { itemId name } }
          roles(hubId: $hub) { roleId } }""",
        {"hub": "96"},
    ),
]
QUERIES = [*WRITTEN, *BENCH]
PATIENCE_SECONDS = 60
LAST_TURN = 2


class Pair:
    """A gateway and its upstreams; `turns` are how often a query is something else."""

    def __init__(self, gateway: Gateway, upstreams: Upstreams, turns: int) -> None:
        self.gateway = gateway
        self.upstreams = upstreams
        self.turns = turns


@pytest.fixture(scope="module")
def upstreams_here() -> Iterator[Upstreams]:
    """Start upstreams in which a vendor's pace is not felt."""
    with running_upstreams(cases=400) as running:
        yield running


@pytest.fixture(scope="module", params=["forgetful", "as shipped"])
def pair(request: pytest.FixtureRequest, upstreams_here: Upstreams) -> Iterator[Pair]:
    """Start a gateway that only makes direct calls, and one with feeds, caches and all."""
    shipped = request.param == "as shipped"
    environment = upstreams_here.as_shipped if shipped else upstreams_here.environment
    unpaced = {"CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "0"}
    with running_gateway({**environment, **unpaced}) as gateway:
        yield Pair(gateway, upstreams_here, turns=3 if shipped else 1)


def fitted(upstreams: Upstreams, name: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the variables for this world: the README's are those of the larger one."""
    examples = {each.name: each.variables for each in bundled_examples(upstreams.world)}
    everything = str(upstreams.world.oddities.case_with_everything)
    own = {**variables, **examples.get(name, {})}
    return json.loads(json.dumps(own).replace('"CASE"', f'"{everything}"'))


def explained(gateway: Gateway, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Ask what a query would do."""
    answer = gateway.ask(query, variables, X_Casegraph_Explain="plan")
    assert answer.data is None
    return answer.body["extensions"]["explain"]


def made(gateway: Gateway, query: str, variables: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Run a query; return the calls made for it, by upstream and operation."""
    answer = gateway.ask(query, variables, X_Casegraph_Trace="1")
    assert "errors" not in answer.body
    return Counter(
        (call["upstream"], call["operation"])
        for call in answer.body["extensions"]["trace"]["calls"]
        if call["attempt"] == 1 and call["operation"] != "token"
    )


def disagreements(plan: dict[str, Any], calls: Counter[tuple[str, str]]) -> list[str]:
    """Return where what was made is not what was foretold."""
    found = []
    of_upstream: Counter[str] = Counter()
    for (upstream, _), count in calls.items():
        of_upstream[upstream] += count
    for each in plan["upstreams"]:
        count, bounds = of_upstream.pop(each["upstream"], 0), each["calls"]
        most = float("inf") if bounds["most"] is None else bounds["most"]
        if not bounds["least"] <= count <= most:
            found.append(f"{each['upstream']}: {count} made, foretold {bounds}")
    for step in plan["steps"]:
        bounds, key = step["calls"], (step["upstream"], step["operation"])
        if bounds["least"] == bounds["most"] and calls[key] < bounds["least"]:
            found.append(f"{step['field']}: {calls[key]} made, foretold {bounds['least']}")
    return found + [f"{upstream}: not foretold" for upstream in of_upstream]


def wait_for_feeds(gateway: Gateway) -> None:
    """Wait until no feed is being filled, as the plan of the largest query tells."""
    _, query, variables = BENCH[2]
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        states = [step["state"] or "" for step in explained(gateway, query, variables)["steps"]]
        if not any(state.startswith("feed filling") for state in states):
            return
    raise AssertionError(states)


def test_made_calls_lie_within_what_was_foretold(pair: Pair) -> None:
    """Each upstream's calls lie within the bounds, and are as many as said where they are exact.

    At first nothing is known; then totals and latencies are; then the feeds are filled.
    """
    gateway, upstreams = pair.gateway, pair.upstreams
    found = {}
    for turn in range(pair.turns):
        if turn == LAST_TURN:
            wait_for_feeds(gateway)
        for name, query, variables in QUERIES:
            own = fitted(upstreams, name, variables)
            plan = explained(gateway, query, own)
            wrong = disagreements(plan, made(gateway, query, own))
            if wrong:
                found[turn, name] = wrong

    assert len(QUERIES) >= 12
    assert found == {}


def test_made_calls_lie_below_the_bound(pair: Pair) -> None:
    """What is counted before an operation runs is never exceeded but by the index requests share.

    Of the queries here only `Customer` walks the hub for it, which the bound counts as one call.
    """
    costs = OperationCosts(build_schema()._schema, LinkConfig(), CostLimits())
    found = {}
    for name, query, variables in QUERIES:
        own = fitted(pair.upstreams, name, variables)
        cost = costs.of(parse(query)).cost(None, own)
        assert cost is not None
        calls = made(pair.gateway, query, own)
        shared = calls["action_management", "case_query"] - 1 if name == "Customer" else 0
        found[name] = cost.calls - calls.total() + shared

    assert min(found.values()) >= 0, found


def test_explaining_calls_nobody(pair: Pair) -> None:
    """Neither the plans of all queries nor what they might begin reach an upstream."""
    gateway, upstreams = pair.gateway, pair.upstreams
    wait_for_feeds(gateway)
    upstreams.mark()

    for name, query, variables in QUERIES:
        explained(gateway, query, fitted(upstreams, name, variables))

    assert upstreams.calls() == {}


def test_filled_feeds_make_the_list_cheap(upstreams_here: Upstreams) -> None:
    """Once the feeds are filled, twenty cases cost one call for notes and one for reviews."""
    unpaced = {"CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "0"}
    name, query, variables = BENCH[0]
    with running_gateway({**upstreams_here.as_shipped, **unpaced}) as gateway:
        made(gateway, query, variables)
        wait_for_feeds(gateway)

        steps = {step["field"]: step for step in explained(gateway, query, variables)["steps"]}
        calls = made(gateway, query, variables)

    assert name == "Q1"
    for field, upstream, operation in (
        ("cases.nodes.notes", "action_management", "hub_notes"),
        ("cases.nodes.reviews", "case_reviews", "reviews"),
    ):
        told = steps[field]
        assert (told["path"], told["operation"]) == ("feed", operation)
        assert told["calls"]["likely"] == calls[upstream, operation] == 1
        # Of so few cases a call for each would be as good, and of more where the list was slow to
        # come: a call counts as 100 ms, and what costs twice as much is near.
        assert told["calls"]["most"] < 5 + told["durationMs"] / 50
        assert told["state"].startswith("feed ready")
        assert [each["path"] for each in told["rejected"]] == ["direct"]


@pytest.mark.parametrize(
    ("headers", "environment"),
    [
        ({"X_Casegraph_Explain": "1"}, {}),
        ({"X_Casegraph_Explain": ""}, {}),
        ({"X_Casegraph_Explain": "plan"}, {"CASEGRAPH_TRACE": "false"}),
    ],
)
def test_a_dry_run_that_cannot_be_is_refused(
    upstreams: Upstreams, headers: dict[str, str], environment: dict[str, str]
) -> None:
    """Whoever asked for no calls gets none, also where the header is wrong or not allowed."""
    with running_gateway({**upstreams.environment, **environment}) as gateway:
        answer = gateway.ask("{ roles(hubId: 96) { name } }", **headers)

    assert "data" not in answer.body
    assert [error["extensions"]["code"] for error in answer.body["errors"]] == ["BAD_REQUEST"]
    assert upstreams.calls() == {}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("query($hub: ID!) { roles(hubId: $hub) { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_what_would_not_run_is_not_foretold(gateway: Gateway, query: str, code: str) -> None:
    """A document or variables that would be refused are refused in the same words."""
    answer = gateway.ask(query, X_Casegraph_Explain="plan")

    assert "extensions" not in answer.body
    assert [error["extensions"]["code"] for error in answer.body["errors"]] == [code]
    assert answer.body["errors"] == _without_ids(answer.body, gateway.ask(query).body)


def _without_ids(like: dict[str, Any], body: dict[str, Any]) -> list[Any]:
    for mine, other in zip(like["errors"], body["errors"], strict=True):
        other["extensions"]["requestId"] = mine["extensions"]["requestId"]
    return body["errors"]


def test_a_mutation_is_neither_run_nor_foretold(upstreams: Upstreams, gateway: Gateway) -> None:
    """A dry run changes nothing, whatever is asked."""
    write = """mutation { clearCaseListValue(input: { hubId: 96, caseId: 1, listType: STATUS }) {
        outcome } }"""

    answer = gateway.ask(write, X_Casegraph_Explain="plan")

    assert upstreams.calls() == {}
    assert "data" not in answer.body or answer.partial is None


PARTS = [
    "name",
    "dueAt",
    "two: notes(first: 2) { nodes { text case { name } } }",
    "notes { totalCount }",
    "reviews { totalCount nodes { status case { notes { totalCount } } } }",
    "ratings(score: GOOD) { edges { node { score case { caseId } } } }",
    "customerCases { title case { name } }",
    "status { list { name } item { name } }",
    "roles { role { name } }",
    "workflow { name }",
]
ROOTS = [
    "a%d: case(hubId: $hub, caseId: $case) { %s }",
    "a%d: cases(hubId: $hub, first: 3) { nodes { %s } pageInfo { hasNextPage } totalCount }",
    """a%d: cases(hubId: $hub, first: 2, filter: {isClosed: true}) {
      edges { node { %s } } pageInfo { hasNextPage } }""",
    "a%d: reviewEntries(first: 2) { totalCount nodes { case { %s } } pageInfo { hasNextPage } }",
    "a%d: notes(hubId: $hub, first: 4) { totalCount nodes { case { %s } } }",
    "a%d: ratings(caseId: $case) { nodes { case { %s } } }",
    "a%d: recentRatings(of: {caseId: $case}) { case { %s } }",
]


@given(
    roots=st.lists(
        st.tuples(st.sampled_from(ROOTS), st.sets(st.sampled_from(PARTS), min_size=1, max_size=4)),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_operation_does_what_was_foretold(
    pair: Pair, roots: list[tuple[str, set[str]]]
) -> None:
    """Whatever is put together, its calls lie within the bounds."""
    gateway, upstreams = pair.gateway, pair.upstreams
    odd = upstreams.world.oddities
    body = "\n".join(root % (i, " ".join(sorted(parts))) for i, (root, parts) in enumerate(roots))
    used = {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
    header = ", ".join(f"${name}: ID!" for name in used if f"${name}" in body)
    query = f"query Any{f'({header})' if header else ''} {{\n{body}\n}}"

    plan = explained(gateway, query, used)

    assert disagreements(plan, made(gateway, query, used)) == []
