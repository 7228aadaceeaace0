"""What an operation could cost at most, told from its document and variables alone."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from casegraph.app import Gateway, create_gateway
from casegraph.engine.limits import ROWS_MAX, CostLimits
from casegraph.engine.standard import Operation
from casegraph.graph.forecast import RULES
from casegraph.graph.forecast_bound import Cost, OperationCosts
from casegraph.graph.forecast_most import MOST, READS
from casegraph.graph.forecast_outline import Outlines
from casegraph.graph.forecast_selection import Document
from casegraph.graph.schema import build_schema
from casegraph.linking.identity import System
from casegraph.linking.rules import CaseIdRule
from casegraph.loading.links import DEFAULT_RULES, LinkConfig
from casegraph.settings import load_settings
from casegraph.settings_groups import LimitSettings
from support import nowhere

ROOT = Path(__file__).parents[2]
SCHEMA = build_schema()._schema
ONE_HUB = LinkConfig(hubs=("96",))
BLOCK = re.compile(
    r"```graphql\n((?:query|mutation) (\w+).*?)```\n(?:```json\n(.*?)```\n)?", re.DOTALL
)
WRITTEN = [
    (name, query, json.loads(variables or "{}"))
    for query, name, variables in BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
]
PEER = json.loads((ROOT / "tests/bench/peer/queries.json").read_text("utf-8"))
BENCH = [
    (
        name,
        PEER[name]["query"],
        {"hub": "96", "case": "1", "first": PEER[name]["variables"].get("first")},
    )
    for name in ("Q1", "Q2", "Q3", "Q4", "Q5")
]


def cost(
    query: str,
    variables: Mapping[str, Any] | None = None,
    *,
    links: LinkConfig = ONE_HUB,
    name: str | None = None,
) -> Cost | None:
    """Return the cost of an operation of a valid document."""
    document = parse(query)
    assert validate(SCHEMA, document) == []
    return OperationCosts(SCHEMA, links, CostLimits()).of(document).cost(name, variables or {})


COSTS = [
    ("{ __typename __schema { types { name } } }", 0, 0),
    ("{ case(hubId: 1, caseId: 1) { name } }", 1, 1),
    ("{ cases(hubId: 1) { nodes { name } } }", 1, 25),
    ("{ cases(hubId: 1) { totalCount } }", 1, 0),
    ("{ cases(hubId: 1, first: null) { edges { node { name } } nodes { name } } }", 1, 50),
    ("{ cases(hubId: 1, first: 7) { nodes { ratings(first: 3) { nodes { score } } } } }", 8, 28),
    ("{ cases(hubId: 1, first: 7) { nodes { dueAt version isOverdue } } }", 8, 7),
    ("{ cases(hubId: 1, first: 7) { nodes { customerCases { title } } } }", 8, 77),
    ("{ cases(hubId: 1, first: 40) { nodes { notes(first: 1) { totalCount } } } }", 43, 40),
    ("{ cases(hubId: 1, first: 2, filter: { isClosed: true }) { nodes { name } } }", 20, 2),
    ("{ cases(hubId: 1, first: 2, filter: { isClosed: null }) { nodes { name } } }", 1, 2),
    ("{ cases(hubId: 1, filter: { statusItemIds: [] }) { nodes { name } } }", 0, 0),
    ("{ cases(hubId: 1, filter: { isClosed: true }) { pageInfo { hasNextPage } } }", 40, 0),
    ("{ cases(hubId: 1, first: 101) { nodes { notes { totalCount } } } }", 0, 0),
    ("{ case(hubId: 1, caseId: 1) { notes { nodes { case { notes { totalCount } } } } } }", 2, 51),
    ("{ reviewEntries(first: 4) { nodes { case { ratings { totalCount } } } } }", 9, 8),
    ('{ reviewEntries(first: 4, after: "x") { totalCount pageInfo { hasNextPage } } }', 23, 0),
    ("{ notes(hubId: 1, first: 4) { nodes { case { name } } totalCount } }", 5, 8),
    ('{ notes(hubId: 1, first: 4, after: "x") { totalCount } }', 21, 0),
    ("{ ratings(caseId: 1, first: 9) { nodes { case { name } } } }", 2, 18),
    ("{ recentRatings(of: { caseId: 1 }) { case { name } } }", 2, 6),
    ("{ recentRatings(of: { userId: 1 }, limit: 5) { case { name } } }", 6, 10),
    ("{ recentRatings(of: { userId: 1 }, limit: 0) { case { name } } }", 0, 0),
    ("{ customerCases(customerId: 1) { case { name } } }", 3, 20),
    ("{ a: roles(hubId: 1) { id } b: roles(hubId: 1) { id } c: roles(hubId: 2) { id } }", 2, 30),
    ("{ cases(hubId: 1, first: 3) { nodes { listValues { list { id } item { name } } } } }", 2, 33),
    ('{ node(id: "Q2FzZTo5NjozNDYwNjU") { ... on Case { notes { totalCount } } } }', 2, 1),
    ('{ nodes(ids: ["Q2FzZTo5NjozNDYwNjU", "Q2FzZTo5NjozNDYwNjU", "no"]) { id } }', 1, 1),
    ("mutation { triggerRating(input: { caseId: 1 }) { outcome } }", 5, 0),
    (
        """mutation { updateCases(input: { cases: [{ hubId: 1, caseId: 1 }, { hubId: 1, caseId: 2 }]
        }) { results { case { notes { totalCount } } conflict { current { name } } } } }""",
        12,
        4,
    ),
]


@pytest.mark.parametrize(("query", "calls", "rows"), COSTS)
def test_calls_and_rows_are_counted(query: str, calls: int, rows: int) -> None:
    """Page sizes multiply, keys are counted once, and what would be refused costs nothing."""
    assert cost(query) == Cost(calls, rows)


def test_equal_questions_and_one_way_back_cost_once() -> None:
    """Aliases, fragments and the way back multiply what is printed, not what is asked."""
    query = """
      query { a: case(hubId: 96, caseId: 1) { ...Links b: notes(first: 1) { nodes { noteId } } }
              c: case(hubId: "96", caseId: "1") { ...Links } }
      fragment Links on Case {
        notes(first: 10) { nodes { text } nodes { case { name notes { totalCount } } } } }"""

    assert cost(query) == Cost(2, 43)


def test_variables_decide_with_their_defaults_and_conditions() -> None:
    """Sizes, lists and conditions count as coerced; what will not coerce is not counted."""
    query = """query Q($n: Int = 5, $ids: [ID!], $no: Boolean = false, $deep: Boolean!) {
      cases(hubId: 1, first: $n, filter: { statusItemIds: $ids }) { nodes {
        name ratings(first: 2) @include(if: $deep) { nodes { score } }
        notes @skip(if: $no) { totalCount } } } }"""

    assert cost(query, {"deep": False}) == Cost(6, 5)
    assert cost(query, {"deep": True, "n": 10.0}) == Cost(21, 30)
    assert cost(query, {"deep": True, "n": 10, "no": True}) == Cost(11, 30)
    assert cost(query, {"deep": True, "n": 10, "no": True, "ids": ["1"]}) == Cost(30, 30)
    assert cost(query, {"deep": True, "n": "ten"}) is None
    assert cost(query, {}) is None


TWO_SIZES = """query ($first: Int = 7, $deep: Int) {
  cases(hubId: 96, first: $first) { nodes { notes(first: $deep) { nodes { text } } } }
}"""
ASKED = st.dictionaries(
    st.sampled_from(["first", "deep"]),
    st.sampled_from([*range(1, 30), None, True, 1.0, "1", [1], {}, 2**40]),
)


@given(st.lists(ASKED, max_size=25))
def test_what_is_remembered_of_a_document_changes_no_cost(asked: list[dict[str, Any]]) -> None:
    """Whatever variables came before, the cost is that of a document never seen."""
    costs = OperationCosts(SCHEMA, ONE_HUB, CostLimits())
    document = parse(TWO_SIZES)
    seen = costs.of(document)

    for variables in asked:
        assert seen.cost(None, variables) == costs.of(document).cost(None, variables)


def test_the_operation_that_is_meant_is_counted() -> None:
    """A document's other operations cost nothing."""
    query = "query A { roles(hubId: 1) { id } } query B { cases(hubId: 1) { nodes { id } } }"

    assert cost(query, name="A") == Cost(1, 10)
    assert cost(query, name="B") == Cost(1, 25)


