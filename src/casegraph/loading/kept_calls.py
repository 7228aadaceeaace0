"""The calls under way behind what is kept, each shared by all requests that want its answer.

A call belongs to all who wait, so no caller's leaving or short deadline costs another the answer.
It has the time of whoever began it, so that a pace or a pause that leaves no place in that time is
told at once; who has more time than that begins another when it was not enough.
Invariants: at most one call for a key that anybody may still join; a call that is not the newest
for its key, because a write came between or somebody wanted a newer one, is answered and not kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar, overload

from msgspec import Struct

from casegraph.errors import DeadlineExceeded, RateLimited
from casegraph.loading.flight import Boarding, SingleFlight
from casegraph.loading.freshness import Acceptance
from casegraph.loading.kept_rules import What
from casegraph.loading.kept_store import Entry
from casegraph.loading.written import Key, Written
from casegraph.telemetry import waterfall
from casegraph.transport.deadline import request_deadline, seconds_left
from casegraph.transport.receipt import open_receipt

T = TypeVar("T")
R = TypeVar("R")

Fetch = Callable[[], Awaitable[T]]
"""Makes the call; returns None for what is known to be absent."""

StandIn = Callable[[], Awaitable[R | None]]
"""Returns what stands in for an answer that is late; None where nothing does."""

FLIGHT_SECONDS = 10.0
"""Longest time for one shared call: as long as a request has by default."""
MORE_SECONDS = 0.25
"""Time that one must have beyond a shared call's to begin it anew; less could not end it."""

_NOT_JOINED = nullcontext()


class Begun(Struct, frozen=True, eq=False, gc=False):
    """A call in flight; its identity tells it from the next one for the same key."""

    at: float
    """In seconds since 1970."""
    deadline: float
    """On the monotonic clock."""


