"""The way in: tokens, scopes, pace, ids, and the refusals that all endpoints share."""

from typing import Any

import pytest

from casegraph.upstreams.action_management.simulator import (
    Credentials,
    ErrorBody,
    RetryAfter,
    Switches,
    WrongScope,
    create_app,
)
from casegraph.upstreams.action_management.store import Store

OPERATIONS = {
    "token",
    "case_query",
    "case",
    "case_put",
    "case_delete",
    "case_notes",
    "case_note",
    "hub_notes",
    "lists",
    "roles",
    "hubs",
    "end_user_lists",
    "end_user_list_add",
    "end_user_list_rename",
    "end_user_list_delete",
    "end_user_add",
    "end_user",
    "end_user_query",
}
GOOD = {
    "grant_type": "api-user",
    "client_id": "sandbox",
    "client_secret": "sandbox-secret",
    "scope": "pub.hubs",
}
BASE = "/v1/actionmanagement/hubs"


def test_every_route_is_named_after_its_operation(store: Store) -> None:
    """The names by which calls are counted are exactly the contract's operations."""
    assert sorted(OPERATIONS) == sorted(route.name for route in create_app(store).routes)


async def test_token_answer(vendor: Any) -> None:
    """A good form gets an opaque bearer token and its life in seconds."""
    tenant = await vendor(credentials=Credentials(token_seconds=90))
    answer = (await tenant.client.post("/identity/connect/token", data=GOOD)).json()
    assert {"access_token", "expires_in", "token_type"} == set(answer)
    assert (answer["expires_in"], answer["token_type"]) == (90, "Bearer")
    assert int(answer["access_token"], 16) >= 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "no"}, "invalid_client"),
        ({"client_id": "no"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"scope": "pub.surveys"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "pub.hubs pub.surveys"}, "invalid_scope"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
async def test_token_errors(vendor: Any, change: Any, error: Any) -> None:
    """A bad form gets 400 with the OAuth error code."""
    tenant = await vendor()
    answer = await tenant.client.post("/identity/connect/token", data=GOOD | change)
    assert (400, {"error": error}) == (answer.status_code, answer.json())


async def test_token_wants_a_form(vendor: Any) -> None:
    """The token endpoint reads forms, not JSON."""
    tenant = await vendor()
    answer = await tenant.client.post("/identity/connect/token", json=GOOD)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


async def test_wrong_secret_may_be_an_invalid_grant(vendor: Any) -> None:
    """The error for a wrong secret is a switch."""
    tenant = await vendor(Switches(wrong_secret_error="invalid_grant"))
    answer = await tenant.client.post(
        "/identity/connect/token", data=GOOD | {"client_secret": "no"}
    )
    assert answer.json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nope", "Basic c2FuZGJveA=="])
async def test_every_endpoint_wants_a_bearer(vendor: Any, store: Store, header: Any) -> None:
    """Without a valid bearer each endpoint but the token's answers 401 with nothing in it."""
    tenant = await vendor()
    headers = {"Authorization": header or ""}
    ids = {"hub_id": 7, "case_id": 1, "note_id": 902, "list_id": 906, "user_id": 1}
    checked = 0
    for route in create_app(store).routes:
        if route.name == "token":
            continue
        for method in route.methods - {"HEAD"}:
            url = route.path.format(**ids)
            answer = await tenant.client.request(method, url, headers=headers)
            assert (answer.status_code, answer.content) == (401, b"")
            checked += 1
    assert checked == len(OPERATIONS) - 1
    assert set(tenant.hub.cases) == {1, 2, 3, 4, 5}


async def test_token_expires(vendor: Any) -> None:
    """A token works until its last second and not at its expiry."""
    tenant = await vendor(credentials=Credentials(token_seconds=60))
    tenant.clock.advance(59)
    assert (await tenant.get("/roles")).status_code == 200
    tenant.clock.advance(1)
    assert (await tenant.get("/roles")).status_code == 401


@pytest.mark.parametrize(
    ("reading", "status"),
    [(WrongScope.FORBIDDEN, 403), (WrongScope.NOT_FOUND, 404), (WrongScope.ACCEPTED, 200)],
)
async def test_token_for_another_api(vendor: Any, reading: Any, status: Any) -> None:
    """A token without the API's scope gets what the switch says; its own API still works."""
    tenant = await vendor(Switches(wrong_scope=reading), scope="pub.hubs")
    assert status == (await tenant.get("/roles")).status_code
    assert (await tenant.client.get("/v1/hubs")).status_code == 200


async def test_bucket_refuses_and_refills(vendor: Any) -> None:
    """With a rate set, calls beyond the burst get 429 until time has refilled the bucket."""
    tenant = await vendor(Switches(requests_per_second=0.5, burst=2))
    statuses = [(await tenant.get("/roles")).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = await tenant.get("/roles")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    tenant.clock.advance(2)
    assert (await tenant.get("/roles")).status_code == 200


async def test_retry_after_as_a_date(vendor: Any) -> None:
    """Retry-After may be an HTTP date."""
    switches = Switches(requests_per_second=1, burst=1, retry_after=RetryAfter.DATE)
    tenant = await vendor(switches)
    await tenant.get("/roles")
    refused = await tenant.get("/roles")
    assert refused.headers["retry-after"] == "Wed, 01 May 2024 12:00:01 GMT"


async def test_no_rate_limit_by_default(vendor: Any) -> None:
    """The bucket is off unless a switch gives it a rate."""
    tenant = await vendor()
    assert {200} == {(await tenant.get("/roles")).status_code for _ in range(50)}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{BASE}/1/cases/1"),
        ("GET", f"{BASE}/8/cases/1"),
        ("POST", f"{BASE}/8/cases/query"),
        ("POST", f"{BASE}/1/cases/query"),
        ("GET", f"{BASE}/8/lists"),
        ("GET", f"{BASE}/8/roles"),
        ("GET", f"{BASE}/8/notes?dateModifiedStart=2024-01-01"),
        ("GET", f"{BASE}/7/cases/99"),
        ("PUT", f"{BASE}/7/cases/99"),
        ("DELETE", f"{BASE}/7/cases/99"),
        ("GET", f"{BASE}/7/cases/99/notes"),
        ("GET", f"{BASE}/7/cases/99/notes/901"),
        ("GET", f"{BASE}/7/cases/1/notes/999"),
        ("GET", f"{BASE}/7/cases/2/notes/901"),
        ("GET", f"{BASE}/9/cases/1"),
        ("GET", "/v1/hubs/1/enduserlists"),
        ("GET", "/v1/hubs/7/enduserlists/1/users/1"),
        ("GET", "/v1/hubs/7/enduserlists/906/users/99"),
        ("GET", f"{BASE}/7/workflows"),
        ("GET", "/v1/nothing"),
    ],
)
async def test_not_found(vendor: Any, method: Any, path: Any) -> None:
    """One status for an unknown hub, a hub without a program, and unknown things in a hub."""
    tenant = await vendor()
    answer = await tenant.client.request(method, path)
    assert (404, {"message"}) == (answer.status_code, set(answer.json()))


