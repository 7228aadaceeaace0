"""The waterfall of one request: its rows, its closed shape, its bounds, and its silence."""

import asyncio
import contextvars
from collections.abc import Iterator

import pytest

from casegraph.errors import RateLimited, UpstreamUnavailable
from casegraph.loading.flight import SingleFlight
from casegraph.telemetry import waterfall
from casegraph.telemetry.observer import SilentObserver
from casegraph.telemetry.waterfall import Waterfall, chose, current_waterfall, kept, shared
from casegraph.transport.calls import Call, Reply
from casegraph.transport.observed import ObservedAttempts, ObservedCalls
from support.clock import Clock, settle
from support.gateway import Gateway, running_gateway
from support.scripted import Script, a_call, reply
from support.upstreams import Upstreams

CALL = {
    "upstream",
    "operation",
    "path",
    "keys",
    "startMs",
    "durationMs",
    "waitedMs",
    "attempt",
    "shared",
    "cache",
    "bytes",
    "outcome",
}


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands until it is told to go on."""
    return Clock()


@pytest.fixture
def recorder(clock: Clock) -> Iterator[Waterfall]:
    """Record what this test does."""
    made = Waterfall(clock)
    token = current_waterfall.set(made)
    yield made
    current_waterfall.reset(token)


def rows(recorder: Waterfall) -> list[tuple[object, ...]]:
    """Return what a reader looks at first."""
    return [
        (call["operation"], call["startMs"], call["durationMs"], call["outcome"])
        for call in recorder.shape()["calls"]
    ]


async def test_a_call_is_a_row_with_its_time_and_size(recorder: Waterfall, clock: Clock) -> None:
    """Start counts from the request's, and a row carries the path that was chosen for it."""

    async def wire(_call: Call) -> Reply:
        clock.now += 0.25
        return Reply(200, {}, b"[1, 2]")

    chose("notes of cases", "feed", 20, [("direct", 20, 0.4), ("sweep", 3, 0.1234567)])
    clock.now += 0.01
    await ObservedAttempts(wire, SilentObserver(), clock)(a_call(attempt=2))

    assert recorder.shape() == {
        "version": 1,
        "durationMs": 260.0,
        "calls": [
            {
                "upstream": "somebody",
                "operation": "thing",
                "path": "feed",
                "keys": 20,
                "startMs": 10.0,
                "durationMs": 250.0,
                "waitedMs": 0.0,
                "attempt": 2,
                "shared": False,
                "cache": None,
                "bytes": 6,
                "outcome": "ok",
            }
        ],
        "choices": [
            {
                "need": "notes of cases",
                "path": "feed",
                "keys": 20,
                "rejected": [
                    {"path": "direct", "calls": 20, "seconds": 0.4},
                    {"path": "sweep", "calls": 3, "seconds": 0.123},
                ],
            }
        ],
        "omitted": 0,
    }


async def test_a_call_that_fails_keeps_its_row(recorder: Waterfall, clock: Clock) -> None:
    """A failure is an outcome, and what is raised goes on its way."""
    wire = Script(UpstreamUnavailable("somebody", "thing", "down"))

    with pytest.raises(UpstreamUnavailable):
        await ObservedAttempts(wire, SilentObserver(), clock)(a_call())

    assert rows(recorder) == [("thing", 0.0, 0.0, "unreachable")]


async def test_what_passes_before_the_wire_is_waiting(recorder: Waterfall, clock: Clock) -> None:
    """Pace, bulkhead and the pause before a retry stand apart from the call's own time."""
    attempts = ObservedAttempts(Script(reply(503), reply(200)), SilentObserver(), clock)

    async def paced(call: Call) -> Reply:
        clock.now += 2.0
        await attempts(call)
        clock.now += 0.5
        return await attempts(a_call(attempt=2))

    await ObservedCalls(paced, "somebody", SilentObserver(), lambda: 1.0)(a_call())

    told = [(c["attempt"], c["waitedMs"], c["outcome"]) for c in recorder.shape()["calls"]]
    assert told == [(1, 2000.0, "server_error"), (2, 500.0, "ok")]


async def test_a_call_that_was_refused_is_told(recorder: Waterfall, clock: Clock) -> None:
    """What never reached the wire is a row as well, with the layer that turned it away."""
    refusal = RateLimited("somebody", "thing", "too many", retry_after_ms=9000, sent=False)

    with pytest.raises(RateLimited):
        await ObservedCalls(Script(refusal), "somebody", SilentObserver(), lambda: 1.0)(a_call())

    assert rows(recorder) == [("thing", 0.0, 0.0, "refused_pace")]


def test_a_call_without_an_answer_is_running(recorder: Waterfall, clock: Clock) -> None:
    """When the deadline sends the answer, a row that has no end lasts until now."""
    waterfall.call_started("ratings", "ratings", 1)
    clock.now += 3.0

    assert rows(recorder) == [("ratings", 0.0, 3000.0, "running")]


def test_kept_answers_of_a_kind_are_one_row(recorder: Waterfall) -> None:
    """A hundred ratings from the cache are one row that counts them."""
    for _ in range(100):
        kept("ratings", "ratings", "fresh")
    kept("ratings", "ratings", "stands_in")

    told = [(c["cache"], c["keys"], c["outcome"]) for c in recorder.shape()["calls"]]
    assert told == [("fresh", 100, "kept"), ("stands_in", 1, "kept")]


