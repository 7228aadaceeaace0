"""A walk through a list that moves misses nothing that reading on from its mark would not show.

This is what fills and refreshes rest on, so it is held here without the count that comes after.
"""

import asyncio
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from casegraph.loading.feeds.bounds import UnfitError
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.upstreams.action_management.note_rows import NoteRow, read_rows
from casegraph.upstreams.decode import Where
from support.moving_lists import EPOCH, HUB, MovingList, Notes, Reviews, World, sources_of

numbers = st.integers(0, 30)
change = st.one_of(
    st.tuples(st.sampled_from(["add", "edit", "delete"]), numbers),
    st.tuples(st.just("tick"), st.sampled_from([0, 1, 5])),
)


def happen(rows: MovingList, changes: list[Any], texts: Any) -> None:
    """Let things happen to the list."""
    for name, number in changes:
        if name == "tick":
            rows.world.seconds += number
        elif name == "add":
            rows.add("1", str(next(texts)))
        elif rows.rows:
            row_id = sorted(rows.rows)[number % len(rows.rows)]
            if name == "edit":
                rows.edit(row_id, str(next(texts)))
            else:
                rows.delete(row_id)


def text_of(row: Any) -> str:
    """Return what an edit changes."""
    if isinstance(row, NoteRow):
        (row,) = read_rows([row], HUB, Where("action_management", "hub_notes"))
    return str(row.text if hasattr(row, "text") else row.flat_review_id)


def walked(rows: MovingList, walk: Any, between: list[Any], texts: Any) -> None:
    """Walk while the list moves, and hold what was seen against what is there."""
    waiting = list(between)
    rows.world.before = lambda _: happen(rows, waiting.pop(0) if waiting else [], texts)

    async def run() -> None:
        while await walk.step():
            pass

    try:
        asyncio.run(run())
    except UnfitError:
        assume(condition=False)
    seen, mark = walk.seen.rows, walk.seen.watermark
    missed = {
        row_id
        for row_id, held in rows.rows.items()
        if str(row_id) not in seen or text_of(seen[str(row_id)]) != held.text
    }
    assert {row for row in missed if mark is not None and rows.rows[row].changed < mark} == set()


@given(
    before=st.lists(change, min_size=4, max_size=25),
    between=st.lists(st.lists(change, max_size=3), min_size=1, max_size=8),
    page_size=st.integers(2, 4),
    skew=st.sampled_from([0.0, -3600.0]),
)
@example(  # a change inside the equal time that is being walked through, and a later one
    before=[("add", 0), ("add", 0), ("add", 0), ("tick", 1), ("delete", 0)],
    between=[
        [("add", 0), ("add", 0), ("edit", 0)],
        [],
        [("edit", 1), ("tick", 1), ("edit", 0)],
    ],
    page_size=2,
    skew=0.0,
)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize(
    ("kind", "order"), [("notes", "id"), ("unread", "id"), ("whole", "id"), ("whole", "changed")]
)
def test_a_walk_through_the_whole_misses_nothing_before_its_mark(
    kind: str, order: Any, before: Any, between: Any, page_size: int, skew: float
) -> None:
    """Edits, new rows and deletions between its calls push no other row out of its sight."""
    world, texts = World(), count(1)
    world.skew = skew
    rows: MovingList
    walk: Any
    if kind in {"notes", "unread"}:
        rows = notes = Notes(world)
        happen(rows, before, texts)
        reading = NoteReading(sources_of(notes), HUB, world.wall, page_size)
        walk = reading.whole(None) if kind == "notes" else reading.unread(None)
    else:
        rows = reviews = Reviews(world, page_size=page_size, order=order)
        happen(rows, before, texts)
        world.seconds += 10
        walk = ReviewReading(sources_of(None, reviews), world.wall, page_size).whole(None)
    walked(rows, walk, between, texts)


