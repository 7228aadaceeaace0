"""Action Management as functions: one per endpoint of the reference page (E1 to E9), plus the hubs.

Reads return records; the case document, which a later PUT must send back whole, is returned member
by member as the very bytes the vendor sent, so that no number is rounded and nothing unknown lost.
Invariant: addresses inside answers are never followed; hub and case ids are int32 or refused.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from casegraph.transport.calls import Effect, Reply
from casegraph.upstreams.action_management.note_rows import (
    NoteRow,
    NoteRows,
    read_rows,
    read_rows_strictly,
    rows_of,
)
from casegraph.upstreams.action_management.records import (
    Case,
    CasePage,
    Hub,
    Hubs,
    Note,
    NotePage,
    ProgramList,
    ProgramLists,
    Role,
    Roles,
    stamp_case,
)
from casegraph.upstreams.base import Operation, Rest, if_match, strong_etag
from casegraph.upstreams.decode import UNREAD, Shape, Where
from casegraph.upstreams.paths import Segment, int32

CASE_QUERY = Operation("case_query", Effect.READ, "POST", "/hubs/{hub}/cases/query")
CASE = Operation("case", Effect.READ, "GET", "/hubs/{hub}/cases/{case}")
# Repeated after a pause it would undo what others did meanwhile: the writer looks again first.
CASE_PUT = Operation("case_put", Effect.ONCE, "PUT", "/hubs/{hub}/cases/{case}")
CASE_DELETE = Operation("case_delete", Effect.ONCE, "DELETE", "/hubs/{hub}/cases/{case}")
CASE_NOTES = Operation("case_notes", Effect.READ, "GET", "/hubs/{hub}/cases/{case}/notes")
CASE_NOTE = Operation("case_note", Effect.READ, "GET", "/hubs/{hub}/cases/{case}/notes/{note}")
HUB_NOTES = Operation("hub_notes", Effect.READ, "GET", "/hubs/{hub}/notes")
LISTS = Operation("lists", Effect.READ, "GET", "/hubs/{hub}/lists")
ROLES = Operation("roles", Effect.READ, "GET", "/hubs/{hub}/roles")
HUBS = Operation("hubs", Effect.READ, "GET", "/hubs")
TOKEN = Operation("token", Effect.READ, "POST", "")
"""Made by the token layer (see token.py); asking for a token twice does no harm."""
OPERATIONS = (
    CASE_QUERY, CASE, CASE_PUT, CASE_DELETE, CASE_NOTES, CASE_NOTE, HUB_NOTES, LISTS, ROLES, HUBS,
    TOKEN,
)  # fmt: skip

CASE_PAGE_MAX = 100
"""Largest `top` of the case query (contract §4.1)."""
NOTE_PAGE_MAX = 1000
"""Largest `top` of the hub's notes (contract §3, E7)."""

R = TypeVar("R", bound=msgspec.Struct)

_CASE = Shape[Case](Case)
_CASE_PAGE = Shape[CasePage](CasePage)
_MEMBERS = Shape[dict[str, msgspec.Raw]](dict[str, msgspec.Raw])
_NOTE = Shape[Note](Note)
_NOTE_PAGE = Shape[NotePage](NotePage)
_LISTS = Shape[ProgramLists](ProgramLists)
_ROLES = Shape[Roles](Roles)
_HUBS = Shape[Hubs](Hubs)


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Body of E1. `order_by` is the vendor's property name; None leaves the vendor's order."""

    top: int
    skip: int = 0
    order_by: str | None = None
    ascending: bool = False
    filters: Any = None

    def body(self) -> dict[str, Any]:
        """Return the JSON body; `filters` are the caller's own, untouched."""
        body: dict[str, Any] = {"top": self.top, "skip": self.skip}
        if self.order_by is not None:
            body["orderBy"] = {"property": self.order_by}
            body["orderByAscending"] = self.ascending
        if self.filters is not None:
            body["filters"] = self.filters
        return body


@dataclass(frozen=True, slots=True)
class CaseDocument:
    """A case as the vendor's own object, and the record that can be read from it."""

    case: Case
    members: Mapping[str, msgspec.Raw] = field(repr=False)
    """The object's members, each as the bytes it came in."""
    etag: str | None = None
    """What If-Match takes; None where the vendor sent none that is strong."""


