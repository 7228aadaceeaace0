"""A case and a page of cases are, read again from their bodies, what their calls have brought."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.case_reads import CASE, CASE_PAGE
from casegraph.transport.calls import Call, Reply
from casegraph.transport.receipt import open_receipt
from casegraph.upstreams.action_management.client import ActionManagement, CaseQuery
from casegraph.upstreams.base import Rest

ids = st.integers(1, 10**9)
texts = st.none() | st.text(max_size=4)
moments = st.none() | st.sampled_from(["2021-09-30T13:00:00+00:00", "2024-10-22 15:41:11.0124002"])
users = st.fixed_dictionaries({"id": ids, "userName": texts}, optional={"isActive": st.booleans()})
list_values = st.fixed_dictionaries({"listId": ids, "id": ids, "type": st.just("status")})
roles = st.fixed_dictionaries({"id": ids, "name": texts, "users": st.lists(users, max_size=2)})
cases = st.fixed_dictionaries(
    {"id": ids},
    optional={
        "name": texts,
        "cost": st.none() | st.floats(0, 9),
        "isClosed": st.booleans(),
        "dateDue": moments,
        "listValues": st.none() | st.lists(list_values, max_size=2),
        "roles": st.none() | st.lists(roles, max_size=2),
        "unknown": texts,
    },
)


def answering(body: bytes) -> ActionManagement:
    """Return a client of a system that always answers so."""

    async def send(_call: Call) -> Reply:
        return Reply(200, {}, body)

    rest = Rest("action_management", "https://cases.example", "/v1", send)
    return ActionManagement(rest, rest)


def hubs_of(case: Any) -> set[str]:
    """Return the hubs that a case and its parts name, and no other part's."""
    return {
        case.hub_id,
        *(part.hub_id for part in (*(case.list_values or ()), *(case.roles or ()))),
    }


@given(cases)
async def test_a_case_is_the_same_again(members: dict[str, Any]) -> None:
    """With its hub and its parts', and marked as detailed."""
    receipt = open_receipt()
    brought = await answering(json.dumps(members).encode()).case("7", "1")
    assert CASE.reread is not None
    assert receipt.only is not None
    again = CASE.reread(receipt.only, ("7", "1"))

    assert again == brought
    assert again is not None
    assert (again.detailed, hubs_of(again)) == (True, {"7"})


@given(st.lists(cases, max_size=3))
async def test_a_page_is_the_same_again(rows: list[dict[str, Any]]) -> None:
    """With the hub of each case, none of them marked as detailed."""
    receipt = open_receipt()
    body = json.dumps({"items": rows, "totalCount": 9}).encode()
    brought = await answering(body).case_query("7", CaseQuery(top=3))
    assert CASE_PAGE.reread is not None
    assert receipt.only is not None
    again = CASE_PAGE.reread(receipt.only, ("7", "{}"))

    assert (again, again.total_count) == (brought, 9)
    assert [(case.detailed, hubs_of(case)) for case in again.items] == [(False, {"7"})] * len(rows)


@given(cases, st.sampled_from(["name", "cost", "dateDue"]))
async def test_a_member_told_twice_is_the_same_again(members: dict[str, Any], name: str) -> None:
    """The last one stands, be the one before of a wrong type."""
    body = b'{"%b":[],%b' % (name.encode(), json.dumps({**members, name: None}).encode()[1:])
    receipt = open_receipt()
    brought = await answering(body).case("7", "1")
    assert CASE.reread is not None
    assert not receipt.has_repairs
    assert CASE.reread(body, ("7", "1")) == brought
