"""Clients made from settings: for each upstream its chain and its client, and how to close them.

`transport/chain.py` says how the layers stand; here they get what a person has set. Paces, pauses
and locks are shared over all processes when the cache is a Redis, and kept per process otherwise.
Invariant: what is not configured is None; nothing connects before the first call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import scrypt

from pydantic import SecretStr

from casegraph.loading.access.lane import Lane
from casegraph.loading.access.learned import Learned
from casegraph.loading.scope import tenant_of
from casegraph.loading.sources import Sources
from casegraph.settings import Settings
from casegraph.settings_groups import PREFIX
from casegraph.settings_upstreams import (
    ActionManagementSettings,
    CaseReviewsSettings,
    CustomerCasesSettings,
    RatingsSettings,
    UpstreamSettings,
)
from casegraph.telemetry.observer import Observer, SilentObserver
from casegraph.telemetry.vocabulary import BreakerState, Refusal
from casegraph.transport.allowance import WithinAllowance
from casegraph.transport.breaker import State
from casegraph.transport.calls import Send
from casegraph.transport.chain import (
    Chain,
    ChainConfig,
    Listeners,
    Surroundings,
    build_chain,
)
from casegraph.transport.credentials import (
    FixedHeaders,
    Renewable,
    basic,
    header_name,
    header_value,
)
from casegraph.transport.exchange import Exchange, ExchangeConfig
from casegraph.transport.exchange_choice import OFFERED
from casegraph.transport.fair_pace import FairPace
from casegraph.transport.forwarded import Forwarding
from casegraph.transport.observed import ObservedAttempts, ObservedCalls
from casegraph.transport.pace import LocalPace, Pace, PaceConfig
from casegraph.transport.pause import Pause
from casegraph.transport.rate_gate import LONGEST_MEMORY_SECONDS
from casegraph.transport.retry import RetryPolicy
from casegraph.transport.shared_pace import PaceServer, SharedPace
from casegraph.transport.shared_pause import SharedPause
from casegraph.transport.timed import Timed
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.paths import split_base
from casegraph.upstreams.ratings.callers import CallersDoor
from casegraph.upstreams.ratings.client import Ratings
from casegraph.upstreams.ratings.lock import LOCK_SECONDS, LockedOut
from casegraph.upstreams.ratings.session import SessionCredentials

_POOL_ABOVE_CONCURRENCY = 4
"""Connections beyond the bulkhead's places: an abandoned call may hold one a little longer."""
_CUSTOMER_CASES_MAX_BYTES = 8 * 2**20
"""Largest body of the one array without bound (reliability §3.1)."""
_REVIEWS_RETRY = RetryPolicy(attempts=2, base_seconds=2.0, cap_seconds=2.0)
"""The vendor's own example waits 2 s between any two calls (reliability §3.1)."""

EXCHANGES: Mapping[str, Callable[[ExchangeConfig], Exchange]] = OFFERED

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
    exchanges: tuple[Exchange, ...]
    pace_server: PaceServer | None
    learned: Learned = field(default_factory=Learned)
    lanes: Mapping[str, Callable[[], Lane]] = field(default_factory=dict)
    """How fast each upstream can be asked just now."""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """Where each upstream is and as whom it is asked, as `tenant_of` digests it."""

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
    return Wired(
        sources,
        tuple(bench.exchanges),
        bench.pace_server,
        bench.learned,
        bench.lanes,
        bench.tenants,
    )


