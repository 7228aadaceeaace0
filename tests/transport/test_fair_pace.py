"""Two lanes of one pace: requests that come in crowds, and work that asks for one place a time."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from casegraph.transport.fair_pace import IDLE_SECONDS, FairPace, behind_answers
from casegraph.transport.pace import LocalPace, PaceConfig, Reservation
from support.clock import Clock

TWO_A_SECOND = PaceConfig(per_second=2.0, burst=1)


def fair(clock: Clock, config: PaceConfig = TWO_A_SECOND) -> FairPace:
    """Return a fair pace over the pace of one process."""
    return FairPace(LocalPace(config, clock), clock)


async def behind(pace: FairPace, longest: float = 90.0) -> Reservation:
    """Reserve as work behind the answers does."""
    token = behind_answers.set(True)
    try:
        return await pace.reserve(longest)
    finally:
        behind_answers.reset(token)


async def test_requests_alone_have_every_place() -> None:
    """While nothing works behind the answers, ten calls are spread over ten places."""
    clock = Clock()
    pace = fair(clock)
    waits = [(await pace.reserve(60)).wait for _ in range(4)]
    assert waits == [0.0, 0.5, 1.0, 1.5]


async def test_a_crowd_leaves_every_second_place() -> None:
    """Work that was there before a crowd goes on in between it, not after it."""
    clock = Clock()
    pace = fair(clock)
    assert (await behind(pace)).wait == 0.0
    waits = [(await pace.reserve(60)).wait for _ in range(3)]
    assert waits == [0.5, 1.5, 2.5]
    assert [(await behind(pace)).wait for _ in range(3)] == [1.0, 2.0, 3.0]


async def test_a_place_that_was_not_taken_is_lost() -> None:
    """A place set aside for a moment that has passed is not used later."""
    clock = Clock()
    pace = fair(clock)
    await behind(pace)
    await pace.reserve(60)
    clock.now += 1.75
    assert (await behind(pace)).wait == 0.0
    assert (await behind(pace)).wait == 0.5


async def test_nothing_is_set_aside_once_the_work_is_over() -> None:
    """Some seconds after its last call requests have every place again."""
    clock = Clock()
    pace = fair(clock)
    await behind(pace)
    clock.now += IDLE_SECONDS + 0.5
    waits = [(await pace.reserve(60)).wait for _ in range(3)]
    assert waits == [0.0, 0.5, 1.0]


async def test_a_refusal_sets_nothing_aside() -> None:
    """Who gets no place in time takes none from anybody."""
    clock = Clock()
    pace = fair(clock)
    await behind(pace)
    assert not (await pace.reserve(0.1)).granted
    assert (await behind(pace)).wait == 0.5


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 2), st.sampled_from([0.0, 1.0, 10.0])), max_size=60
    ),
    st.integers(1, 5),
)
def test_no_more_calls_go_than_the_pace_allows(steps: list[Any], burst: int) -> None:
    """Whoever asks when and how often: in any time t at most burst + rate * t calls go."""
    clock = Clock()
    pace = fair(clock, PaceConfig(per_second=2.0, burst=burst))
    moments: list[float] = []

    async def all_steps() -> None:
        for is_behind, wait, longest in steps:
            place = await (behind(pace, longest) if is_behind else pace.reserve(longest))
            if place.granted:
                moments.append(clock.now + place.wait)
            clock.now += wait

    asyncio.run(all_steps())
    moments.sort()
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            allowed = burst + 2.0 * (moments[last] - moments[first])
            assert last - first + 1 <= allowed + 1e-6
