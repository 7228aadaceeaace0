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
from collections.abc import Callable, Mapping, Sequence
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
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import DEFAULT_WINDOWS, Acceptance, Kind, Windows, stands_in
from casegraph.loading.kept_calls import FLIGHT_SECONDS, Fetch, SharedCalls
from casegraph.loading.kept_holds import Holds
from casegraph.loading.kept_rules import (
    OUTAGES,
    Reading,
    What,
    is_served,
    may_serve,
    outcome,
    provenance,
    served,
    unread_of,
    windows_of,
)
from casegraph.loading.kept_store import Entry, MemoryStore, Store, Unread
from casegraph.loading.ledger import Source, StaleReason
from casegraph.loading.scope import DataScope
from casegraph.loading.written import Key, Written, mark_of
from casegraph.telemetry import waterfall
from casegraph.transport.forwarded import behind_the_answer

_log = logging.getLogger("casegraph.cache")

__all__ = ["Kept", "Reading", "What"]

T = TypeVar("T")

_SKEW_SECONDS = 5.0
"""An entry from further in the future was written by a clock that cannot be trusted."""


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
        self._memory = store if isinstance(store, MemoryStore) else None
        self._clock = clock
        self._behind: dict[str, asyncio.Task[None]] = {}
        longest = max(each.kept for each in windows.values())
        self._written = Written(store, clock, longest + flight_seconds)
        self.holds = Holds(self._memory, self._written, clock, windows)
        self._calls = SharedCalls(self._written, self._keep, clock, flight_seconds)

    async def read(
        self,
        what: What[T],
        parts: tuple[str, ...],
        fetch: Fetch[T],
        asking: Asking,
    ) -> T:
        """Return what is kept if the windows and the client allow it, or what `fetch` brings.

        `fetch` returns None for what is known to be absent. It may run on behalf of several
        requests and after this one has ended. Raises what it raises, where nothing stands in;
        UpstreamUnavailable where nothing usable is kept and the client wants no call.
        """
        key = asking.key(what, parts)
        reading = await self._peek(what, key, asking.acceptance)
        if reading is None:
            reading = await self._ask(what, key, fetch, asking.acceptance)
        elif reading.provenance.reason is StaleReason.REVALIDATING:
            self._ask_behind(what, key, fetch)
        return self.take(what, reading, asking)

    def at_once(
        self,
        what: What[T],
        parts: tuple[str, ...],
        fetch: Fetch[T],
        asking: Asking,
    ) -> Reading[T] | None:
        """Return what `read` serves without waiting, as a reading whose value was taken.

        None where it would wait: for a call, or for a store that is not this process's own memory.
        Raises what `read` raises for a request that has no key.
        """
        if self._memory is None:
            return None
        key = asking.key(what, parts)
        reading = self._look(self._memory, what, key, asking.acceptance)
        if reading is not None:
            if reading.provenance.reason is StaleReason.REVALIDATING:
                self._ask_behind(what, key, fetch)
            self.take(what, reading, asking)
        return reading

    async def read_all(
        self,
        what: What[T],
        wanted: Sequence[tuple[tuple[str, ...], Fetch[T]]],
        asking: Asking,
    ) -> list[T | BaseException]:
        """Return what `read` returns or raises for each of several parts and fetches, all at once.

        Without tasks and time-outs of their own, unless something kept may stand in for each after
        half of the time.
        """
        if len(wanted) == 1:
            only = await self._read_or_error(what, *wanted[0], asking)
            return [only]
        calls = _keyed(what, wanted, asking)
        if calls is None or what.kind is Kind.CASES or asking.acceptance.only_if_cached:
            each = (self.read(what, parts, fetch, asking) for parts, fetch in wanted)
            return await asyncio.gather(*each, return_exceptions=True)
        found = await self._peek_all(what, [key for key, _ in calls], asking.acceptance)
        missing = []
        for index, (reading, (key, fetch)) in enumerate(zip(found, calls, strict=True)):
            if reading is None:
                missing.append(index)
            elif reading.provenance.reason is StaleReason.REVALIDATING:
                self._ask_behind(what, key, fetch)
        readings: list[Reading[T] | BaseException | None] = [*found]
        brought = await self._ask_all(what, [calls[at] for at in missing], asking.acceptance)
        for index, reading_or_error in zip(missing, brought, strict=True):
            readings[index] = reading_or_error
        return [
            self.take(what, each, asking) if isinstance(each, Reading) else each
            for each in readings
            if each is not None
        ]

    async def _read_or_error(
        self, what: What[T], parts: tuple[str, ...], fetch: Fetch[T], asking: Asking
    ) -> T | Exception:
        try:
            return await self.read(what, parts, fetch, asking)
        except Exception as error:  # noqa: BLE001  it stands in the place of the value
            return error

    async def peek(
        self, what: What[T], parts: tuple[str, ...], asking: Asking
    ) -> Reading[T] | None:
        """Return what `read` would serve without waiting for a call; None where it would call.

        Nothing is entered in the ledger: whoever uses the value `take`s it.
        """
        return await self._peek(what, asking.key(what, parts), asking.acceptance)

    async def peek_all(
        self, what: What[T], wanted: Sequence[tuple[str, ...]], asking: Asking
    ) -> list[Reading[T] | None]:
        """Return what `peek` returns for each of several parts."""
        keys = [asking.key(what, parts) for parts in wanted]
        return await self._peek_all(what, keys, asking.acceptance)

    async def _peek_all(
        self, what: What[T], keys: Sequence[Key], acceptance: Acceptance
    ) -> list[Reading[T] | None]:
        if not may_serve(self.windows[what.kind], acceptance):
            return [None] * len(keys)
        if self._memory is not None:
            return [self._look(self._memory, what, key, acceptance) for key in keys]
        return await asyncio.gather(*(self._peek(what, key, acceptance) for key in keys))

    async def _peek(self, what: What[T], key: Key, acceptance: Acceptance) -> Reading[T] | None:
        if self._memory is not None:
            return self._look(self._memory, what, key, acceptance)
        windows = self.windows[what.kind]
        entry = await self._entry(what, key) if may_serve(windows, acceptance) else None
        if entry is None:
            return None
        return served(what, entry, self._age(entry), windows_of(entry, windows, key), acceptance)

    def _look(
        self, memory: MemoryStore, what: What[T], key: Key, acceptance: Acceptance
    ) -> Reading[T] | None:
        """Return what `_peek` returns: a memory never waits, and its marks are this process's."""
        windows = self.windows[what.kind]
        entry = memory.at_once(key) if may_serve(windows, acceptance) else None
        if entry is None:
            return None
        age = self._clock() - entry.fetched_at
        if age < -_SKEW_SECONDS or self._written.since(entry.fetched_at, key):
            return None
        if isinstance(entry, Unread):
            entry = memory.read(key, entry) if is_served(age, windows, acceptance) else None
            if entry is None:
                return None
        return served(what, entry, max(0.0, age), windows_of(entry, windows, key), acceptance)

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
        self._keep(what, asking.key(what, parts), Entry(value, fetched_at))

    async def forget(self, what: What[T], parts: tuple[str, ...], asking: Asking) -> None:
        """Make every later read ask anew; to be awaited between a write and reading it back."""
        key = asking.key(what, parts)
        self._calls.forget(key)
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
        await self._calls.close()
        if behind := self._behind.values():
            await asyncio.wait(behind)
        await self._store.close()

    async def _ask(
        self,
        what: What[T],
        key: Key,
        fetch: Fetch[T],
        acceptance: Acceptance,
    ) -> Reading[T]:
        if acceptance.only_if_cached:
            text = "nothing usable is kept, and the client wants no call"
            raise UpstreamUnavailable(what.upstream, what.name, text, sent=False)
        self._calls.forget_older(key, acceptance)
        late = None
        if what.kind is Kind.CASES and (self._memory is None or self._memory.at_once(key)):
            late = partial(self._instead_of_late, what, key, acceptance)
        try:
            brought = await self._calls.one(what, key, fetch, late)
            return brought if isinstance(brought, Reading) else _brought(what, brought)
        except UpstreamError as error:
            reading = await self._instead(what, key, error, acceptance)
            if reading is None:
                raise
            return reading

    async def _instead_of_late(
        self, what: What[T], key: Key, acceptance: Acceptance
    ) -> Reading[T] | None:
        """Return what stands in for a case that has not come in half of the time.

        The other systems are asked for what belongs to a case when the case is there: one that
        came at the deadline would take their answers with it. The call goes on, for whoever asks
        next, and because the breaker must see its end.
        """
        late = DeadlineExceeded(what.upstream, what.name, "no answer in half of the time")
        return await self._instead(what, key, late, acceptance)

    async def _ask_all(
        self, what: What[T], calls: Sequence[tuple[Key, Fetch[T]]], acceptance: Acceptance
    ) -> "Sequence[Reading[T] | BaseException]":
        """Return what `_ask` returns or raises for each of several keys."""
        for key, _ in calls:
            self._calls.forget_older(key, acceptance)
        ends = await self._calls.all(what, calls)
        readings = [_brought(what, end) for end in ends if isinstance(end, Entry)]
        if len(readings) == len(calls):
            return readings
        return await asyncio.gather(
            *(
                self._ended(what, key, end, acceptance)
                for (key, _), end in zip(calls, ends, strict=True)
            ),
            return_exceptions=True,
        )

    async def _ended(
        self, what: What[T], key: Key, end: Entry[T] | Exception, acceptance: Acceptance
    ) -> Reading[T] | Exception:
        """Return what a call has brought, or what stands in for it, or why nothing does."""
        if isinstance(end, Entry):
            return _brought(what, end)
        if isinstance(end, UpstreamError):
            reading = await self._instead(what, key, end, acceptance)
            if reading is not None:
                return reading
        return end  # as a value: raised here, its traceback would hold this frame and so itself

    def _keep(self, what: What[T], key: Key, entry: Entry[T], body: bytes | None = None) -> None:
        windows = self.windows[what.kind]
        if windows.kept <= 0:
            return  # of this kind nothing is there, and nothing ever stands in
        if entry.value is None:
            windows = windows_of(entry, windows, key)
        seconds = windows.kept - self._age(entry)
        unread = None if self._memory is None else unread_of(what, key, entry, body, windows)
        if self._memory is None or unread is None:
            self._store.put(key, entry, what.encode, seconds)
        else:
            self._memory.put_unread(key, unread, seconds)

    def _ask_behind(self, what: What[T], key: Key, fetch: Fetch[T]) -> None:
        """Ask anew without this request's deadline, allowance and record: it has its answer."""
        if key not in self._behind:
            again = self._again(what, key, fetch)
            self._behind[key] = asyncio.get_running_loop().create_task(
                again, context=behind_the_answer()
            )

    async def _again(self, what: What[T], key: Key, fetch: Fetch[T]) -> None:
        try:
            await self._calls.one(what, key, fetch)
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


def _keyed(
    what: What[T], wanted: Sequence[tuple[tuple[str, ...], Fetch[T]]], asking: Asking
) -> list[tuple[Key, Fetch[T]]] | None:
    """Return the calls by key; None where one has no key, which then has to fail alone."""
    try:
        return [(asking.key(what, parts), fetch) for parts, fetch in wanted]
    except (ValueError, CredentialsMissing):
        return None


def _brought(what: What[T], entry: Entry[T]) -> Reading[T]:
    return Reading(entry.value, provenance(what, entry, Source.UPSTREAM, None))
