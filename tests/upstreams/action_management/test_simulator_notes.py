"""E7: the window, its bounds, paging, and the order of a hub's notes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casegraph.upstreams.action_management.simulator import DateForm, Switches
from casegraph.upstreams.action_management.simulator_printing import print_moment
from casegraph.upstreams.action_management.simulator_query import (
    NoteOrders,
    NoteQuery,
    read_moment,
)
from casegraph.upstreams.action_management.store import Hub

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def ids(answer: Any) -> list[int]:
    """List the ids of the items, in order."""
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_hub_notes(vendor: Any) -> None:
    """E7 gives the notes of all cases in the usual envelope."""
    tenant = await vendor()
    answer = await tenant.get("/notes", dateModifiedStart="1900-01-01")
    assert sorted(ids(answer)) == [901, 902, 903, 904, 905]
    assert (answer.json()["itemType"], answer.json()["totalCount"]) == ("CaseNote", 5)


@pytest.mark.parametrize(
    ("quirk", "expected"),
    [(False, [901, 903, 902, 904, 905]), (True, [901, 902, 903, 904, 905])],
)
async def test_order_of_hub_notes(vendor: Any, quirk: Any, expected: Any) -> None:
    """Q7 off: strictly ascending, ties by id. On: a system note follows its successor."""
    tenant = await vendor(Switches(notes_out_of_order=quirk))
    assert expected == ids(await tenant.get("/notes", dateModifiedStart="1900-01-01"))


async def test_pages_of_hub_notes_are_the_right_sets(vendor: Any) -> None:
    """Q7 shuffles within pages only, so paging still meets every note once."""
    tenant = await vendor()
    pages = [
        ids(await tenant.get("/notes", dateModifiedStart="1900-01-01", top=2, skip=skip))
        for skip in (0, 2, 4, 6)
    ]
    assert [{901, 903}, {902, 904}, {905}, set()] == [set(page) for page in pages]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-04-03", None, {902, 904, 905}),
        ("2024-04-03T00:00:00.000001", None, {904, 905}),
        (None, "2024-04-02", {901, 903}),
        (None, "2024-04-03T00:00:00Z", {901, 903, 902}),
        ("2024-04-02", "2024-04-03", {903, 902}),
        ("2024-04-03T02:00:00+02:00", "2024-04-03 00:00:00.001-00:00", {902}),
        ("2024-04-05", None, set()),
        (None, "2024-03-01", set()),
    ],
)
async def test_note_windows(vendor: Any, start: Any, end: Any, expected: Any) -> None:
    """Both bounds are inclusive; a bound without an offset is UTC."""
    tenant = await vendor()
    bounds = {"dateModifiedStart": start, "dateModifiedEnd": end}
    answer = await tenant.get("/notes", **{name: value for name, value in bounds.items() if value})
    assert expected == set(ids(answer))
    assert len(expected) == answer.json()["totalCount"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "dateModifiedStart=",
        "dateModifiedStart=yesterday",
        "dateModifiedStart=2024-02-30",
        "dateModifiedStart=20240201",
        "dateModifiedStart=2024-W05",
        "dateModifiedStart=2024-01-01T00:00:00+00:00",
        "dateModifiedStart=0001-01-01T00:00:00%2B10:00",
        "dateModifiedStart=2024-01-02&dateModifiedEnd=2024-01-02",
        "dateModifiedStart=2024-01-03&dateModifiedEnd=2024-01-02",
        "dateModifiedStart=2024-01-01&top=1001",
        "dateModifiedStart=2024-01-01&top=0",
        "dateModifiedStart=2024-01-01&top=x",
        "dateModifiedStart=2024-01-01&skip=-1",
        "dateModifiedStart=2024-01-01&skip=2147483648",
    ],
)
async def test_bad_note_queries(vendor: Any, query: Any) -> None:
    """Each broken rule of E7 is a 400, an unencoded plus sign among them."""
    tenant = await vendor()
    answer = await tenant.client.get(f"/v1/actionmanagement/hubs/7/notes?{query}")
    assert (400, {"message"}) == (answer.status_code, set(answer.json()))


async def test_note_paging_caps(vendor: Any) -> None:
    """A page of notes holds 100 by default and up to 1000."""
    tenant = await vendor()
    template = tenant.hub.notes[902]
    tenant.hub.notes.update({n: {**template, "id": n} for n in range(2000, 3200)})
    everything = {"dateModifiedStart": "1900-01-01"}
    assert len(ids(await tenant.get("/notes", **everything))) == 100
    assert len(ids(await tenant.get("/notes", top=1000, **everything))) == 1000


async def test_stored_modified_of_system_notes(vendor: Any) -> None:
    """Q8: a system note's hidden dateModified neither shows nor sorts; shown, it sorts."""
    for hidden, expected in ((True, [901, 903, 902, 904, 905]), (False, [903, 902, 904, 905, 901])):
        tenant = await vendor(
            Switches(system_notes_without_modified=hidden, notes_out_of_order=False)
        )
        tenant.hub.notes[901]["dateModified"] = datetime(2024, 4, 9, tzinfo=UTC)
        assert expected == ids(await tenant.get("/notes", dateModifiedStart="1900-01-01"))


moments = st.datetimes(timezones=st.just(UTC))


@given(moments, st.sampled_from(DateForm))
@example(datetime.min.replace(tzinfo=UTC), DateForm.OFFSET)
def test_printed_moments_read_back(moment: Any, form: Any) -> None:
    """Whatever is printed names the same microsecond when it is sent back."""
    assert moment == read_moment(print_moment(moment, form), "moment")


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40), st.integers(1, 7))
def test_walking_notes_by_watermark(made: Any, top: Any) -> None:
    """Moving Start to the largest moment seen meets every note, unless one moment fills a page."""
    notes = {
        number: {
            "id": number,
            "caseId": 1,
            "isSystemGenerated": system,
            "dateCreated": NOW + timedelta(days=day),
        }
        for number, (day, system) in enumerate(made, 1)
    }
    hub, orders = Hub(1, "one", notes=notes), NoteOrders()
    start, skip, seen = datetime(1900, 1, 1, tzinfo=UTC), 0, set()
    while True:
        rows, _ = orders.page(hub, NoteQuery(start, None, top, skip), Switches())
        seen |= {row["id"] for row in rows}
        if len(rows) < top:
            break
        latest = max(row["dateCreated"] for row in rows)
        skip = skip + top if latest == start else 0
        start = latest
    assert set(notes) == seen
