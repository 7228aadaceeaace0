"""The reads E2 and E5 to E9, and the quirks of what they print."""

from typing import Any

import msgspec
import pytest

from casegraph.upstreams.action_management.simulator import Credentials, DateForm, Switches


async def test_case_details(vendor: Any) -> None:
    """E2 prints the stored facts, what the vendor computes, and nothing that is absent."""
    tenant = await vendor()
    case = (await tenant.get("/cases/1")).json()
    link = "http://actions.test/v1/actionmanagement/hubs/6254/cases/1"
    users = "http://actions.test/v1/hubs/6254/enduserlists/906/users"
    people = [
        {"id": 1, "userName": "anna", "isActive": True, "links": {"self": f"{users}/1"}},
        {"id": 2, "userName": "bob", "isActive": False, "links": {"self": f"{users}/2"}},
    ]
    role = {"caseId": 1, "workflowRoleIsActive": False}
    category = {"listId": 300, "id": 21, "name": "Delivery", "type": "category"}
    expected = {
        "id": 1,
        "name": "Case 1",
        "workflowId": 1,
        "cost": 10,
        "isClosed": False,
        "isOverDue": True,
        "triggerId": 5,
        "triggerName": "Low score",
        "dateDue": "2024-04-20T00:00:00+00:00",
        "preOverDueDateTime": "2024-04-19T00:00:00+00:00",
        "postOverDueDateTime": "2024-04-21T00:00:00+00:00",
        "dateCreated": "2024-04-01T09:00:00+00:00",
        "listValues": [
            {"listId": 100, "id": 1, "name": "Open", "type": "status", "isOpen": True},
            category | {"subCategoryId": 212, "subCategoryName": "Damaged"},
            {"listId": 400, "id": 31, "name": "Key account", "type": "custom"},
        ],
        "roles": [
            role | {"id": 51, "name": "Owner", "users": people},
            role | {"id": 52, "name": "Reviewer", "users": []},
        ],
        "dataFields": [{"id": 61, "caseId": 1, "name": "Score", "value": "", "questionName": "q1"}],
        "source": {"responseId": "77", "surveyId": "p123", "sourceId": "s1"},
        "links": {"self": link, "notes": f"{link}/notes"},
    }
    assert expected == case


async def test_closed_and_overdue_are_computed(vendor: Any) -> None:
    """A closed case is never overdue; an open one is from the moment it was due."""
    tenant = await vendor(credentials=Credentials(token_seconds=10**8))
    states = {}
    for case_id in (2, 3, 4):
        case = (await tenant.get(f"/cases/{case_id}")).json()
        states[case_id] = (case["isClosed"], case["isOverDue"])
    assert states == {2: (False, False), 3: (True, False), 4: (False, False)}
    tenant.clock.advance(40 * 86400)
    assert (await tenant.get("/cases/4")).json()["isOverDue"] is True


async def test_slim_details(vendor: Any) -> None:
    """Q14: E2 may lack what the update page's sample lacks."""
    tenant = await vendor(Switches(slim_details=True))
    case = (await tenant.get("/cases/1")).json()
    assert not {"isClosed", "isOverDue", "dataFields"} & set(case)
    assert "workflowRoleIsActive" not in case["roles"][0]


async def test_details_without_source(vendor: Any) -> None:
    """E2 may lack the source."""
    tenant = await vendor(Switches(source_in_details=False))
    assert "source" not in (await tenant.get("/cases/1")).json()


async def test_details_in_list(vendor: Any) -> None:
    """E1 items carry the details' properties only when the switch says so."""
    extra = {"isOverDue", "dateDue", "preOverDueDateTime", "postOverDueDateTime", "source"}
    query = {"orderBy": {"property": "id"}, "orderByAscending": True, "top": 1}
    plain = (await (await vendor()).ask(query)).json()["items"][0]
    full = (await (await vendor(Switches(details_in_list=True))).ask(query)).json()["items"][0]
    assert (set(), extra) == (extra & set(plain), set(full) - set(plain))
    assert plain["workflowName"] == "Standard"