class SharedCalls:
    """Calls in flight by key; `keep` is given what each has brought."""

    def __init__(
        self,
        written: Written,
        keep: Callable[[What[Any], Key, Entry[Any], bytes | None], None],
        clock: Callable[[], float],
        seconds: float = FLIGHT_SECONDS,
    ) -> None:
        """Take a clock of seconds since 1970, and the longest time for one call.

        `keep` gets an entry, and the body that is all of it where there is one.
        """
        self._written = written
        self._keep = keep
        self._clock = clock
        self._seconds = seconds
        self._flight = SingleFlight()
        self._begun: dict[str, Begun] = {}

    @overload
    async def one(self, what: What[T], key: Key, fetch: Fetch[T]) -> Entry[T]: ...
    @overload
    async def one(
        self, what: What[T], key: Key, fetch: Fetch[T], late: StandIn[R] | None
    ) -> Entry[T] | R: ...
    async def one(
        self, what: What[T], key: Key, fetch: Fetch[T], late: StandIn[R] | None = None
    ) -> Entry[T] | R:
        """Return what one call brings for all who ask meanwhile; raises what it raises.

        Where it has brought nothing in half of the time, `late` is asked for what stands in for it.
        """
        while True:
            is_joined = self._flight.is_under_way(key)
            begun = self._begun.get(key) if is_joined else self._begin(key)
            begun = begun or Begun(self._clock(), self.deadline())  # forgotten meanwhile
            joined = waterfall.shared(what.upstream, what.name) if is_joined else _NOT_JOINED
            place = self._flight.board(key, partial(self._bring, what, key, fetch, begun))
            try:
                with joined:
                    return await self._waited(what, place, late)
            except (DeadlineExceeded, RateLimited):
                if not (is_joined and self._has_more(begun)):
                    raise
            finally:
                place.leave()

    async def _waited(
        self, what: What[T], place: Boarding, late: StandIn[R] | None
    ) -> Entry[T] | R:
        """Return what a call brings, or what stands in for it where it is late."""
        if late is not None and not await place.ends((self.deadline() - time.monotonic()) / 2):
            instead = await late()
            if instead is not None:
                place.leave_at_end()
                return instead
        if not await place.ends(seconds_left()):
            raise DeadlineExceeded(what.upstream, what.name, "no answer in time")
        ended = place.ended()
        if isinstance(ended, Exception):
            try:
                raise ended
            finally:
                del ended  # its traceback holds this frame
        entry: Entry[T] = ended
        return entry

    async def all(
        self, what: What[T], calls: Sequence[tuple[Key, Fetch[T]]]
    ) -> list[Entry[T] | Exception]:
        """Return what `one` returns or raises for each of several calls."""
        new: dict[Key, Fetch[T]] = {}
        joining: dict[int, asyncio.Task[Entry[T] | Exception]] = {}
        loop = asyncio.get_running_loop()
        for index, (key, fetch) in enumerate(calls):
            # One that is under way is waited for by itself: it may have had too little time.
            if key in new or self._flight.is_under_way(key):
                joining[index] = loop.create_task(self._ended(what, key, fetch))
            else:
                new[key] = fetch
        try:
            ends = iter(await self._all_new(what, new))
            return [
                await joining[index] if index in joining else next(ends)
                for index in range(len(calls))
            ]
        finally:
            for task in joining.values():
                task.cancel()

    def forget_older(self, key: Key, acceptance: Acceptance) -> None:
        """Let nobody join a call that began too long ago for what a client wants."""
        begun = self._begun.get(key)
        if begun is None:
            is_too_old = acceptance.no_cache
        elif self._written.since(begun.at, key) or acceptance.no_cache:
            is_too_old = True
        else:
            longest = acceptance.max_age
            is_too_old = longest is not None and self._clock() - begun.at > longest
        if is_too_old:
            self.forget(key)

    def forget(self, key: Key) -> None:
        """Let the next who asks begin a new call; what this one brings is not kept."""
        self._begun.pop(key, None)
        self._flight.forget(key)

    def deadline(self) -> float:
        """Return when a call that is begun now has to end, on the monotonic clock."""
        return min(request_deadline.get(), time.monotonic() + self._seconds)

    async def close(self) -> None:
        """Cancel the calls in flight and return when they have ended."""
        await self._flight.close()

    async def _all_new(
        self, what: What[T], calls: Mapping[Key, Fetch[T]]
    ) -> list[Entry[T] | Exception]:
        """Begin a call for each of these keys, and return what they bring or why they do not."""
        deadline = self.deadline()
        flights: list[tuple[Key, Fetch[Entry[T]]]] = []
        for key, fetch in calls.items():
            flights.append((key, partial(self._bring, what, key, fetch, self._begin(key))))
        landed = await self._flight.do_all(flights, max(deadline - time.monotonic(), 0.0))
        return [
            DeadlineExceeded(what.upstream, what.name, "no answer in time") if end is None else end
            for end in landed
        ]

    async def _ended(self, what: What[T], key: Key, fetch: Fetch[T]) -> Entry[T] | Exception:
        try:
            return await self.one(what, key, fetch)
        except Exception as error:  # noqa: BLE001  a value like the others, for the caller to raise
            return error

    def _has_more(self, begun: Begun) -> bool:
        """Return whether whoever joined a call has more time than it had."""
        return begun.deadline + MORE_SECONDS < self.deadline()

    def _begin(self, key: Key) -> Begun:
        """Enter that a call for this key begins now."""
        begun = self._begun[key] = Begun(self._clock(), self.deadline())
        return begun

    async def _bring(self, what: What[T], key: Key, fetch: Fetch[T], begun: Begun) -> Entry[T]:
        request_deadline.set(begun.deadline)
        receipt = open_receipt()
        try:
            value = await fetch()
            # What the bodies say of the size of a value, where they are about that value.
            size = None if receipt.has_repairs or what.is_digest else receipt.size
            entry = Entry(value, begun.at, size)
            # Another has begun since, or a write came between: this one is not the newest.
            if self._begun.get(key) is begun:
                self._keep(what, key, entry, None if size is None else receipt.only)
            return entry
        finally:
            # A connection dialled here keeps this context, and so the receipt, while it lives.
            receipt.only = None
            if self._begun.get(key) is begun:
                del self._begun[key]
