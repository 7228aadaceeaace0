"""The client of Action Management against the simulated tenant: every read, every quirk."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec import UNSET

from casegraph.errors import (
    ContractViolation,
    DeadlineExceeded,
    InvalidArgument,
    RateLimited,
    UpstreamNotFound,
    UpstreamRejected,
)
from casegraph.transport.calls import Reply
from casegraph.transport.credentials import Renewable
from casegraph.upstreams.action_management.client import (
    CASE_PAGE_MAX,
    NOTE_PAGE_MAX,
    ActionManagement,
    CaseQuery,
)
from casegraph.upstreams.action_management.records import ProgramListType
from casegraph.upstreams.action_management.simulator import (
    Credentials,
    DateForm,
    ErrorBody,
    RetryAfter,
    Switches,
    create_app,
)
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest
from support.raw_server import always, raw_server, response

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def day(number: Any, **more: Any) -> Any:
    """Return a moment of April 2024."""
    return datetime(2024, 4, number, tzinfo=UTC, **more)


@pytest.fixture
def tenant(stage: Any, store: Any, exchange: Any) -> Any:
    """Play a tenant under given switches and return a client of it."""

    def tenant(**switches: Any) -> Any:
        stage.play(create_app(store, Switches(**switches), now=lambda: START))
        known = Credentials()
        user = ApiUser(
            "action_management",
            stage.url,
            "/identity/connect/token",
            known.client_id,
            known.client_secret,
            known.scope,
        )
        renew = token_renewal(user, exchange.send, lambda: 0.0)
        chain = Renewable(exchange.send, renew, stale_status=401, clock=lambda: 0.0)
        rest = Rest("action_management", stage.url, "/v1/actionmanagement", chain)
        return ActionManagement(rest, Rest("action_management", stage.url, "/v1", chain))

    return tenant


def asked(stage: Any) -> Any:
    """Name the requests beside the token's."""
    return [target for target in stage.targets if "identity" not in target]


# The case query and the details.


async def test_a_page_of_cases_is_asked_and_told_in_list_form(tenant: Any, stage: Any) -> None:
    """Order and page go out as the vendor spells them; details-only fields are not told."""
    page = await tenant().case_query("7", CaseQuery(top=2, skip=1, order_by="id", ascending=True))
    assert ([case.case_id for case in page.items], page.total_count) == (["2", "3"], 5)
    assert asked(stage) == ["POST /v1/actionmanagement/hubs/7/cases/query"]
    assert json.loads(stage.requests[-1].body) == {
        "top": 2,
        "skip": 1,
        "orderBy": {"property": "id"},
        "orderByAscending": True,
    }
    case = page.items[0]
    assert (case.hub_id, case.detailed, case.workflow_name) == ("7", False, "Standard")
    assert (case.due_at, case.updated_at, case.is_overdue, case.source) == (UNSET,) * 4


async def test_the_details_tell_more_and_no_name_of_the_workflow(tenant: Any, stage: Any) -> None:
    """The same record, marked as detailed."""
    case = await tenant().case("7", "1")
    assert (case.case_id, case.hub_id, case.detailed) == ("1", "7", True)
    assert (case.due_at, case.pre_overdue_at, case.post_overdue_at) == (day(20), day(19), day(21))
    assert (case.is_overdue, case.is_closed, case.workflow_name) == (True, False, UNSET)
    assert (case.source.response_id, case.source.survey_id) == ("77", "p123")
    assert (case.updated_at, case.cost) == (UNSET, 10)
    assert asked(stage) == ["GET /v1/actionmanagement/hubs/7/cases/1"]


async def test_people_lists_and_data_of_a_case_are_read(tenant: Any) -> None:
    """Inactive users stay (Q13); empty users, empty values and missing subcategories too (Q16)."""
    case = await tenant().case("7", "1")
    status, category, custom = case.list_values
    assert (status.type, status.is_open, status.is_high) == (ProgramListType.STATUS, True, None)
    assert (category.sub_category_id, category.sub_category_name) == ("212", "Damaged")
    assert (custom.type, custom.sub_category_id) == (ProgramListType.CUSTOM, None)
    owner, reviewer = case.roles
    assert [(user.user_id, user.is_active) for user in owner.users] == [("1", True), ("2", False)]
    assert reviewer.users == ()
    assert [(each.question_name, each.value) for each in case.data_fields] == [("q1", "")]
    assert {part.hub_id for part in (*case.list_values, *case.roles)} == {"7"}


