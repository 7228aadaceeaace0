"""What writes do to the simulated Kayako tenant, and what conditional calls answer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RATINGS = "/cases/1/ratings.json"
ONE = "/cases/1/ratings/1.json"
FINGERPRINT = {"X-Fingerprint-ID": "7b2c4f0e-64b1-4c7c-8f3e-0d9a3d0b3a11"}
GIVEN = {"hash": "mail-1", "score": "BAD", "comment": "Too late"}


@pytest.mark.parametrize("form", ["data", "json"])
async def test_anybody_with_the_mails_hash_can_rate(
    tenant: Any, store: Any, clock: Any, form: Any
) -> None:
    """A public write adds a rating by the case's requester, in either body form."""
    answer = await tenant({}).post(RATINGS, **{form: GIVEN})
    assert (answer.status_code, answer.json()["status"]) == (201, 201)
    expected = {
        "id": 1,
        "case_id": 1,
        "score": "BAD",
        "comment": "Too late",
        "creator_id": 50,
        "assignee_agent_id": None,
        "assignee_team_id": None,
        "created_at": clock.at,
        "updated_at": clock.at,
        "hash": "mail-1",
    }
    assert {1: expected} == store.ratings
    assert answer.json()["data"]["comment"] == "Too late"
    assert (await tenant({}).get("/cases/1/ratings/mail-1")).json()["data"]["id"] == 1


async def test_a_second_rating_is_another_row(add: Any, tenant: Any, store: Any) -> None:
    """Rating again adds; the id is one above the highest."""
    add(1 << 33)
    answer = await tenant({}).post(RATINGS, data={"hash": "mail-1", "score": "GOOD"})
    assert answer.json()["data"]["id"] == (1 << 33) + 1
    assert len(store.ratings) == 2


async def test_an_update_changes_what_is_sent(
    add: Any, tenant: Any, store: Any, clock: Any
) -> None:
    """Score and time change, an absent comment stays, an empty one is taken away."""
    add(1, comment="Fine")
    clock.pass_seconds(60)
    client = tenant({})
    answer = await client.put(ONE, data={"hash": "hash-1", "score": "BAD"})
    assert (answer.status_code, answer.json()["status"]) == (200, 200)
    row = store.ratings[1]
    assert ("BAD", "Fine", clock.at) == (row["score"], row["comment"], row["updated_at"])
    await client.put(ONE, data={"hash": "mail-1", "score": "GOOD", "comment": ""})
    assert (row["score"], row["comment"]) == ("GOOD", None)


@pytest.mark.parametrize("call", [("POST", RATINGS), ("PUT", ONE)])
@pytest.mark.parametrize(
    ("body", "expected", "parameter"),
    [
        ({"score": "BAD"}, "FIELD_REQUIRED", "hash"),
        ({"score": "BAD", "hash": ""}, "FIELD_REQUIRED", "hash"),
        ({"score": "BAD", "hash": "wrong"}, "RESOURCE_NOT_FOUND", None),
        ({"score": "BAD", "hash": ["mail-1"]}, "RESOURCE_NOT_FOUND", None),
        ({"hash": "mail-1"}, "FIELD_REQUIRED", "score"),
        ({"hash": "mail-1", "score": "good"}, "FIELD_INVALID", "score"),
        ({"hash": "mail-1", "score": ["GOOD"]}, "FIELD_INVALID", "score"),
        ({"hash": "mail-1", "score": "BAD", "comment": 5}, "FIELD_INVALID", "comment"),
        ([], "FIELD_INVALID", "body"),
    ],
)
async def test_a_refused_write_names_its_field_and_changes_nothing(
    add: Any,
    tenant: Any,
    store: Any,
    call: Any,
    body: Any,
    expected: Any,
    parameter: Any,
) -> None:
    """Each bad body has its code, and the rating stays as it was."""
    add(1)
    before = {key: dict(row) for key, row in store.ratings.items()}
    answer = await tenant({}).request(*call, json=body)
    error = answer.json()["errors"][0]
    assert (expected, parameter) == (error["code"], error.get("parameter"))
    assert before == store.ratings


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("application/x-www-form-urlencoded", b"hash=%ff"),
    ],
)
async def test_a_damaged_body_is_refused(
    tenant: Any, code: Any, content_type: Any, content: Any
) -> None:
    """A body that cannot be read is FIELD_INVALID, not a fault."""
    headers = {"Content-Type": content_type}
    assert code(await tenant(headers).post(RATINGS, content=content)) == "FIELD_INVALID"


