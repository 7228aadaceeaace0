"""The caller's own credential, sent to an upstream in place of the service's.

What a caller brought travels beside its request in a context variable, as its deadline does, and
is added by the outermost layer of the upstream it is for. A call without one is refused before it
costs a place, an allowance or a line of a log.
Who asks with which credential is known by a digest with a key: caches and Redis hold nothing that
a credential could be tried against by anybody who lacks the key. Of two upstreams the digests of
one credential differ, so that nobody can tell that they are one.
Invariants: a credential is sent to the upstream it was brought for and to no other; it stands in no
`repr` and in no message; work apart from requests has none.
"""

import hmac
from collections.abc import Awaitable, Mapping
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec.structs import replace

from casegraph.errors import CredentialsMissing
from casegraph.transport.calls import Call, Reply, Send

_DIGEST_BYTES = 16
"""128 bits: that two of a billion callers have the same is less likely than 10^-20."""


@dataclass(frozen=True, slots=True)
class CallersProof:
    """One caller's credential for one upstream, and as whom keys know its caller."""

    value: str = field(repr=False)
    identity: str


Proofs = Mapping[str, CallersProof]
"""What one caller has brought, by upstream."""

NO_PROOFS: Proofs = MappingProxyType({})

callers_proofs: ContextVar[Proofs] = ContextVar("callers_proofs", default=NO_PROOFS)
"""What the caller of the current request has brought."""


def proof_of(key: bytes, upstream: str, value: str) -> CallersProof:
    """Return a caller's credential with its identity; with another key it is another's."""
    text = f"{upstream}\x00{value}".encode("utf-8", "surrogatepass")
    return CallersProof(value, hmac.digest(key, text, "sha256")[:_DIGEST_BYTES].hex())


def identity_for(upstream: str) -> str | None:
    """Return as whom this upstream is asked just now; None for the service or for nobody."""
    proof = callers_proofs.get().get(upstream)
    return None if proof is None else proof.identity


def behind_the_answer() -> Context:
    """Return an empty context that still has the caller's credentials, for work behind an answer.

    Without its deadline, allowance and record, for the request has its answer.
    """
    context = Context()
    context.run(callers_proofs.set, callers_proofs.get())
    return context


class Forwarding:
    """Adds the caller's own credential to every call, in the header in which it came."""

    def __init__(self, inner: Send, header: str) -> None:
        self._inner = inner
        self._header = header

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Send the call as the caller; raises CredentialsMissing, unsent."""
        proof = callers_proofs.get().get(call.upstream)
        if proof is None:
            raise CredentialsMissing(call.upstream, call.operation)
        return self._inner(replace(call, headers={**call.headers, self._header: proof.value}))
