"""In whose name a request reads, and the keys under which what it reads is kept and shared.

Invariant: whoever may see different data has another scope, which stands in every key; work that
has lost its request's caller, or has another's, gets no key at all.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from casegraph.errors import CredentialsMissing
from casegraph.loading.freshness import Acceptance
from casegraph.loading.kept_rules import What
from casegraph.loading.ledger import Ledger
from casegraph.loading.scope import DataScope
from casegraph.loading.written import Key, key_of
from casegraph.transport.forwarded import identity_for


class Asking(Struct, frozen=True, eq=False):
    """In whose name a request reads, what it accepts, and where it is told what it was given."""

    scope: DataScope
    acceptance: Acceptance
    ledger: Ledger

    def accepting(self, acceptance: Acceptance) -> "Asking":
        """Return the same request with another acceptance, for one field."""
        return replace(self, acceptance=acceptance)

    def key(self, what: What[Any], parts: tuple[str, ...]) -> Key:
        """Return the key of a thing as this request sees it.

        Raises CredentialsMissing for work that has lost its request's caller, or has another's.
        """
        scope, upstream = self.scope, what.upstream
        # Where only the service asks, nobody can be the wrong one.
        if scope.identities and not scope.is_asked_as(upstream, identity_for(upstream)):
            raise CredentialsMissing(upstream, what.name)
        return key_of(what.name, scope.parts(upstream), parts)
