from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.transport.pace import LocalPace, PaceConfig, Reservation
from support.clock import Clock

RATES = st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0, 64.0])
"""Powers of two, so that their intervals are exact and no tolerance is needed."""
PAUSES = st.integers(0, 64 * 20).map(lambda ticks: ticks / 64)
TRACES = st.lists(st.tuples(PAUSES, st.sampled_from([0.0, 0.5, 2.0, 10.0, float("inf")])))


def moments(pace: LocalPace, clock: Clock, trace: list[tuple[float, float]]) -> list[float]:
    """Return the moments of all calls that were let through."""
    granted = []
    for pause, longest in trace:
        clock.now += pause
        place = pace.reserve_now(longest)
        if place.granted:
            assert 0 <= place.wait <= longest
            granted.append(clock.now + place.wait)
    return granted


@settings(deadline=None)
@given(RATES, st.integers(1, 6), TRACES)
def test_never_more_than_burst_and_rate_allow(
    rate: float, burst: int, trace: list[tuple[float, float]]
) -> None:
    """For any arrivals: in any time t at most burst + rate * t calls go."""
    clock = Clock(0.0)
    granted = sorted(moments(LocalPace(PaceConfig(rate, burst), clock), clock, trace))

    for first, begin in enumerate(granted):
        for last in range(first, len(granted)):
            length = Fraction(granted[last]) - Fraction(begin)
            assert last - first + 1 <= burst + Fraction(rate) * length


@settings(deadline=None)
@given(RATES, st.integers(1, 6), TRACES)
def test_a_refused_reservation_costs_nothing(
    rate: float, burst: int, trace: list[tuple[float, float]]
) -> None:
    """With all refused callers left out, every other gets the same place."""
    clock = Clock(0.0)
    pace = LocalPace(PaceConfig(rate, burst), clock)
    places, kept, waited = [], [], 0.0
    for pause, longest in trace:
        clock.now += pause
        waited += pause
        place = pace.reserve_now(longest)
        if place.granted:
            places.append(place)
            kept.append((waited, longest))
            waited = 0.0
    clock = Clock(0.0)
    pace = LocalPace(PaceConfig(rate, burst), clock)
    again = []
    for pause, longest in kept:
        clock.now += pause
        again.append(pace.reserve_now(longest))

    assert places == again


async def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """The study's own figures: five at once, then one every two seconds."""
    pace = LocalPace(PaceConfig(0.5, 5), Clock())
    places = [await pace.reserve(60) for _ in range(8)]

    assert places == [Reservation(float(w), granted=True) for w in (0, 0, 0, 0, 0, 2, 4, 6)]


async def test_a_place_that_comes_too_late_is_refused_with_its_wait() -> None:
    """Who cannot wait learns how long it would have been."""
    pace = LocalPace(PaceConfig(0.5, 1), Clock())
    await pace.reserve(0)

    assert await pace.reserve(1.9) == Reservation(2.0, granted=False)
    assert await pace.reserve(2.0) == Reservation(2.0, granted=True)


@pytest.mark.parametrize("rate", [0.0, -1.0])
async def test_no_rate_is_no_pace(rate: float) -> None:
    """Everybody goes at once, also who has no time to wait."""
    pace = LocalPace(PaceConfig(rate, 1), Clock())

    assert {await pace.reserve(0.0) for _ in range(100)} == {Reservation(0.0, granted=True)}
    assert pace.backlog == 0.0


@pytest.mark.parametrize("burst", [0, -3, 1])
async def test_a_burst_is_at_least_one(burst: int) -> None:
    """A setting of none lets single calls through all the same."""
    pace = LocalPace(PaceConfig(1.0, burst), Clock())

    assert [(await pace.reserve(0)).granted for _ in range(2)] == [True, False]


@settings(deadline=None)
@given(RATES, st.integers(1, 6), TRACES)
def test_places_given_out_elsewhere_count_alike(
    rate: float, burst: int, trace: list[tuple[float, float]]
) -> None:
    """A pace that is told of another's places stands where that one stands."""
    clock = Clock(0.0)
    giver, told = (LocalPace(PaceConfig(rate, burst), clock) for _ in range(2))
    for pause, longest in trace:
        clock.now += pause
        place = giver.reserve_now(longest)
        if place.granted:
            told.spend(place.wait)
        assert told.reserve_now(-1.0) == giver.reserve_now(-1.0)


@pytest.mark.parametrize(("rate", "is_none"), [(0.0, True), (0.5, False), (64.0, False)])
def test_a_pace_of_nothing_is_told_beforehand(rate: float, is_none: bool) -> None:
    """Who sees that there is no pace need not ask it, and misses nothing by that."""
    pace = LocalPace(PaceConfig(rate), Clock())

    assert pace.is_none is is_none
    assert pace.reserve_now(0.0).granted
    assert pace.reserve_now(0.0).granted is is_none