async def test_details_in_a_list_are_read_where_the_vendor_tells_them(tenant: Any) -> None:
    """What is told is told; what is not told there stays unset."""
    client = tenant(details_in_list=True)
    page = await client.case_query("7", CaseQuery(top=5, order_by="id", ascending=True))
    assert [case.due_at for case in page.items][:2] == [day(20), UNSET]
    assert page.items[0].source.response_id == "77"


async def test_null_and_nothing_are_different(tenant: Any) -> None:
    """A tenant that sends null says that there is none."""
    case = await tenant(null_members=True).case("7", "2")
    assert (case.due_at, case.pre_overdue_at) == (None, None)
    assert case.list_values[2].is_open is None


async def test_slim_details_lack_what_the_second_sample_lacks(tenant: Any) -> None:
    """Q14: flags and data that are not told are unknown, not false."""
    case = await tenant(slim_details=True).case("7", "1")
    assert (case.is_closed, case.is_overdue, case.data_fields) == (None, UNSET, ())


@pytest.mark.parametrize("form", DateForm)
async def test_a_moment_is_the_same_in_every_form(tenant: Any, form: Any) -> None:
    """Seven digits, a space for the T, another offset: not a microsecond is lost or won."""
    client = tenant(dates=form, role_dates=form)
    case = await client.case("7", "2")
    assert case.updated_at == day(9, minute=1, second=2, microsecond=12_400)
    owner, reviewer = await client.roles("7")
    assert (owner.updated_at, reviewer.updated_at) == (day(1, microsecond=12_400), day(1))


async def test_filters_and_their_values_are_passed_untouched(tenant: Any, stage: Any) -> None:
    """The vendor's grammar is the caller's affair."""
    filters = [{"property": "id", "operator": "in", "values": [2, 4]}]
    client = tenant(filter_dialect=True)
    page = await client.case_query("7", CaseQuery(top=10, filters=filters))
    assert {case.case_id for case in page.items} == {"2", "4"}
    assert json.loads(stage.requests[-1].body)["filters"] == filters


@pytest.mark.parametrize("body", [ErrorBody.MESSAGE, ErrorBody.EMPTY])
@pytest.mark.parametrize(
    "query",
    [
        CaseQuery(top=CASE_PAGE_MAX + 1),
        CaseQuery(top=10, order_by="cost"),
        CaseQuery(top=10, filters=[{"property": "id"}]),
    ],
)
async def test_a_query_the_vendor_refuses_is_rejected(tenant: Any, body: Any, query: Any) -> None:
    """With details or without (Q12), the refusal names the call and not the vendor's text."""
    with pytest.raises(UpstreamRejected) as caught:
        await tenant(query_error_body=body).case_query("7", query)
    assert str(caught.value) == (
        "action_management: the request was refused as wrong (case_query)."
    )


async def test_the_largest_page_passes(tenant: Any, store: Any) -> None:
    """A hundred cases in one call."""
    store.hubs[7].cases = {
        number: {**store.hubs[7].cases[1], "id": number} for number in range(150)
    }
    page = await tenant().case_query("7", CaseQuery(top=CASE_PAGE_MAX))
    assert (len(page.items), page.total_count) == (100, 150)


async def test_links_are_never_followed(tenant: Any, stage: Any) -> None:
    """Q6: links name another hub and scheme; nothing is ever asked there."""
    client = tenant(link_hub_id=96, links_use_http=True)
    await client.case("7", "1")
    await client.case_notes("7", "1")
    await client.case_query("7", CaseQuery(top=5))
    assert all("/hubs/7/" in target for target in asked(stage))


# Notes.


async def test_all_notes_of_a_case_come_in_one_call(tenant: Any, stage: Any) -> None:
    """System notes have neither authors nor a modified date (Q8)."""
    system, edited, unedited = await tenant().case_notes("7", "1")
    assert asked(stage) == ["GET /v1/actionmanagement/hubs/7/cases/1/notes"]
    assert (system.is_system_generated, system.created_by, system.updated_at) == (True, None, None)
    assert (edited.created_by.user_name, edited.updated_by.user_name) == ("anna", "bob")
    assert (edited.created_at, edited.updated_at) == (day(2), day(3))
    assert unedited.updated_at == unedited.created_at == day(4)
    assert {note.hub_id for note in (system, edited, unedited)} == {"7"}


