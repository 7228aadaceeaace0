"""Customers' social cases as one request reads them.

A customer's cases arrive whole in one call, so a case that came that way is never asked again.
Invariant: an unknown customer is None, a customer who could not be asked is an error.
"""

from msgspec.structs import asdict

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.sources import Sources
from casegraph.upstreams.customer_cases.records import CustomerCase


class LinkedCustomerCase(CustomerCase, frozen=True):
    """A social case that was reached from a case."""

    origin: CaseKey | None = None


class CustomerReads:
    """What one request reads of the customers' CRM."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._of_customer: Loader[str, tuple[CustomerCase, ...] | None] = Loader(
            one_by_one(self._ask_customer)
        )
        self._cases: Loader[str, CustomerCase | None] = Loader(one_by_one(self._ask_case))

    async def of_customer(self, customer_id: str) -> tuple[CustomerCase, ...] | None:
        """Return all cases of a customer; None for an unknown one."""
        return await self._of_customer.load(customer_id)

    async def of_case(self, origin: CaseKey, customer_id: str) -> tuple[LinkedCustomerCase, ...]:
        """Return all cases of the customer of a case; none for an unknown one."""
        cases = await self.of_customer(customer_id) or ()
        return tuple(LinkedCustomerCase(**asdict(case), origin=origin) for case in cases)

    async def case(self, customer_case_id: str) -> CustomerCase | None:
        """Return one case."""
        return await self._cases.load(customer_case_id)

    async def _ask_customer(self, customer_id: str) -> tuple[CustomerCase, ...] | None:
        try:
            cases = await self._sources.customer_cases.customer_cases(customer_id)
        except UpstreamNotFound:
            return None
        for case in cases:
            self._cases.prime(str(case.customer_case_id), case)
        return cases

    async def _ask_case(self, customer_case_id: str) -> CustomerCase | None:
        try:
            return await self._sources.customer_cases.case(customer_case_id)
        except UpstreamNotFound:
            return None
