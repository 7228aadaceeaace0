"""How old an answer may be and is, as a client of the running gateway says and sees it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType

from casegraph.graph.schema import build_schema
from casegraph.loading.kept import Kept
from support.clock import Clock
from support.gateway import Answer, Gateway, running_gateway
from support.meddling import answering, meddling
from support.rehearsed import until
from support.upstreams import Upstreams

EVERYTHING = """query($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    freshness { ...All }
    notes { nodes { freshness { ...All } } }
    reviews { nodes { freshness { ...All } case { freshness { ...All } } } }
    ratings { nodes { freshness { ...All } } }
    customerCases { freshness { ...All } }
  }
  programLists(hubId: $hub) { freshness { ...All } }
  roles(hubId: $hub) { freshness { ...All } }
}
fragment All on Freshness { source fetchedAt ageSeconds isStale reason }"""
CASE = """query($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) { name freshness { source ageSeconds isStale reason } }
}"""
LOOK_UPS = """query($hub: ID!) {
  programLists(hubId: $hub) { freshness { source ageSeconds reason } }
  roles(hubId: $hub) { freshness { source ageSeconds reason } }
}"""

WITHOUT_FEEDS = {
    "CASEGRAPH_ACTION_MANAGEMENT__FEED": "off",
    "CASEGRAPH_CASE_REVIEWS__FEED": "off",
}
"""A feed fills in its own time, so what it has confirmed is no matter of the test's clock."""


class Aged:
    """A gateway whose time of day the test moves, over the sandbox that may be edited."""

    def __init__(self, gateway: Gateway, clock: Clock, lab: Upstreams) -> None:
        self.gateway = gateway
        self.clock = clock
        self.lab = lab
        oddities = lab.world.oddities
        self.variables = {
            "hub": str(oddities.hub_with_program),
            "case": str(oddities.case_with_everything),
        }

    def ask(self, query: str, says: str | None = None, **variables: Any) -> Answer:
        """Ask, with calls counted from here."""
        self.lab.mark()
        headers = {} if says is None else {"Cache_Control": says}
        return self.gateway.ask(query, {**self.variables, **variables}, **headers)

    def calls(self) -> int:
        """Return how many calls the last question cost."""
        return sum(self.lab.calls().values())