async def test_notes_may_show_their_dates_otherwise(tenant: Any) -> None:
    """A modified date on a system note, or none on one that was never edited."""
    client = tenant(system_notes_without_modified=False, unedited_notes_have_modified=False)
    system, _, unedited = await client.case_notes("7", "1")
    assert (system.updated_at, unedited.updated_at) == (day(1), None)


async def test_one_note_is_read(tenant: Any, stage: Any) -> None:
    """By hub, case and note."""
    note = await tenant().case_note("7", "2", "904")
    assert (note.note_id, note.case_id, note.hub_id, note.text) == ("904", "2", "7", "Note 904")
    assert asked(stage) == ["GET /v1/actionmanagement/hubs/7/cases/2/notes/904"]


async def test_hub_notes_are_asked_by_both_bounds_inclusive(tenant: Any, stage: Any) -> None:
    """Q9: a note modified exactly at a bound is inside, and the offset survives the query."""
    start, end = day(2), day(4)
    page = await tenant().hub_notes("7", start=start, end=end, top=10, skip=0)
    assert {note.note_id for note in page.items} == {"902", "903", "904", "905"}
    assert page.total_count == 4
    assert stage.requests[-1].target == (
        "/v1/actionmanagement/hubs/7/notes?top=10&skip=0"
        "&dateModifiedStart=2024-04-02T00%3A00%3A00Z&dateModifiedEnd=2024-04-04T00%3A00%3A00Z"
    )


async def test_a_bound_of_another_zone_is_sent_as_utc(tenant: Any, stage: Any) -> None:
    """A plus sign would be a space in a query, so there is none."""
    east = datetime(2024, 4, 2, 5, tzinfo=timezone(timedelta(hours=5)))
    page = await tenant().hub_notes("7", start=east, end=None)
    assert page.total_count == 4
    assert "dateModifiedStart=2024-04-02T00%3A00%3A00Z" in stage.requests[-1].target
    assert f"top={NOTE_PAGE_MAX}&skip=0" in stage.requests[-1].target


@pytest.mark.parametrize("out_of_order", [True, False])
async def test_a_page_of_hub_notes_keeps_the_vendors_order(tenant: Any, out_of_order: Any) -> None:
    """Q7: the order within a page is the vendor's word, and no note is lost for it."""
    client = tenant(notes_out_of_order=out_of_order)
    page = await client.hub_notes("7", start=day(1), end=None)
    assert len({note.note_id for note in page.items}) == page.total_count == 5


@pytest.mark.parametrize(("start", "end"), [(None, None), (day(3), day(3)), (day(4), day(3))])
async def test_a_window_the_vendor_refuses_is_rejected(tenant: Any, start: Any, end: Any) -> None:
    """No bound, no width (Q11), or turned round."""
    with pytest.raises(UpstreamRejected):
        await tenant().hub_notes("7", start=start, end=end)


# Lists, roles, hubs.


async def test_program_lists_keep_their_order_and_share_ids(tenant: Any) -> None:
    """Q1: two lists of one id are two lists, told apart by their type."""
    lists = await tenant(lists_share_id=True).program_lists("7")
    assert [(each.type.value, each.list_id) for each in lists] == [
        ("status", "100"),
        ("severity", "200"),
        ("category", "300"),
        ("custom", "300"),
    ]
    assert {each.hub_id for each in lists} == {"7"}


async def test_an_item_belongs_to_the_list_it_stands_in(tenant: Any) -> None:
    """Q2: an item's own listId is not even read."""
    _, _, category, _ = await tenant(foreign_item_list_id=True).program_lists("7")
    assert [item.name for item in category.items] == ["Delivery", "Billing"]
    assert not hasattr(category.items[0], "list_id")


async def test_two_subcategories_of_one_id_are_both_kept(tenant: Any) -> None:
    """Q3: an id may stand for two names."""
    lists = await tenant(duplicate_subcategory_ids=True).program_lists("7")
    subs = lists[2].items[0].sub_categories
    assert [(sub.sub_category_id, sub.name) for sub in subs] == [
        ("211", "Late"),
        ("211", "Damaged"),
    ]


