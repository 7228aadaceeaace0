"""What tests of kept reads have in common: a thing to read, a fetch in their hands, a request.

Invariant: a fetch answers as it was told and counts; nothing here waits for time to pass.
"""

import asyncio
import json
from typing import Any

from casegraph.errors import UpstreamUnavailable
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger, Source, StaleReason
from casegraph.loading.scope import DataScope
from casegraph.transport.deadline import request_deadline
from support.clock import Clock

Value = list[str] | None


def encode(value: Value) -> bytes:
    """Write a value as JSON."""
    return json.dumps(value).encode()


def thing(kind: Kind) -> What[Value]:
    """Return a kind of thing whose records are its parts."""
    return What("ratings", kind, "things", encode, json.loads, lambda value: value or ())


EDITED = thing(Kind.CASES)
RATED = thing(Kind.RATINGS)
WINDOWS = {
    Kind.CASES: Windows(fresh=0, stale=0, stale_if_error=600),
    Kind.RATINGS: Windows(fresh=100, stale=100, stale_if_error=600),
}
DOWN = UpstreamUnavailable("ratings", "things", "down")


class Fetch:
    """A fetch that answers as told, counts, and waits for the test where it wants that."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.deadlines: list[float] = []

    async def __call__(self) -> Any:
        """Return the next answer, or raise it; the last one again and again."""
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        self.deadlines.append(request_deadline.get())
        await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


def request(acceptance: Acceptance = ANY, scope: DataScope | None = None) -> Asking:
    """Return a request of its own."""
    return Asking(scope or DataScope(), acceptance, Ledger())


def told(asking: Asking) -> list[tuple[Source, float, StaleReason | None]]:
    """Return what a request's ledger says."""
    return [(each.source, each.fetched_at, each.reason) for each in asking.ledger]


class Reader:
    """Reads of one key through a memory of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.kept = Kept(MemoryStore(self.clock), WINDOWS, clock=self.clock)

    async def __call__(
        self, what: What[Value], fetch: Fetch, acceptance: Acceptance = ANY
    ) -> tuple[Value, list[tuple[Source, float, StaleReason | None]]]:
        """Return the value and what the ledger says."""
        asking = request(acceptance)
        value = await self.kept.read(what, ("7",), fetch, asking)
        return value, told(asking)
