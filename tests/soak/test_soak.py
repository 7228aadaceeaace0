"""Minutes of mixed faults at a constant load, and what is left afterwards: nothing.

A gateway in a process of its own, so that its tasks, connections and memory are its own; the
sandbox in this one. Three minutes by default, SOAK_SECONDS in the environment to shorten it. To be
run on its own: `pytest -m soak tests/soak`.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from casegraph.sandbox.faults import read_plan
from support.command import Started, started_command
from support.registry import EVERYTHING, EXTENSIONS, REGISTRY, variables
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

SECONDS = float(os.environ.get("SOAK_SECONDS", "180"))
PER_SECOND = 25
DEADLINE_MS = 1_000
LATE_SECONDS = 1.0
"""Allowed to any single answer: one machine runs the load, both servers and whatever else."""
GROWTH_MIB = 20
IDLE_SECONDS = 12
"""Longer than a breaker's pause, and than an idle connection is kept: 5 s, looked at every 5 s."""
CODES = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "UPSTREAM_CONTRACT", "RATE_LIMITED"}

FAULTS: list[dict[str, Any]] = [
    {"kind": "slow", "delay_ms": 200},
    {"kind": "hang"},
    {"kind": "hang_after_headers"},
    {"kind": "drip", "bytes": 64, "interval_ms": 50},
    {"kind": "reset"},
    {"kind": "reset_in_body"},
    {"kind": "truncate"},
    {"kind": "cut_chunked"},
    {"kind": "gzip_bomb", "bytes": 20_000_000},
    {"kind": "bad_json"},
    {"kind": "html"},
    {"kind": "status", "code": 500},
    {"kind": "status", "code": 503},
    {"kind": "status", "named": "429_seconds", "retry_after_seconds": 1},
]


def install(upstreams: Upstreams, seed: int) -> None:
    """Have one call in seven of every upstream fail, in another order for every seed."""
    parts = {}
    for name in REGISTRY:
        chance = random.Random(f"{seed}:{name}")  # noqa: S311 - no secret
        chosen = chance.choices(FAULTS, k=400)
        outcomes = [{**each, "probability": 0.15} for each in chosen]
        parts[name] = {"operations": {REGISTRY[name].operation: outcomes}}
    plan = {"seed": seed, "upstreams": parts}
    upstreams.sandbox.faults.install(read_plan(json.dumps(plan).encode()))


