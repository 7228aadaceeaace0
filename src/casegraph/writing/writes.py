"""The front of this room: a mutation comes in as a wish, and always goes out as an outcome.

    wish → once per clientMutationId → detached from its client → one writer → look, write, look
         → what was kept is dropped → audit line

Invariant: whatever happens to the request, a write that has begun ends, is made known to what keeps
data, and leaves its audit line.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from casegraph.errors import CasegraphError
from casegraph.linking.identity import CaseKey
from casegraph.upstreams.action_management.records import Case, ProgramList, Role
from casegraph.upstreams.ratings.records import Rating
from casegraph.writing.aftermath import Aftermath, Unfailing
from casegraph.writing.audit import Audit
from casegraph.writing.case_writer import CaseWrite, CaseWriter
from casegraph.writing.changes import Change
from casegraph.writing.detached import Detached, Passage
from casegraph.writing.idempotency import IN_PROGRESS, Idempotency, Repeatable, Taken
from casegraph.writing.outcomes import Ending, ErrorCode, WriteError, WriteOutcome, refused, told
from casegraph.writing.rating_writes import RatingWrite, RatingWriter
from casegraph.writing.store import Store
from casegraph.writing.targets import ClearItem, Program, PutUsers, SetItem, Wanted
from casegraph.writing.versions import Versions

BULK_CONCURRENCY = 4
"""Cases of one bulk that are written at the same time: half of the upstream's places."""

T = TypeVar("T")

_log = logging.getLogger("casegraph.writing")


