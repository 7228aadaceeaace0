import asyncio
import time

import pytest

from casegraph.errors import (
    CircuitOpen,
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from casegraph.transport.breaker import Breaker, BreakerConfig, State
from casegraph.transport.bulkhead import Bulkhead
from casegraph.transport.calls import Call, Reply
from support.clock import Clock, FixedDice, settle
from support.scripted import Script, a_call, hang, reply

WHO = ("somebody", "thing", "failed")
UNREACHABLE = UpstreamUnavailable(*WHO, sent=False)


class Upstream:
    """What the breaker protects: answers as told, after as many seconds as told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.outcome: Reply | Exception = reply(200)
        self.seconds = 0.1
        self.calls = 0

    async def __call__(self, _call: Call) -> Reply:
        """Answer."""
        self.calls += 1
        await asyncio.sleep(0)  # so that others come to queue
        self.clock.now += self.seconds
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Scene:
    """A breaker on a clock, the upstream behind it, and a log of its states."""

    def __init__(self, **values: object) -> None:
        self.clock = Clock()
        self.upstream = Upstream(self.clock)
        self.changes: list[State] = []
        self.dice = FixedDice(0.5)
        usual = {"clock": self.clock, "random": self.dice, "on_change": self.changes.append}
        self.breaker = Breaker(values.pop("inner", self.upstream), **(usual | values))

    async def calls(self, count: int, outcome: Reply | Exception, seconds: float = 0.1) -> None:
        """Make calls with this outcome, one after the other."""
        self.upstream.outcome, self.upstream.seconds = outcome, seconds
        for _ in range(count):
            with_error = isinstance(outcome, Exception)
            assert with_error == isinstance(await self.one(), UpstreamError)

    async def one(self) -> Reply | UpstreamError:
        """Make a call and return what it brought."""
        try:
            return await self.breaker(a_call())
        except UpstreamError as error:
            return error

    async def open(self) -> None:
        """Let the upstream be unreachable until the breaker opens."""
        await self.calls(5, UNREACHABLE, 0.0)
        assert self.breaker.state is State.OPEN


@pytest.fixture
def scene() -> Scene:
    """Give a closed breaker."""
    return Scene()


FAILURES = [
    pytest.param(reply(500), 0.1, id="500"),
    pytest.param(reply(502), 0.1, id="502"),
    pytest.param(reply(503), 0.1, id="503"),
    pytest.param(reply(504), 0.1, id="504"),
    pytest.param(reply(408), 0.1, id="its own time-out"),
    pytest.param(UpstreamUnavailable(*WHO), 0.1, id="reset"),
    pytest.param(DeadlineExceeded(*WHO), 1.0, id="time-out"),
    pytest.param(ContractViolation("somebody", "thing", "too large"), 0.1, id="contract"),
    pytest.param(reply(200), 3.1, id="slow"),
    pytest.param(reply(404), 3.1, id="slow 404"),
]
HARMLESS = [
    pytest.param(reply(200), 3.0, id="just fast enough"),
    *(pytest.param(reply(status), 0.1, id=str(status)) for status in (304, 400, 401, 404, 409)),
    *(pytest.param(reply(status), 0.1, id=str(status)) for status in (412, 422, 429)),
    pytest.param(DeadlineExceeded(*WHO), 0.9, id="a caller in haste"),
    pytest.param(DeadlineExceeded(*WHO, sent=False), 0.0, id="no time was left"),
    pytest.param(CredentialsRefused(*WHO), 0.1, id="credentials"),
    pytest.param(CredentialsRefused(*WHO, sent=False), 0.0, id="no sign-in tried"),
    pytest.param(UpstreamRejected(*WHO), 0.1, id="rejected sign-in"),
]


@pytest.mark.parametrize(("outcome", "seconds"), FAILURES)
async def test_what_counts_as_a_failure(outcome: Reply | Exception, seconds: float) -> None:
    """Twenty calls of which half fail open the breaker; the nineteenth did not."""
    scene = Scene(config=BreakerConfig(window_seconds=1000))
    await scene.calls(10, reply(200))
    await scene.calls(9, outcome, seconds)
    assert scene.breaker.state is State.CLOSED
    await scene.calls(1, outcome, seconds)

    assert scene.changes == [State.OPEN]


@pytest.mark.parametrize(("outcome", "seconds"), HARMLESS)
async def test_what_never_counts_as_a_failure(outcome: Reply | Exception, seconds: float) -> None:
    """A hundred of these leave the breaker closed."""
    scene = Scene(config=BreakerConfig(window_seconds=1000))
    await scene.calls(100, outcome, seconds)

    assert scene.changes == []


async def test_less_than_half_is_not_enough(scene: Scene) -> None:
    """Forty-nine failures of a hundred calls leave it closed."""
    for _ in range(49):
        await scene.calls(1, reply(200), 0.01)
        await scene.calls(1, reply(500), 0.01)
        await scene.calls(1, reply(200), 0.0)

    assert scene.changes == []


async def test_what_is_older_than_the_window_is_forgotten(scene: Scene) -> None:
    """Nineteen failures and one eleven seconds later are not twenty."""
    await scene.calls(19, reply(500), 0.0)
    scene.clock.now += 11
    await scene.calls(1, reply(500), 0.0)

    assert scene.changes == []


async def test_nobody_there_five_times_in_a_row_opens(scene: Scene) -> None:
    """Four failed connections, an answer of any kind, and five more: open at the last."""
    await scene.calls(4, UNREACHABLE)
    await scene.calls(1, reply(404))
    await scene.calls(4, UNREACHABLE)
    assert scene.breaker.state is State.CLOSED
    await scene.calls(1, UNREACHABLE)

    assert scene.changes == [State.OPEN]


async def test_open_sends_nothing_and_takes_no_time(scene: Scene) -> None:
    """Refused with the rest of the pause, unsent, each in less than 5 ms of real time."""
    await scene.open()
    took = []
    for _ in range(50):
        before = time.perf_counter()
        refused = await scene.one()
        took.append(time.perf_counter() - before)
        assert isinstance(refused, CircuitOpen)
        assert (refused.sent, refused.retry_after_ms) == (False, 5001)

    assert sorted(took)[25] < 0.005
    assert scene.upstream.calls == 5


async def test_open_takes_no_time_behind_a_full_queue() -> None:
    """Nobody queues for a place only to be refused."""
    script = Script(UNREACHABLE, UNREACHABLE, hang)
    scene = Scene(
        inner=script,
        between=lambda wire: Bulkhead(wire, 1),
        config=BreakerConfig(connect_failures=2),
    )
    tasks = [asyncio.create_task(scene.one()) for _ in range(2)]
    await asyncio.wait(tasks)
    assert scene.breaker.state is State.OPEN
    scene.clock.now += 5
    probe = asyncio.create_task(scene.one())
    await settle()
    with pytest.raises(CircuitOpen):
        scene.breaker(a_call()).send(None)
    probe.cancel()
    await asyncio.wait([probe])

    assert len(script.calls) == 3


@pytest.mark.parametrize(("share", "factor"), [(0.0, 0.9), (0.5, 1.0), (1.0, 1.1)])
async def test_open_times_double_to_a_minute(scene: Scene, share: float, factor: float) -> None:
    """5, 10, 20, 40, 60, 60 s, each up to a tenth shorter or longer."""
    scene.dice.share = share
    await scene.open()
    for seconds in (5, 10, 20, 40, 60, 60):
        before = scene.upstream.calls
        scene.clock.now += seconds * factor - 0.001
        assert isinstance(await scene.one(), CircuitOpen)
        assert scene.upstream.calls == before
        scene.clock.now += 0.002
        await scene.calls(1, reply(500), 0.0)
        assert scene.upstream.calls == before + 1


async def test_a_hundred_callers_at_the_moment_it_ends_make_one_call() -> None:
    """The first is the probe; the others are told to come back after it."""
    script = Script(*[UNREACHABLE] * 5, hang)
    scene = Scene(inner=script)
    for _ in range(5):
        await scene.one()
    scene.clock.now += 5
    tasks = [asyncio.create_task(scene.one()) for _ in range(100)]
    await settle()
    refused = [task.result() for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert len(script.calls) == 6
    assert [type(each) for each in refused] == [CircuitOpen] * 99
    assert {each.retry_after_ms for each in refused} == {1001}


async def test_two_good_probes_close_it(scene: Scene) -> None:
    """One is not enough, and the pause after the next opening is short again."""
    await scene.open()
    scene.clock.now += 5
    await scene.calls(1, reply(200))
    assert scene.breaker.state is State.HALF_OPEN
    await scene.calls(1, reply(404))
    assert scene.changes == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    await scene.calls(1, reply(200))
    await scene.open()

    assert (await scene.one()).retry_after_ms == 5001


async def test_a_good_and_a_bad_probe_open_it(scene: Scene) -> None:
    """The count of good ones begins anew, and the pause is twice as long."""
    await scene.open()
    scene.clock.now += 5
    await scene.calls(1, reply(200))
    await scene.calls(1, reply(500))
    assert (await scene.one()).retry_after_ms == 10_001
    scene.clock.now += 10
    await scene.calls(1, reply(200))

    assert scene.breaker.state is State.HALF_OPEN


async def test_a_probe_refused_for_its_credentials_found_somebody_there(scene: Scene) -> None:
    """It counts as an answer, so that the true cause is seen and not the breaker."""
    await scene.open()
    scene.clock.now += 5
    await scene.calls(2, CredentialsRefused(*WHO))

    assert scene.breaker.state is State.CLOSED


async def test_an_answer_to_a_call_sent_before_the_opening_says_nothing() -> None:
    """Neither while open or half-open, nor when it has closed again."""
    answers = [asyncio.get_running_loop().create_future() for _ in range(3)]
    queue = list(answers)

    async def answer(_call: Call) -> Reply:
        return await queue.pop(0)

    script = Script(answer, answer, answer, UNREACHABLE, reply(200))
    scene = Scene(inner=script, config=BreakerConfig(least_calls=1))
    old = [asyncio.create_task(scene.one()) for _ in range(3)]
    await settle()
    await scene.one()
    seen = []
    for number, step in enumerate((0, 5, 0)):
        scene.clock.now += step
        if number:
            await scene.one()
        before = scene.breaker.state
        answers[number].set_result(reply(500))
        await old[number]
        seen.append((before, scene.breaker.state))

    assert seen == [(state, state) for state in (State.OPEN, State.HALF_OPEN, State.CLOSED)]


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_probe_that_ends_without_an_outcome_frees_its_place(cancelled: bool) -> None:
    """Cancelled or ended by a bug, it judges nothing, and the next call is the probe."""
    script = Script(*[UNREACHABLE] * 5, hang if cancelled else ZeroDivisionError(), reply(200))
    scene = Scene(inner=script)
    for _ in range(5):
        await scene.one()
    scene.clock.now += 5
    probe = asyncio.create_task(scene.breaker(a_call()))
    await settle()
    probe.cancel()
    await asyncio.wait([probe])

    assert probe.cancelled() is cancelled
    assert scene.breaker.state is State.HALF_OPEN
    assert await scene.one() == reply(200)


GIVEN_UP = [
    # seconds until the call is given up, seconds until its deadline, whether that is a failure
    pytest.param(0.9, 0.9, False, id="deadline of a caller in haste"),
    pytest.param(1.1, 1.1, True, id="deadline after a fair chance"),
    pytest.param(2.0, 8.0, False, id="client left"),
    pytest.param(3.1, 8.0, True, id="client left a call that was slow already"),
    pytest.param(3.1, float("inf"), True, id="slow without a deadline"),
]


@pytest.mark.parametrize(("seconds", "deadline", "counts"), GIVEN_UP)
async def test_a_call_given_up_counts_when_the_upstream_had_its_chance(
    seconds: float, deadline: float, counts: bool
) -> None:
    """The deadline outside cancels just as a leaving client does; it is a time-out all the same."""
    scene = Scene(inner=Script(hang), config=BreakerConfig(least_calls=1))
    call = a_call(deadline=scene.clock() + deadline)
    task = asyncio.create_task(scene.breaker(call))
    await settle()
    scene.clock.now += seconds
    task.cancel()
    await asyncio.wait([task])

    assert (scene.breaker.state is State.OPEN) is counts


async def test_waiting_for_a_place_is_not_slowness_of_the_upstream() -> None:
    """A hundred calls through one place, 0.4 s each: the last waits 40 s, nothing is slow."""
    scene = Scene(between=lambda wire: Bulkhead(wire, 1))
    scene.upstream.seconds = 0.4
    results = await asyncio.gather(*(scene.one() for _ in range(100)))

    assert results == [reply(200)] * 100
    assert scene.changes == []


async def test_a_full_queue_is_no_failed_connection() -> None:
    """Our own bound met a hundred times says nothing about the upstream."""
    scene = Scene(inner=Script(hang), between=lambda wire: Bulkhead(wire, 1, waiting=0))
    first = asyncio.create_task(scene.one())
    await settle()
    refused = [await scene.one() for _ in range(100)]
    first.cancel()
    await asyncio.wait([first])

    assert {type(each) for each in refused} == {UpstreamUnavailable}
    assert scene.changes == []


async def test_who_queued_when_it_opened_is_not_sent() -> None:
    """A queue in front of a dead upstream dissolves, and does not wait through one by one."""
    scene = Scene(between=lambda wire: Bulkhead(wire, 1))
    scene.upstream.outcome = UNREACHABLE
    results = await asyncio.gather(*(scene.one() for _ in range(100)))

    assert scene.upstream.calls == 5
    assert [type(each) for each in results] == [UpstreamUnavailable] * 5 + [CircuitOpen] * 95


async def test_an_unreadable_answer_counts_once_and_as_bad(scene: Scene) -> None:
    """Each call whose answer proves broken is one failure, not one good and one bad answer."""
    for _ in range(10):
        await scene.calls(2, reply(200))
        scene.breaker.contract_broken()
    assert scene.changes == [State.OPEN]
    assert scene.upstream.calls == 20


@pytest.mark.parametrize("good_before", [0, 1])
async def test_an_unreadable_answer_to_a_probe_opens(scene: Scene, good_before: int) -> None:
    """The first probe's and the one's that has just closed it alike, for twice as long."""
    await scene.open()
    scene.clock.now += 5
    await scene.calls(1 + good_before, reply(200))
    scene.breaker.contract_broken()

    assert scene.breaker.state is State.OPEN
    assert (await scene.one()).retry_after_ms == 10_001


async def test_an_unreadable_answer_while_open_changes_nothing(scene: Scene) -> None:
    """It belongs to a call from before."""
    await scene.open()
    scene.breaker.contract_broken()

    assert scene.changes == [State.OPEN]
    assert (await scene.one()).retry_after_ms == 5001
