"""One timer for all calls of a connection: each ends in its own time, by a clock that is handed in.

Timer and clock are the test's, so nothing waits: a timer fires when the clock has come to it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import DeadlineExceeded
from casegraph.transport import exchange_lean_connection
from casegraph.transport.calls import Call, Effect
from casegraph.transport.exchange_lean_connection import Connection
from support.raw_server import response
from support.wire import Wire

CALL = Call("u", "o", Effect.READ, "GET", "http://h", "/x")


class Timer:
    """One timer of the loop."""

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.is_over = False

    def cancel(self) -> None:
        """Stop it."""
        self.is_over = True


class Time:
    """A clock that stands still until it is moved, and the timers that hang on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []
        self.create_future = asyncio.get_running_loop().create_future

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Set a timer, as a loop does."""
        self.timers.append(Timer(self.now + seconds, callback))
        return self.timers[-1]

    def running(self) -> list[Timer]:
        """Return the timers that will fire, the next one first."""
        return sorted((each for each in self.timers if not each.is_over), key=lambda each: each.at)

    def pass_by(self, seconds: float) -> None:
        """Move the clock and fire on the way what is due."""
        end = self.now + seconds
        while (due := self.running()) and due[0].at <= end:
            self.now = due[0].at
            due[0].is_over = True
            due[0].callback()
        self.now = end


def connected(monkeypatch: pytest.MonkeyPatch) -> tuple[Connection, Time]:
    """Return a connection and the time that it lives in."""
    time = Time()
    monkeypatch.setattr(exchange_lean_connection, "monotonic", lambda: time.now)
    wire = Wire()
    connection = Connection(wire, 5.0)
    connection._loop = cast("Any", time)
    connection.connection_made(cast("asyncio.Transport", wire))
    return connection, time


@given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 12)), min_size=1, max_size=8))
def test_each_call_ends_in_its_own_time(calls: Any) -> None:
    """However long the calls before it had: answered before its end or late at it, never between.

    Up to the last call's end there is one timer at most, and none when the connection has gone.
    """

    async def run(monkeypatch: pytest.MonkeyPatch) -> None:
        connection, time = connected(monkeypatch)
        for patience, taken in calls:
            outcome = connection.ask(CALL, b"", patience)
            assert len(time.running()) == 1
            time.pass_by(min(taken, patience - 0.002))
            assert not outcome.done()
            if taken >= patience:
                time.pass_by(0.003)
                assert isinstance(outcome.result(), DeadlineExceeded)
                break
            connection.data_received(response(b"[]"))
            assert outcome.done()
        connection.connection_lost(None)
        assert time.running() == []

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(run(monkeypatch))


async def test_an_idle_connection_has_no_timer_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last call's fires once, ends nothing, and is not set anew."""
    connection, time = connected(monkeypatch)
    connection.ask(CALL, b"", 3.0)
    connection.data_received(response(b"[]"))
    time.pass_by(4.0)
    assert time.running() == []
    assert connection.is_ready


async def test_calls_in_a_row_set_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred calls of three seconds, a tenth of a second each, need four or less."""
    connection, time = connected(monkeypatch)
    for _ in range(100):
        connection.ask(CALL, b"", 3.0)
        time.pass_by(0.1)
        connection.data_received(response(b"[]"))
    assert len(time.timers) <= 4
