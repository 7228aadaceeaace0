"""The filters of the simulated Trackops tenant, good values and bad."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from casegraph.upstreams.case_reviews.simulator_filters import Question
from casegraph.upstreams.case_reviews.simulator_switches import Switches

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def pair(add: Any) -> None:
    """Two entries that differ in every filtered value."""
    add(1)
    add(
        2,
        case_id=200,
        user_id=8,
        review_id=4,
        status="complete",
        is_auto_generated=False,
        review_date=date(2026, 3, 12),
        created_at=NOON + timedelta(days=1),
        created_system_at=NOON + timedelta(days=2),
        updated_at=NOON + timedelta(days=3),
        completed_at=NOON + timedelta(days=4),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "2"),
        ("case", "200"),
        ("user", "8"),
        ("status", "complete"),
        ("user_last_name", "LOVE"),
        ("user_first_name", "adam"),
        ("review", "4"),
        ("is_auto_generated", "false"),
        ("is_auto_generated", "0"),
        ("created_from_system", "2026-03-12 12:00:00"),
        ("created_from", "2026-03-11T12:00:00Z"),
        ("updated_from", "2026-03-13T14:00:00+02:00"),
        ("completed_from", "2026-03-14 12:00:00"),
        ("review_from", "2026-03-12"),
        ("from", "2026-03-10"),
    ],
)
@pytest.mark.usefixtures("pair")
async def test_each_filter_keeps_only_the_entry_that_has_the_value(
    ids: Any, name: Any, value: Any
) -> None:
    """A filter returns the second entry and never the first."""
    assert await ids(**{name: value}) == [2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_to_system", "2026-03-10 12:00:00"),
        ("created_to", "2026-03-10 12:00:00"),
        ("updated_to", "2026-03-10 12:00:00"),
        ("review_to", "2026-03-09"),
        ("to", "2026-03-11"),
    ],
)
@pytest.mark.usefixtures("pair")
async def test_each_upper_bound_includes_its_own_moment(ids: Any, name: Any, value: Any) -> None:
    """An upper bound returns the first entry, whose value equals it, and not the second."""
    assert await ids(**{name: value}) == [1]


@pytest.mark.usefixtures("pair")
async def test_an_entry_never_completed_is_outside_every_completion_range(ids: Any) -> None:
    """A missing completion matches neither bound."""
    assert await ids(completed_to="2030-01-01 00:00:00") == [2]
    assert await ids(completed_from="1990-01-01 00:00:00") == [2]


@pytest.mark.usefixtures("pair")
async def test_system_creation_and_creation_are_different_moments(ids: Any) -> None:
    """created_from_system looks at the system's clock only."""
    assert await ids(created_from_system="2026-03-12 00:00:00") == [2]
    assert await ids(created_from="2026-03-12 00:00:00") == []


async def test_a_bound_compares_the_printed_second(add: Any, ids: Any) -> None:
    """A row printed as 12:00:00 is inside both bounds of 12:00:00, whatever its fraction."""
    add(1, updated_at=NOON.replace(microsecond=999_999))
    bounds = {"updated_from": "2026-03-10 12:00:00", "updated_to": "2026-03-10 12:00:00"}
    assert await ids(**bounds) == [1]
    assert await ids(updated_from="2026-03-10T12:00:00.5Z") == []


@pytest.mark.usefixtures("pair")
async def test_filters_are_joined_by_and(ids: Any) -> None:
    """Two filters that fit different entries find none."""
    assert await ids(case="100", user="8") == []


async def test_an_entry_without_user_is_found_by_no_user_filter(add: Any, ids: Any) -> None:
    """A row without user is listed, but not under any user's name or id."""
    add(1, user_id=None)
    assert await ids() == [1]
    assert await ids(user_last_name="Lovelace") == []
    assert await ids(user="7") == []


