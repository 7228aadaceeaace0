"""The client of case reviews against the simulated tenant and against the published shapes."""

import base64
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
    UpstreamUnavailable,
)
from casegraph.transport.credentials import FixedHeaders, basic
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.case_reviews.records import ReviewStatus
from casegraph.upstreams.case_reviews.simulator import Switches, create_app
from support import samples
from support.raw_server import always, raw_server, response

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PROOF = basic("api.user/token", "sandbox-trackops-token")


@pytest.fixture
def tenant(stage: Any, store: Any, clock: Any, exchange: Any) -> Any:
    """Play a tenant under given switches and return a client of it."""

    def tenant(proof: Any = PROOF, **switches: Any) -> Any:
        stage.play(create_app(store, Switches(**switches), now=clock))
        send = FixedHeaders(exchange.send, {"authorization": proof})
        return CaseReviews(Rest("case_reviews", stage.url, "/api/v1", send))

    return tenant


def ids(page: Any) -> Any:
    """Name the entries of a page."""
    return [entry.review_entry_id for entry in page.entries]


async def test_a_page_is_asked_with_its_filters_size_and_direction(
    tenant: Any, add: Any, stage: Any
) -> None:
    """The vendor's parameters arrive as given; new rows land on the last page."""
    add(2)
    add(1)
    page = await tenant().reviews((("case", "100"), ("updated_from", "2026-03-01 00:00:00")), 1)
    assert (ids(page), page.is_full) == (["1", "2"], False)
    (seen,) = stage.requests
    assert seen.target == (
        "/api/v1/case/reviews?case=100&updated_from=2026-03-01%2000%3A00%3A00"
        "&page=1&per_page=100&dir=asc"
    )
    user, _, token = base64.b64decode(seen.headers["authorization"][6:]).decode().partition(":")
    assert (user, token) == ("api.user/token", "sandbox-trackops-token")
    assert seen.headers["accept"] == "application/json"


async def test_an_exactly_full_last_page_is_followed_by_an_empty_one(tenant: Any, add: Any) -> None:
    """A full page says that more may follow; what follows is empty and says it does not."""
    for number in range(1, 201):
        add(number)
    client = tenant()
    pages = [await client.reviews((), number) for number in (1, 2, 3)]
    assert [(len(page.entries), page.is_full) for page in pages] == [
        (100, True),
        (100, True),
        (0, False),
    ]
    assert [ids(page)[0] for page in pages[:2]] == ["1", "101"]


async def test_a_full_page_is_full_although_rows_of_it_are_dropped(tenant: Any, add: Any) -> None:
    """Whether another page follows is told by what came, not by what is left of it."""
    for number in range(1, 101):
        add(number, status="pending")
    client = tenant(refuse_bad_value=False, filter_by_submitted=False)
    page = await client.reviews((("status", "submitted"),), 1)
    assert (page.entries, page.is_full) == ((), True)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("case", "100", ["1", "2", "3"]),
        ("case", "101", ["4"]),
        ("user", "7", ["1", "4"]),
        ("user", "8", ["2"]),
        ("review", "4", ["2"]),
        ("status", "complete", ["3"]),
        ("is_auto_generated", "false", ["4"]),
        ("id", "3", ["3"]),
    ],
)
@pytest.mark.parametrize("relations", ["both", "flat", "nested"])
async def test_rows_that_do_not_match_are_dropped(  # noqa: PLR0913, PLR0917  a table and its fixtures
    exchange: Any,
    store: Any,
    stage: Any,
    add: Any,
    clock: Any,
    relations: Any,
    name: Any,
    value: Any,
    kept: Any,
) -> None:
    """A vendor that ignores a filter brings no wrong rows; a row that tells nothing stays."""
    add(1)
    add(2, user_id=8, review_id=4)
    add(3, status="complete", user_id=None)
    add(4, case_id=101, is_auto_generated=False)
    app = create_app(store, Switches(relations=relations), now=clock)

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].replace(name.encode() + b"=", b"x=", 1)
        await app({**scope, "query_string": query}, receive, send)

    stage.play(deaf)
    send = FixedHeaders(exchange.send, {"authorization": PROOF})
    client = CaseReviews(Rest("case_reviews", stage.url, "/api/v1", send))
    page = await client.reviews(((name, value),), 1)
    expected = kept if name != "user" else sorted({*kept, "3"})
    assert ids(page) == expected


