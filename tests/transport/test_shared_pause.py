"""Pauses over all processes, with a real Redis: one is told, all of them hold."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from casegraph.errors import RateLimited, UpstreamError
from casegraph.transport import shared_pace
from casegraph.transport.calls import Reply
from casegraph.transport.chain import Chain, ChainConfig, Surroundings, build_chain
from casegraph.transport.pace import LocalPace, PaceConfig
from casegraph.transport.redis_link import OPERATION_SECONDS, SKIP_SECONDS
from casegraph.transport.retry import RetryPolicy
from casegraph.transport.shared_pace import PaceServer
from casegraph.transport.shared_pause import FRESH_SECONDS, SharedPause
from support.clock import Clock, FixedDice
from support.redis_server import RedisServer, needs_redis, running_redis
from support.scripted import Outcome, Script, a_call, reply
from support.stalls import timed

pytestmark = needs_redis
PATIENCE = 5.0
"""Seconds for one operation, where a busy machine must not make a test fail."""
LONGEST = 60.0
KEY = "casegraph:v1:pause:ratings"
Process = Callable[..., SharedPause]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a running server."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """Give the clock of all processes into the test's hands."""
    return Clock()


class Opened:
    """Pauses, each with connections of its own as in a process of its own."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.servers: list[PaceServer] = []
        self._url = url
        self._clock = clock

    def __call__(
        self, name: str = "pause:ratings", url: str = "", seconds: float = PATIENCE
    ) -> SharedPause:
        """Open one more."""
        at = PaceServer(url or self._url, clock=self._clock, operation_seconds=seconds)
        self.servers.append(at)
        return SharedPause(at, name, LONGEST, self._clock)

    async def settled(self) -> None:
        """Return once everything that was sent has arrived or failed."""
        for each in self.servers:
            while each._errands:
                await asyncio.wait(each._errands)


@pytest.fixture
async def process(
    server: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Opened]:
    """Give a maker of pauses over the running server; what fails is soon tried again."""
    monkeypatch.setattr(shared_pace, "SKIP_SECONDS", 0.01)
    opened = Opened(server.url, clock)
    yield opened
    for each in opened.servers:
        await each.close()


async def test_what_one_process_is_told_holds_for_the_other(process: Opened) -> None:
    """The other knows nothing before, and what is left of it after."""
    one, other = process(), process()
    assert await other.left() == 0
    one.hold(30.0)
    await process.settled()
    process._clock.now += FRESH_SECONDS

    assert 25 < await other.left() <= 30
    assert 25 < await one.left() <= 30


async def test_upstreams_have_pauses_of_their_own(process: Opened) -> None:
    """A pause of one is none of another."""
    process().hold(30.0)
    await process.settled()

    assert await process("pause:case_reviews").left() == 0


@pytest.mark.parametrize(("first", "second"), [(40.0, 10.0), (10.0, 40.0)])
async def test_the_longer_pause_stands_whichever_came_first(
    process: Opened, first: float, second: float
) -> None:
    """A shorter one never takes from it."""
    for seconds in (first, second):
        process().hold(seconds)
        await process.settled()

    assert 35 < await process().left() <= 40


@pytest.mark.parametrize("seconds", [LONGEST, 86_400.0, 1e12])
async def test_a_pause_expires_by_itself_and_is_bounded(
    process: Opened, server: RedisServer, seconds: float
) -> None:
    """Whatever a vendor asks for, the key lives for a minute at most."""
    process().hold(seconds)
    await process.settled()
    with server.admin() as admin:
        assert 50_000 < admin.pttl(KEY) <= 60_000


async def test_no_pause_leaves_no_key(process: Opened, server: RedisServer) -> None:
    """A pause of nothing is not told."""
    process().hold(0.0)
    await process.settled()
    with server.admin() as admin:
        assert admin.dbsize() == 0


@pytest.mark.parametrize("lifetime_ms", [None, 10_000_000])
async def test_what_was_not_left_by_us_counts_for_nothing(
    process: Opened, server: RedisServer, lifetime_ms: int | None
) -> None:
    """A key without end, or one beyond the bound, stops nobody and is replaced by a real pause."""
    with server.admin() as admin:
        admin.set(KEY, "rubbish", px=lifetime_ms)
        assert await process().left() == 0
        process().hold(20.0)
        await process.settled()
        assert 15_000 < admin.pttl(KEY) <= 20_000


async def test_one_reading_serves_many_calls_for_a_moment(
    process: Opened, server: RedisServer, clock: Clock
) -> None:
    """Five hundred calls at once are one question, and the next comes after 20 ms."""
    pause = process()
    with server.admin() as admin:
        before = scripts(admin)
        await asyncio.gather(*(pause.left() for _ in range(500)))
        assert scripts(admin) - before == 1
        clock.now += FRESH_SECONDS
        await asyncio.gather(*(pause.left() for _ in range(500)))
        assert scripts(admin) - before == 2


def scripts(admin: Any) -> int:
    """Return how many scripts the server has run."""
    stats = admin.info("commandstats")
    count: int = stats.get("cmdstat_eval", {"calls": 0})["calls"]
    return count


async def test_who_leaves_while_it_reads_takes_nothing_from_the_others(process: Opened) -> None:
    """Cancelled in the middle of a question, the next caller asks it again."""
    process().hold(30.0)
    await process.settled()
    pause = process()
    reader = asyncio.create_task(pause.left())
    await asyncio.sleep(0)
    waiter = asyncio.create_task(pause.left())
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait([reader])

    assert reader.cancelled()
    assert 25 < await waiter <= 30


async def test_a_server_killed_midway_leaves_what_was_read_and_stops_nobody(
    process: Opened, server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Who had read the pause keeps it to its end; who had not goes on without; both say so once."""
    one, other = process(), process()
    one.hold(30.0)
    await process.settled()
    assert await one.left() > 25
    server.stop()
    for _ in range(3):
        clock.now += SKIP_SECONDS
        assert await one.left() > 20
        assert await other.left() == 0
        other.hold(30.0)
        await process.settled()

    messages = [r.getMessage() for r in caplog.records if r.name == "casegraph.pace"]
    assert [message.split(" (")[0] for message in messages] == [
        "pace kept by this process alone"
    ] * 2
    assert str(server.port) not in caplog.text


