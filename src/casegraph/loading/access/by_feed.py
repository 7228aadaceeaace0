"""Rows of many keys by a feed, or by one sweep of the list where no feed serves.

A feed that was never filled begins to fill at the first need, in the background. The request that
began it waits for the fill only where that is the cheaper way; otherwise it makes its own calls.
Invariant: a key for which the feed is incomplete is asked directly, and all keys are where a sweep
has failed; what either answers is what the direct calls would have answered at the moment of the
refresh, or when the sweep began.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import chain
from math import inf
from typing import Any, Generic, TypeVar

from msgspec import Struct

from casegraph.errors import (
    CircuitOpen,
    CredentialsRefused,
    DeadlineExceeded,
    InvalidArgument,
    LimitExceeded,
    RateLimited,
    UpstreamError,
)
from casegraph.loading.access.cost import (
    Candidate,
    Choice,
    FeedKnown,
    Known,
    Need,
    NeedKind,
    Path,
    SweepKnown,
    is_worth_a_look,
)
from casegraph.loading.access.each import Results, each_kept, failed, in_hand
from casegraph.loading.access.planning import Access, with_feed
from casegraph.loading.access.sweeps import Sweep, SweptList, may_sweep
from casegraph.loading.asking import Asking
from casegraph.loading.feeds.bounds import FeedKey, FeedState, FeedView, UnfitError
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import ANY, Acceptance, Verdict, Windows, verdict
from casegraph.loading.kept import Reading, What
from casegraph.loading.ledger import Provenance, Source

K = TypeVar("K")
V = TypeVar("V")
Row = TypeVar("Row")

WORTH_WAITING = 4
"""Keys from which on it is worth waiting until a fill that has just begun knows its own length."""

LONGER = 2.0
"""Direct calls may take so many times longer than reckoned, and a fill is still given up for them
in time."""

_HOPELESS = (RateLimited, DeadlineExceeded, CircuitOpen, CredentialsRefused, LimitExceeded)
"""Of these calls for each key would only make more."""
_FAILURES = (UpstreamError, UnfitError, LimitExceeded, TimeoutError)
"""Of a sweep; whoever shares it has calls and time of his own left, and what he has not is told by
his direct calls."""


class FeedRead(Struct, Generic[K, Row, V], frozen=True, eq=False):
    """What is read by a feed or directly, and how both come to the same value."""

    need: NeedKind
    what: What[V]
    operation: str
    """Of the call for one key."""
    page_operation: str
    """Of the calls that the feed makes."""
    feed_key: Callable[[K], FeedKey]
    """Raises InvalidArgument for a key that the feed cannot have."""
    parts: Callable[[K], tuple[str, ...]]
    fetch: Callable[[K], Awaitable[V]]
    """Asks for one key."""
    value: Callable[[Iterable[Row]], V]
    """Puts the rows of one key into the order and form of the direct answer."""
    since: float
    """When the request began, in seconds since 1970: what was confirmed since is fresh enough."""
    swept: Callable[[], SweptList[Row] | None]
    """Makes the list that a sweep reads; None where there is none."""


async def read_by_feed(
    access: Access,
    asking: Asking,
    read: FeedRead[K, Row, V],
    feed: Feed[Row] | None,
    keys: Sequence[K],
    ahead: Boarding | None = None,
) -> Results[K, V]:
    """Return the value or failure of each key, by the cheapest way.

    A refresh of the feed that was begun `ahead` costs nothing any more; it is left in any case.
    """
    try:
        return await _read_by_feed(access, asking, read, feed, keys, ahead)
    finally:
        if ahead is not None:
            ahead.leave()


def read_at_once(
    access: Access,
    asking: Asking,
    read: FeedRead[K, Row, V],
    feed: Feed[Row] | None,
    keys: Sequence[K],
    ahead: Boarding | None,
) -> dict[K, V] | None:
    """Return what `read_by_feed` would, where nothing has to be waited for; None elsewhere.

    That is where a refresh begun ahead has ended and the feed is complete for all keys; the refresh
    is left then. To wait takes a loader's turn and its task: 8 µs a link (measured), and a job's.
    """
    windows = access.kept.windows[read.what.kind]
    if feed is None or ahead is None or asking.acceptance != ANY or windows.fresh > 0:
        return None  # something kept may have to be looked at
    wanted, bad = _feed_keys(read, keys)
    answer = None if bad else feed.rows_at_once(list(wanted.values()), ahead)
    if answer is None or len(answer.rows) < len(wanted):
        return None
    ahead.leave()
    access.tell(Need(read.need, len(keys)), Path.FEED)
    rows = answer.rows
    asking.ledger.enter(answer.provenance, chain.from_iterable(rows.values()))
    return {key: read.value(rows[asked.case_id]) for key, asked in wanted.items()}


async def _read_by_feed(
    access: Access,
    asking: Asking,
    read: FeedRead[K, Row, V],
    feed: Feed[Row] | None,
    keys: Sequence[K],
    ahead: Boarding | None,
) -> Results[K, V]:
    kept = access.kept
    held = await in_hand(kept, read.what, {key: read.parts(key) for key in keys}, asking)
    results: Results[K, V] = {
        key: kept.take(read.what, reading, asking) for key, reading in held.items()
    }
    rest = [key for key in keys if key not in held]
    if not rest:
        return results
    if feed is not None and ahead is not None and feed.has_landed(ahead):
        # What is there is the cheapest: choosing would take 5 µs to say so.
        access.tell(Need(read.need, len(keys)), Path.FEED)
        windows = kept.windows[read.what.kind]
        found = await _from_feed(feed, read, rest, asking, windows, ahead)
    else:
        found = await _by_choice(access, asking, read, feed, rest, len(held), ahead)
    results.update(found)
    left = {key: read.parts(key) for key in rest if key not in results}
    if left:
        direct: Results[K, V] = await each_kept(kept, read.what, left, read.fetch, asking)
        results.update(direct)
    return results


async def _by_choice(
    access: Access,
    asking: Asking,
    read: FeedRead[K, Row, V],
    feed: Feed[Row] | None,
    keys: Sequence[K],
    in_hand: int,
    ahead: Boarding | None,
) -> Results[K, V]:
    """Return what the feed or a sweep brings, where one of them is the way; nothing elsewhere."""
    acceptance = asking.acceptance
    usable = None if feed is None or feed.is_off or acceptance.no_cache else feed
    if usable is None and len(keys) == 1:
        access.plan_direct(Need(read.need, 1 + in_hand), 1)  # no sweep has fewer calls
        return {}
    if usable is not None:
        await _begin(usable, acceptance, len(keys))
    known = access.known(read.what.upstream, read.operation, read.page_operation)
    windows = access.kept.windows[read.what.kind]
    view, seen = None, None
    if usable is not None:
        view = usable.view()
        now = access.kept.now()
        seen = feed_known(view, windows, acceptance, now, known.page_latency)
    swept = read.swept() if may_sweep(view, acceptance) else None
    sweep = None if swept is None else _Sweeping(access, asking, read, swept, keys)
    known = with_feed(known, seen, in_hand, None if sweep is None else sweep.known())
    choice = await _planned(access, Need(read.need, len(keys) + in_hand), known, sweep)
    if usable is not None and choice.path in {Path.FEED, Path.FILL}:
        patience = _patience(choice.taken, choice.candidates[-1], known)
        # A time-out that never comes costs 3 µs all the same.
        in_time = nullcontext() if patience is None else asyncio.timeout(patience)
        try:
            async with in_time:
                return await _from_feed(usable, read, keys, asking, windows, ahead)
        except TimeoutError:
            access.plan(
                Need(read.need, len(keys)), access.known(read.what.upstream, read.operation)
            )
    elif sweep is not None and choice.path is Path.SWEEP:
        return await sweep.found(choice)
    elif usable is not None and not acceptance.only_if_cached and known.lane.wait(1) <= 0:
        usable.passed_over()
    return {}


async def _planned(
    access: Access, need: Need, known: Known, sweep: "_Sweeping[Any, Any, Any] | None"
) -> Choice:
    """Return the way to take; where a sweep may be one, after a look at how long it would be."""
    if sweep is not None and is_worth_a_look(need, known):
        left = await sweep.look(need, known)
        now = access.known(
            sweep.read.what.upstream, sweep.read.operation, sweep.read.page_operation
        )
        known = with_feed(now, None, known.in_hand, left)
    return access.plan(need, known)


class _Sweeping(Generic[K, Row, V]):
    """What one request has of a sweep for its keys."""

    def __init__(
        self,
        access: Access,
        asking: Asking,
        read: FeedRead[K, Row, V],
        swept: SweptList[Row],
        keys: Sequence[K],
    ) -> None:
        self.read = read
        self._access = access
        self._asking = asking
        self._swept = swept
        self._keys, self._bad = _feed_keys(read, keys)
        self._start = swept.start_of(self._keys.values())
        self._sweep: Sweep[Row] | None = None

    def known(self) -> SweepKnown | None:
        """Return what is known of the list without a call."""
        return self._swept.known(self._access.learned, self._start)

    async def look(self, need: Need, known: Known) -> SweepKnown | None:
        """Make the first call; returns what is left to be done, None where that is no way."""
        direct = self._access.look(need, known)
        sweep = self._begun()
        look = Candidate(Path.SWEEP, 1, known.page_latency)
        try:
            async with asyncio.timeout(_patience(look, direct, known)):
                await self._access.sweeps.first(self._swept, sweep)
        except _FAILURES:
            return None
        return sweep.known

    async def found(self, choice: Choice) -> Results[K, V]:
        """Return the value of each key, for about as many calls as were planned.

        Returns none where the sweep fails, after planning for direct calls in its place.
        """
        read, sweep = self.read, self._begun()
        known = self._access.known(read.what.upstream, read.operation)
        try:
            async with asyncio.timeout(_patience(choice.taken, choice.candidates[-1], known)):
                await self._access.sweeps.first(self._swept, sweep)
                _hold(sweep.known, choice.taken.calls)
                cases = [asked.case_id for asked in self._keys.values()]
                rows = await self._access.sweeps.rest(self._swept, sweep, cases)
        except _FAILURES:
            known = self._access.known(read.what.upstream, read.operation)
            self._access.plan(Need(read.need, len(self._keys)), known)
            return {**self._bad}
        results: Results[K, V] = {**self._bad}
        came = Provenance(read.what.upstream, read.what.kind, Source.UPSTREAM, sweep.began)
        for key, asked in self._keys.items():
            value = read.value(rows.get(asked.case_id, ()))
            kept = self._access.kept
            kept.put(read.what, read.parts(key), value, sweep.began, self._asking)
            results[key] = kept.take(read.what, Reading(value, came), self._asking)
        return results

    def _begun(self) -> Sweep[Row]:
        if self._sweep is None:
            access = self._access
            self._sweep = access.sweeps.sweep(
                self._swept, self._start, access.learned, self.read.since, access.kept.now()
            )
        return self._sweep


def _patience(taken: Candidate, direct: Candidate, known: Known) -> float | None:
    """Return how long another way is waited for: so long that direct calls could still be made."""
    is_waited_for = taken.path in {Path.FILL, Path.SWEEP}
    if not is_waited_for or not direct.feasible or known.time_left == inf:
        return None
    return max(taken.seconds, known.time_left - LONGER * direct.seconds)


def feed_known(
    view: FeedView, windows: Windows, acceptance: Acceptance, now: float, page_latency: float
) -> FeedKnown | None:
    """Return what a choice looks at; None for a feed of which nothing can be had.

    All who need the feed while a page is on its way share it.
    """
    match view.state:
        case FeedState.READY:
            age = None if view.confirmed_at is None else now - view.confirmed_at
            asks = verdict(age, windows, acceptance) is Verdict.FETCH
            calls = view.refresh_calls if asks else 0
            shared_by = 1 + page_latency * view.needs_per_second
            return FeedKnown(
                ready=True,
                refresh_calls=calls,
                is_joinable=view.is_joinable,
                shared_by=shared_by,
            )
        case FeedState.FILLING:
            return FeedKnown(pages_left=view.pages_left)
        case _:
            return None


async def _begin(feed: Feed[Row], acceptance: Acceptance, keys: int) -> None:
    """Begin a fill where one is due, and wait until its length is known where that matters."""
    if acceptance.only_if_cached:
        return
    feed.start()
    if feed.view().state is FeedState.FILLING and keys >= WORTH_WAITING:
        await feed.size_known()


async def _from_feed(
    feed: Feed[Row],
    read: FeedRead[K, Row, V],
    keys: Sequence[K],
    asking: Asking,
    windows: Windows,
    ahead: Boarding | None,
) -> Results[K, V]:
    """Return what the feed is complete for; failures only where direct calls would fail as well."""
    wanted, bad = _feed_keys(read, keys)
    results: Results[K, V] = {**bad}
    try:
        answer = await feed.rows(
            list(wanted.values()),
            asking.acceptance,
            windows,
            confirmed_since=read.since,
            ahead=ahead,
        )
    except _HOPELESS as error:
        return {**results, **failed(wanted, error)}
    except UpstreamError:
        return results
    rows = answer.rows
    found = {key: rows[asked.case_id] for key, asked in wanted.items() if asked.case_id in rows}
    asking.ledger.enter(answer.provenance, chain.from_iterable(found.values()))
    return {**results, **{key: read.value(its) for key, its in found.items()}}


def _hold(left: SweepKnown | None, calls: int) -> None:
    """Hold a sweep that has begun against its plan; raises UnfitError for a list that has grown."""
    if left is None or (left.calls or 0) > calls:
        raise UnfitError("the list is longer than it was", 0.0)


def _feed_keys(
    read: FeedRead[K, Row, V], keys: Sequence[K]
) -> tuple[dict[K, FeedKey], dict[K, InvalidArgument]]:
    """Return the cases that are asked for, and what is wrong with the other keys."""
    wanted: dict[K, FeedKey] = {}
    bad: dict[K, InvalidArgument] = {}
    for key in keys:
        try:
            wanted[key] = read.feed_key(key)
        except InvalidArgument as error:
            bad[key] = error
    return wanted, bad
