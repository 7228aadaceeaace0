"""What happens around each call of one simulated upstream: counting, latency, interventions.

Calls are counted under the name of the route that they match, so that a test can say "at most 26
case queries" and faults can be aimed at one operation. Everything that is to happen to a call
before, after or instead of its effect is an intervention; there is no second place for it.
Invariant: a call is in flight from its arrival until its answer is sent or its caller is gone,
latency included.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

OPERATION = "casegraph.operation"
"""Scope key by which a handler renames the operation that its route's name gave the call."""

UNMATCHED = "unmatched"
"""The operation of calls that no route takes."""

Sleep = Callable[[float], Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """One call on its way to a simulator; `operation` is the matched route's name."""

    upstream: str
    operation: str
    scope: Scope
    receive: Receive
    send: Send


Proceed = Callable[[Call], Awaitable[None]]
Intervention = Callable[[Call, Proceed], Awaitable[None]]
"""Stands around a call: what it does before awaiting `proceed(call)` comes before the effect,
what it does after comes after it. It may answer by itself through `call.send` and not proceed, or
proceed with a changed call, for example with a `send` that alters the answer."""


@dataclass
class Counts:
    """Calls by operation since the last reset."""

    operations: Counter[str] = field(default_factory=Counter)
    max_in_flight: int = 0


class Traffic:
    """ASGI middleware around ONE simulator; `latency_ms` and `interventions` may change any time.

    `sleep` takes seconds, like asyncio.sleep.
    """

    def __init__(
        self,
        app: ASGIApp,
        upstream: str,
        *,
        latency_ms: float = 0.0,
        interventions: Sequence[Intervention] = (),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.app = app
        self.upstream = upstream
        self.latency_ms = latency_ms
        self.interventions: list[Intervention] = list(interventions)
        self._sleep = sleep
        self._counts = Counts()
        self._in_flight = 0

    def snapshot(self) -> dict[str, Any]:
        """Report the counts since the last reset, ready to be sent as JSON."""
        return {
            "total": self._counts.operations.total(),
            "operations": dict(self._counts.operations),
            "in_flight": self._in_flight,
            "max_in_flight": self._counts.max_in_flight,
        }

    def reset(self) -> None:
        """Forget all counts; calls in flight stay in flight and are the new maximum."""
        self._counts = Counts(max_in_flight=self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on; anything but HTTP passes uncounted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = Call(self.upstream, operation_of(self.app, scope), scope, receive, send)
        # A reset while the call runs swaps the counts; the call stays with those it came under.
        counts = self._counts
        counts.operations[call.operation] += 1
        self._in_flight += 1
        counts.max_in_flight = max(counts.max_in_flight, self._in_flight)
        try:
            if self.latency_ms > 0:
                await self._sleep(self.latency_ms / 1000)
            await self._through(0, call)
        finally:
            self._in_flight -= 1
            _rename(counts.operations, call)

    async def _through(self, position: int, call: Call) -> None:
        if position == len(self.interventions):
            await self.app(call.scope, call.receive, call.send)
            return

        async def proceed(onward: Call) -> None:
            await self._through(position + 1, onward)

        await self.interventions[position](call, proceed)


def operation_of(app: ASGIApp, scope: Scope) -> str:
    """Name the route of `app` that takes the call, as Starlette will choose it."""
    routes: Sequence[BaseRoute] = app.routes if isinstance(app, Starlette) else ()
    for route in routes:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return str(getattr(route, "name", None) or UNMATCHED)
    return UNMATCHED


def _rename(operations: Counter[str], call: Call) -> None:
    # Starlette updates the scope in place on its way to the handler, so what a handler sets on
    # `request.scope` is seen here.
    chosen = call.scope.get(OPERATION, call.operation)
    if chosen != call.operation:
        operations[chosen] += 1
        operations[call.operation] -= 1
        if not operations[call.operation]:
            del operations[call.operation]
