"""Lists of a hub's cases: order, the gateway's own filter, the vendor's filter, and the walk."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casegraph.loading.case_filter import WALK_PAGES
from casegraph.upstreams.action_management import simulator
from casegraph.upstreams.action_management.store import Hub, Row
from support.gateway import Gateway
from support.meddling import Heard, answering, meddling
from support.paging import rows, walk
from support.upstreams import Upstreams

QUERY = """query(
  $hub: ID!, $filter: CaseFilter, $order: CaseOrder, $first: Int, $after: String, $vendor: JSON
) {
  cases(hubId: $hub, filter: $filter, orderBy: $order, first: $first, after: $after,
    vendorFilters: $vendor) {
    nodes { caseId } isComplete incompleteReason %s pageInfo { %s }
  }
}"""
PAGES = QUERY % ("totalCount", "hasNextPage hasPreviousPage startCursor endCursor")
ROWS_ONLY = QUERY % ("", "endCursor")
START = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = {"ID": "id", "CREATED_AT": "dateCreated", "DUE_AT": "dateDue"}


def in_order(hub: Hub, field: str, direction: str) -> list[str]:
    """Return the ids of all cases in an order; cases without the value come last."""
    column = COLUMNS[field]
    backwards = direction == "DESC"
    told = [row for row in hub.cases.values() if row.get(column) is not None]
    told.sort(key=lambda row: (row[column], row["id"]), reverse=backwards)
    untold = sorted(
        (row for row in hub.cases.values() if row.get(column) is None),
        key=lambda row: row["id"],
        reverse=backwards,
    )
    return [str(row["id"]) for row in told + untold]


@pytest.mark.parametrize("field", COLUMNS)
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_orders_both_ways(
    gateway: Gateway, upstreams: Upstreams, hub: str, field: str, direction: str
) -> None:
    """Every order gives each case exactly once, in one call a page."""
    store = upstreams.world.action_management.hubs[int(hub)]
    variables = {"hub": hub, "first": 100, "order": {"field": field, "direction": direction}}

    pages = walk(gateway, PAGES, variables, "cases")

    assert rows(pages, "caseId") == in_order(store, field, direction)
    assert upstreams.calls() == {"action_management.case_query": 4}


def test_the_order_is_newest_first_unless_told(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """Without an order the vendor's own stands, and pages of any size fit together."""
    store = upstreams.world.action_management.hubs[int(hub)]

    pages = walk(gateway, PAGES, {"hub": hub, "first": 37}, "cases")

    assert rows(pages, "caseId") == in_order(store, "CREATED_AT", "DESC")
    assert [len(page) for page in pages] == [37] * 10 + [30]


def item(row: Row, list_id: int) -> int | None:
    """Return the item chosen for a case from one list."""
    return next((each["id"] for each in row["listValues"] if each["listId"] == list_id), None)


def users_of(row: Row) -> set[int]:
    """Return everyone assigned to a case."""
    return {user for role in row["roles"] for user in role["users"]}


def closed(hub: Hub, row: Row) -> bool:
    """Say whether a case's status is one that is not open."""
    (statuses,) = (each["items"] for each in hub.lists if each["type"] == "status")
    return item(row, 9423) in {each["id"] for each in statuses if not each["isOpen"]}


CONDITIONS: dict[str, Callable[[Hub, Row], tuple[dict[str, Any], Callable[[Row], bool]]]] = {
    "isClosed": lambda hub, _: ({"isClosed": True}, lambda row: closed(hub, row)),
    "isOpen": lambda hub, _: ({"isClosed": False}, lambda row: not closed(hub, row)),
    "status": lambda _, one: (
        {"statusItemIds": [str(item(one, 9423)), "1"]},
        lambda row: item(row, 9423) == item(one, 9423),
    ),
    "severity": lambda _, one: (
        {"severityItemIds": [str(item(one, 9424))]},
        lambda row: item(row, 9424) == item(one, 9424),
    ),
    "category": lambda _, one: (
        {"categoryItemIds": [str(item(one, 9425))]},
        lambda row: item(row, 9425) == item(one, 9425),
    ),
    "user": lambda _, one: (
        {"assignedUserIds": [str(user) for user in users_of(one)]},
        lambda row: bool(users_of(row) & users_of(one)),
    ),
    "from": lambda _, one: (
        {"createdFrom": one["dateCreated"].isoformat()},
        lambda row: row["dateCreated"] >= one["dateCreated"],
    ),
    "to": lambda _, one: (
        {"createdTo": one["dateCreated"].isoformat()},
        lambda row: row["dateCreated"] <= one["dateCreated"],
    ),
}


