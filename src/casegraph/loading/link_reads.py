"""Links as one request follows them, from a case outwards and from another system's id back.

Whoever was reached from a case in this request leads back to that case, without a call: the case is
in hand. Otherwise the rule is followed backwards, which may ask hubs or an index.
Invariant: one answer is certain or it is an error; if two cases lead to the same id, the way back
is ambiguous, whichever was seen first.
"""

from casegraph.errors import Ambiguous
from casegraph.linking import linker
from casegraph.linking.identity import CaseKey, System
from casegraph.linking.linker import AskHubs, Known, SearchField
from casegraph.linking.rules import TableRule
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.links import Links, data_fields
from casegraph.loading.loader import Loader, one_by_one
from casegraph.upstreams.action_management.records import Case

_BackKey = tuple[System, str]


class LinkReads:
    """What one request finds out about who is the same case."""

    def __init__(self, links: Links, cases: CaseReads) -> None:
        self._links = links
        self._cases = cases
        self._origins: dict[_BackKey, set[CaseKey]] = {}
        self._back: Loader[_BackKey, Case | None] = Loader(one_by_one(self._find))

    def external_id(self, case: Case, system: System) -> str | None:
        """Return the case's id in another system, None for no link; raises Ambiguous."""
        key = CaseKey(case.hub_id, str(case.case_id))
        config = self._links.config
        link = linker.forward(
            config.rules[system], key, data_fields(case), config.tables.get(system), system
        )
        match link:
            case linker.Linked(external_id):
                self._origins.setdefault((system, external_id), set()).add(key)
                return external_id
            case linker.Ambiguous(candidates):
                raise Ambiguous(f"The link of case {key.case_id} to {system}", candidates)
            case linker.NoLink():
                return None

    async def case_of(self, system: System, external_id: str | None) -> Case | None:
        """Return the case behind another system's id, None for none; raises Ambiguous."""
        if external_id is None:
            return None
        origins = self._origins.get((system, external_id))
        if origins:
            return await self._one(system, external_id, tuple(origins))
        return await self._back.load((system, external_id))

    async def _find(self, back: _BackKey) -> Case | None:
        system, external_id = back
        config = self._links.config
        rule, table = config.rules[system], config.tables.get(system)
        hubs = () if isinstance(rule, TableRule) else await self._links.hubs()
        match linker.backward(rule, external_id, hubs, table, system):
            case Known(keys):
                return await self._one(system, external_id, keys)
            case AskHubs(case_id, places):
                return await self._ask_hubs(system, case_id, places)
            case SearchField(question_name, value, places):
                found = await self._links.cases_with(question_name, value, places)
                return await self._one(system, external_id, found)

    async def _ask_hubs(self, system: System, case_id: str, hubs: tuple[str, ...]) -> Case | None:
        remembered = self._links.remembered(case_id)
        if remembered is not None:
            case = await self._cases.case(remembered)
            if case is not None:
                return case
        # All must answer: one silent hub could hold a second case with this number.
        cases = [await self._cases.case(CaseKey(hub, case_id)) for hub in hubs]
        keys = tuple(CaseKey(case.hub_id, case_id) for case in cases if case is not None)
        if len(keys) == 1:
            self._links.remember(case_id, keys[0])
        return await self._one(system, case_id, keys)

    async def _one(
        self, system: System, external_id: str, keys: tuple[CaseKey, ...]
    ) -> Case | None:
        match linker.settle(keys):
            case None:
                return None
            case CaseKey() as key:
                return await self._cases.case(key)
            case linker.AmbiguousCase(candidates):
                names = [f"hub {key.hub_id} case {key.case_id}" for key in candidates]
                raise Ambiguous(f"The case of {system} id {external_id}", names)
