"""How often a feed is needed is known at any rate, and one that is passed over is tried."""

import pytest

from casegraph.loading.feeds.demand import PASSED_OVER, PASSED_OVER_MAX, Demand
from support.clock import Clock


@pytest.mark.parametrize("gap", [0.001, 0.02, 0.5])
def test_needs_that_come_evenly_are_counted_by_their_gap(gap: float) -> None:
    """After some ten of them the rate is about theirs."""
    clock = Clock()
    demand = Demand(clock)
    for _ in range(40):
        demand.needed()
        clock.now += gap

    assert demand.per_second() == pytest.approx(1 / gap, rel=0.2)


def test_who_needs_it_now_and_then_shares_it_with_nobody() -> None:
    """A rate is no more than what has been seen, and falls while nobody comes."""
    clock = Clock()
    demand = Demand(clock)
    assert demand.per_second() == 0
    demand.needed()
    assert demand.per_second() == 0

    for _ in range(40):
        demand.needed()
    assert demand.per_second() > 100
    clock.now += 60
    assert demand.per_second() == 0
    demand.needed()
    assert demand.per_second() < 5


def test_it_is_tried_for_each_tenth_time_that_it_is_passed_over() -> None:
    """What trying costs is a small part of what is made in its place."""
    demand = Demand(Clock())

    tried = [demand.is_to_be_tried() for _ in range(5 * PASSED_OVER)]

    assert tried.count(True) == 5
    assert not any(tried[: PASSED_OVER - 1])


def test_each_try_that_fails_doubles_the_way_to_the_next() -> None:
    """Up to a bound, and the first that goes well begins anew."""
    demand = Demand(Clock())

    def choices() -> int:
        return next(count for count in range(1, 10_000) if demand.is_to_be_tried())

    ways = []
    for _ in range(9):
        ways.append(choices())
        demand.was_tried(went_well=False)
    assert ways[:4] == [PASSED_OVER, 2 * PASSED_OVER, 4 * PASSED_OVER, 8 * PASSED_OVER]
    assert ways[-1] == PASSED_OVER_MAX

    demand.was_tried(went_well=True)
    assert choices() == PASSED_OVER
