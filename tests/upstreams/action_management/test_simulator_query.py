"""E1: sorting, paging, and the stand-in filter dialect."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.upstreams.action_management import simulator_query
from casegraph.upstreams.action_management.simulator import ErrorBody, Switches
from casegraph.upstreams.action_management.simulator_printing import Printer
from casegraph.upstreams.action_management.simulator_query import (
    CaseOrders,
    CaseQuery,
    RefusalError,
    case_page,
    read_case_query,
)
from casegraph.upstreams.action_management.store import Hub

NOW = datetime(2024, 5, 1, tzinfo=UTC)
DIALECT = Switches(filter_dialect=True)


def ids(answer: Any) -> list[int]:
    """List the ids of the items, in order."""
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"null",
        b"{}",
        b'{"filters":null,"include":null,"orderBy":null,"orderByAscending":null,"top":null}',
        b'{"skip":null}',
        b'{"filters":[],"include":[],"orderBy":{}}',
        b'{"orderBy":{"property":null},"unknown":1}',
    ],
)
async def test_default_query(vendor: Any, body: Any) -> None:
    """No body, empty and null members all mean: newest first."""
    tenant = await vendor()
    answer = await tenant.client.post("/v1/actionmanagement/hubs/7/cases/query", content=body)
    assert ids(answer) == [5, 4, 3, 2, 1]
    envelope = answer.json()
    assert tuple(envelope[name] for name in ("itemType", "itemCount", "totalCount", "links")) == (
        "CaseListItem",
        5,
        5,
        {},
    )


async def test_default_page_is_twenty(vendor: Any) -> None:
    """Without top a page holds 20 cases while totalCount counts all."""
    tenant = await vendor()
    template = tenant.hub.cases[1]
    tenant.hub.cases.update({n: {**template, "id": n} for n in range(100, 300)})
    answer = await tenant.ask({})
    assert (len(ids(answer)), answer.json()["totalCount"]) == (20, 205)
    assert len(ids(await tenant.ask(top=100))) == 100


@pytest.mark.parametrize(
    "body",
    [
        {"top": 101},
        {"top": 0},
        {"top": -1},
        {"top": "5"},
        {"top": True},
        {"top": 5.5},
        {"skip": -1},
        {"skip": 2**31},
        {"skip": "0"},
        {"orderBy": "id"},
        {"orderBy": {"property": 5}},
        {"orderBy": {"property": "name"}},
        {"orderBy": {"property": "nothing"}},
        {"orderByAscending": "true"},
        {"filters": [{"property": "id", "operator": "equals", "value": 1}]},
        {"filters": {}},
        {"include": [{"property": "id"}]},
        {"include": "id"},
        [],
        "text",
        5,
    ],
)
async def test_bad_queries(vendor: Any, body: Any) -> None:
    """Everything that the documented part does not allow is a 400 with a reason."""
    answer = await (await vendor()).ask(body)
    assert (400, {"message"}) == (answer.status_code, set(answer.json()))


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"top":1} x', b"[" * 100_000])
async def test_bodies_that_are_no_json(vendor: Any, body: Any) -> None:
    """A body that is no JSON is a 400."""
    tenant = await vendor()
    answer = await tenant.client.post("/v1/actionmanagement/hubs/7/cases/query", content=body)
    assert answer.status_code == 400


async def test_query_errors_may_be_empty(vendor: Any) -> None:
    """Q12: E1's 400 may carry nothing while other errors keep their message."""
    tenant = await vendor(Switches(query_error_body=ErrorBody.EMPTY))
    answer = await tenant.ask(top=101)
    assert (answer.status_code, answer.content) == (400, b"")
    assert {"message"} == set((await tenant.get("/notes")).json())
    unknown = await tenant.client.post("/v1/actionmanagement/hubs/8/cases/query")
    assert (404, {"message"}) == (unknown.status_code, set(unknown.json()))


async def test_orders(vendor: Any) -> None:
    """Cases sort by id, dateDue or dateCreated; ties by id; those without a due date last."""
    tenant = await vendor()

    async def ordered(name: str, *, ascending: bool) -> list[int]:
        return ids(await tenant.ask(orderBy={"property": name}, orderByAscending=ascending))

    assert await ordered("id", ascending=True) == [1, 2, 3, 4, 5]
    assert await ordered("id", ascending=False) == [5, 4, 3, 2, 1]
    assert await ordered("dateDue", ascending=True) == [3, 5, 1, 4, 2]
    assert await ordered("dateDue", ascending=False) == [4, 1, 5, 3, 2]
    assert await ordered("dateCreated", ascending=True) == [1, 2, 3, 4, 5]