async def test_names_match_exactly_unless_prefixes_are_switched_on(add: Any, ids: Any) -> None:
    """`love` finds Love alone, and Lovelace too with the prefix switch."""
    add(1, user_id=7)
    add(2, user_id=8)
    assert await ids(user_last_name="love") == [2]
    assert await ids({"name_match": "prefix"}, user_last_name="love") == [2, 1]


async def test_submitted_is_a_status_of_its_own(add: Any, ids: Any) -> None:
    """Filtering by `submitted` finds it, filtering by `pending` does not."""
    add(1, status="submitted")
    add(2, status="pending")
    assert await ids(status="submitted") == [1]
    assert await ids(status="pending") == [2]


async def test_the_older_edition_shows_submitted_as_pending(
    add: Any, ids: Any, tenant: Any
) -> None:
    """With three statuses, a submitted entry is printed and found as pending."""
    add(1, status="submitted")
    older = {"submitted_exists": False}
    assert await ids(older, status="pending") == [1]
    answer = await tenant(**older).get("/case/reviews/1")
    assert answer.json()["status"] == "pending"
    assert (await tenant(**older).get("/case/reviews?status=submitted")).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "id=x",
        "case=-1",
        "case=",
        "user=1.5",
        "review=99999999999999999999",
        "status=open",
        "is_auto_generated=maybe",
        "updated_from=yesterday",
        "updated_from=2026-03-10",
        "updated_to=0001-01-01T00:00:00%2B10:00",
        "review_from=2026-03-10T00:00:00",
        "review_to=2026-02-30",
        "page=0",
        "per_page=0",
        "dir=up",
        "mode=sum",
    ],
)
async def test_a_bad_value_is_refused_or_ignored_as_switched(
    add: Any, tenant: Any, query: Any
) -> None:
    """A value that cannot be read answers 400, or filters nothing with the switch off."""
    add(1)
    assert (await tenant().get(f"/case/reviews?{query}")).status_code == 400
    lenient = await tenant(refuse_bad_value=False).get(f"/case/reviews?{query}")
    assert [row["id"] for row in lenient.json()] == [1]


async def test_the_last_moments_of_the_calendar_are_bounds_too(add: Any, ids: Any) -> None:
    """The largest timestamp is an ordinary upper bound."""
    add(1)
    assert await ids(updated_to="9999-12-31 23:59:59") == [1]


async def test_an_unknown_filter_is_ignored_or_refused_as_switched(add: Any, tenant: Any) -> None:
    """An undocumented parameter changes nothing, or answers 400."""
    add(1)
    assert len((await tenant().get("/case/reviews?colour=red")).json()) == 1
    strict = await tenant(refuse_unknown_filter=True).get("/case/reviews?colour=red")
    assert strict.status_code == 400
    assert "colour" in strict.json()["error"]


async def test_of_a_repeated_filter_the_last_value_wins_or_the_call_is_refused(
    add: Any, tenant: Any
) -> None:
    """One call cannot name two cases."""
    add(1, case_id=100)
    add(2, case_id=200)
    query = "/case/reviews?case=100&case=200"
    assert [row["id"] for row in (await tenant().get(query)).json()] == [2]
    assert (await tenant(refuse_repeated_filter=True).get(query)).status_code == 400
    assert (await tenant().get("/case/reviews?case=100,200")).status_code == 400


async def test_submitted_can_be_an_unknown_filter_value(add: Any, tenant: Any) -> None:
    """A tenant may print `submitted` and still not filter by it."""
    add(1, status="submitted")
    client = tenant(filter_by_submitted=False)
    assert (await client.get("/case/reviews?status=submitted")).status_code == 400
    assert (await client.get("/case/reviews/1")).json()["status"] == "submitted"


def test_selectors_leave_the_store_alone(add: Any, store: Any) -> None:
    """Selecting returns a new list, so sorting a page cannot reorder the store."""
    add(1)
    question = Question.read([], Switches())
    question.select(store).clear()
    assert list(store.entries) == [1]
