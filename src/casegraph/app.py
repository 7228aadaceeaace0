"""The one assembler: from settings to an ASGI app, in the order in which a request meets the parts.

The way of a request:

    edge.endpoint     request → operation; answer → bytes
    engine            operation → checked document → plan → execution
    graph             one resolver per field that is more than an attribute
    loading           what the request needs, each thing once; look-ups shared by the process
    linking           who is the same case, pure
    upstreams         one client per vendor: ids in, records out
    transport         one call made safe: deadline → retry → rate gate → breaker → bulkhead →
                      credentials → exchange

Invariant: only what puts a gateway together knows the settings (here, `wiring`, `entrance` and the
commands); everything below is handed what it needs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from casegraph.edge.admission import Admission
from casegraph.edge.answers import encode, formatted
from casegraph.edge.decoding import BadRequest, BodyBounds
from casegraph.edge.door import Door
from casegraph.edge.endpoint import GraphQLEndpoint, Manners
from casegraph.edge.explorer.page import Example, Explorer
from casegraph.edge.health import Readiness, health_routes
from casegraph.edge.origins import cross_origin
from casegraph.edge.outgoing import Outgoing
from casegraph.edge.persisted import Documents, Registered
from casegraph.edge.ready import ReadyAnswers
from casegraph.edge.shortcut import Shortcut
from casegraph.edge.trusted import TrustedDocument, TrustedDocumentsError, read_trusted
from casegraph.engine.compiled import CompiledEngine
from casegraph.engine.shadow import ShadowedEngine
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.entrance import Entrance, forwarded_headers, open_entrance
from casegraph.errors import SettingsInvalid
from casegraph.graph.examples import ExampleQuery
from casegraph.graph.failures import present
from casegraph.graph.forecast_bound import OperationCosts
from casegraph.graph.forecast_plan import Forecast
from casegraph.graph.freshness import FRESHNESS
from casegraph.graph.schema import Schema, build_schema, sdl
from casegraph.graph.scopes import ScopeTable
from casegraph.loading.access.planning import Access
from casegraph.loading.cache import CacheUrlError
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore, Store, open_store
from casegraph.loading.links import Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.reads import Shared
from casegraph.loading.scope import NOBODY, DataScope
from casegraph.reporting import Reporting, open_reporting
from casegraph.sessions import MINDED_HEADERS, Sessions
from casegraph.settings import Settings
from casegraph.settings_groups import PREFIX
from casegraph.telemetry.event_loop import watch_event_loop
from casegraph.telemetry.metrics import Metrics
from casegraph.wiring import Wired, wire
from casegraph.wiring_loading import start_feeds, wire_feeds, wire_links
from casegraph.writing.forgetting import Forgetting
from casegraph.writing.opening import open_writes
from casegraph.writing.writes import Writes


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything behind the door, living as long as the process."""

    schema: Schema
    sessions: Sessions
    wired: Wired
    kept: Kept
    feeds: Feeds
    links: Links
    reporting: Reporting
    writes: Writes
    documents: Documents
    seconds: float
    """Time of one request."""

    async def answer(self, operation: Operation, request_id: str) -> bytes:
        """Return the answer to one operation as JSON, for use without HTTP."""
        session = self.sessions.begin(request_id, self.seconds, {})
        result = await session.run(operation)
        return encode(formatted(result, lambda error: present(error, request_id)))

    async def explain(
        self, operation: Operation, request_id: str
    ) -> tuple[Forecast | None, dict[str, Any]]:
        """Return what an operation would do, and the answer that a client would get for asking."""
        session = self.sessions.plan(self.seconds, {})
        result = await session.run(operation)
        answer = formatted(result, lambda error: present(error, request_id))
        return session.plan, {**answer, "extensions": dict(session.extensions())}

    async def close(self) -> None:
        """Close the parts in the order in which they use each other."""
        if isinstance(self.sessions.engine, ShadowedEngine):
            await self.sessions.engine.close()
        await self.writes.close()
        await self.links.close()
        await self.feeds.close()
        await self.kept.close()
        await self.wired.close()
        await asyncio.to_thread(self.reporting.tracing.close)


def create_gateway(settings: Settings) -> Gateway:
    """Return the gateway without its door; raises SettingsInvalid for settings that cannot work."""
    reporting = open_reporting(settings)
    wired = wire(settings, reporting.reporter)
    link_config = wire_links(settings)
    try:
        store = open_store(settings.cache.url.get_secret_value())
    except CacheUrlError as error:
        raise SettingsInvalid(f"{PREFIX}CACHE__URL: {error}") from None
    seconds = settings.deadline_ms / 1000
    kept = Kept(store, settings.freshness.windows(), flight_seconds=seconds)
    feeds = wire_feeds(settings, wired.sources)
    access = Access(kept, wired.learned, wired.lanes, feeds)
    forwarded = forwarded_headers(settings)
    scope = DataScope(wired.tenants, identities=dict.fromkeys(forwarded.names, NOBODY))
    look_ups = LookUps(wired.sources, kept)
    links = Links(link_config, wired.sources, look_ups, time.monotonic)
    schema = build_schema()
    engine = _engine(settings, reporting.metrics)(
        schema._schema,  # noqa: SLF001  strawberry offers no other way to graphql-core's schema
        introspection=settings.on_loopback(settings.introspection),
        suggestions=settings.on_loopback(settings.suggestions),
        limits=settings.limits.document(),
        needs=ScopeTable(schema._schema).needs,  # noqa: SLF001  as above
        cost=OperationCosts(
            schema._schema,  # noqa: SLF001  as above
            link_config,
            settings.limits.cost(settings.fuse_calls),
        ).of,
    )
    writes = open_writes(
        wired.sources,
        store,
        Forgetting(kept, feeds, scope),
        settings.cache.url.get_secret_value(),
        tells_values=settings.audit.values,
    )
    return Gateway(
        schema=schema,
        sessions=Sessions(
            engine,
            Shared(wired.sources, look_ups, links, access, scope),
            traces=settings.on_loopback(settings.trace),
            fuse_calls=settings.fuse_calls,
            writes=writes,
            forwarded=forwarded,
        ),
        wired=wired,
        kept=kept,
        feeds=feeds,
        links=links,
        reporting=reporting,
        writes=writes,
        documents=_documents(settings, store),
        seconds=seconds,
    )


