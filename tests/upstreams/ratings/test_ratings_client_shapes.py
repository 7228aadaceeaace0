"""The client of ratings against the published shapes, and against envelopes that are none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.upstreams.base import Rest
from casegraph.upstreams.ratings.client import Ratings
from casegraph.upstreams.ratings.records import RatingScore, RatingStatus
from support import samples
from support.raw_server import always, raw_server, response


@pytest.fixture
def told(exchange: Any) -> Any:
    """Return a caller of one method of a client that is answered with the given body."""

    async def told(ask: Any, body: Any, status: Any = "200 OK", *headers: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with raw_server(always(response(data, *headers, status=status))) as server:
            return await ask(Ratings(Rest("ratings", server.origin, "/api/v1", exchange.send)))

    return told


def ratings(client: Any) -> Any:
    """Ask for a list."""
    return client.ratings("98765432109")


def rating(client: Any) -> Any:
    """Ask for one."""
    return client.rating("98765432109", "12345678901")


def recent(client: Any) -> Any:
    """Ask for the recent ones."""
    return client.recent_ratings("case_id", "98765432109", 3)


def summaries(client: Any) -> Any:
    """Ask for many cases."""
    return client.case_summaries(offset=0)


def summary(client: Any) -> Any:
    """Ask for one case."""
    return client.case_summary("98765432109")


def add(client: Any) -> Any:
    """Add a rating."""
    return client.rating_add("98765432109", {"score": "GOOD", "hash": "c4n4ry"})


def update(client: Any) -> Any:
    """Change a rating."""
    return client.rating_update("98765432109", "1", {"score": "GOOD", "hash": "c4n4ry"})


def trigger(client: Any) -> Any:
    """Have a request mailed."""
    return client.rating_trigger("98765432109")


WRITTEN = (add, trigger)
READS = pytest.mark.parametrize("ask", [ratings, rating, recent, summaries, summary])
WRITES = pytest.mark.parametrize("ask", [add, update, trigger])
ALL = pytest.mark.parametrize("ask", [ratings, rating, recent, summaries, summary, add, trigger])


async def test_the_published_list_is_read_whole(told: Any) -> None:
    """Two ratings of one case, one of them without an agent."""
    page = await told(ratings, samples.RATING_LIST)
    first, second = page.ratings
    assert (page.total_count, first.rating_id, first.case_id) == (2, "12345678901", "98765432109")
    assert first.created_at == datetime(2017, 1, 13, 12, tzinfo=UTC)
    assert (first.assignee.full_name, second.assignee) == ("Alma", None)
    assert (first.score, second.score) == (RatingScore.GOOD, RatingScore.BAD)


async def test_the_recent_list_has_no_offset_and_no_limit(told: Any) -> None:
    """Its envelope is read all the same."""
    (only,) = await told(recent, samples.RECENT_RATINGS)
    assert only.rating_id == "12345678901"


async def test_the_field_tables_spelling_is_read(told: Any) -> None:
    """`assignee_person` stands for the agent."""
    found = await told(rating, {"status": 200, "data": samples.PERSON_RATING})
    assert found.assignee.full_name == "Alma"


async def test_a_rating_of_a_conversation_belongs_to_that_case(told: Any) -> None:
    """`conversation` stands for the case; one that names neither belongs to the case asked for."""
    found = await told(rating, {"status": 200, "data": samples.CONVERSATION_RATING})
    assert (found.case_id, found.assignee, found.team) == ("12", None, None)
    nameless = await told(rating, {"status": 200, "data": {"id": 7, "score": "GOOD"}})
    assert nameless.case_id == "98765432109"


async def test_summaries_are_read(told: Any) -> None:
    """A score, or none, and a status."""
    page = await told(summaries, samples.RATING_CASES)
    assert [(each.score, each.rating_status) for each in page.summaries] == [
        (RatingScore.GOOD, RatingStatus.RECEIVED),
        (None, RatingStatus.OFFERED),
    ]


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
async def test_a_creation_is_a_success_under_any_good_status(told: Any, status: Any) -> None:
    """HTTP 200 with 201 inside is the vendor's own sample."""
    found = await told(add, samples.CREATED_RATING, status)
    assert found.rating_id == "12345678901"
    await told(trigger, samples.TRIGGERED, status)


@WRITES
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "204 No Content"])
async def test_a_write_without_a_body_is_a_success(told: Any, ask: Any, status: Any) -> None:
    """What was written is written, also where nothing is sent back."""
    assert await told(ask, b"", status) is None


