"""What the simulated Kayako tenant prints and lists."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from casegraph.upstreams.ratings.simulator import create_app

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
PRINTED_NOON = "2026-03-10T17:00:00+05:00"


async def test_one_rating_prints_its_fields_and_references(add: Any, tenant: Any) -> None:
    """A rating has exactly the contract's fields, with references for what it points at."""
    add(1 << 33, comment="Thanks")
    answer = await tenant().get(f"/cases/1/ratings/{1 << 33}.json")
    person = {"resource_type": "user_minimal"}
    expected = {
        "id": 1 << 33,
        "score": "GOOD",
        "comment": "Thanks",
        "case": {"id": 1, "resource_type": "case"},
        "creator": {"id": 50, **person},
        "assignee_agent": {"id": 60, **person},
        "assignee_team": {"id": 4, "legacy_id": None, "resource_type": "team"},
        "created_at": PRINTED_NOON,
        "updated_at": PRINTED_NOON,
        "resource_type": "rating",
        "resource_url": f"http://t/api/v1/cases/ratings/{1 << 33}",
    }
    assert {"status": 200, "data": expected, "resource": "rating"} == answer.json()
    assert answer.headers["x-api-version"] == "1"
    assert answer.headers["content-type"] == "application/json"


async def test_an_unassigned_rating_has_null_assignees(add: Any, tenant: Any) -> None:
    """Agent and team are null where the case had none."""
    add(1, assignee_agent_id=None, assignee_team_id=None)
    data = (await tenant().get("/cases/1/ratings/1")).json()["data"]
    assert (data["assignee_agent"], data["assignee_team"]) == (None, None)


async def test_the_field_tables_spelling_of_the_agent_can_be_switched_on(
    add: Any, tenant: Any
) -> None:
    """assignee_person stands in for assignee_agent."""
    add(1)
    data = (await tenant(assignee_person=True).get("/cases/1/ratings/1")).json()["data"]
    assert data["assignee_person"]["id"] == 60
    assert "assignee_agent" not in data


async def test_times_can_be_printed_at_zero_offset(add: Any, tenant: Any) -> None:
    """Without the +05:00 switch the same moment is printed at +00:00."""
    add(1)
    data = (await tenant(plus_five_offset=False).get("/cases/1/ratings/1")).json()["data"]
    assert data["created_at"] == "2026-03-10T12:00:00+00:00"


async def test_a_case_lists_all_its_ratings_and_no_others(add: Any, tenant: Any) -> None:
    """Two ratings on one case are two rows, in id order, counted."""
    add(3, score="BAD")
    add(1)
    add(2, case_id=2)
    body = (await tenant().get("/cases/1/ratings.json")).json()
    assert [(row["id"], row["score"]) for row in body["data"]] == [(1, "GOOD"), (3, "BAD")]
    del body["data"]
    expected = {"status": 200, "resource": "rating", "offset": 0, "limit": 10, "total_count": 2}
    assert expected == body


async def test_a_case_without_ratings_is_an_empty_list(tenant: Any) -> None:
    """Nothing found is 200 with no rows and a count of zero."""
    body = (await tenant().get("/cases/1/ratings")).json()
    assert (body["data"], body["total_count"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("score=BAD", [2]),
        ("score=GOOD", [1, 3]),
        ("comment=true", [2]),
        ("comment=false", [1, 3]),
        ("score=BAD&comment=false", []),
        ("colour=red", [1, 2, 3]),
    ],
)
async def test_the_list_filters_by_score_and_comment(
    add: Any, tenant: Any, query: Any, expected: Any
) -> None:
    """An empty comment counts as none, and undocumented arguments change nothing."""
    add(1)
    add(2, score="BAD", comment="Late")
    add(3, comment="")
    body = (await tenant().get(f"/cases/1/ratings.json?{query}")).json()
    assert expected == [row["id"] for row in body["data"]]
    assert len(expected) == body["total_count"]


