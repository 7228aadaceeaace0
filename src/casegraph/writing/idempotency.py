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
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from casegraph.errors import DeadlineExceeded
from casegraph.transport.deadline import in_time
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
        self._wall = wall
        self._sleep = sleep

    async def once(
        self,
        asked: Repeatable,
        perform: Callable[[], Awaitable[Ending]],
        has_begun: Callable[[], bool] = lambda: False,
    ) -> Ending:
        """Return what `perform` returns, or the first outcome if there has been one.

        `has_begun` tells, when `perform` breaks off, whether anything may have been sent.
        """
        salt = secrets.token_bytes(16)
        claim = _Entry(salt, _fingerprint(salt, asked.mutation), self._wall())
        mine = msgspec.json.encode(claim)
        try:
            found = await self._claim(asked, mine)
        except StoreUnavailable:
            await self._free(asked.key, mine)  # the claim may have arrived all the same
            return _UNAVAILABLE
        except DeadlineExceeded:
            return _IN_PROGRESS
        if found is not None:
            return found
        try:
            ending = await perform()
        except BaseException:
            if not has_begun():
                await self._free(asked.key, mine)
            raise
        if not ending.is_settled:
            await self._free(asked.key, mine)
            return ending
        await self._settle(asked.key, mine, msgspec.structs.replace(claim, ending=ending))
        return ending

    async def is_first(self, asked: Repeatable) -> Ending | None:
        """Claim an id for one input and no outcome; return why not, None if it is free or equal."""
        salt = secrets.token_bytes(16)
        claim = _Entry(salt, _fingerprint(salt, asked.mutation), self._wall())
        try:
            found = await self._store.claim(asked.key, msgspec.json.encode(claim), KEPT_SECONDS)
        except StoreUnavailable:
            return _UNAVAILABLE
        entry = None if found is None else _read(found)
        return None if found is None or (entry and entry.is_for(asked.mutation)) else _OTHER_INPUT

    async def _claim(self, asked: Repeatable, mine: bytes) -> Ending | None:
        """Return the first outcome, or None when the claim is ours."""
        wait = _FIRST_WAIT
        while True:
            found = await self._store.claim(asked.key, mine, KEPT_SECONDS)
            if found is None:
                return None
            entry = _read(found)
            if entry is None or not entry.is_for(asked.mutation):
                return _OTHER_INPUT
            if entry.ending is not None:
                return msgspec.structs.replace(entry.ending, is_repeated=True)
            if self._wall() - entry.started > RUNNING_SECONDS:
                return _ABANDONED
            await in_time(self._sleep(wait), "gateway", "write")
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _settle(self, key: str, mine: bytes, entry: _Entry) -> None:
        value = msgspec.json.encode(entry)
        for wait in (_FIRST_WAIT, _LONGEST_WAIT, 0.0):
            try:
                await self._store.swap(key, mine, value, KEPT_SECONDS)
            except StoreUnavailable:
                await self._sleep(wait)
            else:
                return
        _log.warning("an outcome could not be kept: repeated, it will be unknown")

    async def _free(self, key: str, mine: bytes) -> None:
        try:
            await self._store.drop(key, mine)
        except StoreUnavailable:
            _log.warning("a claim could not be freed: repeated, its outcome will be unknown")


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
_IN_PROGRESS = Ending(
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