async def test_null_members(vendor: Any) -> None:
    """Absent properties may be sent as null."""
    tenant = await vendor(Switches(null_members=True))
    case = (await tenant.get("/cases/2")).json()
    assert (case["dateDue"], case["postOverDueDateTime"]) == (None, None)
    assert case["listValues"][0]["subCategoryId"] is None
    note = (await tenant.get("/cases/1/notes/901")).json()
    assert (note["createdBy"], note["dateModified"]) == (None, None)
    lists = (await tenant.get("/lists")).json()["items"]
    assert lists[2]["items"][1]["subCategories"] is None
    user = await tenant.client.get("/v1/hubs/7/enduserlists/906/users/1")
    assert user.json()["comment"] is None


@pytest.mark.parametrize(
    ("form", "created", "modified"),
    [
        (DateForm.USUAL, "2024-04-02T09:00:00+00:00", "2024-04-09T00:01:02.012400+00:00"),
        (
            DateForm.SEVEN_DIGITS,
            "2024-04-02T09:00:00.0000002+00:00",
            "2024-04-09T00:01:02.0124002+00:00",
        ),
        (DateForm.SPACE, "2024-04-02 09:00:00.000-00:00", "2024-04-09 00:01:02.012400-00:00"),
        (DateForm.OFFSET, "2024-04-02T02:00:00-07:00", "2024-04-08T17:01:02.012400-07:00"),
    ],
)
async def test_date_forms(vendor: Any, form: Any, created: Any, modified: Any) -> None:
    """Each date form of the vendor's pages can be chosen, on cases, notes and lists alike."""
    tenant = await vendor(Switches(dates=form, role_dates=form))
    case = (await tenant.get("/cases/2")).json()
    assert (created, modified) == (case["dateCreated"], case["dateModified"])
    tail = created[-6:]
    note = (await tenant.get("/cases/1/notes/902")).json()
    listed = (await tenant.get("/lists")).json()["items"][0]
    role = (await tenant.get("/roles")).json()["items"][0]
    for text in (note["dateCreated"], listed["lastUpdated"], role["lastUpdated"]):
        assert tail == text[-6:]


async def test_roles(vendor: Any) -> None:
    """E9 gives the definitions, with seven digits in lastUpdated by default."""
    tenant = await vendor()
    answer = (await tenant.get("/roles")).json()
    first = {
        "id": 51,
        "name": "Owner",
        "lastUpdated": "2024-04-01T00:00:00.0124002+00:00",
        "links": {},
    }
    assert first == answer["items"][0]
    assert (answer["itemType"], answer["itemCount"], answer["totalCount"]) == ("Role", 2, 2)


async def test_lists(vendor: Any) -> None:
    """E8 gives the whole program; the first category item lies about its list (Q2)."""
    tenant = await vendor()
    answer = (await tenant.get("/lists")).json()
    assert (
        answer["itemType"],
        answer["itemCount"],
        answer["totalCount"],
    ) == ("ProgramList", 4, 4)
    category = answer["items"][2]
    sub = {"listId": 300, "listItemId": 21}
    assert {
        "id": 300,
        "name": "Category",
        "type": "category",
        "lastUpdated": "2024-04-01T00:00:00+00:00",
        "defaultItem": 21,
        "links": {},
        "items": [
            {
                "listId": 200,
                "id": 21,
                "name": "Delivery",
                "type": "category",
                "subCategories": [
                    sub | {"id": 211, "name": "Late"},
                    sub | {"id": 212, "name": "Damaged"},
                ],
            },
            {"listId": 300, "id": 22, "name": "Billing", "type": "category"},
        ],
    } == category


async def test_item_list_ids_may_be_right(vendor: Any) -> None:
    """Q2 off: every item carries its own list's id."""
    tenant = await vendor(Switches(foreign_item_list_id=False))
    for each in (await tenant.get("/lists")).json()["items"]:
        assert {each["id"]} == {item["listId"] for item in each["items"]}


