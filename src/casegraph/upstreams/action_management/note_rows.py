"""A page of a hub's notes as rows that are read only when somebody wants them.

Who reads a hub to find the notes of a few cases throws nearly all of it away. So a page is gone
through for keys and times alone, which takes a quarter of reading it (0.8 µs a row, not 3.3:
tests/bench/decode_cost.py), and a row stays the bytes it came in until it is asked for.
Invariants: a row's keys and time are those that its note would have; a page that breaks its
contract in one of them is as good as one read whole. What is wrong elsewhere in a row shows when
the row is read, as a violation in the place of the value, and costs nobody who does not ask for it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct, field

from casegraph.upstreams.action_management.records import Note, NotePage
from casegraph.upstreams.decode import UNREAD, Shape, Where, moment

_Key = Annotated[str, Meta(min_length=1)] | int


class NoteRow(Struct, gc=False):
    """One row of a page: its keys, the texts of its times, and its bytes."""

    note_id: _Key = field(name="id")
    case_id: _Key = field(name="caseId")
    created_text: str | None = field(name="dateCreated", default=None)
    updated_text: str | None = field(name="dateModified", default=None)
    raw: Raw = Raw()

    def __eq__(self, other: object) -> bool:
        """Say whether both were sent as the same note, in whatever order and spelling."""
        if not isinstance(other, NoteRow):
            return NotImplemented
        return bytes(self.raw) == bytes(other.raw) or _is_same_note(self.raw, other.raw)

    __hash__ = None  # type: ignore[assignment]  # equal rows may differ in every field

    def changed_at(self) -> datetime | None:
        """Return the last time at which it says that it changed; None where none can be read."""
        for text in (self.updated_text, self.created_text):
            if text is not None:
                try:
                    return moment(text)
                except (ValueError, OverflowError):
                    continue
        return None


class NoteRows(Struct):
    """One page of a hub's notes, unread."""

    items: tuple[NoteRow, ...]
    total_count: int | None = field(name="totalCount", default=None)


class _RawItems(Struct):
    """The same page, its rows as bytes."""

    items: list[Raw]


_NOTE = Shape[Note](Note)
_PAGE = Shape[NotePage](NotePage)
_keys = msgspec.json.Decoder(NoteRows)
_raws = msgspec.json.Decoder(_RawItems)


def rows_of(body: bytes, where: Where) -> NoteRows:
    """Return a page's rows; raises ContractViolation where reading it whole would."""
    try:
        page = _keys.decode(body)
    except UNREAD:
        page = _from_whole(_PAGE.read(body, where))
    for row, raw in zip(page.items, _raws.decode(body).items, strict=True):
        row.raw = raw
    return page


def read_rows(rows: Iterable[NoteRow], hub_id: str, where: Where) -> tuple[Note, ...]:
    """Return rows as the notes of a hub; raises ContractViolation for one that cannot be read."""
    return _stamped(
        [_NOTE.read(row.raw, where, f"$.items[{index}]") for index, row in enumerate(rows)], hub_id
    )


def read_rows_strictly(rows: Iterable[NoteRow], hub_id: str) -> tuple[Note, ...]:
    """Return the same in fewer steps; raises one of `UNREAD` if anything does not fit."""
    return _stamped([_NOTE.read_strictly(row.raw) for row in rows], hub_id)


def _stamped(notes: list[Note], hub_id: str) -> tuple[Note, ...]:
    for note in notes:
        msgspec.structs.force_setattr(note, "hub_id", hub_id)
    return tuple(notes)


def _from_whole(page: NotePage) -> NoteRows:
    rows = (
        NoteRow(note.note_id, note.case_id, _text(note.created_at), _text(note.updated_at))
        for note in page.items
    )
    total = page.total_count if isinstance(page.total_count, int) else None
    return NoteRows(tuple(rows), total)


def _text(time: Any) -> str | None:
    """Return a time that could be read as text again."""
    return time.isoformat() if isinstance(time, datetime) else None


def _is_same_note(one: Raw, other: Raw) -> bool:
    try:
        return _NOTE.read_strictly(one) == _NOTE.read_strictly(other)
    except UNREAD:
        return False  # as records are unequal that hold an error
