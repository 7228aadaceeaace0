import asyncio
import gc
import traceback
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from casegraph.loading.loader import Loader, each, forget_loaded, one_by_one
from casegraph.loading.once import made_once
from support.batches import Batches
from support.clock import settle


async def test_keys_of_one_moment_are_one_batch_of_distinct_keys() -> None:
    """Everything asked before the loop turns goes out together, each key once."""
    batches = Batches({"a": 1, "b": 2})
    loader = Loader(batches)

    values = await asyncio.gather(*(loader.load(key) for key in ("a", "b", "a")))

    assert values == [1, 2, 1]
    assert batches.asked == [["a", "b"]]


async def test_a_key_is_asked_once_in_the_life_of_a_loader() -> None:
    """A later question for a known key costs no batch, and a new key only itself."""
    batches = Batches({"a": 1, "b": 2})
    loader = Loader(batches)

    await loader.load("a")
    assert [await loader.load("a"), await loader.load("b")] == [1, 2]

    assert batches.asked == [["a"], ["b"]]


async def test_a_key_asked_while_its_batch_runs_joins_it() -> None:
    """A question that comes while the answer is on its way waits for that answer."""
    batches = Batches({"a": 1})
    batches.gate.clear()
    loader = Loader(batches)
    first = asyncio.create_task(loader.load("a"))
    await batches.arrived.wait()
    second = asyncio.create_task(loader.load("a"))
    await asyncio.sleep(0)
    batches.gate.set()

    assert await asyncio.gather(first, second) == [1, 1]
    assert batches.asked == [["a"]]


async def test_a_failed_key_fails_alone() -> None:
    """The error in one key's place is raised for that key; its neighbours have their values."""
    loader = Loader(Batches({"a": 1, "b": KeyError("b is gone"), "c": 3}))

    first, second, third = await loader.load_many(["a", "b", "c"])

    assert (first, third) == (1, 3)
    assert isinstance(second, KeyError)


async def test_a_failing_batch_fails_all_its_keys_and_no_other() -> None:
    """What the batch itself raises belongs to every key in it; the next batch is another matter."""

    async def batch(keys: Sequence[str]) -> Mapping[str, str]:
        if "bad" in keys:
            raise ValueError("no")
        return {key: key.upper() for key in keys}

    loader = Loader(batch)
    failed = await loader.load_many(["bad", "good"])

    assert [ValueError, ValueError] == [type(error) for error in failed]
    assert await loader.load("later") == "LATER"


async def test_a_key_that_the_batch_forgot_is_an_error_and_not_a_wait() -> None:
    """A batch that leaves a key out is a bug; its waiters are told instead of hanging."""
    loader = Loader(Batches({"a": 1}))

    first, second = await asyncio.wait_for(loader.load_many(["a", "forgotten"]), timeout=5)

    assert first == 1
    assert isinstance(second, LookupError)


async def test_a_caller_that_leaves_takes_nothing_from_the_others() -> None:
    """Cancelling one who waits for a key leaves the others waiting, and they get the value."""
    batches = Batches({"a": 1})
    batches.gate.clear()
    loader = Loader(batches)
    leaving, staying = (asyncio.create_task(loader.load("a")) for _ in range(2))
    await batches.arrived.wait()

    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    batches.gate.set()

    assert await staying == 1
    assert await loader.load("a") == 1
    assert batches.asked == [["a"]]


async def test_work_that_nobody_waits_for_is_cancelled() -> None:
    """When all who wait for a batch have left, its calls end; while one is left they go on."""
    running = asyncio.Event()
    ended: list[str] = []

    async def load(key: str) -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(key)
        return key

    loader = Loader(one_by_one(load))
    callers = [asyncio.create_task(loader.load(key)) for key in ("a", "b", "a")]
    await running.wait()
    for caller in callers[:2]:
        caller.cancel()
    await asyncio.wait(callers[:2])
    assert ended == []

    callers[2].cancel()
    await asyncio.wait(callers)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert sorted(ended) == ["a", "b"]


async def test_a_key_whose_work_was_cancelled_can_be_asked_again() -> None:
    """Who comes after the last one has left finds no trace of it, and is no victim of it."""
    batches = Batches({"a": 1})
    batches.gate.clear()
    loader = Loader(batches)
    leaving = asyncio.create_task(loader.load("a"))
    await batches.arrived.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    batches.gate.set()

    assert await loader.load("a") == 1
    assert batches.asked == [["a"], ["a"]]


async def test_who_leaves_before_the_batch_is_sent_costs_no_call() -> None:
    """A key whose only caller left at once is never asked."""
    batches = Batches({"a": 1, "b": 2})
    loader = Loader(batches)
    leaving = asyncio.create_task(loader.load("a"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})

    assert await loader.load("b") == 2
    assert batches.asked == [["b"]]


async def test_everyone_may_leave_before_the_key_fails() -> None:
    """A failure that nobody waits for any more is kept for later and warns of nothing."""
    batches = Batches({"a": ValueError("too late")})
    batches.gate.clear()
    loader = Loader(batches)
    leaving = asyncio.create_task(loader.load("a"))
    await batches.arrived.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    batches.gate.set()

    with pytest.raises(ValueError, match="too late"):
        await loader.load("a")


