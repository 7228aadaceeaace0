"""Whose data it is: tenant and identity, which stand in every key of a cache, a flight or a feed.

The tenant of an upstream is a digest of where it is and as whom it is asked, so that two gateways
with different accounts may share one store. The identity is the caller's, where calls are made with
the caller's own credentials, and one word for all where the service's are used.
Invariant: no part is empty, and none can be turned back into an address or a credential.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

SERVICE = "service"
"""The identity of everybody, while upstreams are asked as the service itself."""


def tenant_of(*parts: str) -> str:
    """Return the digest of where an upstream is and as whom it is asked; never of a secret."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class DataScope:
    """The tenants by upstream, and the identity of one caller."""

    tenants: Mapping[str, str] = field(default_factory=dict)
    identity: str = SERVICE

    def parts(self, upstream: str) -> tuple[str, str]:
        """Return what begins every key of data from this upstream."""
        return (self.tenants.get(upstream) or "none", self.identity)