@pytest.mark.parametrize("names", [[name] for name in CONDITIONS] + [["isClosed", "user", "from"]])
def test_each_condition_and_several(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any, names: list[str]
) -> None:
    """Conditions give exactly the cases they mean, alone and together, a page after a page."""
    store = upstreams.world.action_management.hubs[int(hub)]
    one = store.cases[odd.case_with_everything]
    chosen: dict[str, Any] = {}
    holds = []
    for name in names:
        part, hold = CONDITIONS[name](store, one)
        chosen |= part
        holds.append(hold)
    expected = [
        key
        for key in in_order(store, "CREATED_AT", "DESC")
        if all(hold(store.cases[int(key)]) for hold in holds)
    ]

    pages = walk(gateway, PAGES, {"hub": hub, "filter": chosen, "first": 30}, "cases")

    assert rows(pages, "caseId") == expected
    assert 0 < len(expected) < len(store.cases)


def test_a_filter_that_says_nothing_is_a_plain_page(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """Left-out and null conditions cost no walk; one of no items is none and costs no call."""
    plain = gateway.ask(PAGES, {"hub": hub, "filter": {"isClosed": None}, "first": 5})
    assert plain.data["cases"]["totalCount"] == 400
    assert upstreams.calls() == {"action_management.case_query": 1}
    upstreams.mark()

    none = gateway.ask(PAGES, {"hub": hub, "filter": {"statusItemIds": []}}).data["cases"]
    assert (none["nodes"], none["totalCount"], none["isComplete"]) == ([], 0, True)
    assert none["pageInfo"]["hasNextPage"] is False
    assert upstreams.calls() == {}


@pytest.mark.parametrize("order", [None, {"field": "CREATED_AT", "direction": "DESC"}])
def test_a_walk_by_creation_stops_where_the_window_ends(
    gateway: Gateway, upstreams: Upstreams, hub: str, order: dict[str, str] | None
) -> None:
    """Newest first, a lower bound ends the walk at the first older case; the total is known."""
    store = upstreams.world.action_management.hubs[int(hub)]
    newest = in_order(store, "CREATED_AT", "DESC")
    bound = store.cases[int(newest[39])]["dateCreated"].isoformat()
    variables = {"hub": hub, "filter": {"createdFrom": bound}, "order": order, "first": 100}

    cases = gateway.ask(PAGES, variables).data["cases"]

    assert [node["caseId"] for node in cases["nodes"]] == newest[:40]
    assert (cases["isComplete"], cases["totalCount"]) == (True, 40)
    assert cases["pageInfo"]["hasNextPage"] is False
    assert upstreams.calls() == {"action_management.case_query": 1}


def test_an_upper_bound_stops_a_walk_upwards_and_another_order_stops_nothing(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """Oldest first the upper bound ends the walk; by id nothing is known of what follows."""
    store = upstreams.world.action_management.hubs[int(hub)]
    oldest = in_order(store, "CREATED_AT", "ASC")
    bound = store.cases[int(oldest[9])]["dateCreated"].isoformat()
    for field, calls in (("CREATED_AT", 1), ("ID", 4)):
        upstreams.mark()
        order = {"field": field, "direction": "ASC"}
        variables = {"hub": hub, "filter": {"createdTo": bound}, "order": order}
        nodes = gateway.ask(PAGES, variables).data["cases"]["nodes"]
        assert {node["caseId"] for node in nodes} == set(oldest[:10])
        assert upstreams.calls() == {"action_management.case_query": calls}


def test_looking_ahead_costs_only_those_who_ask(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub]
) -> None:
    """Whether another case passes may cost a walk, so rows alone stop at the last row wanted."""
    hub = new_hub([case_row(number, category=number < 3) for number in range(250)])
    variables = {
        "hub": str(hub.hub_id),
        "filter": {"categoryItemIds": ["11013"]},
        "order": {"field": "ID", "direction": "ASC"},
        "first": 3,
    }

    lab_gateway.ask(ROWS_ONLY, variables)
    assert lab.calls() == {"action_management.case_query": 1}
    lab.mark()
    cases = lab_gateway.ask(PAGES, variables).data["cases"]

    assert cases["pageInfo"]["hasNextPage"] is False
    assert lab.calls() == {"action_management.case_query": 3}


def case_row(number: int, *, category: bool = False) -> Row:
    """Return a small case, opened so many minutes after the start."""
    row: Row = {
        "id": 1000 + number,
        "name": f"Case {number}",
        "workflowId": 214,
        "dateCreated": START + timedelta(minutes=number),
        "listValues": [{"listId": 9423, "id": 11001}],
        "roles": [],
        "dataFields": [],
    }
    if category:
        row["listValues"].append({"listId": 9425, "id": 11013})
    return row


def test_a_walk_is_bounded_says_so_and_can_go_on(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub]
) -> None:
    """After twenty pages the walk stops, tells why, and its end cursor leads through the rest."""
    wanted = {5, 1999, 2000, 2044, 2149}
    hub = new_hub([case_row(number, category=number in wanted) for number in range(2150)])
    variables = {
        "hub": str(hub.hub_id),
        "filter": {"categoryItemIds": ["11013"]},
        "order": {"field": "ID", "direction": "ASC"},
        "first": 4,
    }

    first = lab_gateway.ask(PAGES, variables).data["cases"]
    assert [node["caseId"] for node in first["nodes"]] == ["1005", "2999"]
    assert first["isComplete"] is False
    assert f"{WALK_PAGES} pages" in first["incompleteReason"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (None, True)
    assert lab.calls() == {"action_management.case_query": WALK_PAGES}

    lab.mark()
    rest = lab_gateway.ask(PAGES, {**variables, "after": first["pageInfo"]["endCursor"]})
    cases = rest.data["cases"]
    assert [node["caseId"] for node in cases["nodes"]] == ["3000", "3044", "3149"]
    assert (cases["isComplete"], cases["pageInfo"]["hasNextPage"]) == (True, False)
    assert cases["pageInfo"]["hasPreviousPage"] is True
    assert lab.calls() == {"action_management.case_query": 2}


def test_a_walk_that_finds_nothing_still_goes_on(
    lab_gateway: Gateway, new_hub: Callable[..., Hub]
) -> None:
    """A cut page without rows has a cursor to go on from, so paging gets past it."""
    hub = new_hub([case_row(number, category=number == 2120) for number in range(2150)])
    variables = {
        "hub": str(hub.hub_id),
        "filter": {"categoryItemIds": ["11013"]},
        "order": {"field": "ID", "direction": "ASC"},
    }

    pages = walk(lab_gateway, PAGES, variables, "cases")

    assert [len(page) for page in pages] == [0, 1]


def test_two_filters_in_one_request_share_the_walk(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """The pages of a walk are read once a request, however many filters look at them."""
    query = """query($hub: ID!) {
      open: cases(hubId: $hub, filter: { isClosed: false }, first: 100) { totalCount nodes { id } }
      closed: cases(hubId: $hub, filter: { isClosed: true }, first: 100) { totalCount nodes { id } }
    }"""

    data = gateway.ask(query, {"hub": hub}).data

    assert min(len(each["nodes"]) for each in data.values()) > 0
    assert upstreams.calls() == {"action_management.case_query": 4}


@pytest.fixture
def dialect(lab: Upstreams) -> Any:
    """Let the simulated vendor understand filters for the time of one test."""
    traffic = lab.sandbox.traffic["action_management"]
    before = traffic.app
    traffic.app = simulator.create_app(
        lab.world.action_management,
        simulator.Switches(filter_dialect=True),
        now=lambda: lab.world.now,
    )
    yield
    traffic.app = before


@pytest.mark.usefixtures("dialect")
def test_vendor_filters_go_through_untouched(lab_gateway: Gateway, lab: Upstreams) -> None:
    """What a client puts into vendorFilters is what the vendor gets, and what it answers counts."""
    hub = lab.world.action_management.hubs[lab.world.oddities.hub_with_program]
    filters = [
        {"property": "cost", "operator": "greaterThan", "value": 0},
        {"property": "name", "operator": "contains", "value": "e", "id": None},
        {"property": "isClosed", "operator": "in", "values": [True, False]},
    ]
    variables = {"hub": str(hub.hub_id), "vendor": filters, "first": 100}

    with meddling(lab, "action_management", Heard()) as heard:
        plain = lab_gateway.ask(PAGES, variables).data["cases"]
        filtered = lab_gateway.ask(PAGES, {**variables, "filter": {"isClosed": True}})

    # Once more with a new token, which the vendor in its place of a moment ago did not give.
    assert {str(body["filters"]) for body in heard.bodies("case_query")} == {str(filters)}
    expected = {
        str(key) for key, row in hub.cases.items() if row["cost"] > 0 and "e" in row["name"].lower()
    }
    assert {node["caseId"] for node in plain["nodes"]} == expected
    assert plain["totalCount"] == len(expected) > 0
    both = {node["caseId"] for node in filtered.data["cases"]["nodes"]}
    assert both == {key for key in expected if closed(hub, hub.cases[int(key)])}


def test_a_vendor_filter_that_is_refused_names_the_upstream(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """The vendor's 400 is the client's error and says at which upstream; other fields stand."""
    query = """query($hub: ID!, $vendor: JSON) {
      cases(hubId: $hub, vendorFilters: $vendor) { nodes { caseId } } roles(hubId: $hub) { name }
    }"""

    for vendor in ([{"property": "id"}], {"no": "array"}, "text", 7):
        answer = gateway.ask(query, {"hub": hub, "vendor": vendor})
        (error,) = answer.body["errors"]
        assert error["path"] == ["cases"]
        assert error["extensions"]["code"] == "INVALID_ARGUMENT"
        assert error["extensions"]["upstream"] == "action_management"
        assert error["extensions"]["retryable"] is False
        assert answer.partial["roles"]


def test_a_failing_page_of_a_walk_fails_the_list(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Callable[..., Hub]
) -> None:
    """A page that could not be read is an error, never a shorter list."""
    hub = new_hub([case_row(number) for number in range(150)])
    with meddling(lab, "action_management", answering(500, operation="case_query")):
        answer = lab_gateway.ask(PAGES, {"hub": str(hub.hub_id), "filter": {"isClosed": True}})

    assert answer.codes == {"cases": "UNAVAILABLE"}
    assert answer.partial == {"cases": None}


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"statusItemIds": ["../x"]}, "filter.statusItemIds"),
        ({"severityItemIds": ["1", "9" * 40]}, "filter.severityItemIds"),
        ({"categoryItemIds": ["٣"]}, "filter.categoryItemIds"),
        ({"assignedUserIds": ["1/../2"]}, "filter.assignedUserIds"),
        (
            {"createdFrom": "2026-02-01T00:00:00Z", "createdTo": "2026-01-01T00:00:00Z"},
            "filter.createdTo",
        ),
    ],
)
def test_a_bad_condition_is_named_and_costs_no_call(
    gateway: Gateway, upstreams: Upstreams, hub: str, chosen: dict[str, Any], named: str
) -> None:
    """What can never be right is refused by its own name."""
    answer = gateway.ask(PAGES, {"hub": hub, "filter": chosen})

    assert answer.codes == {"cases": "INVALID_ARGUMENT"}
    assert answer.body["errors"][0]["message"].startswith(f"{named}:")
    assert upstreams.calls() == {}
