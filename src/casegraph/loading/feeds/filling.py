"""The first reading of a whole list, and each later one: bounded, counted, and in no hurry.

One call at a time, each with a time of its own, so that neither the request that began it nor an
upstream that hangs decides how long it lasts. An error is waited out, longer each time, and the
walk goes on where it stood. When the list has been read it is counted and its latest changes are
read; what does not add up is read once more.
Invariant: a count precedes the changes it is compared with. So rows deleted before it show as too
many held, and can only seem to be made up for by rows that came after it, which then are new.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Generic, TypeVar

from casegraph.errors import (
    CertificateRefused,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.loading.feeds.bounds import FeedBounds, Row, UnfitError
from casegraph.loading.feeds.core import Filled, Times, fill_index, new_index
from casegraph.loading.feeds.reading import UNFIT_SECONDS, Reading, Walk
from casegraph.transport.deadline import own_time

CALL_SECONDS = 90.0
"""Time of one call of a fill: a paced upstream may keep it waiting for its turn."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
MOST_FAILURES = 6
"""In a row; then the fill ends and goes on from there at the next need."""
WALKS = 2
COUNTS = 3
"""Rounds of counting and reading changes while new rows keep coming in between."""
_CALLS_AFTER = 2
_NARROWINGS = 3

T = TypeVar("T")


class GivenUpError(Exception):
    """A fill has met too many errors; it can go on after `seconds`."""

    def __init__(self, error: UpstreamError, seconds: float) -> None:
        self.error = error
        self.seconds = seconds
        super().__init__(str(error))


class Filling(Generic[Row]):
    """One whole list being read; `run` may be called again after it has given up."""

    def __init__(
        self,
        reading: Reading[Row],
        bounds: FeedBounds,
        times: Times,
        *,
        on_progress: Callable[[], None],
        on_pause: Callable[[str | None], None],
    ) -> None:
        self._reading = reading
        self._bounds = bounds
        self._times = times
        self._on_progress = on_progress
        self._on_pause = on_pause
        self.start = self._window()
        self._walk: Walk[Row] = reading.whole(self.start)
        self._walks = 1
        self._narrowings = 0
        self._index = new_index(reading)
        self._taken = 0
        self._began = times.clock()

    @property
    def calls_left(self) -> int | None:
        """How many calls are left, None where that is not known yet."""
        left = self._walk.seen.calls_left
        return None if left is None else left + _CALLS_AFTER

    @property
    def total(self) -> int | None:
        """How many rows the list held when it was begun."""
        return self._walk.seen.total

    async def run(self) -> Filled[Row]:
        """Return the whole; raises UnfitError or GivenUpError."""
        while True:
            more = True
            while more:
                more = await self._call(self._walk.step)
                more = await self._is_cut_anew() or more
                self._on_progress()
            filled = await self._counted()
            if filled is not None:
                return filled
            if self._walks >= WALKS:
                raise UnfitError("its count does not agree with its rows", UNFIT_SECONDS)
            self._walks += 1
            self._begin(self.start)

    def _window(self) -> datetime | None:
        days = self._bounds.window_days
        if days is None:
            return None
        return datetime.fromtimestamp(self._times.wall(), UTC) - timedelta(days=days)

    def _begin(self, start: datetime | None) -> None:
        self.start = start
        self._walk = self._reading.whole(start)
        self._index, self._taken = new_index(self._reading), 0
        self._began = self._times.clock()

    async def _is_cut_anew(self) -> bool:
        """Begin anew with less where the list is too long; raises UnfitError where that fails."""
        rows = self._walk.seen.rows
        self._index.put(list(islice(rows.values(), self._taken, None)))
        self._taken = len(rows)
        most = self._most_rows()
        if max(self.total or 0, len(rows)) <= most:
            return False
        start = None
        if self._narrowings < _NARROWINGS:
            self._narrowings += 1
            start = await self._call(lambda: self._reading.narrowed(most))
        if start is None:
            reason = f"more rows than its bounds allow ({most})"
            raise UnfitError(reason, self._bounds.rescan_seconds)
        self._begin(start)
        return True

    def _most_rows(self) -> int:
        most = min(self._bounds.rows, self._bounds.pages * self._reading.page_size)
        if self._index.bytes:
            most = min(most, self._bounds.bytes * len(self._index) // self._index.bytes)
        return most

    async def _counted(self) -> Filled[Row] | None:
        """Return the rows if the upstream counts as many; None where something was missed."""
        reading, seen = self._reading, self._walk.seen
        rows, watermark, confirmed_at = seen.rows, seen.watermark, seen.began_at or 0.0
        counted_at = self._began
        for _ in range(0 if seen.is_snapshot else COUNTS):
            counted_at = self._times.clock()
            counted = await self._call(lambda: reading.count(self.start))
            changes = reading.changes(self._since(watermark))
            while await self._call(changes.step):
                pass
            unknown = len(changes.seen.rows.keys() - rows.keys())
            rows.update(changes.seen.rows)
            later = changes.seen.watermark
            watermark = later if watermark is None else max(later or watermark, watermark)
            confirmed_at = changes.seen.began_at or confirmed_at
            if len(rows) == counted:
                break
            if not unknown:
                return None
        else:
            if not seen.is_snapshot:
                return None
        index = await fill_index(self._index, self._index.missing(rows))
        return Filled(index, watermark, self.start, confirmed_at, counted_at)

    def _since(self, watermark: datetime | None) -> datetime | None:
        if watermark is None:
            return self.start
        return watermark - timedelta(seconds=self._bounds.overlap_seconds)

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, waiting out what passes; raises GivenUpError for what does not."""
        failures = 0
        while True:
            own_time(CALL_SECONDS)
            try:
                return await call()
            except UpstreamError as error:
                failures += 1
                wait = self._wait(error, failures)
                if not passes(error) or failures >= MOST_FAILURES or wait > LONGEST_PAUSE_SECONDS:
                    raise GivenUpError(error, max(wait, LONGEST_PAUSE_SECONDS)) from error
                self._on_pause(str(error))
            await self._times.sleep(wait)
            self._on_pause(None)

    def _wait(self, error: UpstreamError, failures: int) -> float:
        asked = (error.retry_after_ms or 0) / 1000
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
        return asked + self._times.random.uniform(longest / 2, longest)


def passes(error: UpstreamError) -> bool:
    """Say whether waiting may help against an error."""
    if isinstance(error, CredentialsRefused | CertificateRefused):
        return False
    return isinstance(error, UpstreamUnavailable | DeadlineExceeded | RateLimited)
