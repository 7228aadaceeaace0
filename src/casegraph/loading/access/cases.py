"""Cases by id: details of each, or pages of the list by id where the ids lie close together.

The vendor documents no read of several ids, but a list sorted by id: `ranks` says where on it an id
can be. A page shows its cases in list form, so whoever needs their details does not come this way.
Invariant: a case is called missing only by a page that holds its neighbours on both sides, or the
list's end; what pages do not settle within their plan is asked one by one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import log2

from msgspec import Struct

from casegraph.errors import LimitExceeded, UpstreamError, UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.cost import Need, NeedKind, Path
from casegraph.loading.access.each import Results
from casegraph.loading.access.planning import Access, with_list
from casegraph.loading.access.ranks import PAGE, all_pages, next_skip, pages_needed
from casegraph.loading.loader import each
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.action_management.records import Case, CasePage
from casegraph.upstreams.paths import number_in

WORTH_PAGES = 4
"""Fewer keys are asked one by one: details come with the answer, and at most three calls more."""
GUESSED_PAGES = 4
"""Pages for a hub that was asked before and whose cases nobody has counted."""

PAST_PLAN = 4
"""Pages read on past a plan that did not suffice, as long as the keys left would cost more."""

UPSTREAM = "action_management"


class CasesById(Struct, frozen=True, eq=False):
    """The ways to the cases of one hub, for one request."""

    access: Access
    scope: tuple[str, ...]
    hub_id: str
    page: Callable[[CaseQuery], Awaitable[CasePage]]
    """Reads one page of the hub's cases; raises UpstreamNotFound for no such hub."""
    one: Callable[[CaseKey], Awaitable[Case | None]]
    """Asks for one case with its details."""

    async def read(
        self, keys: Sequence[CaseKey], detailed: frozenset[CaseKey]
    ) -> Results[CaseKey, Case | None]:
        """Return each case or its failure; those in `detailed` are wanted with their details."""
        listed = [key for key in keys if key not in detailed]
        results: Results[CaseKey, Case | None] = {}
        pages = self._pages(listed)
        if pages is not None:
            known = with_list(self.access.known(UPSTREAM, "case", "case_query"), pages, 0.0)
            choice = self.access.plan(Need(NeedKind.CASES, len(listed)), known, Path.DIRECT)
            if choice.path is Path.PAGES:
                results.update(await self._from_pages(listed, pages))
        rest = [key for key in keys if key not in results]
        if len(rest) >= WORTH_PAGES:
            self.access.learned.counted((*self.scope, "asked", self.hub_id), len(rest))
        results.update(await each(self.one, rest))
        return results

    def _pages(self, keys: Sequence[CaseKey]) -> int | None:
        """Return about how many pages hold these cases; None where pages are not worth a look."""
        if len(keys) < WORTH_PAGES:
            return None
        learned = self.access.learned
        total = learned.total((*self.scope, "cases", self.hub_id))
        if total is None:
            asked_before = learned.total((*self.scope, "asked", self.hub_id))
            return GUESSED_PAGES if asked_before else None
        anchors = learned.anchors((*self.scope, self.hub_id))
        return pages_needed(anchors, _numbers(keys), total)

    async def _from_pages(
        self, keys: Sequence[CaseKey], pages: int
    ) -> Results[CaseKey, Case | None]:
        """Return what so many pages settle, and a few more where they pay; nothing of the rest."""
        search = _Search({int(key.case_id): key for key in keys})
        learned = self.access.learned
        total = learned.total((*self.scope, "cases", self.hub_id))
        whole = total is not None and pages >= all_pages(total)
        for number in range(pages if whole else pages + PAST_PLAN):
            if not search.wanted:
                break
            if number >= pages and not _is_worth_reading_on(len(search.wanted), total):
                break
            anchors = learned.anchors((*self.scope, self.hub_id))
            if whole:
                skip = number * PAGE
            else:
                skip = 0 if total is None else next_skip(anchors, sorted(search.wanted), total)
            try:
                page = await self.page(CaseQuery(PAGE, skip, order_by="id", ascending=True))
            except UpstreamNotFound:
                return dict.fromkeys(keys)
            except (UpstreamError, LimitExceeded):
                break
            total = page.total_count
            search.settle(page, skip)
        return search.results


@dataclass(slots=True)
class _Search:
    """Ids that are looked for, and what pages have said of them."""

    wanted: dict[int, CaseKey]
    results: Results[CaseKey, Case | None] = field(default_factory=dict)

    def settle(self, page: CasePage, skip: int) -> None:
        """Take from a page what it holds and what it shows to be missing."""
        numbers = ((number_in(case.case_id), case) for case in page.items)
        found = {number: case for number, case in numbers if number is not None}
        if len(found) < len(page.items) or not found or list(found) != sorted(found):
            return
        first, last = next(iter(found)), next(reversed(found))
        at_end = skip + len(page.items) >= page.total_count
        for number in list(self.wanted):
            is_within = (first <= number or skip == 0) and (number <= last or at_end)
            if is_within:
                self.results[self.wanted.pop(number)] = found.get(number)


def _is_worth_reading_on(left: int, total: int | None) -> bool:
    """Return whether so many keys clearly outnumber the pages that halving the list would take."""
    return total is not None and left > PAST_PLAN + log2(max(all_pages(total), 1))


def _numbers(keys: Sequence[CaseKey]) -> list[int]:
    return sorted(int(key.case_id) for key in keys)