def _engine(settings: Settings, metrics: Metrics) -> Callable[..., StandardEngine]:
    """Return the class of what runs operations."""
    directives = frozenset({FRESHNESS.name})
    if settings.engine_shadow:
        return partial(
            ShadowedEngine,
            share=settings.engine_shadow,
            told=metrics.engines_compared,
            answers=settings.engine,
            directives=directives,
            as_rows=True,
        )
    if settings.engine == "standard":
        return StandardEngine
    return partial(CompiledEngine, directives=directives, as_rows=True)


def create_app(settings: Settings, examples: Sequence[ExampleQuery] = ()) -> Starlette:
    """Return the gateway as an ASGI app; raises SettingsInvalid for settings that cannot work."""
    entrance = open_entrance(settings)
    gateway = create_gateway(settings)
    explorer = _explorer(settings, examples)
    readiness = Readiness()
    origins, forwarded = settings.http.origins or (), gateway.sessions.forwarded.names.values()
    endpoint = GraphQLEndpoint(
        gateway.sessions.begin,
        present,
        explorer.page if explorer is not None else None,
        deadline_seconds=gateway.seconds,
        observer=gateway.reporting.reporter,
        admission=Admission(settings.limits.in_flight),
        body=BodyBounds(settings.limits.body_bytes, settings.limits.body_seconds),
        manners=Manners(
            settings.http.status_codes,
            settings.http.get or ("open" if settings.is_loopback() else "guarded"),
            origins,
            gateway.documents,
            entrance.door,
            is_local=settings.is_loopback() and not entrance.door.is_guarded,
            forwarded=frozenset(forwarded),
            ready=ReadyAnswers((*MINDED_HEADERS, *forwarded)),
        ),
    )
    app = Shortcut(
        "/graphql",
        endpoint,
        around=cross_origin(origins, forwarded),
        routes=[
            *health_routes(readiness),
            *_metrics_route(settings, gateway.reporting.metrics),
            *_schema_route(settings, gateway.schema, entrance.door),
            *(explorer.routes() if explorer is not None else ()),
        ],
        middleware=[Middleware(Outgoing, compresses=settings.http.compression)],
        lifespan=_lifespan(settings, gateway, readiness, entrance),
    )
    app.state.readiness = readiness
    return app


def _documents(settings: Settings, store: Store) -> Documents:
    """Return the documents that clients may name; raises SettingsInvalid."""
    said, variable = settings.documents, f"{PREFIX}DOCUMENTS__"
    trusted: Mapping[str, TrustedDocument] = {}
    if said.trusted is not None:
        try:
            trusted = read_trusted(Path(said.trusted))
        except TrustedDocumentsError as error:
            raise SettingsInvalid(f"{variable}TRUSTED: {error}") from None
    elif said.only:
        raise SettingsInvalid(f"{variable}TRUSTED: not set, although {variable}ONLY is.")
    shared = None if isinstance(store, MemoryStore) else store
    registered = Registered(shared, seconds=said.keep_seconds) if said.apq else None
    return Documents(trusted, registered, trusted_only=said.only)


def _explorer(settings: Settings, examples: Sequence[ExampleQuery]) -> Explorer | None:
    if not settings.on_loopback(settings.explorer):
        return None
    tabs = [Example(each.name, each.query, each.variables_text()) for each in examples]
    return Explorer(examples=tabs, fallback=settings.explorer_fallback)


def _schema_route(settings: Settings, schema: Schema, door: Door) -> list[BaseRoute]:
    """Return the route of the schema's text, where introspection may tell it as well."""
    if not settings.on_loopback(settings.introspection):
        return []
    # Printed when first asked for: it takes longer than all else of a start.
    text = cache(partial(sdl, schema))

    async def schema_text(request: Request) -> Response:
        try:
            await door.identify(request.headers)
        except BadRequest as error:
            return PlainTextResponse(f"{error}\n", error.status, dict(error.headers))
        return PlainTextResponse(text())

    return [Route("/schema.graphql", schema_text)]


def _metrics_route(settings: Settings, metrics: Metrics) -> list[BaseRoute]:
    """Return the route of the Prometheus exposition, where it may be seen."""
    if not settings.on_loopback(settings.metrics):
        return []

    async def exposition(_request: Request) -> Response:
        body, media_type = metrics.exposition()
        return Response(body, headers={"content-type": media_type})

    return [Route("/metrics", exposition)]


def _lifespan(
    settings: Settings, gateway: Gateway, readiness: Readiness, entrance: Entrance
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        lag = watch_event_loop(gateway.reporting.metrics.event_loop_lagged, time.perf_counter)
        watching = asyncio.create_task(lag)
        scope = gateway.sessions.shared.scope
        filling = asyncio.create_task(start_feeds(settings, gateway.feeds, gateway.links, scope))
        readiness.ready = True
        try:
            yield
        finally:
            readiness.ready = False
            watching.cancel()
            filling.cancel()
            await entrance.close()
            await gateway.close()

    return lifespan
