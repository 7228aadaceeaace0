"""What the simulated CRM behind the connector prints, finds and refuses."""

from typing import Any

import httpx
import pytest

from casegraph.upstreams.customer_cases.simulator import Credentials, create_app

PRINTED_NOON = "2026-03-10T12:00:00Z"


async def test_a_case_prints_its_fields_and_custom_keys_at_top_level(crm: Any) -> None:
    """A looked-up case has exactly the contract's fields and the declared custom ones."""
    answer = await crm().get("/case/21")
    author = {
        "service": "facebook",
        "serviceId": "a-1",
        "handle": "@cleo",
        "name": "Cleo",
        "brandOwned": False,
    }
    interaction = {
        "created": PRINTED_NOON,
        "body": "My line is dead",
        "linkUrl": "",
        "serviceId": "p-1",
        "service": "facebook",
        "contentType": "post",
        "author": author,
    }
    expected = {
        "id": "21",
        "number": "N-21",
        "customerId": "11",
        "title": "Case 21",
        "description": "Long text",
        "url": "https://crm.example/21",
        "lastUpdated": PRINTED_NOON,
        "created": PRINTED_NOON,
        "status": "open",
        "interactions": [interaction],
        "product": "Phone",
        "urgent": "true",
    }
    assert expected == answer.json()
    assert answer.headers["content-type"] == "application/json"


async def test_a_customers_cases_come_complete_and_oldest_first(crm: Any) -> None:
    """The list of cases is a bare array with the interactions inside."""
    rows = (await crm().get("/customer/11/cases")).json()
    assert [(row["id"], row["status"]) for row in rows] == [("20", "closed"), ("21", "open")]
    assert rows[1] == (await crm().get("/case/21")).json()


async def test_a_large_array_comes_in_one_answer(crm: Any, store: Any) -> None:
    """There is no paging, however many cases a customer has."""
    for number in range(1000, 3000):
        store.cases[str(number)] = {**store.cases["21"], "id": str(number)}
    assert len((await crm().get("/customer/11/cases?limit=5")).json()) == 2002


async def test_a_customer_without_cases_has_an_empty_array(crm: Any) -> None:
    """An encoded slash in an id is part of the id; no cases is 200, or 404 when so switched."""
    answer = await crm().get("/customer/acme%2F7/cases")
    assert (answer.status_code, answer.json()) == (200, [])
    missing = await crm(no_cases_is_404=True).get("/customer/acme%2F7/cases")
    assert (missing.status_code, missing.content) == (404, b"")


async def test_a_customer_prints_declared_values_only(crm: Any) -> None:
    """Undeclared values, and declared names that a built-in key has, are not printed."""
    expected = {
        "id": "11",
        "url": "https://crm.example/c/11",
        "email": "Cleo@example.com",
        "phone": "555-1",
        "level": "gold",
        "vip": "true",
    }
    assert expected == (await crm().get("/customer/11")).json()
    assert (await crm().get("/customer/acme%2F7")).json()["id"] == "acme/7"


@pytest.mark.parametrize("path", ["/customer/99", "/customer/99/cases", "/customer//cases"])
async def test_an_unknown_customer_is_404_without_a_body(crm: Any, path: Any) -> None:
    """Both customer reads answer alike."""
    answer = await crm().get(path)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("case_id", ["99", "a%2Fb", ""])
async def test_an_unknown_case_is_422(crm: Any, case_id: Any) -> None:
    """The page of lookupCase lists no 404."""
    answer = await crm().get(f"/case/{case_id}")
    assert answer.status_code == 422
    assert {"error", "message", "fields"} == set(answer.json())
    assert answer.json()["fields"] == [{"name": "id", "errorMessage": "is no known case"}]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer sandbox-khoros-key"}])
@pytest.mark.parametrize("path", ["/customer/11/cases", "/case/99", "/meta/object/case"])
async def test_a_wrong_key_is_401_without_a_body(crm: Any, header: Any, path: Any) -> None:
    """The value is compared as it is; no scheme is taken off."""
    answer = await crm(header).get(path)
    assert (answer.status_code, answer.content) == (401, b"")


async def test_header_and_value_are_the_registrations(crm: Any) -> None:
    """Another header name and value can be registered; context headers change nothing."""
    credentials = Credentials(header="X-Crm-Key", value="k")
    context = {"x-sf-user-email": "a@b", "x-sf-initiative": "1", "x-sf-company-id": "2"}
    client = crm({"X-Crm-Key": "k", **context}, credentials=credentials)
    assert (await client.get("/customer/11")).status_code == 200
    assert (await crm(credentials=credentials).get("/customer/11")).status_code == 401


