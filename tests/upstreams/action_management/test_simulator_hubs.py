"""The Hubs API: hubs, end-user lists and end users."""

from typing import Any

import pytest

from casegraph.upstreams.action_management.simulator import Switches

LISTS = "/v1/hubs/7/enduserlists"


async def test_hubs(vendor: Any) -> None:
    """All hubs are listed, those without a program too, as id and name."""
    answer = (await (await vendor()).client.get("/v1/hubs")).json()
    assert answer == {"itemCount": 3, "totalCount": 3, "links": {}} | {
        "items": [
            {"id": 7, "name": "North"},
            {"id": 8, "name": "South"},
            {"id": 9, "name": "West"},
        ]
    }


async def test_item_types_of_hub_collections(vendor: Any) -> None:
    """Collections of hubs and lists may name their itemType."""
    tenant = await vendor(Switches(hub_collections_item_type=True))
    types = [(await tenant.client.get(url)).json()["itemType"] for url in ("/v1/hubs", LISTS)]
    assert types == ["Hub", "EndUserList"]


async def test_one_user(vendor: Any) -> None:
    """A user read alone shows isActive as text, unless the switch says otherwise."""
    tenant = await vendor()
    answer = (await tenant.client.get(f"{LISTS}/906/users/2")).json()
    assert answer == {
        "id": 2,
        "userName": "bob",
        "firstName": "Bob",
        "lastName": "Test",
        "email": "bob@example.com",
        "language": 9,
        "isActive": "false",
        "links": {},
    }
    plain = await vendor(Switches(end_user_active_as_text=False))
    assert (await plain.client.get(f"{LISTS}/906/users/2")).json()["isActive"] is False


@pytest.mark.parametrize(
    ("body", "expected", "total"),
    [
        (None, [1, 2, 3], 3),
        ({}, [1, 2, 3], 3),
        ({"isActive": True, "sortBy": "UserId", "top": 100, "skip": 0}, [1, 3], 2),
        ({"isActive": False}, [2], 1),
        ({"isActive": None, "sortBy": None, "top": 2, "skip": 1}, [2, 3], 3),
        ({"skip": 9}, [], 3),
    ],
)
async def test_user_query(vendor: Any, body: Any, expected: Any, total: Any) -> None:
    """Users are filtered by isActive, sorted by id, paged, and show isActive as a boolean."""
    tenant = await vendor()
    answer = (await tenant.client.post(f"{LISTS}/906/users/query", json=body)).json()
    assert (expected, total) == ([user["id"] for user in answer["items"]], answer["totalCount"])
    assert ("EndUser", len(expected)) == (answer["itemType"], answer["itemCount"])
    assert all(isinstance(user["isActive"], bool) for user in answer["items"])


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"sortBy": "userName"},
        {"sortBy": {"property": "id"}},
        {"isActive": "true"},
        {"top": 101},
        {"top": 0},
        {"skip": -1},
    ],
)
async def test_bad_user_queries(vendor: Any, body: Any) -> None:
    """What the page does not show is a 400."""
    tenant = await vendor()
    assert (await tenant.client.post(f"{LISTS}/906/users/query", json=body)).status_code == 400


async def test_user_query_cap_is_a_switch(vendor: Any) -> None:
    """The largest page of users can be set."""
    tenant = await vendor(Switches(user_query_max=2))
    query = f"{LISTS}/906/users/query"
    assert (await tenant.client.post(query, json={"top": 3})).status_code == 400
    assert (await tenant.client.post(query)).json()["itemCount"] == 2


async def test_life_of_a_list(vendor: Any) -> None:
    """Lists are added by an array, renamed, filled, and deleted only when empty."""
    tenant = await vendor(Switches(created_status=200))
    added = await tenant.client.post(LISTS, json=[{"name": "One"}, {"name": "Two"}])
    one, two = (each["id"] for each in added.json()["items"])
    assert (added.status_code, one not in {two, 906}) == (200, True)
    renamed = await tenant.client.put(f"{LISTS}/{one}", json={"name": "First"})
    assert renamed.json() == {"name": "First"}
    await tenant.client.put(f"{LISTS}/906", json={"name": "Own"})
    listed = (await tenant.client.get(LISTS)).json()["items"]
    assert [(906, "Own"), (one, "First"), (two, "Two")] == [
        (each["id"], each["name"]) for each in listed
    ]
    await tenant.client.post(f"{LISTS}/{one}/users", json={"userName": "dora"})
    statuses = [
        (await tenant.client.delete(f"{LISTS}/{each}")).status_code for each in (one, two, two, 906)
    ]
    assert statuses == [400, 204, 404, 400]


