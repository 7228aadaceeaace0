"""Customers' social cases as one request reads them.

A customer's cases arrive whole in one call, so a case that came that way is never asked again.
Invariant: an unknown customer is None, a customer who could not be asked is an error.
"""

from collections.abc import Sequence

from msgspec.structs import astuple

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.cost import Need, NeedKind
from casegraph.loading.access.each import Results, each_kept, in_hand
from casegraph.loading.access.planning import Access, with_feed
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import What
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.transport.allowance import reserving
from casegraph.upstreams.customer_cases.records import CustomerCase
from casegraph.upstreams.decode import Shape, encode

UPSTREAM = "customer_cases"

OF_CUSTOMER: What[tuple[CustomerCase, ...] | None] = What(
    UPSTREAM,
    Kind.CUSTOMER_CASES,
    "customer_cases",
    encode,
    Shape[tuple[CustomerCase, ...] | None](tuple[CustomerCase, ...]).read_strictly,
    lambda cases: cases or (),
)
CASE: What[CustomerCase | None] = What(
    UPSTREAM,
    Kind.CUSTOMER_CASES,
    "customer_case",
    encode,
    Shape[CustomerCase | None](CustomerCase).read_strictly,
    lambda case: (case,),
)


class LinkedCustomerCase(CustomerCase, frozen=True):
    """A social case that was reached from a case."""

    origin: CaseKey | None = None


class CustomerReads:
    """What one request reads of the customers' CRM."""

    def __init__(self, sources: Sources, access: Access, asking: Asking) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking

    @made_once
    def _of_customer(self) -> Loader[str, tuple[CustomerCase, ...] | None]:
        return Loader(self._ask_customers)

    @made_once
    def _cases(self) -> Loader[str, CustomerCase | None]:
        return Loader(one_by_one(self._ask_case))

    async def of_customer(self, customer_id: str) -> tuple[CustomerCase, ...] | None:
        """Return all cases of a customer; None for an unknown one."""
        return await self._of_customer.load(customer_id)

    async def of_cases(
        self, wanted: Sequence[tuple[CaseKey, str]]
    ) -> list[tuple[LinkedCustomerCase, ...] | BaseException]:
        """Return all cases of the customer of each case, or why there are none."""
        found = await self._of_customer.load_many([customer_id for _, customer_id in wanted])
        return [
            cases
            if isinstance(cases, BaseException)
            else tuple(self._linked(case, origin) for case in cases or ())
            for cases, (origin, _) in zip(found, wanted, strict=True)
        ]

    def _linked(self, case: CustomerCase, origin: CaseKey) -> LinkedCustomerCase:
        # By position: half the price of keywords, and the subclass adds its field at the end.
        linked = LinkedCustomerCase(*astuple(case), origin)  # type: ignore[call-arg]  # as many as the base has
        self._asking.ledger.carry(case, linked)
        return linked

    async def case(self, customer_case_id: str) -> CustomerCase | None:
        """Return one case."""
        return await self._cases.load(customer_case_id)

    @reserving
    async def _ask_customers(
        self, keys: Sequence[str]
    ) -> Results[str, tuple[CustomerCase, ...] | None]:
        access, asking = self._access, self._asking
        parts = {key: (key,) for key in keys}
        held = await in_hand(access.kept, OF_CUSTOMER, parts, asking)
        known = with_feed(access.known(UPSTREAM, "customer_cases"), None, len(held))
        access.plan(Need(NeedKind.CUSTOMER_CASES, len(keys)), known)
        # What is in hand is found there again without a call.
        found = await each_kept(access.kept, OF_CUSTOMER, parts, self._cases_of, asking)
        for cases in found.values():
            for case in cases if isinstance(cases, tuple) else ():
                self._cases.prime(str(case.customer_case_id), case)
        return found

    async def _cases_of(self, customer_id: str) -> tuple[CustomerCase, ...] | None:
        try:
            return await self._sources.customer_cases.customer_cases(customer_id)
        except UpstreamNotFound:
            return None

    async def _ask_case(self, customer_case_id: str) -> CustomerCase | None:
        client = self._sources.customer_cases

        async def fetch() -> CustomerCase | None:
            try:
                return await client.case(customer_case_id)
            except UpstreamNotFound:
                return None

        return await self._access.kept.read(CASE, (customer_case_id,), fetch, self._asking)
