"""The bound on what a call may cost; see exchange_cost for how it is measured."""

import pytest

from bench.exchange_cost import answering, measured

MOST_MICROSECONDS = 120


@pytest.mark.bench
async def test_a_call_over_the_default_exchange_costs_little() -> None:
    """At 20 at once a call takes at most 120 µs of CPU in the quietest of five rounds.

    Whatever else the machine does can only add to a round.
    """
    with answering() as origin:
        cost = await measured("aiohttp", origin, at_once=20)
    assert min(cost.rounds) <= MOST_MICROSECONDS, cost.rounds