@dataclass
class _Bench:
    """What the chains of one process are put together with."""

    settings: Settings
    observer: Observer
    around: Surroundings = field(default_factory=Surroundings)
    exchanges: list[Exchange] = field(default_factory=list)
    pace_server: PaceServer | None = None
    learned: Learned = field(default_factory=Learned)
    lanes: dict[str, Callable[[], Lane]] = field(default_factory=dict)
    tenants: dict[str, str] = field(default_factory=dict)

    def chain(
        self,
        name: str,
        upstream: UpstreamSettings,
        prove: Prove,
        retry: RetryPolicy | None = None,
    ) -> Chain:
        """Return the finished chain of one upstream."""
        config = ChainConfig(concurrency=upstream.concurrency, retry=retry or RetryPolicy())
        wire = Timed(self._exchange(upstream).send, self.learned.took, self.around.clock)
        exchange = ObservedAttempts(wire, self.observer, self.around.clock)
        self.observer.breaker_changed(name, BreakerState.CLOSED)
        pace = self._pace(name, PaceConfig(upstream.max_per_second, upstream.burst))
        chain = build_chain(
            prove(exchange),
            pace,
            config,
            self.around,
            self._listeners(name),
            self._pause(f"pause:{name}", LONGEST_MEMORY_SECONDS),
        )
        interval = 1 / upstream.max_per_second if upstream.max_per_second else 0.0
        self.lanes[name] = lambda: Lane(
            concurrency=upstream.concurrency,
            interval=interval,
            ahead=interval * (upstream.burst - 1),
            backlog=pace.backlog,
            hold=chain.gate.hold,
        )
        return chain

    def _listeners(self, name: str) -> Listeners:
        told = self.observer
        return Listeners(
            breaker=lambda state: told.breaker_changed(name, _TOLD[state]),
            gate_wait=lambda seconds: told.gate_waited(name, seconds),
            retry=lambda call, wait: told.retry_scheduled(name, call.operation, wait),
            unpaid=lambda call: told.call_refused(name, call.operation, Refusal.BUDGET),
            full=lambda call: told.call_refused(name, call.operation, Refusal.FULL),
        )

    def rest(
        self, name: str, origin: str, base: str, chain: Chain, max_bytes: int = 5 * 2**20
    ) -> Rest:
        """Return the REST side of one upstream over its chain."""
        observed = ObservedCalls(chain.send, name, self.observer, lambda: chain.budget.left)
        send: Send = WithinAllowance(observed)
        header = self.settings.upstreams()[name].forward_header
        return Rest(
            name,
            origin,
            base,
            Forwarding(send, header.lower()) if header else send,
            max_bytes=max_bytes,
            on_unreadable=chain.breaker.contract_broken,
            on_unusable=lambda operation: self.observer.answer_unusable(name, operation),
        )

    def _exchange(self, upstream: UpstreamSettings) -> Exchange:
        config = ExchangeConfig(pool=upstream.concurrency + _POOL_ABOVE_CONCURRENCY)
        made: Exchange = EXCHANGES[self.settings.exchange](config)
        self.exchanges.append(made)
        return made

    def _pace(self, name: str, config: PaceConfig) -> Pace:
        clock = self.around.clock
        if config.per_second <= 0:
            return LocalPace(config, clock)
        server = self._server()
        if server is None:
            return FairPace(LocalPace(config, clock), clock)
        return FairPace(SharedPace(server, name, config, clock), clock)

    def _pause(self, name: str, longest: float) -> Pause | None:
        server = self._server()
        return None if server is None else SharedPause(server, name, longest, self.around.clock)

    def lock(self, name: str, origin: str, credentials: str) -> Pause | None:
        """Return where processes with these credentials tell each other that they are locked.

        The name in Redis is a slow digest: who reads the keys must not be able to try passwords.
        """
        if self._server() is None:
            return None
        secret = credentials.encode()
        digest = scrypt(secret, salt=f"{name} {origin}".encode(), n=2**14, r=8, p=1, dklen=16)
        return self._pause(f"locked:{name}:{digest.hex()}", LOCK_SECONDS)

    def callers_lock(self, name: str) -> Callable[[str], Pause] | None:
        """Return where processes that know callers by the same digests tell each other of locks."""
        server = self._server()
        if server is None or self.settings.cache.secret is None:
            return None
        clock = self.around.clock
        return lambda whose: SharedPause(server, f"locked:{name}:{whose}", LOCK_SECONDS, clock)

    def _server(self) -> PaceServer | None:
        """Return the Redis that is shared with other processes; None when there is none."""
        url = self.settings.cache.url.get_secret_value()
        if self.pace_server is None and url.startswith("redis"):
            self.pace_server = PaceServer(url)
        return self.pace_server


