"""Cycles: frozen, walked seldom, and never allowed to add up."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from casegraph.collector import (
    GROWTH_BLOCKS,
    GROWTH_BYTES,
    QUIET_TICKS,
    YOUNG,
    Collector,
    resident_bytes,
)
from support.command import environment_with

BOUND = GROWTH_BYTES
MIB = 2**20


class Knot:
    """Something that refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    """Give the process its collector back."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Memory:
    """What the process holds, as a test says."""

    def __init__(self) -> None:
        self.held = 100 * MIB

    def __call__(self) -> int:
        """Return what a process would say of itself."""
        return self.held


def started(memory: Memory | None = None) -> Collector:
    """Return a collector after the start."""
    collector = Collector(memory or Memory(), blocks=lambda: 0)
    collector.started()
    return collector


def old_knot() -> weakref.ref[Knot]:
    """Return a knot without users that has outlived the walks of the young."""
    knot = Knot()
    gc.collect(1)
    return weakref.ref(knot)


def tick_in_quiet(collector: Collector, ticks: int, served: int = 1) -> None:
    """Let time pass without requests."""
    for _ in range(ticks):
        collector.tick(in_flight=0, served=served)


def test_what_the_start_has_made_is_never_walked() -> None:
    """It is frozen, and the young are looked at seldom."""
    kept = [Knot() for _ in range(100)]
    before = gc.get_freeze_count()

    started()

    assert gc.get_freeze_count() - before > len(kept)
    assert gc.get_threshold()[0] == YOUNG


def test_young_cycles_are_freed_while_requests_run() -> None:
    """Before twice as many exist as the threshold says, with no tick at all."""
    started()
    first = weakref.ref(Knot())
    made = 0
    while first() is not None and made < 2 * YOUNG:
        Knot()
        made += 1

    assert first() is None


def test_a_quiet_process_holds_no_cycles() -> None:
    """A second after the last request the whole heap is walked."""
    collector = started()
    knot = old_knot()
    collector.tick(in_flight=1, served=0)

    tick_in_quiet(collector, QUIET_TICKS)
    assert knot() is not None
    tick_in_quiet(collector, 1)

    assert knot() is None


def test_nobody_waits_for_a_walk() -> None:
    """While a request runs, however long, the heap is left alone."""
    collector = started()
    knot = old_knot()
    for _ in range(QUIET_TICKS * 3):
        collector.tick(in_flight=1, served=1)

    assert knot() is not None


def test_requests_that_come_and_go_between_ticks_count() -> None:
    """Nothing is in flight at any tick, but more were served at each."""
    collector = started()
    knot = old_knot()
    for served in range(QUIET_TICKS * 3):
        collector.tick(in_flight=0, served=served)

    assert knot() is not None


def test_one_walk_is_enough_for_one_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that nobody asks does not walk its heap again and again."""
    collector = started()
    walks: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: walks.append(1))

    tick_in_quiet(collector, QUIET_TICKS * 5)

    assert len(walks) == 1


def test_a_process_that_has_not_served_yet_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start has just been walked."""
    collector = started()
    walks: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: walks.append(1))

    tick_in_quiet(collector, QUIET_TICKS * 5, served=0)

    assert walks == []


def test_growth_has_the_heap_walked_whoever_waits() -> None:
    """At the bound, not before it; from there on it counts anew."""
    memory = Memory()
    collector = started(memory)
    first, second = old_knot(), None
    memory.held += BOUND - 1
    collector.tick(in_flight=5, served=5)
    assert first() is not None

    memory.held += 1
    collector.tick(in_flight=5, served=6)
    assert first() is None

    second = old_knot()
    memory.held += BOUND - 1
    collector.tick(in_flight=5, served=7)
    assert second() is not None


def test_many_small_objects_are_growth_too() -> None:
    """What earlier walks have freed is filled again without the process growing."""
    blocks = GROWTH_BLOCKS
    collector = Collector(Memory(), blocks=lambda: blocks)
    collector.started()
    knot = old_knot()
    blocks += GROWTH_BLOCKS - 1
    collector.tick(in_flight=5, served=5)
    assert knot() is not None

    blocks += 1
    collector.tick(in_flight=5, served=6)
    assert knot() is None


def test_what_a_process_holds_is_known() -> None:
    """Within a factor of what an interpreter with a test runner holds, and it grows with it."""
    before = resident_bytes()
    ballast = bytearray(64 * MIB)
    for place in range(0, len(ballast), 4096):
        ballast[place] = 1

    assert 10 * MIB < before < 4096 * MIB
    assert resident_bytes() - before > 32 * MIB


LEAKING = """
import asyncio, gc, sys
from functools import partial
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from casegraph.collector import resident_bytes
from casegraph.serving import serve_bound, bind
from casegraph.workers import serve_with_workers

class Knot:
    def __init__(self, size):
        self.itself, self.ballast = self, b"x" * size

async def leak(request):
    Knot(int(request.query_params["bytes"]))
    return PlainTextResponse(str(resident_bytes()))

async def state(_request):
    loop = type(asyncio.get_running_loop()).__module__
    young = gc.get_threshold()[0]
    known = [each for each in gc.get_objects() if type(each).__name__ == "BoundedConnection"]
    parser = type(known[0].parser).__module__.partition(".")[0]
    return PlainTextResponse(f"{loop} {gc.get_freeze_count()} {young} {parser}")

def work(bound, ready):
    app = Starlette(routes=[Route("/leak", leak), Route("/state", state)])
    serve_bound(app, bound, ready)

if __name__ == "__main__":
    with bind("127.0.0.1", 0) as bound:
        tell = partial(print, bound.getsockname()[1], flush=True)
        if sys.argv[1] == "workers":
            serve_with_workers(1, bound, work, tell, 10)
        else:
            work(bound, tell)
"""


@pytest.fixture(params=["alone", "workers"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Run an application that leaves cycles behind, in one process or as a worker."""
    program = tmp_path / "leaking.py"
    program.write_text(LEAKING)
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own script
        [sys.executable, str(program), request.param],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment_with({}),
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.wait(30)


def test_a_real_server_is_fast_and_holds_few_cycles(server: str) -> None:
    """It runs on uvloop and httptools with the collector tuned, and cycles do not add up.

    A quarter of a GiB of them in all, in too few objects for a walk of the young.
    """
    with httpx.Client() as client:
        loop, frozen, young, parser = client.get(f"{server}/state").text.split()
        held = [int(client.get(f"{server}/leak?bytes=131072").text) for _ in range(2000)]

    assert (loop, parser, int(young)) == ("uvloop", "httptools", YOUNG)
    assert int(frozen) > 10_000
    assert max(held) - held[0] < GROWTH_BYTES + 64 * MIB
