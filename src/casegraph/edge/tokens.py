"""JSON Web Tokens: signed by our issuer, for us, now, with an algorithm that we chose.

The token never says how it is to be checked: its `alg` must be one of the settings', each of which
belongs to one type of key, and of its other headers only `kid` is looked at, as a name in the
issuer's own set. So `none`, a public key taken for a shared secret, and keys that the token brings
along have no way in.
Invariants: issuer, audience, subject and expiry must be there and right; whatever is wrong, the
token is nobody's; a token that was found good is asked again about nothing but its time.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from casegraph.edge.identity import Identity, subject_name
from casegraph.edge.signing_keys import SigningKeys
from casegraph.engine.scopes import held

LEEWAY_SECONDS = 30
"""How far clocks may be apart."""
TOKEN_MAX = 8192
"""Longest token that is looked at, in characters."""
KID_MAX = 256
REMEMBERED_MAX = 1000
"""Good tokens that are remembered; checking one again costs a signature, about 0.1 ms."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say."""

    issuer: str
    audience: str
    algorithms: Collection[str]
    scope_claim: str = "scope"


class Tokens:
    """Tokens of one issuer."""

    def __init__(
        self, rules: TokenRules, keys: SigningKeys, now: Callable[[], float] = time.time
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._now = now
        self._good: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        self._good_of = keys.version

    async def identify(self, token: str) -> Identity | None:
        """Return whose token this is, None when it does not count; raises KeysUnavailable."""
        if len(token) > TOKEN_MAX or not token.isascii():
            return None
        await self._keys.current()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered(digest)
        if known is not None:
            return known
        claims = await self._claims(token)
        if claims is None:
            return None
        identity = self._identity(claims)
        self._good[digest] = (identity, float(claims["exp"]))
        if len(self._good) > REMEMBERED_MAX:
            self._good.popitem(last=False)
        return identity

    async def close(self) -> None:
        """End a fetch of keys that is under way."""
        await self._keys.close()

    def _remembered(self, digest: bytes) -> Identity | None:
        if self._good_of != self._keys.version:  # a key may have been withdrawn
            self._good.clear()
            self._good_of = self._keys.version
        identity, expires = self._good.get(digest, (None, 0.0))
        if identity is not None and self._now() >= expires + LEEWAY_SECONDS:
            del self._good[digest]
            return None
        return identity

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        """Return what a token says that is signed and meant for us."""
        try:
            header = jwt.get_unverified_header(token)
        except (PyJWTError, ValueError, RecursionError):
            return None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            return None
        if "crit" in header or "b64" in header:  # whoever knows more of them may demand more
            return None
        if kid is not None and not (isinstance(kid, str) and len(kid) <= KID_MAX):
            return None
        key = await self._keys.find(kid, algorithm)
        if key is None:
            return None
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        return claims if isinstance(claims["sub"], str) and claims["sub"] else None

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        said = claims.get(self._rules.scope_claim)
        names = said.split() if isinstance(said, str) else said
        if not isinstance(names, list):
            names = []
        return Identity(
            subject_name(claims["sub"]), held(name for name in names if isinstance(name, str))
        )
