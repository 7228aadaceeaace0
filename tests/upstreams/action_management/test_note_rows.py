"""Rows of a page that nobody has read yet, against the same page read whole."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.loading.feeds.note_reading import changed_at
from casegraph.transport.calls import Call, Reply
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.action_management.note_rows import read_rows, rows_of
from casegraph.upstreams.action_management.records import NotePage
from casegraph.upstreams.base import Rest
from casegraph.upstreams.decode import Shape, Where
from support import samples
from support.record_samples import nodes, replaced

WHERE = Where("action_management", "hub_notes")
PAGE = Shape[NotePage](NotePage)
START = datetime(2024, 1, 1, tzinfo=UTC)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**70, 1.5, "", " 7 ", "07", [], {}, [1], {"id": 1}, "2021-06-04"]),
    st.sampled_from(["2024-10-22T15:41:11.0124009+02:00", " 2020-02-01T10:00:00Z ", "soon"]),
    st.text(max_size=5),
)


def whole(body: bytes) -> Any:
    """Return the page read whole; None where it broke its contract."""
    try:
        return PAGE.read(body, WHERE)
    except ContractViolation:
        return None


def assert_alike(body: bytes) -> None:
    """Check rows against notes: keys, times, and the notes that they are read as."""
    page = whole(body)
    if page is None:
        try:
            rows = rows_of(body, WHERE)
        except ContractViolation:
            return
        # What is wrong lies in no key, so it is met by whoever reads the row.
        with pytest.raises(ContractViolation):
            read_rows(rows.items, "7", WHERE)
        return
    rows = rows_of(body, WHERE)
    assert [str(row.note_id) for row in rows.items] == [note.note_id for note in page.items]
    assert [str(row.case_id) for row in rows.items] == [note.case_id for note in page.items]
    assert [row.changed_at() for row in rows.items] == [changed_at(note) for note in page.items]
    for note in page.items:
        msgspec.structs.force_setattr(note, "hub_id", "7")
    assert repr(read_rows(rows.items, "7", WHERE)) == repr(page.items)


@given(data=st.data())
def test_rows_have_the_keys_and_times_of_their_notes(data: Any) -> None:
    """Whatever stands anywhere in a page, in whichever form."""
    page: Any = samples.NOTE_PAGE
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from([path for path, _ in nodes(page)]))
        page = replaced(page, path, data.draw(VALUES))
    assert_alike(msgspec.json.encode(page))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html>",
        b'{"items": null, "totalCount": 0}',
        b'{"items": [], "totalCount": 0}',
        b'{"items": [{"id": 1, "caseId": 2, "comments": "\xff"}], "totalCount": 1}',
        b'{"items": [{"id": 1, "caseId": 2, "raw": 5, "hub_id": 3}], "totalCount": 1}',
        b'{"items": [{"id": 1, "caseId": 2, "comments": "cut',
        b"[" * 100_000,
    ],
)
def test_bodies_that_nobody_would_send_on_purpose(body: bytes) -> None:
    """A page that is none breaks its contract; text that is none is for whoever reads the row."""
    assert_alike(body)


@pytest.mark.parametrize("wrong", ["", None, True, 1.5, [], {}])
@pytest.mark.parametrize("key", ["id", "caseId"])
def test_a_page_with_a_row_without_its_key_breaks_its_contract(key: str, wrong: Any) -> None:
    """At once, for the row might be anybody's; the path of the key is told."""
    path = f"$.items[1].{key}"
    with pytest.raises(ContractViolation) as caught:
        rows_of(json.dumps(replaced(samples.NOTE_PAGE, path, wrong)).encode(), WHERE)
    assert caught.value.path == path


def test_a_broken_value_is_told_with_its_place_when_its_row_is_read() -> None:
    """It costs its own field, and nothing before somebody wants it."""
    body = json.dumps(replaced(samples.NOTE_PAGE, "$.items[1].comments", [5])).encode()
    rows = rows_of(body, WHERE)
    _, broken = read_rows(rows.items, "7", WHERE)

    assert isinstance(broken.text, ContractViolation)
    assert broken.text.path == "$.items[1].comments"
    assert broken.note_id == str(samples.SYSTEM_NOTE["id"])


def test_rows_are_equal_when_they_say_the_same() -> None:
    """The order of members, and what is unknown, make no difference; an edit does."""
    note = dict(samples.NOTE)
    other = {"new": 1, **dict(reversed(note.items()))}
    pages = [
        rows_of(msgspec.json.encode({"items": [item]}), WHERE).items[0]
        for item in (note, other, note | {"comments": "edited"}, note | {"comments": 5})
    ]
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]
    assert pages[0] != pages[3] != pages[2]
    assert pages[0] != note


async def test_a_client_tells_of_an_answer_when_what_is_wrong_is_read() -> None:
    """Once for the rows that are read together, and never for rows that nobody wants."""
    told: list[str] = []
    body = json.dumps(replaced(samples.NOTE_PAGE, "$.items[0].comments", 5)).encode()

    async def send(_call: Call) -> Reply:
        return Reply(200, {}, body)

    rest = Rest("action_management", "http://upstream.test", "", send, on_unusable=told.append)
    client = ActionManagement(rest, rest)
    rows = (await client.hub_note_rows("07", start=START)).items
    sound = await client.read_note_rows("07", rows[1:])
    assert told == []
    assert sound[0].hub_id == "7"
    await client.read_note_rows("7", [rows[0], rows[0]])
    assert told == ["hub_notes"]