def test_ways_back_depend_on_how_the_systems_are_linked() -> None:
    """By number in one hub, in each of several, in those of a list, and by an index."""
    back = "{ reviewEntries(first: 3) { nodes { case { name } } } }"
    customer = "{ customerCases(customerId: 1) { case { name } } }"
    numbered = LinkConfig({**DEFAULT_RULES, System.CUSTOMER_CASES: CaseIdRule()}, {}, ("96",))
    two = LinkConfig(hubs=("96", "97"))

    assert cost(back) == Cost(4, 6)
    assert cost(back, links=two) == Cost(7, 6)
    assert cost(back, links=LinkConfig()) == Cost(5, 6)
    assert cost(customer, links=numbered) == Cost(2, 20)
    assert cost(customer, links=two) == Cost(4, 20)


def test_circles_read_little_and_print_without_end() -> None:
    """Rows grow with every turn, up to where counting stops; calls do not."""
    turns = 40
    query = (
        "{ case(hubId: 1, caseId: 1) { "
        + "notes { nodes { case { " * turns
        + "id"
        + " } } }" * turns
        + " } }"
    )
    document = parse(query)
    found = OperationCosts(SCHEMA, ONE_HUB, CostLimits()).of(document).cost(None, {})

    assert found == Cost(2, ROWS_MAX)


