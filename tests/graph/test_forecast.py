"""What is foretold of an operation, on a gateway whose upstreams nobody could reach."""

from collections.abc import AsyncIterator, Mapping
from inspect import iscoroutinefunction
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, get_named_type
from hypothesis import given
from hypothesis import strategies as st

from casegraph.app import Gateway, create_gateway
from casegraph.engine.standard import Operation
from casegraph.graph.forecast import RULES
from casegraph.graph.forecast_plan import Span
from casegraph.graph.forecast_walk import calls_of
from casegraph.graph.schema import build_schema
from casegraph.loading.access.cost import (
    FeedKnown,
    Known,
    Need,
    NeedKind,
    Path,
    SweepKnown,
    is_worth_a_look,
)
from casegraph.loading.access.lane import Lane
from casegraph.loading.feeds.bounds import FeedState, FeedView
from casegraph.loading.outlook import Prospect
from casegraph.settings import load_settings
from support.nowhere import SETTINGS


class Teller:
    """A gateway that is asked for forecasts only."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def plan(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return what is foretold."""
        _, answer = await self.gateway.explain(Operation(query, variables), "test")
        assert answer.get("errors") is None
        assert answer["data"] is None
        return answer["extensions"]["explain"]

    async def steps(self, query: str, **variables: Any) -> list[tuple[Any, ...]]:
        """Return field, operation and the bounds of the calls of each step."""
        plan = await self.plan(query, **variables)
        return [
            (step["field"], step["operation"], step["calls"]["least"], step["calls"]["most"])
            for step in plan["steps"]
        ]


