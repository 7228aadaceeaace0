"""The bundled upstreams on a real socket, with their stores in hand and their calls counted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from casegraph.sandbox.server import Sandbox, build
from casegraph.sandbox.world import World, build_world
from casegraph.serving import start_in_thread

FORGETFUL = {
    "CASEGRAPH_ACTION_MANAGEMENT__FEED": "off",
    "CASEGRAPH_CASE_REVIEWS__FEED": "off",
    **{
        f"CASEGRAPH_FRESHNESS__{kind}__{window}_SECONDS": "0"
        for kind in ("CASES", "NOTES", "REVIEWS", "RATINGS", "CUSTOMER_CASES")
        for window in ("FRESH", "STALE", "STALE_IF_ERROR")
    },
}
"""Settings of a gateway that knows no other way than a call for each key, every time."""

_LOOKS = 20
"""How often to look whether all calls have ended; some hang, and are counted all the same."""


@dataclass
class Upstreams:
    """A running sandbox. `world` may be edited behind the gateway's back."""

    world: World
    sandbox: Sandbox
    base: str
    _before: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point a gateway here, which then keeps and follows nothing of cases.

        So each request makes the calls that its own fields need, and a test can count them.
        """
        return {**self.as_shipped, **FORGETFUL}

    @property
    def as_shipped(self) -> dict[str, str]:
        """The settings that point a gateway here and leave it all its defaults."""
        return self.sandbox.environment(self.base)

    def mark(self) -> None:
        """Count calls from here on."""
        self._before = self._totals()

    def calls(self, upstream: str | None = None) -> dict[str, int]:
        """Return the calls since the mark, `upstream.operation` → number, tokens left out."""
        now = self._totals()
        found = {
            f"{name}.{operation}": count - self._before.get(name, {}).get(operation, 0)
            for name, operations in now.items()
            for operation, count in operations.items()
            if operation != "token" and upstream in {None, name}
        }
        return {name: count for name, count in found.items() if count}

    def _totals(self) -> dict[str, dict[str, int]]:
        # A call has its final name when it has ended, which is after its caller has the answer.
        for _ in range(_LOOKS):
            if not any(each.snapshot()["in_flight"] for each in self.sandbox.traffic.values()):
                break
            threading.Event().wait(0.005)
        return {
            name: dict(each.snapshot()["operations"]) for name, each in self.sandbox.traffic.items()
        }


@contextmanager
def running_upstreams(cases: int = 400, seed: int = 7) -> Iterator[Upstreams]:
    """Start a sandbox of its own for the time of the context."""
    world = build_world(seed=seed, cases=cases)
    sandbox = build(world)
    with start_in_thread(sandbox.app) as running:
        yield Upstreams(world, sandbox, running.url)
