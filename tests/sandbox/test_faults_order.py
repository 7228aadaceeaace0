"""Which call meets which outcome: order, times, chance, operations, pace and quota."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from casegraph.sandbox.faults import Plan, plan_as_json, read_plan
from casegraph.sandbox.rehearsal import Rehearsal
from casegraph.sandbox.traffic import OPERATION, Traffic

START = 1_700_000_000.0


class Upstream:
    """A tiny upstream under a rehearsal, whose time moves only by sleeping."""

    def __init__(self, plan: Any = None) -> None:
        self.effects: list[str] = []
        self.slept: list[float] = []
        self.seconds = 0.0
        self.rehearsal = Rehearsal(
            {"one": ["thing", "thing_put", "sweep", "other"]},
            sleep=self.sleep,
            monotonic=lambda: self.seconds,
            wall=lambda: START + self.seconds,
        )
        self.plan(plan or {})
        app = Starlette(
            routes=[
                Route("/thing", self.thing, name="thing"),
                Route("/thing", self.thing, methods=["PUT"], name="thing_put"),
                Route("/other", self.thing, name="other"),
            ]
        )
        self.traffic = Traffic(app, "one", interventions=[self.rehearsal.around("one")])

    def plan(self, part: Any) -> None:
        """Install a plan for the upstream."""
        self.rehearsal.install(read_plan(json.dumps({"upstreams": {"one": part}}).encode()))

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.seconds += seconds

    async def thing(self, request: Request) -> PlainTextResponse:
        """Note the effect; a query makes the call a sweep."""
        if request.query_params:
            request.scope[OPERATION] = "sweep"
        body = (await request.body()).decode()
        self.effects.append(request.method + body)
        return PlainTextResponse("done")

    async def call(self, target: str = "/thing", method: str = "GET", **more: Any) -> Any:
        """Make one call without a socket."""
        transport = httpx.ASGITransport(self.traffic)
        async with httpx.AsyncClient(transport=transport, base_url="http://one.test") as client:
            return await client.request(method, target, **more)

    async def codes(self, number: int, target: str = "/thing") -> list[int]:
        """Return the status of so many calls, one after the other."""
        return [(await self.call(target)).status_code for _ in range(number)]


def status(code: int, **more: Any) -> dict[str, Any]:
    """Make an outcome that is easily told from others."""
    return {"kind": "status", "code": code, **more}


async def test_outcomes_come_in_order_each_as_often_as_named() -> None:
    """A list is consumed from its beginning; after its end calls pass."""
    outcomes = [status(500, times=2), {"kind": "pass"}, status(503), status(504, times=3)]
    upstream = Upstream({"operations": {"thing": outcomes}})
    assert await upstream.codes(9) == [500, 500, 200, 503, 504, 504, 504, 200, 200]
    assert Plan() == upstream.rehearsal.left()


async def test_forever_does_not_end() -> None:
    """What comes after an outcome without end is never reached."""
    upstream = Upstream({"operations": {"thing": [status(500, times="forever"), status(503)]}})
    assert await upstream.codes(20) == [500] * 20


async def test_an_operations_own_list_comes_before_the_star() -> None:
    """`*` takes the calls of operations without a list, and of those whose list has ended."""
    upstream = Upstream({"operations": {"thing": [status(500)], "*": [status(503, times=3)]}})
    assert await upstream.codes(1, "/other") == [503]
    assert await upstream.codes(4) == [500, 503, 503, 200]


async def test_a_sweep_is_told_from_a_list() -> None:
    """A fault is aimed at the name that the handler gives the call, not only at the route's."""
    upstream = Upstream({"operations": {"sweep": [status(500)], "thing": [status(503)]}})
    assert await upstream.codes(2) == [503, 200]
    assert await upstream.codes(2, "/thing?all=1") == [500, 200]


async def test_what_is_left_and_what_was_applied() -> None:
    """Both are told at any time, and what is left can be installed again."""
    part = {"operations": {"thing": [status(500, times=3)], "other": [status(503)]}}
    upstream = Upstream(part)
    await upstream.codes(1)
    await upstream.codes(1, "/other")
    left = upstream.rehearsal.left()
    operations = {"thing": (status(500, times=2),)}
    assert {"one": {"operations": operations}} == plan_as_json(left)["upstreams"]
    assert upstream.rehearsal.applied() == {"one": {"thing": {"status": 1}, "other": {"status": 1}}}
    upstream.rehearsal.install(left)
    assert await upstream.codes(3) == [500, 500, 200]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63 - 1), st.floats(0.05, 1))
async def test_chance_is_repeatable(seed: int, probability: float) -> None:
    """The same seed meets the same calls, and a call that passes by chance spends nothing."""
    outcome = status(500, times=5, probability=probability)
    part = {"seed": seed, "upstreams": {"one": {"operations": {"thing": [outcome]}}}}
    plan = read_plan(json.dumps(part).encode())
    seen = []
    for _ in range(2):
        upstream = Upstream()
        upstream.rehearsal.install(plan)
        seen.append(await upstream.codes(12))
    assert seen[0] == seen[1]
    hits = seen[0].count(500)
    left = upstream.rehearsal.left().upstreams
    assert hits + (left["one"].operations["thing"][0].times if left else 0) == 5
    assert probability < 1 or hits == 5


async def test_different_seeds_differ() -> None:
    """The seed decides, not the plan alone."""
    seen = set()
    for seed in range(8):
        upstream = Upstream()
        outcome = status(500, times="forever", probability=0.5)
        part = {"seed": seed, "upstreams": {"one": {"operations": {"*": [outcome]}}}}
        upstream.rehearsal.install(read_plan(json.dumps(part).encode()))
        seen.add(tuple(await upstream.codes(16)))
    assert len(seen) > 4