def memory_mib(process_id: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the process has no resident memory")


def sockets(process_id: int) -> int:
    """Return how many sockets a process has open."""
    found = 0
    for each in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            found += str(each.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


COUNTING = """
import asyncio, os, pathlib, signal

def count(*_):
    path = pathlib.Path(os.environ["TASKS_FILE"])
    path.with_suffix(".new").write_text(str(len(asyncio.all_tasks())))
    path.with_suffix(".new").rename(path)

signal.signal(signal.SIGUSR1, count)
"""
"""Has the gateway's process tell its tasks on a signal; Python imports it at its start."""


@dataclass(frozen=True)
class Held:
    """What is open while nobody asks anything; counted on both sides of the upstream calls."""

    tasks: int
    gateway_sockets: int
    upstream_sockets: int

    def within(self, other: "Held") -> bool:
        """Return whether nothing is more than in the other."""
        return (
            self.tasks <= other.tasks
            and self.gateway_sockets <= other.gateway_sockets
            and self.upstream_sockets <= other.upstream_sockets
        )


class Watch:
    """Looks into a gateway's process from outside."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tasks"
        (folder / "sitecustomize.py").write_text(COUNTING)
        path = os.pathsep.join([str(folder), *(entry for entry in sys.path if entry)])
        self.variables = {"PYTHONPATH": path, "TASKS_FILE": str(self._file)}

    def held(self, process_id: int) -> Held:
        """Return what the gateway holds, and how many sockets the sandbox's process has."""
        self._file.unlink(missing_ok=True)
        os.kill(process_id, signal.SIGUSR1)
        until(self._file.exists)
        tasks = int(self._file.read_text())
        return Held(tasks, sockets(process_id), sockets(os.getpid()))


class Load:
    """Requests at a steady rate, whatever becomes of them; one in ten leaves early."""

    def __init__(self, url: str, asked: dict[str, str]) -> None:
        self._url = f"{url}/graphql"
        self._asked = asked
        self._chance = random.Random(5)  # noqa: S311 - no secret
        self.codes: Counter[str] = Counter()
        self.answered = 0
        self.latest = 0.0

    async def run(self, seconds: float, *, faulty: bool = True) -> None:
        """Send requests for this long and wait for the last answers."""
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20)
        client = httpx.AsyncClient(timeout=20, limits=limits)
        async with client, asyncio.TaskGroup() as group:
            for number in range(int(seconds * PER_SECOND)):
                leaves = faulty and number % 10 == 9
                group.create_task(self._leave(client) if leaves else self._ask(client))
                await asyncio.sleep(1 / PER_SECOND)  # the load is so many a second of real time

    async def _post(self, client: httpx.AsyncClient) -> httpx.Response:
        body = {"query": EVERYTHING, "variables": self._asked}
        return await client.post(self._url, json=body, headers={"X-Deadline-Ms": str(DEADLINE_MS)})

    async def _leave(self, client: httpx.AsyncClient) -> None:
        try:
            async with asyncio.timeout(self._chance.uniform(0.001, 0.03)):
                await self._post(client)
        except TimeoutError:
            return

    async def _ask(self, client: httpx.AsyncClient) -> None:
        began = time.monotonic()
        response = await self._post(client)
        self.latest = max(self.latest, time.monotonic() - began)
        assert response.status_code == 200
        answer = response.json()
        failed = set()
        for error in answer.get("errors", ()):
            assert error["extensions"].keys() <= EXTENSIONS
            self.codes[error["extensions"]["code"]] += 1
            failed.add(error["path"][0])
        for asked in REGISTRY.values():
            assert (answer["data"][asked.alias] is None) == (asked.alias in failed)
        self.answered += 1


def serving(command: Started) -> str:
    """Return where the gateway listens."""
    return command.read_until(r"(http://127\.0\.0\.1:[0-9]+)/graphql\b")[1]


async def storm(load: Load, upstreams: Upstreams) -> None:
    """Ask at a constant rate while calls fail, in another order every ten seconds."""
    ends = time.monotonic() + SECONDS
    seed = 0
    while time.monotonic() < ends:
        seed += 1
        install(upstreams, seed)
        await load.run(min(10, SECONDS))
    upstreams.sandbox.faults.clear()
    await asyncio.sleep(IDLE_SECONDS)
    traffic = upstreams.sandbox.traffic
    until(lambda: not any(each.snapshot()["in_flight"] for each in traffic.values()))


@pytest.mark.soak
async def test_mixed_faults_leave_nothing_behind(tmp_path: Path) -> None:
    """Every gap is named, every answer in time; tasks, connections and memory are as before."""
    watch = Watch(tmp_path)
    with running_upstreams(cases=60) as upstreams:
        # Only what fails is logged, and little of it: nobody reads the pipe meanwhile.
        settings = {**upstreams.environment, "CASEGRAPH_LOG__LEVEL": "error", **watch.variables}
        with started_command("serve", "--port", "0", variables=settings) as command:
            child, load = command.process.pid, Load(serving(command), variables(upstreams))
            await load.run(5, faulty=False)
            assert load.codes == {}
            install(upstreams, 0)
            await load.run(5)  # the allocator's own high water is no growth
            upstreams.sandbox.faults.clear()
            await asyncio.sleep(IDLE_SECONDS)
            before, memory = watch.held(child), memory_mib(child)
            await storm(load, upstreams)
            after, grown = watch.held(child), memory_mib(child) - memory
            await load.run(2, faulty=False)
            load.codes, faulty = Counter(), load.codes
            await load.run(3, faulty=False)
            ended = command.stop(signal.SIGTERM)

    figures = {
        "before": before,
        "after": after,
        "memory_mib": (memory, grown),
        "codes": dict(faulty),
        "answered": load.answered,
        "latest": load.latest,
    }
    sys.stdout.write(f"{figures}\n")  # with -rP
    assert load.answered > SECONDS * PER_SECOND * 0.8
    assert set(faulty) <= CODES
    assert len(faulty) >= 3, faulty
    assert load.codes == {}, "still failing after the faults have ended"
    assert load.latest <= DEADLINE_MS / 1000 + LATE_SECONDS
    assert after.within(before), (before, after)
    assert grown < GROWTH_MIB
    assert "Task was destroyed" not in command.said
    assert "never awaited" not in command.said
    assert ended in {0, -signal.SIGTERM}
