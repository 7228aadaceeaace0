"""Sweeps: a whole list read once and grouped by case, where no feed serves.

A gateway whose feed is off, cannot be had, or may not be used for this request has another way than
a call for each case: the notes of a hub changed since its oldest case was opened, or all review
entries. The walks are those of the feeds, which survive rows that move while they are read; what
they have brought is held against the upstream's own count. Nearly all rows are of cases that nobody
asks for; they are not read, only counted.
Invariants: rows are handed out only when their number agrees and each names its case; they are at
least as new as the moment at which the sweep began. A sweep that takes more calls than the list's
length allows is given up. Nothing outlives the requests that wait for it but figures.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from casegraph.errors import ContractViolation, CredentialsRefused
from casegraph.linking.identity import normalise
from casegraph.loading.access.cost import SweepKnown
from casegraph.loading.access.learned import Learned, Parts
from casegraph.loading.access.sweep_routes import NoteRoute, ReviewRoute, Route
from casegraph.loading.feeds.bounds import FeedKey, FeedState, FeedView, UnfitError
from casegraph.loading.feeds.feed import MARGIN
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.reading import UNFIT_SECONDS
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.loading.flight import SingleFlight
from casegraph.loading.freshness import Acceptance
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.telemetry import waterfall
from casegraph.transport.deadline import in_time
from casegraph.upstreams.action_management.records import Note
from casegraph.upstreams.case_reviews.records import ReviewEntry

R = TypeVar("R")
T = TypeVar("T")

Grouped = Mapping[str, tuple[R, ...]]
"""Rows by the normal form of their case's id; a case without rows is missing."""

MOST_PAGES = 20
"""A longer list is not swept: 20,000 notes are some 10 MB, got to be thrown away."""
_WHOLE = "0000-00-00"
"""The window without a start; stands before every date."""


@dataclass(frozen=True, slots=True)
class SweptList(Generic[R]):
    """One list that can be swept, and under which name what is learned of it stands."""

    parts: Parts
    operation: str
    is_dated: bool
    """Whether it can be cut: none of its rows is older than its case."""
    route: Callable[[datetime | None, int | None], Route[Any]]
    """From which moment on, None for all; and how many rows there were lately."""
    calls: Callable[[int], int]
    most: int
    read: Callable[[Iterable[Any]], Awaitable[tuple[R, ...]]]
    """Reads rows as the route brings them, which have a `case_id`; raises ContractViolation."""

    @property
    def upstream(self) -> str:
        """Whose list it is."""
        return self.parts[0]

    def start_of(self, keys: Iterable[FeedKey]) -> datetime | None:
        """Return the midnight from which on the list holds all rows of these cases.

        Whole days, so that requests for different cases mostly share a sweep and its figures.
        """
        opened = [key.since for key in keys]
        if not self.is_dated or not opened or None in opened:
            return None
        first = min(moment for moment in opened if moment is not None) - MARGIN
        return first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def known(self, learned: Learned, start: datetime | None) -> SweepKnown | None:
        """Return what a sweep from there would cost; None where none is to be made."""
        if learned.total(("unswept", *self.parts)) is not None:
            return None
        totals = learned.totals_under(self.parts)
        total = totals.get(_window(start))
        if total is not None:
            return self._priced(total, is_counted=True) if total <= self.most else None
        # A list that begins later is no longer.
        longer = [total for window, total in totals.items() if window < _window(start)]
        least = min(longer, default=self.most + 1)
        return self._priced(least) if least <= self.most else SweepKnown()

    def foreseen(self, learned: Learned) -> SweepKnown | None:
        """Return what a sweep would cost from wherever its keys will have it begin."""
        if learned.total(("unswept", *self.parts)) is not None:
            return None
        totals = learned.totals_under(self.parts).values()
        if not self.is_dated:
            return self.known(learned, None)
        short = [total for total in totals if total <= self.most]
        return self._priced(max(short)) if short else SweepKnown()

    def _priced(self, total: int, *, is_counted: bool = False) -> SweepKnown:
        return SweepKnown(self.calls(total), is_counted=is_counted, rows=total)


def notes_of(
    sources: Sources, scope: DataScope, hub_id: str, wall: Callable[[], float]
) -> SweptList[Note] | None:
    """Return the notes of a hub as a list to be swept; None without their upstream."""
    reading = NoteReading(sources, hub_id, wall)
    if not reading.is_configured:
        return None
    size = reading.page_size
    return SweptList(
        parts=(reading.upstream, *scope.parts(reading.upstream), reading.operation, hub_id),
        operation=reading.operation,
        is_dated=True,
        route=lambda start, _total: NoteRoute(reading, start),
        calls=lambda total: NoteRoute.calls(total, size),
        most=MOST_PAGES * size,
        read=reading.read,
    )


def reviews_of(
    sources: Sources, scope: DataScope, wall: Callable[[], float]
) -> SweptList[ReviewEntry] | None:
    """Return all review entries as a list to be swept; None without their upstream."""
    reading = ReviewReading(sources, wall)
    if not reading.is_configured:
        return None
    size = reading.page_size
    return SweptList(
        parts=(reading.upstream, *scope.parts(reading.upstream), reading.operation),
        operation=reading.operation,
        is_dated=False,
        route=lambda _start, total: ReviewRoute(reading, total),
        calls=lambda total: ReviewRoute.calls(total, size),
        most=MOST_PAGES * size,
        read=_as_they_are,
    )