@pytest.mark.parametrize(("name", "query", "variables"), [*WRITTEN, *BENCH])
def test_what_people_write_is_far_from_the_limits(
    name: str, query: str, variables: dict[str, Any]
) -> None:
    """The queries of the README and of the benchmark need a third of what is allowed at most."""
    found = cost(query, variables)

    assert found is not None, name
    assert found.calls * 3 <= CostLimits().calls
    assert found.rows * 3 <= CostLimits().rows


def outlines_made(length: int) -> int:
    """Return how many outlines a chain of fragments makes that each spread the next four times."""
    chain = " ".join(
        f"fragment F{number} on Case {{ notes {{ nodes {{ case {{ ...F{number + 1} }} }} }}"
        f" reviews {{ nodes {{ case {{ ...F{number + 1} }} }} }}"
        f" ratings {{ nodes {{ case {{ ...F{number + 1} }} }} }}"
        f" customerCases {{ case {{ ...F{number + 1} }} }} }}"
        for number in range(length)
    )
    document = parse(f"{{ ...F0 }} {chain} fragment F{length} on Case {{ id }}")
    fragments = {each.name.value: each for each in document.definitions[1:]}  # type: ignore[union-attr]
    outlines = Outlines(
        Document(SCHEMA, fragments, None),  # type: ignore[arg-type]
        {place: READS.get(place, ()) for place in MOST},
    )
    outlines.of("Case", [document.definitions[0].selection_set])  # type: ignore[union-attr]
    return len(outlines._made)


def test_outlines_are_linear_in_the_document() -> None:
    """Twice as many fragments make twice as many outlines, though they spread without end."""
    short, long = outlines_made(10), outlines_made(20)

    assert short <= 8 * 11
    assert long - 1 <= 2 * short


PAGES = st.integers(1, 100)


@given(PAGES, PAGES, PAGES, PAGES)
def test_smaller_pages_never_cost_more(first: int, more: int, rows: int, rows_more: int) -> None:
    """Neither calls nor rows fall when a page grows."""
    query = """query Q($n: Int, $m: Int) { cases(hubId: 1, first: $n) { nodes {
        dueAt notes(first: $m) { nodes { case { ratings(first: $m) { nodes { id } } } } } } } }"""
    small = cost(query, {"n": min(first, more), "m": min(rows, rows_more)})
    large = cost(query, {"n": max(first, more), "m": max(rows, rows_more)})

    assert small is not None
    assert large is not None
    assert small.calls <= large.calls
    assert small.rows <= large.rows


