"""Cases and notes as one request reads them.

A case that came with a list serves its back-links too; its details are asked only when somebody
selects a field that the list left out. Notes of a case come in one call whatever page of them is
asked, so the page is cut here.
Invariant: a key that does not exist is None, a key that could not be asked is an error.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from casegraph.errors import InvalidCursor, UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.case_filter import WALK_PAGES, CaseConditions, Passes, Place, scan
from casegraph.loading.listing import Listing, Position, known, row_numbers, slice_after
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CASE_PAGE_MAX, NOTE_PAGE_MAX, CaseQuery
from casegraph.upstreams.action_management.records import Case, CasePage, Note, NotePage

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Start of a window without one: the vendor asks for at least one bound (contract §4.5)."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """One note of one case."""

    case: CaseKey
    note_id: str


@dataclass(frozen=True, slots=True)
class NoteWindow:
    """Notes of a hub by the time they were last changed, both bounds inclusive."""

    start: datetime | None
    end: datetime | None


class CaseReads:
    """What one request reads of Action Management."""

    def __init__(self, sources: Sources, has_program: Callable[[str], Awaitable[bool]]) -> None:
        self._sources = sources
        self._has_program = has_program
        self._cases: Loader[CaseKey, Case | None] = Loader(one_by_one(self._ask_case))
        self._details: Loader[CaseKey, Case | None] = Loader(one_by_one(self._ask_details))
        self._notes: Loader[CaseKey, tuple[Note, ...]] = Loader(one_by_one(self._ask_notes))
        self._note: Loader[NoteKey, Note | None] = Loader(one_by_one(self._ask_note))
        self._case_pages: Loader[_CasePageKey, CasePage] = Loader(one_by_one(self._ask_case_page))
        self._note_pages: Loader[_NotePageKey, NotePage] = Loader(one_by_one(self._ask_note_page))

    async def case(self, key: CaseKey) -> Case | None:
        """Return a case in whatever form is in hand, or ask for it."""
        return await self._cases.load(key)

    async def case_by_id(self, key: CaseKey) -> Case | None:
        """Return a case that a client named; None where its hub has none by this id.

        Raises UpstreamNotFound when it is the hub that is missing: the vendor answers both alike.
        Links use `case`, because they try hubs that need not hold the case.
        """
        case = await self._cases.load(key)
        if case is None and not await self._has_program(key.hub_id):
            what = "no such hub, or it has no program"
            raise UpstreamNotFound("action_management", "case", what)
        return case

    async def details(self, key: CaseKey) -> Case | None:
        """Return a case with the fields that lists leave out."""
        return await self._details.load(key)

    async def note(self, key: NoteKey) -> Note | None:
        """Return one note."""
        return await self._note.load(key)

    async def notes(
        self, key: CaseKey, first: int, after: Position | None, *, include_system: bool
    ) -> Listing[Note]:
        """Return a page of a case's notes, oldest first."""
        notes = await self._notes.load(key)
        if not include_system:
            notes = tuple(note for note in notes if note.is_system_generated is not True)
        return slice_after(notes, lambda note: note.note_id, first, after)

    async def case_list(
        self,
        hub_id: str,
        query: CaseQuery,
        conditions: CaseConditions | None,
        after: Position | None,
    ) -> Listing[Case]:
        """Return a page of a hub's cases; `query.top` rows at most, `query.skip` is not used."""
        offset = 0 if after is None else row_numbers(after, 1)[0]
        if conditions is None:
            return await self._plain_page(hub_id, replace(query, skip=offset))
        if not conditions.can_hold:
            return slice_after((), lambda case: str(case.case_id), query.top, None)
        return await self._walk(hub_id, query, conditions, offset)

    async def _plain_page(self, hub_id: str, query: CaseQuery) -> Listing[Case]:
        page = await self._case_page(hub_id, query)
        end = query.skip + len(page.items)
        return Listing(
            items=page.items,
            position=lambda index: (query.skip + index + 1,),
            has_next=known(bool(page.items) and end < page.total_count),
            has_previous=query.skip > 0,
            count=known(page.total_count),
        )

    async def _walk(
        self, hub_id: str, query: CaseQuery, conditions: CaseConditions, offset: int
    ) -> Listing[Case]:
        """Read the list page by page until enough cases pass, it ends, or the bound is met.

        Whether another case would pass may cost as many pages again, so that is left to be asked.
        """

        async def read(skip: int) -> CasePage:
            return await self._case_page(hub_id, replace(query, top=CASE_PAGE_MAX, skip=skip))

        # The vendor's own order is by creation, newest first (contract §4.1).
        ordered = query.order_by in {None, "dateCreated"}
        passes = Passes(conditions, ordered, query.ascending)
        walk = await scan(read, passes, Place(offset), query.top)

        async def has_next() -> bool:
            if walk.ended:
                return False
            ahead = await scan(read, passes, walk.place, 1, walk.ids())
            return bool(ahead.found) or not ahead.ended

        cut = not walk.ended and len(walk.found) < query.top
        reason = f"stopped after {WALK_PAGES} pages of {CASE_PAGE_MAX} cases; go on from endCursor"
        return Listing(
            items=[case for case, _ in walk.found],
            position=lambda index: (walk.found[index][1],),
            has_next=has_next,
            has_previous=offset > 0,
            count=known(len(walk.found) if offset == 0 and walk.ended else None),
            end=(walk.place.row,) if cut else None,
            incomplete_reason=reason if cut else None,
        )

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
        return replace(listing, count=lambda: self._note_count(hub_id, whole))

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

    async def _case_page(self, hub_id: str, query: CaseQuery) -> CasePage:
        body = msgspec.json.encode(query.body(), order="deterministic")
        return await self._case_pages.load(_CasePageKey(hub_id, body, query))

    def _take(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._cases.prime(CaseKey(case.hub_id, str(case.case_id)), case)

    async def _ask_case_page(self, key: "_CasePageKey") -> CasePage:
        page = await self._sources.action_management.case_query(key.hub_id, key.query)
        self._take(page.items)
        return page

    async def _ask_note_page(self, key: "_NotePageKey") -> NotePage:
        client = self._sources.action_management
        return await client.hub_notes(
            key.hub_id, start=key.start, end=key.end, top=key.top, skip=key.skip
        )

    async def _ask_case(self, key: CaseKey) -> Case | None:
        return await self._details.load(key)

    async def _ask_details(self, key: CaseKey) -> Case | None:
        try:
            return await self._sources.action_management.case(key.hub_id, key.case_id)
        except UpstreamNotFound:
            return None

    async def _ask_notes(self, key: CaseKey) -> tuple[Note, ...]:
        try:
            notes = await self._sources.action_management.case_notes(key.hub_id, key.case_id)
        except UpstreamNotFound:
            return ()
        return tuple(sorted(notes, key=_age))

    async def _ask_note(self, key: NoteKey) -> Note | None:
        client = self._sources.action_management
        try:
            return await client.case_note(key.case.hub_id, key.case.case_id, key.note_id)
        except UpstreamNotFound:
            return None


def _age(note: Note) -> tuple[datetime, int, str]:
    created = note.created_at if isinstance(note.created_at, datetime) else EARLIEST
    return (created, len(note.note_id), note.note_id)


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
class _CasePageKey:
    """One page of a case list, told apart by what is asked."""

    hub_id: str
    body: bytes
    query: CaseQuery = field(compare=False)


@dataclass(frozen=True, slots=True)
class _NotePageKey:
    """One page of a hub's notes."""

    hub_id: str
    start: datetime | None
    end: datetime | None
    top: int
    skip: int
