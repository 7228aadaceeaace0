"""Whose data it is: tenant and identity, which stand in every key of a cache, a flight or a feed.

The tenant of an upstream is a digest of where it is and as whom it is asked, so that two gateways
with different accounts may share one store. The identity is the caller's, where calls are made with
the caller's own credentials, and one word for all where the service's are used. Writes forget by
tenant alone, because what one caller changed is changed for all of them.
Invariant: no part is empty, and none can be turned back into an address or a credential; without a
caller an upstream that is asked as its callers is asked as nobody, whom it gives nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

SERVICE = "service"
"""The identity of everybody, while upstreams are asked as the service itself."""
NOBODY = "nobody"
"""The identity of whoever brought no credential to an upstream that is asked as its callers."""


def tenant_of(*parts: str) -> str:
    """Return the digest of where an upstream is and as whom it is asked; never of a secret."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class DataScope:
    """The tenants by upstream, and the identity of one caller, which may differ by upstream."""

    tenants: Mapping[str, str] = field(default_factory=dict)
    identity: str = SERVICE
    identities: Mapping[str, str] = field(default_factory=dict)
    """The caller's by upstream, where it is not `identity`."""

    def tenant(self, upstream: str) -> str:
        """Return what begins every key of data from this upstream, whoever sees it."""
        return self.tenants.get(upstream) or "none"

    def parts(self, upstream: str) -> tuple[str, str]:
        """Return what begins every key of what one caller was told by this upstream."""
        tenant = self.tenants.get(upstream) or "none"  # as `tenant` says, without the call
        return (tenant, self.identities.get(upstream) or self.identity)

    def is_asked_as(self, upstream: str, identity: str | None) -> bool:
        """Return whether calls with this caller's credential, None for none, are in its name."""
        whose = self.identities.get(upstream)
        return whose is None or whose == (identity or NOBODY)

    def whose(self, upstream: str) -> str:
        """Return both as one word, which is the tenant's alone where the service asks."""
        tenant, identity = self.parts(upstream)
        return tenant if identity == SERVICE else f"{tenant}.{identity}"

    def of_caller(self, identities: Mapping[str, str]) -> "DataScope":
        """Return the same tenants as one caller is known to them; who is not named stays so."""
        if not identities:
            return self
        return replace(self, identities={**self.identities, **identities})
