"""A page of a long list, as the loading side hands it over: rows, where each stands, what is left.

Where a row stands is a short tuple that only the list that made it understands; the graph turns it
into a cursor. What costs something of its own (a count, a look at the next page, a position) is a
function here, so that nobody pays for what nobody asked.
Invariant: resuming after a row's position never repeats that row.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct, structs

from casegraph.errors import InvalidCursor

T = TypeVar("T")
U = TypeVar("U")
W = TypeVar("W")

Position: TypeAlias = tuple[str | int, ...]
"""Where a row stands in its list."""


class Known(Struct, Generic[T], frozen=True):
    """A function for a value that is in hand; who knows this class need not await it."""

    value: T

    async def __call__(self) -> T:
        """Return the value."""
        return self.value


def known(value: T) -> Known[T]:
    """Return a function for a value that is in hand."""
    return Known(value)


_UNKNOWN: Known[int | None] = Known(None)
_NO = Known(value=False)


class Listing(Struct, Generic[T], frozen=True):
    """Rows of one page and what is known of the list around them."""

    items: Sequence[T]
    position: Callable[[int], Position]
    """Where the row with this index stands."""
    has_next: Callable[[], Awaitable[bool]] = _NO
    has_previous: bool = False
    count: Callable[[], Awaitable[int | None]] = _UNKNOWN
    end: Position | None = None
    """Where to go on from; the last row's position unless the walk stopped further on."""
    incomplete_reason: str | None = None
    """Why rows may be missing from this page; None when none is."""

    def counted_by(self, count: Callable[[], Awaitable[int | None]]) -> "Listing[T]":
        """Return the same page with another way to count its list."""
        return structs.replace(self, count=count)

    def map(self, change: Callable[[T], U]) -> "Listing[U]":
        """Return the same page with each row changed."""
        return Listing(
            [change(row) for row in self.items],
            self.position,
            self.has_next,
            self.has_previous,
            self.count,
            self.end,
            self.incomplete_reason,
        )


def row_numbers(after: Position, length: int) -> tuple[int, ...]:
    """Return a position that is made of so many row or page numbers.

    Raises InvalidCursor for any other: a cursor's digest is no secret, so its content may be made
    up.
    """
    numbers = tuple(part for part in after if isinstance(part, int) and part >= 0)
    if len(numbers) != length or len(after) != length:
        raise InvalidCursor
    return numbers


def paged(
    found: Sequence[T | BaseException],
    wanted: Sequence[W],
    cut: Callable[[T, W], Listing[U]],
) -> list[Listing[U] | BaseException]:
    """Return a page of each list that was found, each failure in its page's place."""
    pages: list[Listing[U] | BaseException] = []
    for rows, want in zip(found, wanted, strict=True):
        if isinstance(rows, BaseException):
            pages.append(rows)
            continue
        try:
            pages.append(cut(rows, want))
        except InvalidCursor as error:
            pages.append(error)
    return pages


def slice_after(
    rows: Sequence[T],
    key: Callable[[T], str],
    first: int,
    after: Position | None,
    incomplete_reason: str | None = None,
) -> Listing[T]:
    """Return the page of a list that is wholly in hand.

    The position is the row's index and key: if the row is no longer where it was, it is searched;
    if it is gone, its old index tells where to go on. Raises InvalidCursor.
    """
    start = 0 if after is None else _resume(rows, key, after)
    page = rows[start : start + first]
    return Listing(
        items=page,
        position=lambda index: (start + index, str(key(page[index]))),
        has_next=Known(start + len(page) < len(rows)),
        has_previous=start > 0,
        count=Known(None if incomplete_reason else len(rows)),
        incomplete_reason=incomplete_reason,
    )


def _resume(rows: Sequence[T], key: Callable[[T], str], after: Position) -> int:
    if len(after) != 2:  # noqa: PLR2004  index and key, as made above
        raise InvalidCursor
    (index,), wanted = row_numbers(after[:1], 1), str(after[1])
    if index < len(rows) and key(rows[index]) == wanted:
        return index + 1
    for other, row in enumerate(rows):
        if key(row) == wanted:
            return other + 1
    return min(index, len(rows))