async def test_offset_pages_reach_an_empty_one_after_a_full_last(add: Any, tenant: Any) -> None:
    """Twenty rows at ten a page end with an empty third page."""
    for rating_id in range(1, 21):
        add(rating_id)
    client = tenant()
    pages = [
        (await client.get("/cases/1/ratings.json", params={"offset": offset})).json()
        for offset in (0, 10, 20)
    ]
    assert [len(page["data"]) for page in pages] == [10, 10, 0]
    assert [page["total_count"] for page in pages] == [20, 20, 20]
    assert [page["offset"] for page in pages] == [0, 10, 20]


async def test_a_limit_above_the_cap_is_cut_and_echoed(add: Any, tenant: Any) -> None:
    """The effective limit stands in the envelope."""
    for rating_id in range(1, 121):
        add(rating_id)
    body = (await tenant().get("/cases/1/ratings.json?limit=500")).json()
    assert (body["limit"], len(body["data"]), body["total_count"]) == (100, 100, 120)
    small = (await tenant(max_limit=7, default_limit=5).get("/cases/1/ratings")).json()
    assert (small["limit"], len(small["data"])) == (5, 5)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=1e3", "score=good", "comment=1"],
)
async def test_a_bad_argument_names_itself(tenant: Any, code: Any, query: Any) -> None:
    """FIELD_INVALID carries the name of the argument."""
    answer = await tenant().get(f"/cases/1/ratings.json?{query}")
    assert code(answer) == "FIELD_INVALID"
    assert query.partition("=")[0] == answer.json()["errors"][0]["parameter"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("user_id=50", [3, 1]), ("organization_id=9", [3, 1]), ("case_id=2", [2])],
)
async def test_recent_lists_the_newest_of_one_owner(
    add: Any, tenant: Any, query: Any, expected: Any
) -> None:
    """A customer, an organization or a case selects; the newest comes first."""
    add(1)
    add(2, case_id=2, creator_id=51, created_at=NOON + timedelta(hours=1))
    add(3, created_at=NOON + timedelta(hours=2))
    body = (await tenant().get(f"/cases/ratings/recent.json?{query}")).json()
    assert expected == [row["id"] for row in body["data"]]
    assert {"status", "data", "resource", "total_count"} == set(body)


async def test_recent_counts_all_and_returns_three(add: Any, tenant: Any) -> None:
    """The default limit is three, and total_count tells what it left out."""
    for rating_id in range(1, 6):
        add(rating_id)
    client = tenant()
    body = (await client.get("/cases/ratings/recent.json?user_id=50")).json()
    assert ([row["id"] for row in body["data"]], body["total_count"]) == ([5, 4, 3], 5)
    more = await client.get("/cases/ratings/recent?user_id=50&limit=4")
    assert len(more.json()["data"]) == 4


async def test_recent_wants_exactly_one_owner(tenant: Any, code: Any) -> None:
    """None and two of the three are different errors, and each names the arguments."""
    client = tenant()
    none = await client.get("/cases/ratings/recent.json")
    assert code(none) == "ANY_FIELD_REQUIRED"
    every = ["user_id", "organization_id", "case_id"]
    assert every == none.json()["errors"][0]["parameters"]
    two = await client.get("/cases/ratings/recent.json?user_id=1&case_id=1")
    assert code(two) == "ONE_FIELD_EXPECTED"
    assert two.json()["errors"][0]["parameters"] == ["user_id", "case_id"]
    assert code(await client.get("/cases/ratings/recent?user_id=x")) == "FIELD_INVALID"


async def test_a_rating_is_found_by_its_hash_or_the_mails(add: Any, tenant: Any, code: Any) -> None:
    """A rating's own hash finds it; the case's mail hash finds the newest."""
    add(1)
    add(2, created_at=NOON + timedelta(hours=1))
    public = tenant({})
    assert (await public.get("/cases/1/ratings/hash-1.json")).json()["data"]["id"] == 1
    assert (await public.get("/cases/1/ratings/mail-1")).json()["data"]["id"] == 2
    assert code(await public.get("/cases/2/ratings/hash-1")) == "RESOURCE_NOT_FOUND"
    assert code(await public.get("/cases/2/ratings/mail-2")) == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize(
    "path",
    [
        "/cases/9/ratings.json",
        "/cases/x/ratings",
        "/cases/1/ratings/9.json",
        "/cases/2/ratings/1",
        "/cases/9.json",
        "/cases/" + "9" * 5000,
        "/cases/%C2%B2",
        "/cases/1/ratings/%C2%B2",
    ],
)
async def test_what_is_not_there_is_404(add: Any, tenant: Any, code: Any, path: Any) -> None:
    """Unknown cases and ratings, and a rating under another case, are not found."""
    add(1)
    assert code(await tenant().get(path)) == "RESOURCE_NOT_FOUND"