async def test_a_filter_over_a_broken_field_fails_nothing(exchange: Any) -> None:
    """A row whose filtered field broke its contract is neither dropped nor a fault of ours."""
    broken = {
        **samples.REVIEW_ENTRY,
        "status": 5,
        "User": "Ada",
        "user_id": None,
        "Review": [],
        "review_id": None,
        "is_auto_generated": "yes",
    }
    body = json.dumps([broken]).encode()
    async with raw_server(always(response(body))) as server:
        client = CaseReviews(Rest("case_reviews", server.origin, "", exchange.send))
        for name in ("user", "review", "status", "is_auto_generated"):
            page = await client.reviews(((name, "17"),), 1)
            assert ids(page) == ["801"]
    (entry,) = page.entries
    assert isinstance(entry.status, ContractViolation)
    assert isinstance(entry.assignee, ContractViolation)


async def test_a_row_that_stands_twice_is_told_once(exchange: Any) -> None:
    """Rows that moved between calls do not come twice out of one page."""
    body = json.dumps([samples.REVIEW_ENTRY, samples.REVIEW_ENTRY]).encode()
    async with raw_server(always(response(body))) as server:
        client = CaseReviews(Rest("case_reviews", server.origin, "", exchange.send))
        assert ids(await client.reviews((), 1)) == ["801"]


@pytest.mark.parametrize("casefile_spelling", [False, True])
@pytest.mark.parametrize("relations", ["both", "flat", "nested"])
async def test_case_user_and_review_are_found_in_any_spelling(
    tenant: Any, add: Any, relations: Any, casefile_spelling: Any
) -> None:
    """Flat ids, nested objects or both, Case or Casefile: the entry is the same."""
    add(5_000_000_000, case_id=6_000_000_000)
    client = tenant(relations=relations, casefile_spelling=casefile_spelling)
    entry = await client.review("5000000000")
    assert (entry.review_entry_id, entry.case_id) == ("5000000000", "6000000000")
    assert (entry.assignee.user_id, entry.review.review_id) == ("7", "3")
    if relations != "flat":
        assert (entry.assignee.full_name, entry.review.name) == ("Ada Lovelace", "Field report")


async def test_a_row_that_names_no_case_belongs_to_the_one_asked_for(exchange: Any) -> None:
    """Where the vendor leaves the case out, the filter says which it is."""
    row = {
        name: value for name, value in samples.REVIEW_ENTRY.items() if "case" not in name.lower()
    }
    async with raw_server(always(response(json.dumps([row]).encode()))) as server:
        client = CaseReviews(Rest("case_reviews", server.origin, "", exchange.send))
        (asked,) = (await client.reviews((("case", "44"),), 1)).entries
        (swept,) = (await client.reviews((), 1)).entries
    assert (asked.case_id, swept.case_id) == ("44", None)


@pytest.mark.parametrize(
    ("answers_key", "values"), [("ReviewAnswers", ["yes"]), ("Answers", ["yes"]), ("", [])]
)
async def test_answers_are_found_under_either_name_or_not_at_all(
    tenant: Any, add: Any, answers_key: Any, values: Any
) -> None:
    """Missing answers are no answers."""
    add(1, answers=[{"question_id": 1, "label": "On time?", "type": "text", "value": "yes"}])
    entry = await tenant(answers_key=answers_key).review("1")
    assert [answer.value for answer in entry.answers] == values


@pytest.mark.parametrize("time_form", ["space", "iso"])
async def test_times_are_utc_in_both_forms_and_days_are_not_shifted(
    tenant: Any, add: Any, time_form: Any
) -> None:
    """Zone-less text is UTC; a review's day stays that day."""
    add(1, completed_at=NOON)
    entry = await tenant(time_form=time_form).review("1")
    assert entry.created_at == entry.updated_at == entry.completed_at == NOON
    assert entry.review_date == datetime(2026, 3, 9, tzinfo=UTC)


async def test_an_entry_may_have_no_user_no_day_and_no_end(tenant: Any, add: Any) -> None:
    """What is null is None, also on an entry made per case."""
    add(1, user_id=None, review_date=None)
    entry = await tenant().review("1")
    assert (entry.assignee, entry.review_date, entry.completed_at) == (None, None, None)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("pending", ReviewStatus.PENDING),
        ("submitted", ReviewStatus.SUBMITTED),
        ("complete", ReviewStatus.COMPLETE),
        ("attention", ReviewStatus.ATTENTION),
        ("archived", ReviewStatus.UNKNOWN),
    ],
)
async def test_every_status_is_read_and_a_new_one_is_unknown(
    tenant: Any, add: Any, told: Any, read: Any
) -> None:
    """Four statuses are known, a fifth is no fault."""
    add(1, status=told)
    entry = await tenant().review("1")
    assert entry.status is read


