import asyncio
from random import Random

import pytest

from casegraph.errors import UpstreamUnavailable
from casegraph.transport.bulkhead import MOST_WAITING, Bulkhead
from casegraph.transport.calls import Call, Reply
from support.clock import settle
from support.scripted import Script, a_call, hang, reply


class Desk:
    """An inside that holds every call until the test lets one go."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.seen: list[str] = []
        self.most = 0
        self._release = asyncio.Semaphore(0)

    async def __call__(self, call: Call) -> Reply:
        """Wait to be let go."""
        self.seen.append(call.target)
        self.inside.append(call.target)
        self.most = max(self.most, len(self.inside))
        try:
            await self._release.acquire()
        finally:
            self.inside.remove(call.target)
        return reply()

    async def let_go(self, count: int = 1) -> None:
        """Let so many calls end."""
        for _ in range(count):
            self._release.release()
        await settle()


def start(bulkhead: Bulkhead, *numbers: int) -> list[asyncio.Task]:
    """Start calls that are told apart by their target."""
    return [asyncio.create_task(bulkhead(a_call(target=f"/{n}"))) for n in numbers]


async def test_never_more_than_its_places_and_in_order() -> None:
    """Ten callers of three places are three inside at most, served as they came."""
    desk = Desk()
    tasks = start(Bulkhead(desk, 3), *range(10))
    await settle()
    assert desk.inside == ["/0", "/1", "/2"]
    await desk.let_go(10)
    await asyncio.gather(*tasks)

    assert desk.most == 3
    assert desk.seen == [f"/{n}" for n in range(10)]


async def test_a_free_place_is_taken_without_a_wait() -> None:
    """A call that need not queue is inside before anybody else has run."""
    script = Script()
    coroutine = Bulkhead(script, 1)(a_call())
    with pytest.raises(StopIteration):
        coroutine.send(None)

    assert len(script.calls) == 1


@pytest.mark.parametrize("waiting", [0, 1, 5])
async def test_a_full_queue_refuses_at_once(waiting: int) -> None:
    """Who would be one too many learns so without waiting, unsent and worth another try."""
    desk = Desk()
    bulkhead = Bulkhead(desk, 2, waiting=waiting)
    tasks = start(bulkhead, *range(2 + waiting))
    await settle()
    with pytest.raises(UpstreamUnavailable) as caught:
        bulkhead(a_call()).send(None)
    await desk.let_go(2 + waiting)

    assert (caught.value.sent, caught.value.retryable) == (False, True)
    assert await asyncio.gather(*tasks) == [reply()] * (2 + waiting)
    assert len(desk.seen) == 2 + waiting


async def test_a_thousand_may_wait_by_default() -> None:
    """The default holds what five operations at their fuse can ask."""
    desk = Desk()
    bulkhead = Bulkhead(desk, 1)
    tasks = start(bulkhead, *range(1 + MOST_WAITING + 1))
    await settle()
    refused = [task for task in tasks if task.done()]
    await desk.let_go(1 + MOST_WAITING)
    await asyncio.wait(tasks)

    assert (MOST_WAITING, len(refused), len(desk.seen)) == (2500, 1, 2501)
    assert isinstance(refused[0].exception(), UpstreamUnavailable)


async def test_a_place_in_the_queue_is_free_again_after_a_departure() -> None:
    """Who leaves the queue makes room in it, and its turn is skipped."""
    desk = Desk()
    bulkhead = Bulkhead(desk, 1, waiting=2)
    tasks = start(bulkhead, 0, 1, 2)
    await settle()
    tasks[1].cancel()
    await settle()
    tasks += start(bulkhead, 3)
    await settle()
    await desk.let_go(3)
    await asyncio.wait(tasks)

    assert desk.seen == ["/0", "/2", "/3"]
    assert tasks[1].cancelled()


@pytest.mark.parametrize("failure", [UpstreamUnavailable("s", "t", "w"), ZeroDivisionError()])
async def test_a_failure_gives_its_place_back(failure: Exception) -> None:
    """Whatever is raised inside, the next caller gets in."""
    bulkhead = Bulkhead(Script(failure, reply()), 1)
    with pytest.raises(type(failure)):
        await bulkhead(a_call())

    assert await bulkhead(a_call()) == reply()


async def test_cancelled_at_every_point_no_place_is_lost() -> None:
    """After many departures inside, in the queue and just as a place came, all places are there."""
    dice = Random(5)  # noqa: S311 - a test's dice
    desk = Desk()
    bulkhead = Bulkhead(desk, 3, waiting=50)
    for _ in range(200):
        tasks = start(bulkhead, *range(8))
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        for task in dice.sample(tasks, 4):
            desk._release.release()
            task.cancel()
        await settle()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        desk._release = asyncio.Semaphore(0)
    script = Script(hang)
    bulkhead._inner = script
    tasks = start(bulkhead, *range(5))
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert desk.most == 3
    assert len(script.calls) == 3
    assert bulkhead._waiting == 0


@pytest.mark.parametrize(("limit", "waiting"), [(0, 1), (-1, 1), (1, -1)])
def test_a_bulkhead_without_places_is_no_bulkhead(limit: int, waiting: int) -> None:
    """A bound that would stop every call is refused where it is set."""
    with pytest.raises(ValueError, match=r"a bulkhead needs|a queue cannot"):
        Bulkhead(Script(), limit, waiting=waiting)
