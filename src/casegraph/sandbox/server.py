"""The four simulated upstreams behind one loopback port, with counters, latency and faults.

Each simulator keeps its vendor's own paths under a prefix of its own, so that one base URL per
upstream is all that a gateway has to be told. `/__control` counts, slows and spoils calls from
outside.
Invariant: control calls are not counted, and nothing here knows an upstream's answers.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from casegraph.sandbox.control import control_routes
from casegraph.sandbox.faults import Plan
from casegraph.sandbox.rehearsal import Rehearsal
from casegraph.sandbox.traffic import Traffic
from casegraph.sandbox.wire import expose
from casegraph.sandbox.world import World
from casegraph.upstreams.action_management import simulator as action_management
from casegraph.upstreams.case_reviews import simulator as case_reviews
from casegraph.upstreams.customer_cases import simulator as customer_cases
from casegraph.upstreams.ratings import simulator as ratings

PREFIXES = {
    "action_management": "/action-management",
    "case_reviews": "/case-reviews",
    "ratings": "/ratings",
    "customer_cases": "/customer-cases",
}
_RENAMED = {
    "case_reviews": {"reviews_sweep", "reviews_count"},
    "ratings": {"rating_by_hash"},
}
"""Operations that a simulator tells from another one of the same route; reads, all of them."""

_PATHS = {
    "ACTION_MANAGEMENT__URL": ("action_management", "/v1/actionmanagement"),
    "ACTION_MANAGEMENT__TOKEN_URL": ("action_management", "/identity/connect/token"),
    "CASE_REVIEWS__URL": ("case_reviews", "/api/v1"),
    "RATINGS__URL": ("ratings", "/api/v1"),
    "CUSTOMER_CASES__URL": ("customer_cases", "/crm/v1"),
}
"""Where each URL setting points, below its upstream's prefix."""


@dataclass(frozen=True)
class Sandbox:
    """The running parts: all upstreams in `app`, and each one alone in `apps`, by name."""

    app: Starlette
    apps: Mapping[str, Starlette]
    traffic: Mapping[str, Traffic]
    faults: Rehearsal
    _settings: Mapping[str, str]
    _paths: Mapping[str, tuple[str, str]]

    def environment(self, base: str | Mapping[str, str]) -> dict[str, str]:
        """Name the variables that point a gateway here.

        `base` is where `app` is served, for example `http://127.0.0.1:8080`; a mapping names, per
        upstream, where each of `apps` is served.
        """
        variables = dict(self._settings)
        for name, (upstream, path) in self._paths.items():
            root = base if isinstance(base, str) else base[upstream]
            variables[name] = f"{root.rstrip('/')}{PREFIXES[upstream]}{path}"
        return variables


def build(world: World, *, latency_ms: float = 0, faults: Plan | None = None) -> Sandbox:
    """Wire the four simulators over `world`; each call takes at least `latency_ms`.

    Raises PlanInvalid when `faults` names an upstream or an operation that is not there.

    Their clock starts at the moment at which the world ends and runs on from there, so that what
    was due then is due now, whenever it is started.
    """
    started = time.monotonic()

    def now() -> datetime:
        return world.now + timedelta(seconds=time.monotonic() - started)

    actions = action_management.Credentials()
    reviews = case_reviews.Credentials()
    rates = ratings.Credentials()
    customers = customer_cases.Credentials()
    simulators = {
        "action_management": action_management.create_app(
            world.action_management, credentials=actions, now=now
        ),
        "case_reviews": case_reviews.create_app(world.case_reviews, credentials=reviews, now=now),
        "ratings": ratings.create_app(world.ratings, credentials=rates, now=now),
        "customer_cases": customer_cases.create_app(
            world.customer_cases, credentials=customers, now=now
        ),
    }
    rehearsal = Rehearsal(_operations(simulators))
    rehearsal.install(faults or Plan())
    traffic = {
        name: Traffic(app, name, latency_ms=latency_ms, interventions=[rehearsal.around(name)])
        for name, app in simulators.items()
    }
    return Sandbox(
        app=_application(traffic, rehearsal),
        apps={name: _application({name: each}, rehearsal) for name, each in traffic.items()},
        traffic=traffic,
        faults=rehearsal,
        _settings=_credentials(world, actions, reviews, rates, customers),
        _paths={f"CASEGRAPH_{name}": value for name, value in _PATHS.items()},
    )


class _Application(Starlette):
    """The mounted upstreams, with the connection under each call shown to its faults."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Before Starlette wraps `send`, behind which the connection is found.
        expose(scope, send)
        await super().__call__(scope, receive, send)


def _credentials(
    world: World,
    actions: action_management.Credentials,
    reviews: case_reviews.Credentials,
    rates: ratings.Credentials,
    customers: customer_cases.Credentials,
) -> dict[str, str]:
    """Return the settings with which a gateway is let in."""
    hubs = [hub.hub_id for hub in world.action_management.hubs.values() if hub.has_program]
    settings = {
        "ACTION_MANAGEMENT__CLIENT_ID": actions.client_id,
        "ACTION_MANAGEMENT__CLIENT_SECRET": actions.client_secret,
        "ACTION_MANAGEMENT__SCOPE": actions.scope,
        "ACTION_MANAGEMENT__HUBS": msgspec.json.encode(hubs).decode(),
        "CASE_REVIEWS__USERNAME": reviews.username,
        "CASE_REVIEWS__TOKEN": reviews.token,
        # The real one wants a call per two seconds; a sandbox is there to be tried at once.
        "CASE_REVIEWS__MAX_PER_SECOND": "0",
        "RATINGS__EMAIL": rates.email,
        "RATINGS__PASSWORD": rates.password,
        "CUSTOMER_CASES__AUTH_HEADER": customers.header,
        "CUSTOMER_CASES__AUTH_VALUE": customers.value,
    }
    return {f"CASEGRAPH_{name}": value for name, value in settings.items()}


def _application(traffic: Mapping[str, Traffic], faults: Rehearsal) -> Starlette:
    mounts = [Mount(PREFIXES[name], app=each) for name, each in traffic.items()]
    return _Application(routes=[*mounts, *control_routes(traffic, faults)])


def _operations(simulators: Mapping[str, Starlette]) -> dict[str, set[str]]:
    return {
        name: {str(getattr(route, "name", "")) for route in app.routes} | _RENAMED.get(name, set())
        for name, app in simulators.items()
    }
