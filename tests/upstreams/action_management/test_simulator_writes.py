"""PUT and DELETE of a case: both PUT modes, what is refused, and what a refusal leaves behind."""

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.upstreams.action_management.simulator import DateForm, PutAnswer, PutMode, Switches
from casegraph.upstreams.action_management.simulator_query import RefusalError, read_object
from casegraph.upstreams.action_management.simulator_writes import put_case
from casegraph.upstreams.action_management.store import Hub

MERGE = Switches(put_mode=PutMode.MERGE)
LEAST = {"name": "Case 1", "workflowId": 1, "listValues": [{"listId": 100, "id": 1}]}
FACTS = ("name", "workflowId", "cost", "dateDue", "listValues", "roles", "dataFields", "source")


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """Pick what of a stored case a faithful round trip must keep."""
    return {name: row.get(name) for name in FACTS}


@pytest.mark.parametrize("mode", PutMode)
@pytest.mark.parametrize("case_id", [1, 2, 3])
@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"lists_share_id": True},
        {"duplicate_subcategory_ids": True},
        {"null_members": True},
        {"slim_details": True},
        {"dates": DateForm.OFFSET},
        {"dates": DateForm.SPACE},
        {"dates": DateForm.SEVEN_DIGITS},
    ],
)
async def test_get_then_put_changes_nothing(
    vendor: Any, mode: Any, case_id: Any, quirks: Any
) -> None:
    """The documented procedure without a change keeps every fact, in either mode, any quirk."""
    tenant = await vendor(Switches(put_mode=mode, **quirks))
    before = copy.deepcopy(facts(tenant.hub.cases[case_id]))
    body = (await tenant.get(f"/cases/{case_id}")).json()
    answer = await tenant.put(case_id, body)
    assert (200, before) == (answer.status_code, facts(tenant.hub.cases[case_id]))


async def test_put_answers_the_stored_case(vendor: Any) -> None:
    """A PUT answers the case as a GET would, with a new dateModified."""
    tenant = await vendor()
    body = (await tenant.get("/cases/1")).json() | {"name": "Renamed", "cost": 1.5}
    answer = (await tenant.put(1, body)).json()
    assert (answer["name"], answer["cost"]) == ("Renamed", 1.5)
    assert answer["dateModified"] == "2024-05-01T12:00:00+00:00"
    assert answer == (await tenant.get("/cases/1")).json()


