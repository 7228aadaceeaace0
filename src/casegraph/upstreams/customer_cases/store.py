"""What the simulated CRM behind the Khoros connector remembers.

The simulator reads and changes it, the seeded world fills it, tests edit it behind the gateway's
back. Invariant: moments are aware datetimes; text forms are chosen when a row is printed. Nothing
here is shared with our client or its records.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Store:
    """Customers, their social cases and the declared custom fields, by id."""

    customers: dict[str, Row] = field(default_factory=dict)
    """id, url, and the custom values at top level under the names of customer_fields."""
    cases: dict[str, Row] = field(default_factory=dict)
    """id, number, customerId, title, description, url, created, lastUpdated, status (open or
    closed), interactions [{created, body, linkUrl, serviceId, service, contentType, author?
    {service, serviceId, handle, name, brandOwned}}], and the custom values at top level."""
    customer_fields: list[Row] = field(default_factory=list)
    """Declared fields: name, label, type, searchable, listValues?."""
    case_fields: list[Row] = field(default_factory=list)
    """The same for cases."""
