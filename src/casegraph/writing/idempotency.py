"""The first outcome, for whoever repeats a mutation under the same `clientMutationId`.

None of the vendors takes an idempotency key, so this is the only guard, and only as wide as its
store: one process with a memory store, all that share a Redis otherwise. A mutation is claimed
before it begins, and its outcome takes the claim's place. A claim whose process died says that
nobody knows, for as long as an outcome would have stood.
Invariant: fails closed: where the store cannot say, a keyed mutation is refused. Neither the id nor
the input is kept: the id as a digest, the input as one keyed with a salt of its own.
"""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from casegraph.errors import DeadlineExceeded
from casegraph.transport.deadline import in_time
from casegraph.writing.detached import Passage
from casegraph.writing.leftovers import Leftovers
from casegraph.writing.outcomes import Ending, ErrorCode, WriteError, WriteOutcome, refused
from casegraph.writing.store import Store, StoreUnavailable

KEPT_SECONDS = 86_400.0
"""How long an outcome stands: the issue's figure, and what Stripe keeps at least."""
RUNNING_SECONDS = 60.0
"""After so long a claim without an outcome is a dead process's: twice a request's cap."""
ID_MAX = 200
"""Longest id, in characters."""
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.2

_log = logging.getLogger("casegraph.idempotency")


class _Entry(msgspec.Struct, frozen=True):
    """A claim, or the outcome in its place."""

    salt: bytes
    fingerprint: bytes
    started: float
    """Seconds since 1970."""
    ending: Ending | None = None

    def is_for(self, mutation: bytes) -> bool:
        return hmac.compare_digest(_fingerprint(self.salt, mutation), self.fingerprint)


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A mutation that may be repeated: whose, under which id, and all of its input as bytes."""

    identity: str
    client_mutation_id: str
    mutation: bytes

    def __repr__(self) -> str:
        """Tell nothing: the input may hold a secret."""
        return "Repeatable(...)"

    @property
    def key(self) -> str:
        """The key of the entry."""
        whole = msgspec.json.encode([self.identity, self.client_mutation_id])
        return f"outcome:{sha256(whole).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Taken:
    """An id that stands for one input; the value is None where an equal input had it before."""

    key: str
    value: bytes | None = field(repr=False)


class Idempotency:
    """Lets each keyed mutation happen once."""

    def __init__(
        self,
        store: Store,
        *,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._leftovers = Leftovers(store)
        self._wall = wall
        self._sleep = sleep

    async def once(
        self,
        asked: Repeatable,
        perform: Callable[[], Awaitable[Ending]],
        passage: Passage | None = None,
    ) -> Ending:
        """Return what `perform` returns, or the first outcome if there has been one.

        The passage tells, when `perform` breaks off, whether anything may have been sent; it is
        told while an equal mutation is being waited for.
        """
        passage = passage or Passage()
        salt = secrets.token_bytes(16)
        claim = _Entry(salt, _fingerprint(salt, asked.mutation), self._wall())
        mine = msgspec.json.encode(claim)
        try:
            found = await self._claim(asked, mine, passage)
        except StoreUnavailable:
            await self._free(asked.key, mine)  # the claim may have arrived all the same
            return _UNAVAILABLE
        except DeadlineExceeded:
            return IN_PROGRESS
        except asyncio.CancelledError:
            self._leftovers.remember(asked.key, mine)
            raise
        if found is not None:
            return found
        try:
            ending = await perform()
        except BaseException:
            if not passage.has_begun:
                await self._free(asked.key, mine)
            raise
        if not ending.is_settled:
            await self._free(asked.key, mine)
            return ending
        await self._settle(asked.key, mine, msgspec.structs.replace(claim, ending=ending))
        return ending

    async def take(self, asked: Repeatable) -> Ending | Taken:
        """Claim an id for one input and no outcome; return why not if another input has it."""
        salt = secrets.token_bytes(16)
        claim = _Entry(salt, _fingerprint(salt, asked.mutation), self._wall())
        mine = msgspec.json.encode(claim)
        try:
            found = await self._leftovers.claim(asked.key, mine, KEPT_SECONDS)
        except StoreUnavailable:
            await self._free(asked.key, mine)  # the claim may have arrived all the same
            return _UNAVAILABLE
        if found is None:
            return Taken(asked.key, mine)
        entry = _read(found)
        is_equal = entry is not None and entry.is_for(asked.mutation)
        return Taken(asked.key, None) if is_equal else _OTHER_INPUT

    async def give_back(self, taken: Taken) -> None:
        """Free an id under which nothing was written, unless an equal input had it before."""
        if taken.value is not None:
            await self._free(taken.key, taken.value)

    async def _claim(self, asked: Repeatable, mine: bytes, passage: Passage) -> Ending | None:
        """Return the first outcome, or None when the claim is ours."""
        wait = _FIRST_WAIT
        while True:
            found = await self._leftovers.claim(asked.key, mine, KEPT_SECONDS)
            if found is None:
                passage.waits_for_first = False
                return None
            entry = _read(found)
            if entry is None or not entry.is_for(asked.mutation):
                return _OTHER_INPUT
            if entry.ending is not None:
                return msgspec.structs.replace(entry.ending, is_repeated=True)
            if self._wall() - entry.started > RUNNING_SECONDS:
                return _ABANDONED
            passage.waits_for_first = True
            await in_time(self._sleep(wait), "gateway", "write")
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _settle(self, key: str, mine: bytes, entry: _Entry) -> None:
        value = msgspec.json.encode(entry)
        for wait in (_FIRST_WAIT, _LONGEST_WAIT, 0.0):
            try:
                if not await self._store.swap(key, mine, value, KEPT_SECONDS):
                    # The store lost the claim meanwhile; without it a repeat would write again.
                    await self._store.claim(key, value, KEPT_SECONDS)
            except StoreUnavailable:
                await self._sleep(wait)
            else:
                return
        _log.warning("an outcome could not be kept: repeated, it will be unknown")

    async def _free(self, key: str, mine: bytes) -> None:
        if not await self._leftovers.drop(key, mine):
            _log.warning("a claim could not be freed yet: repeated, its outcome may be unknown")


def _fingerprint(salt: bytes, mutation: bytes) -> bytes:
    return hmac.digest(salt, mutation, "sha256")


def _read(value: bytes) -> _Entry | None:
    try:
        return msgspec.json.decode(value, type=_Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_PATH = ("input", "clientMutationId")
_OTHER_INPUT = refused(
    [
        WriteError(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This clientMutationId was used with another input in the last 24 hours;"
            " nothing was written.",
            _PATH,
        )
    ]
)
_UNAVAILABLE = refused(
    [
        WriteError(
            ErrorCode.IDEMPOTENCY_UNAVAILABLE,
            "Whether this mutation was made before cannot be told just now, so it was not made;"
            " try again, or leave out clientMutationId.",
            _PATH,
            retryable=True,
        )
    ]
)
IN_PROGRESS = Ending(
    outcome=WriteOutcome.UNKNOWN,
    errors=(
        WriteError(
            ErrorCode.IN_PROGRESS,
            "The same mutation is still under way; ask again with this clientMutationId.",
            _PATH,
            retryable=True,
        ),
    ),
)
_ABANDONED = Ending(
    outcome=WriteOutcome.UNKNOWN,
    errors=(
        WriteError(
            ErrorCode.OUTCOME_UNKNOWN,
            "This mutation was begun before and nobody knows how it ended; read the object, then"
            " use another clientMutationId if it is still needed.",
            _PATH,
        ),
    ),
    is_repeated=True,
)
