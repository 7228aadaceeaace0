"""Cases and notes as one request reads them.

A case that came with a list serves its back-links too; its details are asked only when somebody
selects a field that the list left out. Notes of a case come in one call whatever page of them is
asked, so the page is cut here.
Invariant: a key that does not exist is None, a key that could not be asked is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.case_filter import CaseConditions
from casegraph.loading.listing import Listing, Position, known, slice_after
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CASE_PAGE_MAX, NOTE_PAGE_MAX, CaseQuery
from casegraph.upstreams.action_management.records import Case, Note, NotePage

WALK_PAGES = 20
"""Most pages that one answer walks to filter a list (reliability default)."""

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

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._cases: Loader[CaseKey, Case | None] = Loader(one_by_one(self._ask_case))
        self._details: Loader[CaseKey, Case | None] = Loader(one_by_one(self._ask_details))
        self._notes: Loader[CaseKey, tuple[Note, ...]] = Loader(one_by_one(self._ask_notes))
        self._note: Loader[NoteKey, Note | None] = Loader(one_by_one(self._ask_note))

    async def case(self, key: CaseKey) -> Case | None:
        """Return a case in whatever form is in hand, or ask for it."""
        return await self._cases.load(key)

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
        offset = 0 if after is None else int(after[0])
        if conditions is None:
            return await self._plain_page(hub_id, replace(query, skip=offset))
        return await self._walk(hub_id, query, conditions, offset)

    async def _plain_page(self, hub_id: str, query: CaseQuery) -> Listing[Case]:
        page = await self._sources.action_management.case_query(hub_id, query)
        self._take(page.items)
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
        """Read the list page by page until enough cases pass, it ends, or the bound is met."""
        client = self._sources.action_management
        found: list[Case] = []
        positions: list[Position] = []
        seen: set[str] = set()
        here = offset
        for _ in range(WALK_PAGES):
            page = await client.case_query(hub_id, replace(query, top=CASE_PAGE_MAX, skip=here))
            for case in page.items:
                here += 1
                if query.order_by == "dateCreated" and conditions.past_end(
                    case, ascending=query.ascending
                ):
                    return _filtered(found, positions, offset, more=False)
                if case.case_id in seen or not conditions.hold_for(case):
                    continue
                if len(found) == query.top:
                    return _filtered(found, positions, offset, more=True)
                seen.add(case.case_id)
                found.append(case)
                positions.append((here,))
                self._take((case,))
            if not page.items or here >= page.total_count:
                return _filtered(found, positions, offset, more=False)
        reason = f"stopped after {WALK_PAGES} pages of {CASE_PAGE_MAX} cases; go on from endCursor"
        return replace(
            _filtered(found, positions, offset, more=True), end=(here,), incomplete_reason=reason
        )

    async def note_list(
        self, hub_id: str, window: NoteWindow, first: int, after: Position | None
    ) -> Listing[Note]:
        """Return a page of a hub's notes, in the order in which they were last changed.

        A page starts at the time of the last row of the page before, never at a row number: a note
        edited meanwhile moves to the end and would shift every row after it.
        """
        start = window.start
        if start is None and window.end is None:
            start = EARLIEST
        if after is None:
            return await self._notes_from(hub_id, replace(window, start=start), first, None)
        moved = replace(window, start=datetime.fromisoformat(str(after[0])))
        listing = await self._notes_from(hub_id, moved, first, after)
        return replace(listing, count=lambda: self._note_count(hub_id, window, start))

    async def _notes_from(
        self, hub_id: str, window: NoteWindow, first: int, after: Position | None
    ) -> Listing[Note]:
        done = set(after[1:]) if after is not None else set()
        fresh: list[Note] = []
        skip = 0
        total: int | None = None
        for _ in range(WALK_PAGES):
            page = await self._note_page(
                hub_id, window, min(first + len(done), NOTE_PAGE_MAX), skip
            )
            total = page.total_count if total is None else total
            skip += len(page.items)
            for note in page.items:
                if note.note_id not in done and len(fresh) <= first:
                    done.add(note.note_id)
                    fresh.append(note)
            more = bool(page.items) and (page.total_count is None or skip < page.total_count)
            if len(fresh) >= first or not more:
                break
        rows = fresh[:first]
        return Listing(
            items=rows,
            position=lambda index: _note_position(rows, index, after),
            has_next=known(len(fresh) > first or more),
            has_previous=after is not None,
            count=known(total),
        )

    async def _note_page(self, hub_id: str, window: NoteWindow, top: int, skip: int) -> NotePage:
        start, end = window.start, window.end
        if start is not None and end is not None and not start < end:
            return NotePage((), 0)
        client = self._sources.action_management
        return await client.hub_notes(hub_id, start=start, end=end, top=top, skip=skip)

    async def _note_count(
        self, hub_id: str, window: NoteWindow, start: datetime | None
    ) -> int | None:
        page = await self._note_page(hub_id, replace(window, start=start), 1, 0)
        return page.total_count

    def _take(self, cases: Sequence[Case]) -> None:
        for case in cases:
            self._cases.prime(CaseKey(case.hub_id, str(case.case_id)), case)

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


def _filtered(
    found: list[Case], positions: list[Position], offset: int, *, more: bool
) -> Listing[Case]:
    complete = offset == 0 and not more
    return Listing(
        items=found,
        position=positions.__getitem__,
        has_next=known(more),
        has_previous=offset > 0,
        count=known(len(found) if complete else None),
    )


def _age(note: Note) -> tuple[datetime, int, str]:
    created = note.created_at if isinstance(note.created_at, datetime) else EARLIEST
    return (created, len(note.note_id), note.note_id)


def _effective(note: Note) -> datetime:
    """Return when a note last changed; system notes have only the time they were made (Q8)."""
    for moment in (note.updated_at, note.created_at):
        if isinstance(moment, datetime):
            return moment
    return EARLIEST


def _note_position(rows: Sequence[Note], index: int, after: Position | None) -> Position:
    """Return the row's time and the ids that were given out already from that time on."""
    time = _effective(rows[index])
    given = [str(row.note_id) for row in rows[: index + 1] if _effective(row) >= time]
    earlier = after[1:] if after is not None and str(after[0]) >= time.isoformat() else ()
    return (time.isoformat(), *dict.fromkeys((*map(str, earlier), *given)))