async def test_a_shared_flight_is_a_call_of_one_and_a_wait_of_the_other() -> None:
    """The call is told where it was begun; who joins tells how long it waited."""
    clock, flights, gate = Clock(), SingleFlight(), asyncio.Event()
    first, second = Waterfall(clock), Waterfall(clock)

    async def wire(_call: Call) -> Reply:
        await gate.wait()
        return reply(200)

    attempts = ObservedAttempts(wire, SilentObserver(), clock)

    async def begin() -> None:
        current_waterfall.set(first)
        await flights.do("key", lambda: attempts(a_call()))

    async def join() -> None:
        current_waterfall.set(second)
        with shared("somebody", "thing"):
            await flights.do("key", lambda: attempts(a_call()))

    tasks = [asyncio.create_task(begin()), asyncio.create_task(join())]
    await settle()
    clock.now += 0.5
    gate.set()
    await asyncio.gather(*tasks)

    assert rows(first) == [("thing", 0.0, 500.0, "ok")]
    assert rows(second) == [("thing", 0.0, 500.0, "shared")]
    assert [call.shared for call in (*first.calls, *second.calls)] == [False, True]


async def test_a_choice_holds_for_the_task_that_made_it() -> None:
    """Two batches at the same moment do not lend each other their paths."""
    recorder = Waterfall()
    current_waterfall.set(recorder)
    chosen = asyncio.Barrier(2)

    async def batch(path: str) -> None:
        chose("rows", path, 1)
        await chosen.wait()
        attempts = ObservedAttempts(Script(reply(200)), SilentObserver(), Clock())
        await asyncio.create_task(attempts(a_call()))

    await asyncio.gather(batch("feed"), batch("direct"))

    assert {call.path for call in recorder.calls} == {"feed", "direct"}


def test_rows_are_bounded_and_the_rest_is_counted(recorder: Waterfall) -> None:
    """A request that goes wild costs no more memory than a large one."""
    for _ in range(waterfall.ROWS_MAX + 5):
        waterfall.call_started("ratings", "ratings", 1)
    for _ in range(waterfall.CHOICES_MAX + 2):
        chose("need", "path", 1)

    shape = recorder.shape()
    assert len(shape["calls"]) == waterfall.ROWS_MAX
    assert len(shape["choices"]) == waterfall.CHOICES_MAX
    assert shape["omitted"] == 7


def test_nothing_is_recorded_where_nobody_asked() -> None:
    """Without a recorder the hooks leave no trace, not even the path."""

    def silent() -> list[object]:
        chose("need", "path", 1)
        kept("ratings", "ratings", "fresh")
        with shared("ratings", "ratings"):
            waterfall.call_asked()
        row = waterfall.call_started("ratings", "ratings", 1)
        waterfall.call_finished(row, "ok", 1)
        waterfall.call_refused("ratings", "ratings", 1, "pace")
        recorder = Waterfall()
        current_waterfall.set(recorder)
        waterfall.call_started("ratings", "ratings", 1)
        return [call.path for call in recorder.calls]

    assert contextvars.Context().run(silent) == [None]


def test_the_header_brings_the_trace(gateway: Gateway, upstreams: Upstreams) -> None:
    """Every call that the upstreams counted is a row, and every member is there."""
    rows = "nodes { name ratings { totalCount } }"
    query = f"query($hub: ID!) {{ cases(hubId: $hub, first: 5) {{ {rows} }} }}"
    hub = str(upstreams.world.oddities.hub_with_program)

    body = gateway.ask(query, {"hub": hub}, X_Casegraph_Trace="1").body

    trace = body["extensions"]["trace"]
    made = [call for call in trace["calls"] if call["attempt"] and call["operation"] != "token"]
    assert len(made) == sum(upstreams.calls().values())
    assert {frozenset(call) for call in trace["calls"]} == {frozenset(CALL)}
    assert all(call["outcome"] in {"ok", "not_found"} and call["bytes"] > 0 for call in made)
    assert all(0 <= call["startMs"] <= trace["durationMs"] for call in trace["calls"])


@pytest.mark.parametrize("headers", [{}, {"X_Casegraph_Trace": "0"}])
def test_without_the_header_there_is_no_trace(
    gateway: Gateway, upstreams: Upstreams, headers: dict[str, str]
) -> None:
    """What nobody asked for is not sent."""
    hub = str(upstreams.world.oddities.hub_with_program)
    answer = gateway.ask(
        "query($hub: ID!) { roles(hubId: $hub) { name } }", {"hub": hub}, **headers
    )

    assert "trace" not in answer.body.get("extensions", {})


def test_a_gateway_may_keep_its_calls_to_itself(upstreams: Upstreams) -> None:
    """With the setting off the header is passed over, and the answer is as always."""
    environment = {**upstreams.environment, "CASEGRAPH_TRACE": "false"}
    hub = str(upstreams.world.oddities.hub_with_program)
    with running_gateway(environment) as silent:
        answer = silent.ask(
            "query($hub: ID!) { roles(hubId: $hub) { name } }", {"hub": hub}, X_Casegraph_Trace="1"
        )

        assert answer.data["roles"]
        assert "trace" not in answer.body.get("extensions", {})
