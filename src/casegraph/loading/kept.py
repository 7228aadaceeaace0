"""One way in front of every read: what is kept, one shared call, and what stands in when it fails.

Who asks says what he accepts; the verdict over age, windows and acceptance decides between serving
what is kept, asking behind the answer, and asking first. Equal calls of all requests are one call
which belongs to all who wait, so no caller's leaving or short deadline costs another the answer.
Invariants: every answer is entered in its request's ledger with the moment at which it was last
known true; nothing is kept of a failure; whoever may see different data has another scope, which
stands in every key; what was being read when a key was forgotten is answered and not kept.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from casegraph.errors import (
    CredentialsMissing,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamError,
    UpstreamUnavailable,
)
from casegraph.loading.flight import SingleFlight
from casegraph.loading.freshness import (
    DEFAULT_WINDOWS,
    Acceptance,
    Kind,
    Windows,
    stands_in,
    verdict,
)
from casegraph.loading.kept_rules import (
    OUTAGES,
    REASONS,
    Reading,
    What,
    may_serve,
    outcome,
    provenance,
    windows_of,
)
from casegraph.loading.kept_store import Entry, Store
from casegraph.loading.ledger import Ledger, Source, StaleReason
from casegraph.loading.scope import DataScope
from casegraph.loading.written import Key, Written, key_of, mark_of
from casegraph.telemetry import waterfall
from casegraph.transport.deadline import (
    in_time,
    request_deadline,
)
from casegraph.transport.forwarded import behind_the_answer, identity_for

_log = logging.getLogger("casegraph.cache")

__all__ = ["Asking", "Kept", "Reading", "What"]

T = TypeVar("T")

FLIGHT_SECONDS = 10.0
"""Longest time for one shared call: as long as a request has by default."""
MORE_SECONDS = 0.25
"""Time that one must have beyond a shared call's to begin it anew; less could not end it."""
_SKEW_SECONDS = 5.0
"""An entry from further in the future was written by a clock that cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Asking:
    """In whose name a request reads, what it accepts, and where it is told what it was given."""

    scope: DataScope
    acceptance: Acceptance
    ledger: Ledger

    def accepting(self, acceptance: Acceptance) -> "Asking":
        """Return the same request with another acceptance, for one field."""
        return replace(self, acceptance=acceptance)


class Kept:
    """What all requests of a process read through."""

    def __init__(
        self,
        store: Store,
        windows: Mapping[Kind, Windows] = DEFAULT_WINDOWS,
        *,
        clock: Callable[[], float] = time.time,
        flight_seconds: float = FLIGHT_SECONDS,
    ) -> None:
        """Take a clock of seconds since 1970, for processes and restarts share what is kept."""
        self.windows = windows
        self._store = store
        self._clock = clock
        self._flight_seconds = flight_seconds
        self._flight = SingleFlight()
        self._begun: dict[str, _Begun] = {}
        self._behind: dict[str, asyncio.Task[None]] = {}
        self._left: set[asyncio.Task[Any]] = set()
        longest = max(each.kept for each in windows.values())
        self._written = Written(store, clock, longest + flight_seconds)

    async def read(
        self,
        what: What[T],
        parts: tuple[str, ...],
        fetch: Callable[[], Awaitable[T]],
        asking: Asking,
    ) -> T:
        """Return what is kept if the windows and the client allow it, or what `fetch` brings.

        `fetch` returns None for what is known to be absent. It may run on behalf of several
        requests and after this one has ended. Raises what it raises, where nothing stands in;
        UpstreamUnavailable where nothing usable is kept and the client wants no call.
        """
        reading = await self.peek(what, parts, asking)
        key = _key(what, parts, asking)
        if reading is None:
            reading = await self._ask(what, key, fetch, asking.acceptance)
        elif reading.provenance.reason is StaleReason.REVALIDATING:
            self._ask_behind(what, key, fetch)
        return self.take(what, reading, asking)

    async def peek(
        self, what: What[T], parts: tuple[str, ...], asking: Asking
    ) -> Reading[T] | None:
        """Return what `read` would serve without waiting for a call; None where it would call.

        Nothing is entered in the ledger: whoever uses the value `take`s it.
        """
        acceptance, windows = asking.acceptance, self.windows[what.kind]
        if not may_serve(windows, acceptance):
            return None
        key = _key(what, parts, asking)
        entry = await self._entry(what, key)
        if entry is None:
            return None
        decided = verdict(self._age(entry), windows_of(entry, windows, key), acceptance)
        if decided not in REASONS:
            return None
        return Reading(entry.value, provenance(what, entry, Source.CACHE, REASONS[decided]))

    def take(self, what: What[T], reading: Reading[T], asking: Asking) -> T:
        """Return the value of a reading, entering it in the ledger as a part of the answer."""
        records = () if reading.value is None else what.records(reading.value)
        asking.ledger.enter(reading.provenance, records)
        if reading.provenance.source is Source.CACHE:
            waterfall.kept(what.upstream, what.kind.value, outcome(reading))
        return reading.value

    def put(
        self,
        what: What[T],
        parts: tuple[str, ...],
        value: T,
        fetched_at: float,
        asking: Asking,
    ) -> None:
        """Keep a value that another way has brought, as of the moment of its call."""
        self._keep(what, _key(what, parts, asking), Entry(value, fetched_at))

    async def forget(self, what: What[T], parts: tuple[str, ...], asking: Asking) -> None:
        """Make every later read ask anew; to be awaited between a write and reading it back."""
        key = _key(what, parts, asking)
        self._begun.pop(key, None)
        self._flight.forget(key)
        await self._store.delete(key)

    async def forget_under(self, what: What[Any], parts: tuple[str, ...], scope: DataScope) -> None:
        """Make every later read under these leading parts, one or two, ask anew, whoever reads.

        A mark with the moment of the write is left where entries are kept; whatever was asked
        before it is not served any more, nor what is being asked just now.
        """
        await self._written.leave(mark_of(what.name, scope.tenant(what.upstream), parts))

    def now(self) -> float:
        """Return the time against which ages are measured, in seconds since 1970."""
        return self._clock()

    async def close(self) -> None:
        """Cancel the calls in flight and finish what is being written."""
        await self._flight.close()
        if apart := {*self._behind.values(), *self._left}:
            await asyncio.wait(apart)
        await self._store.close()

    async def _ask(
        self,
        what: What[T],
        key: Key,
        fetch: Callable[[], Awaitable[T]],
        acceptance: Acceptance,
    ) -> Reading[T]:
        if acceptance.only_if_cached:
            text = "nothing usable is kept, and the client wants no call"
            raise UpstreamUnavailable(what.upstream, what.name, text, sent=False)
        if self._too_old_to_join(key, acceptance):
            self._flight.forget(key)
            self._begun.pop(key, None)
        call = self._shared(what, key, fetch)
        try:
            if what.kind is Kind.CASES:
                return await self._before_half_time(what, key, call, acceptance)
            return _brought(what, await call)
        except UpstreamError as error:
            reading = await self._instead(what, key, error, acceptance)
            if reading is None:
                raise
            return reading

    async def _before_half_time(
        self,
        what: What[T],
        key: Key,
        call: Coroutine[Any, Any, Entry[T]],
        acceptance: Acceptance,
    ) -> Reading[T]:
        """Return what the call brings, or after half of the time what stands in for it.

        The other systems are asked for what belongs to a case when the case is there: one that
        came at the deadline would take their answers with it. The call goes on, for whoever asks
        next, and because the breaker must see its end.
        """
        task = asyncio.get_running_loop().create_task(call)
        try:
            await asyncio.wait({task}, timeout=(self._deadline() - time.monotonic()) / 2)
            if not task.done():
                late = DeadlineExceeded(what.upstream, what.name, "no answer in half of the time")
                reading = await self._instead(what, key, late, acceptance)
                if reading is not None:
                    self._left.add(task)
                    task.add_done_callback(self._end_of_left)
                    return reading
            return _brought(what, await task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _end_of_left(self, task: "asyncio.Task[Any]") -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: nobody waits for it

    async def _shared(self, what: What[T], key: str, fetch: Callable[[], Awaitable[T]]) -> Entry[T]:
        """Return what one call brings for all who ask meanwhile.

        It has the time of whoever began it, so that a pace or a pause that leaves no place in that
        time is told at once; who has more time than that begins another when it was not enough.
        """
        while True:
            is_joined = self._flight.is_under_way(key)
            begun = self._begun.get(key) if is_joined else None
            if begun is None:
                begun = _Begun(self._clock(), self._deadline())
            if not is_joined:
                self._begun[key] = begun
            joined = waterfall.shared(what.upstream, what.name) if is_joined else nullcontext()
            call = self._flight.do(key, partial(self._bring, what, key, fetch, begun))
            try:
                with joined:
                    return await in_time(call, what.upstream, what.name)
            except (DeadlineExceeded, RateLimited):
                had_less = begun.deadline + MORE_SECONDS < self._deadline()
                if not (is_joined and had_less):
                    raise

    def _deadline(self) -> float:
        """Return the moment at which a call that is begun now has to end."""
        return min(request_deadline.get(), time.monotonic() + self._flight_seconds)

    def _too_old_to_join(self, key: Key, acceptance: Acceptance) -> bool:
        """Return whether the call in flight began too long ago for what the client wants."""
        begun = self._begun.get(key)
        if begun is not None and self._written.since(begun.at, key):
            return True
        if acceptance.no_cache or begun is None or acceptance.max_age is None:
            return acceptance.no_cache
        return self._clock() - begun.at > acceptance.max_age

    async def _bring(
        self, what: What[T], key: str, fetch: Callable[[], Awaitable[T]], begun: "_Begun"
    ) -> Entry[T]:
        request_deadline.set(begun.deadline)
        try:
            entry = Entry(await fetch(), begun.at)
            # Another has begun since, or a write came between: this one is not the newest.
            if self._begun.get(key) is begun:
                self._keep(what, key, entry)
            return entry
        finally:
            if self._begun.get(key) is begun:
                del self._begun[key]

    def _keep(self, what: What[T], key: str, entry: Entry[T]) -> None:
        windows = windows_of(entry, self.windows[what.kind], key)
        self._store.put(key, entry, what.encode, windows.kept - self._age(entry))

    def _ask_behind(self, what: What[T], key: str, fetch: Callable[[], Awaitable[T]]) -> None:
        """Ask anew without this request's deadline, allowance and record: it has its answer."""
        if key not in self._behind:
            again = self._again(what, key, fetch)
            self._behind[key] = asyncio.get_running_loop().create_task(
                again, context=behind_the_answer()
            )

    async def _again(self, what: What[T], key: str, fetch: Callable[[], Awaitable[T]]) -> None:
        try:
            await self._shared(what, key, fetch)
        except Exception as error:  # noqa: BLE001  nobody waits; whoever asks when it is too old sees it
            _log.debug("%s could not be asked anew (%s)", what.name, type(error).__name__)
        finally:
            del self._behind[key]

    async def _instead(
        self, what: What[T], key: Key, error: UpstreamError, acceptance: Acceptance
    ) -> Reading[T] | None:
        """Return what stands in for an answer that did not come.

        An upstream that refuses our credentials has been told that we may not see its data any
        more, and one whose answer cannot be read has an answer that is not this one (reliability
        §4 A): for neither does anything stand in.
        """
        if isinstance(error, CredentialsRefused) or not isinstance(error, OUTAGES):
            return None
        entry = await self._entry(what, key)
        if entry is None:
            return None
        windows = windows_of(entry, self.windows[what.kind], key)
        if not stands_in(self._age(entry), windows, acceptance):
            return None
        limited = isinstance(error, RateLimited)
        reason = StaleReason.RATE_LIMITED if limited else StaleReason.UPSTREAM_UNAVAILABLE
        return Reading(entry.value, provenance(what, entry, Source.CACHE, reason))

    async def _entry(self, what: What[T], key: Key) -> Entry[T] | None:
        entry = await self._store.get(key, what.decode)
        if entry is None or entry.fetched_at - self._clock() > _SKEW_SECONDS:
            return None
        if await self._written.anywhere_since(entry.fetched_at, key):
            return None
        return entry

    def _age(self, entry: Entry[T]) -> float:
        return max(0.0, self._clock() - entry.fetched_at)


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A call in flight; its identity tells it from the next one for the same key."""

    at: float
    deadline: float
    """On the monotonic clock."""


def _brought(what: What[T], entry: Entry[T]) -> Reading[T]:
    return Reading(entry.value, provenance(what, entry, Source.UPSTREAM, None))


def _key(what: What[T], parts: tuple[str, ...], asking: Asking) -> Key:
    # Work that has lost its request's context, or has another's, must read and keep nothing.
    if not asking.scope.is_asked_as(what.upstream, identity_for(what.upstream)):
        raise CredentialsMissing(what.upstream, what.name)
    return key_of(what.name, asking.scope.parts(what.upstream), parts)
