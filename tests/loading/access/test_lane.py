"""How fast an upstream can be asked: the estimate against the pace that it estimates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.access.lane import Lane
from casegraph.transport.pace import LocalPace, PaceConfig


@pytest.mark.parametrize(
    ("lane", "calls", "latency", "seconds"),
    [
        (Lane(), 0, 1.0, 0.0),
        (Lane(concurrency=8), 8, 0.1, 0.1),
        (Lane(concurrency=8), 9, 0.1, 0.2),
        (Lane(concurrency=1, interval=2.0, ahead=8.0), 5, 0.1, 0.5),
        (Lane(concurrency=1, interval=2.0, ahead=8.0), 6, 0.1, 2.1),
        (Lane(hold=3.0), 1, 0.5, 3.5),
    ],
)
def test_calls_take_as_long_as_slots_and_pace_allow(
    lane: Lane, calls: int, latency: float, seconds: float
) -> None:
    """Slots, pace and a pause each hold calls back; the slowest of them tells."""
    assert seconds == pytest.approx(lane.seconds(calls, latency))


@given(
    st.floats(0.1, 10), st.integers(1, 8), st.integers(0, 20), st.integers(1, 20), st.floats(0, 9)
)
def test_the_wait_is_the_one_that_the_pace_gives(
    per_second: float, burst: int, taken: int, more: int, later: float
) -> None:
    """The nth call waits in the estimate as long as the pace itself would make it wait."""
    now = [0.0]
    pace = LocalPace(PaceConfig(per_second, burst), lambda: now[0])
    for _ in range(taken):
        pace.reserve_now(float("inf"))
    now[0] = later
    lane = Lane(interval=1 / per_second, ahead=(burst - 1) / per_second, backlog=pace.backlog)

    expected = [lane.wait(nth) for nth in range(1, more + 1)]
    waits = [pace.reserve_now(float("inf")).wait for _ in range(more)]

    assert expected == pytest.approx(waits, abs=1e-6)


def test_calls_within_a_time_are_bounded_by_slots_and_pace() -> None:
    """The number of calls that a deadline allows counts slots, pace and a pause."""
    assert Lane(concurrency=8).calls_within(1.0, 0.1) == 10 * 8
    assert Lane(concurrency=1, interval=2.0, ahead=8.0).calls_within(1.0, 0.1) == 5
    assert Lane(hold=5.0).calls_within(1.0, 0.1) == 0
    assert Lane().calls_within(float("inf"), 0.1) is None