async def test_put_may_answer_nothing(vendor: Any) -> None:
    """A PUT may answer 204 without a body, and still writes."""
    tenant = await vendor(Switches(put_answers=PutAnswer.EMPTY))
    answer = await tenant.put(1, LEAST | {"name": "Renamed"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert tenant.hub.cases[1]["name"] == "Renamed"


async def test_replace_clears_what_is_omitted(vendor: Any) -> None:
    """In replace mode a partial body clears cost, due date, other list values and assignments."""
    tenant = await vendor()
    answer = (await tenant.put(1, LEAST)).json()
    assert not {"cost", "dateDue"} & set(answer)
    assert [each["listId"] for each in answer["listValues"]] == [100]
    assert [(each["id"], each["users"]) for each in answer["roles"]] == [(51, []), (52, [])]
    assert (len(answer["dataFields"]), answer["triggerName"]) == (1, "Low score")


async def test_merge_keeps_what_is_omitted(vendor: Any) -> None:
    """In merge mode a partial body changes only what it names, and null clears."""
    tenant = await vendor(MERGE)
    before = copy.deepcopy(facts(tenant.hub.cases[1]))
    assert (await tenant.put(1, {"name": "Renamed"})).status_code == 200
    assert before | {"name": "Renamed"} == facts(tenant.hub.cases[1])
    await tenant.put(1, {"dateDue": None, "cost": None})
    assert tuple(facts(tenant.hub.cases[1])[name] for name in ("dateDue", "cost")) == (None, None)


async def test_merge_of_a_role_keeps_the_others_out(vendor: Any) -> None:
    """In merge mode a role named without users keeps them."""
    tenant = await vendor(MERGE)
    await tenant.put(1, {"roles": [{"id": 51}, {"id": 52, "users": [{"id": 3}]}]})
    assert tenant.hub.cases[1]["roles"] == [{"id": 51, "users": [1, 2]}, {"id": 52, "users": [3]}]


@pytest.mark.parametrize("missing", ["name", "workflowId", "listValues"])
async def test_required_properties(vendor: Any, missing: Any) -> None:
    """name, workflowId and a status must be there, unless the switch keeps the stored ones."""
    body = {name: value for name, value in LEAST.items() if name != missing}
    tenant = await vendor()
    before = copy.deepcopy(tenant.hub.cases[1])
    assert (await tenant.put(1, body)).status_code == 400
    assert (await tenant.put(1, LEAST | {missing: None})).status_code == 400
    assert before == tenant.hub.cases[1]
    lenient = await vendor(Switches(put_refuses_missing=False))
    answer = await lenient.put(1, body)
    assert (
        answer.status_code,
        answer.json()["name"],
        answer.json()["workflowId"],
        answer.json()["isClosed"],
    ) == (200, "Case 1", 1, False)
    assert {"listId": 100, "id": 1} in lenient.hub.cases[1]["listValues"]


async def test_a_closed_status_closes(vendor: Any) -> None:
    """Whether a case is closed follows the status item, and a closed case is not overdue."""
    tenant = await vendor()
    case = (await tenant.get("/cases/1")).json()
    assert (case["isClosed"], case["isOverDue"]) == (False, True)
    case["listValues"][0] = {"listId": 100, "id": 3}
    answer = (await tenant.put(1, case)).json()
    assert (answer["isClosed"], answer["isOverDue"]) == (True, False)
    items = (await tenant.ask()).json()["items"]
    assert {1, 3} == {item["id"] for item in items if item["isClosed"]}


async def test_what_the_vendor_owns_is_ignored(vendor: Any) -> None:
    """Different values of properties that cannot be changed are tolerated and dropped."""
    tenant = await vendor()
    case = (await tenant.get("/cases/1")).json()
    lies = {
        "id": 99,
        "isClosed": True,
        "isOverDue": False,
        "dateCreated": "1999-01-01",
        "dateModified": "nonsense",
        "dataFields": [],
        "source": None,
        "links": {},
        "triggerId": 1,
        "preOverDueDateTime": None,
        "unknown": {"deep": []},
    }
    body = copy.deepcopy(case) | lies
    body["listValues"][0] |= {"name": "No", "isOpen": False, "type": "custom"}
    body["roles"][0] |= {"caseId": 5, "name": "No", "workflowRoleIsActive": True}
    answer = (await tenant.put(1, body)).json()
    del answer["dateModified"]
    assert case == answer


async def test_changes_that_stay(vendor: Any) -> None:
    """Workflow, due date, category with subcategory and assignments are changed."""
    tenant = await vendor()
    body = (await tenant.get("/cases/1")).json()
    body |= {"workflowId": 2, "dateDue": "2024-06-01T00:00:00-07:00"}
    body["listValues"][1] = {"listId": 300, "id": 21, "subCategoryId": 211}
    body["listValues"].append({"listId": 200, "id": 11, "subCategoryId": None})
    body["roles"][1]["users"] = [{"id": 3}, {"id": 3}, {"id": 1}]
    answer = (await tenant.put(1, body)).json()
    assert (answer["workflowId"], answer["dateDue"]) == (2, "2024-06-01T07:00:00+00:00")
    assert answer["listValues"][1]["subCategoryName"] == "Late"
    assert answer["listValues"][3] == {
        "listId": 200,
        "id": 11,
        "name": "High",
        "type": "severity",
        "isHigh": True,
    }
    assert [user["id"] for user in answer["roles"][1]["users"]] == [3, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": 5},
        {"workflowId": 9},
        {"workflowId": "1"},
        {"workflowId": 2**31},
        {"cost": "5"},
        {"cost": True},
        {"dateDue": "soon"},
        {"dateDue": 5},
        {"listValues": {}},
        {"listValues": [5]},
        {"listValues": [{"listId": 100, "id": 99}]},
        {"listValues": [{"listId": 999, "id": 1}]},
        {"listValues": [{"listId": 100}]},
        {"listValues": [{"listId": 200, "id": 11}]},
        {"listValues": [{"listId": 100, "id": 1}, {"listId": 100, "id": 2}]},
        {"listValues": [*LEAST["listValues"], {"listId": 300, "id": 21, "subCategoryId": 999}]},
        {"listValues": [*LEAST["listValues"], {"listId": 300, "id": 22, "subCategoryId": 211}]},
        {"listValues": [{"listId": 100, "id": 1, "subCategoryId": 211}]},
        {"roles": "x"},
        {"roles": [{"id": 99}]},
        {"roles": [{"users": []}]},
        {"roles": [{"id": 51}, {"id": 51}]},
        {"roles": [{"id": 51, "users": [{"id": 99}]}]},
        {"roles": [{"id": 51, "users": [{"userName": "anna"}]}]},
        {"roles": [{"id": 51, "users": [1]}]},
    ],
)
@pytest.mark.parametrize("mode", PutMode)
async def test_refused_changes(vendor: Any, change: Any, mode: Any) -> None:
    """Unknown things and wrong types are a 400 with a reason, and change nothing."""
    tenant = await vendor(Switches(put_mode=mode))
    before = copy.deepcopy(tenant.hub.cases)
    answer = await tenant.put(1, LEAST | change)
    assert (400, {"message"}) == (answer.status_code, set(answer.json()))
    assert before == tenant.hub.cases


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{", b'"x"'])
async def test_put_wants_an_object(vendor: Any, content: Any) -> None:
    """A PUT without a JSON object is a 400."""
    tenant = await vendor()
    answer = await tenant.client.put("/v1/actionmanagement/hubs/7/cases/1", content=content)
    assert answer.status_code == 400


async def test_inactive_users(vendor: Any) -> None:
    """Q13: an inactive user may stay where assigned; assigning one anew needs the switch."""
    body = LEAST | {"roles": [{"id": 51, "users": [{"id": 2}]}]}
    tenant = await vendor()
    assert (await tenant.put(1, body)).status_code == 200
    tenant.hub.cases[1]["roles"] = []
    assert (await tenant.put(1, body)).status_code == 400
    lenient = await vendor(Switches(accept_inactive_users=True))
    assert (await lenient.put(1, body)).status_code == 200


async def test_deleted_users_may_stay(vendor: Any) -> None:
    """A user who is gone but still assigned does not make a case unwritable."""
    tenant = await vendor()
    del tenant.hub.users[2]
    body = (await tenant.get("/cases/1")).json()
    assert (await tenant.put(1, body)).status_code == 200


async def test_items_of_lists_that_share_an_id(vendor: Any) -> None:
    """Q1: with a shared id the item decides the list, so both values can be set."""
    tenant = await vendor(Switches(lists_share_id=True))
    values = [*LEAST["listValues"], {"listId": 300, "id": 22}, {"listId": 300, "id": 32}]
    answer = (await tenant.put(1, LEAST | {"listValues": values})).json()
    assert [each["name"] for each in answer["listValues"]] == ["Open", "Billing", "Regular"]
    assert [each["listId"] for each in tenant.hub.cases[1]["listValues"]] == [100, 300, 400]


async def test_type_tells_lists_that_share_everything_apart(vendor: Any) -> None:
    """Q1: where list id and item id are both shared, the type sent back decides."""
    tenant = await vendor(Switches(lists_share_id=True))
    tenant.hub.lists[3]["items"][0]["id"] = 22
    values = [*LEAST["listValues"], {"listId": 300, "id": 22, "type": "custom"}]
    answer = (await tenant.put(1, LEAST | {"listValues": values})).json()
    assert answer["listValues"][1]["name"] == "Key account"


async def test_last_writer_wins(vendor: Any) -> None:
    """There is no version check: the second of two writers undoes the first."""
    tenant = await vendor()
    first = (await tenant.get("/cases/1")).json()
    second = copy.deepcopy(first)
    await tenant.put(1, first | {"name": "First"})
    answer = await tenant.put(1, second | {"cost": 99})
    assert (answer.json()["name"], answer.json()["cost"]) == ("Case 1", 99)
    assert "etag" not in answer.headers


async def test_edits_may_write_notes(vendor: Any) -> None:
    """Edits leave a system note only when the switch says so."""
    for switches, added in ((Switches(), 0), (Switches(edits_write_notes=True), 1)):
        tenant = await vendor(switches)
        before = len(tenant.hub.notes)
        await tenant.put(1, LEAST)
        assert added == len(tenant.hub.notes) - before
    note = (await tenant.get("/cases/1/notes")).json()["items"][-1]
    assert (note["isSystemGenerated"], note["dateCreated"]) == (True, "2024-05-01T12:00:00+00:00")


async def test_delete(vendor: Any) -> None:
    """A deleted case is gone with its notes, and deleting it again is a 404."""
    tenant = await vendor()
    url = "/v1/actionmanagement/hubs/7/cases/1"
    answer = await tenant.client.delete(url)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [
        (await tenant.get("/cases/1")).status_code,
        (await tenant.get("/cases/1/notes")).status_code,
        (await tenant.client.delete(url)).status_code,
    ] == [404, 404, 404]
    assert {2} == {note["caseId"] for note in tenant.hub.notes.values()}
    assert (await tenant.ask()).json()["totalCount"] == 4


async def test_delete_may_answer_the_case(vendor: Any) -> None:
    """DELETE may answer 200 with what was deleted."""
    tenant = await vendor(Switches(delete_answers=PutAnswer.BODY))
    answer = await tenant.client.delete("/v1/actionmanagement/hubs/7/cases/1")
    assert (answer.status_code, answer.json()["id"]) == (200, 1)
    assert 1 not in tenant.hub.cases


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
entries = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from([1, 51]) | json_values,
            "listId": st.just(100) | json_values,
            "type": json_values,
            "subCategoryId": json_values,
            "users": json_values | st.just([{"id": 1}]),
        },
    ),
    max_size=2,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=4) | json_values,
        "workflowId": st.just(1) | json_values,
        "cost": json_values,
        "dateDue": json_values,
        "listValues": entries | json_values,
        "roles": entries | json_values,
    },
)


@given(bodies | json_values, st.sampled_from(PutMode), st.booleans())
def test_no_body_breaks_a_put(body: Any, mode: Any, strict: Any) -> None:
    """Any JSON is either stored or refused with a 400 that changes nothing."""
    item = {"listId": 100, "id": 1, "name": "Open", "type": "status", "isOpen": True}
    row = {"id": 1, "name": "x", "workflowId": 1, "listValues": [], "roles": []}
    hub = Hub(
        1,
        "one",
        workflows={1: "only"},
        cases={1: row},
        lists=[{"id": 100, "type": "status", "items": [item]}],
        roles=[{"id": 51, "name": "Owner"}],
        users={1: {"id": 1, "isActive": True}},
    )
    before = copy.deepcopy(row)
    switches = Switches(put_mode=mode, put_refuses_missing=strict)
    moment = datetime(2024, 5, 1, tzinfo=UTC)
    status = 200
    try:
        put_case(hub, 1, read_object(msgspec.json.encode(body)), switches, moment)
    except RefusalError as refusal:
        status = refusal.status
    assert status in {200, 400}
    assert (hub.cases[1] is row) == (status == 400)
    assert row == before