def _action_management(
    settings: ActionManagementSettings, bench: _Bench
) -> ActionManagement | None:
    name, prefix = "action_management", f"{PREFIX}ACTION_MANAGEMENT__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    prove = (
        _as_caller(settings)
        or _fixed_bearer(prefix, settings.token)
        or _oauth(name, prefix, settings, bench)
    )
    chain = bench.chain(name, settings, prove)
    # The Hubs API is the neighbour of this one: /v1/hubs beside /v1/actionmanagement.
    hubs_base = base.removesuffix("/actionmanagement")
    account = _secret(settings.client_id)  # a name, which OAuth does not count among its secrets
    bench.tenants[name] = _tenant(settings, origin, base, settings.token_url or "", account)
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

    def unusable(operation: str) -> None:
        bench.observer.answer_unusable(name, operation)

    def prove(send: Send) -> Send:
        renewal = token_renewal(user, send, clock, unusable)
        return Renewable(send, renewal, stale_status=401, clock=clock)

    return prove


def _case_reviews(settings: CaseReviewsSettings, bench: _Bench) -> CaseReviews | None:
    name, prefix = "case_reviews", f"{PREFIX}CASE_REVIEWS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    bench.tenants[name] = _tenant(settings, origin, base, settings.username or "")
    prove = _as_caller(settings) or _api_user(prefix, settings)
    chain = bench.chain(name, settings, prove, _REVIEWS_RETRY)
    return CaseReviews(bench.rest(name, origin, base, chain))


def _api_user(prefix: str, settings: CaseReviewsSettings) -> Prove:
    user = header_value(f"{prefix}USERNAME", settings.username or "")
    proof = {"authorization": basic(f"{user}/token", _secret(settings.token))}
    return lambda send: FixedHeaders(send, proof)


def _ratings(settings: RatingsSettings, bench: _Bench) -> Ratings | None:
    name, prefix = "ratings", f"{PREFIX}RATINGS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    bench.tenants[name] = _tenant(settings, origin, base, settings.email or "")
    if settings.forward_header:
        locks, clock = bench.callers_lock(name), bench.around.clock
        chain = bench.chain(name, settings, lambda send: CallersDoor(send, locks, clock=clock))
    else:
        chain = bench.chain(name, settings, _signed_in(name, prefix, origin, settings, bench))
    return Ratings(bench.rest(name, origin, base, chain))


def _signed_in(
    name: str, prefix: str, origin: str, settings: RatingsSettings, bench: _Bench
) -> Prove:
    proof = basic(settings.email or "", _secret(settings.password))
    prove = _fixed_bearer(prefix, settings.token) or (
        lambda send: SessionCredentials(send, proof, clock=bench.around.clock)
    )
    lock = bench.lock(name, origin, _secret(settings.token) or proof)
    return lambda send: prove(LockedOut(send, lock))


def _customer_cases(settings: CustomerCasesSettings, bench: _Bench) -> CustomerCases | None:
    name, prefix = "customer_cases", f"{PREFIX}CUSTOMER_CASES__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    bench.tenants[name] = _tenant(settings, origin, base)
    chain = bench.chain(name, settings, _as_caller(settings) or _fixed_value(prefix, settings))
    return CustomerCases(bench.rest(name, origin, base, chain, max_bytes=_CUSTOMER_CASES_MAX_BYTES))


def _fixed_value(prefix: str, settings: CustomerCasesSettings) -> Prove:
    header = header_name(f"{prefix}AUTH_HEADER", settings.auth_header)
    value = header_value(f"{prefix}AUTH_VALUE", _secret(settings.auth_value))
    return lambda send: FixedHeaders(send, {header: value})


def _as_caller(settings: UpstreamSettings) -> Prove | None:
    """Return that nothing is added here, where callers bring their own credentials."""
    return (lambda send: send) if settings.forward_header else None


def _tenant(settings: UpstreamSettings, *parts: str) -> str:
    """Return the tenant: with the account, or the word that its callers' accounts are many."""
    if settings.forward_header:
        return tenant_of(*parts[:2], "callers", settings.forward_header.lower())
    return tenant_of(*parts)


def _fixed_bearer(prefix: str, token: SecretStr | None) -> Prove | None:
    if token is None:
        return None
    bearer = header_value(f"{prefix}TOKEN", f"Bearer {_secret(token)}")
    return lambda send: FixedHeaders(send, {"authorization": bearer})


def _secret(value: SecretStr | None) -> str:
    return "" if value is None else value.get_secret_value()
