"""The project's own schema over its own reads, with answers of the simulators, some of them spoilt.

Clients, decoding, loaders and links are the real ones; only sockets are left out: a call goes to
the simulator in this process, and what it answered is kept. What is spoilt belongs to the thing
that a body tells of and not to the call, so that another way to the same record, which another
order of execution may take, brings the same.
Invariant: every run has reads and a memory of its own, and time stands still.
"""

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import unquote

from casegraph.errors import UpstreamUnavailable
from casegraph.graph import ids
from casegraph.graph.context import RequestContext
from casegraph.graph.ids import Kind
from casegraph.graph.schema import build_schema
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.links import LinkConfig, Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.reads import Reads, Shared
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.sandbox.world import World, build_world
from casegraph.transport.calls import Call, Reply
from casegraph.upstreams.action_management import simulator as action_management
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews import simulator as case_reviews
from casegraph.upstreams.case_reviews.client import CaseReviews
from casegraph.upstreams.customer_cases import simulator as customer_cases
from casegraph.upstreams.customer_cases.client import CustomerCases
from casegraph.upstreams.ratings import simulator as ratings
from casegraph.upstreams.ratings.client import Ratings
from engine.differential.dice import dice, mixed
from engine.differential.operations import Wishes
from engine.differential.trying import Ground, Run

_ORIGIN = "http://simulated"
_BASES = {
    "action_management": "/v1/actionmanagement",
    "case_reviews": "/api/v1",
    "ratings": "/api/v1",
    "customer_cases": "/crm/v1",
}
_WRONG: tuple[Any, ...] = (
    *(None, None, True, 7, -1.5, 2**31, 2**53, 1e300, "", "text", "2026-01-31", "false"),
    *([], {}, [1], [{}], {"id": {}}, ["a"]),
)
_MOMENT = 1_790_000_000.0


class Simulated:
    """The four simulators of one world, called without sockets; every answer is kept."""

    def __init__(self, world: World) -> None:
        def now() -> Any:
            return world.now

        self._apps: Mapping[str, Any] = {
            "action_management": action_management.create_app(world.action_management, now=now),
            "case_reviews": case_reviews.create_app(world.case_reviews, now=now),
            "ratings": ratings.create_app(world.ratings, now=now),
            "customer_cases": customer_cases.create_app(world.customer_cases, now=now),
        }
        self._replies: dict[tuple[str, str, bytes | None], Reply] = {}
        self._proofs: dict[str, str] = {}

    async def send(self, call: Call) -> Reply:
        """Return what a simulator answers."""
        key = (call.upstream, f"{call.method} {call.target}", call.body)
        reply = self._replies.get(key)
        if reply is None:
            proof = await self._proof(call.upstream)
            headers = {**call.headers, "authorization": proof}
            app = self._apps[call.upstream]
            reply = await _served(app, call.method, call.target, headers, call.body or b"")
            self._replies[key] = reply
        return reply

    async def _proof(self, upstream: str) -> str:
        if upstream not in self._proofs:
            self._proofs[upstream] = await self._proved(upstream)
        return self._proofs[upstream]

    async def _proved(self, upstream: str) -> str:
        if upstream == "customer_cases":
            return customer_cases.Credentials().value
        if upstream == "case_reviews":
            known = case_reviews.Credentials()
            return _basic(f"{known.username}/token:{known.token}")
        if upstream == "ratings":
            return f"Bearer {ratings.Credentials().bearer}"
        user = action_management.Credentials()
        form = (
            f"grant_type=api-user&client_id={user.client_id}&client_secret={user.client_secret}"
            f"&scope={user.scope.replace(' ', '+')}"
        )
        reply = await _served(
            self._apps[upstream],
            "POST",
            "/identity/connect/token",
            {"content-type": "application/x-www-form-urlencoded"},
            form.encode(),
        )
        return f"Bearer {json.loads(reply.body)['access_token']}"


def _basic(account: str) -> str:
    return f"Basic {base64.b64encode(account.encode()).decode()}"


