"""Links as one request follows them, from a case outwards and from another system's id back.

Whatever was reached from a case carries that case as its origin and leads back to it without a
call. Otherwise the rule is followed backwards, which may ask hubs or an index.
Invariant: one answer is certain or it is an error; what else a request asks, and in which order it
arrives, changes no answer.
"""

import asyncio

from casegraph.errors import Ambiguous, InvalidArgument
from casegraph.linking import linker
from casegraph.linking.identity import CaseKey, System
from casegraph.linking.linker import AskHubs, Known, SearchField
from casegraph.linking.rules import DataFieldRule, TableRule
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.links import Links, data_fields
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.scope import DataScope
from casegraph.upstreams.action_management.records import Case
from casegraph.upstreams.paths import int32

_BackKey = tuple[System, str]


def origin_of(record: object) -> CaseKey | None:
    """Return the case from which a record was reached, None where it came another way."""
    origin: CaseKey | None = getattr(record, "origin", None)
    return origin


class LinkReads:
    """What one request finds out about who is the same case."""

    def __init__(self, links: Links, scope: DataScope, cases: CaseReads) -> None:
        self._links = links
        self._scope = scope
        self._cases = cases
        self._detailed: set[_BackKey] = set()

    @made_once
    def _back(self) -> Loader[_BackKey, Case | None]:
        return Loader(one_by_one(self._find))

    def external_id(self, case: Case, system: System) -> str | None:
        """Return the case's id in another system, None for no link; raises Ambiguous."""
        key = CaseKey(case.hub_id, str(case.case_id))
        config = self._links.config
        rule = config.rules[system]
        evidence = data_fields(case, rule.question_name) if isinstance(rule, DataFieldRule) else ()
        link = linker.forward(rule, key, evidence, config.tables.get(system), system)
        match link:
            case linker.Linked(external_id):
                return external_id
            case linker.Ambiguous(candidates):
                raise Ambiguous(f"The link of case {key.case_id} to {system}", candidates)
            case linker.NoLink():
                return None

    async def case_of(
        self,
        system: System,
        external_id: str | None,
        origin: CaseKey | None = None,
        *,
        detailed: bool = False,
    ) -> Case | None:
        """Return the case behind another system's id, None for none; raises Ambiguous.

        `origin` is the case from which the id was reached, if it was; `detailed` says that fields
        are wanted which lists of cases leave out.
        """
        if origin is not None:
            return await self._cases.case(origin, detailed=detailed)
        if external_id is None:
            return None
        if detailed:
            self._detailed.add((system, external_id))
        return await self._back.load((system, external_id))

    async def _find(self, back: _BackKey) -> Case | None:
        system, external_id = back
        detailed = back in self._detailed
        config = self._links.config
        rule, table = config.rules[system], config.tables.get(system)
        hubs = () if isinstance(rule, TableRule) else await self._links.hubs(self._scope)
        match linker.backward(rule, external_id, hubs, table, system):
            case Known(keys):
                return await self._one(system, external_id, keys, detailed=detailed)
            case AskHubs(case_id, places):
                return await self._ask_hubs(system, case_id, places, detailed=detailed)
            case SearchField(question_name, value, places):
                found = await self._links.cases_with(self._scope, question_name, value, places)
                return await self._one(system, external_id, found, detailed=detailed)

    async def _ask_hubs(
        self, system: System, case_id: str, hubs: tuple[str, ...], *, detailed: bool
    ) -> Case | None:
        remembered = self._links.remembered(self._scope, case_id)
        if remembered is not None:
            case = await self._cases.case(remembered, detailed=detailed)
            if case is not None:
                return case
        # All must answer: one silent hub could hold a second case with this number.
        places = [CaseKey(hub, case_id) for hub in hubs]
        cases = await asyncio.gather(*(self._case(key, detailed=detailed) for key in places))
        keys = tuple(key for key, case in zip(places, cases, strict=True) if case is not None)
        if len(keys) == 1:
            self._links.remember(self._scope, case_id, keys[0])
        return await self._one(system, case_id, keys, detailed=detailed)

    async def _one(
        self, system: System, external_id: str, keys: tuple[CaseKey, ...], *, detailed: bool
    ) -> Case | None:
        match linker.settle(keys):
            case None:
                return None
            case CaseKey() as key:
                return await self._case(key, detailed=detailed)
            case linker.AmbiguousCase(candidates):
                names = [f"hub {key.hub_id} case {key.case_id}" for key in candidates]
                raise Ambiguous(f"The case of {system} id {external_id}", names)

    async def _case(self, key: CaseKey, *, detailed: bool) -> Case | None:
        """Return a case; other systems' numbers may be larger than any case's can be."""
        try:
            int32("caseId", key.case_id)
        except InvalidArgument:
            return None
        return await self._cases.case(key, detailed=detailed)
