"""A small sandbox that tests of the graph may edit and spoil, beside the shared one.

Invariant: a test puts back what it changed; a hub that it needs for itself has a number of its own,
because look-ups of a hub are remembered by the gateway.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

from casegraph.upstreams.action_management.store import Hub, Row
from support.gateway import Gateway, running_gateway
from support.patience import patience_with_upstreams
from support.upstreams import Upstreams, running_upstreams

_hub_ids = count(500)


@pytest.fixture(scope="session")
def _lab() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def lab(_lab: Upstreams) -> Upstreams:
    """Return the sandbox that may be edited, its calls counted from here."""
    _lab.mark()
    return _lab


@pytest.fixture(scope="session")
def lab_gateway(_lab: Upstreams) -> Iterator[Gateway]:
    """Return the gateway over the sandbox that may be edited."""
    with ExitStack() as stack:
        with patience_with_upstreams():
            running = stack.enter_context(running_gateway(_lab.environment))
        yield running


@pytest.fixture
def new_hub(lab: Upstreams) -> Iterator[Callable[..., Hub]]:
    """Give a function that adds a hub with the first one's program, its own cases and notes."""
    store = lab.world.action_management
    pattern = store.hubs[lab.world.oddities.hub_with_program]
    made: list[int] = []

    def add(cases: list[Row] | None = None, notes: list[Row] | None = None) -> Hub:
        hub = Hub(
            next(_hub_ids),
            "Hub of one test",
            workflows=pattern.workflows,
            cases={row["id"]: row for row in cases or ()},
            notes={row["id"]: row for row in notes or ()},
            lists=pattern.lists,
            roles=pattern.roles,
            users=pattern.users,
        )
        store.hubs[hub.hub_id] = hub
        made.append(hub.hub_id)
        return hub

    yield add
    for hub_id in made:
        del store.hubs[hub_id]


@pytest.fixture
def odd(upstreams: Upstreams) -> Any:
    """Return the special rows of the shared sandbox."""
    return upstreams.world.oddities


@pytest.fixture
def hub(odd: Any) -> str:
    """Return the id of the shared sandbox's hub, as clients write it."""
    return str(odd.hub_with_program)
