"""The sandbox's control endpoint: counts, latency and faults, seen and set while it runs.

It exists so that anyone with curl can rehearse an outage while looking at the gateway's explorer.
Invariant: control calls are neither counted nor delayed nor faulted, and a bad one is answered with
400 and the spot, and changes nothing.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from casegraph.sandbox.faults import PlanInvalid, plan_as_json, read_plan
from casegraph.sandbox.rehearsal import Rehearsal
from casegraph.sandbox.traffic import Traffic

CONTROL = "/__control"
_MAX_LATENCY_MS = 600_000.0
"""Ten minutes: longer than any deadline worth testing, short enough to be no typing slip."""


def control_routes(traffic: Mapping[str, Traffic], faults: Rehearsal) -> list[Route]:
    """Return the control endpoint over the mounted upstreams."""
    control = _Control(traffic)
    outages = _Outages(faults)
    return [
        Route(f"{CONTROL}/calls", control.calls, methods=["GET"]),
        Route(f"{CONTROL}/calls", control.reset, methods=["DELETE"]),
        Route(f"{CONTROL}/latency", control.latency, methods=["GET"]),
        Route(f"{CONTROL}/latency", control.set_latency, methods=["PUT"]),
        Route(f"{CONTROL}/faults", outages.faults, methods=["GET"]),
        Route(f"{CONTROL}/faults", outages.install, methods=["PUT"]),
        Route(f"{CONTROL}/faults", outages.clear, methods=["DELETE"]),
    ]


def _answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


class _Latency(msgspec.Struct, forbid_unknown_fields=True):
    ms: float
    upstream: str | None = None


class _Control:
    """Counts and latency."""

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


class _Outages:
    """The fault plan, which is one for the whole sandbox even where upstreams have own ports."""

    def __init__(self, faults: Rehearsal) -> None:
        self._faults = faults

    async def faults(self, _: Request) -> Response:
        """GET faults: what is left of the plan, in a plan's form, and what happened of it."""
        left = plan_as_json(self._faults.left())
        return _answer({"left": left, "applied": self._faults.applied()})

    async def install(self, request: Request) -> Response:
        """PUT faults: a plan, in the place of the present one."""
        try:
            self._faults.install(read_plan(await request.body()))
        except PlanInvalid as error:
            return _answer({"message": str(error)}, 400)
        return await self.faults(request)

    async def clear(self, _: Request) -> Response:
        """DELETE faults: end the plan; calls that hang are let go."""
        self._faults.clear()
        return Response(status_code=204)
