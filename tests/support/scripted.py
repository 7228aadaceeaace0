"""The inside of a layer under test: outcomes in a given order, and a log of what was asked.

Invariant: the last outcome stands for all calls that come after it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from casegraph.transport.calls import Call, Effect, Reply

Outcome = Reply | Exception | Callable[[Call], Awaitable[Reply]]


def a_call(**values: Any) -> Call:
    """Return a read to somebody, but for the given values."""
    usual: dict[str, Any] = {
        "upstream": "somebody",
        "operation": "thing",
        "effect": Effect.READ,
        "method": "GET",
        "origin": "http://upstream.test",
        "target": "/v1/thing",
    }
    return Call(**(usual | values))


def reply(status: int = 200, **headers: str) -> Reply:
    """Return an answer; an underscore in a header's name is a hyphen."""
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


class Script:
    """Plays outcomes one after the other; `calls` and `times` say who asked and when."""

    def __init__(self, *outcomes: Outcome, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._outcomes = list(outcomes) or [reply()]
        self._clock = clock
        self.calls: list[Call] = []
        self.times: list[float] = []
        self.running = 0
        self.cancelled = 0

    async def __call__(self, call: Call) -> Reply:
        """Return, raise or do the next outcome."""
        self.calls.append(call)
        self.times.append(self._clock())
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, Exception):
            raise outcome
        self.running += 1
        try:
            return await outcome(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1


async def hang(_call: Call) -> Reply:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError
