import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import InvalidCursor
from casegraph.loading.listing import Listing, known, row_numbers, slice_after

ROWS = st.lists(st.text(max_size=3), unique=True, max_size=40)


def cut(rows: list[str], first: int, after: tuple[str | int, ...] | None) -> Listing[str]:
    """Cut a page of rows that are their own keys."""
    return slice_after(rows, str, first, after)


@given(ROWS, st.integers(1, 10))
async def test_paging_to_the_end_gives_every_row_once_in_order(rows: list[str], first: int) -> None:
    """Pages joined are the list, and only the last one has nothing after it."""
    found: list[str] = []
    after = None
    while True:
        page = cut(rows, first, after)
        found += page.items
        assert len(rows) == await page.count()
        assert (len(found) < len(rows)) is await page.has_next()
        assert (after is not None) is page.has_previous
        if not await page.has_next():
            break
        after = page.position(len(page.items) - 1)
    assert rows == found


@given(ROWS.filter(bool), st.data())
def test_any_row_can_be_resumed_from(rows: list[str], data: st.DataObject) -> None:
    """The position of each row, not only of the last, leads to the rows after it."""
    index = data.draw(st.integers(0, len(rows) - 1))
    position = cut(rows, len(rows), None).position(index)

    assert rows[index + 1 :] == cut(rows, 100, position).items


@given(ROWS.filter(lambda rows: len(rows) > 1), ROWS, st.data())
def test_rows_added_before_the_position_repeat_nothing(
    rows: list[str], added: list[str], data: st.DataObject
) -> None:
    """A row that has moved is searched by its key, so resuming never shows what was shown."""
    index = data.draw(st.integers(0, len(rows) - 1))
    position = cut(rows, len(rows), None).position(index)
    moved = [row for row in added if row not in rows] + rows

    assert rows[index + 1 :] == cut(moved, 100, position).items


@given(ROWS.filter(bool), st.data())
def test_a_row_that_is_gone_loses_none_of_those_after_it(
    rows: list[str], data: st.DataObject
) -> None:
    """When the row of the position was deleted, the next page begins where it stood."""
    index = data.draw(st.integers(0, len(rows) - 1))
    position = cut(rows, len(rows), None).position(index)
    left = rows[:index] + rows[index + 1 :]

    assert rows[index + 1 :] == cut(left, 100, position).items


async def test_an_incomplete_list_has_no_total() -> None:
    """Rows that were cut off are not counted as if they were all."""
    page = slice_after(["a", "b"], str, 1, None, "stopped")

    assert await page.count() is None
    assert page.incomplete_reason == "stopped"


async def test_a_listing_knows_nothing_by_default() -> None:
    """Without being told, a page has no next page, no total and an end of its own."""
    page = Listing(items=["a"], position=lambda index: (index,))

    assert (await page.has_next(), await page.count(), page.end) == (False, None, None)
    assert await known(7)() == 7


@pytest.mark.parametrize("position", [(), (1,), ("x", "a"), (-1, "a"), (1, "a", "b")])
def test_a_made_up_position_is_no_cursor(position: tuple[str | int, ...]) -> None:
    """A position of another shape is refused as a cursor, not as a bug."""
    with pytest.raises(InvalidCursor):
        cut(["a", "b"], 1, position)


@pytest.mark.parametrize("position", [(), ("1",), (-1,), (1, 2), (1, "a")])
def test_row_numbers_are_checked(position: tuple[str | int, ...]) -> None:
    """Only so many whole numbers from zero on are row numbers."""
    assert row_numbers((3,), 1) == (3,)
    with pytest.raises(InvalidCursor):
        row_numbers(position, 1)


async def test_a_page_with_changed_rows_is_the_same_page() -> None:
    """Changing rows changes neither where they stand nor what is known around them."""
    page = slice_after(["a", "b", "c"], str, 1, (0, "a"), "stopped")
    changed = page.map(str.upper)

    assert changed.items == ["B"]
    assert changed.position(0) == page.position(0)
    assert [await each.has_next() for each in (page, changed)] == [True, True]
    for name in ("has_previous", "end", "incomplete_reason"):
        assert getattr(changed, name) == getattr(page, name)
    assert await changed.count() is await page.count()