class ProgramReads(Protocol):
    """What the hub's program is read through."""

    async def program_lists(self, hub_id: str) -> tuple[ProgramList, ...]:
        """Return the hub's lists."""

    async def roles(self, hub_id: str) -> tuple[Role, ...]:
        """Return the hub's roles."""


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name a mutation is made, and what it reads the program through."""

    identity: str
    program: ProgramReads
    tenant: str = "none"
    """Whose systems are written, so that accounts that share a store have ids of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One mutation as its client wrote it; `fingerprint` is its whole input."""

    mutation: str
    fingerprint: bytes = field(repr=False)
    errors: tuple[WriteError, ...] = ()
    client_mutation_id: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWish(Wish):
    """A mutation of a case; `wanted` is None for its deletion, and where it could not be read."""

    key: CaseKey | None
    wanted: Wanted | None = None
    expected_version: str | None = None
    deletes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingWish(Wish):
    """A mutation of a rating, or the mailing of a request for one."""

    write: RatingWrite | None
    triggers: bool = False


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """How a mutation ended, and the object where it was read on the way."""

    ending: Ending
    found: T | None = None
    client_mutation_id: str | None = None


class Writes:
    """Everything that is written by this process."""

    def __init__(
        self,
        cases: CaseWriter,
        ratings: RatingWriter,
        store: Store,
        versions: Versions,
        aftermath: Aftermath,
        audit: Audit,
        idempotency: Idempotency | None = None,
    ) -> None:
        self.versions = versions
        self._cases = cases
        self._ratings = ratings
        self._store = store
        self._aftermath = Unfailing(aftermath)
        self._audit = audit
        self._idempotency = idempotency or Idempotency(store)
        self._detached = Detached()

    async def case(self, wish: CaseWish, asker: Asker) -> Result[Case]:
        """Make one mutation of a case."""
        key = wish.key
        if key is None:
            return Result(refused(wish.errors), None, wish.client_mutation_id)

        async def perform(passage: Passage) -> tuple[Ending, Case | None]:
            async def plan() -> tuple[tuple[Change, ...], list[WriteError]]:
                return await _planned(wish, key, asker)

            asked = CaseWrite(key, plan, wish.expected_version, wish.dry_run, wish.deletes)
            written = await self._cases.write(asked, passage)
            if written.ending.outcome not in _NOTHING_TRIED:
                drop = self._aftermath
                gone = wish.deletes and written.case is None
                await (drop.case_deleted(key) if gone else drop.case_written(key))
            return written.ending, written.case

        return await self._made(wish, asker, perform)

    async def rating(self, wish: RatingWish, asker: Asker) -> Result[Rating]:
        """Make one mutation of a rating."""
        write = wish.write
        if wish.errors or write is None:
            return Result(refused(wish.errors), None, wish.client_mutation_id)

        async def perform(passage: Passage) -> tuple[Ending, Rating | None]:
            ending: Ending
            rating: Rating | None = None
            if wish.triggers:
                ending = await self._ratings.trigger(write.case_id, passage, dry_run=write.dry_run)
            else:
                way = self._ratings.add if write.rating_id is None else self._ratings.update
                written = await way(write, passage)
                ending, rating = written.ending, written.rating
            if ending.outcome not in _NOTHING_TRIED:
                await self._aftermath.ratings_written(write.case_id, write.rating_id)
            return ending, rating

        return await self._made(wish, asker, perform)

    async def cases(
        self, wishes: Sequence[CaseWish], whole: Wish, asker: Asker
    ) -> list[Result[Case]] | Ending:
        """Make many mutations of cases, each with its own outcome; of one case, in their order.

        Returns an ending in their place where the bulk's own id was used with another input.
        """
        taken: Ending | Taken | None = None
        if whole.client_mutation_id is not None and not whole.dry_run:
            taken = await self._idempotency.take(_repeatable(whole, asker))
            if isinstance(taken, Ending):
                return taken
        results = await self._each(wishes, asker)
        if isinstance(taken, Taken) and not any(each.ending.is_settled for each in results):
            await self._idempotency.give_back(taken)
        return results

    async def _each(self, wishes: Sequence[CaseWish], asker: Asker) -> list[Result[Case]]:
        places = asyncio.Semaphore(BULK_CONCURRENCY)
        results: dict[int, Result[Case]] = {}
        by_case: dict[CaseKey | int, list[int]] = {}
        for index, wish in enumerate(wishes):
            by_case.setdefault(index if wish.key is None else wish.key, []).append(index)

        async def in_order(indexes: list[int]) -> None:
            for index in indexes:
                async with places:
                    results[index] = await self.case(wishes[index], asker)

        async with asyncio.TaskGroup() as group:
            for indexes in by_case.values():
                group.create_task(in_order(indexes))
        return [results[index] for index in range(len(wishes))]

    async def close(self) -> None:
        """Let what is being written end, then let go of the store."""
        await self._detached.close()
        await self._store.close()

    async def _made(
        self,
        wish: Wish,
        asker: Asker,
        perform: Callable[[Passage], Awaitable[tuple[Ending, Any]]],
    ) -> Result[Any]:
        """Make a mutation once, detached from its client, and tell of it."""

        async def work(passage: Passage) -> Result[Any]:
            found: list[Any] = []

            async def first() -> Ending:
                try:
                    ending, thing = await perform(passage)
                except Exception as error:
                    if not passage.has_begun:
                        raise
                    _log.error("a write broke off", exc_info=error)
                    return _BROKEN
                found.append(thing)
                return ending

            if wish.client_mutation_id is None or wish.dry_run:
                ending = await first()
            else:
                ending = await self._idempotency.once(_repeatable(wish, asker), first, passage)
            self._audit.tell(
                wish.mutation, asker.identity, _asked(wish), ending, gone=passage.is_left
            )
            return Result(ending, found[0] if found else None, wish.client_mutation_id)

        def late(passage: Passage) -> Result[Any]:
            return Result(_late(passage), None, wish.client_mutation_id)

        return await self._detached.run(work, late)


_BROKEN = Ending(
    outcome=WriteOutcome.UNKNOWN,
    errors=(
        WriteError(
            ErrorCode.OUTCOME_UNKNOWN,
            "The gateway failed while the change was being written; read the object to see it.",
        ),
    ),
)
_NOTHING_TRIED = frozenset({WriteOutcome.REFUSED, WriteOutcome.PLANNED})


async def _planned(
    wish: CaseWish, key: CaseKey, asker: Asker
) -> tuple[tuple[Change, ...], list[WriteError]]:
    """Return the changes of a wish, or every reason why there are none."""
    errors = list(wish.errors)
    if wish.wanted is None:
        return (), errors
    try:
        program = await _program(wish.wanted, key.hub_id, asker.program)
    except CasegraphError as error:
        return (), [*errors, told(error, "hubId")]
    changes = wish.wanted.changes(program, errors)
    return changes, errors


async def _program(wanted: Wanted, hub_id: str, reads: ProgramReads) -> Program:
    match wanted:
        case SetItem() | ClearItem():
            return Program(lists=await reads.program_lists(hub_id))
        case PutUsers():
            return Program(roles=await reads.roles(hub_id))
        case _:
            return Program()


def _repeatable(wish: Wish, asker: Asker) -> Repeatable:
    mutation = wish.mutation.encode() + b"\x00" + wish.fingerprint
    whose = f"{asker.tenant}:{asker.identity}"
    return Repeatable(whose, wish.client_mutation_id or "", mutation)


def _asked(wish: Wish) -> list[str]:
    """Return the fields that a wish names, for an audit line of a write without a difference."""
    match wish:
        case CaseWish(deletes=True):
            return ["case"]
        case RatingWish(write=RatingWrite(values=values)):
            return sorted(values)
        case _:
            return []


def _late(passage: Passage) -> Ending:
    if passage.waits_for_first:
        return IN_PROGRESS
    if not passage.has_begun:
        text = "There was no time left to make this change; nothing was written."
        error = WriteError(ErrorCode.DEADLINE_EXCEEDED, text, retryable=True)
        return Ending(outcome=WriteOutcome.NOT_APPLIED, errors=(error,))
    text = (
        "The change is still being written. Ask again with the same clientMutationId, or read the"
        " object, to see how it ended; the gateway's audit log has it under the request's id."
    )
    error = WriteError(ErrorCode.OUTCOME_UNKNOWN, text)
    return Ending(outcome=WriteOutcome.UNKNOWN, errors=(error,))