@pytest.fixture
def aged(lab: Upstreams, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aged]:
    """Return a gateway that knows nothing yet, with its clock."""
    clock = Clock(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
    monkeypatch.setattr("casegraph.app.Kept", partial(Kept, clock=clock))
    with running_gateway({**lab.as_shipped, **WITHOUT_FEEDS}) as gateway:
        yield Aged(gateway, clock, lab)


def each_freshness(data: Any) -> Iterator[dict[str, Any]]:
    """Return every `freshness` of an answer."""
    if isinstance(data, list):
        for item in data:
            yield from each_freshness(item)
    elif isinstance(data, dict):
        if data.get("freshness"):
            yield data["freshness"]
        for item in data.values():
            yield from each_freshness(item)


def test_every_node_says_where_it_came_from(aged: Aged) -> None:
    """All seven types are told of, copies made for links too: asked just now, nothing stale."""
    answer = aged.ask(EVERYTHING)
    case = answer.data["case"]
    parts = (case["notes"], case["reviews"], case["ratings"])

    assert all(part["nodes"] for part in parts)
    assert case["customerCases"]
    just_now = {
        "source": "UPSTREAM",
        "fetchedAt": "2026-03-01T12:00:00Z",
        "ageSeconds": 0,
        "isStale": False,
        "reason": None,
    }
    assert [each for each in each_freshness(answer.data) if each != just_now] == []
    assert (answer.response.headers["age"], "extensions" in answer.body) == ("0", False)
    assert answer.response.headers["cache-control"] == "private, no-cache"


def test_what_a_client_takes_is_served_without_a_call(aged: Aged) -> None:
    """With max-age every node is as old as it is, its moment stays, and the answer has its Age."""
    aged.ask(EVERYTHING)
    aged.clock.now += 50

    answer = aged.ask(EVERYTHING, "max-age=50")
    assert aged.calls() == 0
    before = {
        "source": "CACHE",
        "fetchedAt": "2026-03-01T12:00:00Z",
        "ageSeconds": 50,
        "isStale": False,
        "reason": None,
    }
    assert [each for each in each_freshness(answer.data) if each != before] == []
    assert answer.response.headers["age"] == "50"
    assert "extensions" not in answer.body


def test_who_tolerates_stale_data_is_told_of_it(aged: Aged) -> None:
    """With max-stale it is served and marked, on the node and beside the data."""
    aged.ask(CASE)
    aged.clock.now += 50

    answer = aged.ask(CASE, "max-stale=60")
    assert aged.calls() == 0
    assert answer.data["case"]["freshness"] == {
        "source": "CACHE",
        "ageSeconds": 50,
        "isStale": True,
        "reason": "ACCEPTED",
    }
    named = {
        "upstream": "action_management",
        "kind": "cases",
        "ageSeconds": 50,
        "reason": "ACCEPTED",
    }
    assert answer.body["extensions"] == {"freshness": [named]}
    assert answer.response.headers["cache-control"] == "private, no-cache"


def test_edited_data_is_read_anew_unless_the_client_says_otherwise(aged: Aged) -> None:
    """What was changed behind the gateway's back is seen at the next question."""
    store = aged.lab.world.action_management
    case = store.hubs[int(aged.variables["hub"])].cases[int(aged.variables["case"])]
    before = aged.ask(CASE).data["case"]["name"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(case, "name", "Changed since")
        assert aged.ask(CASE, "max-age=5").data["case"]["name"] == before
        assert aged.ask(CASE).data["case"]["name"] == "Changed since"
        assert aged.calls() == 1


def test_who_wants_no_call_gets_what_there_is(aged: Aged) -> None:
    """With only-if-cached no upstream is asked; what is not kept is an error of its field."""
    aged.ask(CASE)
    query = CASE.replace("}\n}", "}\n roles(hubId: $hub) { name }\n}")

    answer = aged.ask(query, "only-if-cached")
    assert aged.calls() == 0
    assert answer.codes == {"roles": "UNAVAILABLE"}
    assert answer.partial["case"]["freshness"]["source"] == "CACHE"


def test_look_ups_are_fresh_for_minutes_and_no_cache_asks_all_the_same(aged: Aged) -> None:
    """What a cache may do with the answer follows from its oldest part and its window."""
    aged.ask(LOOK_UPS)
    aged.clock.now += 100

    answer = aged.ask(LOOK_UPS)
    assert aged.calls() == 0
    assert {each["source"] for each in each_freshness(answer.data)} == {"CACHE"}
    assert answer.response.headers["age"] == "100"
    assert answer.response.headers["cache-control"] == "private, max-age=300"

    again = aged.ask(LOOK_UPS, "no-cache")
    assert aged.calls() == 2
    assert {each["ageSeconds"] for each in each_freshness(again.data)} == {0}


def test_ratings_cost_no_call_within_their_minute(aged: Aged) -> None:
    """No system lists them by change, so they are taken as they were for a minute."""
    query = """query($case: ID!) {
      ratings(caseId: $case) { nodes { freshness { source } } } }"""
    first = aged.ask(query)
    aged.clock.now += 50
    second = aged.ask(query)

    assert aged.calls() == 0
    assert first.data["ratings"]["nodes"]
    assert {each["source"] for each in each_freshness(second.data)} == {"CACHE"}


def test_one_field_may_accept_something_else(aged: Aged) -> None:
    """The directive stands above the header, for its field and not for those below it."""
    aged.ask(EVERYTHING)
    aged.clock.now += 50
    query = """query($hub: ID!, $case: ID!, $age: Int) {
      case(hubId: $hub, caseId: $case) @freshness(maxAgeSeconds: $age) {
        freshness { source }
        notes { nodes { freshness { source } } }
      }
      roles(hubId: $hub) { freshness { source } }
      asked: roles(hubId: $hub) @include(if: true) @freshness(maxAgeSeconds: 0) { name }
    }"""

    answer = aged.ask(query, age=60)
    assert answer.data["case"]["freshness"]["source"] == "CACHE"
    assert {each["freshness"]["source"] for each in answer.data["case"]["notes"]["nodes"]} == {
        "UPSTREAM"
    }
    assert answer.data["roles"][0]["freshness"]["source"] == "CACHE"
    assert aged.lab.calls()["action_management.roles"] == 1

    assert aged.ask(query, "max-age=60", age=49).data["case"]["freshness"]["source"] == "UPSTREAM"


@pytest.mark.parametrize("name", ["maxAgeSeconds", "maxStaleSeconds"])
def test_a_negative_age_is_the_clients_error(aged: Aged, name: str) -> None:
    """The field fails alone, and says why."""
    query = LOOK_UPS.replace("roles(hubId: $hub)", f"roles(hubId: $hub) @freshness({name}: -1)")
    answer = aged.ask(query)

    assert answer.codes == {"roles": "INVALID_ARGUMENT"}
    assert name in answer.body["errors"][0]["message"]
    assert answer.partial["programLists"]
    assert answer.response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (503, (), "UPSTREAM_UNAVAILABLE"),
        (429, ((b"retry-after", b"30"),), "RATE_LIMITED"),
    ],
)
def test_what_is_kept_stands_in_while_its_system_is_down(
    aged: Aged, status: int, headers: tuple[Any, ...], reason: str
) -> None:
    """For ten minutes the whole page is served and marked; what is older is an error as before."""
    aged.ask(CASE)
    aged.clock.now += 599
    with meddling(aged.lab, "action_management", answering(status, headers=headers)):
        answer = aged.ask(CASE)
        assert answer.data["case"]["freshness"] == {
            "source": "CACHE",
            "ageSeconds": 599,
            "isStale": True,
            "reason": reason,
        }
        (named,) = answer.body["extensions"]["freshness"]
        assert (named["kind"], named["ageSeconds"], named["reason"]) == ("cases", 599, reason)

        insisting = aged.ask(CASE, "no-cache")
        assert set(insisting.codes) == {"case"}
        aged.clock.now += 2
        late = aged.ask(CASE)
        assert late.partial == {"case": None}
        assert late.codes == insisting.codes
        assert "freshness" not in late.body.get("extensions", {})


