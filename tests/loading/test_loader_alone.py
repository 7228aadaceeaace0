"""A key that nothing else is asked with: for less, and with the promises of any other."""

import asyncio
import gc
import weakref
from collections.abc import Mapping, Sequence

import pytest

from casegraph.loading.loader import Loader
from casegraph.telemetry.waterfall import Waterfall, current_waterfall
from support.batches import Batches
from support.clock import settle


async def test_a_key_that_is_asked_alone_is_asked_for_at_once() -> None:
    """Before the loop turns, and once: its value and its failure are remembered."""
    failure = KeyError("b")
    batches = Batches({"a": 1, "b": failure})
    loader = Loader(batches)

    loading = loader.load_many(["a"], alone=True)
    with pytest.raises(StopIteration):
        loading.send(None)

    assert await loader.load_many(["a"], alone=True) == [1]
    assert await loader.load("a") == 1
    for _ in range(2):
        (found,) = await loader.load_many(["b"], alone=True)
        assert found is failure
    (left_out,) = await loader.load_many(["c"], alone=True)
    assert isinstance(left_out, LookupError)
    assert batches.asked == [["a"], ["b"], ["c"]]


async def test_several_keys_are_one_batch_though_they_are_said_to_be_alone() -> None:
    """And a key that is on its way is waited for."""
    batches = Batches({"a": 1, "b": 2})
    batches.gate.clear()
    loader = Loader(batches)
    first = asyncio.create_task(loader.load_many(["a", "b"], alone=True))
    await batches.arrived.wait()
    second = asyncio.create_task(loader.load_many(["a"], alone=True))
    await settle()
    batches.gate.set()

    assert (await first, await second) == ([1, 2], [1])
    assert batches.asked == [["a", "b"]]


async def test_who_wants_a_key_that_is_asked_alone_waits_for_it() -> None:
    """He comes second and is not the one who does the work."""
    batches = Batches({"a": 1})
    batches.gate.clear()
    loader = Loader(batches)
    first = asyncio.create_task(loader.load_many(["a"], alone=True))
    await batches.arrived.wait()
    others = [
        asyncio.create_task(loader.load("a")),
        asyncio.create_task(loader.load_many(["a"], alone=True)),
    ]
    await settle()
    others[0].cancel()
    await settle()
    batches.gate.set()

    assert await first == await others[1] == [1]
    assert await loader.load("a") == 1
    assert batches.asked == [["a"]]


async def test_who_asked_alone_and_leaves_hands_over_to_those_who_wait() -> None:
    """They have the key asked anew; where nobody waits, nothing is left of it."""
    batches = Batches({"a": 1})
    batches.gate.clear()
    loader = Loader(batches)
    for waiters in (0, 2):
        batches.arrived.clear()
        leaving = asyncio.create_task(loader.load_many(["a"], alone=True))
        await batches.arrived.wait()
        waiting = [asyncio.create_task(loader.load("a")) for _ in range(waiters)]
        await settle()
        leaving.cancel()
        await asyncio.wait({leaving})
        assert leaving.cancelled()
    batches.gate.set()

    assert [await each for each in waiting] == [1, 1]
    assert batches.asked == [["a"]] * 3


async def test_nothing_of_a_key_that_was_asked_alone_is_part_of_a_cycle() -> None:
    """Whether it came, failed, or whoever asked has left, all at once or the first alone."""
    batches = Batches({"a": 1})
    loader = Loader(batches)
    gc.disable()
    try:
        await loader.load_many(["a"], alone=True)
        await loader.load_many(["left out"], alone=True)
        batches.gate.clear()
        for key, waiters in (("b", 0), ("c", 1), ("d", 3)):
            leaving = await _asking(loader, key)
            waiting = [await _asking(loader, key) for _ in range(waiters)]
            for each in (leaving, *waiting):
                each.cancel()
            await asyncio.wait({leaving, *waiting})
            await settle()
        del waiting, each
        gone = weakref.ref(loader)
        del loader, leaving
        assert gone() is None
    finally:
        gc.enable()
    assert batches.asked == [[key] for key in ("a", "left out", "b", "c", "d")]


async def _asking(loader: Loader[str, object], key: str) -> asyncio.Task[object]:
    asking = asyncio.create_task(loader.load_many([key], alone=True))
    await settle()
    return asking


async def test_what_is_in_hand_is_not_asked_for_alone() -> None:
    """It was brought by something else."""
    batches = Batches({})
    loader: Loader[str, object] = Loader(batches)
    loader.prime("a", 1)

    assert await loader.load_many(["a"], alone=True) == [1]
    assert batches.asked == []


async def test_whoever_watches_is_told_of_a_choice_by_a_task_of_its_own() -> None:
    """A choice stands for all later calls of its task, so two loaders may not share one."""
    batches = Batches({"a": 1})
    tasks = set()

    async def asked(keys: Sequence[str]) -> Mapping[str, object]:
        tasks.add(asyncio.current_task())
        return await batches(keys)

    loader, other, watched = Loader(asked), Loader(asked), Loader(asked)
    await loader.load_many(["a"], alone=True)
    await other.load_many(["a"], alone=True)
    assert tasks == {asyncio.current_task()}
    token = current_waterfall.set(Waterfall())
    try:
        await watched.load_many(["a"], alone=True)
    finally:
        current_waterfall.reset(token)

    assert len(tasks) == 2
