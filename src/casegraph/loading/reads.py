"""Everything one request may read, each thing at most once; made anew for every request.

Invariant: nothing here outlives its request, so nothing read for one caller can reach another.
"""

from casegraph.loading.case_reads import CaseReads
from casegraph.loading.customer_reads import CustomerReads
from casegraph.loading.link_reads import LinkReads
from casegraph.loading.links import Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.review_reads import ReviewReads
from casegraph.loading.sources import Sources


class Reads:
    """The reads of one request over what the process shares."""

    def __init__(self, sources: Sources, look_ups: LookUps, links: Links) -> None:
        self.look_ups = look_ups
        self.cases = CaseReads(sources, look_ups.has_program)
        self.reviews = ReviewReads(sources)
        self.ratings = RatingReads(sources)
        self.customers = CustomerReads(sources)
        self.links = LinkReads(links, self.cases)