async def test_case_summaries_tell_the_rating_and_its_status(
    add: Any, store: Any, tenant: Any
) -> None:
    """The latest score is the summary; without any, the status tells whether one was asked for."""
    store.cases[3] = {**store.cases[1], "id": 3}
    add(1, case_id=3)
    add(2, case_id=3, score="BAD", created_at=NOON + timedelta(hours=1))
    body = (await tenant().get("/cases.json?fields=rating,rating_status&limit=100")).json()
    expected = [
        {"id": 1, "rating": None, "rating_status": "UNOFFERED"},
        {"id": 2, "rating": None, "rating_status": "OFFERED"},
        {"id": 3, "rating": "BAD", "rating_status": "RECEIVED"},
    ]
    assert expected == body["data"]
    counts = {key: body[key] for key in ("resource", "offset", "limit", "total_count")}
    assert counts == {"resource": "case", "offset": 0, "limit": 100, "total_count": 3}


async def test_case_summaries_filter_by_organization(tenant: Any) -> None:
    """The filter seen in the wild works unless switched off; `ids` is not supported at all."""
    path = "/cases.json?organization_id=9"
    assert [row["id"] for row in (await tenant().get(path)).json()["data"]] == [1]
    plain = await tenant(organization_filter=False).get(path)
    assert plain.json()["total_count"] == 2
    assert (await tenant().get("/cases?ids=1")).json()["total_count"] == 2


async def test_one_case_has_its_own_resource(tenant: Any) -> None:
    """A single case is a summary with people as references."""
    body = (await tenant().get("/cases/1.json")).json()
    data = body["data"]
    assert body["resource"] == "case"
    assert data["requester"] == {"id": 50, "resource_type": "user_minimal"}
    assert (
        data["state"],
        data["status"]["type"],
        data["created_at"],
    ) == ("ACTIVE", "OPEN", PRINTED_NOON)
    assert data["resource_url"] == "http://t/api/v1/cases/1"


async def test_addresses_in_answers_keep_a_prefix(store: Any) -> None:
    """Mounted under a prefix, the tenant prints addresses that have it."""
    app = Starlette(routes=[Mount("/kayako", create_app(store))])
    headers = {"Authorization": "Bearer sandbox-kayako-token"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers=headers) as client:
        answer = await client.get("http://t:81/kayako/api/v1/cases/1.json")
    assert answer.json()["data"]["resource_url"] == "http://t:81/kayako/api/v1/cases/1"


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/cases/1/ratings.json", "ratings"),
        ("GET", "/cases/1/ratings/1.json", "rating"),
        ("GET", "/cases/1/ratings/abc", "rating_by_hash"),
        ("GET", "/cases/ratings/recent.json?case_id=1", "recent_ratings"),
        ("POST", "/cases/1/ratings", "rating_add"),
        ("PUT", "/cases/1/ratings/1.json", "rating_update"),
        ("POST", "/cases/1/ratings/trigger.json", "rating_trigger"),
        ("GET", "/cases.json", "case_summaries"),
        ("GET", "/cases/1", "case_summary"),
        ("GET", "/conversations/1/ratings.json", "conversation_ratings"),
        ("POST", "/conversations/1/ratings", "conversation_rating_add"),
        ("PUT", "/conversations/1/ratings/1.json", "conversation_rating_update"),
    ],
)
async def test_every_call_names_its_operation(
    store: Any, method: Any, target: Any, operation: Any
) -> None:
    """The scope tells a read by hash from one by id; elsewhere the route's name tells."""
    app = create_app(store)
    seen = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.append(scope.get("casegraph.operation", scope["route"].name))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=spy)) as client:
        await client.request(method, f"http://t/api/v1{target}")
    assert [operation] == seen
