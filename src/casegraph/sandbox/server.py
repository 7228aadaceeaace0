"""The four simulated upstreams behind one loopback port, with their counters and latency.

Each simulator keeps its vendor's own paths under a prefix of its own, so that one base URL per
upstream is all that a gateway has to be told. `/__control` counts and slows calls from outside.
Invariant: control calls are not counted, and nothing here knows an upstream's answers.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from casegraph.sandbox.traffic import Traffic
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
CONTROL = "/__control"
_MAX_LATENCY_MS = 600_000.0
"""Ten minutes: longer than any deadline worth testing, short enough to be no typing slip."""


@dataclass(frozen=True)
class Sandbox:
    """The running parts: all upstreams in `app`, and each one alone in `apps`, by name."""

    app: Starlette
    apps: Mapping[str, Starlette]
    traffic: Mapping[str, Traffic]
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


def build(world: World, *, latency_ms: float = 0) -> Sandbox:
    """Wire the four simulators over `world`; each call takes at least `latency_ms`.

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
    traffic = {name: Traffic(app, name, latency_ms=latency_ms) for name, app in simulators.items()}
    hubs = [hub.hub_id for hub in world.action_management.hubs.values() if hub.has_program]
    settings = {
        "ACTION_MANAGEMENT__CLIENT_ID": actions.client_id,
        "ACTION_MANAGEMENT__CLIENT_SECRET": actions.client_secret,
        "ACTION_MANAGEMENT__SCOPE": actions.scope,
        "ACTION_MANAGEMENT__HUBS": msgspec.json.encode(hubs).decode(),
        "CASE_REVIEWS__USERNAME": reviews.username,
        "CASE_REVIEWS__TOKEN": reviews.token,
        "RATINGS__EMAIL": rates.email,
        "RATINGS__PASSWORD": rates.password,
        "CUSTOMER_CASES__AUTH_HEADER": customers.header,
        "CUSTOMER_CASES__AUTH_VALUE": customers.value,
    }
    paths = {
        "ACTION_MANAGEMENT__URL": ("action_management", "/v1/actionmanagement"),
        "ACTION_MANAGEMENT__TOKEN_URL": ("action_management", "/identity/connect/token"),
        "CASE_REVIEWS__URL": ("case_reviews", "/api/v1"),
        "RATINGS__URL": ("ratings", "/api/v1"),
        "CUSTOMER_CASES__URL": ("customer_cases", "/crm/v1"),
    }
    return Sandbox(
        app=_application(traffic),
        apps={name: _application({name: each}) for name, each in traffic.items()},
        traffic=traffic,
        _settings={f"CASEGRAPH_{name}": value for name, value in settings.items()},
        _paths={f"CASEGRAPH_{name}": value for name, value in paths.items()},
    )


def _application(traffic: Mapping[str, Traffic]) -> Starlette:
    control = _Control(traffic)
    return Starlette(
        routes=[
            *(Mount(PREFIXES[name], app=each) for name, each in traffic.items()),
            Route(f"{CONTROL}/calls", control.calls, methods=["GET"]),
            Route(f"{CONTROL}/calls", control.reset, methods=["DELETE"]),
            Route(f"{CONTROL}/latency", control.latency, methods=["GET"]),
            Route(f"{CONTROL}/latency", control.set_latency, methods=["PUT"]),
        ]
    )


def _answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


class _Latency(msgspec.Struct, forbid_unknown_fields=True):
    ms: float
    upstream: str | None = None


class _Control:
    """The control endpoint over the counters of the mounted upstreams."""

    def __init__(self, traffic: Mapping[str, Traffic]) -> None:
        self._traffic = traffic

    async def calls(self, _: Request) -> Response:
        """GET calls: how often each operation was called since the last reset."""
        upstreams = {name: each.snapshot() for name, each in self._traffic.items()}
        total = sum(each["total"] for each in upstreams.values())
        return _answer({"total": total, "upstreams": upstreams})

    async def reset(self, _: Request) -> Response:
        """DELETE calls: start counting at zero."""
        for each in self._traffic.values():
            each.reset()
        return Response(status_code=204)

    async def latency(self, _: Request) -> Response:
        """GET latency."""
        return self._latencies()

    async def set_latency(self, request: Request) -> Response:
        """PUT latency: of one upstream, or of all when none is named."""
        try:
            asked = msgspec.json.decode(await request.body(), type=_Latency)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _answer({"message": str(error)}, 400)
        if not (math.isfinite(asked.ms) and 0 <= asked.ms <= _MAX_LATENCY_MS):
            return _answer({"message": f"'ms' must be from 0 to {_MAX_LATENCY_MS:.0f}."}, 400)
        if asked.upstream is not None and asked.upstream not in self._traffic:
            known = ", ".join(self._traffic)
            return _answer({"message": f"'upstream' must be one of {known}."}, 400)
        for name, each in self._traffic.items():
            if asked.upstream in (None, name):
                each.latency_ms = asked.ms
        return self._latencies()

    def _latencies(self) -> Response:
        upstreams = {name: each.latency_ms for name, each in self._traffic.items()}
        values = set(upstreams.values())
        ms = values.pop() if len(values) == 1 else None
        return _answer({"ms": ms, "upstreams": upstreams})