async def test_method_not_allowed(vendor: Any) -> None:
    """There is no PATCH, and the refusal names the methods that there are."""
    tenant = await vendor()
    answer = await tenant.client.patch(f"{BASE}/7/cases/1", json={})
    assert (405, {"message"}) == (answer.status_code, set(answer.json()))


@pytest.mark.parametrize(
    "bad", ["x", "1.5", "2147483648", "-2147483649", "9" * 40, "%D9%A1", "1_0"]
)
@pytest.mark.parametrize("status", [400, 404])
async def test_ids_are_int32(vendor: Any, bad: Any, status: Any) -> None:
    """A path id that is no int32 gets the status of the switch, wherever it stands."""
    tenant = await vendor(Switches(bad_id_status=status))
    for path in (
        f"{BASE}/{bad}/roles",
        f"{BASE}/7/cases/{bad}",
        f"{BASE}/7/cases/1/notes/{bad}",
        f"/v1/hubs/7/enduserlists/{bad}/users/1",
        f"/v1/hubs/7/enduserlists/906/users/{bad}",
    ):
        assert status == (await tenant.client.get(path)).status_code


async def test_error_bodies_may_be_empty(vendor: Any) -> None:
    """Refusals may carry nothing."""
    tenant = await vendor(Switches(error_body=ErrorBody.EMPTY))
    for path in ("/cases/99", "/notes", "/nothing"):
        answer = await tenant.get(path)
        assert (answer.is_client_error, answer.content) == (True, b"")


@pytest.mark.parametrize("path", ["/identity/connect/token", f"{BASE}/7/cases/query"])
async def test_a_caller_that_leaves_is_no_fault(vendor: Any, path: str) -> None:
    """A connection that ends within the body ends the call quietly."""
    tenant = await vendor()
    authorization = tenant.client.headers["Authorization"].encode()
    form = b"application/x-www-form-urlencoded"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", authorization), (b"content-type", form)],
    }
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await tenant.app(scope, receive, send)
    assert sent[0]["status"] == 400
