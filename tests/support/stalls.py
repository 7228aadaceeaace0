"""How long the machine held this process up, so that no test takes that for the product's doing.

On a busy machine a process may stand still for a second at any point. Two uses are made of that
figure: a measured time is told without it (`timed`), and a test that failed while the process was
held up has found nothing and is run again, from fresh fixtures (`pytest_runtest_protocol`, which
conftest.py gives to pytest), once. What fails while nothing stands still fails at once, what fails
twice fails as well, and every second try is told at the end of the run.
Invariant: time in which this process itself computed is never called a stall.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic, process_time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

TICK_SECONDS = 0.01
NOISE_SECONDS = 0.01
"""Shorter delays are the granularity of timers and of the interpreter's lock."""
HELD_UP_SECONDS = 0.3
"""Shortest single stall that makes a failure worth another try: few patiences of tests are shorter,
and a machine that is not overloaded has none."""
_REMEMBERED = 100_000
_TOLD = "held up"


class StallWatch:
    """Looks at the clock again and again, and notes when a look came late."""

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._looked = threading.Condition()
        self._last = monotonic()
        threading.Thread(target=self._look, name="stall-watch", daemon=True).start()

    def within(self, began: float, ended: float) -> float:
        """Return the seconds that were lost between two moments of `time.monotonic`."""
        self._catch_up(ended)
        lost = 0.0
        for told, seconds in reversed(tuple(self._stalls)):
            if told <= began:
                break
            lost += max(0.0, min(told, ended) - max(told - seconds, began))
        return lost

    def longest_since(self, began: float) -> float:
        """Return the seconds of the longest stall since a moment of `time.monotonic`."""
        self._catch_up(monotonic())
        stalls = tuple(self._stalls)
        return max((min(lost, ended - began) for ended, lost in stalls if ended > began), default=0)

    def _catch_up(self, moment: float) -> None:
        """Return when it has looked later: whoever stood still too may go on before it does."""
        with self._looked:
            self._looked.wait_for(lambda: self._last >= moment)

    def _look(self) -> None:
        never = threading.Event()
        before, used = monotonic(), process_time()
        while not never.wait(TICK_SECONDS):
            now, using = monotonic(), process_time()
            late = now - before - TICK_SECONDS - (using - used)
            if late > NOISE_SECONDS:
                self._stalls.append((now, late))
            before, used = now, using
            with self._looked:
                self._last = now
                self._looked.notify_all()


@cache
def stall_watch() -> StallWatch:
    """Return the watch of this process; begins it."""
    return StallWatch()


@dataclass
class Timed:
    """How long a block took by the clock, and without the time for which it was held up."""

    wall: float = 0.0
    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Timed]:
    """Measure the block; look at the result after it."""
    watch, found, began = stall_watch(), Timed(), monotonic()
    yield found
    ended = monotonic()
    found.wall = ended - began
    found.seconds = found.wall - watch.within(began, ended)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and once more if it fails in a time in which the process was held up."""
    watch, hook = stall_watch(), item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    began = monotonic()
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failed = next((report for report in reports if report.failed), None)
    stall = watch.longest_since(began)
    if failed is not None and stall >= HELD_UP_SECONDS:
        told = f"{item.nodeid}: held up for {stall:.1f} s, {what_failed(failed)}"
        item.user_properties.append((_TOLD, told))
        # What the failure left of shared fixtures is for nobody; also a fixture that failed.
        item.session._setupstate.teardown_exact(None)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def what_failed(report: pytest.TestReport) -> str:
    """Return the first line of a failure."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text: str = report.longreprtext if crash is None else crash.message
    return (text.strip() or "without a word").splitlines()[0]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell which tests were run again, and for what."""
    every = [each for reports in terminalreporter.stats.values() for each in reports]
    told = {
        text: None
        for report in every
        for name, text in getattr(report, "user_properties", ())
        if name == _TOLD
    }
    if told:
        terminalreporter.section("run again, because the machine held them up")
        for text in told:
            terminalreporter.line(text)
