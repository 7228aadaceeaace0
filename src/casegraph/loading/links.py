"""What this process knows of links between the systems: rules, hubs, and what it has found out.

Two findings are worth keeping: in which hub a bare case number was found, and which cases carry
which value in a data field, which no upstream can be asked and only a walk over the hub's cases
tells. Both are kept for five minutes, for each who asks by itself, and hold keys only, never data.
Invariants: a finding is used only when the search behind it was complete; an index that was cut is
an error, never an answer; what one caller's credentials have found is never told another; bounded
however many ask.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from casegraph.errors import LimitExceeded, UpstreamNotFound, again
from casegraph.linking.identity import CaseKey, System, normalise
from casegraph.linking.rules import CaseIdRule, DataFieldRule, Rule
from casegraph.linking.table import IdentityTable
from casegraph.loading.asking import Asking
from casegraph.loading.flight import SingleFlight
from casegraph.loading.freshness import ANY
from casegraph.loading.ledger import Ledger
from casegraph.loading.lookups import LookUps
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.transport.deadline import in_time, own_time
from casegraph.upstreams.action_management.client import CASE_PAGE_MAX, CaseQuery
from casegraph.upstreams.action_management.records import Case

_UPSTREAM = "action_management"

FINDING_SECONDS = 300.0
"""How long a finding is kept: as long as the look-ups it belongs to."""
FINDINGS_MAX = 10_000
"""Most case numbers whose hub is remembered (reliability default for memory caches)."""
INDEXES_MAX = 1_000
"""Most indexes that are kept, of all hubs, questions and callers; the oldest goes first."""
INDEXED_MAX = 250_000
"""Most keys in all of them together: some 80 MB, or fifty of the largest hubs."""
WALK_SECONDS = 30.0
"""Time for one walk, which requests share: the hard cap of a request's own (reliability §3)."""
INDEX_PAGES = 50
"""Most pages of 100 cases that one hub's index reads: 5,000 cases; a larger hub needs a table."""

DEFAULT_RULES: Mapping[System, Rule] = MappingProxyType(
    {
        System.CASE_REVIEWS: CaseIdRule(),
        System.RATINGS: CaseIdRule(),
        System.CUSTOMER_CASES: DataFieldRule("customer_id"),
    }
)


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """How the systems' ids belong together, and in which hubs bare case numbers are looked for."""

    rules: Mapping[System, Rule] = field(default_factory=lambda: DEFAULT_RULES)
    tables: Mapping[System, IdentityTable] = field(default_factory=dict)
    hubs: tuple[str, ...] = ()
    """Empty: the hubs that the vendor lists."""


@dataclass(frozen=True, slots=True)
class _Index:
    by_value: Mapping[str, tuple[CaseKey, ...]]
    made_at: float

    @property
    def size(self) -> int:
        """How many keys it holds."""
        return sum(map(len, self.by_value.values()))