async def test_a_slow_write_has_its_effect_after_the_wait() -> None:
    """The delay comes before the effect, and the request's body is not lost meanwhile."""
    upstream = Upstream({"operations": {"thing_put": [{"kind": "slow", "delay_ms": 250}]}})
    answer = await upstream.call(method="PUT", content="X")
    assert (answer.text, upstream.effects, upstream.slept) == ("done", ["PUTX"], [0.25])


async def test_a_caller_that_leaves_during_the_wait_has_no_effect() -> None:
    """A slow write whose caller goes is not performed."""
    upstream = Upstream({"operations": {"thing_put": [{"kind": "hang"}]}})
    leaving = asyncio.Event()

    async def receive() -> Any:
        await leaving.wait()
        return {"type": "http.disconnect"}

    sent: list[Any] = []
    scope = {"type": "http", "method": "PUT", "path": "/thing", "headers": [], "query_string": b""}
    call = asyncio.create_task(upstream.traffic(scope, receive, _keep(sent)))
    waiting = upstream.rehearsal._act.released._waiters
    while not waiting:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0)
    leaving.set()
    await asyncio.wait_for(call, 5)
    assert (sent, upstream.effects) == ([], [])


def _keep(sent: list[Any]) -> Callable[[Any], Awaitable[None]]:
    async def send(message: Any) -> None:
        sent.append(message)

    return send


async def test_a_plan_may_be_cleared_from_another_thread() -> None:
    """Hanging calls go on when somebody outside the server's loop ends the plan."""
    asyncio.get_running_loop().set_debug(True)  # a wake-up that is not thread-safe is refused
    upstream = Upstream({"operations": {"thing": [{"kind": "hang", "times": 3}]}})
    calls = [asyncio.create_task(upstream.call()) for _ in range(3)]
    waiting = upstream.rehearsal._act.released._waiters
    while len(waiting) < 3:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0)
    await asyncio.to_thread(upstream.rehearsal.clear)
    answers = await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert [answer.text for answer in answers] == ["done"] * 3


async def test_faults_that_need_a_connection_say_so_without_one() -> None:
    """A server that hides its connections answers 501 and never passes the call off as well."""
    outcomes = [{"kind": kind} for kind in ("reset", "truncate", "cut_chunked", "cut_lengthless")]
    upstream = Upstream({"operations": {"*": outcomes}})
    assert await upstream.codes(5) == [501, 501, 501, 501, 200]


async def test_pace_refuses_what_comes_too_early() -> None:
    """A burst passes at once, then one call per interval; a refused call costs nothing."""
    upstream = Upstream({"pace": {"interval_ms": 2000, "burst": 2}})
    assert await upstream.codes(2) == [200, 200]
    refused = await upstream.call()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    upstream.seconds = 1.5
    assert ((await upstream.call()).headers["retry-after"], len(upstream.effects)) == ("1", 2)
    upstream.seconds = 2
    assert await upstream.codes(2) == [200, 429]


async def test_pace_may_queue() -> None:
    """Queued calls have their effects one interval apart, in their order."""
    upstream = Upstream({"pace": {"interval_ms": 500, "excess": "queue"}})
    assert await upstream.codes(3) == [200, 200, 200]
    assert upstream.slept == [0.5, 0.5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0, 0.25, 0.5, 1, 3]), max_size=20), st.integers(1, 4))
async def test_pace_holds_for_any_arrivals(gaps: list[float], burst: int) -> None:
    """In no stretch of time pass more calls than the burst and one per interval of it."""
    upstream = Upstream({"pace": {"interval_ms": 1000, "burst": burst}})
    passed = []
    for gap in gaps:
        upstream.seconds += gap
        answer = await upstream.call()
        if answer.status_code == 200:
            passed.append(upstream.seconds)
        else:  # the time it was told is enough, and there is no earlier one
            assert int(answer.headers["retry-after"]) >= 1
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], start=1):
            assert last <= burst + math.floor(end - begin)


async def test_quota_counts_down_and_refuses() -> None:
    """Every answer tells what is left; at nothing the answer is 429 until the window ends."""
    upstream = Upstream({"quota": {"limit": 2, "window_ms": 10_000}})
    told = []
    for _ in range(3):
        answer = await upstream.call()
        names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
        told.append((answer.status_code, *(answer.headers[name] for name in names)))
        upstream.seconds += 1
    reset = str(int(START) + 10)
    assert [(200, "2", "1", reset), (200, "2", "0", reset), (429, "2", "0", reset)] == told
    assert answer.headers["retry-after"] == "8"
    upstream.seconds = 10
    assert await upstream.codes(3) == [200, 200, 429]


async def test_quota_in_seconds_and_silent() -> None:
    """The reset may be told as the seconds left, and Retry-After be left out."""
    quota = {"limit": 0, "window_ms": 10_000, "reset_as": "seconds", "retry_after": False}
    upstream = Upstream({"quota": quota})
    answer = await upstream.call()
    assert (answer.status_code, answer.headers["x-ratelimit-reset"]) == (429, "10")
    assert "retry-after" not in answer.headers


async def test_quota_is_told_by_faulty_answers_too() -> None:
    """A spoiled answer carries the headers as a good one does."""
    upstream = Upstream({"quota": {"limit": 5}, "operations": {"*": [status(500)]}})
    answer = await upstream.call()
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (500, "4")