async def test_the_hash_counts_only_in_the_body(tenant: Any, code: Any) -> None:
    """Arguments are no parameters, and a multipart body has none here."""
    client = tenant({})
    query = await client.post(f"{RATINGS}?hash=mail-1&score=GOOD")
    assert code(query) == "FIELD_REQUIRED"
    parts = await client.post(RATINGS, data=GIVEN, files={"f": b"x"})
    assert code(parts) == "FIELD_REQUIRED"


async def test_the_switches_of_writes(add: Any, tenant: Any, store: Any, code: Any) -> None:
    """Hash and score can be optional, and a wrong hash can be a 403."""
    add(1)
    assert (
        await tenant(hash_required=False).post(RATINGS, data={"score": "GOOD"})
    ).status_code == 201
    assert store.ratings[2]["hash"] == "mail-1"
    nobody = await tenant({}, hash_required=False).post(RATINGS, data={"score": "GOOD"})
    assert code(nobody) == "FIELD_REQUIRED"
    commented = {"hash": "hash-1", "comment": "Only this"}
    assert (await tenant({}, score_required=False).put(ONE, data=commented)).status_code == 200
    assert (store.ratings[1]["score"], store.ratings[1]["comment"]) == ("GOOD", "Only this")
    denied = await tenant({}, wrong_hash_forbidden=True).put(ONE, data={"hash": "x"})
    assert code(denied) == "PERMISSIONS_DENIED"


@pytest.mark.parametrize(
    ("created_as", "http", "body"),
    [("201", 201, 201), ("200_with_201", 200, 201), ("200", 200, 200)],
)
async def test_a_creation_shows_the_switched_statuses(
    tenant: Any, created_as: Any, http: Any, body: Any
) -> None:
    """HTTP status and body status may differ, as in the vendor's own sample."""
    client = tenant(created_as=created_as)
    for path in (RATINGS, "/cases/1/ratings/trigger.json"):
        answer = await client.post(path, data=GIVEN)
        assert (http, body) == (answer.status_code, answer.json()["status"])


async def test_a_trigger_mails_and_answers_a_bare_status(
    tenant: Any, store: Any, code: Any
) -> None:
    """The case is noted as asked; the answer has neither data nor resource."""
    client = tenant()
    answer = await client.post("/cases/1/ratings/trigger.json")
    assert answer.json() == {"status": 201}
    await client.post("/cases/2/ratings/trigger")
    assert store.triggered == [1, 2]
    summary = await client.get("/cases/1?fields=rating_status")
    assert summary.json()["data"]["rating_status"] == "OFFERED"
    assert code(await client.post("/cases/9/ratings/trigger.json")) == "RESOURCE_NOT_FOUND"
    anonymous = await tenant({}).post("/cases/1/ratings/trigger.json")
    assert anonymous.status_code == 401


async def test_conversations_have_their_own_shape(add: Any, tenant: Any) -> None:
    """A customer sees a conversation instead of a case, no assignee, no type and no paging."""
    add(1)
    add(2)
    body = (await tenant(FINGERPRINT).get("/conversations/1/ratings.json?limit=1")).json()
    assert {"status", "data", "resource", "total_count"} == set(body)
    assert (body["resource"], body["total_count"]) == ("conversation_rating", 2)
    expected = {
        "id": 1,
        "score": "GOOD",
        "comment": None,
        "conversation": {"id": 1, "resource_type": "conversation"},
        "creator": {"id": 50, "resource_type": "user_minimal"},
        "created_at": "2026-03-10T17:00:00+05:00",
        "updated_at": "2026-03-10T17:00:00+05:00",
    }
    assert [expected] == body["data"]