@WRITES
async def test_a_write_answered_without_data_sends_nothing_back(told: Any, ask: Any) -> None:
    """An envelope alone is enough for a write."""
    assert await told(ask, {"status": 200}) is None


@READS
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"<html>", b'{"status": 200}'])
async def test_a_read_without_data_breaks_the_contract(told: Any, ask: Any, body: Any) -> None:
    """No data is never taken for no ratings."""
    with pytest.raises(ContractViolation):
        await told(ask, body)


@READS
@pytest.mark.parametrize("data", [5, "x", [5], [{"score": "GOOD"}], {"score": "GOOD"}, True])
async def test_data_of_a_wrong_shape_names_its_spot(told: Any, ask: Any, data: Any) -> None:
    """What stands under `data` and cannot be read fails with a path below it."""
    with pytest.raises(ContractViolation) as caught:
        await told(ask, {"status": 200, "data": data, "total_count": 1})
    assert caught.value.path.startswith("$.data")


@pytest.mark.parametrize("total", ["many", None, 1.5, []])
async def test_a_broken_count_is_no_count(told: Any, total: Any) -> None:
    """The rows stand; how many there are in all is not known."""
    page = await told(ratings, {**samples.RATING_LIST, "total_count": total})
    assert (len(page.ratings), page.total_count) == (2, None)
    page = await told(summaries, {**samples.RATING_CASES, "total_count": total})
    assert (len(page.summaries), page.total_count) == (2, None)


@ALL
@pytest.mark.parametrize(
    ("inner", "code", "cause"),
    [
        (400, "FIELD_INVALID", UpstreamRejected),
        (400, "APP_NOT_FOUND", ContractViolation),
        (400, "RESOURCE_ACTION_NOT_AVAILABLE", ContractViolation),
        (404, "RESOURCE_NOT_FOUND", UpstreamNotFound),
        (403, "PERMISSIONS_DENIED", CredentialsRefused),
        (403, "CSRF_FAILED", CredentialsRefused),
        (405, "METHOD_NOT_SUPPORTED", ContractViolation),
        (426, "LICENSE_EXPIRED", CredentialsRefused),
        (429, "RATE_LIMIT_REACHED", RateLimited),
        (429, "AUTHENTICATION_LOCKED", CredentialsRefused),
        (454, "SESSION_LOADING_FAILED", CredentialsRefused),
        (500, "", UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize("outer", ["same", "200 OK"])
async def test_a_code_means_the_same_inside_and_outside(
    told: Any, ask: Any, inner: Any, code: Any, cause: Any, outer: Any
) -> None:
    """An error in an envelope of HTTP 200 is that error; the vendor's words are not repeated."""
    status = f"{inner} Odd" if outer == "same" else outer
    if cause is UpstreamUnavailable and ask in WRITTEN:
        cause = OutcomeUnknown
    with pytest.raises(cause) as caught:
        await told(ask, samples.kayako_error(inner, code), status, "Retry-After: 7")
    assert type(caught.value) is cause
    assert "vendor's words" not in str(caught.value)
    if cause is RateLimited:
        assert caught.value.retry_after_ms == 7_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"null",
        b'{"errors": null}',
        b'{"errors": [{"code": 5}]}',
        b"\xff",
        b'{"errors": "APP_NOT_FOUND"}',
        b"[" * 10_000,
    ],
)
async def test_an_error_body_of_any_kind_leaves_the_status_to_speak(told: Any, body: Any) -> None:
    """Reading an error never fails."""
    with pytest.raises(UpstreamRejected):
        await told(ratings, body, "400 Bad Request")
    with pytest.raises(RateLimited):
        await told(ratings, body, "429 Too Many Requests")


async def test_a_not_modified_nobody_asked_for_breaks_the_contract(told: Any) -> None:
    """Tags of a list cover its ids only, so the client never asks conditionally."""
    with pytest.raises(ContractViolation):
        await told(ratings, b"", "304 Not Modified")


@pytest.mark.parametrize("ask", [add, update])
async def test_no_failure_of_a_write_shows_the_hash(told: Any, ask: Any) -> None:
    """The hash authorises a public write, so it is in no error."""
    for status in ("400 Bad", "404 Gone", "500 Oops", "302 Moved"):
        with pytest.raises(Exception, match="ratings: ") as caught:
            await told(ask, b'{"c4n4ry": 1}', status)
        assert "c4n4ry" not in str(caught.value) + repr(caught.value)
