"""Notes of cases as one request reads them.

All notes of a case come in one call whatever page of them is asked, so the page is cut here. Which
calls bring those of many cases is chosen in `access`, all keys of a hub at once.
Invariant: a case that does not exist has no notes, one that could not be asked is an error.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.ahead import Link, look_ahead
from casegraph.loading.access.by_feed import FeedRead, read_at_once, read_by_feed
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.each import Results
from casegraph.loading.access.per_hub import by_hub
from casegraph.loading.access.planning import Access
from casegraph.loading.access.sweeps import notes_of
from casegraph.loading.asking import Asking
from casegraph.loading.feeds.bounds import FeedKey
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import Kind
from casegraph.loading.hub_notes import EARLIEST
from casegraph.loading.kept import What
from casegraph.loading.listing import Listing, Position, paged, slice_after
from casegraph.loading.loader import Loader
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.transport.allowance import reserving
from casegraph.upstreams.action_management.records import Note
from casegraph.upstreams.decode import Shape, encode
from casegraph.upstreams.paths import int32

NOTES: What[tuple[Note, ...] | None] = What(
    "action_management",
    Kind.NOTES,
    "case_notes",
    encode,
    Shape[tuple[Note, ...] | None](tuple[Note, ...]).read_strictly,
    lambda notes: notes or (),
)

_LINK = Link(NeedKind.NOTES, "action_management", Kind.NOTES, "case_notes", "hub_notes")

Opened = Callable[[CaseKey], datetime | None]
"""Tells when a case was opened, as far as that is in hand."""


class NoteReads:
    """What one request reads of cases' notes."""

    def __init__(self, sources: Sources, access: Access, asking: Asking, opened: Opened) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking
        self._opened = opened
        self._began = access.kept.now()
        self._ahead: dict[str, Boarding | None] = {}
        """What was begun for the notes of a hub before its cases were there."""
        self._there: dict[CaseKey, tuple[Note, ...]] = {}
        """What is in hand and in no loader yet: few who have it ask for it again."""

    @made_once
    def _notes(self) -> Loader[CaseKey, tuple[Note, ...]]:
        return Loader(self._ask_notes)

    async def of_cases(
        self,
        wanted: Sequence[tuple[CaseKey, Position | None]],
        first: int,
        *,
        include_system: bool,
        alone: bool = False,
    ) -> list[Listing[Note] | BaseException]:
        """Return a page of the notes of each case, or why it has none.

        `alone` says that the request wants those of no other case just now.
        """
        for key, notes in self._there.items():
            self._notes.prime(key, notes)
        self._there.clear()
        keys = [key for key, _ in wanted]
        found = await self._notes.load_many(keys, alone=alone)
        return _pages(found, wanted, first, include_system)

    def of_cases_at_once(
        self, wanted: Sequence[tuple[CaseKey, Position | None]], first: int, *, include_system: bool
    ) -> list[Listing[Note] | BaseException] | None:
        """Return the same where nothing has to be waited for; None elsewhere."""
        keys = [key for key, _ in wanted]
        found = self._at_once(keys[0].hub_id, keys) if keys else []
        return None if found is None else _pages(found, wanted, first, include_system)

    def _at_once(self, hub_id: str, keys: Sequence[CaseKey]) -> list[tuple[Note, ...]] | None:
        ahead = self._ahead.get(hub_id)
        if ahead is None or any(key.hub_id != hub_id for key in keys):
            return None
        read, feed = self._read_of(hub_id), self._feed_of(hub_id)
        found = read_at_once(self._access, self._asking, read, feed, keys, ahead)
        if found is None:
            return None
        self._ahead[hub_id] = None
        notes = [found[key] or () for key in keys]
        self._there.update(zip(keys, notes, strict=True))
        return notes

    def look_ahead(self, hub_id: str, cases: int, meanwhile: str) -> None:
        """Begin what so many cases of a hub will need whose notes are going to be asked for.

        They themselves are asked for `meanwhile`, by an operation of that name.
        """
        feeds, asking = self._access.feeds, self._asking
        if feeds is not None and hub_id not in self._ahead:
            feed = feeds.notes_at_hand(asking.scope, hub_id)
            ahead = look_ahead(self._access, asking, _LINK, feed, cases, meanwhile)
            self._ahead[hub_id] = ahead

    def leave(self) -> None:
        """Wait no more for what was begun ahead."""
        for boarding in self._ahead.values():
            if boarding is not None:
                boarding.leave()
        self._ahead.clear()

    @reserving
    @by_hub
    async def _ask_notes(
        self, hub_id: str, keys: Sequence[CaseKey]
    ) -> Results[CaseKey, tuple[Note, ...]]:
        read, feed = self._read_of(hub_id), self._feed_of(hub_id)
        ahead, self._ahead[hub_id] = self._ahead.get(hub_id), None
        found = await read_by_feed(self._access, self._asking, read, feed, keys, ahead)
        return {key: () if value is None else value for key, value in found.items()}

    def _read_of(self, hub_id: str) -> FeedRead[CaseKey, Note, tuple[Note, ...] | None]:
        return FeedRead(
            need=_LINK.need,
            what=NOTES,
            operation=_LINK.operation,
            page_operation=_LINK.page_operation,
            feed_key=lambda key: FeedKey(int32("caseId", key.case_id), self._opened(key)),
            parts=lambda key: (key.hub_id, key.case_id),
            fetch=self._notes_of,
            value=lambda notes: tuple(sorted(notes, key=_age)),
            since=self._began,
            swept=lambda: notes_of(
                self._sources, self._asking.scope, hub_id, self._access.kept.now
            ),
        )

    def _feed_of(self, hub_id: str) -> Feed[Note] | None:
        feeds = self._access.feeds
        return None if feeds is None else feeds.notes(self._asking.scope, hub_id)

    async def _notes_of(self, key: CaseKey) -> tuple[Note, ...] | None:
        client = self._sources.action_management
        try:
            notes = await client.case_notes(key.hub_id, key.case_id)
        except UpstreamNotFound:
            return None
        return tuple(sorted(notes, key=_age))


def _pages(
    found: Sequence[tuple[Note, ...] | BaseException],
    wanted: Sequence[tuple[CaseKey, Position | None]],
    first: int,
    include_system: bool,
) -> list[Listing[Note] | BaseException]:
    return paged(
        found, wanted, lambda notes, each: _note_page(notes, first, each[1], include_system)
    )


def _note_page(
    notes: tuple[Note, ...], first: int, after: Position | None, include_system: bool
) -> Listing[Note]:
    if not include_system:
        notes = tuple(note for note in notes if note.is_system_generated is not True)
    return slice_after(notes, _note_id, first, after)


def _note_id(note: Note) -> str:
    return note.note_id


def _age(note: Note) -> tuple[datetime, int, str]:
    created = note.created_at if isinstance(note.created_at, datetime) else EARLIEST
    return (created, len(note.note_id), note.note_id)