def teller(patch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> Teller:
    """Make a gateway with these settings alone."""
    for name, value in settings.items():
        patch.setenv(f"CASEGRAPH_{name}", value)
    return Teller(create_gateway(load_settings()))


@pytest.fixture
async def tell(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Teller]:
    """Return a gateway just started, over four upstreams."""
    made = teller(monkeypatch, SETTINGS)
    yield made
    await made.gateway.close()


async def test_a_case_costs_a_call_for_each_system_that_is_selected(tell: Teller) -> None:
    """Details bring the case's own fields, each link one call; a missing case may ask more."""
    query = """{ case(hubId: 96, caseId: 1) {
        name dueAt notes { nodes { text } } reviews { totalCount } ratings { totalCount } } }"""

    assert await tell.steps(query) == [
        ("case", "case", 1, 1),
        ("case", "roles", 0, 1),
        ("case.notes", "case_notes", 1, 1),
        ("case.reviews", "reviews", 1, 1),
        ("case.ratings", "ratings", 0, 1),
    ]


async def test_a_list_multiplies_what_stands_below_it(tell: Teller) -> None:
    """The page's size bounds the calls; details are asked only where they are selected."""
    query = "{ cases(hubId: 96, first: 7) { edges { node { name reviews { totalCount } %s } } } }"

    plain = await tell.steps(query % "")
    detailed = await tell.steps(query % "dueAt isOverdue")

    assert plain == [
        ("cases", "case_query", 1, 1),
        ("cases.edges.node.reviews", "reviews", 0, 7),
    ]
    assert detailed == [*plain, ("cases.edges.node.dueAt", "case", 0, 7)]


async def test_what_is_in_hand_is_not_asked_again(tell: Teller) -> None:
    """Aliases, fragments and the way back to a case in hand cost nothing more."""
    query = """
      query { a: case(hubId: 96, caseId: 1) { ...Links b: notes(first: 1) { nodes { noteId } } }
              c: case(hubId: "96", caseId: "1") { ...Links } }
      fragment Links on Case {
        notes { nodes { text case { name notes { totalCount } } } } }"""

    assert await tell.steps(query) == [
        ("a", "case", 1, 1),
        ("a", "roles", 0, 1),
        ("a.notes", "case_notes", 1, 1),
    ]


async def test_directives_and_types_decide_what_is_selected(tell: Teller) -> None:
    """What is skipped, not included or of another type costs nothing."""
    query = """query Q($no: Boolean!) { node(id: "Q2FzZTo5NjozNDYwNjU") { id
        ... on Rating { case { name } }
        ... on Case { notes @include(if: $no) { totalCount } ratings @skip(if: true) { totalCount }
                      reviews { totalCount } } } }"""

    assert await tell.steps(query, no=False) == [
        ("node", "case", 1, 1),
        ("node", "roles", 0, 1),
        ("node.reviews", "reviews", 1, 1),
    ]


async def test_ways_back_depend_on_how_the_systems_are_linked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By number in one hub, by number in any hub, and by the index of a data field."""
    back = "{ reviewEntries(first: 3) { nodes { case { name } } } }"
    customer = '{ customerCases(customerId: "C-1") { case { name } } }'
    one = teller(monkeypatch, SETTINGS)
    two = teller(monkeypatch, {"ACTION_MANAGEMENT__HUBS": "96,97"})
    monkeypatch.delenv("CASEGRAPH_ACTION_MANAGEMENT__HUBS")
    unknown = Teller(create_gateway(load_settings()))

    assert await one.steps(back) == [
        ("reviewEntries", "reviews", 1, 1),
        ("reviewEntries.nodes.case", "case", 0, 3),
    ]
    assert (await two.steps(back))[1:] == [("reviewEntries.nodes.case", "case", 0, 6)]
    assert (await unknown.steps(back))[1:] == [
        ("reviewEntries.nodes.case", "hubs", 0, 1),
        ("reviewEntries.nodes.case", "case", 0, None),
    ]
    assert (await one.steps(customer))[1:] == [
        ("customerCases.case", "case_query", 0, 50),
        ("customerCases.case", "case", 0, 1),
    ]
    for each in (one, two, unknown):
        await each.gateway.close()


async def test_a_filter_reads_on(tell: Teller) -> None:
    """A filtered list may read twenty pages, and as many to say whether more follows."""
    query = """{ cases(hubId: 96, filter: { isClosed: false }) {
        totalCount pageInfo { hasNextPage } } }"""

    assert await tell.steps(query) == [
        ("cases", "case_query", 1, 20),
        ("cases.pageInfo.hasNextPage", "case_query", 0, 20),
    ]
    assert await tell.steps(
        "{ cases(hubId: 96, filter: { statusItemIds: [] }) { totalCount } }"
    ) == [("cases", "case_query", 0, 0)]


async def test_a_field_that_would_be_refused_costs_nothing(tell: Teller) -> None:
    """What the resolvers would refuse is told with their words, and the rest is foretold."""
    plan = await tell.plan(
        '{ a: case(hubId: "x", caseId: 1) { name } roles(hubId: 96) { name }'
        '  cases(hubId: 96, first: 0) { totalCount } node(id: "nonsense") { id } }'
    )

    assert [step["field"] for step in plan["steps"]] == ["roles"]
    assert [each["field"] for each in plan["refused"]] == ["a", "cases", "node"]


async def test_an_upstream_that_is_not_there_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its fields cost nothing, and the plan says why."""
    alone = {name: text for name, text in SETTINGS.items() if name.startswith("ACTION")}
    tell = teller(monkeypatch, alone)

    plan = await tell.plan("{ case(hubId: 96, caseId: 1) { ratings { totalCount } } }")
    await tell.gateway.close()

    told = plan["steps"][-1]
    assert (told["upstream"], told["state"]) == ("ratings", "not configured")
    assert told["calls"] == {"least": 0, "most": 0, "likely": 0}


async def test_a_pace_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty calls at one in two seconds do not fit a deadline of ten, and the plan says so."""
    tell = teller(monkeypatch, {**SETTINGS, "CASE_REVIEWS__FEED": "off"})

    plan = await tell.plan("{ cases(hubId: 96, first: 20) { nodes { reviews { totalCount } } } }")
    await tell.gateway.close()

    told = plan["steps"][-1]
    paced = next(each for each in plan["upstreams"] if each["upstream"] == "case_reviews")
    assert paced["waitMs"] == told["waitMs"] > 20_000
    assert "longer than is left" in told["note"]
    assert 5 <= told["calls"]["likely"] < 20
    assert told["calls"]["most"] == 21  # a look at the whole list may come on top
    assert plan["durationMs"] >= told["waitMs"]


async def test_the_fuse_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is certain to need more calls than an operation may make is told before."""
    tell = teller(monkeypatch, {**SETTINGS, "FUSE_CALLS": "2"})
    query = "{ case(hubId: 96, caseId: 1) { notes { totalCount } %s } }"

    within = await tell.plan(query % "")
    over = await tell.plan(query % "reviews { totalCount }")
    await tell.gateway.close()

    assert (within["fuse"], within["goesOverFuse"], over["goesOverFuse"]) == (2, False, True)


async def test_two_lists_that_are_too_much_together_are_told(tell: Teller) -> None:
    """Each part would do, the sum would not: more calls are likely than one operation may make."""
    links = "nodes { ratings { totalCount } notes { totalCount } customerCases { title } }"
    one = f"cases(hubId: 96, first: 100) {{ {links} }}"
    two = f"cases(hubId: 96, first: 99) {{ {links} }}"

    assert (await tell.plan(f"{{ {one} }}"))["goesOverFuse"] is False
    assert (await tell.plan(f"{{ a: {one} b: {two} }}"))["goesOverFuse"] is True


async def test_what_a_field_accepts_counts_for_the_field(tell: Teller) -> None:
    """A directive that takes older rows makes the call a perhaps; only for its own field."""
    query = """{ case(hubId: 96, caseId: 1) { reviews @freshness(maxAgeSeconds: 60) { totalCount }
        notes { totalCount } } }"""

    assert (await tell.steps(query))[2:] == [
        ("case.reviews", "reviews", 0, 1),
        ("case.notes", "case_notes", 1, 1),
    ]


def read_types(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    """Return the types of object that a query leads to, and no payload of a mutation."""
    found: dict[str, GraphQLObjectType] = {}
    ahead: list[Any] = [schema.query_type]
    while ahead:
        kind = ahead.pop()
        if isinstance(kind, GraphQLInterfaceType):
            ahead += schema.get_possible_types(kind)
        if not isinstance(kind, GraphQLObjectType) or kind.name in found:
            continue
        found[kind.name] = kind
        ahead += [get_named_type(field.type) for field in kind.fields.values()]
    return list(found.values())


def test_every_field_that_awaits_anything_is_in_the_tables() -> None:
    """A new resolver that may call an upstream cannot be forgotten, nor can a rule outlive one."""
    schema = build_schema()._schema
    awaiting = set()
    for kind in read_types(schema):
        for name, field in kind.fields.items():
            resolver = getattr(field.extensions.get("strawberry-definition"), "base_resolver", None)
            if resolver is not None and iscoroutinefunction(resolver.wrapped_func):
                awaiting.add((kind.name, name))
    of_lists = {(kind, name) for kind, name in RULES if kind not in schema.type_map}

    assert {name for _, name in of_lists} == {"hasNextPage", "totalCount"}
    assert set(RULES) - of_lists == {
        (kind, name) for kind, name in awaiting if name not in {"hasNextPage", "totalCount"}
    }


def test_pages_of_a_hub_are_a_bound_from_above() -> None:
    """Cases that lie close together take one page of a hub of many, and none may settle."""
    prospect = Prospect(NeedKind.CASES, Known(pages=4, rest=0.0))

    calls = calls_of(prospect, Span(20, 20, 20), may_be_kept=False)

    assert calls == Span(1, 4 + 20, 4)


PRICES = st.floats(0.001, 3.0)
KNOWN = st.builds(
    Known,
    lane=st.builds(Lane, concurrency=st.integers(1, 8), interval=st.sampled_from([0.0, 0.5, 2.0])),
    latency=PRICES,
    page_latency=PRICES,
    time_left=st.sampled_from([0.5, 10.0, float("inf")]),
    feed=st.none()
    | st.builds(FeedKnown, ready=st.just(value=True), refresh_calls=st.integers(0, 2)),
    sweep=st.none()
    | st.builds(SweepKnown, st.none() | st.integers(0, 30), is_counted=st.booleans()),
    pages=st.none() | st.integers(0, 9),
    rest=st.floats(0, 1),
)


@given(need=st.sampled_from(list(NeedKind)), known=KNOWN, ends=st.tuples(*[st.integers(0, 40)] * 3))
def test_the_bounds_hold_for_every_number_of_keys(
    need: NeedKind, known: Known, ends: tuple[int, int, int]
) -> None:
    """However many keys there turn out to be, what is chosen then lies within what was foretold."""
    least, likely, most = sorted(ends)
    view = FeedView(FeedState.READY) if known.feed is not None else None
    prospect = Prospect(need, known, view)

    calls = calls_of(prospect, Span(least, most, likely), may_be_kept=False)

    assert calls.most is not None
    assert calls.least <= calls.likely <= calls.most
    for keys in range(least, most + 1):
        taken = prospect.choice(keys).taken
        if taken.feasible or taken.path is not Path.DIRECT:
            assert calls.least <= taken.calls <= calls.most
        if is_worth_a_look(Need(need, keys), known):
            assert calls.least <= 1 < 1 + keys <= calls.most
