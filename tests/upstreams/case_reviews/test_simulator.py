"""What the simulated Trackops tenant prints, pages, counts and refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from casegraph.upstreams.case_reviews.simulator import Credentials, Switches, create_app
from casegraph.upstreams.case_reviews.store import Store

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


async def test_an_entry_prints_the_assumed_profile(add: Any, tenant: Any) -> None:
    """One entry has exactly the contract's fields, flat and nested, in zone-less UTC."""
    answers = [{"question_id": 1, "label": "On time?", "type": "bool", "value": "yes", "score": 5}]
    add(5, completed_at=NOON + timedelta(hours=1), status="complete", answers=answers)
    answer = await tenant().get("/case/reviews/5")
    assert answer.headers["content-type"] == "application/json"
    expected = {
        "id": 5,
        "case_id": 100,
        "user_id": 7,
        "review_id": 3,
        "status": "complete",
        "is_auto_generated": True,
        "review_date": "2026-03-09",
        "created_at": "2026-03-10 12:00:00",
        "updated_at": "2026-03-10 12:00:00",
        "completed_at": "2026-03-10 13:00:00",
        "Case": {"id": 100, "formatted_case_number": "00000100"},
        "User": {"id": 7, "first_name": "Ada", "last_name": "Lovelace", "name": "Ada Lovelace"},
        "Review": {"id": 3, "name": "Field report"},
        "ReviewAnswers": answers,
    }
    assert expected == answer.json()


async def test_an_entry_without_user_prints_nulls(add: Any, tenant: Any) -> None:
    """A missing user, day and completion are null, and so is a user who is gone."""
    add(5, user_id=None, review_date=None)
    add(6, user_id=999)
    row = (await tenant().get("/case/reviews/5")).json()
    assert (
        row["user_id"],
        row["User"],
        row["review_date"],
        row["completed_at"],
    ) == (None, None, None, None)
    assert None is (await tenant().get("/case/reviews/6")).json()["User"]


@pytest.mark.parametrize(
    ("switches", "present", "absent"),
    [
        ({"casefile_spelling": True}, {"casefile_id", "Casefile"}, {"case_id", "Case"}),
        ({"relations": "flat"}, {"case_id", "user_id"}, {"Case", "User", "Review"}),
        ({"relations": "nested"}, {"Case", "User", "Review"}, {"case_id", "user_id", "review_id"}),
        ({"answers_key": "Answers"}, {"Answers"}, {"ReviewAnswers"}),
        ({"answers_key": ""}, {"id"}, {"Answers", "ReviewAnswers"}),
    ],
)
async def test_spellings_follow_the_switches(
    add: Any, tenant: Any, switches: Any, present: Any, absent: Any
) -> None:
    """A spelling switch adds its keys and takes the others away."""
    add(5)
    keys = set((await tenant(**switches).get("/case/reviews/5")).json())
    assert present <= keys
    assert not absent & keys


async def test_times_can_be_iso_with_z(add: Any, tenant: Any) -> None:
    """The ISO switch changes timestamps and leaves days alone."""
    add(5)
    row = (await tenant(time_form="iso").get("/case/reviews/5")).json()
    assert row["updated_at"] == "2026-03-10T12:00:00Z"
    assert row["review_date"] == "2026-03-09"


async def test_a_full_last_page_is_followed_by_an_empty_one(add: Any, tenant: Any) -> None:
    """Fifty entries at 25 a page are two full pages and then an empty array."""
    for entry_id in range(1, 51):
        add(entry_id)
    client = tenant()
    pages = [(await client.get("/case/reviews", params={"page": n})).json() for n in (1, 2, 3)]
    assert [len(page) for page in pages] == [25, 25, 0]
    assert list(range(50, 0, -1)) == [row["id"] for page in pages for row in page]


async def test_pages_are_cut_at_the_maximum(add: Any, ids: Any) -> None:
    """A larger per_page than the maximum returns the maximum."""
    for entry_id in range(1, 121):
        add(entry_id)
    assert len(await ids(per_page="500")) == 100
    assert len(await ids(per_page="500", page="2")) == 20
    assert len(await ids({"max_per_page": 40}, per_page="500")) == 40
    assert len(await ids({"default_per_page": 10})) == 10


async def test_direction_orders_by_id(add: Any, ids: Any) -> None:
    """Newest id first unless asked or switched otherwise, however the store is ordered."""
    for entry_id in (2, 3, 1):
        add(entry_id)
    assert await ids() == [3, 2, 1]
    assert await ids(dir="asc") == [1, 2, 3]
    assert await ids({"default_direction": "asc"}) == [1, 2, 3]


async def test_a_row_can_change_its_page_between_two_calls(add: Any, ids: Any) -> None:
    """An insert before the second page pushes a row onto it a second time."""
    for entry_id in (1, 2, 3, 4):
        add(entry_id)
    assert await ids(per_page="2", page="1") == [4, 3]
    add(5)
    assert await ids(per_page="2", page="2") == [3, 2]


async def test_count_mode_tells_rows_and_pages(add: Any, tenant: Any) -> None:
    """mode=count obeys filters and per_page; nothing found is zero pages."""
    for entry_id in range(1, 8):
        add(entry_id, case_id=entry_id % 2)
    client = tenant()
    path = "/case/reviews?mode=count"
    assert (await client.get(path)).json() == {"record_count": 7, "page_count": 1}
    counted = await client.get(f"{path}&case=1&per_page=2")
    assert counted.json() == {"record_count": 4, "page_count": 2}
    assert (await client.get(f"{path}&case=9")).json() == {"record_count": 0, "page_count": 0}