def test_a_refused_credential_is_not_covered_up(aged: Aged) -> None:
    """Who may not see the data any more is not shown what could once be seen."""
    aged.ask(CASE)
    with meddling(aged.lab, "action_management", answering(403)):
        assert set(aged.ask(CASE).codes) == {"case"}


def test_behind_a_stale_look_up_it_is_asked_anew(aged: Aged) -> None:
    """The question is answered at once, the next one gets what that call brought."""
    query = "query($hub: ID!) { roles(hubId: $hub) { freshness { ageSeconds reason } } }"
    aged.ask(query)
    aged.clock.now += 400

    answer = aged.ask(query)
    found = {(each["ageSeconds"], each["reason"]) for each in each_freshness(answer.data)}
    assert found == {(400, "REVALIDATING")}
    assert answer.body["extensions"]["freshness"][0]["kind"] == "roles"
    until(aged.calls)
    assert aged.calls() == 1
    end = time.monotonic() + 30
    while time.monotonic() < end:
        renewed = aged.gateway.ask(query, aged.variables)
        if "extensions" not in renewed.body:
            break
    assert {each["ageSeconds"] for each in each_freshness(renewed.data)} == {0}
    assert aged.calls() == 1


def test_a_feed_and_a_kept_answer_are_told_apart(lab: Upstreams) -> None:
    """As shipped, a page of cases has them from a call, notes from the feed, ratings as kept."""
    query = """query($hub: ID!) { cases(hubId: $hub, first: 10) { nodes {
      freshness { source }
      notes { nodes { freshness { source } } }
      ratings { nodes { freshness { source } } }
    } } }"""

    def sources(rows: list[dict[str, Any]], name: str) -> set[str]:
        return {each["source"] for row in rows for each in each_freshness(row[name])}

    with running_gateway(lab.as_shipped) as gateway:
        for _ in range(200):  # the feed fills in its own time
            asked = {"hub": str(lab.world.oddities.hub_with_program)}
            rows = gateway.ask(query, asked).data["cases"]["nodes"]
            found = (sources(rows, "notes"), sources(rows, "ratings"))
            if found == ({"FEED"}, {"CACHE"}):
                break
    assert found == ({"FEED"}, {"CACHE"})
    assert {row["freshness"]["source"] for row in rows} == {"UPSTREAM"}


def test_an_answer_that_needed_nothing_has_no_age(aged: Aged) -> None:
    """Neither introspection nor a refused document says how old it is."""
    nothing, refused = aged.ask("{ __typename }"), aged.ask("{ nonsense }")

    assert "age" not in nothing.response.headers
    assert nothing.response.headers["cache-control"] == "private, no-cache"
    assert "age" not in refused.response.headers
    assert refused.response.headers["cache-control"] == "no-store"


def test_a_header_that_cannot_be_meant_is_refused(aged: Aged) -> None:
    """A typo is told to the client before anything is asked."""
    answer = aged.ask(CASE, "max-age=soon")

    assert answer.response.status_code == 400
    assert answer.body["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert aged.calls() == 0


def test_everything_with_an_identity_has_a_freshness() -> None:
    """The interface asks for it, so no type can be added without."""
    types = build_schema()._schema.type_map
    node = types["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert str(node.fields["freshness"].type) == "Freshness!"
    things = [each for each in types.values() if isinstance(each, GraphQLObjectType)]
    assert len([each for each in things if node in each.interfaces]) == 7
