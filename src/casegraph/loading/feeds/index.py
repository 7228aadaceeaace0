"""The rows of a feed in memory, by id and by case.

Whatever was read last is what holds: reads are made one after the other, so a later answer is never
older than an earlier one, while an upstream's own times may go back when its clock is set.
Beside a row 163 bytes are held of it, with two rows a case. With a set of them, and with all that
is told of a row, its place among the others too, which is wanted once, they were 355 (tracemalloc).
Invariant: each id stands under exactly one case; counts and bytes are those of the rows held.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Generic

import msgspec

from casegraph.loading.feeds.bounds import Row


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a feed must know of a row.

    `changed_at` is the time by which the upstream lists it among its changes, None where it cannot
    be read; `order` is its place among the rows of its case. `shows_changes` is False for a row
    whose later changes might not be listed.
    """

    row_id: str
    case_id: str
    changed_at: datetime | None
    order: Any
    shows_changes: bool = True


Describe = Callable[[Row], Facts]


class _Held(msgspec.Struct, Generic[Row], frozen=True, gc=False):
    row: Row
    case_id: str
    changed_at: datetime | None
    size: int
    shows_changes: bool


class _Collected(_Held[Row], frozen=True, gc=True):
    """Of a row that holds an error: by its traceback it may lead back here (`Record`)."""


class Index(Generic[Row]):
    """Rows by id and by case."""

    def __init__(self, describe: Describe[Row], size: Callable[[Row], int]) -> None:
        self._describe = describe
        self._size = size
        self._rows: dict[str, _Held[Row]] = {}
        self._cases: dict[str, list[str]] = {}
        self._in_order: dict[str, tuple[Row, ...] | None] = {}
        """What `of` has returned of these cases, which have not changed since."""
        self.bytes = 0

    def __len__(self) -> int:
        """Return how many rows are held."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Return all rows."""
        return (held.row for held in self._rows.values())

    def put(self, rows: Iterable[Row]) -> int:
        """Take rows over those held before; returns how many of them were not held."""
        known = len(self._rows)
        for row in rows:
            facts = self._describe(row)
            held = self._rows.get(facts.row_id)
            if held is not None and held.row == row:
                continue  # the same object goes on being shared
            self._put(row, facts, held)
        return len(self._rows) - known

    def of(self, case_id: str) -> tuple[Row, ...] | None:
        """Return the rows of a case in order; None where the feed may have missed changes."""
        if case_id not in self._cases:
            return ()
        if case_id not in self._in_order:
            self._in_order[case_id] = self._sorted(case_id)
        return self._in_order[case_id]

    def _sorted(self, case_id: str) -> tuple[Row, ...] | None:
        held = [self._rows[row_id] for row_id in self._cases[case_id]]
        if not all(each.shows_changes for each in held):
            return None
        rows = [each.row for each in held]
        if len(rows) > 1:
            rows.sort(key=lambda row: self._describe(row).order)
        return tuple(rows)

    def forget_case(self, case_id: str) -> tuple[str, ...]:
        """Drop the rows of a case and return their ids."""
        gone = tuple(self._cases.get(case_id, ()))
        if gone:
            self._remove(case_id, set(gone))
        return gone

    def remove(self, row_ids: Iterable[str]) -> None:
        """Drop rows by id, as far as they are held."""
        gone: dict[str, set[str]] = {}
        for row_id in row_ids:
            held = self._rows.get(row_id)
            if held is not None:
                gone.setdefault(held.case_id, set()).add(row_id)
        for case_id, its in gone.items():
            self._remove(case_id, its)

    def by_id(self) -> Mapping[str, Row]:
        """Return a copy of all rows by id."""
        return {row_id: held.row for row_id, held in self._rows.items()}

    def missing(self, rows: Mapping[str, Row]) -> list[Row]:
        """Return those of the rows, by id, that are not the very objects that are held."""
        return [row for row_id, row in rows.items() if not self._is_held(row_id, row)]

    def times(self) -> list[datetime]:
        """Return the times of all rows that have one, oldest first."""
        times = (held.changed_at for held in self._rows.values())
        return sorted(time for time in times if time is not None)

    def before(self, moment: datetime) -> tuple[str, ...]:
        """Return the ids of rows last changed before a moment."""
        return tuple(
            row_id
            for row_id, held in self._rows.items()
            if held.changed_at is not None and held.changed_at < moment
        )

    def _put(self, row: Row, facts: Facts, held: _Held[Row] | None) -> None:
        row_id, case_id, size = facts.row_id, facts.case_id, self._size(row)
        if held is not None and held.case_id == case_id:
            self.bytes -= held.size  # its place in the case's list stays, which may be a long one
        else:
            if held is not None:
                self._remove(held.case_id, {row_id})
            self._cases.setdefault(case_id, []).append(row_id)
        kind = _Collected if gc.is_tracked(row) else _Held
        self._rows[row_id] = kind(row, case_id, facts.changed_at, size, facts.shows_changes)
        self._in_order.pop(case_id, None)
        self.bytes += size

    def _remove(self, case_id: str, gone: set[str]) -> None:
        """Drop some of a case's rows; its list is made anew once, for it may be a long one."""
        for row_id in gone:
            self.bytes -= self._rows.pop(row_id).size
        self._in_order.pop(case_id, None)
        left = [row_id for row_id in self._cases[case_id] if row_id not in gone]
        if left:
            self._cases[case_id] = left
        else:
            del self._cases[case_id]

    def _is_held(self, row_id: str, row: Row) -> bool:
        held = self._rows.get(row_id)
        return held is not None and held.row is row
