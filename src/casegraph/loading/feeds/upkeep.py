"""How a feed comes to be, stays true and notices that it is not: fill, refresh, count.

Each of the three is shared: whoever needs one while it runs waits for that one. A refresh and a
count have a time of their own and are charged to the request that began them; a fill belongs to no
request at all.
Invariants: READY means that the index was complete at `core.confirmed_at`, but for deletions since
the last count; no two fills run at once; nothing here raises into a task that nobody awaits.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, Generic, TypeVar

from casegraph.errors import DeadlineExceeded, LimitExceeded, UpstreamError
from casegraph.loading.feeds.bounds import (
    FeedConfig,
    FeedMode,
    FeedState,
    FeedView,
    Row,
    UnfitError,
)
from casegraph.loading.feeds.core import Core, Refreshed, Times
from casegraph.loading.feeds.filling import COUNTS, Filling, GivenUpError, passes
from casegraph.loading.feeds.keeper import Keeper, OwnKeeper, behind
from casegraph.loading.feeds.reading import UNFIT_SECONDS, Reading, walked
from casegraph.loading.flight import Boarding, SingleFlight
from casegraph.transport.deadline import in_time, own_time, seconds_left
from casegraph.transport.fair_pace import behind_answers

_log = logging.getLogger("casegraph.feeds")

REFRESH_SECONDS = 30.0
"""Time of a refresh: the hard cap of a request's deadline, so that no sharer's is cut short."""
_REFRESH = "refresh"
_RECONCILE = "reconcile"

T = TypeVar("T")


class Upkeep(Generic[Row]):
    """The state of one feed, and what changes it."""

    def __init__(
        self,
        reading: Reading[Row],
        config: FeedConfig,
        times: Times | None = None,
        keeper: Keeper[Row] | None = None,
    ) -> None:
        self._moved = asyncio.Event()
        self.reading = reading
        self.times = times or Times()
        self.core: Core[Row] = Core(reading, config.bounds, self.times, self._move)
        self.keeper: Keeper[Row] = keeper or OwnKeeper()
        self._bounds = config.bounds
        is_off = config.mode is FeedMode.OFF or not reading.is_configured
        self.state = FeedState.OFF if is_off else FeedState.EMPTY
        self._reason: str | None = config.why_off
        self._not_before = float("-inf")
        self._filling: Filling[Row] | None = None
        self._fill_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flight = SingleFlight()
        self._begun = 0
        self._filled_at = float("-inf")
        self._was_restored = False
        self._changed: dict[str, int] = {}
        self._are_behind: dict[str, bool] = {}

    def view(self, needs_per_second: float = 0.0) -> FeedView:
        """Return what can be told without a call."""
        held = len(self.core.index) if self.state is FeedState.READY else None
        left = None
        if self.state is FeedState.FILLING:
            held = None if self._filling is None else self._filling.total
            left = self.core.calls_left
        must_count = self.state is FeedState.READY and self._must_count()
        return FeedView(
            state=self.state,
            total_rows=held,
            pages_left=left,
            refresh_calls=2 if must_count else 1,
            is_joinable=not must_count and self._is_joinable(),
            needs_per_second=needs_per_second,
            confirmed_at=self.core.confirmed_at,
            covers_from=self.core.covers_from,
            reason=self._reason,
        )

    def is_refreshing(self) -> bool:
        """Return whether a refresh or a count is under way."""
        return any(map(self._flight.is_under_way, (_REFRESH, _RECONCILE)))

    def _is_joinable(self) -> bool:
        """Return whether a refresh is under way that requests wait for."""
        return self._flight.is_under_way(_REFRESH) and not self._are_behind.get(_REFRESH)

    def start(self) -> None:
        """Begin to fill in the background, if that is due; never waits, never raises."""
        is_due = self.times.clock() >= self._not_before and not self._is_filling()
        if is_due and self.state in {FeedState.EMPTY, FeedState.UNUSABLE}:
            self._begin_fill()

    async def next_move(self) -> None:
        """Return when something has happened to the fill; raises DeadlineExceeded."""
        await in_time(self._moved.wait(), self.reading.upstream, self.reading.operation)

    async def confirm(self) -> None:
        """Bring the index up to now, counting where that is due; raises UpstreamError."""
        work = self._reconciled() if self._must_count() else self._refreshed()
        await in_time(work, self.reading.upstream, self.reading.operation)

    def confirm_ahead(self) -> Boarding | None:
        """Begin to bring the index up to now, or join who does; None where that is not all of it.

        That is where rows are to be counted as well, or where what runs was begun behind an answer.
        """
        if self.state is not FeedState.READY or self._must_count():
            return None
        if not self._flight.is_under_way(_REFRESH):
            self._are_behind[_REFRESH] = False
        elif not self._is_joinable():
            return None
        return self._flight.board(_REFRESH, partial(self._alone, self._refresh))

    def has_landed(self, ahead: Boarding) -> bool:
        """Return whether a refresh that was begun ahead has brought the index up to now already."""
        return ahead.is_of(self._flight) and ahead.has_landed()

    async def landed(self, ahead: Boarding) -> bool:
        """Return whether a refresh that was begun ahead has brought the index up to now.

        Returns False where another is to be made. Raises UpstreamError.
        """
        try:
            if not await ahead.ends(seconds_left()):
                of = self.reading
                raise DeadlineExceeded(of.upstream, of.operation, "no answer in time")
            error = await ahead.landed()
        finally:
            ahead.leave()
        if isinstance(error, UpstreamError):
            try:
                raise error
            finally:
                del error  # its traceback holds this frame
        return error is None and ahead.is_of(self._flight)

    def confirm_soon(self) -> None:
        """Bring the index up to now in the background."""
        self._in_background(self._refreshed)

    def look_after(self) -> None:
        """Begin in the background what will soon be due, so that nobody has to wait for it."""
        now = self.times.clock()
        if self._is_filling():
            return
        if now - self._filled_at >= self._bounds.rescan_seconds:
            self._begin_fill(keeps_serving=True)
        elif now - self.core.counted_at >= self._bounds.reconcile_seconds / 2:
            self._in_background(self._reconciled)

    def halt(self, reason: str, seconds: float) -> None:
        """Answer nothing for a while; what is held is let go."""
        if self.state is FeedState.OFF:
            return
        self._not_before = self.times.clock() + seconds
        self.core.clear()
        self._go(FeedState.UNUSABLE if seconds > 0 else FeedState.EMPTY, reason)

    def mark_changed(self, case_id: str) -> None:
        """Take a case for incomplete until a refresh that begins after this."""
        self._changed[case_id] = self._begun

    def is_changed(self, case_id: str) -> bool:
        """Return whether a case is incomplete because it was written to."""
        return case_id in self._changed

    async def close(self) -> None:
        """End all work, and answer nothing any more."""
        self._go(FeedState.OFF)
        tasks = {*self._tasks, *([self._fill_task] if self._fill_task else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._flight.close()
        await self.keeper.close()
        self.core.clear()

    # Refreshing

    async def _shared(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something once for all who want it now, in a time that is nobody's own.

        The calls are charged to whoever began it; another's fuse is no reason to fail this request.
        What was begun behind an answer is waited for and not joined (see `behind`).
        """
        while True:
            led = False

            async def make() -> T:
                nonlocal led
                led = True
                return await self._alone(work)

            if not self._flight.is_under_way(key):
                # Before the call's own first step, so that nobody boards it unaware.
                self._are_behind[key] = behind.get()
            try:
                value = await self._flight.do(key, make)
                if led or behind.get() or not self._are_behind.get(key):
                    return value
                await asyncio.sleep(0)
            except LimitExceeded:
                if led:
                    raise
                await asyncio.sleep(0)

    async def _alone(self, work: Callable[[], Awaitable[T]]) -> T:
        own_time(REFRESH_SECONDS)
        return await work()

    async def _refreshed(self) -> Refreshed[Row] | None:
        """Read what has changed; None where the feed has come to a halt."""
        return await self._shared(_REFRESH, self._refresh)

    async def _refresh(self) -> Refreshed[Row] | None:
        try:
            return await self.keeper.refresh(self.core, self._read_changes)
        except UnfitError as error:
            self.halt(error.reason, error.seconds)
            return None

    async def _read_changes(self) -> Refreshed[Row]:
        core = self.core
        while True:
            self._begun += 1
            began, epoch = self._begun, core.replaced
            walk = self.reading.changes(core.since)
            await walked(walk)
            if core.replaced == epoch:
                break
            # What was read continues a whole that no longer stands here.
        seen = walk.seen
        unknown = core.apply(seen, seen.began_at or self.times.wall())
        self._changed = {case: at for case, at in self._changed.items() if at >= began}
        return Refreshed(len(core.index), unknown, began, seen.rows)

    # Counting

    def _must_count(self) -> bool:
        return self.times.clock() - self.core.counted_at >= self._bounds.reconcile_seconds

    async def _reconciled(self) -> None:
        await self._shared(_RECONCILE, self._reconcile)

    async def _reconcile(self) -> None:
        """Count upstream, refresh, and compare; a row too many has been deleted there.

        In this order what is held can only be more than was counted: by rows deleted before, or by
        rows that came in between, which the refresh shows to be new; then it is done once more.
        """
        core = self.core
        for _ in range(COUNTS):
            counted_at, start, epoch = self.times.clock(), core.covers_from, core.replaced
            try:
                counted = await self.reading.count(start)
            except UnfitError as error:
                self.halt(error.reason, error.seconds)
                return
            mark = self._begun
            done = await self._refreshed()
            while done is not None and done.began <= mark:
                await asyncio.sleep(0)  # a flight that has just ended is joined without a wait
                done = await self._refreshed()
            if done is None or (core.replaced, core.covers_from) != (epoch, start):
                return  # another whole stands there, or a shorter one: nothing to compare with
            if done.held == counted:
                core.counted_at = max(core.counted_at, counted_at)
                return
            if not done.unknown:
                break
        if self.state is FeedState.READY:
            self._begin_fill()

    # Filling

    def _is_filling(self) -> bool:
        return self._fill_task is not None and not self._fill_task.done()

    def _begin_fill(self, *, keeps_serving: bool = False) -> None:
        self.core.calls_left = None
        if not keeps_serving:
            self._go(FeedState.FILLING)
        if not self._is_filling():
            self._fill_task = _apart(self._fill())

    async def _fill(self) -> None:
        """Fill, from the place that is kept or from the upstream, and say what became of it."""
        try:
            if self._was_restored or not await self._restored():
                await self.keeper.fill(self.core, self._read_whole)
        except UnfitError as error:
            self._filling = None
            self.halt(error.reason, error.seconds)
        except GivenUpError as error:
            self._give_up(error.error, error.seconds)
        except Exception as error:  # noqa: BLE001 - a fill that dies must not leave anyone waiting
            self._filling = None
            # The class only: a message might quote a row.
            _log.error("a feed could not be filled (%s)", type(error).__name__)
            self.halt("it could not be filled", UNFIT_SECONDS)
        else:
            self._filled_at = self.times.clock()
            if self.state is not FeedState.OFF:
                self._go(FeedState.READY)

    async def _restored(self) -> bool:
        self._was_restored = True
        return await self.keeper.restore(self.core)

    def _give_up(self, error: UpstreamError, seconds: float) -> None:
        if not passes(error):
            self._filling, seconds = None, max(seconds, UNFIT_SECONDS)
        if self.state is FeedState.READY:
            # A whole that was only due again: the next try, not the answers, waits.
            self._filled_at = self.times.clock() - self._bounds.rescan_seconds + seconds
        else:
            self.halt(str(error), seconds)

    async def _read_whole(self) -> None:
        """Read the list and put it in the place of what is held."""
        if self._filling is None:
            self._filling = Filling(
                self.reading,
                self._bounds,
                self.times,
                on_progress=self._progressed,
                on_pause=self._paused,
            )
        self.core.begin_replacement()
        filled = await self._filling.run()
        self._filling = None
        self.core.replace(filled)

    def _progressed(self) -> None:
        self.core.calls_left = None if self._filling is None else self._filling.calls_left
        self._move()

    def _paused(self, reason: str | None) -> None:
        """Let nobody wait for a fill that waits itself."""
        if self.state is FeedState.FILLING and reason is not None:
            self._go(FeedState.UNUSABLE, reason)
        elif self.state is FeedState.UNUSABLE and reason is None:
            self._go(FeedState.FILLING)

    def _go(self, state: FeedState, reason: str | None = None) -> None:
        self.state, self._reason = state, reason
        self._move()

    def _move(self) -> None:
        """Wake everybody who waits for something to happen."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _in_background(self, work: Callable[[], Awaitable[object]]) -> None:
        async def quietly() -> None:
            behind.set(True)
            # Nobody waits for it, and the next answer asks again.
            with contextlib.suppress(UpstreamError, LimitExceeded):
                await work()

        self.run_apart(quietly())

    def run_apart(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that belongs to no request, until the feed is closed."""
        task = _apart(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _apart(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run work that belongs to no request: without its deadline, its allowance and its record."""
    context = Context()
    context.run(behind_answers.set, True)  # noqa: FBT003  the variable's value
    return asyncio.create_task(work, context=context)
