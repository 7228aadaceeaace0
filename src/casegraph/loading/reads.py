"""Everything one request may read, each thing at most once; made anew for every request.

Invariant: nothing here outlives its request, so nothing read for one caller can reach another.
"""

from dataclasses import dataclass

from casegraph.loading.access.planning import Access
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.customer_reads import CustomerReads
from casegraph.loading.kept import Asking, Kept
from casegraph.loading.link_reads import LinkReads
from casegraph.loading.links import Links
from casegraph.loading.lookups import LookUpReads, LookUps
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.review_reads import ReviewReads
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources


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
        sources, access = shared.sources, shared.access
        self.look_ups = LookUpReads(shared.look_ups, asking)
        self.cases = CaseReads(sources, access, asking, self.look_ups.has_program)
        self.reviews = ReviewReads(sources, access, asking, self.cases.opened)
        self.ratings = RatingReads(sources, access, asking)
        self.customers = CustomerReads(sources, access, asking)
        self.links = LinkReads(shared.links, asking.scope, self.cases)
