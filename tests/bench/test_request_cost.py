"""The bound on what stands around the engine; see request_cost for how it is measured."""

import asyncio

import pytest
import uvloop

from bench.request_cost import measured, upstreams

MOST_OF_BARE = 5
"""What the smallest query may cost above the bare server, in bare servers; 3.2 to 3.9 on cores
that others shared. Five sixths of it are the endpoint with its session, telemetry and engine."""
MOST_OF_BARE_FOR_LOOK_UPS = 35
"""In all; 14 to 24 there, most of which is the engine and what is kept."""


@pytest.mark.bench
def test_a_small_request_costs_a_few_bare_ones() -> None:
    """A ratio within one run, in the quietest of its rounds; machines differ by more than this."""
    with upstreams(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        costs = runner.run(measured(("tiny", "look-ups"), rounds=9))

    assert costs["tiny"] - costs["bare"] <= MOST_OF_BARE * costs["bare"], costs
    assert costs["look-ups"] <= MOST_OF_BARE_FOR_LOOK_UPS * costs["bare"], costs
