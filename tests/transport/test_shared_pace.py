import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from casegraph.transport.pace import PaceConfig, Reservation
from casegraph.transport.redis_link import CONNECTIONS, OPERATION_SECONDS, SKIP_SECONDS
from casegraph.transport.shared_pace import PaceServer, SharedPace
from support.clock import Clock
from support.redis_server import RedisServer, needs_redis, running_redis
from support.stalls import timed

pytestmark = needs_redis
PATIENCE = 5.0
KEY = "casegraph:v1:pace:case_reviews"
Process = Callable[..., SharedPace]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a running server."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """Give the clock of all processes into the test's hands."""
    return Clock()


@pytest.fixture
async def process(server: RedisServer, clock: Clock) -> AsyncIterator[Process]:
    """Give a maker of paces, each with connections of its own as in a process of its own."""
    opened = []

    def process(
        rate: float = 1.0,
        burst: int = 5,
        url: str = server.url,
        seconds: float = PATIENCE,
        clock: Callable[[], float] = clock,
    ) -> SharedPace:
        opened.append(PaceServer(url, clock=clock, operation_seconds=seconds))
        return SharedPace(opened[-1], "case_reviews", PaceConfig(rate, burst), clock)

    yield process
    for each in opened:
        await each.close()


def granted(places: list[Reservation]) -> list[float]:
    """Return the waits of those that were let through."""
    return sorted(place.wait for place in places if place.granted)


async def together(*paces: SharedPace, count: int, longest: float) -> list[Reservation]:
    """Ask all paces so often at the same time."""
    return await asyncio.gather(*(pace.reserve(longest) for pace in paces for _ in range(count)))


async def test_two_processes_never_let_more_through_than_one(process: Process) -> None:
    """Of sixty that will not wait, burst + rate * t go, over both processes together."""
    one, other = (process(clock=time.monotonic) for _ in range(2))
    began = time.monotonic()
    places = await together(one, other, count=30, longest=0.0)
    most = 5 + (time.monotonic() - began) * 1.0

    assert 5 <= len(granted(places)) <= most
    assert {place.wait > 0 for place in places if not place.granted} == {True}


async def test_two_processes_share_one_queue_of_places(process: Process) -> None:
    """Of twenty that wait up to 10 s, five go at once and the others a second apart."""
    one, other = (process(clock=time.monotonic) for _ in range(2))
    began = time.monotonic()
    places = await together(one, other, count=10, longest=10.0)
    took = time.monotonic() - began
    waits = granted(places)

    assert waits[:5] == [0.0] * 5
    assert 10 <= len(waits[5:]) <= 10 + took
    for number, wait in enumerate(waits[5:], start=1):
        assert number - took <= wait <= number


async def test_at_a_rate_in_real_time_the_bound_holds(process: Process) -> None:
    """Two processes that ask without end for a third of a second get what one would get."""
    one, other = (process(40.0, 3, clock=time.monotonic) for _ in range(2))
    count = 0
    began = time.monotonic()
    while time.monotonic() < began + 0.3:
        places = await together(one, other, count=2, longest=0.0)
        count += len(granted(places))
    took = time.monotonic() - began

    assert 3 + 40 * 0.3 * 0.5 <= count <= 3 + 40 * took


async def test_a_refused_reservation_costs_nothing(process: Process, server: RedisServer) -> None:
    """The shared moment is moved by grants only."""
    one, other = process(0.5, 1), process(0.5, 1)
    await one.reserve(0.0)
    with server.admin() as admin:
        before = admin.get(KEY)
        refused = await together(one, other, count=20, longest=0.5)
        after = admin.get(KEY)

    assert granted(refused) == []
    assert before == after


