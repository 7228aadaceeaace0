"""The client of ratings against the simulated tenant: every method, every oddity of its answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    InvalidArgument,
    RateLimited,
    UpstreamNotFound,
    UpstreamRejected,
)
from casegraph.transport.credentials import FixedHeaders
from casegraph.upstreams.base import Rest
from casegraph.upstreams.ratings.client import Ratings
from casegraph.upstreams.ratings.records import RatingScore, RatingStatus
from casegraph.upstreams.ratings.simulator import Switches, create_app

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TOKEN = "sandbox-kayako-token"
LARGE = 98_765_432_109


@pytest.fixture
def tenant(stage: Any, store: Any, clock: Any, exchange: Any) -> Any:
    """Play a tenant under given switches and return a client with its OAuth token."""

    def tenant(token: Any = TOKEN, **switches: Any) -> Any:
        stage.play(create_app(store, Switches(**switches), now=clock))
        send = FixedHeaders(exchange.send, {"authorization": f"Bearer {token}"})
        return Ratings(Rest("ratings", stage.url, "/api/v1", send))

    return tenant


async def test_a_page_of_ratings_comes_with_names_and_the_total(
    tenant: Any, add: Any, stage: Any
) -> None:
    """One call brings ratings, people and team; two ratings of one person on one case stay two."""
    for number in range(1, 5):
        add(number, score="BAD" if number == 3 else "GOOD", comment="Slow" if number == 3 else None)
    page = await tenant().ratings("1", offset=1, limit=2)
    assert [rating.rating_id for rating in page.ratings] == ["2", "3"]
    assert page.total_count == 4
    first, second = page.ratings
    assert (first.score, first.comment) == (RatingScore.GOOD, None)
    assert (second.score, second.comment) == (RatingScore.BAD, "Slow")
    assert (first.creator.full_name, first.assignee.full_name, first.team.title) == (
        "Cleo Customer",
        "Alma Agent",
        "Field",
    )
    assert [seen.target for seen in stage.requests] == [
        "/api/v1/cases/1/ratings.json?offset=1&limit=2&include=user_minimal%2Cteam"
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["1", "2", "3"]),
        ({"score": RatingScore.BAD}, ["2"]),
        ({"has_comment": True}, ["2", "3"]),
        ({"has_comment": False}, ["1"]),
        ({"score": RatingScore.GOOD, "has_comment": True}, ["3"]),
    ],
)
async def test_ratings_are_filtered_by_the_vendor(
    tenant: Any, add: Any, asked: Any, found: Any
) -> None:
    """Score and comment are the two filters there are."""
    add(1)
    add(2, score="BAD", comment="Slow")
    add(3, comment="Quick")
    page = await tenant().ratings("1", **asked)
    assert [rating.rating_id for rating in page.ratings] == found


async def test_a_page_that_the_vendor_cuts_still_tells_the_total(tenant: Any, add: Any) -> None:
    """Asked for a hundred, given five: the total says that there is more."""
    for number in range(1, 9):
        add(number)
    page = await tenant(max_limit=5).ratings("1")
    assert (len(page.ratings), page.total_count) == (5, 8)


@pytest.mark.parametrize("plus_five_offset", [True, False])
async def test_times_are_utc_whatever_their_offset(
    tenant: Any, add: Any, plus_five_offset: Any
) -> None:
    """17:00 at +05:00 is noon."""
    add(1)
    rating = await tenant(plus_five_offset=plus_five_offset).rating("1", "1")
    assert rating.created_at == rating.updated_at == NOON


@pytest.mark.parametrize("assignee_person", [True, False])
async def test_the_agent_is_found_under_both_names(
    tenant: Any, add: Any, assignee_person: Any
) -> None:
    """The field table and the samples disagree; both are read, and nobody is nobody."""
    add(1)
    add(2, assignee_agent_id=None, assignee_team_id=None)
    client = tenant(assignee_person=assignee_person)
    assert (await client.rating("1", "1")).assignee.user_id == "60"
    unassigned = await client.rating("1", "2")
    assert (unassigned.assignee, unassigned.team) == (None, None)


async def test_ids_above_32_bits_go_out_and_come_back(tenant: Any, store: Any, add: Any) -> None:
    """Eleven digits in every place an id can stand."""
    store.cases[LARGE] = {**store.cases[1], "id": LARGE}
    add(LARGE + 1, case_id=LARGE)
    client = tenant()
    rating = await client.rating(str(LARGE), str(LARGE + 1))
    assert (rating.rating_id, rating.case_id) == (str(LARGE + 1), str(LARGE))
    assert (await client.case_summary(str(LARGE))).case_id == str(LARGE)


@pytest.mark.parametrize(
    ("by", "value", "found"),
    [
        ("case_id", "1", ["3", "2", "1"]),
        ("case_id", "2", ["4"]),
        ("user_id", "51", ["4"]),
        ("organization_id", "9", ["3", "2", "1"]),
        ("organization_id", "10", []),
    ],
)
async def test_recent_ratings_are_asked_by_one_key(
    tenant: Any, add: Any, stage: Any, by: Any, value: Any, found: Any
) -> None:
    """The newest of a case, a user or an organization, with exactly that one key."""
    for number in (1, 2, 3):
        add(number, created_at=NOON.replace(hour=number))
    add(4, case_id=2, creator_id=51)
    ratings = await tenant().recent_ratings(by, value, 3)
    assert [rating.rating_id for rating in ratings] == found
    assert [seen.target for seen in stage.requests] == [
        f"/api/v1/cases/ratings/recent.json?{by}={value}&limit=3&include=user_minimal%2Cteam"
    ]


async def test_a_rating_is_found_by_its_hash(tenant: Any, add: Any, stage: Any) -> None:
    """The hash of a mail leads to its rating; no record and no error holds it."""
    add(1, hash="s3cret-hash")
    client = tenant()
    rating = await client.rating_by_hash("1", "s3cret-hash")
    assert rating.rating_id == "1"
    assert "s3cret" not in repr(rating)
    with pytest.raises(UpstreamNotFound) as caught:
        await client.rating_by_hash("1", "wr0ng-hash")
    assert "wr0ng" not in str(caught.value) + repr(caught.value)
    with pytest.raises(InvalidArgument) as refused:
        await client.rating_by_hash("1", "wr0ng/hash")
    assert "wr0ng" not in str(refused.value)
    assert len(stage.requests) == 2


@pytest.mark.parametrize("created_as", ["201", "200_with_201", "200"])
async def test_a_rating_is_added_whatever_the_vendor_calls_success(
    tenant: Any, store: Any, stage: Any, created_as: Any
) -> None:
    """201, 200 with 201 inside and 200 are all one success."""
    client = tenant(created_as=created_as)
    values = {"score": "GOOD", "comment": "Quick", "hash": "mail-1"}
    rating = await client.rating_add("1", values)
    assert (rating.score, rating.comment, rating.case_id) == (RatingScore.GOOD, "Quick", "1")
    assert [row["comment"] for row in store.ratings.values()] == ["Quick"]
    (seen,) = stage.requests
    assert (seen.method, seen.target) == ("POST", "/api/v1/cases/1/ratings.json")
    assert (seen.headers["content-type"], json.loads(seen.body)) == ("application/json", values)


async def test_a_rating_is_changed(tenant: Any, add: Any, stage: Any) -> None:
    """PUT answers with the rating as it is now."""
    add(7)
    rating = await tenant().rating_update("1", "7", {"score": "BAD", "hash": "hash-7"})
    assert (rating.rating_id, rating.score) == ("7", RatingScore.BAD)
    assert stage.targets == ["PUT /api/v1/cases/1/ratings/7.json"]


@pytest.mark.parametrize("created_as", ["201", "200_with_201", "200"])
async def test_a_rating_request_is_mailed(
    tenant: Any, store: Any, stage: Any, created_as: Any
) -> None:
    """The answer has neither data nor resource, and that is fine."""
    await tenant(created_as=created_as).rating_trigger("2")
    assert store.triggered == [2]
    assert stage.targets == ["POST /api/v1/cases/2/ratings/trigger.json"]


@pytest.mark.parametrize(
    ("values", "switches", "cause"),
    [
        ({"score": "GOOD"}, {}, UpstreamRejected),
        ({"hash": "mail-1"}, {}, UpstreamRejected),
        ({"score": "MEH", "hash": "mail-1"}, {}, UpstreamRejected),
        ({"score": "GOOD", "hash": "wr0ng"}, {}, UpstreamNotFound),
        ({"score": "GOOD", "hash": "wr0ng"}, {"wrong_hash_forbidden": True}, CredentialsRefused),
    ],
)
async def test_a_refused_write_says_why_and_writes_nothing(
    tenant: Any, store: Any, values: Any, switches: Any, cause: Any
) -> None:
    """Missing and wrong values are the caller's, and the hash is not repeated."""
    with pytest.raises(cause) as caught:
        await tenant(**switches).rating_add("1", values)
    assert "wr0ng" not in str(caught.value)
    assert store.ratings == {}


