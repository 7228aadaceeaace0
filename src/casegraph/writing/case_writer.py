"""One change of one case: look, check, look again, write, look back, compare.

The vendor replaces whole cases and knows no versions. So a case is read past every cache, changed
only where asked, read once more just before the write, and read back after it. What others did
between the looks is a conflict and is not written over; what they did after the write is told.
There remains the moment between the vendor's answer to the last look and its taking of the write:
a writer outside all gateways that hits it is overwritten, unless the vendor sends strong ETags.
Invariants: nothing is sent twice; an outcome is only called certain after a look; a document that
is put back is the one that was read last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from casegraph.errors import (
    CasegraphError,
    ContractViolation,
    OutcomeUnknown,
    UpstreamConflict,
    UpstreamError,
    UpstreamNotFound,
)
from casegraph.linking.identity import CaseKey
from casegraph.upstreams.action_management.client import CaseDocument
from casegraph.upstreams.action_management.records import Case, ProgramListType
from casegraph.writing.changes import Change, SetListValue, apply_all, fields_of
from casegraph.writing.conflicts import Conflicts
from casegraph.writing.detached import Passage
from casegraph.writing.documents import Document
from casegraph.writing.fields import (
    UNREADABLE,
    Snapshot,
    changes,
    differing,
    snapshot_of,
    violation_at,
)
from casegraph.writing.leases import Hold, OneWriter
from casegraph.writing.outcomes import (
    Conflict,
    Ending,
    ErrorCode,
    WriteError,
    WriteOutcome,
    failed,
    not_found,
    refused,
    told,
)

SETTLE_SECONDS = (0.1, 0.4)
"""Waits before looking again for a write that nobody confirmed: a vendor that gave up on itself may
still be at it."""


class CaseVendor(Protocol):
    """What is used of the vendor's client."""

    async def case_document(self, hub_id: str, case_id: str) -> CaseDocument:
        """Return the case as the vendor's own object."""

    async def case_put(
        self, hub_id: str, case_id: str, document: Mapping[str, Any], etag: str | None = None
    ) -> None:
        """Replace the case."""

    async def case_delete(self, hub_id: str, case_id: str, etag: str | None = None) -> None:
        """Delete the case."""


Plan = Callable[[], Awaitable[tuple[tuple[Change, ...], list[WriteError]]]]
"""Returns the changes, or every reason why there are none; asked while the case is being read."""


@dataclass(frozen=True, slots=True)
class CaseWrite:
    """A change that is wanted; `deletes` wants the case gone instead."""

    key: CaseKey
    plan: Plan
    expected_version: str | None = None
    dry_run: bool = False
    deletes: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """How a write ended, and the case as it was read last; None where it was not, or is gone."""

    ending: Ending
    case: Case | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """A case as it was read, its writable part, and what it is to become."""

    found: CaseDocument
    seen: Snapshot
    planned: Document
    wanted: Snapshot
    closes: bool
    reopens: bool

    @property
    def asked(self) -> tuple[str, ...]:
        """The fields that are to change."""
        return differing(self.seen, self.wanted)


