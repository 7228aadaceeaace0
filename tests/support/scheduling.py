"""A scheduler that a test drives: everybody stops at every step, and the test says who goes on.

Code under test awaits a fake whose every step is a gate. Between two moves of the test the event
loop runs until everybody waits at a gate or has ended, so a history of moves is one of events.
Invariant: nothing goes on that the test did not let go on.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

QUIET_TURNS = 12
"""Turns of the event loop without anybody coming to a gate or ending; more than any hand-over."""


@dataclass(eq=False)
class Gate:
    """Where somebody waits."""

    who: str
    what: str
    future: asyncio.Future[None]


@dataclass
class Scheduler:
    """The gates that are closed, and the tasks that run between them."""

    gates: list[Gate] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    async def gate(self, what: str) -> None:
        """Wait here until the test says go on."""
        task = asyncio.current_task()
        assert task is not None
        gate = Gate(task.get_name(), what, asyncio.get_running_loop().create_future())
        self.gates.append(gate)
        try:
            await gate.future
        finally:
            if gate in self.gates:
                self.gates.remove(gate)

    async def sleep(self, _seconds: float) -> None:
        """Wait as long as the test wants, in the place of time."""
        await self.gate("sleep")

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Let somebody begin, up to the first gate once the loop has settled."""
        self.tasks[name] = asyncio.create_task(work, name=name)

    def release(self, gate: Gate) -> None:
        """Let one go on."""
        self.gates.remove(gate)
        gate.future.set_result(None)

    async def settle(self) -> None:
        """Return when everybody waits or has ended."""
        before, quiet = self._moves(), 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            now = self._moves()
            quiet = quiet + 1 if now == before else 0
            before = now

    def _moves(self) -> tuple[int, int]:
        return len(self.gates), sum(task.done() for task in self.tasks.values())

    async def run_out(self) -> None:
        """Let everybody go on, in order of arrival, until all have ended."""
        await self.settle()
        for _ in range(10_000):
            if not self.gates:
                break
            self.release(self.gates[0])
            await self.settle()
        assert all(task.done() for task in self.tasks.values()), "somebody never ends"