async def test_a_server_that_comes_back_is_asked_again(
    process: Opened, server: RedisServer, clock: Clock
) -> None:
    """After a second, and what is told from then on holds for all."""
    one, other = process(), process()
    server.stop()
    assert [await each.left() for each in (one, other)] == [0, 0]
    server.start()
    clock.now += SKIP_SECONDS
    one.hold(30.0)
    await process.settled()

    assert await other.left() > 25


async def test_a_hung_server_costs_fifty_milliseconds_and_then_nothing(
    process: Opened, server: RedisServer, clock: Clock
) -> None:
    """The first question is cut off at the cap; none after it waits until the next try."""
    pause = process()
    await pause.left()
    process.servers[-1]._link._seconds = OPERATION_SECONDS
    server.signal(signal.SIGSTOP)
    took = []
    for _ in range(100):
        clock.now += FRESH_SECONDS / 10
        before = time.monotonic()
        assert await pause.left() == 0
        took.append(time.monotonic() - before)
    server.signal(signal.SIGCONT)

    # On a busy machine a cap may fire late, and then does not count against the server.
    assert 1 <= sum(each > 0.04 for each in took) < 10
    assert sorted(took)[50] < 0.005


async def test_telling_a_hung_server_takes_no_time(process: Opened, server: RedisServer) -> None:
    """Whoever met the pause has its answer in its hands already."""
    pause = process(seconds=0.05)
    server.signal(signal.SIGSTOP)
    with timed() as took:
        pause.hold(30.0)
    await process.settled()
    server.signal(signal.SIGCONT)

    assert took.seconds < 0.02