async def test_the_count_is_one_call_of_its_own(tenant: Any, add: Any, stage: Any) -> None:
    """Only the number comes back."""
    for number in range(1, 151):
        add(number, case_id=number % 2)
    assert await tenant().reviews_count((("case", "1"),)) == 75
    assert [seen.target for seen in stage.requests] == [
        "/api/v1/case/reviews?case=1&mode=count",
    ]


async def test_a_vendor_without_counts_breaks_the_contract(tenant: Any, add: Any) -> None:
    """Rows in the place of a count are not counted as one."""
    add(1)
    with pytest.raises(ContractViolation):
        await tenant(count_mode=False).reviews_count(())


@pytest.mark.parametrize("error_body", ["json", "html", "empty"])
async def test_refusals_are_understood_by_status_alone(tenant: Any, error_body: Any) -> None:
    """Unknown entry, bad value and bad credentials, whatever the error's body is."""
    client = tenant(error_body=error_body)
    with pytest.raises(UpstreamNotFound):
        await client.review("1")
    with pytest.raises(UpstreamRejected):
        await client.reviews((("case", "x"),), 1)
    with pytest.raises(CredentialsRefused):
        await tenant(basic("api.user", "wrong"), error_body=error_body).reviews((), 1)


@pytest.mark.parametrize(
    "switches", [{"api_activated": False}, {"full_access": False}, {"refuse_plain_http": True}]
)
async def test_a_user_without_access_is_a_problem_of_our_credentials(
    tenant: Any, switches: Any
) -> None:
    """403 is never the caller's fault."""
    with pytest.raises(CredentialsRefused) as caught:
        await tenant(**switches).reviews((), 1)
    assert not caught.value.retryable


@pytest.mark.parametrize(("names_wait", "wait"), [(True, 2_000), (False, None)])
@pytest.mark.parametrize(("status", "cause"), [(429, RateLimited), (503, UpstreamUnavailable)])
async def test_a_throttle_carries_its_wait(
    tenant: Any, status: Any, cause: Any, names_wait: Any, wait: Any
) -> None:
    """Both throttle statuses tell how long to stay away, where the vendor does."""
    client = tenant(
        throttle_interval_seconds=2.0, throttle_status=status, throttle_names_wait=names_wait
    )
    await client.reviews((), 1)
    with pytest.raises(cause) as caught:
        await client.reviews((), 1)
    assert (caught.value.retry_after_ms, caught.value.retryable) == (wait, True)


@pytest.mark.parametrize("bad", ["", "0", "-1", "1/../2", "9" * 20, "\u0661"])
async def test_a_bad_id_is_refused_without_a_call(tenant: Any, stage: Any, bad: Any) -> None:
    """What is no id of this system is never sent to it."""
    client = tenant()
    with pytest.raises(InvalidArgument, match="reviewEntryId"):
        await client.review(bad)
    assert stage.requests == []


async def test_the_published_shape_is_read_whole(exchange: Any) -> None:
    """An entry with everything, in the contract's own profile."""
    body = json.dumps(samples.REVIEW_ENTRY).encode()
    async with raw_server(always(response(body))) as server:
        client = CaseReviews(Rest("case_reviews", server.origin, "/api/v1", exchange.send))
        entry = await client.review("801")
        (request,) = server.requests
    assert request.target == "/api/v1/case/reviews/801"
    assert (entry.case_id, entry.status) == ("4400000001", ReviewStatus.SUBMITTED)
    assert entry.updated_at == datetime(2023, 6, 2, 10, tzinfo=UTC)
    assert [(answer.label, answer.value) for answer in entry.answers] == [
        ("On time?", True),
        ("How many visits?", 2.0),
        ("Remarks", ""),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"error": "x"}', b"<html></html>", b'[{"name": "no id"}]', b"[1]"]
)
async def test_an_answer_that_is_no_list_breaks_the_contract(exchange: Any, body: Any) -> None:
    """A good status with anything but rows is not an empty list."""
    async with raw_server(always(response(body))) as server:
        client = CaseReviews(Rest("case_reviews", server.origin, "", exchange.send))
        with pytest.raises(ContractViolation):
            await client.reviews((), 1)