async def test_summaries_tell_who_has_been_rated(
    tenant: Any, add: Any, store: Any, stage: Any
) -> None:
    """One call for many cases: a word each, and null where nobody said anything."""
    store.cases[3] = {**store.cases[1], "id": 3, "rating_offered": False}
    add(1, score="BAD")
    client = tenant()
    page = await client.case_summaries(offset=0, limit=50)
    assert page.total_count == 3
    assert [(each.case_id, each.score, each.rating_status) for each in page.summaries] == [
        ("1", RatingScore.BAD, RatingStatus.RECEIVED),
        ("2", None, RatingStatus.OFFERED),
        ("3", None, RatingStatus.UNOFFERED),
    ]
    one = await client.case_summary("1")
    assert (one.case_id, one.score) == ("1", RatingScore.BAD)
    assert [seen.target for seen in stage.requests] == [
        "/api/v1/cases.json?offset=0&limit=50&fields=rating%2Crating_status",
        "/api/v1/cases/1.json?fields=rating%2Crating_status",
    ]


async def test_notices_on_a_success_are_no_faults(tenant: Any, add: Any) -> None:
    """Notifications and logs may stand in any answer."""
    add(1)
    page = await tenant(notices_on_success=True).ratings("1")
    assert len(page.ratings) == 1


