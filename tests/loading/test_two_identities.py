"""Two callers at once on warm caches: nobody is ever told what was read as somebody else.

Hypothesis writes interleavings of requests of two callers with different rights, and of one who
brought nothing; entries grow stale, writes forget, each way of reading is taken. Every row says in
whose name it was read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from casegraph.errors import CredentialsMissing
from casegraph.linking.identity import CaseKey, System
from casegraph.loading.access import cost
from casegraph.loading.access.cost import Choice, Known, Need
from casegraph.loading.access.cost import Path as Way
from casegraph.loading.access.planning import Access
from casegraph.loading.feeds.bounds import FeedConfig, FeedMode
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore, Store, open_store
from casegraph.loading.links import LinkConfig, Links
from casegraph.loading.lookups import LookUps
from casegraph.loading.reads import Shared
from casegraph.writing.forgetting import Forgetting
from support.moving_lists import HUB
from support.redis_server import RedisServer, needs_redis, running_redis
from support.two_callers import (
    CALLERS,
    CASES,
    HIDDEN,
    SCOPE,
    TwoWorlds,
    reads_as,
    seen_of,
    truth_of,
)

WARM = dict.fromkeys(Kind, Windows(fresh=50, stale=50, stale_if_error=600))
"""All that is read is kept, also what by default is confirmed by a call."""
OFF = FeedConfig(FeedMode.OFF)


@dataclass(frozen=True)
class AnyWay(Access):
    """Takes whichever way the dice say, so that no way is spared for being dear."""

    dice: list[Random] = field(default_factory=list)

    def plan(self, need: Need, known: Known, elsewhere: Way | None = None) -> Choice:
        """Return any way that there is."""
        choice = super().plan(need, known, elsewhere)
        return replace(choice, taken=self.dice[0].choice(choice.candidates))


class Process:
    """What the callers of one process share."""

    def __init__(self, worlds: TwoWorlds, store: Store, dice: Random | None = None) -> None:
        self.worlds = worlds
        self.kept = Kept(store, WARM, clock=worlds.world.wall)
        self.feeds = Feeds(worlds.sources, OFF, OFF)
        look_ups = LookUps(worlds.sources, self.kept, clock=worlds.world.clock)
        self.links = Links(LinkConfig(), worlds.sources, look_ups, worlds.world.clock)
        access = (
            Access(self.kept, feeds=self.feeds)
            if dice is None
            else AnyWay(self.kept, feeds=self.feeds, dice=[dice])
        )
        self.shared = Shared(worlds.sources, look_ups, self.links, access, SCOPE)
        self.forgetting = Forgetting(self.kept, self.feeds, SCOPE)

    async def page(
        self, whose: str | None, numbers: list[int], acceptance: Acceptance = ANY
    ) -> list[dict[str, list[Any]]]:
        """Return what one request is told of several cases at once."""
        reads = reads_as(self.shared, whose, acceptance)
        return list(await asyncio.gather(*(seen_of(reads, number) for number in numbers)))

    async def close(self) -> None:
        """End what is under way."""
        await self.links.close()
        await self.feeds.close()
        await self.kept.close()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    """Return a process with a memory of its own."""
    worlds = TwoWorlds()
    process = Process(worlds, MemoryStore(worlds.world.clock))
    yield process
    await process.close()


async def alone(work: Any) -> Any:
    """Await something in a task of its own, as requests are."""
    return await asyncio.create_task(work)


numbers = st.lists(st.sampled_from(list(CASES)), min_size=1, max_size=6, unique=True)
request = st.tuples(
    st.just("page"),
    st.sampled_from([*CALLERS, *CALLERS, None]),
    numbers,
    st.sampled_from([ANY, ANY, Acceptance(max_stale=1000), Acceptance(no_cache=True)]),
)
find = st.tuples(st.just("find"), st.sampled_from(CALLERS), st.sampled_from(list(CASES)))
look = st.tuples(st.just("look"), st.sampled_from(CALLERS))
write = st.tuples(st.just("write"), st.sampled_from(list(CASES)))
moment = st.lists(st.one_of(request, request, find, look, write), min_size=1, max_size=5)
history = st.lists(
    st.tuples(moment, st.sampled_from([0.0, 1.0, 60.0, 400.0])), min_size=1, max_size=6
)


async def check_page(
    process: Process, whose: str | None, asked: list[int], acceptance: Acceptance
) -> None:
    """Ask for a page; who brought nothing is told so."""
    if whose is None:
        with pytest.raises(CredentialsMissing):
            await process.page(whose, asked, acceptance)
        return
    told = await process.page(whose, asked, acceptance)
    assert told == [truth_of(whose, number) for number in asked]


async def check_find(process: Process, whose: str, number: int) -> None:
    """Follow links back, over a bare case number and over a customer."""
    reads = reads_as(process.shared, whose)
    found = await reads.links.case_of(System.RATINGS, str(number))
    searched = await reads.links.case_of(System.CUSTOMER_CASES, f"C-{number}")
    expected = truth_of(whose, number)["case"]
    assert [each.name for each in (found,) if each is not None] == expected
    assert [each.name for each in (searched,) if each is not None] == expected


async def check_look(process: Process, whose: str) -> None:
    """Read what changes seldom."""
    reads = reads_as(process.shared, whose)
    assert [role.name for role in await reads.look_ups.roles(HUB)] == [whose]


async def check_write(process: Process, number: int) -> None:
    """Forget a case as a write does, whoever wrote."""
    await process.forgetting.case_written(CaseKey(HUB, str(number)))
    await process.forgetting.ratings_written(str(number), None)


CHECKS: dict[str, Any] = {
    "page": check_page,
    "find": check_find,
    "look": check_look,
    "write": check_write,
}


async def live_through(worlds: TwoWorlds, processes: list[Process], moments: Any) -> None:
    """Let what belongs to one moment happen at once, in turns over the processes."""
    try:
        for number, (together, seconds) in enumerate(moments):
            worlds.world.seconds += seconds
            # So that few keys are worth a look at the list that a sweep would read.
            with patch.object(cost, "LOOK_KEYS", 2):
                await asyncio.gather(
                    *(
                        alone(CHECKS[what](processes[(number + at) % len(processes)], *given_to))
                        for at, (what, *given_to) in enumerate(together)
                    )
                )
    finally:
        for process in processes:
            await process.close()


@settings(max_examples=60)
@given(history, st.one_of(st.none(), st.randoms(use_true_random=False)))
async def test_no_answer_holds_a_row_that_was_read_as_somebody_else(
    moments: Any, dice: Random | None
) -> None:
    """Whatever is kept, joined in flight, asked anew behind answers, counted or found out."""
    worlds = TwoWorlds()
    process = Process(worlds, MemoryStore(worlds.world.clock), dice)

    await live_through(worlds, [process], moments)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a Redis for this module."""
    with running_redis(Path(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@needs_redis
@pytest.mark.usefixtures("patient_with_redis")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=history, dice=st.one_of(st.none(), st.randoms(use_true_random=False)))
async def test_nor_over_two_processes_on_one_redis(
    redis: RedisServer, moments: Any, dice: Random | None
) -> None:
    """Processes that know callers by the same digests share entries of the same caller only."""
    admin = redis.admin()
    admin.flushdb()
    worlds = TwoWorlds()
    processes = [Process(worlds, open_store(redis.url), dice) for _ in range(2)]

    await live_through(worlds, processes, moments)

    admin.close()


async def test_warm_caches_serve_each_caller_what_it_has_read_itself(process: Process) -> None:
    """The second time nobody is asked, and the other caller's first time costs its own calls."""
    everything = list(CASES)
    await alone(process.page("anna", everything))
    before = process.worlds.asked("anna")

    told = await asyncio.gather(*(alone(process.page(name, everything)) for name in CALLERS * 5))

    assert told == [[truth_of(name, n) for n in everything] for name in CALLERS * 5]
    assert process.worlds.asked("anna") == before
    assert process.worlds.asked("ben")["case_notes"] <= len(everything)
    assert process.worlds.asked("ben")["ratings"] <= len(everything)


async def test_equal_calls_of_two_callers_are_two(process: Process) -> None:
    """Ten requests of each at once are one call in each one's name."""
    told = await asyncio.gather(*(alone(process.page(name, [1])) for name in CALLERS * 10))

    assert told == [[truth_of(name, 1)] for name in CALLERS * 10]
    for name in CALLERS:
        assert set(process.worlds.asked(name).values()) == {1}


async def test_what_is_stale_is_asked_anew_as_the_same_caller(process: Process) -> None:
    """The call behind an answer has the credential of whoever it was begun for."""
    await alone(process.page("ben", [1]))
    process.worlds.world.seconds += 60

    await alone(process.page("ben", [1]))
    for _ in range(50):
        await asyncio.sleep(0)

    assert process.worlds.asked("ben")["case"] == 2
    assert process.worlds.asked("anna") == {}


async def test_a_credential_of_another_caller_reads_nothing(process: Process) -> None:
    """Where the name of a request and the credential beside it differ, it has neither's."""
    await alone(process.page("anna", [1]))
    annas = reads_as(process.shared, "anna")
    reads_as(process.shared, "ben")  # from here on this task has his credential

    with pytest.raises(CredentialsMissing):
        await annas.cases.case(CaseKey(HUB, "1"))

    assert process.worlds.asked("ben") == {}


async def test_a_write_is_forgotten_for_all_callers(process: Process) -> None:
    """What one of them changed, the other asks for anew."""
    for name in CALLERS:
        await alone(process.page(name, [1]))
    await check_write(process, 1)
    process.worlds.world.seconds += 1

    for name in CALLERS:
        await alone(process.page(name, [1]))
        assert process.worlds.asked(name)["ratings"] == 2
        assert process.worlds.asked(name)["case"] == 2


async def test_a_hidden_case_is_found_by_nobody_who_may_not_see_it(process: Process) -> None:
    """Where one caller's search has found a case is no finding of the other's."""
    (hidden,) = HIDDEN["anna"]
    await alone(check_find(process, "ben", hidden))

    await alone(check_find(process, "anna", hidden))
