"""The notes of a hub as a feed reads them (contract §4.5, §10 Q6 to Q11).

The list is ascending by the time of the last change, loosely so, both bounds inclusive. A note that
is edited jumps to the end and shifts the rest, so each page begins at the time the one before ended
(Q10) and `skip` is used inside one equal time only, overlapping by a row: if none of the rows there
is known from the page before, something has left in front of it, and the page before is read again.
No end is ever asked for, so no edit can leave the list (Q11).
Invariant: every note that was there during the whole walk is seen, unless equal times are ordered
anew at each call; the count after the walk tells of that.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

import msgspec

from casegraph.linking.identity import normalise
from casegraph.loading.feeds.bounds import UnfitError
from casegraph.loading.feeds.index import Facts
from casegraph.loading.feeds.reading import UNFIT_SECONDS, Pass, Wall, not_in_future
from casegraph.loading.freshness import Kind
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import NOTE_PAGE_MAX
from casegraph.upstreams.action_management.note_rows import NoteRow, NoteRows
from casegraph.upstreams.action_management.records import Note, NotePage
from casegraph.upstreams.decode import Shape, moment

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Start of a list without one: the vendor asks for at least one bound (contract §4.5)."""
_FIRST_WINDOW = timedelta(days=1)
_LONGEST_WINDOW = timedelta(days=365 * 32)
_HALVINGS = 4
_SPARE_STEPS = 20
_STILL_SECONDS = 7200.0
"""A note changed now gets no older time than this by our clock: the vendor's may be behind."""


class _Noted(Protocol):
    """A note, or a row that may be read as one."""

    @property
    def note_id(self) -> str | int:
        """The id as it came."""


N = TypeVar("N", bound=_Noted)
N_co = TypeVar("N_co", bound=_Noted, covariant=True)


class _Page(Protocol[N_co]):
    """One page of either."""

    @property
    def items(self) -> Sequence[N_co]:
        """The rows, loosely by the time of the last change."""

    @property
    def total_count(self) -> int | None:
        """How many rows there are from the page's start on."""


_Ask = Callable[[datetime, int, int], Awaitable[_Page[N]]]
"""Returns one page from a moment on, of so many rows, behind so many."""


