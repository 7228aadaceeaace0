"""The notes of a hub in the order in which they were last changed, page by page.

A page starts at the time of the last row of the page before, never at a row number: a note that is
edited meanwhile moves to the end and would shift every row after it.
Invariant: no note that stands still is missed or comes twice; one that was edited after it was
given out comes again, as it is then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from casegraph.errors import InvalidCursor
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_filter import WALK_PAGES
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import What
from casegraph.loading.listing import Listing, Position, known
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import NOTE_PAGE_MAX
from casegraph.upstreams.action_management.records import Note, NotePage
from casegraph.upstreams.decode import Shape, encode

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Start of a window without one: the vendor asks for at least one bound (contract §4.5)."""

NOTE_PAGE: What[NotePage] = What(
    "action_management",
    Kind.NOTES,
    "hub_notes",
    encode,
    Shape[NotePage](NotePage).read_strictly,
    lambda page: page.items,
)


@dataclass(frozen=True, slots=True)
class NoteWindow:
    """Notes of a hub by the time they were last changed, both bounds inclusive."""

    start: datetime | None
    end: datetime | None


class HubNotes:
    """What one request reads of hubs' notes."""

    def __init__(self, sources: Sources, access: Access, asking: Asking) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking

    @made_once
    def _note_pages(self) -> "Loader[_NotePageKey, NotePage]":
        return Loader(one_by_one(self._ask_note_page))

    async def note_list(
        self, hub_id: str, window: NoteWindow, first: int, after: Position | None
    ) -> Listing[Note]:
        """Return a page of a hub's notes, in the order in which they were last changed.

        A page starts at the time of the last row of the page before, never at a row number: a note
        edited meanwhile moves to the end and would shift every row after it. So no note is missed,
        and one that was edited after it was given out comes again, as it is then.
        """
        start = window.start
        if start is None and window.end is None:
            start = EARLIEST
        whole = replace(window, start=start)
        if after is None:
            return await self._notes_from(hub_id, whole, first, None)
        mark = _NoteMark.read(after)
        listing = await self._notes_from(hub_id, replace(window, start=mark.time), first, mark)
        return listing.counted_by(lambda: self._note_count(hub_id, whole))

    async def _notes_from(
        self, hub_id: str, window: NoteWindow, first: int, mark: "_NoteMark | None"
    ) -> Listing[Note]:
        given = frozenset[str]() if mark is None else frozenset(mark.ids)
        top = min(first + len(given), NOTE_PAGE_MAX)
        notes: dict[str, Note] = {}
        skip = 0
        total: int | None = None
        for _ in range(WALK_PAGES):
            page = await self._note_page(hub_id, window, top, skip)
            total = page.total_count if total is None else total
            skip += len(page.items)
            for note in page.items:
                notes.setdefault(note.note_id, note)
            more = bool(page.items) and (page.total_count is None or skip < page.total_count)
            if len(notes.keys() - given) >= first or not more:
                break
        rows = _in_time_order(notes.values(), window)
        if len(rows) < len(notes):
            more = False  # what was dropped lies behind the window's end, and all that follows too
        done: list[_TimedNote] = []
        fresh: list[_TimedNote] = []
        for row in rows:
            was_given = mark is not None and row.note.note_id in given and mark.covers(row)
            (done if was_given else fresh).append(row)
        return Listing(
            items=[row.note for row in fresh[:first]],
            position=lambda index: _NoteMark.of([*done, *fresh[: index + 1]], mark).position(),
            has_next=known(len(fresh) > first or more),
            has_previous=mark is not None,
            count=known(total),
        )

    async def _note_page(self, hub_id: str, window: NoteWindow, top: int, skip: int) -> NotePage:
        start, end = window.start, window.end
        if start is not None and end is not None and not start < end:
            # A walk has come to the window's last moment, and the vendor refuses a window of one.
            end = start + timedelta(microseconds=1)
        return await self._note_pages.load(_NotePageKey(hub_id, start, end, top, skip))

    async def _note_count(self, hub_id: str, window: NoteWindow) -> int | None:
        page = await self._note_page(hub_id, window, 1, 0)
        return page.total_count

    async def _ask_note_page(self, key: "_NotePageKey") -> NotePage:
        client = self._sources.action_management

        async def fetch() -> NotePage:
            return await client.hub_notes(
                key.hub_id, start=key.start, end=key.end, top=key.top, skip=key.skip
            )

        parts = (key.hub_id, _text(key.start), _text(key.end), str(key.top), str(key.skip))
        return await self._access.kept.read(NOTE_PAGE, parts, fetch, self._asking)


def _text(moment: datetime | None) -> str:
    return "open" if moment is None else moment.isoformat()


class _TimedNote(NamedTuple):
    """A note and when it last changed; `is_sure` is False where that could not be read."""

    time: datetime
    note: Note
    is_sure: bool


def _in_time_order(notes: Iterable[Note], window: NoteWindow) -> list[_TimedNote]:
    """Return the notes of a window by time and id: the vendor's own order is not strict (Q7).

    System notes have only the time they were made (Q8). A note without a readable time stands with
    the one before it.
    """
    latest = floor = window.start or EARLIEST
    timed: list[_TimedNote] = []
    for note in notes:
        time = next(
            (t for t in (note.updated_at, note.created_at) if isinstance(t, datetime)), None
        )
        timed.append(_TimedNote(max(time or latest, floor), note, time is not None))
        latest = max(latest, timed[-1].time)
    timed.sort(key=lambda each: (each.time, len(each.note.note_id), each.note.note_id))
    end = window.end
    if end is not None and window.start is not None and not window.start < end:
        # Asked for a little more than the window, see _note_page.
        timed = [each for each in timed if each.time <= end]
    return timed


@dataclass(frozen=True, slots=True)
class _NoteMark:
    """How far a walk has come: a time, and the notes given out that may be seen again from there.

    Those are the notes of just that time, and such as have no readable time of their own.
    """

    time: datetime
    ids: tuple[str, ...]

    @classmethod
    def of(cls, rows: Sequence[_TimedNote], before: "_NoteMark | None") -> "_NoteMark":
        """Return the mark after the last of these rows, which were all given out."""
        time = rows[-1].time
        earlier = before.ids if before is not None and before.time == time else ()
        here = (str(row.note.note_id) for row in rows if row.time == time or not row.is_sure)
        return cls(time, tuple(dict.fromkeys((*earlier, *here))))

    def covers(self, row: _TimedNote) -> bool:
        """Return whether a note of these ids stands where it did; if not, it was changed since."""
        return row.time == self.time or not row.is_sure

    @classmethod
    def read(cls, position: Position) -> "_NoteMark":
        """Return the mark of a position; raises InvalidCursor."""
        try:
            time = datetime.fromisoformat(str(position[0]))
        except (IndexError, ValueError):
            raise InvalidCursor from None
        if time.tzinfo is None:
            raise InvalidCursor
        return cls(time, tuple(map(str, position[1:])))

    def position(self) -> Position:
        """Return the mark as a position; numbers are shorter than their digits in quotes."""
        return (self.time.isoformat(), *(int(i) if _is_number(i) else i for i in self.ids))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0") and len(text) < 19  # noqa: PLR2004  int64


@dataclass(frozen=True, slots=True)
class _NotePageKey:
    """One page of a hub's notes."""

    hub_id: str
    start: datetime | None
    end: datetime | None
    top: int
    skip: int
