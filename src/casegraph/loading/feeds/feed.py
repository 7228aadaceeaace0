"""One feed: the rows of many cases, answered from an index that one call keeps true.

The first need starts a fill in the background. From then on an answer costs one call for whatever
has changed, however many cases are asked, shared by all who ask at the same time. Deletions, which
no list of changes can show, are found by counting (see FeedBounds for when).
Invariants: a case is answered only while the index is known to be complete for it; what is shared
by requests is bound by no request's deadline, while each of them waits no longer than its own.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic

from casegraph.errors import (
    CertificateRefused,
    ContractViolation,
    CredentialsRefused,
    LimitExceeded,
    RateLimited,
    UpstreamError,
)
from casegraph.loading.feeds.bounds import (
    FeedAnswer,
    FeedBounds,
    FeedConfig,
    FeedKey,
    FeedMode,
    FeedState,
    FeedView,
    Row,
)
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.demand import Demand
from casegraph.loading.feeds.filling import passes
from casegraph.loading.feeds.keeper import Keeper
from casegraph.loading.feeds.reading import UNFIT_SECONDS, Reading
from casegraph.loading.feeds.upkeep import Upkeep
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import Acceptance, Verdict, Windows, stands_in, verdict
from casegraph.loading.ledger import Provenance, Source, StaleReason

_log = logging.getLogger("casegraph.feeds")

__all__ = [
    "Feed",
    "FeedAnswer",
    "FeedBounds",
    "FeedConfig",
    "FeedKey",
    "FeedMode",
    "FeedState",
    "FeedView",
]

MARGIN = timedelta(days=1)
"""A window must begin so long before a case was opened: its rows come from another clock."""


class _NothingToServeError(Exception):
    """The feed cannot answer, and says so without a failure."""


class Feed(Generic[Row]):
    """The rows of one list of one upstream, for one tenant and identity."""

    def __init__(
        self,
        reading: Reading[Row],
        config: FeedConfig,
        times: Times | None = None,
        keeper: Keeper[Row] | None = None,
    ) -> None:
        self._upkeep = Upkeep(reading, config, times, keeper)
        self._demand = Demand(self._upkeep.times.clock)

    @property
    def rows_held(self) -> int:
        """How many rows are in memory."""
        return len(self._upkeep.core.index)

    @property
    def bytes_held(self) -> int:
        """How many bytes these rows are as JSON."""
        return self._upkeep.core.index.bytes

    @property
    def is_off(self) -> bool:
        """Whether it is never filled, and so never a way to anything."""
        return self._upkeep.state is FeedState.OFF

    def view(self) -> FeedView:
        """Return what can be told without a call."""
        return self._upkeep.view(self._demand.per_second())

    def needed(self) -> None:
        """Take note that a request needs the feed, whichever way it will take."""
        self._demand.needed()

    def passed_over(self) -> None:
        """Take note that another way was cheaper; now and then the feed is tried behind it.

        How long that takes is what made it dear, and nobody would know otherwise that it no longer
        does. Whoever needs the feed meanwhile may join.
        """
        upkeep = self._upkeep
        may_be = upkeep.state is FeedState.READY and not upkeep.is_refreshing()
        if may_be and self._demand.is_to_be_tried():
            upkeep.run_apart(self._try())

    async def _try(self) -> None:
        """Bring the index up to now, counting where that is due, and learn whether it can be."""
        went_well = False
        try:
            await self._refreshed(None)
            went_well = self._upkeep.state is FeedState.READY
        except (UpstreamError, LimitExceeded) as error:
            _log.debug("a feed that was tried could not be had (%s)", type(error).__name__)
        self._demand.was_tried(went_well=went_well)

    def start(self) -> None:
        """Begin to fill in the background, if that is due; never waits, never raises.

        Does nothing for a feed that is off, running or ready, nor before a pause after a failure is
        over. The fill belongs to no request: neither deadline, allowance nor record bind it.
        """
        self._upkeep.start()

    def look_ahead(self, acceptance: Acceptance, windows: Windows) -> Boarding | None:
        """Begin to read what has changed, for `rows` to be asked soon; None where that is no use.

        Belongs to all who ask at the same time, as every refresh does.
        """
        upkeep = self._upkeep
        if acceptance.no_cache or upkeep.state is not FeedState.READY:
            return None
        if verdict(upkeep.core.age(), windows, acceptance) is not Verdict.FETCH:
            return None
        return upkeep.confirm_ahead()

    async def size_known(self) -> None:
        """Return when the running fill knows how many calls are left, or has come to a halt.

        Raises DeadlineExceeded when the request's time ends before that.
        """
        while (view := self.view()).state is FeedState.FILLING and view.pages_left is None:
            await self._upkeep.next_move()

    async def rows(
        self,
        keys: Sequence[FeedKey],
        acceptance: Acceptance,
        windows: Windows,
        *,
        confirmed_since: float | None = None,
        ahead: Boarding | None = None,
    ) -> FeedAnswer[Row]:
        """Return the rows of those cases that the feed is complete for.

        Waits for a running fill. Then it reads what has changed, unless windows and acceptance
        allow the age of the last confirmation, or that is not older than `confirmed_since` (seconds
        since 1970; the begin of this call when None). With `no_cache` callers do not come here.
        A refresh that was begun `ahead` is not made again; it is left in any case.
        Where the feed cannot answer at all, `rows` of the answer is empty. Raises UpstreamError
        when reading the changes fails and nothing may stand in for them, DeadlineExceeded when the
        request's time ends before the fill.
        """
        upkeep = self._upkeep
        times = upkeep.times
        # Compared on the clock that never goes back: a wall clock that is set back must not make
        # what is held look as if it came from later. The clock is read last: a thread that has to
        # wait between the two readings then asks once more, and never takes the old for the new.
        passed = 0.0 if confirmed_since is None else max(0.0, times.wall() - confirmed_since)
        clock = times.clock() - passed
        if not acceptance.only_if_cached:
            while upkeep.state is FeedState.FILLING:
                await upkeep.next_move()
        try:
            reason = await self._brought_up(acceptance, windows, clock, ahead)
        except _NothingToServeError:
            return FeedAnswer({}, self._provenance(None))
        finally:
            if ahead is not None:
                ahead.leave()
        answer = FeedAnswer(self._complete(keys), self._provenance(reason))
        if not acceptance.only_if_cached:
            upkeep.look_after()
        return answer

    def has_landed(self, ahead: Boarding) -> bool:
        """Return whether a refresh that was begun ahead has confirmed what is held."""
        upkeep = self._upkeep
        return upkeep.state is FeedState.READY and upkeep.has_landed(ahead)

    def rows_at_once(self, keys: Sequence[FeedKey], ahead: Boarding) -> FeedAnswer[Row] | None:
        """Return what `rows` returns, where a refresh that was begun ahead has ended well.

        None where `rows` has to wait, or to tell why it cannot answer.
        """
        if not self.has_landed(ahead):
            return None
        upkeep = self._upkeep
        answer = FeedAnswer(self._complete(keys), self._provenance(None))
        upkeep.look_after()
        return answer

    def changed(self, case_id: str) -> None:
        """Take a case for incomplete until a refresh that begins after this; a write was made."""
        self._upkeep.mark_changed(case_id)

    def forget_case(self, case_id: str) -> None:
        """Drop the rows of a case that was deleted; incomplete until the next refresh."""
        upkeep = self._upkeep
        upkeep.keeper.forget(upkeep.core, upkeep.core.index.forget_case(case_id))
        upkeep.mark_changed(case_id)

    async def close(self) -> None:
        """End all work in the background, and answer nothing any more."""
        await self._upkeep.close()

    async def _brought_up(
        self, acceptance: Acceptance, windows: Windows, since: float, ahead: Boarding | None
    ) -> StaleReason | None:
        """Confirm what is held as far as is asked; returns why it is stale, if it is."""
        core = self._upkeep.core
        if self._upkeep.state is not FeedState.READY:
            raise _NothingToServeError
        if core.was_confirmed(since):
            return None
        wanted = verdict(core.age(), windows, acceptance)
        if wanted is Verdict.REFUSE:
            raise _NothingToServeError
        if wanted is Verdict.SERVE:
            return None
        if wanted is Verdict.SERVE_STALE:
            return StaleReason.ACCEPTED
        if wanted is Verdict.REVALIDATE:
            self._upkeep.confirm_soon()
            return StaleReason.REVALIDATING
        return await self._confirmed(acceptance, windows, ahead)

    async def _confirmed(
        self, acceptance: Acceptance, windows: Windows, ahead: Boarding | None
    ) -> StaleReason | None:
        """Read what has changed; returns why it is stale where that failed."""
        upkeep = self._upkeep
        reason: StaleReason | None = None
        try:
            await self._refreshed(ahead)
        except UpstreamError as error:
            is_allowed = _may_stand_in(error) and stands_in(upkeep.core.age(), windows, acceptance)
            if not is_allowed:
                raise
            limited = isinstance(error, RateLimited)
            reason = StaleReason.RATE_LIMITED if limited else StaleReason.UPSTREAM_UNAVAILABLE
        if upkeep.state is not FeedState.READY:
            raise _NothingToServeError
        return reason

    async def _refreshed(self, ahead: Boarding | None) -> None:
        """Bring the index up to now, or to a halt; raises UpstreamError where that fails."""
        upkeep = self._upkeep
        try:
            if ahead is None or not await upkeep.landed(ahead):
                await upkeep.confirm()
        except ContractViolation:
            # One row that cannot be read spoils the list, and not what is asked directly.
            upkeep.halt("its changes cannot be read", UNFIT_SECONDS)

    def _complete(self, keys: Sequence[FeedKey]) -> dict[str, tuple[Row, ...]]:
        index = self._upkeep.core.index
        found = {key.case_id: index.of(key.case_id) for key in keys if self._covers(key)}
        return {case_id: rows for case_id, rows in found.items() if rows is not None}

    def _covers(self, key: FeedKey) -> bool:
        if self._upkeep.is_changed(key.case_id):
            return False
        begin = self._upkeep.core.covers_from
        return begin is None or (key.since is not None and key.since - MARGIN >= begin)

    def _provenance(self, reason: StaleReason | None) -> Provenance:
        reading, at = self._upkeep.reading, self._upkeep.core.confirmed_at or 0.0
        return Provenance(reading.upstream, reading.kind, Source.FEED, at, reason)


def _may_stand_in(error: UpstreamError) -> bool:
    """Say whether what is held may be served in spite of an error.

    Not where our credentials are refused: who may no longer see the rows must not go on seeing
    them. Nor where the upstream cannot prove who it is.
    """
    return passes(error) and not isinstance(error, CredentialsRefused | CertificateRefused)
