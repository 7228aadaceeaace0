"""Two lists that move while they are read: a hub's notes and a tenant's reviews, in memory.

They stand in for the clients of the two upstreams where a test must decide what happens between two
calls, and follow the contracts: bounds inclusive, notes by the time of their last change, reviews
in an order that nobody has documented, times cut to what the vendor prints.
Invariant: each answer is true of the list at the moment it is made; `direct` is the truth.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from casegraph.errors import UpstreamError
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.note_rows import NoteRow, NoteRows, read_rows, rows_of
from casegraph.upstreams.action_management.records import Note, NotePage
from casegraph.upstreams.case_reviews.client import Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.decode import Id, Where, encode, moment

EPOCH = datetime(2026, 1, 1, 12, tzinfo=UTC)
HUB = "906"
_NOTES = Where("action_management", "hub_notes")


class World:
    """One wall clock, and what happens at each call before it is answered."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.skew = 0.0
        self.calls: list[str] = []
        self.errors: list[UpstreamError] = []
        self.before: Callable[[str], None] = lambda _operation: None
        self.gate: asyncio.Event | None = None

    def wall(self) -> float:
        """Return our time of day."""
        return EPOCH.timestamp() + self.seconds

    def clock(self) -> float:
        """Return the time of a clock that never goes back."""
        return 1000.0 + self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.seconds += max(seconds, 0.0)
        await asyncio.sleep(0)

    def vendor_now(self) -> datetime:
        """Return the time of day as the vendor's clock has it."""
        return EPOCH + timedelta(seconds=self.seconds + self.skew)

    async def called(self, operation: str) -> None:
        """Note a call, and let happen what is to happen before its answer."""
        self.calls.append(operation)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        self.before(operation)
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class Held:
    """One row as the vendor holds it."""

    row_id: int
    case_id: str
    text: str
    created: datetime
    changed: datetime
    is_system: bool = False


@dataclass
class MovingList:
    """Rows that can be made, edited and deleted."""

    world: World
    rows: dict[int, Held] = field(default_factory=dict)
    last_id: int = 0

    def add(self, case_id: str, text: str = "", late: float = 0.0, **values: Any) -> int:
        """Make a row that carries a time `late` seconds ago; returns its id."""
        now = self.world.vendor_now() - timedelta(seconds=late)
        self.last_id += 1
        held = Held(self.last_id, case_id, text, now, now)
        for name, value in values.items():
            setattr(held, name, value)
        self.rows[held.row_id] = held
        return held.row_id

    def edit(self, row_id: int, text: str) -> None:
        """Change a row now."""
        held = self.rows[row_id]
        held.text, held.changed, held.is_system = text, self.world.vendor_now(), False

    def delete(self, row_id: int) -> None:
        """Delete a row."""
        del self.rows[row_id]


@dataclass
class Notes(MovingList):
    """What the client of Action Management answers about one hub's notes."""

    out_of_order: bool = False

    async def hub_notes(
        self,
        hub_id: str,
        *,
        start: datetime | None,
        end: datetime | None,
        top: int,
        skip: int = 0,
    ) -> NotePage:
        """Return one page, by the time of the last change and then by id."""
        assert hub_id == HUB
        assert start is not None
        assert end is None
        await self.world.called("count" if top == 1 else "page")
        found = [held for held in self.rows.values() if held.changed >= start]
        found.sort(key=lambda held: (held.changed, held.row_id))
        page = [self._print(held) for held in found[skip : skip + top]]
        if self.out_of_order:
            page.reverse()
        return NotePage(tuple(page), len(found))

    async def hub_note_rows(
        self, hub_id: str, *, start: datetime, top: int, skip: int = 0
    ) -> NoteRows:
        """Return the same page as it comes, unread."""
        page = await self.hub_notes(hub_id, start=start, end=None, top=top, skip=skip)
        return rows_of(encode(page), _NOTES)

    async def read_note_rows(self, hub_id: str, rows: Iterable[NoteRow]) -> tuple[Note, ...]:
        """Return rows as notes."""
        return read_rows(rows, hub_id, _NOTES)

    def direct(self, case_id: str) -> list[tuple[str, str | None]]:
        """Return id and text of a case's notes, oldest first."""
        held = [each for each in self.rows.values() if each.case_id == case_id]
        held.sort(key=lambda each: (each.created, len(str(each.row_id)), str(each.row_id)))
        return [(str(each.row_id), each.text) for each in held]

    def _print(self, held: Held) -> Note:
        return Note(
            note_id=Id(held.row_id),
            case_id=Id(held.case_id),
            text=held.text,
            is_system_generated=held.is_system,
            created_at=moment(held.created.isoformat()),
            updated_at=None if held.is_system else moment(held.changed.isoformat()),
            hub_id=HUB,
        )


@dataclass
class Reviews(MovingList):
    """What the client of the reviews system answers about its list."""

    page_size: int = 100
    order: Literal["id", "changed"] = "id"
    ignores: frozenset[str] = frozenset()

    async def reviews(self, filters: Filters, page: int) -> ReviewPage:
        """Return one page."""
        await self.world.called("page")
        found = self._matching(filters)
        found.sort(key=lambda held: (held.changed if self.order == "changed" else 0, held.row_id))
        rows = found[(page - 1) * self.page_size : page * self.page_size]
        printed = tuple(self._print(held) for held in rows)
        return ReviewPage(printed, len(rows) >= self.page_size)

    async def reviews_count(self, filters: Filters) -> int:
        """Return how many rows match."""
        await self.world.called("count")
        return len(self._matching(filters))

    def direct(self, case_id: str) -> list[tuple[str, str | None]]:
        """Return id and question set of a case's entries, by id."""
        held = [each for each in self.rows.values() if each.case_id == case_id]
        held.sort(key=lambda each: (len(str(each.row_id)), str(each.row_id)))
        return [(str(each.row_id), each.text) for each in held]

    def _matching(self, filters: Filters) -> list[Held]:
        found = list(self.rows.values())
        for name, text in filters:
            if name in self.ignores:
                continue
            bound = datetime.fromisoformat(text).replace(tzinfo=UTC)
            if name == "updated_from":
                found = [held for held in found if held.changed >= bound]
            else:
                found = [held for held in found if held.changed < bound + timedelta(seconds=1)]
        return found

    def _print(self, held: Held) -> ReviewEntry:
        return ReviewEntry(
            review_entry_id=Id(held.row_id),
            flat_case_id=Id(held.case_id) if held.case_id else None,
            flat_review_id=Id(held.text or "1"),
            created_at=moment(held.created.replace(microsecond=0).isoformat()),
            updated_at=moment(held.changed.replace(microsecond=0).isoformat()),
        )


def sources_of(notes: Notes | None = None, reviews: Reviews | None = None) -> Sources:
    """Return these lists as the clients of their upstreams."""
    wanted: Any = Sources
    made: Sources = wanted(notes, reviews)
    return made