async def _as_they_are(rows: Iterable[ReviewEntry]) -> tuple[ReviewEntry, ...]:
    return tuple(rows)


def may_sweep(feed: FeedView | None, acceptance: Acceptance) -> bool:
    """Return whether a list may be swept: not where its feed serves, or will before long."""
    if acceptance.only_if_cached:
        return False
    return feed is None or feed.state in {FeedState.OFF, FeedState.UNUSABLE}


class Sweep(Generic[R]):
    """One sweep, which all requests share that began before it did."""

    def __init__(
        self, of: SweptList[R], start: datetime | None, learned: Learned, at: float
    ) -> None:
        self.began = at
        """Seconds since 1970; its rows are as new as that."""
        self._of = of
        self._learned = learned
        self._figure = (*of.parts, _window(start))
        self._route = of.route(start, learned.total(self._figure))
        self._is_begun = False
        self._is_spent = False
        self._rows: list[Any] | None = None
        self._names: dict[Any, str] = {}
        self._read: dict[str, tuple[R, ...]] = {}

    @property
    def known(self) -> SweepKnown | None:
        """Return what is left to be done; None where the list is too long."""
        if (self._route.total or 0) > self._of.most:
            return None
        if self._rows is not None:
            return SweepKnown(0, is_counted=True)
        return SweepKnown(self._route.calls_left, is_counted=True, rows=self._route.total or 0)

    async def first(self) -> None:
        """Make the first call, if nobody has, and learn from it."""
        if self._is_begun:
            return
        try:
            await self._route.first()
        except (UnfitError, CredentialsRefused, ContractViolation) as error:
            self._give_up(error)
            raise
        finally:
            self._learned.counted(self._figure, self._route.total)
        self._is_begun = True

    async def rest(self) -> None:
        """Bring all rows, to be had from `of`; a sweep that has failed once brings none."""
        if self._rows is not None:
            return
        if self._is_spent:
            raise UnfitError("it has failed before", 0.0)
        self._is_spent = True
        try:
            rows = list(await self._route.rest())
            self._names = _names(rows)
            self._rows = rows
        except (UnfitError, CredentialsRefused, ContractViolation) as error:
            self._give_up(error)
            raise
        finally:
            self._learned.counted(self._figure, self._route.total)

    async def of(self, case_ids: Iterable[str]) -> Grouped[R]:
        """Return the rows of these cases, once all have been brought; raises ContractViolation."""
        wanted = tuple(dict.fromkeys(case_ids))
        unread = self._unread({case_id for case_id in wanted if case_id not in self._read})
        try:
            for case_id, rows in unread.items():
                self._read[case_id] = await self._of.read(rows)
        except ContractViolation as error:
            self._give_up(error)
            raise
        return {case_id: self._read[case_id] for case_id in wanted if case_id in self._read}

    def _unread(self, case_ids: set[str]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        names = self._names
        told = {name for name, case_id in names.items() if case_id in case_ids}
        for row in (self._rows or ()) if told else ():
            if row.case_id in told:
                found.setdefault(names[row.case_id], []).append(row)
        return found

    def _give_up(self, error: Exception) -> None:
        """Remember a list that cannot be swept, unless it only moved too much this time.

        Whoever may not read the list, or meets a row there that cannot be read, may still be shown
        single cases.
        """
        if not isinstance(error, UnfitError) or error.seconds:
            self._learned.counted(("unswept", *self._of.parts), 0)


def _names(rows: Iterable[Any]) -> dict[Any, str]:
    """Return the normal form of each name of a case; raises UnfitError for a row without one."""
    names: dict[Any, str] = {}
    for told in {row.case_id for row in rows}:
        normal = None if told is None else normalise(str(told))
        if normal is None:
            raise UnfitError("a row names no case", UNFIT_SECONDS)
        names[told] = normal
    return names


class Sweeps:
    """The sweeps under way in this process."""

    def __init__(self) -> None:
        self._flight = SingleFlight()
        # Held by those who wait for them only.
        self._running: WeakValueDictionary[Parts, Sweep[Any]] = WeakValueDictionary()

    def sweep(
        self,
        of: SweptList[R],
        start: datetime | None,
        learned: Learned,
        since: float,
        now: float,
    ) -> Sweep[R]:
        """Return a sweep that began no earlier than `since`, or one to be begun."""
        key = (*of.parts, _window(start))
        running = self._running.get(key)
        if running is not None and running.began >= since:
            return running
        made: Sweep[R] = Sweep(of, start, learned, now)
        self._running[key] = made
        return made

    async def first(self, of: SweptList[R], sweep: Sweep[R]) -> None:
        """Make the first call of a sweep, one for all who wait; raises what it raises."""
        await self._shared(of, (sweep, "first"), sweep.first)

    async def rest(self, of: SweptList[R], sweep: Sweep[R], case_ids: Iterable[str]) -> Grouped[R]:
        """Return a sweep's rows of these cases, brought once for all who wait.

        Raises what the sweep raises.
        """
        await self._shared(of, (sweep, "rest"), sweep.rest)
        return await sweep.of(case_ids)

    async def _shared(
        self, of: SweptList[R], key: tuple[Sweep[R], str], make: Callable[[], Awaitable[T]]
    ) -> T:
        is_joined = self._flight.is_under_way(key)
        joined = waterfall.shared(of.upstream, of.operation) if is_joined else nullcontext()
        with joined:
            return await in_time(self._flight.do(key, make), of.upstream, of.operation)


def _window(start: datetime | None) -> str:
    return _WHOLE if start is None else start.date().isoformat()
