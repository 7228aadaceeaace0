"""Who may be on the wire: in order, never more than there are places, and none lost by leaving."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.transport.places import Places


async def waiting(places: Places, count: int) -> list[asyncio.Task[None]]:
    """Return callers who wait for their turn, in this order."""
    tasks = [asyncio.create_task(places.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def turn() -> None:
    """Let everybody go on who can."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_there_are_as_many_places_as_said() -> None:
    """One more is told no, until a place is given back."""
    places = Places(2)
    assert [places.take() for _ in range(3)] == [True, True, False]
    places.give()
    assert [places.take() for _ in range(2)] == [True, False]


async def test_a_place_goes_to_who_has_waited_longest_and_to_nobody_else() -> None:
    """Between being given and being used it is not free for who has just come."""
    places = Places(1)
    assert places.take()
    first, second = await waiting(places, 2)
    places.give()
    assert not places.take()
    await turn()
    assert (first.done(), second.done()) == (True, False)
    places.give()
    await second
    places.give()
    assert places.take()


@pytest.mark.parametrize("is_handed_over", [False, True])
async def test_who_leaves_takes_no_place_along(is_handed_over: bool) -> None:
    """Neither from the queue nor with the place already in hand."""
    places = Places(1)
    assert places.take()
    leaving, staying = await waiting(places, 2)
    if is_handed_over:
        places.give()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    if not is_handed_over:
        places.give()
    await staying
    places.give()
    assert [places.take(), places.take()] == [True, False]


async def test_who_is_dropped_takes_no_place_along() -> None:
    """A caller that is closed while it waits is not handed a place that it would never give."""
    places = Places(1)
    assert places.take()
    dropped = places.wait()
    dropped.send(None)
    dropped.close()
    places.give()
    assert [places.take(), places.take()] == [True, False]


@given(st.lists(st.tuples(st.sampled_from(["come", "leave", "end"]), st.integers(0, 9))))
def test_no_place_is_ever_lost_or_made(steps: Any) -> None:
    """Whoever comes, leaves and ends in whatever order: those inside are as many as may be."""

    async def run() -> None:
        places, inside, queue = Places(3), 0, list[asyncio.Task[None]]()
        for what, which in steps:
            if what == "come" and places.take():
                inside += 1
            elif what == "come":
                queue += await waiting(places, 1)
            elif what == "leave" and queue:
                queue[which % len(queue)].cancel()
            elif what == "end" and inside:
                places.give()
                inside -= 1
            if which % 2:
                await turn()
            entered = [task for task in queue if task.done() and not task.cancelled()]
            inside += len(entered)
            queue = [task for task in queue if not task.done()]
            assert inside <= 3
        await turn()
        inside += sum(task.done() and not task.cancelled() for task in queue)
        queue = [task for task in queue if not task.done()]
        assert inside == 3 or not queue
        for task in queue:
            task.cancel()
        await turn()
        for _ in range(inside):
            places.give()
        assert [places.take() for _ in range(4)] == [True, True, True, False]

    asyncio.run(run())
