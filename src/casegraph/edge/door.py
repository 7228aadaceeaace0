"""The door: from a request's headers to who is asking, before anything else of it is read.

A credential is an API key, in `X-API-Key` or as a bearer token, or a JSON Web Token as a bearer
token. Cookies are none, so no page of another site can use what a browser keeps.
Where `Authorization` goes on to an upstream as the caller's own, an API key comes in `X-API-Key`
only, or it would go on too; a token may serve for both.
Invariants: with any way of signing in configured, nobody passes without; two credentials are none,
because which of them counts would be for each reader to guess.
"""

from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers

from casegraph.edge.api_keys import ApiKeys
from casegraph.edge.identity import (
    ANYONE,
    Identity,
    KeysUnavailable,
    SignInUnavailable,
    Unauthenticated,
)

CHALLENGE = 'Bearer realm="casegraph"'
KEY_HEADER = "x-api-key"


class Tokens(Protocol):
    """Tells whose a token is. What does comes with its library, for who has tokens."""

    async def identify(self, token: str) -> Identity | None:
        """Return whose token this is, None when it does not count; raises KeysUnavailable."""

    async def close(self) -> None:
        """Close what is open."""


class Rates(Protocol):
    """Counts what callers ask; the same holds for its library."""

    async def count(self, identity: Identity) -> None:
        """Count one request; raises RateExceeded."""

    async def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in; without keys and tokens everybody, and then nobody is counted."""

    api_keys: ApiKeys | None = None
    tokens: Tokens | None = None
    rates: Rates | None = None
    forwards_authorization: bool = False
    """Whether that header may be the caller's credential for an upstream."""

    @property
    def is_guarded(self) -> bool:
        """Return whether callers have to say who they are."""
        return self.api_keys is not None or self.tokens is not None

    async def identify(self, headers: Headers) -> Identity:
        """Return who asks; raises Unauthenticated, SignInUnavailable and RateExceeded."""
        if not self.is_guarded:
            return ANYONE
        identity = await self._whose(headers)
        if identity is None:
            raise Unauthenticated(CHALLENGE)
        if self.rates is not None:
            await self.rates.count(identity)
        return identity

    async def close(self) -> None:
        """Close what is open."""
        if self.tokens is not None:
            await self.tokens.close()
        if self.rates is not None:
            await self.rates.close()

    async def _whose(self, headers: Headers) -> Identity | None:
        keys, proofs = headers.getlist(KEY_HEADER), headers.getlist("authorization")
        if self.forwards_authorization and len(keys) == 1 and self.api_keys is not None:
            return self.api_keys.identify(keys[0].strip())
        if len(keys) + len(proofs) != 1:
            return None
        if keys:
            return self.api_keys.identify(keys[0].strip()) if self.api_keys is not None else None
        scheme, _, token = proofs[0].strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        return await self._bearer(token.strip())

    async def _bearer(self, token: str) -> Identity | None:
        known = None if self.forwards_authorization else self.api_keys
        identity = known.identify(token) if known is not None else None
        if identity is not None or self.tokens is None:
            return identity
        try:
            return await self.tokens.identify(token)
        except KeysUnavailable as error:
            raise SignInUnavailable(max(1, int(error.seconds * 1000))) from None
