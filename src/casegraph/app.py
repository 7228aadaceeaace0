"""The one assembler: from settings to an ASGI app, in the order in which a request meets the parts.

The way of a request:

    edge.endpoint     body → operation; answer → bytes
    engine.standard   operation → checked document → execution
    graph             one resolver per field that is more than an attribute
    loading           what the request needs, each thing once; look-ups shared by the process
    linking           who is the same case, pure
    upstreams         one client per vendor: ids in, records out
    transport         one call made safe: deadline → retry → rate gate → breaker → bulkhead →
                      credentials → exchange

Invariant: only this module, its helpmate `wiring` and the commands know the settings; everything
below is handed what it needs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from casegraph.edge.endpoint import GraphQLEndpoint, encode, formatted
from casegraph.edge.explorer.page import Example, Explorer
from casegraph.edge.health import Readiness, health_routes
from casegraph.engine.standard import Operation, StandardEngine
from casegraph.errors import SettingsInvalid
from casegraph.graph.context import RequestContext
from casegraph.graph.examples import ExampleQuery
from casegraph.graph.failures import present
from casegraph.graph.schema import Schema, build_schema, sdl
from casegraph.loading.cache import Cache, CacheUrlError, open_cache
from casegraph.loading.links import Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.reads import Reads
from casegraph.reporting import Reporting, open_reporting
from casegraph.settings import Settings
from casegraph.settings_groups import PREFIX
from casegraph.telemetry.event_loop import watch_event_loop
from casegraph.telemetry.metrics import Metrics
from casegraph.transport.deadline import request_deadline
from casegraph.wiring import Wired, wire, wire_links


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything behind the door, living as long as the process."""

    schema: Schema
    engine: StandardEngine
    wired: Wired
    cache: Cache
    look_ups: LookUps
    links: Links
    reporting: Reporting
    seconds: float
    """Time of one request."""

    def context(self, request_id: str, seconds: float) -> RequestContext:
        """Return the context of one request, whose time starts to run."""
        request_deadline.set(time.monotonic() + seconds)
        return RequestContext(Reads(self.wired.sources, self.look_ups, self.links), request_id)

    async def answer(self, operation: Operation, request_id: str) -> bytes:
        """Return the answer to one operation as JSON, for use without HTTP."""
        result = await self.engine.run(operation, self.context(request_id, self.seconds))
        return encode(formatted(result, lambda error: present(error, request_id)))

    async def close(self) -> None:
        """Close the parts in the order in which they use each other."""
        await self.links.close()
        await self.look_ups.close()
        await self.wired.close()
        await self.cache.close()
        await asyncio.to_thread(self.reporting.tracing.close)


def create_gateway(settings: Settings) -> Gateway:
    """Return the gateway without its door; raises SettingsInvalid for settings that cannot work."""
    reporting = open_reporting(settings)
    wired = wire(settings, reporting.reporter)
    link_config = wire_links(settings)
    try:
        cache = open_cache(settings.cache.url.get_secret_value())
    except CacheUrlError as error:
        raise SettingsInvalid(f"{PREFIX}CACHE__URL: {error}") from None
    look_ups = LookUps(wired.sources, cache, SystemRandom())
    schema = build_schema(suggestions=settings.is_loopback())
    return Gateway(
        schema=schema,
        engine=StandardEngine(
            schema._schema,  # noqa: SLF001  strawberry offers no other way to graphql-core's schema
            introspection=settings.on_loopback(settings.introspection),
        ),
        wired=wired,
        cache=cache,
        look_ups=look_ups,
        links=Links(link_config, wired.sources, look_ups, time.monotonic),
        reporting=reporting,
        seconds=settings.deadline_ms / 1000,
    )


def create_app(settings: Settings, examples: Sequence[ExampleQuery] = ()) -> Starlette:
    """Return the gateway as an ASGI app; raises SettingsInvalid for settings that cannot work."""
    gateway = create_gateway(settings)
    explorer = _explorer(settings, examples)
    readiness = Readiness()
    endpoint = GraphQLEndpoint(
        gateway.engine,
        gateway.context,
        present,
        explorer.page if explorer is not None else None,
        deadline_seconds=gateway.seconds,
        observer=gateway.reporting.reporter,
    )
    app = Starlette(
        routes=[
            Route("/graphql", endpoint),
            *health_routes(readiness),
            *_metrics_route(settings, gateway.reporting.metrics),
            *_schema_route(settings, gateway.schema),
            *(explorer.routes() if explorer is not None else ()),
        ],
        lifespan=_lifespan(gateway, readiness),
    )
    app.state.readiness = readiness
    return app


def _explorer(settings: Settings, examples: Sequence[ExampleQuery]) -> Explorer | None:
    if not settings.on_loopback(settings.explorer):
        return None
    tabs = [Example(each.name, each.query, each.variables_text()) for each in examples]
    return Explorer(examples=tabs, fallback=settings.explorer_fallback)


def _schema_route(settings: Settings, schema: Schema) -> list[BaseRoute]:
    """Return the route of the schema's text, where introspection may tell it as well."""
    if not settings.on_loopback(settings.introspection):
        return []
    text = sdl(schema)

    async def schema_text(_request: Request) -> Response:
        return PlainTextResponse(text)

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
    gateway: Gateway, readiness: Readiness
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        lag = watch_event_loop(gateway.reporting.metrics.event_loop_lagged, time.perf_counter)
        watching = asyncio.create_task(lag)
        readiness.ready = True
        try:
            yield
        finally:
            readiness.ready = False
            watching.cancel()
            await gateway.close()

    return lifespan
