"""What a feed knows: its rows, the moment they were last confirmed, and where to read on from.

A keeper shares or stores it, a fill replaces it, a refresh adds to it; each of these is one step
without a wait, so nobody ever sees half of one.
Invariant: every change that the upstream listed before `confirmed_at` is in the index, and every
one it lists later stands at or after `since`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any, Generic

from casegraph.loading.feeds.bounds import FeedBounds, Row, UnfitError
from casegraph.loading.feeds.index import Index
from casegraph.loading.feeds.reading import Pass, Reading
from casegraph.upstreams.decode import encoded_size

_UNENCODED_BYTES = 1000
"""Taken for a row that cannot be encoded, which is one with a broken field."""
_ROWS_AT_ONCE = 500
"""Rows taken into an index between two turns of the event loop: some 5 ms."""
_SAME_SECONDS = 0.00001
"""Moments of two clocks that are so close are the same: a double of the time of day has steps of
0.24 µs, two readings are a few µs apart, and no call is as quick as that."""
_ROOM = 0.9
"""Share of the bound that is left when a feed that has grown is cut."""


@dataclass(frozen=True, slots=True)
class Times:
    """Time and chance, handed in so that no test waits or guesses."""

    wall: Callable[[], float] = time.time
    """Seconds since 1970: what is compared with the upstream's times and told to clients."""
    clock: Callable[[], float] = time.monotonic
    """Seconds on a clock that never goes back: what ages and pauses are measured with."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Random = field(default_factory=SystemRandom)


@dataclass(slots=True)
class Filled(Generic[Row]):
    """A whole list as it was read and counted."""

    index: Index[Row]
    watermark: datetime | None
    covers_from: datetime | None
    confirmed_at: float
    counted_at: float
    """Of the monotonic clock: deletions before it are not in the index."""


@dataclass(frozen=True, slots=True)
class Refreshed(Generic[Row]):
    """What a refresh has brought: how many rows were held then, and how many were unknown before.

    `began` numbers the refreshes that this process has made of the feed, in the order in which they
    began; 0 for one that another process has made.
    """

    held: int
    unknown: int
    began: int
    rows: Mapping[str, Row]


class Core(Generic[Row]):
    """The state of one feed."""

    def __init__(
        self,
        reading: Reading[Row],
        bounds: FeedBounds,
        times: Times,
        on_move: Callable[[], None] = lambda: None,
    ) -> None:
        self.on_move = on_move
        """To be called when `calls_left` has changed."""
        self.reading = reading
        self.bounds = bounds
        self.times = times
        self.index: Index[Row] = new_index(reading)
        self.watermark: datetime | None = None
        self.covers_from: datetime | None = None
        self.confirmed_at: float | None = None
        self.counted_at = float("-inf")
        self.replaced = 0
        """How many wholes have stood here."""
        self.calls_left: int | None = None
        """Of a whole that is being read, by this process or another."""
        self._confirmed_clock = float("-inf")
        self._meanwhile: dict[str, Row] | None = None
        self._was_refreshed = False

    @property
    def since(self) -> datetime | None:
        """Where the next refresh begins; None for the beginning of the list."""
        if self.watermark is None:
            return self.covers_from
        since = self.watermark - timedelta(seconds=self.bounds.overlap_seconds)
        return since if self.covers_from is None else max(since, self.covers_from)

    def age(self) -> float | None:
        """Return the seconds since the last confirmation, None before the first."""
        return None if self.confirmed_at is None else self.times.clock() - self._confirmed_clock

    def was_confirmed(self, since: float) -> bool:
        """Return whether the last confirmation is no older than a moment of the own clock."""
        return self._confirmed_clock >= since - _SAME_SECONDS

    def apply(self, seen: Pass[Row], confirmed_at: float) -> int:
        """Take changes that were asked for at `confirmed_at`; returns how many rows are new.

        Raises UnfitError where a row cannot be placed or there are too many.
        """
        rows = list(seen.rows.values())
        for row in rows:
            self.reading.facts(row)
        unknown = self.index.put(rows)
        if self._meanwhile is not None:
            self._meanwhile.update(seen.rows)
            self._was_refreshed = True
        self._advance(seen.watermark)
        self.confirm(confirmed_at)
        self._cut()
        return unknown

    def put_back(
        self,
        index: Index[Row],
        watermark: datetime | None,
        covers_from: datetime | None,
        confirmed_at: float,
        counted_at: float,
    ) -> None:
        """Put what was kept elsewhere in the place of what is held; `counted_at` of the clock."""
        self.index, self.watermark, self.covers_from = index, watermark, covers_from
        self.confirm(confirmed_at)
        self.counted_at = counted_at
        self.replaced += 1

    def take(self, rows: Iterable[Row], watermark: datetime | None, confirmed_at: float) -> None:
        """Take rows that another process has read, up to its mark.

        They may be older than those held. So reading goes on from the other's mark, from which the
        newer ones are read again.
        """
        taken = list(rows)
        self.index.put(taken)
        if self._meanwhile is not None:
            self._meanwhile.update({self.reading.facts(row).row_id: row for row in taken})
            self._was_refreshed = True
        self.watermark = watermark
        self.confirm(confirmed_at)

    def confirm(self, confirmed_at: float) -> None:
        """Note that the rows held are those of the upstream at a moment of our wall clock."""
        now, wall = self.times.clock(), self.times.wall()
        self.confirmed_at = confirmed_at
        self._confirmed_clock = now - max(0.0, wall - confirmed_at)

    def clear(self) -> None:
        """Let go of everything."""
        self.index = new_index(self.reading)
        self.watermark = self.covers_from = self.confirmed_at = None
        self.counted_at = self._confirmed_clock = float("-inf")
        self.replaced += 1

    def begin_replacement(self) -> None:
        """Note from here on what refreshes bring, for the whole that is being read meanwhile."""
        self._meanwhile, self._was_refreshed = {}, False

    def replace(self, filled: Filled[Row]) -> None:
        """Put a whole in the place of what is held; what was refreshed meanwhile stays.

        Of a row read by both, the refreshed one may be the older. So reading goes on from the
        earlier of the two marks, and what is confirmed is what the refresh has confirmed.
        """
        meanwhile, self._meanwhile = self._meanwhile, None
        self.index, self.covers_from = filled.index, filled.covers_from
        self.counted_at = filled.counted_at
        self.replaced += 1
        if self._was_refreshed and meanwhile is not None:
            self.index.put(meanwhile.values())
            marks = (self.watermark, filled.watermark)
            self.watermark = None if None in marks else min(m for m in marks if m is not None)
        else:
            self.watermark = filled.watermark
            self.confirm(filled.confirmed_at)
        self._was_refreshed = False

    def _advance(self, watermark: datetime | None) -> None:
        if watermark is not None and (self.watermark is None or watermark > self.watermark):
            self.watermark = watermark

    def _cut(self) -> None:
        """Let go of the oldest rows of a list that has grown too long.

        Raises UnfitError where the list may not be cut.
        """
        held, bounds = len(self.index), self.bounds
        most = bounds.rows
        if self.index.bytes > bounds.bytes:
            most = min(most, held * bounds.bytes // self.index.bytes)
        if held <= most:
            return
        if not self.reading.may_be_cut:
            reason = f"more rows than its bounds allow ({most})"
            raise UnfitError(reason, bounds.rescan_seconds)
        times = self.index.times()
        keep = int(most * _ROOM)
        if keep < len(times):
            self.covers_from = times[-keep - 1] + timedelta(microseconds=1)
            self.index.remove(self.index.before(self.covers_from))


def new_index(reading: Reading[Row]) -> Index[Row]:
    """Return an empty index for the rows of a reading."""
    return Index(reading.facts, size_of)


async def fill_index(index: Index[Row], rows: Iterable[Row]) -> Index[Row]:
    """Take many rows into an index that nobody uses yet, letting others go on between them."""
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) >= _ROWS_AT_ONCE:
            index.put(part)
            part = []
            await asyncio.sleep(0)
    index.put(part)
    return index


def size_of(row: Any) -> int:
    """Return the bytes of a row as JSON: what it takes in memory is some three times that."""
    try:
        return encoded_size(row)
    except Exception:  # noqa: BLE001 - a row with a broken field has no encoding
        return _UNENCODED_BYTES