class ActionManagement:
    """The client. Every method raises InvalidArgument for a bad id and UpstreamError otherwise."""

    def __init__(self, rest: Rest, hubs: Rest) -> None:
        self._rest = rest
        self._hubs = hubs

    async def case_query(self, hub_id: str, query: CaseQuery) -> CasePage:
        """E1: one page of cases in list form."""
        ids = _hub(hub_id)
        reply = await self._rest.call(CASE_QUERY, ids, body=query.body())
        return _listed(self._rest.read(CASE_QUERY, _CASE_PAGE, reply), ids)

    async def case(self, hub_id: str, case_id: str) -> Case:
        """E2: one case with its details."""
        ids = _case(hub_id, case_id)
        reply = await self._rest.call(CASE, ids)
        return _detailed(self._rest.read(CASE, _CASE, reply), ids)

    async def case_document(self, hub_id: str, case_id: str) -> CaseDocument:
        """E2 as the vendor's own object, to be changed and put back whole."""
        ids = _case(hub_id, case_id)
        reply = await self._rest.call(CASE, ids)
        members = self._rest.read(CASE, _MEMBERS, reply)
        case = _detailed(self._rest.read(CASE, _CASE, reply), ids)
        return CaseDocument(case, members, strong_etag(reply.headers.get("etag")))

    async def case_put(
        self, hub_id: str, case_id: str, document: Mapping[str, Any], etag: str | None = None
    ) -> None:
        """E3: replace the case's writable part; the answer's body is optional and not read.

        With an `etag`, only if the case is still the one that had it; raises UpstreamConflict.
        """
        headers = if_match(etag)
        ids = _case(hub_id, case_id)
        await self._rest.call(CASE_PUT, ids, body=document, more_headers=headers)

    async def case_delete(self, hub_id: str, case_id: str, etag: str | None = None) -> None:
        """E4: delete the case; with an `etag`, only if it is still the one that had it."""
        await self._rest.call(CASE_DELETE, _case(hub_id, case_id), more_headers=if_match(etag))

    async def case_notes(self, hub_id: str, case_id: str) -> tuple[Note, ...]:
        """E5: all notes of a case; the vendor knows no pages here."""
        ids = _case(hub_id, case_id)
        reply = await self._rest.call(CASE_NOTES, ids)
        return _stamped(self._rest.read(CASE_NOTES, _NOTE_PAGE, reply).items, ids)

    async def case_note(self, hub_id: str, case_id: str, note_id: str) -> Note:
        """E6: one note."""
        ids = {**_case(hub_id, case_id), "note": int32("noteId", note_id)}
        reply = await self._rest.call(CASE_NOTE, ids)
        note = self._rest.read(CASE_NOTE, _NOTE, reply)
        return _stamped((note,), ids)[0]

    async def hub_notes(
        self,
        hub_id: str,
        *,
        start: datetime | None,
        end: datetime | None,
        top: int = NOTE_PAGE_MAX,
        skip: int = 0,
    ) -> NotePage:
        """E7: one page of the hub's notes by modified date, both bounds inclusive.

        At least one bound is needed and start must lie before end, or the vendor answers 400.
        """
        ids = _hub(hub_id)
        reply = await self._hub_notes(ids, start, end, top, skip)
        page = self._rest.read(HUB_NOTES, _NOTE_PAGE, reply)
        _stamped(page.items, ids)
        return page

    async def hub_note_rows(
        self, hub_id: str, *, start: datetime, top: int = NOTE_PAGE_MAX, skip: int = 0
    ) -> NoteRows:
        """E7 from a moment on, for who will want few of the notes: see `read_note_rows`."""
        reply = await self._hub_notes(_hub(hub_id), start, None, top, skip)
        with self._rest.reading(HUB_NOTES) as where:
            return rows_of(reply.body, where)

    async def read_note_rows(self, hub_id: str, rows: Iterable[NoteRow]) -> tuple[Note, ...]:
        """Return rows of the hub's notes as notes: no call, but a turn for others first."""
        hub = str(_hub(hub_id)["hub"])
        await asyncio.sleep(0)
        wanted = tuple(rows)
        try:
            return read_rows_strictly(wanted, hub)
        except UNREAD:
            with self._rest.reading(HUB_NOTES) as where:
                return read_rows(wanted, hub, where)

    async def _hub_notes(
        self,
        ids: Mapping[str, Segment],
        start: datetime | None,
        end: datetime | None,
        top: int,
        skip: int,
    ) -> Reply:
        query = [("top", str(top)), ("skip", str(skip))]
        if start is not None:
            query.append(("dateModifiedStart", _moment(start)))
        if end is not None:
            query.append(("dateModifiedEnd", _moment(end)))
        return await self._rest.call(HUB_NOTES, ids, query)

    async def program_lists(self, hub_id: str) -> tuple[ProgramList, ...]:
        """E8: all program lists of the hub."""
        ids = _hub(hub_id)
        reply = await self._rest.call(LISTS, ids)
        return _stamped(self._rest.read(LISTS, _LISTS, reply).items, ids)

    async def roles(self, hub_id: str) -> tuple[Role, ...]:
        """E9: all roles of the hub."""
        ids = _hub(hub_id)
        reply = await self._rest.call(ROLES, ids)
        return _stamped(self._rest.read(ROLES, _ROLES, reply).items, ids)

    async def hubs(self) -> tuple[Hub, ...]:
        """Return the hubs that the credentials may see (Hubs API)."""
        reply = await self._hubs.call(HUBS)
        return self._hubs.read(HUBS, _HUBS, reply).items


def reread_page(body: bytes, hub_id: str, where: Where) -> CasePage:
    """Return E1's body as `case_query` has; raises ContractViolation where that did."""
    return _listed(_CASE_PAGE.read(body, where), _hub(hub_id))


def reread_case(body: bytes, hub_id: str, where: Where) -> Case:
    """Return E2's body as `case` has; raises ContractViolation where that did."""
    return _detailed(_CASE.read(body, where), _hub(hub_id))


def _listed(page: CasePage, ids: Mapping[str, Segment]) -> CasePage:
    hub = str(ids["hub"])
    for case in page.items:
        stamp_case(case, hub, detailed=False)
    return page


def _detailed(case: Case, ids: Mapping[str, Segment]) -> Case:
    return stamp_case(case, str(ids["hub"]), detailed=True)


def _hub(hub_id: str) -> dict[str, Segment]:
    return {"hub": int32("hubId", hub_id)}


def _case(hub_id: str, case_id: str) -> dict[str, Segment]:
    return {"hub": int32("hubId", hub_id), "case": int32("caseId", case_id)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _stamped(records: tuple[R, ...], ids: Mapping[str, Segment]) -> tuple[R, ...]:
    stamp, hub = msgspec.structs.force_setattr, str(ids["hub"])
    for record in records:
        stamp(record, "hub_id", hub)
    return records
