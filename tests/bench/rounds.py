"""Measuring: several gateways at one set of tasks, taking turns.

Whatever else the machine does can only add to a figure and is not spread evenly, so gateways take
turns within a round, each round begins with another of them, and of the rounds the best and the
median are told. Only ratios within one run mean something.
Invariant: CPU is that of the gateway's process over whole requests, none in flight at either end.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import uvloop

from bench.closed_loop import Sample, closed_loop, percentile, request_bytes
from bench.contestants import Gateway, Upstreams
from bench.questions import IN_PARTS, Asked

MANY, FEW = 16, 2
"""Clients at once: enough to keep a core busy; few, to see latency and not queues."""
_ENOUGH = 10
"""Answers that a sample needs at least, so that one slow one is not all there is."""


@dataclass(frozen=True)
class Task:
    """One question under one set of circumstances."""

    question: str
    milliseconds: float = 0.0
    """Latency of the upstreams."""
    clients: int = MANY
    is_equal: bool = False
    """Whether all clients ask the same all the time, in place of taking turns at all there is."""
    slow: tuple[str, float] | None = None
    """One upstream that is slower, and its latency."""


@dataclass
class Figures:
    """What was measured of one gateway at one task; times are ms."""

    contestant: str
    task: Task
    answers: int = 0
    failed: int = 0
    cpu: list[float] = field(default_factory=list)
    """CPU of a request, each round."""
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Median time to the first bytes of an answer, each round."""
    calls: list[float] = field(default_factory=list)
    """Upstream calls of a request, each round."""
    most_megabytes: float = 0.0

    def add(self, sample: Sample, cpu_seconds: float, calls: int) -> None:
        """Take in one round."""
        count = len(sample.whole)
        self.answers += count
        self.failed += sample.failed
        if count:
            self.cpu.append(cpu_seconds / count * 1e3)
            self.p50.append(sample.percentile(50))
            self.p99.append(sample.percentile(99))
            self.first.append(percentile(sample.first, 50))
            self.calls.append(calls / count)

    def summary(self) -> dict[str, Any]:
        """Return all of it for a JSON file, with the best and the median of the rounds."""
        told = asdict(self)
        for name in ("cpu", "p50", "p99", "first", "calls"):
            rounds = told[name]
            told[name] = {"rounds": rounds}
            if rounds:
                told[name] |= {"best": min(rounds), "median": median(rounds)}
        return told


def measure(
    gateways: Sequence[Gateway],
    upstreams: Upstreams,
    asked: Asked,
    tasks: Sequence[Task],
    rounds: int,
    seconds: float,
) -> list[Figures]:
    """Return the figures of all gateways at all tasks they can be asked."""
    found: Mapping[tuple[str, Task], Figures] = {
        (gateway.contestant.name, task): Figures(gateway.contestant.name, task)
        for task in tasks
        for gateway in gateways
        if asked.knows(gateway, task.question)
    }
    for number in range(-1, rounds):  # one before the first, for caches and compilers to warm up
        sys.stderr.write(f"round {number + 1} of {rounds}\n")  # one takes minutes
        turn = max(number, 0) % len(gateways)
        for task in tasks:
            _set_latency(upstreams, task)
            for gateway in (*gateways[turn:], *gateways[:turn]):
                figures = found.get((gateway.contestant.name, task))
                if figures is None:
                    continue
                length = seconds if number >= 0 else seconds / 2
                sample, cpu, calls = _sample(gateway, upstreams, asked, task, length)
                if number >= 0:
                    figures.add(sample, cpu, calls)
                    most = max(figures.most_megabytes, gateway.megabytes("VmHWM"))
                    figures.most_megabytes = most
    upstreams.delay(0)
    return list(found.values())


def _set_latency(upstreams: Upstreams, task: Task) -> None:
    upstreams.delay(task.milliseconds)
    if task.slow is not None:
        upstreams.delay(task.slow[1], task.slow[0])


def _sample(
    gateway: Gateway, upstreams: Upstreams, asked: Asked, task: Task, seconds: float
) -> tuple[Sample, float, int]:
    """Return what the clients saw, the gateway's CPU seconds, and the upstreams' calls."""
    accept = IN_PARTS if task.question in asked.in_parts else "application/json"
    questions = asked.of(gateway, task.question)
    requests = [request_bytes(each, accept) for each in questions[: 1 if task.is_equal else None]]
    upstreams.calls()
    gateway.forget_peak()
    before = gateway.cpu_seconds()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sample = runner.run(
            closed_loop(gateway.port, requests, task.clients, seconds, at_least=_ENOUGH)
        )
    return sample, gateway.cpu_seconds() - before, upstreams.calls()
