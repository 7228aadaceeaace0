"""Social cases as the CRM behind the Khoros connector tells them, under this product's names.

Contract: reviews-ratings-customer-cases §3.3. A CRM's own fields stand at the top level beside the
built-in ones, so whatever is not built in is kept as a custom field.
Invariant: only the case's own id is required; a field that broke its contract holds the
ContractViolation itself.
"""

from enum import Enum

from msgspec import field

from casegraph.upstreams.declared import as_declared
from casegraph.upstreams.decode import Id, Instant, Record


class CustomerCaseStatus(Enum):
    """Whether somebody still works on it."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "CustomerCaseStatus | None":
        return cls.UNKNOWN if isinstance(value, str) else None


@as_declared()
class Author(Record, frozen=True):
    """Who wrote a piece of social content."""

    service: str | None = None
    service_id: Id | None = field(name="serviceId", default=None)
    handle: str | None = None
    name: str | None = None
    is_brand_owned: bool | None = field(name="brandOwned", default=None)


@as_declared()
class Interaction(Record, frozen=True):
    """One piece of social content on a case."""

    created_at: Instant | None = field(name="created", default=None)
    body: str | None = None
    link_url: str | None = field(name="linkUrl", default=None)
    service_id: Id | None = field(name="serviceId", default=None)
    service: str | None = None
    content_type: str | None = field(name="contentType", default=None)
    author: Author | None = None


@as_declared()
class CustomField(Record, frozen=True):
    """A field that the company declared for its own CRM; the value as text."""

    name: str
    value: str | None


@as_declared(but=("asked_customer_id",))
class CustomerCase(Record, frozen=True):
    """A case of a customer in the company's CRM."""

    customer_case_id: Id = field(name="id")
    number: Id | None = None
    customer_id: Id | None = field(name="customerId", default=None)
    title: str | None = None
    description: str | None = None
    url: str | None = None
    status: CustomerCaseStatus | None = None
    created_at: Instant | None = field(name="created", default=None)
    updated_at: Instant | None = field(name="lastUpdated", default=None)
    interactions: tuple[Interaction, ...] | None = ()
    custom_fields: tuple[CustomField, ...] = field(name="_custom_fields", default=())
    """Stamped by the client."""
    asked_customer_id: str | None = field(name="_asked_customer_id", default=None)
    """The customer whose cases were asked for; stamped by the client."""