class NoteReading:
    """The notes of one hub."""

    upstream = "action_management"
    operation = "hub_notes"
    kind = Kind.NOTES
    shape = Shape[Note](Note)
    may_be_cut = True

    def __init__(
        self, sources: Sources, hub_id: str, wall: Wall, page_size: int = NOTE_PAGE_MAX
    ) -> None:
        self._sources = sources
        self._hub_id = hub_id
        self._wall = wall
        self.page_size = page_size
        self.is_configured = sources.action_management_or_none is not None

    def whole(self, start: datetime | None) -> "NoteWalk[Note]":
        """Return a walk through all notes changed since `start`."""
        return NoteWalk(self, start or EARLIEST, self.page, _times)

    def changes(self, since: datetime | None) -> "NoteWalk[Note]":
        """Return a walk through the notes changed since a moment."""
        return NoteWalk(self, since or EARLIEST, self.page, _times)

    def unread(self, start: datetime | None) -> "NoteWalk[NoteRow]":
        """Return the same walk as `whole`, with rows still to be read and no mark to go on from."""
        return NoteWalk(self, start or EARLIEST, self._rows, _end)

    async def read(self, rows: Iterable[NoteRow]) -> tuple[Note, ...]:
        """Return rows as notes; raises ContractViolation for one that cannot be read."""
        return await self._sources.action_management.read_note_rows(self._hub_id, rows)

    async def count(self, start: datetime | None) -> int:
        """Return how many notes have changed since `start`; one call."""
        page = await self.page(start or EARLIEST, 1, 0)
        if page.total_count is None:
            raise UnfitError("the upstream does not say how many rows there are", UNFIT_SECONDS)
        return page.total_count

    async def page(self, start: datetime, top: int, skip: int) -> NotePage:
        """Return one page from a moment on."""
        return await self._sources.action_management.hub_notes(
            self._hub_id, start=start, end=None, top=top, skip=skip
        )

    async def _rows(self, start: datetime, top: int, skip: int) -> NoteRows:
        return await self._sources.action_management.hub_note_rows(
            self._hub_id, start=start, top=top, skip=skip
        )

    async def narrowed(self, most: int) -> datetime | None:
        """Return an early start from which the list has no more than `most` notes."""
        now = self.now()
        window = _FIRST_WINDOW
        if await self.count(now - window) > most:
            return None
        while window < _LONGEST_WINDOW and await self.count(now - window * 2) <= most:
            window *= 2
        step = window
        for _ in range(_HALVINGS):
            step /= 2
            if await self.count(now - window - step) <= most:
                window += step
        return now - window

    def facts(self, row: Note) -> Facts:
        """Return what a feed must know of a note; raises UnfitError for one without a case."""
        case_id = normalise(row.case_id)
        if case_id is None:
            raise UnfitError("a row names no case", UNFIT_SECONDS)
        row_id = str(row.note_id)
        created = row.created_at if isinstance(row.created_at, datetime) else EARLIEST
        return Facts(row_id, case_id, changed_at(row), (created, len(row_id), row_id))

    def stamp(self, row: Note) -> Note:
        """Tell a note from a store its hub, which is not on the wire."""
        msgspec.structs.force_setattr(row, "hub_id", self._hub_id)
        return row

    def now(self) -> datetime:
        """Return our own time of day."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def wall(self) -> float:
        """Return our own time in seconds since 1970."""
        return self._wall()


def changed_at(note: Note) -> datetime | None:
    """Return the time that a note stands under: a system note has only that of its making (Q8)."""
    for time in (note.updated_at, note.created_at):
        if isinstance(time, datetime):
            return time
    return None


def _times(notes: Iterable[Note]) -> list[datetime]:
    times = [changed_at(note) for note in notes]
    return [time for time in times if time is not None]


def _end(rows: Sequence[NoteRow]) -> Sequence[datetime]:
    """Return the time of the greatest text, all times only where that is none.

    One form of time is in order as text. Where forms are mixed, the time may be hours before the
    page's end: then what lies between is read once more, and nothing is missed.
    """
    texts = [row.updated_text or row.created_text or "" for row in rows]
    try:
        return (moment(max(texts, default="")),)
    except (ValueError, OverflowError):
        times = [row.changed_at() for row in rows]
        return [time for time in times if time is not None]


class NoteWalk(Generic[N]):
    """One way through the notes from a moment on."""

    def __init__(
        self,
        reading: NoteReading,
        start: datetime,
        ask: _Ask[N],
        times: Callable[[Sequence[N]], Sequence[datetime]],
    ) -> None:
        self._reading = reading
        self._ask = ask
        self._times = times
        self._start = start
        self._skip = 0
        self._steps = 0
        self._latest_mark: datetime | None = None
        self.seen: Pass[N] = Pass()

    async def step(self) -> bool:
        """Read one page; returns False when it was the last."""
        reading, seen = self._reading, self.seen
        if self._steps > -(-(seen.total or 0) // reading.page_size) * 2 + _SPARE_STEPS:
            raise UnfitError("the list moves faster than it can be read", UNFIT_SECONDS)
        wall, now = reading.wall(), reading.now()
        page = await self._ask(self._start, reading.page_size, self._skip)
        self._steps += 1
        if seen.began_at is None:
            seen.began_at, seen.total = wall, page.total_count
        if self._skip and not self._is_joined(page):
            self._skip = max(0, self._skip - reading.page_size)
            return True
        times = self._times(page.items)
        latest = self._certain(not_in_future(times, now), now)
        if latest is not None and (seen.watermark is None or latest > seen.watermark):
            seen.watermark = latest
        seen.rows.update((str(note.note_id), note) for note in page.items)
        if not self._more(page):
            seen.is_snapshot = self._steps == 1 and page.total_count == len(seen.rows)
            seen.calls_left = 0
            return False
        self._advance(page, times)
        return True

    def _certain(self, latest: datetime | None, now: datetime) -> datetime | None:
        """Return up to when nothing can have been missed.

        Inside an equal time, a note that is changed just then comes in front of the rows behind
        which the next page begins. That time must be read again, and whatever is later with it.
        """
        if self._skip and self._start > now - timedelta(seconds=_STILL_SECONDS):
            self._latest_mark = self._latest_mark or self._start
        if latest is None or self._latest_mark is None:
            return latest
        return min(latest, self._latest_mark)

    def _is_joined(self, page: _Page[N]) -> bool:
        """Say whether a page that overlaps the one before still does so.

        It does where a row stands in it that was seen just so; an edited one has jumped here.
        """
        return any(self.seen.rows.get(str(note.note_id)) == note for note in page.items)

    def _more(self, page: _Page[N]) -> bool:
        if page.total_count is None:
            return len(page.items) >= self._reading.page_size
        return bool(page.items) and self._skip + len(page.items) < page.total_count

    def _advance(self, page: _Page[N], times: Sequence[datetime]) -> None:
        """Move to where the page ended: to its last time, or behind its rows inside that time."""
        size = self._reading.page_size
        if size < 2:  # noqa: PLR2004  a page of one cannot overlap the one before
            raise UnfitError("pages are too small to be read", UNFIT_SECONDS)
        left = (page.total_count or 0) - self._skip - len(page.items)
        self.seen.calls_left = max(1, -(-left // size))
        # All times count here, tomorrow's too: this is a place in the list, not a watermark.
        latest = max(times, default=None)
        if latest is not None and latest > self._start:
            self._start, self._skip = latest, 0
        else:
            self._skip += len(page.items) - 1
