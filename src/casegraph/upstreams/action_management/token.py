"""The vendor's OAuth token: grant `api-user`, id and secret in the form body, no refresh token.

Contract: action-management §2. One token serves all calls of the process until 60 s before its end.
Invariant: neither the secret nor the token stands in an error or in a `repr`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from msgspec import Struct

from casegraph.errors import ContractViolation, CredentialsRefused
from casegraph.transport.calls import Call, Send
from casegraph.transport.credentials import Proof
from casegraph.upstreams.action_management.client import TOKEN
from casegraph.upstreams.base import raise_for_status
from casegraph.upstreams.decode import Shape, Where

RENEW_EARLY_SECONDS = 60.0
"""How long before its end a token is renewed (contract §2), at most half of its life."""
ASSUMED_SECONDS = 3600.0
"""How long a token is taken to hold when the answer does not say (the vendor's example)."""


class _Token(Struct, frozen=True):
    access_token: str
    expires_in: float | None = None


_TOKEN = Shape[_Token](_Token)


@dataclass(frozen=True, slots=True)
class ApiUser:
    """Where and as whom to ask for a token."""

    upstream: str
    origin: str
    target: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scope: str


def token_renewal(
    user: ApiUser,
    send: Send,
    clock: Callable[[], float],
    on_unusable: Callable[[str], None] = lambda _operation: None,
) -> Callable[[], Awaitable[Proof]]:
    """Return what asks for a new token; it raises CredentialsRefused when the vendor says no.

    `on_unusable` is told of a good answer that holds no token, by the operation's name.
    """
    form = {
        "grant_type": "api-user",
        "client_id": user.client_id,
        "client_secret": user.client_secret,
        "scope": user.scope,
    }
    call = Call(
        upstream=user.upstream,
        operation=TOKEN.name,
        effect=TOKEN.effect,
        method=TOKEN.method,
        origin=user.origin,
        target=user.target or "/",
        headers={
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
    )

    async def renew() -> Proof:
        asked_at = clock()
        reply = await send(call)
        if reply.status in {400, 401, 403}:
            raise CredentialsRefused(user.upstream, TOKEN.name, "no token for these credentials")
        raise_for_status(user.upstream, TOKEN.name, reply)
        try:
            token = _read(reply.body, Where(user.upstream, TOKEN.name))
        except ContractViolation:
            on_unusable(TOKEN.name)
            raise
        seconds = token.expires_in if isinstance(token.expires_in, float) else ASSUMED_SECONDS
        stale_after = max(seconds - RENEW_EARLY_SECONDS, seconds / 2)
        return Proof({"authorization": f"Bearer {token.access_token}"}, asked_at + stale_after)

    return renew


def _read(body: bytes, where: Where) -> _Token:
    """Return a token that a header can carry; raises ContractViolation."""
    token = _TOKEN.read(body, where)
    text = token.access_token
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise where.violation("no usable token", "$.access_token")
    return token