class Links:
    """The rules and findings of one process, shared by all requests."""

    def __init__(
        self,
        config: LinkConfig,
        sources: Sources,
        look_ups: LookUps,
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self._sources = sources
        self._look_ups = look_ups
        self._clock = clock
        self._flight = SingleFlight()
        self._found: OrderedDict[tuple[str, ...], tuple[CaseKey, float]] = OrderedDict()
        self._indexes: OrderedDict[tuple[str, ...], _Index] = OrderedDict()
        self._indexed = 0

    async def hubs(self, scope: DataScope) -> tuple[str, ...]:
        """Return the hubs in which a case may be."""
        return self.config.hubs or await self._look_ups.hub_ids(Asking(scope, ANY, Ledger()))

    def remembered(self, scope: DataScope, case_id: str) -> CaseKey | None:
        """Return where a bare case number was found, while that is recent."""
        found = self._found.get((*scope.parts(_UPSTREAM), case_id))
        if found is None or self._clock() - found[1] > FINDING_SECONDS:
            return None
        return found[0]

    def remember(self, scope: DataScope, case_id: str, key: CaseKey) -> None:
        """Keep where a bare case number was found."""
        place = (*scope.parts(_UPSTREAM), case_id)
        self._found[place] = (key, self._clock())
        self._found.move_to_end(place)
        while len(self._found) > FINDINGS_MAX:
            self._found.popitem(last=False)

    async def cases_with(
        self, scope: DataScope, question_name: str, value: str, hubs: Sequence[str]
    ) -> tuple[CaseKey, ...]:
        """Return the cases whose data field holds the value; raises LimitExceeded for huge hubs."""
        keys: list[CaseKey] = []
        for hub_id in hubs:
            index = await self._index(scope, hub_id, question_name)
            keys.extend(index.by_value.get(value, ()))
        return tuple(keys)

    async def close(self) -> None:
        """Cancel the walks in flight."""
        await self._flight.close()

    async def _index(self, scope: DataScope, hub_id: str, question_name: str) -> _Index:
        key = (*scope.parts(_UPSTREAM), hub_id, question_name)
        index = self._indexes.get(key)
        if index is not None and self._clock() - index.made_at <= FINDING_SECONDS:
            return index

        async def walk() -> _Index:
            made = await self._walk(hub_id, question_name)
            self._keep(key, made)
            return made

        return await in_time(self._flight.do(key, walk), _UPSTREAM, "case_query")

    def _keep(self, key: tuple[str, ...], index: _Index) -> None:
        """Keep an index as the newest; the oldest make room, and one too large is not kept."""
        before = self._indexes.pop(key, None)
        self._indexed -= 0 if before is None else before.size
        if index.size > INDEXED_MAX:
            return
        self._indexes[key] = index
        self._indexed += index.size
        while len(self._indexes) > INDEXES_MAX or self._indexed > INDEXED_MAX:
            _, oldest = self._indexes.popitem(last=False)
            self._indexed -= oldest.size

    async def _walk(self, hub_id: str, question_name: str) -> _Index:
        """Read all cases of a hub by ascending id, so that new ones land at the end.

        A case that is deleted meanwhile moves another onto a page that was read already: the total
        tells, and the walk is made once more.
        """
        own_time(WALK_SECONDS)
        made_at = self._clock()
        by_value = await self._values(hub_id, question_name)
        if by_value is None:
            by_value = await self._values(hub_id, question_name)
        if by_value is None:
            raise LimitExceeded(f"The cases of hub {hub_id} keep changing; try again.")
        return _Index(by_value, made_at)

    async def _values(
        self, hub_id: str, question_name: str
    ) -> Mapping[str, tuple[CaseKey, ...]] | None:
        """Return which cases hold which value; None when cases were deleted meanwhile."""
        found: dict[str, dict[CaseKey, None]] = {}
        skip, total = 0, 0
        for _ in range(INDEX_PAGES):
            query = CaseQuery(top=CASE_PAGE_MAX, skip=skip, order_by="id", ascending=True)
            try:
                page = await self._sources.action_management.case_query(hub_id, query)
            except UpstreamNotFound:
                return {}  # a hub without a program has no cases
            if page.total_count > INDEX_PAGES * CASE_PAGE_MAX:
                break
            if page.total_count < total:
                return None
            total = page.total_count
            for case in page.items:
                key = CaseKey(hub_id, str(case.case_id))
                for value in _values(case, question_name):
                    found.setdefault(value, {})[key] = None
            skip += len(page.items)
            if not page.items or skip >= total:
                return {value: tuple(keys) for value, keys in found.items()}
        raise LimitExceeded(
            f"Hub {hub_id} has more than {INDEX_PAGES * CASE_PAGE_MAX} cases, too many to look"
            f" through for {question_name!r}; a table rule links them."
        )


def _values(case: Case, question_name: str) -> set[str]:
    return {
        value
        for name, text in data_fields(case, question_name)
        if normalise(name) == question_name and (value := normalise(text)) is not None
    }


def data_fields(case: Case, question_name: str) -> tuple[tuple[str | None, str | None], ...]:
    """Return a case's data fields as evidence for linking by one of them.

    Raises ContractViolation where that one may be among what cannot be read: unreadable evidence is
    not the same as none.
    """
    if isinstance(case.data_fields, Exception):
        raise again(case.data_fields)
    fields = case.data_fields or ()
    for item in fields:
        if isinstance(item.question_name, Exception):
            raise again(item.question_name)
        if isinstance(item.value, Exception) and normalise(item.question_name) == question_name:
            raise again(item.value)
    return tuple((item.question_name, _text(item.value)) for item in fields)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