async def test_upstreams_have_paces_of_their_own(server: RedisServer, process: Process) -> None:
    """One upstream's calls take no place of another's."""
    both = PaceServer(server.url, operation_seconds=PATIENCE)
    paces = [SharedPace(both, name, PaceConfig(0.1, 1)) for name in ("case_reviews", "ratings")]
    places = [await pace.reserve(0.0) for pace in paces for _ in range(2)]
    with server.admin() as admin:
        keys = sorted(admin.keys())
    await both.close()

    assert [place.granted for place in places] == [True, False, True, False]
    assert keys == [b"casegraph:v1:pace:case_reviews", b"casegraph:v1:pace:ratings"]


@pytest.mark.parametrize("places", [1, 3, 5])
async def test_what_is_kept_in_redis_expires_by_itself(
    process: Process, server: RedisServer, places: int
) -> None:
    """The key lives as long as it says anything, and not a moment longer."""
    await together(process(), count=places, longest=0.0)
    with server.admin() as admin:
        left = admin.pttl(KEY)

    assert places * 1000 - 500 < left <= places * 1000


@pytest.mark.parametrize("left_there", ["rubbish", "nan", "inf", "9" * 30, "-5", ""])
async def test_rubbish_under_the_key_counts_for_nothing(
    process: Process, server: RedisServer, left_there: str
) -> None:
    """What no grant can have written, such as a moment of another clock, is overwritten."""
    with server.admin() as admin:
        admin.set(KEY, left_there)
        places = await together(process(), count=6, longest=0.0)
        left = admin.pttl(KEY)

    assert len(granted(places)) == 5
    assert 4000 < left <= 5000


async def test_no_place_is_given_out_further_than_a_minute_ahead(process: Process) -> None:
    """Also who would wait for ever gets none that a clock set back could leave behind."""
    waits = granted(await together(process(0.05, 1), count=6, longest=float("inf")))

    assert len(waits) == 4
    assert 59 < waits[-1] <= 60


async def test_without_a_rate_redis_is_not_asked(process: Process, server: RedisServer) -> None:
    """No pace is no pace, with Redis or without."""
    places = await together(process(0.0), count=100, longest=0.0)
    with server.admin() as admin:
        assert admin.dbsize() == 0
    assert set(places) == {Reservation(0.0, granted=True)}


