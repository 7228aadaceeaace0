import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Message

from casegraph.sandbox.traffic import OPERATION, Call, Intervention, Proceed, Traffic


class Upstream:
    """A tiny application whose calls can be held, and that keeps what it did."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.arrived: asyncio.Queue[str] = asyncio.Queue()
        self.effects: list[str] = []
        self.app = Starlette(
            routes=[
                Route("/things/{thing}", self.thing, name="thing"),
                Route("/things/{thing}", self.thing, methods=["PUT"], name="thing_put"),
                Route("/held", self.held, name="held"),
                Route("/broken", self.broken, name="broken"),
            ]
        )

    async def thing(self, request: Request) -> PlainTextResponse:
        """Answer at once; a query parameter renames the operation."""
        name = request.query_params.get("operation")
        if name:
            request.scope[OPERATION] = name
        self.effects.append(request.method)
        return PlainTextResponse("done")

    async def held(self, _: Request) -> PlainTextResponse:
        """Answer when the gate opens."""
        self.arrived.put_nowait("held")
        await self.gate.wait()
        return PlainTextResponse("late")

    async def broken(self, _: Request) -> PlainTextResponse:
        """Fail."""
        raise RuntimeError("broken")


def client(app: Any) -> httpx.AsyncClient:
    """Open a client that calls `app` without a socket."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://upstream.test")


async def test_calls_are_counted_by_route_name() -> None:
    """Each call counts once, under the route that takes it by path and method."""
    traffic = Traffic(Upstream().app, "one")
    async with client(traffic) as http:
        await http.get("/things/1")
        await http.get("/things/2")
        await http.put("/things/2")
        await http.delete("/things/2")
        await http.get("/nothing")
        await http.get("/broken")
    assert traffic.snapshot() == {
        "total": 6,
        "operations": {"thing": 2, "thing_put": 1, "unmatched": 2, "broken": 1},
        "in_flight": 0,
        "max_in_flight": 1,
    }


async def test_calls_under_a_mount_are_counted_by_route_name() -> None:
    """A prefix in front of the simulator does not hide its routes."""
    traffic = Traffic(Upstream().app, "one")
    async with client(Starlette(routes=[Mount("/prefix", app=traffic)])) as http:
        assert (await http.get("/prefix/things/1")).text == "done"
    assert traffic.snapshot()["operations"] == {"thing": 1}


async def test_a_handler_may_rename_its_operation() -> None:
    """What a handler sets on its request's scope replaces the route's name, mounted or not."""
    traffic = Traffic(Upstream().app, "one")
    async with client(Starlette(routes=[Mount("/prefix", app=traffic)])) as http:
        await http.get("/prefix/things/1?operation=sweep")
        await http.get("/prefix/things/1?operation=thing")
        await http.get("/prefix/things/1?operation=sweep")
    assert traffic.snapshot()["operations"] == {"sweep": 2, "thing": 1}
    assert traffic.snapshot()["total"] == 3


async def test_in_flight_and_its_maximum() -> None:
    """Running calls are in flight; the maximum stays when they are done."""
    upstream = Upstream()
    traffic = Traffic(upstream.app, "one")
    async with client(traffic) as http:
        calls = [asyncio.create_task(http.get("/held")) for _ in range(3)]
        for _ in calls:
            await upstream.arrived.get()
        assert traffic.snapshot()["in_flight"] == 3
        assert traffic.snapshot()["operations"] == {"held": 3}
        upstream.gate.set()
        await asyncio.gather(*calls)
    assert (traffic.snapshot()["in_flight"], traffic.snapshot()["max_in_flight"]) == (0, 3)


async def test_a_cancelled_call_is_no_longer_in_flight() -> None:
    """A caller that goes away leaves no call behind, and the call stays counted."""
    upstream = Upstream()
    traffic = Traffic(upstream.app, "one")
    async with client(traffic) as http:
        call = asyncio.create_task(http.get("/held"))
        await upstream.arrived.get()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert traffic.snapshot() == {
        "total": 1,
        "operations": {"held": 1},
        "in_flight": 0,
        "max_in_flight": 1,
    }


async def test_reset_with_a_call_in_flight() -> None:
    """After a reset the running call is in flight, and not counted again when it ends."""
    upstream = Upstream()
    traffic = Traffic(upstream.app, "one")
    async with client(traffic) as http:
        call = asyncio.create_task(http.get("/held"))
        await upstream.arrived.get()
        traffic.reset()
        assert traffic.snapshot() == {
            "total": 0,
            "operations": {},
            "in_flight": 1,
            "max_in_flight": 1,
        }
        upstream.gate.set()
        await call
    assert (traffic.snapshot()["total"], traffic.snapshot()["in_flight"]) == (0, 0)


async def test_latency_is_slept_in_seconds_while_in_flight() -> None:
    """Latency comes before the effect, counts as in flight, and can be changed any time."""
    upstream = Upstream()
    slept: list[tuple[float, int, int]] = []

    async def sleep(seconds: float) -> None:
        slept.append((seconds, traffic.snapshot()["in_flight"], len(upstream.effects)))

    traffic = Traffic(upstream.app, "one", latency_ms=250, sleep=sleep)
    async with client(traffic) as http:
        await http.get("/things/1")
        traffic.latency_ms = 0
        await http.get("/things/1")
        traffic.latency_ms = 1.5
        await http.get("/things/1")
    assert slept == [(0.25, 1, 0), (0.0015, 1, 2)]


async def test_interventions_stand_around_the_effect() -> None:
    """The first intervention is the outermost; each sees the call by upstream and operation."""
    upstream = Upstream()
    seen: list[object] = []

    def around(name: str) -> Intervention:
        async def intervene(call: Call, proceed: Proceed) -> None:
            seen.append((name, call.upstream, call.operation, len(upstream.effects)))
            await proceed(call)
            seen.append((name, len(upstream.effects)))

        return intervene

    traffic = Traffic(upstream.app, "one", interventions=[around("outer")])
    traffic.interventions.append(around("inner"))
    async with client(traffic) as http:
        await http.put("/things/1")
    assert seen == [
        ("outer", "one", "thing_put", 0),
        ("inner", "one", "thing_put", 0),
        ("inner", 1),
        ("outer", 1),
    ]


async def _refuse(call: Call, _: Proceed) -> None:
    response = PlainTextResponse("no", status_code=408)
    await response(call.scope, call.receive, call.send)


async def _act_then_refuse(call: Call, proceed: Proceed) -> None:
    async def swallow(_: Message) -> None:
        pass

    await proceed(replace(call, send=swallow))
    await _refuse(call, proceed)


@pytest.mark.parametrize(("intervention", "effects"), [(_refuse, []), (_act_then_refuse, ["PUT"])])
async def test_an_intervention_may_answer_itself(
    intervention: Intervention, effects: list[str]
) -> None:
    """It can answer before the effect or after it, in the application's place."""
    upstream = Upstream()
    traffic = Traffic(upstream.app, "one", interventions=[intervention])
    async with client(traffic) as http:
        answer = await http.put("/things/1")
    assert (answer.status_code, answer.text) == (408, "no")
    assert upstream.effects == effects
    assert traffic.snapshot()["operations"] == {"thing_put": 1}


async def test_other_traffic_is_not_counted() -> None:
    """Lifespan events pass through uncounted."""
    passed = []

    async def app(scope: Any, _: Any, __: Any) -> None:
        passed.append(scope["type"])

    traffic = Traffic(app, "one", latency_ms=99)
    await traffic({"type": "lifespan"}, None, None)
    assert (passed, traffic.snapshot()["total"]) == (["lifespan"], 0)
