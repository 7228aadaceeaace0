"""Which of a request's headers are its caller's own credentials for upstreams.

A header is taken when a setting names it for an upstream, and no other ever goes on. What comes in
it is not read: whether it is valid is for the upstream to say. It must only be what one header can
carry, in one piece, so that nothing can be smuggled behind it.
Invariant: a refusal names the header and never repeats what stood in it.
"""

import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType

from casegraph.edge.decoding import BadRequest
from casegraph.transport.forwarded import NO_PROOFS, Proofs, proof_of

CREDENTIAL_MAX = 8192
"""Longest credential, in characters: what most servers take for one header line."""
_KEY_BYTES = 32

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,64}", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_SPOKEN_FOR = frozenset(
    {
        "age",
        "allow",
        "cache-control",
        "connection",
        "cookie",  # a browser adds it to what pages of other sites ask
        "date",
        "expect",
        "forwarded",
        "from",
        "host",
        "keep-alive",
        "max-forwards",
        "origin",
        "pragma",
        "range",
        "referer",
        "set-cookie",
        "te",
        "traceparent",
        "tracestate",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-csrf",
        "x-csrf-token",
        "x-deadline-ms",
        "x-request-id",
    }
)
"""Headers with a meaning of their own, here, upstream or between the two."""
_FAMILIES = ("accept", "access-control-", "content-", "if-", "proxy-", "sec-", "x-casegraph-")


def may_be_forwarded(name: str) -> bool:
    """Return whether a header may carry a caller's credential, in any case of its letters."""
    lower = name.lower()
    if not _NAME.fullmatch(lower) or lower in _SPOKEN_FOR:
        return False
    return not lower.startswith((*_FAMILIES, "x-forwarded-"))


class ForwardedHeaders:
    """Takes from each request what its caller brought; without names nothing."""

    def __init__(self, names: Mapping[str, str], secret: str | None = None) -> None:
        """Take the header of each upstream, and the secret that processes share.

        Without one, callers are known by digests that no other process understands.
        """
        self.names: Mapping[str, str] = MappingProxyType(
            {upstream: name.lower() for upstream, name in names.items()}
        )
        self._key = secrets.token_bytes(_KEY_BYTES) if secret is None else secret.encode()

    def proofs(self, headers: Mapping[str, str]) -> Proofs:
        """Return the caller's credentials by upstream; raises BadRequest."""
        if not self.names:
            return NO_PROOFS
        found = {name: _only(name, headers) for name in set(self.names.values())}
        return {
            upstream: proof_of(self._key, upstream, value)
            for upstream, name in self.names.items()
            if (value := found[name])
        }


def _only(name: str, headers: Mapping[str, str]) -> str | None:
    """Return the one value of a header, None where it is absent or empty; raises BadRequest."""
    # Not by key: a header that comes twice has two values, and which one counts would be a guess.
    values = [value for key, value in headers.items() if key.lower() == name]
    if len(values) > 1:
        raise BadRequest(f"The header {name} came more than once.")
    value = values[0].strip(" \t") if values else ""
    if len(value) > CREDENTIAL_MAX:
        raise BadRequest(f"The header {name} is longer than {CREDENTIAL_MAX} characters.")
    if value and not _VALUE.fullmatch(value):
        raise BadRequest(f"The header {name} holds what a credential cannot hold.")
    return value or None