def test_the_fields_are_those_of_the_forecast() -> None:
    """What costs a call in the forecast has a bound, and every mutation has one."""
    root = SCHEMA.mutation_type
    assert isinstance(root, GraphQLObjectType)
    mutations = {("Mutation", name) for name in root.fields}
    listings = {place for place in RULES if place[0] not in SCHEMA.type_map}

    assert MOST.keys() - mutations == RULES.keys() - listings
    assert mutations <= MOST.keys()
    for (type_name, name), read in READS.items():
        kind = SCHEMA.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        assert set(read) <= kind.fields[name].args.keys()


@pytest.mark.parametrize(
    ("query", "figure"),
    [
        ("{ cases(hubId: 1, first: 2) { nodes { notes { totalCount } } } }", "calls"),
        ("{ case(hubId: 1, caseId: 1) { notes(first: 2) { nodes { id } } } }", "rows"),
    ],
)
def test_what_is_above_a_limit_is_told(query: str, figure: str) -> None:
    """Each limit is met by its figure, exceeded by one more, and named with both."""
    document = parse(query)
    limits = CostLimits(3, 3)
    assert tuple(OperationCosts(SCHEMA, ONE_HUB, limits).of(document).refusals(None, {})) == ()

    limits = CostLimits(2 if figure == "calls" else 3, 2 if figure == "rows" else 3)
    (said,) = OperationCosts(SCHEMA, ONE_HUB, limits).of(document).refusals(None, {})

    assert "up to 3 " in said
    assert figure in said
    assert "at most 2 allowed" in said


def test_the_limit_on_calls_follows_the_fuse() -> None:
    """Unset it is twice the fuse, so that what stays below the fuse for certain is let through."""
    assert LimitSettings().cost(500) == CostLimits()
    assert LimitSettings().cost(2_000).calls == 4_000
    assert LimitSettings(calls=7, rows=100).cost(500) == CostLimits(7, 100)


SETTINGS = {
    **nowhere.SETTINGS,
    "LIMITS__CALLS": "60",
    "LIMITS__ROWS": "400",
}
TOO_MUCH = (
    "{ cases(hubId: 96, first: 30) { nodes { notes { totalCount } reviews { totalCount } } } }"
)


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """Return a gateway with narrow limits."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"CASEGRAPH_{name}", value)
    made = create_gateway(load_settings())
    yield made
    await made.close()


async def test_an_operation_above_the_limits_is_not_begun(gateway: Gateway) -> None:
    """It has one error with its code, and no data; a plan of it is refused in the same words."""
    operation = Operation(TOO_MUCH)
    answer = json.loads(await gateway.answer(operation, "test"))
    plan, explained = await gateway.explain(operation, "test")

    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["message"].startswith("The operation asks for too much: up to 63 upstream calls")
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "path" not in error
    assert plan is None
    assert explained["errors"] == answer["errors"]


async def test_a_trusted_document_may_cost_what_it_likes(gateway: Gateway) -> None:
    """Whoever chose it knows; the fuse holds while it runs."""
    plan, _ = await gateway.explain(Operation(TOO_MUCH, is_trusted=True), "test")

    assert plan is not None
    assert plan.calls.most is not None
    assert plan.calls.most > 60


@pytest.mark.parametrize(("name", "query", "variables"), [*WRITTEN, *BENCH])
async def test_the_bound_is_not_below_the_forecast(
    gateway: Gateway, name: str, query: str, variables: dict[str, Any]
) -> None:
    """With nothing in hand a forecast bounds the calls as well; it also counts what it may miss."""
    links = gateway.sessions.shared.links.config
    found = cost(query, variables, links=links)
    engine = gateway.sessions.engine
    engine._cost_of = None
    plan, _ = await gateway.explain(Operation(query, variables), "test")

    assert found is not None
    assert plan is not None, name
    assert plan.calls.likely <= found.calls