async def test_a_customer_rates_a_conversation_without_hash(
    tenant: Any, store: Any, code: Any
) -> None:
    """Adding and changing answer 200 with the variant."""
    client = tenant(FINGERPRINT)
    added = await client.post("/conversations/2/ratings.json", json={"score": "BAD"})
    assert (added.status_code, added.json()["resource"]) == (200, "conversation_rating")
    assert (store.ratings[1]["creator_id"], store.ratings[1]["hash"]) == (51, "mail-2")
    path = "/conversations/2/ratings/1"
    changed = await client.put(path, json={"score": "GOOD", "comment": "Now fine"})
    assert (changed.status_code, store.ratings[1]["comment"]) == (200, "Now fine")
    assert code(await client.post("/conversations/2/ratings", json={})) == "FIELD_REQUIRED"
    assert code(await client.put("/conversations/1/ratings/1", json={})) == "RESOURCE_NOT_FOUND"


async def test_a_lists_etag_covers_ids_only(add: Any, tenant: Any, store: Any) -> None:
    """A changed score still answers 304; a new row does not."""
    add(1)
    client = tenant()
    etag = (await client.get(RATINGS)).headers["etag"]
    store.ratings[1]["score"] = "BAD"
    unchanged = await client.get(RATINGS, headers={"If-None-Match": etag})
    assert (304, b"", etag) == (unchanged.status_code, unchanged.content, unchanged.headers["etag"])
    add(2)
    assert (await client.get(RATINGS, headers={"If-None-Match": etag})).status_code == 200


async def test_a_single_resources_etag_covers_its_values(add: Any, tenant: Any, store: Any) -> None:
    """A changed score is a changed rating; the shape does not matter."""
    add(1)
    client = tenant()
    etag = (await client.get(ONE)).headers["etag"]
    weak = {"If-None-Match": f'"x", W/{etag}'}
    assert (await client.get(f"{ONE}?fields=score", headers=weak)).status_code == 304
    assert (await client.get(ONE, headers={"If-None-Match": "*"})).status_code == 304
    store.ratings[1]["score"] = "BAD"
    assert (await client.get(ONE, headers=weak)).status_code == 200


async def test_reads_can_be_conditional_on_time(
    add: Any, tenant: Any, store: Any, clock: Any
) -> None:
    """If-Modified-Since answers 304 until a change, and damaged dates are ignored."""
    add(1)
    client = tenant()
    modified = (await client.get(ONE)).headers["last-modified"]
    assert modified == "Tue, 10 Mar 2026 12:00:00 GMT"
    since = {"If-Modified-Since": modified}
    assert (await client.get(ONE, headers=since)).status_code == 304
    assert (await client.get(RATINGS, headers=since)).status_code == 304
    assert (await client.get(ONE, headers={"If-Modified-Since": "soon"})).status_code == 200
    store.ratings[1]["updated_at"] = clock.at + timedelta(seconds=1)
    assert (await client.get(ONE, headers=since)).status_code == 200


async def test_updates_can_be_conditional(
    add: Any, tenant: Any, store: Any, code: Any, clock: Any
) -> None:
    """A write that names another state is RESOURCE_MODIFIED and changes nothing."""
    add(1)
    client = tenant({})
    body = {"hash": "hash-1", "score": "BAD"}
    wrong = await client.put(ONE, data=body, headers={"If-Match": '"other"'})
    assert (wrong.status_code, code(wrong)) == (412, "RESOURCE_MODIFIED")
    early = {"If-Unmodified-Since": "Tue, 10 Mar 2026 11:00:00 GMT"}
    assert code(await client.put(ONE, data=body, headers=early)) == "RESOURCE_MODIFIED"
    assert store.ratings[1]["score"] == "GOOD"
    etag = (await client.get("/cases/1/ratings/hash-1")).headers["etag"]
    assert (await client.put(ONE, data=body, headers={"If-Match": etag})).status_code == 200
    assert store.ratings[1]["score"] == "BAD"


async def test_conditional_calls_can_be_switched_off(add: Any, tenant: Any) -> None:
    """Without the switch there is no ETag and no 304."""
    add(1)
    answer = await tenant(conditional_requests=False).get(ONE, headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert "etag" not in answer.headers


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    body=st.recursive(
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers()
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    key=st.sampled_from(["hash", "score", "comment"]),
)
async def test_no_json_body_is_a_fault(tenant: Any, store: Any, body: Any, key: Any) -> None:
    """Whatever stands in a field, the answer is a success or a refusal."""
    client = tenant({})
    given_body = {**GIVEN, key: body}
    added = await client.post(RATINGS, json=given_body)
    assert added.status_code in {201, 400, 404}
    assert (await client.post(RATINGS, json=body)).status_code in {201, 400, 404}
