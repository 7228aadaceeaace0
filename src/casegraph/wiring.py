"""Clients made from settings: for each upstream its chain and its client, and how to close them.

The chain of a call, outermost first: bulkhead → credentials → exchange. Retry, rate gate, breaker
and deadline take their places in front of it when they come.
Invariant: what is not configured is None; nothing connects before the first call.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from casegraph.errors import SettingsInvalid
from casegraph.linking.identity import System
from casegraph.linking.rules import Rule, TableRule
from casegraph.linking.table import IdentityTable, IdentityTableError
from casegraph.loading.identity_table import read_identity_table
from casegraph.loading.links import LinkConfig
from casegraph.loading.sources import Sources
from casegraph.settings import (
    PREFIX,
    ActionManagementSettings,
    CaseReviewsSettings,
    CustomerCasesSettings,
    LinkName,
    RatingsSettings,
    Settings,
)
from casegraph.transport.bulkhead import Bulkhead
from casegraph.transport.calls import Send
from casegraph.transport.credentials import FixedHeaders, Renewable, basic, header_value
from casegraph.transport.exchange import ExchangeConfig, HttpxExchange
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.paths import split_base
from casegraph.upstreams.ratings.client import Ratings
from casegraph.upstreams.ratings.session import SessionCredentials

_POOL_ABOVE_CONCURRENCY = 4
"""Connections beyond the bulkhead's places: an abandoned call may hold one a little longer."""
_CUSTOMER_CASES_MAX_BYTES = 8 * 2**20
"""Largest body of the one array without bound (reliability §3.1)."""


@dataclass(frozen=True, slots=True)
class Wired:
    """The clients of a process, and the exchanges to close at its end."""

    sources: Sources
    exchanges: tuple[HttpxExchange, ...]

    async def close(self) -> None:
        """Close every connection."""
        for exchange in self.exchanges:
            await exchange.close()


def wire(settings: Settings) -> Wired:
    """Return the clients of all configured upstreams; raises SettingsInvalid."""
    exchanges: list[HttpxExchange] = []

    def exchange(concurrency: int) -> Send:
        made = HttpxExchange(ExchangeConfig(pool=concurrency + _POOL_ABOVE_CONCURRENCY))
        exchanges.append(made)
        return made.send

    sources = Sources(
        _action_management(
            settings.action_management, exchange(settings.action_management.concurrency)
        ),
        _case_reviews(settings.case_reviews, exchange(settings.case_reviews.concurrency)),
        _ratings(settings.ratings, exchange(settings.ratings.concurrency)),
        _customer_cases(settings.customer_cases, exchange(settings.customer_cases.concurrency)),
    )
    return Wired(sources, tuple(exchanges))


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


def _action_management(settings: ActionManagementSettings, send: Send) -> ActionManagement | None:
    name, prefix = "action_management", f"{PREFIX}ACTION_MANAGEMENT__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    chain: Send
    if settings.token is not None:
        bearer = header_value(f"{prefix}TOKEN", f"Bearer {_secret(settings.token)}")
        chain = FixedHeaders(send, {"authorization": bearer})
    else:
        token_origin, target = split_base(f"{prefix}TOKEN_URL", settings.token_url or "")
        user = ApiUser(
            name,
            token_origin,
            target,
            _secret(settings.client_id),
            _secret(settings.client_secret),
            settings.scope,
        )
        renew = token_renewal(user, send, time.monotonic)
        chain = Renewable(send, renew, stale_status=401, clock=time.monotonic)
    chain = Bulkhead(chain, settings.concurrency)
    # The Hubs API is the neighbour of this one: /v1/hubs beside /v1/actionmanagement.
    hubs_base = base.removesuffix("/actionmanagement")
    return ActionManagement(Rest(name, origin, base, chain), Rest(name, origin, hubs_base, chain))


def _case_reviews(settings: CaseReviewsSettings, send: Send) -> CaseReviews | None:
    name, prefix = "case_reviews", f"{PREFIX}CASE_REVIEWS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    user = header_value(f"{prefix}USERNAME", settings.username or "")
    proof = basic(f"{user}/token", _secret(settings.token))
    chain = Bulkhead(FixedHeaders(send, {"authorization": proof}), settings.concurrency)
    return CaseReviews(Rest(name, origin, base, chain))


def _ratings(settings: RatingsSettings, send: Send) -> Ratings | None:
    name, prefix = "ratings", f"{PREFIX}RATINGS__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    chain: Send
    if settings.token is not None:
        bearer = header_value(f"{prefix}TOKEN", f"Bearer {_secret(settings.token)}")
        chain = FixedHeaders(send, {"authorization": bearer})
    else:
        chain = SessionCredentials(send, basic(settings.email or "", _secret(settings.password)))
    return Ratings(Rest(name, origin, base, Bulkhead(chain, settings.concurrency)))


def _customer_cases(settings: CustomerCasesSettings, send: Send) -> CustomerCases | None:
    name, prefix = "customer_cases", f"{PREFIX}CUSTOMER_CASES__"
    if settings.url is None:
        return None
    origin, base = split_base(f"{prefix}URL", settings.url)
    header = header_value(f"{prefix}AUTH_HEADER", settings.auth_header)
    value = header_value(f"{prefix}AUTH_VALUE", _secret(settings.auth_value))
    chain = Bulkhead(FixedHeaders(send, {header.lower(): value}), settings.concurrency)
    return CustomerCases(Rest(name, origin, base, chain, max_bytes=_CUSTOMER_CASES_MAX_BYTES))


def _secret(value: SecretStr | None) -> str:
    return "" if value is None else value.get_secret_value()