async def test_other_orders(vendor: Any) -> None:
    """With the switch any scalar sorts, computed ones too, and groups still do not."""
    tenant = await vendor(Switches(order_by_others=True))
    expected = {
        "cost": [1, 2, 3, 4, 5],
        "workflowName": [3, 1, 2, 4, 5],
        "isClosed": [1, 2, 4, 5, 3],
        "isOverDue": [2, 3, 4, 1, 5],
        "dateModified": [2, 1, 3, 4, 5],
    }
    for name, order in expected.items():
        answer = await tenant.ask(orderBy={"property": name}, orderByAscending=True)
        assert order == ids(answer)
    assert (await tenant.ask(orderBy={"property": "roles"})).status_code == 400


async def test_pages(vendor: Any) -> None:
    """Top and skip cut the order; past the end there is an empty page, not an error."""
    tenant = await vendor()
    assert ids(await tenant.ask(top=2, skip=1)) == [4, 3]
    empty = await tenant.ask(skip=5)
    assert (ids(empty), empty.json()["totalCount"], empty.json()["itemCount"]) == ([], 5, 0)


async def test_writes_behind_the_api_are_seen(vendor: Any) -> None:
    """A cached order is dropped as soon as a value that it was sorted by changed."""
    tenant = await vendor()
    query = {"orderBy": {"property": "dateDue"}, "orderByAscending": True}
    assert ids(await tenant.ask(query)) == [3, 5, 1, 4, 2]
    tenant.hub.cases[2]["dateDue"] = datetime(2024, 1, 1, tzinfo=UTC)
    assert ids(await tenant.ask(query)) == [2, 3, 5, 1, 4]
    del tenant.hub.cases[3]
    assert ids(await tenant.ask(query)) == [2, 5, 1, 4]


async def test_an_order_is_sorted_once(vendor: Any, monkeypatch: Any) -> None:
    """Asking again, in either direction, does not sort again."""
    sorts = []
    original = simulator_query._sort
    monkeypatch.setattr(
        simulator_query, "_sort", lambda snapshot: sorts.append(1) or original(snapshot)
    )
    tenant = await vendor()
    for ascending in (True, False, True):
        await tenant.ask(orderByAscending=ascending)
    assert sorts == [1]


def _hub_of(dues: dict[int, int | None]) -> Hub:
    cases = {
        number: {"id": number, "workflowId": 1, "dateCreated": NOW, "name": "x"}
        | ({} if due is None else {"dateDue": NOW + timedelta(days=due)})
        for number, due in dues.items()
    }
    return Hub(1, "one", workflows={1: "only"}, cases=cases)


@given(
    st.dictionaries(st.integers(1, 500), st.none() | st.integers(-3, 3), max_size=60),
    st.booleans(),
    st.integers(1, 100),
)
def test_walking_pages_meets_every_case_once(dues: Any, ascending: Any, top: Any) -> None:
    """On still data the pages, laid end to end, are the sorted cases, each once."""
    hub, orders = _hub_of(dues), CaseOrders()
    walked = []
    for skip in range(0, len(dues) + top, top):
        query = CaseQuery(order_by="dateDue", ascending=ascending, top=top, skip=skip)
        page, total = case_page(hub, query, orders, Printer(hub, Switches(), "", NOW))
        assert len(dues) == total
        walked += [item["id"] for item in page]
    sign = 1 if ascending else -1
    expected = sorted(dues, key=lambda n: (dues[n] is None, sign * (dues[n] or 0), sign * n))
    assert expected == walked


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
names = st.sampled_from(["id", "name", "cost", "isClosed", "dateDue", "listValues", "nope"])
operators = st.sampled_from([*simulator_query._OPERATORS, "nope"])
filters = st.fixed_dictionaries(
    {},
    optional={
        "property": names,
        "operator": operators,
        "id": json_values,
        "value": json_values | st.just("2024-01-01"),
        "values": json_values,
    },
)
members = st.fixed_dictionaries(
    {},
    optional={
        "filters": st.lists(filters | json_values, max_size=3) | json_values,
        "include": st.lists(filters | json_values, max_size=3) | json_values,
        "orderBy": st.fixed_dictionaries({"property": names | json_values}) | json_values,
        "orderByAscending": json_values,
        "top": json_values,
        "skip": json_values,
    },
)


@given(members | json_values, st.booleans())
def test_no_query_breaks_the_simulator(body: Any, others: Any) -> None:
    """Any JSON either is answered or refused with a 400."""
    switches = Switches(filter_dialect=True, order_by_others=others)
    hub = _hub_of({1: 0, 2: None})
    outcome = None
    try:
        query = read_case_query(msgspec.json.encode(body), switches)
    except RefusalError as refusal:
        outcome = refusal.status
    if outcome is None:
        page, total = case_page(hub, query, CaseOrders(), Printer(hub, switches, "", NOW))
        assert 0 <= len(page) <= total <= 2
    else:
        assert outcome == 400