async def _served(
    app: Any, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    """Call an ASGI application."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("simulated", 80),
        "client": ("test", 1),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], told, b"".join(each.get("body", b"") for each in sent))


class Spoilt:
    """The simulators as one run sees them: values spoilt, and whole systems down."""

    def __init__(self, inner: Simulated, seed: int, oddness: float) -> None:
        self._inner = inner
        self._seed = seed
        self._oddness = oddness
        rng = dice(seed)
        self._down = {name for name in _BASES if rng.random() < oddness / 2}

    async def send(self, call: Call) -> Reply:
        """Return a reply with wrong values in it."""
        if call.upstream in self._down:
            raise UpstreamUnavailable(call.upstream, "any", "it is down in this run")
        reply = await self._inner.send(call)
        if not self._oddness or reply.status != 200:
            return reply
        body = self._spoil(json.loads(reply.body or b"null"), f"{call.upstream}")
        return Reply(reply.status, reply.headers, json.dumps(body).encode())

    def _spoil(self, value: Any, place: str, *, is_top: bool = True) -> Any:
        if isinstance(value, list):
            return [self._spoil(each, f"{place}[{index}]") for index, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if "id" in value:
            place, is_top = f"{value['id']} {len(value.get('User') or '')}", False
        return {
            key: self._member(key, each, f"{place}.{key}", is_top=is_top)
            for key, each in value.items()
        }

    def _member(self, key: str, value: Any, place: str, *, is_top: bool) -> Any:
        is_key = key.lower().endswith("id") or is_top
        rng = dice(mixed(self._seed, place))
        if not is_key and rng.random() < self._oddness:
            return rng.choice(_WRONG)
        return self._spoil(value, place, is_top=False)


@cache
def project() -> Ground:
    """Return the project's schema with its data."""
    world = build_world(cases=60)
    inner = Simulated(world)

    async def context(run: Run) -> RequestContext:
        return _context(Spoilt(inner, run.seed, run.oddness).send)

    return Ground(
        "project",
        build_schema()._schema,
        context,
        _wishes(world),
        {"directives": frozenset({"freshness"})},
    )


def _context(send: Callable[[Call], Any]) -> RequestContext:
    def rest(upstream: str, base: str | None = None) -> Rest:
        return Rest(upstream, _ORIGIN, base or _BASES[upstream], send)

    sources = Sources(
        ActionManagement(rest("action_management"), rest("action_management", "/v1")),
        CaseReviews(rest("case_reviews")),
        Ratings(rest("ratings")),
        CustomerCases(rest("customer_cases")),
    )
    scope = DataScope()
    kept = Kept(MemoryStore(_now), clock=_now)
    look_ups = LookUps(sources, kept, clock=_now)
    links = Links(LinkConfig(), sources, look_ups, _now)
    shared = Shared(sources, look_ups, links, Access(kept, clock=_now), scope)
    asking = Asking(scope, ANY, Ledger())
    return RequestContext(asking, "request", partial(Reads, shared), _now)


def _now() -> float:
    return _MOMENT


def _wishes(world: World) -> Wishes:
    odd = world.oddities
    hub = str(odd.hub_with_program)
    store = world.action_management.hubs[odd.hub_with_program]
    cases = [str(odd.case_with_everything), *[str(each) for each in list(store.cases)[:6]]]
    reviews = [str(each) for each in list(world.case_reviews.entries)[:4]]
    notes = [str(each) for each in list(store.notes)[:4]]
    nodes = [
        *(ids.encode(Kind.CASE, hub, each) for each in cases[:3]),
        *(ids.encode(Kind.REVIEW_ENTRY, each) for each in reviews[:2]),
        ids.encode(Kind.CUSTOMER_CASE, "1"),
        "nothing",
    ]
    return Wishes(
        known={
            "hubId": (hub, hub, hub, odd.hub_with_program, "0", "7"),
            "caseId": (*cases, "1", "x"),
            "noteId": (*notes, "1"),
            "reviewEntryId": (*reviews, "1"),
            "ratingId": ("1", "2", "3", "100"),
            "customerId": (odd.shared_customer, "none"),
            "id": tuple(nodes),
            "ids": tuple(nodes),
            "first": (1, 2, 3, 4, 5, 0),
            "after": ("", "broken"),
            "limit": (1, 3, 0),
            "vendorFilters": ([],),
            "questionName": ("customer_id", "nps"),
            "questionNames": ("customer_id", "nps", "comment"),
        },
        extra=("@freshness(maxAgeSeconds: 60)", "@freshness(maxAgeSeconds: 0)"),
        left_out=frozenset({"Query.ratingByHash"}),
        mutations=0.0,
        defers=True,
    )
