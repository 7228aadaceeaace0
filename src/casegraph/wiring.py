"""Clients made from settings: for each upstream its chain and its client, and how to close them.

`transport/chain.py` says how the layers stand; here they get what a person has set. Paces are
shared over all processes when the cache is a Redis, and kept per process otherwise.
Invariant: what is not configured is None; nothing connects before the first call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from casegraph.errors import SettingsInvalid
from casegraph.linking.identity import System
from casegraph.linking.rules import Rule, TableRule
from casegraph.linking.table import IdentityTable, IdentityTableError
from casegraph.loading.identity_table import read_identity_table
from casegraph.loading.links import LinkConfig
from casegraph.loading.sources import Sources
from casegraph.settings import Settings
from casegraph.settings_groups import (
    PREFIX,
    ActionManagementSettings,
    CaseReviewsSettings,
    CustomerCasesSettings,
    LinkName,
    RatingsSettings,
    UpstreamSettings,
)
from casegraph.telemetry.observer import Observer, SilentObserver
from casegraph.telemetry.vocabulary import BreakerState
from casegraph.transport.breaker import State
from casegraph.transport.calls import Send
from casegraph.transport.chain import Chain, ChainConfig, Surroundings, build_chain
from casegraph.transport.credentials import (
    FixedHeaders,
    Renewable,
    basic,
    header_name,
    header_value,
)
from casegraph.transport.exchange import Exchange, ExchangeConfig
from casegraph.transport.exchange_httpx import HttpxExchange
from casegraph.transport.exchange_pyreqwest import PyreqwestExchange
from casegraph.transport.observed import ObservedAttempts, ObservedCalls
from casegraph.transport.pace import LocalPace, Pace, PaceConfig
from casegraph.transport.retry import RetryPolicy
from casegraph.transport.shared_pace import PaceServer, SharedPace
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.paths import split_base
from casegraph.upstreams.ratings.client import Ratings
from casegraph.upstreams.ratings.lock import LockedOut
from casegraph.upstreams.ratings.session import SessionCredentials

_POOL_ABOVE_CONCURRENCY = 4
"""Connections beyond the bulkhead's places: an abandoned call may hold one a little longer."""
_CUSTOMER_CASES_MAX_BYTES = 8 * 2**20
"""Largest body of the one array without bound (reliability §3.1)."""
_REVIEWS_RETRY = RetryPolicy(attempts=2, base_seconds=2.0, cap_seconds=2.0)
"""The vendor's own example waits 2 s between any two calls (reliability §3.1)."""

_EXCHANGES: Mapping[str, Callable[[ExchangeConfig], Exchange]] = {
    "pyreqwest": PyreqwestExchange,
    "httpx": HttpxExchange,
}

_TOLD: Mapping[State, BreakerState] = {
    State.CLOSED: BreakerState.CLOSED,
    State.OPEN: BreakerState.OPEN,
    State.HALF_OPEN: BreakerState.PROBING,
}
"""A breaker's states as logs and metrics name them; the two rooms do not know each other."""

Prove = Callable[[Send], Send]
"""Puts the credentials layer of one upstream in front of its exchange."""


@dataclass(frozen=True, slots=True)
class Wired:
    """The clients of a process, and what is to be closed at its end."""

    sources: Sources
    chains: dict[str, Chain]
    exchanges: tuple[Exchange, ...]
    pace_server: PaceServer | None

    async def close(self) -> None:
        """Close every connection."""
        for exchange in self.exchanges:
            await exchange.close()
        if self.pace_server is not None:
            await self.pace_server.close()


def wire(settings: Settings, observer: Observer | None = None) -> Wired:
    """Return the clients of all configured upstreams; raises SettingsInvalid."""
    bench = _Bench(settings, observer or SilentObserver())
    sources = Sources(
        _action_management(settings.action_management, bench),
        _case_reviews(settings.case_reviews, bench),
        _ratings(settings.ratings, bench),
        _customer_cases(settings.customer_cases, bench),
    )
    return Wired(sources, bench.chains, tuple(bench.exchanges), bench.pace_server)


