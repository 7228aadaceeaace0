"""The door made from settings, and the refusal to listen to the world without one.

Invariants: what is wrong with it ends the start, before anything listens; an issuer's keys come
over the same kind of exchange as every other outgoing call, with its bounds and without redirects;
what opens this door is never sent on as a credential for an upstream, but for a token where the
settings say so.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from casegraph.edge.api_keys import ApiKeys, ApiKeysError
from casegraph.edge.door import KEY_HEADER, Door, Rates, Tokens
from casegraph.edge.forwarded import ForwardedHeaders
from casegraph.errors import SettingsInvalid
from casegraph.settings import Settings, is_loopback
from casegraph.settings_auth import DEFAULT_ALGORITHMS, JwtSettings
from casegraph.settings_groups import PREFIX
from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange import Exchange, ExchangeConfig
from casegraph.upstreams.paths import split_base
from casegraph.wiring import EXCHANGES

_VARIABLE = f"{PREFIX}AUTH__"
_KEY_SET_BYTES = 256 * 1024
"""Largest JWKS: a set of a few keys has some kilobytes."""
_PER_MINUTE = 6000
"""A hundred a second: a frontend's server that asks with one key, and not a runaway loop."""
_OK = 200


class Entrance:
    """A door, and the connection through which it knows its issuer."""

    def __init__(self, door: Door, exchange: Exchange | None = None) -> None:
        self.door = door
        self._exchange = exchange

    async def close(self) -> None:
        """Close the door and the connection."""
        await self.door.close()
        if self._exchange is not None:
            await self._exchange.close()


def open_entrance(settings: Settings) -> Entrance:
    """Return the door; raises SettingsInvalid, naming the setting."""
    auth = settings.auth
    if not (auth.is_configured() or auth.anyone or settings.is_loopback()):
        raise SettingsInvalid(
            f"{PREFIX}HOST: others than this machine could ask, and nobody would be asked who they"
            f" are; set {_VARIABLE}API_KEYS_FILE or {_VARIABLE}JWT__ISSUER, or say"
            f" {_VARIABLE}ANYONE=true."
        )
    forwarded = forwarded_headers(settings).names
    if not auth.is_configured():
        return Entrance(Door())
    for upstream, header in forwarded.items():
        if header == KEY_HEADER and auth.api_keys_file is not None:
            raise SettingsInvalid(
                f"{PREFIX}{upstream.upper()}__FORWARD_HEADER: this header has the API keys of"
                f" {_VARIABLE}API_KEYS_FILE; an upstream must not be told them."
            )
    tokens, exchange = None, None
    if auth.jwt.issuer is not None:
        exchange = EXCHANGES[settings.exchange](ExchangeConfig(pool=1))
        tokens = _tokens(auth.jwt, exchange)
    door = Door(
        _api_keys(auth.api_keys_file),
        tokens,
        _rates(settings),
        forwards_authorization="authorization" in forwarded.values(),
    )
    return Entrance(door, exchange)


def forwarded_headers(settings: Settings) -> ForwardedHeaders:
    """Return what takes callers' own credentials from their requests."""
    named = {
        name: upstream.forward_header
        for name, upstream in settings.upstreams().items()
        if upstream.is_configured() and upstream.forward_header is not None
    }
    secret = settings.cache.secret
    return ForwardedHeaders(named, None if secret is None else secret.get_secret_value())


def _api_keys(file: str | None) -> ApiKeys | None:
    if file is None:
        return None
    try:
        return ApiKeys(Path(file))
    except ApiKeysError as error:
        raise SettingsInvalid(f"{_VARIABLE}API_KEYS_FILE: {error}") from None


def _rates(settings: Settings) -> Rates | None:
    from casegraph.edge.rates import PerMinute  # noqa: PLC0415  its library takes 2 MB

    chosen = settings.auth.requests_per_minute
    if chosen is None:
        chosen = 0 if settings.is_loopback() else _PER_MINUTE
    url = settings.cache.url.get_secret_value()
    return PerMinute(chosen, url if url.startswith("redis") else None) if chosen else None


def _tokens(jwt: JwtSettings, exchange: Exchange) -> Tokens:
    # Their library takes 9 MB, which most processes can do without.
    from casegraph.edge.signing_keys import SigningKeys  # noqa: PLC0415  see above
    from casegraph.edge.tokens import TokenRules  # noqa: PLC0415  see above
    from casegraph.edge.tokens import Tokens as IssuedTokens  # noqa: PLC0415  see above

    algorithms = jwt.algorithms or DEFAULT_ALGORITHMS
    keys = SigningKeys(_fetch(jwt.jwks_url or "", exchange), algorithms)
    rules = TokenRules(jwt.issuer or "", jwt.audience or "", algorithms, jwt.scope_claim)
    return IssuedTokens(rules, keys)


def _fetch(url: str, exchange: Exchange) -> Callable[[], Awaitable[bytes]]:
    """Return what fetches the issuer's keys; raises SettingsInvalid."""
    variable = f"{_VARIABLE}JWT__JWKS_URL"
    origin, target = split_base(variable, url)
    if origin.startswith("http:") and not is_loopback(urlsplit(origin).hostname or ""):
        raise SettingsInvalid(f"{variable}: https is asked for; who changes keys on the way signs.")
    call = Call(
        "issuer",
        "key_set",
        Effect.READ,
        "GET",
        origin,
        target or "/",
        headers={"accept": "application/json"},
        max_bytes=_KEY_SET_BYTES,
    )

    async def fetch() -> bytes:
        reply = await exchange.send(call)
        if reply.status != _OK:
            raise ValueError("the issuer's answer is no key set")
        return reply.body

    return fetch