async def test_meta_may_be_open(crm: Any) -> None:
    """The metadata page lists no 401."""
    client = crm({}, meta_needs_key=False)
    assert (await client.get("/meta/object/case")).status_code == 200
    assert (await client.get("/case/21")).status_code == 401


async def test_field_definitions_are_printed_per_type(crm: Any) -> None:
    """Choices stand only at list fields; an unknown type is a 400."""
    client = crm()
    meta = (await client.get("/meta/object/customer")).json()
    fields = {field["name"]: field for field in meta["fields"]}
    assert meta["name"] == "customer"
    assert fields["level"]["listValues"][0]["value"] == "gold"
    expected = {"name": "email", "label": "Email", "type": "text", "searchable": True}
    assert expected == fields["email"]
    assert (await client.get("/meta/object/case")).json()["name"] == "case"
    unknown = await client.get("/meta/object/agent")
    assert (400, {"error", "message"}) == (unknown.status_code, set(unknown.json()))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "cleo@EXAMPLE.com"}, ["11"]),
        ({"level": "gold", "vip": True}, ["11"]),
        ({"vip": "true"}, ["11"]),
        ({"email": "a@example.com"}, ["acme/7"]),
    ],
)
async def test_a_search_finds_by_searchable_fields(crm: Any, body: Any, expected: Any) -> None:
    """Values are compared without case, all of them."""
    answer = await crm().post("/customers", json=body)
    assert expected == [row["id"] for row in answer.json()]


@pytest.mark.parametrize(
    "body", [{"email": "x"}, {"email": "a@example.com", "phone": "555-1"}, {}, {"level": "tin"}]
)
async def test_a_search_that_finds_nobody_is_204(crm: Any, body: Any) -> None:
    """Nobody, a contradiction, no criterion and an undeclared choice have no body."""
    answer = await crm().post("/customers", json=body)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_searches_can_join_by_or_and_find_all(crm: Any) -> None:
    """The two assumptions of the search have a switch each."""
    both = {"email": "a@example.com", "phone": "555-1"}
    assert len((await crm(search_joins="or").post("/customers", json=both)).json()) == 2
    everybody = await crm(empty_search_finds_all=True).post("/customers", json={})
    assert len(everybody.json()) == 2


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"remark": "x"}, {"remark"}),
        ({"nickname": "x", "email": 5}, {"nickname", "email"}),
        ([], set()),
    ],
)
async def test_a_bad_search_is_400_with_fields(crm: Any, body: Any, fields: Any) -> None:
    """Unsearchable and unknown names are bad fields, printed as an object."""
    answer = await crm().post("/customers", json=body)
    assert answer.status_code == 400
    assert fields == set(answer.json()["fields"])
    assert isinstance(answer.json()["fields"], dict)


@pytest.mark.parametrize("path", ["/customers", "/customer/bestmatch", "/customer", "/case"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"5"])
async def test_a_damaged_body_is_400(crm: Any, path: Any, content: Any) -> None:
    """What is not a JSON object is refused, not a fault."""
    answer = await crm().post(path, content=content)
    assert answer.status_code == 400
    assert {"error", "message", "fields"} == set(answer.json())


async def test_bestmatch_ranks_by_shared_texts(crm: Any, store: Any) -> None:
    """Who shares more comes first; who shares nothing is not there."""
    store.customers["12"] = {"id": "12", "url": "u", "phone": "555-1"}
    body = {"email": "cleo@example.com", "phoneNumbers": ["555-1"], "displayName": "Cleo"}
    answer = await crm().post("/customer/bestmatch", json=body)
    assert [row["id"] for row in answer.json()] == ["11", "12"]


@pytest.mark.parametrize(
    "body",
    [
        {"accountNumbers": "555-1"},
        {"accountNumbers": ["555-1"]},
        {"orderNumbers": ["x", "555-1"]},
        {"addresses": [{"streetTwo": "555-1", "city": "Rome", "zip": None}]},
    ],
)
async def test_bestmatch_reads_every_kind_of_clue(crm: Any, body: Any) -> None:
    """Account numbers may be a text or a list; street lines count."""
    answer = await crm().post("/customer/bestmatch", json=body)
    assert [row["id"] for row in answer.json()] == ["11"]