async def test_what_is_unknown_is_not_found(tenant: Any, add: Any) -> None:
    """A case, a rating, and a rating of another case."""
    add(1, case_id=2)
    client = tenant()
    for attempt in (
        client.ratings("99"),
        client.rating("1", "99"),
        client.rating("1", "1"),
        client.case_summary("99"),
        client.rating_trigger("99"),
    ):
        with pytest.raises(UpstreamNotFound):
            await attempt


async def test_a_case_without_ratings_is_an_empty_page(tenant: Any) -> None:
    """Nothing found is no error and looks like none."""
    page = await tenant().ratings("1")
    assert (page.ratings, page.total_count) == ((), 0)


@pytest.mark.parametrize(
    ("token", "switches"),
    [
        ("wrong", {}),
        (TOKEN, {"bearer_scopes": ("users",)}),
        (TOKEN, {"caller_role": "customer"}),
        (TOKEN, {"license_expired": True}),
    ],
)
async def test_what_our_credentials_may_not_is_not_the_callers_fault(
    tenant: Any, token: Any, switches: Any
) -> None:
    """401, 403 and 426 are all this gateway's own trouble, and waiting does not help."""
    with pytest.raises(CredentialsRefused) as caught:
        await tenant(token, **switches).ratings("1")
    assert (caught.value.code, caught.value.retryable) == ("UNAVAILABLE", False)
    assert token not in str(caught.value)


async def test_a_read_only_token_reads_and_does_not_write(tenant: Any) -> None:
    """The scope's suffix decides, and the refusal is about our credentials."""
    client = tenant(bearer_scopes=("conversations:read",))
    await client.ratings("1")
    with pytest.raises(CredentialsRefused):
        await client.rating_trigger("1")


async def test_a_rate_limit_carries_its_wait(tenant: Any) -> None:
    """RATE_LIMIT_REACHED is a pause, unlike the other 429."""
    client = tenant(rate_limit_per_minute=1)
    await client.ratings("1")
    with pytest.raises(RateLimited) as caught:
        await client.ratings("1")
    assert 0 < caught.value.retry_after_ms <= 60_000


async def test_a_wrong_method_or_address_is_our_fault(
    stage: Any, store: Any, clock: Any, exchange: Any
) -> None:
    """APP_NOT_FOUND comes as 400 and is no wrong argument of the caller."""
    stage.play(create_app(store, now=clock))
    client = Ratings(Rest("ratings", stage.url, "/api/v2", exchange.send))
    for attempt in (client.ratings("1"), client.rating_trigger("1"), client.case_summary("1")):
        with pytest.raises(ContractViolation) as caught:
            await attempt
        assert not caught.value.retryable


@pytest.mark.parametrize("bad", ["", "0", "-1", "1/../2", "recent", "9" * 20])
async def test_a_bad_id_is_refused_without_a_call(tenant: Any, stage: Any, bad: Any) -> None:
    """Every method checks every id before it asks."""
    client = tenant()
    for attempt in (
        client.ratings(bad),
        client.recent_ratings("case_id", bad, 3),
        client.rating(bad, "1"),
        client.rating("1", bad),
        client.rating_by_hash(bad, "abc"),
        client.rating_add(bad, {}),
        client.rating_update(bad, "1", {}),
        client.rating_update("1", bad, {}),
        client.rating_trigger(bad),
        client.case_summary(bad),
    ):
        with pytest.raises(InvalidArgument):
            await attempt
    assert stage.requests == []