async def test_list_ids_are_never_given_twice(vendor: Any) -> None:
    """A deleted list's id is not used again."""
    tenant = await vendor()
    seen = set()
    for _ in range(3):
        added = await tenant.client.post(LISTS, json=[{"name": "x"}])
        list_id = added.json()["items"][0]["id"]
        assert (added.status_code, list_id in seen) == (201, False)
        seen.add(list_id)
        await tenant.client.delete(f"{LISTS}/{list_id}")


async def test_own_list_cannot_be_deleted(vendor: Any) -> None:
    """A program's list stays even when nobody is on it."""
    tenant = await vendor()
    assert (await tenant.client.delete("/v1/hubs/9/enduserlists/906")).status_code == 400


async def test_added_user_can_be_assigned(vendor: Any) -> None:
    """A user added to the program's list is active and may be put on a case."""
    tenant = await vendor()
    person = {"userName": "dora", "firstName": "Dora", "language": 9, "comment": "new"}
    added = await tenant.client.post(f"{LISTS}/906/users", json=person)
    user = added.json()
    assert (
        added.status_code,
        user["isActive"],
        user["comment"],
        user["id"],
    ) == (201, "true", "new", 4)
    assert user == (await tenant.client.get(f"{LISTS}/906/users/{user['id']}")).json()
    body = (await tenant.get("/cases/1")).json()
    body["roles"][1]["users"] = [{"id": user["id"]}]
    answer = (await tenant.put(1, body)).json()
    assert answer["roles"][1]["users"][0]["userName"] == "dora"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", LISTS, {"name": "x"}),
        ("POST", LISTS, []),
        ("POST", LISTS, [{"name": " "}]),
        ("POST", LISTS, ["x"]),
        ("POST", LISTS, None),
        ("PUT", f"{LISTS}/906", {"name": 5}),
        ("PUT", f"{LISTS}/906", []),
        ("POST", f"{LISTS}/906/users", []),
        ("POST", f"{LISTS}/906/users", {"firstName": "x"}),
        ("POST", f"{LISTS}/906/users", {"userName": "anna"}),
        ("POST", f"{LISTS}/906/users", {"userName": "new", "email": 5}),
        ("POST", f"{LISTS}/906/users", {"userName": "new", "language": "9"}),
    ],
)
async def test_bad_bodies(vendor: Any, method: Any, path: Any, body: Any) -> None:
    """Bad bodies are a 400 with a reason and change nothing."""
    tenant = await vendor()
    before = (await tenant.client.get(LISTS)).json()
    answer = await tenant.client.request(method, path, json=body)
    assert (400, {"message"}) == (answer.status_code, set(answer.json()))
    assert (before, 3) == ((await tenant.client.get(LISTS)).json(), len(tenant.hub.users))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"{LISTS}/1"),
        ("DELETE", f"{LISTS}/1"),
        ("POST", f"{LISTS}/1/users"),
        ("POST", f"{LISTS}/1/users/query"),
        ("POST", "/v1/hubs/1/enduserlists"),
    ],
)
async def test_unknown_lists(vendor: Any, method: Any, path: Any) -> None:
    """Unknown hubs and lists are a 404, whatever the body."""
    assert (await (await vendor()).client.request(method, path)).status_code == 404


async def test_end_users_of_a_hub_without_a_program(vendor: Any) -> None:
    """The Hubs API does not need a program."""
    tenant = await vendor()
    answer = await tenant.client.post("/v1/hubs/8/enduserlists/906/users/query")
    assert (answer.status_code, answer.json()["items"]) == (200, [])