async def test_a_server_killed_midway_leaves_each_process_its_own_pace(
    process: Process, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No call fails, and what was let through before the kill still counts."""
    one, other = process(), process()
    before = granted(await together(one, count=3, longest=0.0))
    server.stop()
    after = [await together(pace, count=10, longest=0.0) for pace in (one, other)]

    assert len(before) == 3
    assert [len(granted(places)) for places in after] == [2, 5]
    messages = [r.getMessage() for r in caplog.records if r.name == "casegraph.pace"]
    assert [message.split(" (")[0] for message in messages] == [
        "pace kept by this process alone"
    ] * 2


async def test_a_server_that_comes_back_is_used_again(
    process: Process, server: RedisServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """After a second one caller tries; an empty Redis learns what was let through meanwhile."""
    caplog.set_level(logging.INFO, "casegraph.pace")
    one, other = process(), process()
    server.stop()
    assert len(granted(await together(one, count=9, longest=0.0))) == 5
    server.start()
    assert len(granted(await together(one, count=9, longest=0.0))) == 0
    clock.now += SKIP_SECONDS
    place = await one.reserve(0.0)
    refused = granted(await together(one, other, count=9, longest=0.0))

    # By the process's clock a second has passed since its burst: one more place and no new burst.
    assert place.granted
    assert refused == []
    messages = [r.getMessage() for r in caplog.records if r.name == "casegraph.pace"]
    assert [message.split(" (")[0] for message in messages] == [
        "pace kept by this process alone",
        "pace shared again",
    ]


async def test_an_absent_server_is_an_own_pace(process: Process, tmp_path: Path) -> None:
    """Also from the start, and whatever is wrong with it."""
    absent = RedisServer(tmp_path)
    places = await together(process(url=absent.url), count=20, longest=0.0)

    assert len(granted(places)) == 5


async def test_a_server_that_refuses_us_is_an_own_pace(
    process: Process, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password fails no call, and neither it nor the address is in the log."""
    url = f"redis://:not-the-secret@127.0.0.1:{server.port}/3"
    places = await together(process(url=url), count=20, longest=0.0)

    assert len(granted(places)) == 5
    assert "not-the-secret" not in caplog.text
    assert str(server.port) not in caplog.text


async def test_a_key_of_another_kind_is_an_own_pace(process: Process, server: RedisServer) -> None:
    """What somebody else keeps there is neither read nor destroyed."""
    with server.admin() as admin:
        admin.rpush(KEY, "not", "ours")
        places = await together(process(), count=20, longest=0.0)
        assert admin.type(KEY) == b"list"
    assert len(granted(places)) == 5


async def test_a_hung_server_costs_fifty_milliseconds_and_then_nothing(
    process: Process, server: RedisServer, clock: Clock
) -> None:
    """The first reservation is cut off at the cap; none after it waits until the next try."""
    pace = process(1000.0, 1000)
    await pace.reserve(1.0)
    pace._server._link._seconds = OPERATION_SECONDS
    server.signal(signal.SIGSTOP)
    took = []
    for _ in range(100):
        before = time.monotonic()
        assert (await pace.reserve(1.0)).granted
        took.append(time.monotonic() - before)
    server.signal(signal.SIGCONT)

    # On a busy machine a cap may fire late, and then does not count against the server.
    assert 1 <= sum(each > 0.04 for each in took) < 10
    assert sorted(took)[50] < 0.005


async def test_a_burst_of_callers_on_a_hung_server_does_not_wait_in_turns(
    process: Process, server: RedisServer
) -> None:
    """Those who queue for a connection are let go when the first ones fail."""
    callers = 500
    one_after_another = callers / CONNECTIONS * OPERATION_SECONDS
    pace = process()
    await pace.reserve(0.0)
    pace._server._link._seconds = OPERATION_SECONDS
    server.signal(signal.SIGSTOP)
    with timed() as took:
        places = await together(pace, count=callers, longest=0.0)
    server.signal(signal.SIGCONT)

    assert len(granted(places)) == 4
    # On a busy machine caps fire late and do not count, so that the next ones wait for one too.
    assert took.seconds < one_after_another / 4


async def test_callers_that_leave_mix_nothing_up(process: Process, server: RedisServer) -> None:
    """Cancelled at any point of an operation, the answers stay with their askers."""
    pace = process(0.1, 1)
    await pace.reserve(0.0)
    for turns in range(60):
        doomed = [asyncio.create_task(pace.reserve(0.0)) for _ in range(4)]
        keeper = asyncio.create_task(pace.reserve(0.0))
        for _ in range(turns % 12):
            await asyncio.sleep(0)
        for task in doomed:
            task.cancel()
        place = await keeper
        await asyncio.wait(doomed)
        assert not place.granted
        assert 0 < place.wait <= 10


async def test_a_thousand_reservations_share_few_connections(
    process: Process, server: RedisServer
) -> None:
    """None fails for want of a connection."""
    places = await together(process(0.01, 1000), count=1000, longest=0.0)
    with server.admin() as admin:
        clients = len(admin.client_list())

    assert len(granted(places)) == 1000
    assert clients <= 4 + 1


async def test_closing_lets_go_and_leaves_an_own_pace(server: RedisServer) -> None:
    """After close the server sees no client of ours, and a late call still has a pace."""
    both = PaceServer(server.url, operation_seconds=PATIENCE)
    pace = SharedPace(both, "case_reviews", PaceConfig(0.1, 2))
    first = await pace.reserve(0.0)
    await both.close()
    await both.close()
    later = [await pace.reserve(0.0) for _ in range(2)]
    with server.admin() as admin:
        assert len(admin.client_list()) == 1
    assert [place.granted for place in (first, *later)] == [True, True, False]