@given(
    before=st.lists(change, min_size=4, max_size=25),
    between=st.lists(st.lists(change, max_size=2), min_size=1, max_size=6),
    page_size=st.integers(2, 4),
)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("order", ["id", "changed"])
def test_changes_on_several_pages_are_read_until_they_hold_still(
    order: Any, before: Any, between: Any, page_size: int
) -> None:
    """No row is lost because one in front of it went away between two pages."""
    world, texts = World(), count(1)
    reviews = Reviews(world, page_size=page_size, order=order)
    happen(reviews, before, texts)
    reading = ReviewReading(sources_of(None, reviews), world.wall, page_size)
    walked(reviews, reading.changes(EPOCH), between, texts)


@given(before=st.lists(change, min_size=4, max_size=25), page_size=st.integers(2, 4))
@example(
    before=[("add", 0), ("tick", 5)] * 8 + [("edit", 5), ("tick", 5), ("edit", 1), ("tick", 5)] * 4,
    page_size=3,
)
@settings(deadline=None)
def test_a_walk_of_unread_rows_makes_the_same_calls(before: list[Any], page_size: int) -> None:
    """Nothing more is asked where less is read."""
    world = World()
    notes = Notes(world)
    happen(notes, before, count(1))
    reading = NoteReading(sources_of(notes), HUB, world.wall, page_size)

    async def calls_of(walk: Any) -> tuple[list[str], list[str]]:
        world.calls.clear()
        while await walk.step():
            pass
        return [*world.calls], list(walk.seen.rows)

    whole = asyncio.run(calls_of(reading.whole(None)))
    assert asyncio.run(calls_of(reading.unread(None))) == whole


async def test_times_that_cannot_be_read_do_not_end_a_page_of_unread_rows() -> None:
    """They are greater as texts than any time, and the walk goes on from the latest time."""
    world = World()
    notes = Notes(world)
    for number in range(12):
        notes.add("1", str(number))
        world.seconds += 1
    honest = notes.hub_notes

    async def with_soon(*args: Any, **values: Any) -> Any:
        page = await honest(*args, **values)
        soon: Any = "soon"
        msgspec.structs.force_setattr(page.items[0], "updated_at", soon)
        return page

    notes.hub_notes = with_soon  # type: ignore[method-assign]
    walk = NoteReading(sources_of(notes), HUB, world.wall, 4).unread(None)
    while await walk.step():
        pass

    assert len(walk.seen.rows) == 12
    assert world.calls == ["page"] * 4


async def test_a_walk_steps_back_when_rows_of_one_moment_have_gone() -> None:
    """Rows in front of a page inside one equal time take none of the others with them."""
    world = World()
    notes = Notes(world)
    for number in range(12):
        notes.add("1", str(number))
    world.seconds += 1
    gone = [[], [], [1, 2, 3]]

    def delete(_operation: str) -> None:
        for row_id in gone.pop(0) if gone else []:
            notes.delete(row_id)

    world.before = delete
    walk = NoteReading(sources_of(notes), HUB, world.wall, 4).whole(None)
    while await walk.step():
        pass

    assert {str(row_id) for row_id in notes.rows} <= walk.seen.rows.keys()


async def test_the_mark_of_a_whole_is_no_later_than_its_first_page() -> None:
    """A row edited after its page was read stays behind the mark, though a later page is newer."""
    world = World()
    world.skew = -3600.0
    reviews = Reviews(world, page_size=2)
    for number in range(4):
        reviews.add("1", str(number))
        world.seconds += 10
    calls = count()

    def edit(_operation: str) -> None:
        if next(calls) == 2:
            reviews.edit(4, "91")
            world.seconds += 10
            reviews.edit(1, "92")

    world.before = edit
    walk = ReviewReading(sources_of(None, reviews), world.wall, 2).whole(None)
    while await walk.step():
        pass

    assert text_of(walk.seen.rows["1"]) == "92"
    assert text_of(walk.seen.rows["4"]) == "3"
    assert walk.seen.watermark is not None
    assert walk.seen.watermark <= reviews.rows[4].changed