async def test_a_default_may_name_no_item(tenant: Any) -> None:
    """Q4: the default is told as it is."""
    status, *_ = await tenant(dangling_default_item=True).program_lists("7")
    assert status.default_item_id not in {item.item_id for item in status.items}


async def test_hubs_are_asked_beside_this_api(tenant: Any, stage: Any) -> None:
    """The Hubs API is another base path of the same host."""
    hubs = await tenant(hub_collections_item_type=True).hubs()
    assert [(hub.hub_id, hub.name) for hub in hubs] == [
        ("7", "North"),
        ("8", "South"),
        ("9", "West"),
    ]
    assert asked(stage) == ["GET /v1/hubs"]


# Refusals.


@pytest.mark.parametrize("body", [ErrorBody.MESSAGE, ErrorBody.EMPTY])
async def test_one_404_has_three_causes_and_one_meaning(tenant: Any, body: Any) -> None:
    """Unknown hub, hub without a program, unknown case, note of another case."""
    client = tenant(error_body=body)
    for attempt in (
        client.case("70", "1"),
        client.case("8", "1"),
        client.case("7", "99"),
        client.case_note("7", "1", "904"),
        client.roles("8"),
        client.program_lists("70"),
        client.hub_notes("8", start=day(1), end=None),
    ):
        with pytest.raises(UpstreamNotFound):
            await attempt


@pytest.mark.parametrize(("form", "wait"), [(RetryAfter.SECONDS, 10_000), (RetryAfter.DATE, 0)])
async def test_a_throttle_carries_its_wait_in_both_forms(tenant: Any, form: Any, wait: Any) -> None:
    """Seconds as they are; a date, which lies in the past of this test's tenant, as none."""
    client = tenant(requests_per_second=0.1, burst=1, retry_after=form)
    await client.roles("7")
    with pytest.raises(RateLimited) as caught:
        await client.roles("7")
    assert caught.value.retry_after_ms == wait


async def test_408_is_the_upstreams_own_time_out(exchange: Any) -> None:
    """A response, without a body."""
    async with raw_server(always(response(b"", status="408 Request Timeout"))) as server:
        rest = Rest("action_management", server.origin, "", exchange.send)
        with pytest.raises(DeadlineExceeded) as caught:
            await ActionManagement(rest, rest).case_query("7", CaseQuery(top=100))
    assert caught.value.retryable


@pytest.mark.parametrize("bad", ["", "0", "-1", "2147483648", "1/../2", "9" * 40, "\u0661"])
async def test_a_bad_id_is_refused_without_a_call(tenant: Any, stage: Any, bad: Any) -> None:
    """Every method checks every id before it asks, also before it asks for a token."""
    client = tenant()
    for attempt in (
        client.case_query(bad, CaseQuery(top=1)),
        client.case(bad, "1"),
        client.case("7", bad),
        client.case_document("7", bad),
        client.case_put("7", bad, {}),
        client.case_delete("7", bad),
        client.case_notes("7", bad),
        client.case_note("7", "1", bad),
        client.hub_notes(bad, start=day(1), end=None),
        client.program_lists(bad),
        client.roles(bad),
    ):
        with pytest.raises(InvalidArgument):
            await attempt
    assert stage.requests == []


async def test_an_id_is_stamped_as_it_was_sent(tenant: Any) -> None:
    """Leading zeros are gone on the wire, so they are gone from the records."""
    client = tenant()
    assert (await client.case("007", "0001")).hub_id == "7"
    assert {role.hub_id for role in await client.roles("0007")} == {"7"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"<html>", b'{"items": [5]}'])
async def test_what_is_no_answer_breaks_the_contract(body: Any) -> None:
    """Every read of records fails on a body without its rows or its id."""

    async def send(_call: Any) -> Any:
        return Reply(200, {}, body)

    rest = Rest("action_management", "http://x.test", "", send)
    client = ActionManagement(rest, rest)
    for attempt in (
        client.case_query("7", CaseQuery(top=1)),
        client.case("7", "1"),
        client.case_notes("7", "1"),
        client.case_note("7", "1", "1"),
        client.hub_notes("7", start=day(1), end=None),
        client.program_lists("7"),
        client.roles("7"),
        client.hubs(),
    ):
        with pytest.raises(ContractViolation):
            await attempt