async def test_bestmatch_without_a_match_is_an_empty_array(crm: Any) -> None:
    """No 204 is listed for it, but one can be switched on."""
    body = {"displayName": "Nobody"}
    answer = await crm().post("/customer/bestmatch", json=body)
    assert (answer.status_code, answer.json()) == (200, [])
    none = await crm(bestmatch_none_is_204=True).post("/customer/bestmatch", json=body)
    assert (none.status_code, none.content) == (204, b"")


@pytest.mark.parametrize(
    "body",
    [
        {"email": 5},
        {"phoneNumbers": "555-1"},
        {"phoneNumbers": [5]},
        {"addresses": ["here"]},
        {"addresses": [{"street": "x"}]},
        {"addresses": [{"city": 5}]},
        {"nickname": "x"},
    ],
)
async def test_a_bad_clue_is_400_with_fields_as_object(crm: Any, body: Any) -> None:
    """Wrong types and unknown names are bad fields."""
    answer = await crm().post("/customer/bestmatch", json=body)
    assert answer.status_code == 400
    assert len(answer.json()["fields"]) == 1
    assert isinstance(answer.json()["fields"], dict)


async def test_ids_can_be_integers(crm: Any, store: Any) -> None:
    """Only ids that lose nothing as a number become one."""
    store.customers["007"] = {"id": "007", "url": "u"}
    client = crm(integer_ids=True)
    assert (await client.get("/customer/11")).json()["id"] == 11
    row = (await client.get("/case/21")).json()
    assert (row["id"], row["customerId"]) == (21, 11)
    assert (await client.get("/customer/acme%2F7")).json()["id"] == "acme/7"
    assert (await client.get("/customer/007")).json()["id"] == "007"


async def test_answers_can_be_text_plain(crm: Any) -> None:
    """The body is JSON whatever the type says, errors too."""
    client = crm(text_plain=True)
    found = await client.get("/case/21")
    assert found.headers["content-type"].startswith("text/plain")
    assert found.json()["id"] == "21"
    assert (await client.get("/case/99")).headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("switch", "path", "missing"),
    [
        ("custom_keys", ("product", "urgent"), []),
        ("interactions", ("interactions",), []),
        ("author", ("author",), ["interactions", 0]),
    ],
)
async def test_optional_parts_can_be_left_out(
    crm: Any, switch: Any, path: Any, missing: Any
) -> None:
    """Custom keys, interactions and authors are optional."""
    row = (await crm(**{switch: False}).get("/case/21")).json()
    for step in missing:
        row = row[step]
    assert not set(path) & set(row)


async def test_checkboxes_can_be_booleans(crm: Any) -> None:
    """Both stored forms are printed in the switched one."""
    client = crm(checkbox_as_text=False)
    assert True is (await client.get("/customer/11")).json()["vip"]
    assert True is (await client.get("/case/21")).json()["urgent"]


@pytest.mark.parametrize("text_plain", [True, False])
async def test_the_crm_can_fail(crm: Any, text_plain: Any) -> None:
    """500 with error and message answers every call, in either content type."""
    answer = await crm(fails=True, text_plain=text_plain).get("/case/21")
    assert (500, {"error", "message"}) == (answer.status_code, set(answer.json()))
    assert text_plain == answer.headers["content-type"].startswith("text/plain")


async def test_unknown_paths_and_methods_are_refused(crm: Any) -> None:
    """There is nothing beside the contract's paths and methods."""
    client = crm()
    assert (await client.get("/nothing")).status_code == 404
    assert (await client.get("/customers/")).status_code == 404
    assert (await client.delete("/case/21")).status_code == 405
    assert (await client.get("/customers")).status_code == 405


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/customer/1/cases", "customer_cases"),
        ("GET", "/case/1", "case"),
        ("POST", "/case", "case_create"),
        ("PATCH", "/case/1", "case_update"),
        ("GET", "/customer/1", "customer"),
        ("POST", "/customers", "customer_search"),
        ("POST", "/customer/bestmatch", "customer_bestmatch"),
        ("POST", "/customer", "customer_create"),
        ("PATCH", "/customer/1", "customer_update"),
        ("GET", "/meta/object/case", "object_fields"),
    ],
)
async def test_every_route_is_named_after_its_operation(
    store: Any, method: Any, target: Any, operation: Any
) -> None:
    """The name of the route that served a call is its operation."""
    app = create_app(store)
    seen = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.append(scope["route"].name)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=spy)) as client:
        await client.request(method, f"http://t/crm/v1{target}")
    assert [operation] == seen