class CaseWriter:
    """Writes cases, one at a time each."""

    def __init__(
        self,
        vendor: Callable[[], CaseVendor],
        one_writer: OneWriter,
        conflicts: Conflicts,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take a function for the vendor's client: it raises where none is configured."""
        self._vendor = vendor
        self._one_writer = one_writer
        self._conflicts = conflicts
        self._sleep = sleep

    async def write(self, asked: CaseWrite, passage: Passage) -> Written:
        """Make one change; never raises an error of ours."""
        key = asked.key
        try:
            async with self._one_writer.hold("action_management", key.hub_id, key.case_id) as hold:
                written = await self._held(asked, passage, hold)
        except CasegraphError as error:
            ending = Ending(outcome=failed(error), errors=(told(error),), object_key=_ids(key))
            return Written(ending)
        return written

    async def _held(self, asked: CaseWrite, passage: Passage, hold: Hold) -> Written:
        found, planned = await asyncio.gather(self._look(asked.key), asked.plan())
        changes_, errors = planned
        if found is None:
            errors.insert(0, not_found("There is no such case.", "caseId"))
        if errors or found is None:
            return Written(refused(errors, _ids(asked.key)), None if found is None else found.case)
        look = _applied(found, changes_)
        without_write = await self._without_write(asked, look, changes_)
        if without_write is not None:
            return without_write
        if not await hold.confirm():
            return Written(_lost_before(asked.key), found.case)
        again = await self._look(asked.key)
        if again is None:
            return _conflicting(asked.key, self._conflicts.gone(), None)
        last = _applied(again, changes_)
        if differing(look.seen, last.seen):
            conflict = self._conflicts.between(look.seen, last.seen, look.wanted, look.asked)
            return _conflicting(asked.key, conflict, again.case)
        passage.begin()
        written = await self._sent(asked, last)
        if await hold.confirm():
            return written
        return Written(_with_error(written.ending, _LOST_AFTER), written.case)

    async def _without_write(
        self, asked: CaseWrite, look: _Look, wanted: tuple[Change, ...]
    ) -> Written | None:
        """Return how a change ends that needs no write, or must not have one.

        Raises ContractViolation where the change is about a part that cannot be read.
        """
        case = look.found.case
        if asked.expected_version is not None:
            conflict = await self._conflicts.with_version(
                asked.key, asked.expected_version, look.seen, look.wanted, look.asked
            )
            if conflict is not None:
                return _conflicting(asked.key, conflict, case)
        _check_readable(look, wanted)
        if asked.dry_run:
            return Written(self._ending(WriteOutcome.PLANNED, asked, look), case)
        if not look.asked and not asked.deletes:
            return Written(self._ending(WriteOutcome.UNCHANGED, asked, look), case)
        return None

    async def _look(self, key: CaseKey) -> CaseDocument | None:
        try:
            return await self._vendor().case_document(key.hub_id, key.case_id)
        except UpstreamNotFound:
            return None

    async def _sent(self, asked: CaseWrite, look: _Look) -> Written:
        """Send the write, once, and find out what has become of it."""
        key, etag = asked.key, look.found.etag
        try:
            if asked.deletes:
                await self._vendor().case_delete(key.hub_id, key.case_id, etag)
            else:
                members = look.planned.members
                await self._vendor().case_put(key.hub_id, key.case_id, members, etag)
        except UpstreamConflict:
            return await self._refused_as_changed(asked, look)
        except (OutcomeUnknown, ContractViolation) as error:
            return await self._looked_back(asked, look, error)
        except UpstreamNotFound:
            if asked.deletes:
                return await self._looked_back(asked, look, None)
            return _conflicting(key, self._conflicts.gone(), None)
        except UpstreamError as error:
            ending = self._ending(failed(error), asked, look, told(error))
            return Written(ending, look.found.case)
        return await self._looked_back(asked, look, None)

    async def _looked_back(
        self, asked: CaseWrite, look: _Look, doubt: UpstreamError | None
    ) -> Written:
        """Read the case back and compare; where nothing shows, look again before saying so."""
        for wait in (*SETTLE_SECONDS, None):
            try:
                found = await self._look(asked.key)
            except CasegraphError as error:
                return Written(self._ending(WriteOutcome.UNKNOWN, asked, look, _unknown(error)))
            written = self._compared(asked, look, found)
            if written is not None or wait is None:
                break
            await self._sleep(wait)
        if written is not None:
            return written
        case = None if found is None else found.case
        return Written(self._ending(WriteOutcome.NOT_APPLIED, asked, look, _nothing(doubt)), case)

    def _compared(
        self, asked: CaseWrite, look: _Look, found: CaseDocument | None
    ) -> Written | None:
        """Return what a look after the write shows; None where it shows nothing of the write."""
        if asked.deletes:
            ending = self._ending(WriteOutcome.APPLIED, asked, look)
            return Written(ending) if found is None else None
        if found is None:
            return _conflicting(asked.key, self._conflicts.gone(after=True), None)
        now = snapshot_of(found.case)
        if not differing(look.seen, now):
            return None
        others = differing(look.wanted, now)
        if not others:
            return Written(self._ending(WriteOutcome.APPLIED, asked, look), found.case)
        conflict = self._conflicts.between(
            look.wanted, now, look.wanted, look.asked, is_after_write=True
        )
        if set(others) & set(look.asked):
            return _conflicting(asked.key, conflict, found.case)
        ending = self._ending(WriteOutcome.APPLIED, asked, look, conflict=conflict)
        return Written(ending, found.case)

    async def _refused_as_changed(self, asked: CaseWrite, look: _Look) -> Written:
        """Tell of a change that the vendor itself has noticed; nothing was written."""
        found = await self._look(asked.key)
        if found is None:
            return _conflicting(asked.key, self._conflicts.gone(), None)
        now = snapshot_of(found.case)
        conflict = self._conflicts.between(look.seen, now, look.wanted, look.asked)
        return _conflicting(asked.key, conflict, found.case)

    def _ending(
        self,
        outcome: WriteOutcome,
        asked: CaseWrite,
        look: _Look,
        error: WriteError | None = None,
        conflict: Conflict | None = None,
    ) -> Ending:
        return Ending(
            outcome=outcome,
            errors=() if error is None else (error,),
            conflict=conflict,
            changes=changes(look.seen, look.wanted),
            object_key=_ids(asked.key),
            closes_case=look.closes,
            reopens_case=look.reopens,
        )


def _applied(found: CaseDocument, wanted: tuple[Change, ...]) -> _Look:
    planned = apply_all(Document(found.members), wanted)
    case = planned.case(found.case.hub_id)
    closes, reopens = _opening(found.case, wanted)
    seen = snapshot_of(found.case)
    return _Look(found, seen, planned, snapshot_of(case), closes=closes, reopens=reopens)


def _check_readable(look: _Look, wanted: tuple[Change, ...]) -> None:
    """Raise what keeps the changed parts unreadable: no look could tell whether they changed."""
    for field in (field for change in wanted for field in fields_of(change)):
        if UNREADABLE == look.seen.get(field) == look.wanted.get(field):
            violation = violation_at(look.found.case, field)
            if violation is not None:
                raise violation


def _opening(case: Case, wanted: tuple[Change, ...]) -> tuple[bool, bool]:
    """Return whether the changes close an open case, and whether they open a closed one."""
    status = [
        each.item.is_open
        for each in wanted
        if isinstance(each, SetListValue) and each.chosen.type is ProgramListType.STATUS
    ]
    return False in status and case.is_closed is False, True in status and case.is_closed is True


def _ids(key: CaseKey) -> tuple[str, ...]:
    return (key.hub_id, key.case_id)


def _conflicting(key: CaseKey, conflict: Conflict, case: Case | None) -> Written:
    ending = Ending(outcome=WriteOutcome.CONFLICT, conflict=conflict, object_key=_ids(key))
    return Written(ending, case)


def _with_error(ending: Ending, error: WriteError) -> Ending:
    return msgspec.structs.replace(ending, errors=(*ending.errors, error))


def _lost_before(key: CaseKey) -> Ending:
    error = WriteError(
        ErrorCode.LEASE_LOST,
        "Another gateway process took over this case before the write; nothing was written.",
        retryable=True,
    )
    return Ending(outcome=WriteOutcome.NOT_APPLIED, errors=(error,), object_key=_ids(key))


_LOST_AFTER = WriteError(
    ErrorCode.LEASE_LOST,
    "Another gateway process may have written this case at the same time; read it again.",
)


def _unknown(error: CasegraphError) -> WriteError:
    what = "The change was sent, and the case could not be read back to see it"
    return WriteError(
        ErrorCode.OUTCOME_UNKNOWN,
        f"{what}: {error} Read the case again, past every cache, before asking anew.",
        upstream="action_management",
    )


def _nothing(doubt: UpstreamError | None) -> WriteError:
    how = "took the change" if doubt is None else "did not confirm the change"
    return WriteError(
        ErrorCode.NOT_APPLIED,
        f"action_management {how}, and the case read back does not show it.",
        upstream="action_management",
        retryable=doubt is not None,
    )
