"""What writes do to the simulated CRM, and which bodies it refuses."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.upstreams.customer_cases.simulator import create_app

POST = {
    "created": "2026-03-10T14:00:00+02:00",
    "body": "It works again",
    "linkUrl": "https://social.example/p-2",
    "serviceId": "p-2",
    "service": "facebook",
    "contentType": "comment",
}
AUTHOR = {
    "service": "facebook",
    "serviceId": "a-1",
    "handle": "@cleo",
    "name": "Cleo",
    "brandOwned": True,
}


def errors(answer: Any) -> Any:
    """Return the fields of a 422, or of a 400 in the array form, by name."""
    return {field["name"]: field["errorMessage"] for field in answer.json()["fields"]}


async def test_a_created_case_gets_what_the_crm_makes(crm: Any, store: Any, clock: Any) -> None:
    """Id, number, description, url, status and times are the CRM's; the rest is the caller's."""
    body = {
        "title": "Line",
        "customerId": "11",
        "product": "Phone",
        "interactions": [{**POST, "author": AUTHOR}],
    }
    answer = await crm().post("/case", json=body)
    assert answer.status_code == 201
    row = answer.json()
    made = {key: row[key] for key in ("id", "number", "customerId", "status", "product")}
    expected = {
        "id": "22",
        "number": "CS-22",
        "customerId": "11",
        "status": "open",
        "product": "Phone",
    }
    assert expected == made
    assert "2026-03-11T12:00:00Z" == row["created"] == row["lastUpdated"]
    assert (row["title"], row["description"]) == ("Line", "It works again")
    assert row["interactions"] == [{**POST, "created": "2026-03-10T12:00:00Z", "author": AUTHOR}]
    assert clock.at == store.cases["22"]["created"]
    assert row == (await crm().get("/case/22")).json()


async def test_one_content_is_kept_once(crm: Any) -> None:
    """Interactions of a new case are de-duplicated on service and serviceId."""
    other = {**POST, "service": "x"}
    body = {"title": "Line", "customerId": "11", "interactions": [POST, POST, other]}
    row = (await crm().post("/case", json=body)).json()
    assert [item["service"] for item in row["interactions"]] == ["facebook", "x"]


async def test_the_schemas_misspelling_is_tolerated(crm: Any) -> None:
    """The key customId works like customerId, unless switched off."""
    body = {"title": "Line", "customId": "11"}
    assert (await crm().post("/case", json=body)).json()["customerId"] == "11"
    refused = await crm(custom_id_spelling=False).post("/case", json=body)
    assert refused.status_code == 400
    assert {"customId", "customerId"} == set(errors(refused))


async def test_an_update_appends_new_interactions_only(crm: Any, store: Any, clock: Any) -> None:
    """Known content is not repeated, what is not sent stays, and the time moves."""
    known = {**POST, "serviceId": "p-1", "body": "Another text"}
    body = {"title": "New title", "urgent": False, "interactions": [known, POST]}
    answer = await crm().patch("/case/21", json=body)
    assert answer.status_code == 200
    row = answer.json()
    texts = [item["body"] for item in row["interactions"]]
    assert texts == ["My line is dead", "It works again"]
    assert (
        row["title"],
        row["customerId"],
        row["product"],
        row["urgent"],
    ) == ("New title", "11", "Phone", "false")
    assert (row["created"], row["lastUpdated"]) == ("2026-03-10T12:00:00Z", "2026-03-11T12:00:00Z")
    again = await crm().patch("/case/21", json=body)
    assert len(again.json()["interactions"]) == 2


async def test_the_switches_of_an_update(crm: Any) -> None:
    """201 instead of 200, no title needed, and replacing instead of appending."""
    client = crm(
        case_update_status=201, update_needs_title=False, update_replaces_interactions=True
    )
    answer = await client.patch("/case/21", json={"interactions": [POST]})
    assert answer.status_code == 201
    row = answer.json()
    assert (row["title"], [i["serviceId"] for i in row["interactions"]]) == ("Case 21", ["p-2"])
    untouched = await client.patch("/case/21", json={"customerId": "acme/7"})
    assert (untouched.json()["customerId"], len(untouched.json()["interactions"])) == ("acme/7", 1)


async def test_an_update_of_an_unknown_case_is_422(crm: Any) -> None:
    """There is no 404 for cases."""
    answer = await crm().patch("/case/99", json={"title": "x"})
    assert (answer.status_code, errors(answer)) == (422, {"id": "is no known case"})


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"customerId": "11"}, 422, "title"),
        ({"title": " ", "customerId": "11"}, 422, "title"),
        ({"title": 5, "customerId": "11"}, 400, "title"),
        ({"title": "x"}, 422, "customerId"),
        ({"title": "x", "customerId": "99"}, 422, "customerId"),
        ({"title": "x", "customerId": 11}, 400, "customerId"),
        ({"title": "x", "customerId": "11", "status": "closed"}, 400, "status"),
        ({"title": "x", "customerId": "11", "colour": "red"}, 400, "colour"),
        ({"title": "x", "customerId": "11", "product": 5}, 400, "product"),
        ({"title": "x", "customerId": "11", "urgent": "maybe"}, 400, "urgent"),
        ({"title": "x", "customerId": "11", "interactions": {}}, 400, "interactions"),
        ({"title": "x", "customerId": "11", "interactions": [5]}, 400, "interactions[0]"),
    ],
)
async def test_a_refused_case_names_its_field_and_is_not_made(
    crm: Any, store: Any, body: Any, status: Any, field: Any
) -> None:
    """Bad fields are 400, broken rules 422; case pages print fields as an array."""
    answer = await crm().post("/case", json=body)
    assert (status, {field}) == (answer.status_code, set(errors(answer)))
    assert {"20", "21"} == set(store.cases)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"created": "soon"}, 422, "created"),
        ({"created": "0001-01-01T00:00:00+10:00"}, 422, "created"),
        ({"created": None}, 422, "created"),
        ({"serviceId": ""}, 422, "serviceId"),
        ({"service": 5}, 400, "service"),
        ({"mood": "bad"}, 400, "mood"),
        ({"author": "Cleo"}, 400, "author"),
        ({"author": {**AUTHOR, "handle": None}}, 422, "author.handle"),
        ({"author": {**AUTHOR, "brandOwned": None}}, 422, "author.brandOwned"),
        ({"author": {**AUTHOR, "brandOwned": "yes"}}, 400, "author.brandOwned"),
        ({"author": {**AUTHOR, "age": 5}}, 400, "author.age"),
    ],
)
async def test_a_refused_interaction_names_its_place(
    crm: Any, store: Any, change: Any, status: Any, field: Any
) -> None:
    """Every fault of an interaction is found, and the case stays as it was."""
    body = {"title": "x", "interactions": [{**POST, **change}]}
    answer = await crm().patch("/case/21", json=body)
    assert (status, {f"interactions[0].{field}"}) == (answer.status_code, set(errors(answer)))
    assert (store.cases["21"]["title"], len(store.cases["21"]["interactions"])) == ("Case 21", 1)


async def test_an_empty_link_is_allowed_or_refused_as_switched(crm: Any) -> None:
    """A linkUrl is required, yet given only when available."""
    body = {"title": "x", "interactions": [{**POST, "linkUrl": ""}]}
    assert (await crm(empty_link_url=False).patch("/case/21", json=body)).status_code == 422
    assert (await crm().patch("/case/21", json=body)).status_code == 200


@pytest.mark.parametrize(
    ("path", "form", "kind"),
    [
        ("/case", "page", list),
        ("/customer", "page", dict),
        ("/case", "object", dict),
        ("/customer", "array", list),
    ],
)
async def test_fields_of_a_400_are_an_object_or_an_array(
    crm: Any, path: Any, form: Any, kind: Any
) -> None:
    """Each page has its form unless the switch forces one."""
    answer = await crm(bad_fields_as=form).post(path, json={"colour": "red"})
    assert (400, kind) == (answer.status_code, type(answer.json()["fields"]))


async def test_case_pages_may_leave_error_texts_out(crm: Any) -> None:
    """Error and message are unstarred there; customer pages always have them."""
    client = crm(case_error_texts=False)
    assert {"fields"} == set((await client.get("/case/99")).json())
    customer = await client.post("/customer", json={"colour": "red"})
    assert {"error", "message", "fields"} == set(customer.json())


async def test_a_created_customer_gets_id_and_url(crm: Any, store: Any) -> None:
    """Custom values are kept; the id is one above the highest number."""
    answer = await crm().post("/customer", json={"email": "n@example.com", "vip": "false"})
    assert answer.status_code == 201
    expected = {
        "id": "12",
        "url": "https://crm.sandbox.example/customers/12",
        "email": "n@example.com",
        "vip": "false",
    }
    assert expected == answer.json()
    assert expected == store.customers["12"]
    bare = await crm(integer_ids=True, created_customer_url=False).post("/customer", json={})
    assert bare.json() == {"id": 13}


async def test_an_updated_customer_is_201(crm: Any, store: Any) -> None:
    """Values are changed one by one; an unknown customer is a 422."""
    answer = await crm().patch("/customer/11", json={"level": "iron"})
    assert (answer.status_code, answer.json()["level"]) == (201, "iron")
    assert store.customers["11"]["email"] == "Cleo@example.com"
    unknown = await crm().patch("/customer/99", json={})
    assert (422, {"id"}) == (unknown.status_code, set(errors(unknown)))


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"level": "tin"}, 422, "level"),
        ({"level": 5}, 400, "level"),
        ({"vip": "yes"}, 400, "vip"),
        ({"id": "5"}, 400, "id"),
        ({"url": "https://elsewhere.example"}, 400, "url"),
    ],
)
async def test_a_refused_customer_stays_as_it_was(
    crm: Any, store: Any, body: Any, status: Any, field: Any
) -> None:
    """Built-in keys cannot be written, not even one that a declaration repeats."""
    before = dict(store.customers["11"])
    answer = await crm().patch("/customer/11", json=body)
    assert (status, {field}) == (answer.status_code, set(errors(answer)))
    assert before == store.customers["11"]


async def test_a_caller_that_leaves_early_is_no_fault(store: Any) -> None:
    """A body that never arrives ends the call quietly, and makes nothing."""
    sent = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/crm/v1/customer",
        "query_string": b"",
        "headers": [(b"authorization", b"sandbox-khoros-key")],
    }
    await create_app(store)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert set(store.customers) == {"11", "acme/7"}


async def test_the_default_clock_is_the_real_one(store: Any) -> None:
    """A case made without a test's clock is as old as the call."""
    before = datetime.now(UTC)
    headers = {"Authorization": "sandbox-khoros-key"}
    transport = httpx.ASGITransport(app=create_app(store))
    async with httpx.AsyncClient(transport=transport, headers=headers) as client:
        await client.post("http://t/crm/v1/case", json={"title": "x", "customerId": "11"})
    assert before <= store.cases["22"]["created"] <= datetime.now(UTC)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers()
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=JSON,
    key=st.sampled_from(["title", "customerId", "product", "urgent", "interactions", "addresses"]),
)
async def test_no_json_body_is_a_fault(crm: Any, body: Any, key: Any) -> None:
    """Whatever stands in a field of any write or search, the answer is one of the contract's."""
    client = crm()
    for path in ("/case", "/customer", "/customers", "/customer/bestmatch"):
        for content in (body, {"title": "x", "customerId": "11", key: body}):
            answer = await client.post(path, json=content)
            assert answer.status_code in {200, 201, 204, 400, 422}