async def test_a_failure_shows_where_it_came_from_and_does_not_grow() -> None:
    """Every waiter sees the frame that failed, and the hundredth no more frames than the first."""

    async def fail(_key: str) -> str:
        raise RuntimeError("here")

    loader = Loader(one_by_one(fail))
    lengths = []
    for _ in range(100):
        with pytest.raises(RuntimeError) as caught:
            await loader.load("a")
        frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert "fail" in frames
        lengths.append(len(frames))

    assert len(set(lengths)) == 1


async def test_a_primed_value_is_never_asked_for() -> None:
    """A value in hand answers its key, and the first one told stands."""
    batches = Batches({"a": "asked"})
    loader = Loader(batches)

    loader.prime("a", "in hand")
    loader.prime("a", "second")

    assert await loader.load("a") == "in hand"
    assert batches.asked == []


async def test_priming_does_not_disturb_a_key_that_was_asked() -> None:
    """A value that turns up while its key is being loaded changes nothing for those who wait."""
    batches = Batches({"a": "asked"})
    batches.gate.clear()
    loader = Loader(batches)
    waiting = asyncio.create_task(loader.load("a"))
    await batches.arrived.wait()

    loader.prime("a", "in hand")
    batches.gate.set()

    assert [await waiting, await loader.load("a")] == ["asked", "asked"]


async def test_a_cancelled_batch_cancels_those_who_wait() -> None:
    """When the work itself is cancelled, nobody waits for ever."""

    async def batch(keys: Sequence[str]) -> Mapping[str, str]:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Loader(batch).load("a")


async def test_one_by_one_starts_all_calls_of_a_batch_together() -> None:
    """The plain batch makes one call per key at once and keeps each failure in its place."""
    running, most = 0, 0

    async def load(key: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if key == 3:
            raise ValueError(key)
        return key * key

    values = await Loader(one_by_one(load)).load_many(range(5))

    assert [value for value in values if isinstance(value, int)] == [0, 1, 4, 16]
    assert isinstance(values[3], ValueError)
    assert most == 5


class Part:
    """A part of a request's reads, which gives what its gate lets through."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.gate = asyncio.Event()

    @made_once
    def words(self) -> Loader[str, str]:
        """Return the loader of this part, which refers to the part."""
        return Loader(self.ask)

    async def ask(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Answer the first question at once and others when the gate is open."""
        self.asked.append(tuple(keys))
        if len(self.asked) == 2:
            await self.gate.wait()
        return {key: key.upper() for key in keys}


async def test_what_was_loaded_can_be_let_go_of() -> None:
    """Afterwards a key is asked anew; who still waits for one gets it all the same."""
    part = Part()
    await part.words.load("a")
    waiting = asyncio.create_task(part.words.load("b"))
    await settle()
    forget_loaded(part)
    part.gate.set()

    assert await waiting == "B"
    assert await part.words.load("a") == "A"
    assert part.asked == [("a",), ("b",), ("a",)]


async def test_what_was_let_go_of_is_nothing_for_the_collector_of_cycles() -> None:
    """A part that has forgotten its loaders goes with the last who refers to it."""
    gc.disable()
    try:
        part = Part()
        await part.words.load("a")
        gone = weakref.ref(part)
        forget_loaded(part)
        del part
        assert gone() is None
    finally:
        gc.enable()


async def test_a_batch_of_one_ends_like_any_other() -> None:
    """Its failure is a value too, and it is cancelled when the last one leaves."""
    running, ended = asyncio.Event(), asyncio.Event()

    async def load(key: str) -> str:
        if key == "bad":
            raise KeyError(key)
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return key

    ends = await each(load, ["bad"])
    assert isinstance(ends["bad"], KeyError)

    loader = Loader(one_by_one(load))
    waiting = asyncio.create_task(loader.load("slow"))
    await running.wait()
    waiting.cancel()
    await asyncio.wait({waiting})
    await ended.wait()


async def test_what_is_known_without_waiting_is_not_asked_for() -> None:
    """A value at hand is loaded on the spot and once; the other keys are asked for together."""
    batches = Batches({"b": 2, "c": 3})
    looked: list[str] = []

    def look(key: str) -> int | None:
        looked.append(key)
        return 1 if key == "a" else None

    loader: Loader[str, Any] = Loader(batches, look)

    assert [loader.at_once("a"), loader.at_once("a"), await loader.load("a")] == [1, 1, 1]
    assert looked == ["a"]
    assert loader.at_once("b") is None
    assert await loader.load_many(["a", "b", "c"]) == [1, 2, 3]
    assert loader.at_once("b") == 2
    assert batches.asked == [["b", "c"]]


async def test_a_key_that_is_asked_or_has_failed_is_not_known_at_once() -> None:
    """Who cannot wait is told nothing; a look that fails leaves the failure to the batch."""
    batches = Batches({"a": 1, "bad": KeyError("bad is gone")})
    batches.gate.clear()

    def look(_key: str) -> int:
        raise ZeroDivisionError

    loader: Loader[str, Any] = Loader(batches, look)
    waiting = asyncio.create_task(loader.load_many(["a", "bad"]))
    await batches.arrived.wait()
    assert loader.at_once("a") is None
    batches.gate.set()
    value, failure = await waiting

    assert (value, loader.at_once("a")) == (1, 1)
    assert isinstance(failure, KeyError)
    assert loader.at_once("bad") is None
