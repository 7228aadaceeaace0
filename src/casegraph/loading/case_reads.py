"""Cases, and notes by their ids and of hubs, as one request reads them.

A case that came with a list serves its back-links too; its details are asked only when somebody
selects a field that the list left out. Which calls bring them is chosen in `access`, all keys at
once.
Invariant: a key that does not exist is None, a key that could not be asked is an error.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import msgspec

from casegraph.errors import InvalidArgument, UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.cases import CasesById
from casegraph.loading.access.cost import Need, NeedKind
from casegraph.loading.access.each import Results
from casegraph.loading.access.per_hub import by_hub
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_filter import WALK_PAGES, CaseConditions, Passes, Place, scan
from casegraph.loading.freshness import Kind
from casegraph.loading.hub_notes import HubNotes, NoteWindow
from casegraph.loading.kept import What
from casegraph.loading.listing import Listing, Position, known, row_numbers, slice_after
from casegraph.loading.loader import Loader, each, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.telemetry import waterfall
from casegraph.transport.allowance import reserving
from casegraph.upstreams.action_management.client import (
    CASE_PAGE_MAX,
    CaseQuery,
    reread_case,
    reread_page,
)
from casegraph.upstreams.action_management.records import Case, CasePage, Note
from casegraph.upstreams.decode import Shape, Where, encode
from casegraph.upstreams.paths import int32, number_in

__all__ = ["CaseReads", "NoteKey", "NoteWindow"]

UPSTREAM = "action_management"

K = TypeVar("K")
V = TypeVar("V")


def _kept_as(
    kind: Kind,
    name: str,
    shape: object,
    records: Callable[[V], Iterable[object]],
    reread: Callable[[bytes, str, Where], V] | None = None,
) -> What[V]:
    where = Where(UPSTREAM, name)
    again = None if reread is None else lambda body, parts: reread(body, parts[0], where)
    decode = Shape[V](shape).read_strictly
    return What(UPSTREAM, kind, name, encode, decode, records, reread=again)


CASE: What[Case | None] = _kept_as(Kind.CASES, "case", Case, lambda case: (case,), reread_case)
CASE_PAGE: What[CasePage] = _kept_as(
    Kind.CASES, "case_query", CasePage, lambda page: page.items, reread_page
)
NOTE: What[Note | None] = _kept_as(Kind.NOTES, "case_note", Note, lambda note: (note,))


@dataclass(frozen=True, slots=True)
class NoteKey:
    """One note of one case."""

    case: CaseKey
    note_id: str


class CaseReads:
    """What one request reads of Action Management."""

    def __init__(
        self,
        sources: Sources,
        access: Access,
        asking: Asking,
        has_program: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking
        self._scope = asking.scope.parts(UPSTREAM)
        self._has_program = has_program
        self._detailed: set[CaseKey] = set()
        self._opened: dict[CaseKey, datetime] = {}

    @made_once
    def _hub_notes(self) -> HubNotes:
        return HubNotes(self._sources, self._access, self._asking)

    @made_once
    def _cases(self) -> Loader[CaseKey, Case | None]:
        return Loader(self._ask_cases)

    @made_once
    def _details(self) -> Loader[CaseKey, Case | None]:
        return Loader(self._ask_details)

    @made_once
    def _note(self) -> Loader[NoteKey, Note | None]:
        return Loader(one_by_one(self._ask_note))

    @made_once
    def _case_pages(self) -> "Loader[_CasePageKey, CasePage]":
        return Loader(one_by_one(self._ask_case_page))

    async def case(
        self, key: CaseKey, *, detailed: bool = False, alone: bool = False
    ) -> Case | None:
        """Return a case in whatever form is in hand, or ask for it.

        `detailed` says that details will be wanted; a list that leaves them out is then not asked.
        `alone` says that the request wants no other case just now, so that no loader is needed. Who
        watches the request has one all the same: what a task has chosen stands for all its calls.
        """
        if not detailed:
            return await self._cases.load(key)
        self._detailed.add(key)
        in_hand = self._cases.at_once(key)
        if in_hand is not None or _bad(key) is not None:
            return await self._cases.load(key)
        # No list is asked for it, so there is no choice to be made: one loader less, 9 µs. Where
        # nothing else is asked there is nothing to be asked together either: the other one less.
        is_needless = alone and waterfall.current_waterfall.get() is None
        case = await (self._ask_alone(key) if is_needless else self._details.load(key))
        self._cases.prime(key, case)
        return case

    async def case_by_id(
        self, key: CaseKey, *, detailed: bool = True, alone: bool = False
    ) -> Case | None:
        """Return a case that a client named, as `case` does; None where its hub has none such.

        Raises UpstreamNotFound when it is the hub that is missing: the vendor answers both alike.
        Links use `case`, because they try hubs that need not hold the case.
        """
        case = await self.case(key, detailed=detailed, alone=alone)
        if case is None:
            await self._need_program(key.hub_id, "case")
        return case

    async def _need_program(self, hub_id: str, operation: str) -> None:
        if not await self._has_program(hub_id):
            what = "no such hub, or it has no program"
            raise UpstreamNotFound(UPSTREAM, operation, what)

    async def details(self, key: CaseKey) -> Case | None:
        """Return a case with the fields that lists leave out."""
        return await self._details.load(key)

    async def cases_of(
        self, keys: Sequence[CaseKey], *, detailed: bool = False
    ) -> list[Case | BaseException | None]:
        """Return several cases as `case` does, each failure in its case's place."""
        if detailed:
            self._detailed.update(keys)
        return await self._cases.load_many(keys)

    async def details_of(self, keys: Sequence[CaseKey]) -> list[Case | BaseException | None]:
        """Return several cases as `details` does, each failure in its case's place."""
        return await self._details.load_many(keys)

    def opened(self, key: CaseKey) -> datetime | None:
        """Return when a case in hand was opened; None where that is not known."""
        return self._opened.get(key)

    async def note(self, key: NoteKey) -> Note | None:
        """Return one note; None where its case has none by this id, or its hub no such case.

        Raises UpstreamNotFound when it is the hub that is missing, as `case_by_id` does.
        """
        note = await self._note.load(key)
        if note is None:
            await self._need_program(key.case.hub_id, "case_note")
        return note

    async def note_list(
        self, hub_id: str, window: NoteWindow, first: int, after: Position | None
    ) -> Listing[Note]:
        """Return a page of a hub's notes, in the order in which they were last changed."""
        return await self._hub_notes.note_list(hub_id, window, first, after)

    async def case_list(
        self,
        hub_id: str,
        query: CaseQuery,
        conditions: CaseConditions | None,
        after: Position | None,
    ) -> Listing[Case]:
        """Return a page of a hub's cases; `query.top` rows at most, `query.skip` is not used."""
        offset = 0 if after is None else row_numbers(after, 1)[0]
        if conditions is None:
            return await self._plain_page(hub_id, replace(query, skip=offset))
        if not conditions.can_hold:
            return slice_after((), lambda case: str(case.case_id), query.top, None)
        return await self._walk(hub_id, query, conditions, offset)

    async def _plain_page(self, hub_id: str, query: CaseQuery) -> Listing[Case]:
        page = await self._case_page(hub_id, query)
        end = query.skip + len(page.items)
        return Listing(
            items=page.items,
            position=lambda index: (query.skip + index + 1,),
            has_next=known(bool(page.items) and end < page.total_count),
            has_previous=query.skip > 0,
            count=known(page.total_count),
        )

    async def _walk(
        self, hub_id: str, query: CaseQuery, conditions: CaseConditions, offset: int
    ) -> Listing[Case]:
        """Read the list page by page until enough cases pass, it ends, or the bound is met.

        Whether another case would pass may cost as many pages again, so that is left to be asked.
        """

        async def read(skip: int) -> CasePage:
            return await self._case_page(hub_id, replace(query, top=CASE_PAGE_MAX, skip=skip))

        # The vendor's own order is by creation, newest first (contract §4.1).
        ordered = query.order_by in {None, "dateCreated"}
        passes = Passes(conditions, ordered, query.ascending)
        walk = await scan(read, passes, Place(offset), query.top)

        async def has_next() -> bool:
            if walk.ended:
                return False
            ahead = await scan(read, passes, walk.place, 1, walk.ids())
            return bool(ahead.found) or not ahead.ended

        cut = not walk.ended and len(walk.found) < query.top
        reason = f"stopped after {WALK_PAGES} pages of {CASE_PAGE_MAX} cases; go on from endCursor"
        return Listing(
            items=[case for case, _ in walk.found],
            position=lambda index: (walk.found[index][1],),
            has_next=has_next,
            has_previous=offset > 0,
            count=known(len(walk.found) if offset == 0 and walk.ended else None),
            end=(walk.place.row,) if cut else None,
            incomplete_reason=reason if cut else None,
        )

    async def _case_page(self, hub_id: str, query: CaseQuery) -> CasePage:
        body = msgspec.json.encode(query.body(), order="deterministic")
        return await self._case_pages.load(_CasePageKey(hub_id, body, query))

    def _take(self, cases: Iterable[Case]) -> None:
        for case in cases:
            key = CaseKey(case.hub_id, str(case.case_id))
            self._cases.prime(key, case)
            if isinstance(case.created_at, datetime):
                self._opened[key] = case.created_at

    async def _ask_case_page(self, key: "_CasePageKey") -> CasePage:
        client, query = self._sources.action_management, key.query
        page = await self._access.kept.read(
            CASE_PAGE,
            (key.hub_id, key.body.decode()),
            lambda: client.case_query(key.hub_id, query),
            self._asking,
        )
        self._take(page.items)
        if not query.filters:
            self._learn(key.hub_id, query, page)
        return page

    def _learn(self, hub_id: str, query: CaseQuery, page: CasePage) -> None:
        learned = self._access.learned
        learned.counted((*self._scope, "cases", hub_id), page.total_count)
        if query.order_by == "id" and query.ascending:
            rows = ((0, page.items[:1]), (len(page.items) - 1, page.items[-1:]))
            ranks = [
                (number, query.skip + index)
                for index, cases in rows
                for case in cases
                if (number := number_in(case.case_id)) is not None
            ]
            learned.ranked((*self._scope, hub_id), ranks)

    @reserving
    @by_hub
    async def _ask_cases(
        self, hub_id: str, keys: Sequence[CaseKey]
    ) -> Results[CaseKey, Case | None]:
        ways = CasesById(
            self._access,
            self._scope,
            hub_id,
            lambda query: self._case_page(hub_id, query),
            self._details.load,
        )
        bad = {key: error for key in keys if (error := _bad(key)) is not None}
        sound = [key for key in keys if key not in bad]
        return {**bad, **await ways.read(sound, frozenset(self._detailed))}

    @reserving
    async def _ask_details(self, keys: Sequence[CaseKey]) -> Results[CaseKey, Case | None]:
        self._plan_details(len(keys))
        return await each(self._ask_one, keys)

    @reserving
    async def _ask_alone(self, key: CaseKey) -> Case | None:
        self._plan_details(1)
        return await self._ask_one(key)

    def _plan_details(self, cases: int) -> None:
        """Set the calls aside: there is no choice to be made, one for each is the only way."""
        self._access.plan_direct(Need(NeedKind.DETAILS, cases), cases)

    async def _ask_one(self, key: CaseKey) -> Case | None:
        client = self._sources.action_management

        async def fetch() -> Case | None:
            try:
                return await client.case(key.hub_id, key.case_id)
            except UpstreamNotFound:
                return None

        parts = (key.hub_id, key.case_id)
        case = await self._access.kept.read(CASE, parts, fetch, self._asking)
        if case is not None and isinstance(case.created_at, datetime):
            self._opened[key] = case.created_at
        return case

    async def _ask_note(self, key: NoteKey) -> Note | None:
        client = self._sources.action_management
        parts = (key.case.hub_id, key.case.case_id, key.note_id)

        async def fetch() -> Note | None:
            try:
                return await client.case_note(*parts)
            except UpstreamNotFound:
                return None

        return await self._access.kept.read(NOTE, parts, fetch, self._asking)


def _bad(key: CaseKey) -> InvalidArgument | None:
    """Return what is wrong with a key's case id, of which no list could tell."""
    try:
        int32("caseId", key.case_id)
    except InvalidArgument as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class _CasePageKey:
    """One page of a case list, told apart by what is asked."""

    hub_id: str
    body: bytes
    query: CaseQuery = field(compare=False)