# The stand-in dialect.


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        ({"property": "id", "operator": "in", "values": [2, 4, 99]}, [2, 4]),
        ({"property": "id", "operator": "in", "values": []}, []),
        ({"property": "id", "operator": "notEquals", "value": 1}, [2, 3, 4, 5]),
        ({"property": "cost", "operator": "greaterThan", "value": 30.5}, [4, 5]),
        ({"property": "cost", "operator": "lessThan", "value": 20}, [1]),
        ({"property": "name", "operator": "contains", "value": "ASE 3"}, [3]),
        ({"property": "isClosed", "operator": "equals", "value": True}, [3]),
        ({"property": "isOverDue", "operator": "equals", "value": True}, [1, 5]),
        ({"property": "workflowName", "operator": "equals", "value": "Escalation"}, [3]),
        ({"property": "dateDue", "operator": "isEmpty"}, [2]),
        ({"property": "dateDue", "operator": "lessThan", "value": "2024-04-19"}, [3, 5]),
        (
            {"property": "dateDue", "operator": "equals", "value": "2024-04-18T02:00:00+02:00"},
            [3, 5],
        ),
        ({"property": "listValues", "id": 100, "operator": "equals", "value": 3}, [3]),
        ({"property": "listValues", "operator": "equals", "value": 31}, [1, 2, 4, 5]),
        ({"property": "listValues", "id": 200, "operator": "isEmpty"}, [1, 2, 3, 4, 5]),
        ({"property": "roles", "id": 51, "operator": "equals", "value": 2}, [1, 2, 3, 4, 5]),
        ({"property": "roles", "id": 52, "operator": "equals", "value": 2}, []),
        ({"property": "dataFields", "id": 61, "operator": "isEmpty"}, [1, 2, 3, 4, 5]),
        ({"property": "dataFields", "operator": "equals", "value": "x"}, []),
    ],
)
async def test_filters(vendor: Any, one: Any, expected: Any) -> None:
    """Each operator of the stand-in dialect keeps the right cases, and totalCount follows."""
    tenant = await vendor(DIALECT)
    answer = await tenant.ask(filters=[one], orderBy={"property": "id"}, orderByAscending=True)
    assert expected == ids(answer)
    assert len(expected) == answer.json()["totalCount"]


async def test_filters_are_anded(vendor: Any) -> None:
    """All filters must hold."""
    tenant = await vendor(DIALECT)
    low = {"property": "id", "operator": "greaterThan", "value": 1}
    high = {"property": "id", "operator": "lessThan", "value": 4}
    assert ids(await tenant.ask(filters=[low, high])) == [3, 2]


@pytest.mark.parametrize(
    "one",
    [
        {},
        5,
        {"property": "nope", "operator": "isEmpty"},
        {"property": ["id"], "operator": "isEmpty"},
        {"property": "id", "operator": "like", "value": 1},
        {"property": "id", "operator": ["in"], "values": [1]},
        {"property": "id", "operator": "in", "value": 1},
        {"property": "id", "operator": "equals", "value": "1"},
        {"property": "id", "operator": "equals", "value": True},
        {"property": "id", "operator": "equals"},
        {"property": "id", "operator": "contains", "value": "1"},
        {"property": "isClosed", "operator": "lessThan", "value": True},
        {"property": "isClosed", "operator": "equals", "value": 1},
        {"property": "dateDue", "operator": "equals", "value": "yesterday"},
        {"property": "roles", "id": "51", "operator": "isEmpty"},
    ],
)
async def test_bad_filters(vendor: Any, one: Any) -> None:
    """A filter outside the dialect is a 400."""
    assert (await (await vendor(DIALECT)).ask(filters=[one])).status_code == 400


async def test_include_narrows(vendor: Any) -> None:
    """Include keeps the named properties, of lists and roles only the named entries, and id."""
    tenant = await vendor(DIALECT)
    refs = [
        {"property": "dateDue"},
        {"property": "listValues", "id": 100},
        {"property": "listValues", "id": 400},
        {"property": "roles", "id": 52},
        {"property": "dataFields"},
    ]
    answer = await tenant.ask(include=refs, orderBy={"property": "id"}, orderByAscending=True)
    first, second = answer.json()["items"][:2]
    assert {"id", "dateDue", "listValues", "roles", "dataFields"} == set(first)
    assert (
        [each["listId"] for each in first["listValues"]],
        [each["id"] for each in first["roles"]],
        len(first["dataFields"]),
    ) == ([100, 400], [52], 1)
    assert "dateDue" not in second


@pytest.mark.bench
async def test_pages_are_quick(vendor: Any) -> None:
    """Of 2,500 cases a page of 100 takes less than 10 ms, the way through HTTP included."""
    tenant = await vendor()
    template = tenant.hub.cases[1]
    tenant.hub.cases.update({n: {**template, "id": n} for n in range(100, 2600)})
    times = []
    for skip in range(0, 2500, 100):
        started = time.perf_counter()
        await tenant.ask(top=100, skip=skip)
        times.append(time.perf_counter() - started)
    assert sorted(times)[len(times) // 2] < 0.010
