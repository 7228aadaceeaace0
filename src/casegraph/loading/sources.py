"""The upstream clients of this process; one that is not configured says so when it is asked.

Invariant: a missing upstream costs only the fields that need it.
"""

from dataclasses import dataclass
from typing import TypeVar

from casegraph.errors import UpstreamNotConfigured
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.ratings.client import Ratings

Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class Sources:
    """The clients by upstream; None where no URL is set."""

    action_management_or_none: ActionManagement | None = None
    case_reviews_or_none: CaseReviews | None = None
    ratings_or_none: Ratings | None = None
    customer_cases_or_none: CustomerCases | None = None

    @property
    def action_management(self) -> ActionManagement:
        """The cases' own system; raises UpstreamNotConfigured."""
        return _there("action_management", self.action_management_or_none)

    @property
    def case_reviews(self) -> CaseReviews:
        """The reviews system; raises UpstreamNotConfigured."""
        return _there("case_reviews", self.case_reviews_or_none)

    @property
    def ratings(self) -> Ratings:
        """The ratings system; raises UpstreamNotConfigured."""
        return _there("ratings", self.ratings_or_none)

    @property
    def customer_cases(self) -> CustomerCases:
        """The social cases' system; raises UpstreamNotConfigured."""
        return _there("customer_cases", self.customer_cases_or_none)


def _there(upstream: str, client: Client | None) -> Client:
    if client is None:
        raise UpstreamNotConfigured(upstream)
    return client
