"""Work whose first step was taken by hand goes on as under a plain `await`."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from casegraph.edge.first_step import resumed


def begun(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what goes on with the work behind its first wait."""
    return resumed(work, work.send(None))


async def test_every_wait_is_waited_for() -> None:
    """The first, and those behind it; the result is the work's."""
    first, second = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def work() -> list[str]:
        await first.wait()
        loop.call_soon(second.set)
        await second.wait()
        await asyncio.sleep(0)
        return ["done"]

    loop.call_soon(first.set)
    assert await begun(work()) == ["done"]


async def test_an_error_is_the_work_s() -> None:
    """One that it raises behind its first wait comes out as it is."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await begun(work())


@pytest.mark.parametrize("waits", [1, 2])
async def test_a_cancellation_reaches_the_work(waits: int) -> None:
    """In its first wait or a later one, and what it does about it counts."""
    reached = asyncio.Event()

    async def work() -> str:
        for _ in range(waits - 1):
            await asyncio.sleep(0)
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # and it may wait once more
            return "cleared up"
        return "never"

    async def caller() -> Any:
        return await begun(work())

    task = asyncio.create_task(caller())
    await reached.wait()
    task.cancel()

    assert await task == "cleared up"


async def test_a_cancellation_that_the_work_lets_through_ends_its_caller() -> None:
    """As under a plain `await`."""
    reached, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def caller() -> None:
        await begun(work())

    task = asyncio.create_task(caller())
    await reached.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def test_work_that_nobody_goes_on_with_is_closed() -> None:
    """What it holds is given back when its caller is thrown away."""
    given_back: list[bool] = []

    async def work() -> None:
        loop = asyncio.new_event_loop()
        try:
            await loop.create_future()
        finally:
            given_back.append(True)
            loop.close()

    async def caller() -> None:
        await begun(work())

    waiting = caller()
    waiting.send(None)
    waiting.close()

    assert given_back == [True]
