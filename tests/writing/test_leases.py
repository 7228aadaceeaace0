"""One writer per object: in turn within a process, by a lease over several, and its loss."""

import asyncio
from typing import Any

import pytest

from casegraph.errors import DeadlineExceeded
from casegraph.transport.deadline import request_deadline
from casegraph.writing.leases import LEASE_SECONDS, OneWriter
from casegraph.writing.store import MemoryStore, StoreUnavailable
from support.clock import Clock


class Shared(MemoryStore):
    """The memory store in the part of one that processes share."""

    is_shared = True


async def _unavailable(*_: Any) -> Any:
    raise StoreUnavailable("gone")


async def test_writers_of_one_object_follow_each_other_in_order() -> None:
    """Nobody begins before the one before has ended; another object's writers do not wait."""
    one_writer = OneWriter(MemoryStore(Clock()))
    told: list[str] = []

    async def write(name: str, key: str) -> None:
        async with one_writer.hold("cases", key):
            told.append(f"{name} begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            told.append(f"{name} ends")

    await asyncio.gather(write("a", "1"), write("b", "1"), write("c", "1"), write("x", "2"))

    alone = [each for each in told if not each.startswith("x")]
    assert alone == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]
    assert told.index("x ends") < told.index("b begins") + 2
    assert one_writer._queues == {}


async def test_two_processes_share_one_lease() -> None:
    """The second gets its turn when the first gives the lease back."""
    clock = Clock()
    store = Shared(clock)
    first, second = OneWriter(store, clock.sleep), OneWriter(store, clock.sleep)
    order: list[str] = []

    async def write(one_writer: OneWriter, name: str) -> None:
        async with one_writer.hold("cases", "1") as hold:
            order.append(f"{name} begins")
            for _ in range(5):
                await asyncio.sleep(0)
            assert await hold.confirm()
            order.append(f"{name} ends")

    await asyncio.gather(write(first, "a"), write(second, "b"))

    assert order == ["a begins", "a ends", "b begins", "b ends"]


async def test_a_lost_lease_is_noticed() -> None:
    """A paused process whose lease ran out, and was taken by another, is told that it has none."""
    clock = Clock()
    store = Shared(clock)
    slow, quick = OneWriter(store, clock.sleep), OneWriter(store, clock.sleep)
    async with slow.hold("cases", "1") as lost:
        assert await lost.confirm()
        clock.now += LEASE_SECONDS + 1
        async with quick.hold("cases", "1") as taken:
            assert not await lost.confirm()
            assert await taken.confirm()
        assert not await lost.confirm()


async def test_confirming_makes_the_lease_last() -> None:
    """A lease that is confirmed lasts another full time from then."""
    clock = Clock()
    one_writer = OneWriter(Shared(clock), clock.sleep)
    async with one_writer.hold("cases", "1") as hold:
        for _ in range(3):
            clock.now += LEASE_SECONDS - 1
            assert await hold.confirm()


async def test_without_its_store_a_process_guards_its_own_writers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A store that is gone costs no write; that nobody else is kept out is logged once."""
    store = Shared(Clock())
    store.claim = _unavailable  # type: ignore[method-assign]
    one_writer = OneWriter(store)
    for _ in range(2):
        async with one_writer.hold("cases", "1") as hold:
            assert await hold.confirm()

    assert [record.message for record in caplog.records] == [
        "cases are guarded by this process alone (gone)"
    ]


async def test_nobody_waits_longer_than_the_request_has() -> None:
    """Whoever cannot have its turn in time is told so, and takes nothing from the others."""
    one_writer = OneWriter(MemoryStore(Clock()))
    async with one_writer.hold("cases", "1"):

        async def late() -> None:
            request_deadline.set(asyncio.get_running_loop().time())
            async with one_writer.hold("cases", "1"):
                raise AssertionError("it was not its turn")

        with pytest.raises(DeadlineExceeded):
            await asyncio.create_task(late())
    async with one_writer.hold("cases", "1"):
        pass
    assert one_writer._queues == {}