@dataclass
class _Bench:
    """What the chains of one process are put together with."""

    settings: Settings
    observer: Observer
    around: Surroundings = field(default_factory=Surroundings)
    chains: dict[str, Chain] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    pace_server: PaceServer | None = None

    def chain(
        self,
        name: str,
        upstream: UpstreamSettings,
        prove: Prove,
        retry: RetryPolicy | None = None,
    ) -> Chain:
        """Return the finished chain of one upstream."""
        config = ChainConfig(concurrency=upstream.concurrency, retry=retry or RetryPolicy())
        exchange = ObservedAttempts(self._exchange(upstream).send, self.observer)
        self.observer.breaker_changed(name, BreakerState.CLOSED)
        made = build_chain(
            prove(exchange),
            self._pace(name, PaceConfig(upstream.max_per_second, upstream.burst)),
            config,
            self.around,
            on_breaker=lambda state: self.observer.breaker_changed(name, _TOLD[state]),
            on_gate_wait=lambda seconds: self.observer.gate_waited(name, seconds),
        )
        self.chains[name] = made
        return made

    def rest(
        self, name: str, origin: str, base: str, chain: Chain, max_bytes: int = 5 * 2**20
    ) -> Rest:
        """Return the REST side of one upstream over its chain."""
        send = ObservedCalls(chain.send, name, self.observer, lambda: chain.budget.left)
        return Rest(
            name,
            origin,
            base,
            send,
            max_bytes=max_bytes,
            on_unreadable=chain.breaker.contract_broken,
        )

    def _exchange(self, upstream: UpstreamSettings) -> Exchange:
        config = ExchangeConfig(pool=upstream.concurrency + _POOL_ABOVE_CONCURRENCY)
        made: Exchange = _EXCHANGES[self.settings.exchange](config)
        self.exchanges.append(made)
        return made

    def _pace(self, name: str, config: PaceConfig) -> Pace:
        url = self.settings.cache.url.get_secret_value()
        if config.per_second <= 0 or not url.startswith("redis"):
            return LocalPace(config, self.around.clock)
        if self.pace_server is None:
            self.pace_server = PaceServer(url)
        return SharedPace(self.pace_server, name, config, self.around.clock)


def wire_links(settings: Settings) -> LinkConfig:
    """Return the link rules with their tables read; raises SettingsInvalid."""
    named: tuple[tuple[System, LinkName], ...] = (
        (System.CASE_REVIEWS, "reviews"),
        (System.RATINGS, "ratings"),
        (System.CUSTOMER_CASES, "customer"),
    )
    rules: dict[System, Rule] = {}
    tables: dict[System, IdentityTable] = {}
    for system, name in named:
        rules[system] = rule = settings.links.rule(name)
        if isinstance(rule, TableRule):
            try:
                tables[system] = read_identity_table(Path(rule.path))
            except (IdentityTableError, OSError) as error:
                raise SettingsInvalid(f"{PREFIX}LINKS__{name.upper()}: {error}") from None
    return LinkConfig(rules, tables, settings.action_management.hubs or ())


def _action_management(
    settings: ActionManagementSettings, bench: _Bench
) -> ActionManagement | None:
    name, prefix = "action_management", f"{PREFIX}ACTION_MANAGEMENT__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    prove = _fixed_bearer(prefix, settings.token) or _oauth(name, prefix, settings, bench)
    chain = bench.chain(name, settings, prove)
    # The Hubs API is the neighbour of this one: /v1/hubs beside /v1/actionmanagement.
    hubs_base = base.removesuffix("/actionmanagement")
    return ActionManagement(
        bench.rest(name, origin, base, chain), bench.rest(name, origin, hubs_base, chain)
    )


def _oauth(name: str, prefix: str, settings: ActionManagementSettings, bench: _Bench) -> Prove:
    token_origin, target = split_base(f"{prefix}TOKEN_URL", settings.token_url or "")
    user = ApiUser(
        name,
        token_origin,
        target,
        _secret(settings.client_id),
        _secret(settings.client_secret),
        settings.scope,
    )
    clock = bench.around.clock

    def prove(send: Send) -> Send:
        return Renewable(send, token_renewal(user, send, clock), stale_status=401, clock=clock)

    return prove


def _case_reviews(settings: CaseReviewsSettings, bench: _Bench) -> CaseReviews | None:
    name, prefix = "case_reviews", f"{PREFIX}CASE_REVIEWS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    user = header_value(f"{prefix}USERNAME", settings.username or "")
    proof = {"authorization": basic(f"{user}/token", _secret(settings.token))}
    chain = bench.chain(name, settings, lambda send: FixedHeaders(send, proof), _REVIEWS_RETRY)
    return CaseReviews(bench.rest(name, origin, base, chain))


def _ratings(settings: RatingsSettings, bench: _Bench) -> Ratings | None:
    name, prefix = "ratings", f"{PREFIX}RATINGS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    proof = basic(settings.email or "", _secret(settings.password))
    prove = _fixed_bearer(prefix, settings.token) or (
        lambda send: SessionCredentials(send, proof, clock=bench.around.clock)
    )
    chain = bench.chain(name, settings, lambda send: prove(LockedOut(send)))
    return Ratings(bench.rest(name, origin, base, chain))


def _customer_cases(settings: CustomerCasesSettings, bench: _Bench) -> CustomerCases | None:
    name, prefix = "customer_cases", f"{PREFIX}CUSTOMER_CASES__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    header = header_name(f"{prefix}AUTH_HEADER", settings.auth_header)
    value = header_value(f"{prefix}AUTH_VALUE", _secret(settings.auth_value))
    chain = bench.chain(name, settings, lambda send: FixedHeaders(send, {header: value}))
    return CustomerCases(bench.rest(name, origin, base, chain, max_bytes=_CUSTOMER_CASES_MAX_BYTES))


def _fixed_bearer(prefix: str, token: SecretStr | None) -> Prove | None:
    if token is None:
        return None
    bearer = header_value(f"{prefix}TOKEN", f"Bearer {_secret(token)}")
    return lambda send: FixedHeaders(send, {"authorization": bearer})


def _secret(value: SecretStr | None) -> str:
    return "" if value is None else value.get_secret_value()