async def test_what_was_told_last_arrives_before_the_end(server: RedisServer) -> None:
    """Closing waits for what is on its way, and leaves no connection."""
    at = PaceServer(server.url, operation_seconds=PATIENCE)
    SharedPause(at, "pause:ratings", LONGEST).hold(30.0)
    await at.close()
    with server.admin() as admin:
        assert admin.pttl(KEY) > 25_000
        assert len(admin.client_list()) == 1


def chain_over(script: Script, pause: SharedPause, clock: Clock) -> Chain:
    """Return the whole chain of one process."""
    around = Surroundings(clock, clock.wall, FixedDice(0.5), clock.sleep)
    config = ChainConfig(retry=RetryPolicy(attempts=1))
    return build_chain(script, LocalPace(PaceConfig(), clock), config, around, pause=pause)


async def outcome(chain: Chain) -> Reply | UpstreamError:
    """Return what a call brought, be it an error."""
    try:
        return await chain.send(a_call())
    except UpstreamError as error:
        return error


@pytest.mark.parametrize(
    "told",
    [
        reply(429, retry_after="30"),
        reply(503, retry_after="30"),
        reply(429, retry_after="Thu, 01 Jan 2026 12:00:30 GMT"),
        reply(200, x_ratelimit_remaining="0", x_ratelimit_reset="30"),
    ],
)
async def test_two_chains_hold_what_one_was_told(
    process: Opened, clock: Clock, told: Outcome
) -> None:
    """After a Retry-After of either form, or a quota used up, the other process sends nothing."""
    met, spared = Script(told), Script()
    one, other = (chain_over(script, process(), clock) for script in (met, spared))
    await outcome(one)
    await process.settled()
    refused = await outcome(other)

    assert isinstance(refused, RateLimited)
    assert not refused.sent
    assert 25_000 < (refused.retry_after_ms or 0) <= 33_001
    assert (len(met.calls), len(spared.calls)) == (1, 0)


async def test_a_short_pause_is_waited_out_by_both(server: RedisServer) -> None:
    """In real time: a third of a second is worth waiting for; then both go on."""
    script, spared = Script(reply(429, retry_after="0.3"), reply(200)), Script()
    servers = [PaceServer(server.url, operation_seconds=PATIENCE) for _ in range(2)]
    one, other = (
        build_chain(
            each,
            LocalPace(PaceConfig(), time.monotonic),
            ChainConfig(retry=RetryPolicy(attempts=1)),
            Surroundings(random=FixedDice(0.5)),
            pause=SharedPause(at, "pause:ratings", LONGEST),
        )
        for each, at in zip((script, spared), servers, strict=True)
    )
    with timed() as took:
        await outcome(one)
        await asyncio.wait(servers[0]._errands)
        results = await asyncio.gather(outcome(other), outcome(one))
    for each in servers:
        await each.close()

    assert results == [reply(200)] * 2
    assert took.wall > 0.3
    assert took.seconds < 1.5


async def test_a_pause_ends_for_the_other_process_too(
    process: Opened, server: RedisServer, clock: Clock
) -> None:
    """Once the key is gone and the time is over, it asks again."""
    spared = Script()
    chain = chain_over(spared, process(), clock)
    process().hold(30.0)
    await process.settled()
    assert isinstance(await outcome(chain), RateLimited)
    with server.admin() as admin:
        admin.delete(KEY)
    clock.now += 32

    assert await outcome(chain) == reply(200)


async def test_when_redis_is_killed_each_chain_keeps_what_it_was_told_itself(
    process: Opened, server: RedisServer, clock: Clock
) -> None:
    """The one that met the 429 still holds; the other, which cannot know, asks and learns."""
    met, unaware = Script(reply(429, retry_after="30")), Script(reply(429, retry_after="30"))
    one, other = (chain_over(script, process(), clock) for script in (met, unaware))
    server.stop()
    await outcome(one)
    results = [await outcome(chain) for chain in (one, other, other)]

    assert [isinstance(each, RateLimited) for each in results] == [True, False, True]
    assert (len(met.calls), len(unaware.calls)) == (1, 1)
