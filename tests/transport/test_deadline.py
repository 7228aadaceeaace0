import asyncio
import time

import pytest

from casegraph.errors import DeadlineExceeded, UpstreamUnavailable
from casegraph.transport.calls import Call, Reply
from casegraph.transport.deadline import (
    SMALLEST_SECONDS,
    LastDoor,
    WithinDeadline,
    request_deadline,
)
from support.clock import Clock, settle
from support.scripted import Script, a_call, hang, reply
from support.stalls import timed

SOON = 0.08


@pytest.fixture
def clock() -> Clock:
    """Give a clock that only the test moves."""
    return Clock()


async def test_the_requests_deadline_becomes_the_calls(clock: Clock) -> None:
    """A call made within a request carries the request's moment to all layers inside."""
    script = Script()
    request_deadline.set(clock.now + 7)

    assert await WithinDeadline(script, clock)(a_call()) == reply()
    assert [call.deadline for call in script.calls] == [clock.now + 7]


async def test_the_nearer_of_two_deadlines_counts(clock: Clock) -> None:
    """Neither request nor call can move the other's deadline away."""
    script = Script()
    layer = WithinDeadline(script, clock)
    request_deadline.set(clock.now + 7)
    await layer(a_call(deadline=clock.now + 3))
    await layer(a_call(deadline=clock.now + 9))

    assert [call.deadline for call in script.calls] == [clock.now + 3, clock.now + 7]


async def test_without_a_deadline_nothing_is_bounded(clock: Clock) -> None:
    """A call outside of any request goes as it is."""
    script = Script()
    await WithinDeadline(script, clock)(a_call())

    assert [call.deadline for call in script.calls] == [float("inf")]


@pytest.mark.parametrize("left", [SMALLEST_SECONDS - 0.001, 0.0, -5.0])
async def test_no_call_starts_without_time_for_it(clock: Clock, left: float) -> None:
    """With less than 50 ms left the upstream is not asked at all."""
    script = Script()
    with pytest.raises(DeadlineExceeded) as caught:
        await WithinDeadline(script, clock)(a_call(deadline=clock.now + left))

    assert (script.calls, caught.value.sent) == ([], False)


async def test_a_hanging_call_ends_at_its_deadline() -> None:
    """In real time: cancelled inside at the deadline, taken to have been sent."""
    script = Script(hang)
    with timed() as took, pytest.raises(DeadlineExceeded) as caught:
        await WithinDeadline(script, time.monotonic)(a_call(deadline=time.monotonic() + SOON))

    assert took.wall >= SOON - 0.005
    assert took.seconds <= SOON + 0.1
    assert (script.running, script.cancelled, caught.value.sent) == (0, 1, True)


async def test_what_hangs_in_front_of_the_last_door_was_not_sent() -> None:
    """A call that used up its time in a queue may be repeated by whoever made it."""

    async def queue(_call: object) -> object:
        return await asyncio.Event().wait()

    layer = WithinDeadline(queue, time.monotonic, has_last_door=True)
    with pytest.raises(DeadlineExceeded) as caught:
        await layer(a_call(deadline=time.monotonic() + SOON))

    assert caught.value.sent is False


async def test_what_hangs_behind_the_last_door_may_have_been_sent() -> None:
    """Nobody can say whether the upstream saw it, so it counts as sent."""
    script = Script(hang)
    layer = WithinDeadline(LastDoor(script, time.monotonic), time.monotonic, has_last_door=True)
    with pytest.raises(DeadlineExceeded) as caught:
        await layer(a_call(deadline=time.monotonic() + SOON))

    assert (len(script.calls), caught.value.sent) == (1, True)


@pytest.mark.parametrize("sent", [True, False])
async def test_a_failed_attempt_says_whether_the_next_wait_is_after_sending(sent: bool) -> None:
    """A wait after an attempt that never left is still in front of sending."""
    failed = Script(UpstreamUnavailable("somebody", "thing", "no connection", sent=sent))
    door = LastDoor(failed, time.monotonic)

    async def try_then_wait(call: object) -> object:
        with pytest.raises(UpstreamUnavailable):
            await door(call)
        return await asyncio.Event().wait()

    layer = WithinDeadline(try_then_wait, time.monotonic, has_last_door=True)
    with pytest.raises(DeadlineExceeded) as caught:
        await layer(a_call(deadline=time.monotonic() + SOON))

    assert caught.value.sent is sent


async def test_the_last_door_turns_back_who_waited_too_long(clock: Clock) -> None:
    """A call that got its place with less than 50 ms left is not sent any more."""
    script = Script()
    door = LastDoor(script, clock)
    await door(a_call(deadline=clock.now + SMALLEST_SECONDS + 0.001))
    with pytest.raises(DeadlineExceeded) as caught:
        await door(a_call(deadline=clock.now + SMALLEST_SECONDS - 0.001))

    assert (len(script.calls), caught.value.sent) == (1, False)


async def test_a_time_out_from_inside_is_not_taken_for_the_deadline(clock: Clock) -> None:
    """Somebody else's TimeoutError passes as it is."""
    own = TimeoutError("of another kind")
    with pytest.raises(TimeoutError) as caught:
        await WithinDeadline(Script(own), clock)(a_call(deadline=clock.now + 5))

    assert caught.value is own


async def test_a_caller_that_leaves_cancels_the_call(clock: Clock) -> None:
    """Cancellation from outside goes through and is not called a deadline."""
    script = Script(hang)
    task = asyncio.create_task(WithinDeadline(script, clock)(a_call(deadline=clock.now + 5)))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert script.cancelled == 1


async def test_a_time_out_that_the_deadline_caused_is_the_deadline() -> None:
    """Who answers the deadline's cancellation by a TimeoutError has not timed out by itself."""

    async def translate(call: Call) -> Reply:
        try:
            return await hang(call)
        except asyncio.CancelledError:
            raise TimeoutError from None

    with pytest.raises(DeadlineExceeded):
        await WithinDeadline(translate, time.monotonic)(a_call(deadline=time.monotonic() + SOON))


async def test_a_task_goes_on_after_a_deadline() -> None:
    """The next call of the same task is not cancelled for the last one's sake."""
    layer = WithinDeadline(Script(hang, reply()), time.monotonic)
    with pytest.raises(DeadlineExceeded):
        await layer(a_call(deadline=time.monotonic() + SOON))
    task = asyncio.current_task()

    assert task is not None
    assert task.cancelling() == 0
    assert await layer(a_call(deadline=time.monotonic() + 5)) == reply()


async def test_calls_of_one_chain_end_each_at_its_deadline() -> None:
    """Calls that share a timer do not share a deadline: the later is answered meanwhile."""
    answer = asyncio.Event()

    async def wait(_call: Call) -> Reply:
        await answer.wait()
        return reply()

    layer = WithinDeadline(wait, time.monotonic)
    now = time.monotonic()
    far, near = (
        asyncio.create_task(layer(a_call(deadline=now + seconds))) for seconds in (60, SOON)
    )
    with pytest.raises(DeadlineExceeded):
        await near
    assert not far.done()
    answer.set()

    assert await far == reply()