async def test_two_lists_may_share_an_id(vendor: Any) -> None:
    """Q1: a category and a custom list share an id, in the lists and on the cases."""
    tenant = await vendor(Switches(lists_share_id=True))
    lists = (await tenant.get("/lists")).json()["items"]
    assert [each["id"] for each in lists] == [100, 200, 300, 300]
    values = (await tenant.get("/cases/1")).json()["listValues"]
    assert [(each["type"], each["listId"]) for each in values] == [
        ("status", 100),
        ("category", 300),
        ("custom", 300),
    ]


async def test_subcategories_may_share_an_id(vendor: Any) -> None:
    """Q3: two subcategories of one item share an id under different names."""
    tenant = await vendor(Switches(duplicate_subcategory_ids=True))
    subs = (await tenant.get("/lists")).json()["items"][2]["items"][0]["subCategories"]
    assert [(each["id"], each["name"]) for each in subs] == [(211, "Late"), (211, "Damaged")]
    value = (await tenant.get("/cases/1")).json()["listValues"][1]
    assert (value["subCategoryId"], value["subCategoryName"]) == (211, "Damaged")


async def test_default_item_may_dangle(vendor: Any) -> None:
    """Q4: the status list's defaultItem names no item of the list."""
    tenant = await vendor(Switches(dangling_default_item=True))
    lists = (await tenant.get("/lists")).json()["items"]
    dangling = [
        each["type"]
        for each in lists
        if each["defaultItem"] not in {item["id"] for item in each["items"]}
    ]
    assert dangling == ["status"]


async def test_links_may_be_true(vendor: Any) -> None:
    """Q6 off: links carry the request's own hub and scheme."""
    tenant = await vendor(Switches(link_hub_id=None, links_use_http=False))
    case = (await tenant.get("/cases/1")).json()
    assert case["links"]["self"] == "https://actions.test/v1/actionmanagement/hubs/7/cases/1"
    answer = await tenant.client.get(case["roles"][0]["users"][0]["links"]["self"])
    assert answer.json()["userName"] == "anna"


async def test_case_notes(vendor: Any) -> None:
    """E5 gives all notes of the case, unpaged; system notes lack people and dateModified (Q8)."""
    tenant = await vendor()
    answer = (await tenant.get("/cases/1/notes")).json()
    assert (
        answer["itemType"],
        [note["id"] for note in answer["items"]],
    ) == ("CaseNote", [901, 902, 905])
    system, edited, unedited = answer["items"]
    assert not {"createdBy", "modifiedBy", "dateModified"} & set(system)
    assert edited["dateModified"] == "2024-04-03T00:00:00+00:00"
    assert unedited["dateModified"] == unedited["dateCreated"]
    assert (edited["createdBy"]["userName"], edited["modifiedBy"]["userName"]) == ("anna", "bob")
    assert edited == (await tenant.get("/cases/1/notes/902")).json()


async def test_note_dates_under_other_readings(vendor: Any) -> None:
    """System notes may show a dateModified, and unedited user notes may lack it."""
    switches = Switches(system_notes_without_modified=False, unedited_notes_have_modified=False)
    tenant = await vendor(switches)
    system, _, unedited = (await tenant.get("/cases/1/notes")).json()["items"]
    assert system["dateModified"] == system["dateCreated"]
    assert "dateModified" not in unedited


async def test_case_without_its_list_item(vendor: Any) -> None:
    """A chosen item that left its list is printed by its ids, never as a server error."""
    tenant = await vendor()
    tenant.hub.cases[1]["listValues"] = [{"listId": 100, "id": 77}]
    tenant.hub.cases[1]["roles"] = [{"id": 99, "users": [98]}]
    case = (await tenant.get("/cases/1")).json()
    assert case["listValues"] == [{"listId": 100, "id": 77}]
    assert tuple(case["roles"][0]["users"][0][name] for name in ("id", "userName", "isActive")) == (
        98,
        "",
        False,
    )


async def test_answers_are_json(vendor: Any) -> None:
    """Bodies are JSON and say so."""
    answer = await (await vendor()).get("/lists")
    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content)["itemCount"] == 4