async def test_a_tenant_without_count_mode_returns_rows(add: Any, tenant: Any) -> None:
    """With the switch off, `mode` changes nothing."""
    add(1)
    answer = await tenant(count_mode=False).get("/case/reviews?mode=count")
    assert [row["id"] for row in answer.json()] == [1]


@pytest.mark.parametrize(
    ("target", "operation"),
    [
        ("/case/reviews?case=1", "reviews"),
        ("/case/reviews", "reviews_sweep"),
        ("/case/reviews?case=1&mode=count", "reviews_count"),
        ("/case/reviews?id=x", "reviews_sweep"),
        ("/case/reviews/1", "review"),
    ],
)
async def test_every_call_names_its_operation(store: Any, target: Any, operation: Any) -> None:
    """The scope tells one call of the list from another; the route's name is the fallback."""
    app = create_app(store)
    seen = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.append(scope.get("casegraph.operation", scope["route"].name))

    auth = ("api.user/token", "sandbox-trackops-token")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=spy), auth=auth) as client:
        await client.get(f"http://t/api/v1{target}")
    assert [operation] == seen


@pytest.mark.parametrize(
    "auth",
    [
        None,
        ("api.user", "sandbox-trackops-token"),
        ("api.user/token", "wrong"),
        ("other/token", "sandbox-trackops-token"),
    ],
)
async def test_wrong_or_missing_credentials_are_401(tenant: Any, auth: Any) -> None:
    """Only the literal `{username}/token` with the company token is let in."""
    answer = await tenant(auth=auth).get("/case/reviews")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer abc", "Basic YQ=="])
async def test_a_damaged_authorization_header_is_401(tenant: Any, header: Any) -> None:
    """What cannot be decoded is refused, not a fault."""
    client = tenant(auth=None)
    answer = await client.get("/case/reviews", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_other_credentials_can_be_configured(tenant: Any) -> None:
    """The tenant knows the credentials it was made with."""
    credentials = Credentials(username="u", token="secret")
    client = tenant(credentials=credentials, auth=("u/token", "secret"))
    assert (await client.get("/case/reviews")).status_code == 200


@pytest.mark.parametrize("switch", ["api_activated", "full_access"])
async def test_an_account_without_access_is_403(tenant: Any, switch: Any) -> None:
    """Access switched off, or a Limited Access employee, is refused."""
    assert (await tenant(**{switch: False}).get("/case/reviews")).status_code == 403


async def test_plain_http_can_be_refused(tenant: Any) -> None:
    """With the switch on only HTTPS is served."""
    client = tenant(refuse_plain_http=True)
    assert (await client.get("/case/reviews")).status_code == 403
    assert (await client.get("https://t/api/v1/case/reviews")).status_code == 200


@pytest.mark.parametrize("entry_id", ["9", "abc", "-1", "9" * 5000, "%C2%B2"])
async def test_an_unknown_entry_is_404(tenant: Any, entry_id: Any) -> None:
    """Whatever stands where the id belongs, an entry that is not there is a 404."""
    assert (await tenant().get(f"/case/reviews/{entry_id}")).status_code == 404


async def test_unknown_paths_and_methods_are_refused(tenant: Any) -> None:
    """There is nothing beside the two paths, and GET is the only method."""
    client = tenant()
    assert (await client.get("/case/review")).status_code == 404
    assert (await client.get("/case/reviews/")).status_code == 404
    assert (await client.post("/case/reviews")).status_code == 405


async def test_error_bodies_take_the_switched_form(tenant: Any) -> None:
    """An error body is JSON, a page, or nothing."""
    path = "/case/reviews/9"
    assert json.loads((await tenant().get(path)).content) == {"error": "Not Found"}
    page = await tenant(error_body="html").get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>Not Found</h1>" in page.text
    assert (await tenant(error_body="empty").get(path)).content == b""


async def test_the_throttle_wants_its_interval(tenant: Any, clock: Any) -> None:
    """After the burst a call is refused with the wait, and let through once it has passed."""
    client = tenant(throttle_interval_seconds=2.0, throttle_burst=2)
    first = [(await client.get("/case/reviews")).status_code for _ in range(3)]
    assert first == [200, 200, 429]
    refused = await client.get("/case/reviews")
    assert refused.headers["retry-after"] == "2"
    clock.pass_seconds(2)
    later = [(await client.get("/case/reviews")).status_code for _ in range(2)]
    assert later == [200, 429]


async def test_a_throttled_answer_can_be_a_503_without_a_wait(tenant: Any) -> None:
    """The undocumented throttle answer has other forms."""
    client = tenant(throttle_interval_seconds=2.0, throttle_status=503, throttle_names_wait=False)
    await client.get("/case/reviews")
    refused = await client.get("/case/reviews")
    assert refused.status_code == 503
    assert "retry-after" not in refused.headers


async def test_the_default_clock_is_the_real_one() -> None:
    """A tenant made without a clock throttles by the system's time."""
    app = create_app(Store(), Switches(throttle_interval_seconds=3600.0))
    auth = ("api.user/token", "sandbox-trackops-token")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), auth=auth) as client:
        codes = [(await client.get("http://t/api/v1/case/reviews")).status_code for _ in "ab"]
    assert codes == [200, 429]
