import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, copy_context
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from casegraph.errors import CircuitOpen, ContractViolation, DeadlineExceeded, UpstreamUnavailable
from casegraph.transport.breaker import Breaker, BreakerConfig
from casegraph.transport.calls import Call, Reply
from support.clock import Clock
from support.scripted import a_call, reply

CONFIG = BreakerConfig(least_calls=4, connect_failures=3, jitter=0.0)
WHO = ("somebody", "thing", "failed")
OUTCOMES = {
    "200": (reply(200), "good"),
    "404": (reply(404), "good"),
    "429": (reply(429), "good"),
    "500": (reply(500), "bad"),
    "cut": (UpstreamUnavailable(*WHO), "bad"),
    "contract": (ContractViolation("somebody", "thing", "too large"), "bad"),
    "unreachable": (UpstreamUnavailable(*WHO, sent=False), "unreachable"),
    "late": (DeadlineExceeded(*WHO), "late"),
    "cancelled": (asyncio.CancelledError(), "left"),
    "bug": (ZeroDivisionError(), "nothing"),
}


class Model:
    """What the breaker is meant to do, told as plainly as it can be."""

    def __init__(self) -> None:
        self.state, self.until, self.pause, self.good_probes = "closed", 0.0, 5.0, 0
        self.probe: object = None
        self.log: list[tuple[float, str]] = []

    def admits(self, now: float, call: object) -> bool:
        """Say whether a call goes now."""
        if self.state == "open" and now >= self.until:
            self.state, self.good_probes = "half_open", 0
        if self.state == "half_open" and self.probe is None:
            self.probe = call
            return True
        return self.state == "closed"

    def ended(self, now: float, call: object, is_current: bool, verdict: str) -> None:
        """Take in how a call ended; `is_current` when it has not opened since it was sent."""
        is_probe, self.probe = self.probe is call, None if self.probe is call else self.probe
        if verdict == "nothing" or not is_current:
            return
        if is_probe and verdict == "good":
            self.good_probes += 1
            if self.good_probes == 2:
                self.state, self.log = "closed", []
        elif is_probe:
            self.open(now)
        elif self.state == "closed":
            self.pause = 5.0
            self.log.append((now, verdict))
            recent = [v for at, v in self.log if at > now - 10]
            many = len(recent) >= 4 and sum(v != "good" for v in recent) * 2 >= len(recent)
            if many or [v for _, v in self.log[-3:]] == ["unreachable"] * 3:
                self.open(now)

    def open(self, now: float) -> None:
        """Open for a while, longer each time in a row."""
        self.state, self.until, self.probe, self.log = "open", now + self.pause, None, []
        self.pause = min(2 * self.pause, 60.0)


class Suspended:
    """An awaitable that gives control back to whoever drives the coroutine."""

    def __await__(self) -> Generator[None, Reply, Reply]:
        """Wait for what is sent or thrown in."""
        return (yield)


class Sent:
    """A call on the wire, driven by hand, each in a context of its own like a task."""

    def __init__(self, drive: Coroutine, context: Context, at: float, openings: int) -> None:
        self.drive, self.context, self.at, self.openings = drive, context, at, openings


class BreakerAgainstModel(RuleBasedStateMachine):
    """Any interleaving of calls, outcomes and time: breaker and model never differ."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(0.0)
        self.model = Model()
        self.sent = self.openings = 0
        self.begun: list[Sent] = []

        async def wire(_call: Call) -> Reply:
            self.sent += 1
            return await Suspended()

        def count(state: object) -> None:
            self.openings += state.value == "open"

        dice = Random(1)  # noqa: S311 - a test's dice
        self.breaker = Breaker(wire, clock=self.clock, random=dice, config=CONFIG, on_change=count)

    @rule(seconds=st.sampled_from([0.001, 0.5, 1.0, 3.0, 3.5, 5.0, 10.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        """Let some time pass."""
        self.clock.now += seconds

    @rule(target=running)
    def call(self) -> Sent | None:
        """Make a call: it is sent if and only if the model says so."""
        before, context = self.sent, copy_context()
        call = Sent(self.breaker(a_call()), context, self.clock(), self.openings)
        admitted = self.model.admits(self.clock(), call)
        try:
            context.run(call.drive.send, None)
        except CircuitOpen:
            assert not admitted
            assert self.sent == before
            return None
        assert admitted
        assert self.sent == before + 1
        self.begun.append(call)
        return call

    def teardown(self) -> None:
        """End what is still on the wire."""
        for call in self.begun:
            call.context.run(call.drive.close)

    @rule(call=consumes(running), name=st.sampled_from(sorted(OUTCOMES)))
    def outcome(self, call: Sent | None, name: str) -> None:
        """Let a call on the wire end, after however long it took."""
        if call is None:
            return
        value, verdict = OUTCOMES[name]
        seconds, is_current = self.clock() - call.at, call.openings == self.openings
        if verdict == "late":
            verdict = "bad" if seconds >= 1 else "nothing"
        elif verdict == "left":
            verdict = "bad" if seconds > 3 else "nothing"
        elif verdict == "good" and seconds > 3:
            verdict = "bad"
        go_on = call.drive.send if isinstance(value, Reply) else call.drive.throw
        ending = StopIteration if isinstance(value, Reply) else type(value)
        with pytest.raises(ending) as end:
            call.context.run(go_on, value)
        assert value is getattr(end.value, "value", end.value)
        self.model.ended(self.clock(), call, is_current, verdict)

    @invariant()
    def states_agree(self) -> None:
        """Compare: closed, open and half-open are the same in both."""
        assert self.model.state == self.breaker.state.value


BreakerAgainstModel.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None
)
TestBreakerAgainstModel = BreakerAgainstModel.TestCase
