"""Everything one request may read, each thing at most once; made anew for every request.

Each part is made when it is first asked for, and so is each loader of a part: most requests need
two or three of each.
Invariant: nothing here outlives its request, so nothing read for one caller can reach another.
"""

from dataclasses import dataclass

from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NoteReads
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.customer_reads import CustomerReads
from casegraph.loading.kept import Kept
from casegraph.loading.link_reads import LinkReads
from casegraph.loading.links import Links
from casegraph.loading.loader import forget_loaded
from casegraph.loading.lookups import LookUpReads, LookUps
from casegraph.loading.once import made_once
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.review_reads import ReviewReads
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources

_PARTS = ("look_ups", "ratings", "customers", "links")
"""Those that have loaders; cases, their notes and reviews are made together."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all requests of a process read through."""

    sources: Sources
    look_ups: LookUps
    links: Links
    access: Access
    scope: DataScope

    @property
    def kept(self) -> Kept:
        """What is kept of earlier reads."""
        return self.access.kept


class Reads:
    """The reads of one request over what the process shares."""

    def __init__(self, shared: Shared, asking: Asking) -> None:
        self._shared = shared
        self._asking = asking

    @made_once
    def look_ups(self) -> LookUpReads:
        """Return lists, roles, workflows and hubs."""
        return LookUpReads(self._shared.look_ups, self._asking)

    @property
    def cases(self) -> CaseReads:
        """Cases."""
        return self._followed[0]

    @property
    def reviews(self) -> ReviewReads:
        """Reviews of cases."""
        return self._followed[1]

    @property
    def notes(self) -> NoteReads:
        """Notes of cases."""
        return self._followed[2]

    @made_once
    def ratings(self) -> RatingReads:
        """Return ratings of cases."""
        return RatingReads(self._shared.sources, self._shared.access, self._asking)

    @made_once
    def customers(self) -> CustomerReads:
        """Return customers' social cases."""
        return CustomerReads(self._shared.sources, self._shared.access, self._asking)

    @made_once
    def _followed(self) -> tuple[CaseReads, ReviewReads, NoteReads]:
        """Return what feeds are followed for.

        Made together: what a feed has confirmed since then is fresh enough for the request.
        """
        sources, access = self._shared.sources, self._shared.access
        cases = CaseReads(sources, access, self._asking, self.look_ups.has_program)
        reviews = ReviewReads(sources, access, self._asking, cases.opened)
        return cases, reviews, NoteReads(sources, access, self._asking, cases.opened)

    @made_once
    def links(self) -> LinkReads:
        """Return links between the systems."""
        return LinkReads(self._shared.links, self._asking.scope, self.cases)

    def forget(self) -> None:
        """Let go of everything that was read: the request has its answer."""
        made = vars(self)
        for name in _PARTS:
            if name in made:
                forget_loaded(made[name])
        if "_followed" in made:
            for part in self._followed:
                forget_loaded(part)
            self.reviews.leave()
            self.notes.leave()
