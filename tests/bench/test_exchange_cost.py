"""The bound on what a call may cost; see exchange_cost for how it is measured."""

import asyncio

import pytest
import uvloop

from bench.exchange_cost import answering, measured

MOST_MICROSECONDS = 60
"""What the safe client may cost a call; the parser and bare connections cost 12 to 17."""
MOST_OF_AIOHTTP = 0.5
"""Below which it is worth its lines."""


@pytest.mark.bench
def test_a_call_over_the_default_exchange_costs_little() -> None:
    """At 8 and 64 at once it takes at most 60 µs of CPU and half of what aiohttp takes.

    In the quietest of nine rounds: whatever else the machine does can only add to a round.
    """
    with answering() as origin:
        for at_once in (8, 64):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                costs = runner.run(measured(("lean", "aiohttp"), origin, at_once))
            ours, theirs = costs["lean"].least, costs["aiohttp"].least
            assert ours <= MOST_MICROSECONDS, costs
            assert ours <= MOST_OF_AIOHTTP * theirs, costs
