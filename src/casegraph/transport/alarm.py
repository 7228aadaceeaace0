"""One timer for all calls of a chain that have to end in time, in place of one for each.

Most calls end long before they have to, so a timer of their own is set and stopped for nothing. On
uvloop `asyncio.timeout` takes 4.1 µs a call of 60 at once, four system calls among it (Python 3.11
asks for the process's id at each look for the running loop); a watch here takes 0.65. The timer is
set anew where it fires too early, so it may fire once for nothing after the last call.
It means what `asyncio.timeout` means: who cancels from outside as well is not taken for the alarm,
and afterwards the task's count of cancellations is what it was.
Invariant: one loop at a time. Of a call that has left nothing is held, neither task nor context.
"""

from asyncio import AbstractEventLoop, Task, TimerHandle, current_task, get_running_loop
from contextvars import Context
from time import monotonic
from typing import Any

from msgspec import Struct

_TIMER_SECONDS = 0.001
"""A timer may fire that much too early."""


class Watch(Struct, eq=False):
    """One piece of work under the alarm."""

    task: Task[Any] | None
    """None when it has left."""
    cancelled_before: int
    """How often it had been asked to end when it came."""
    ends: float
    is_late: bool = False
    """Whether the alarm has cancelled it."""
    is_alone: bool = False
    """Whether nobody but the alarm has; known once it has left."""


class Alarm:
    """Cancels the tasks that are still at their work when its time is up."""

    __slots__ = ("_context", "_loop", "_rings_at", "_timer", "_watched")

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._timer: TimerHandle | None = None
        self._rings_at = 0.0
        self._watched: set[Watch] = set()
        # Not the caller's, which would be held until the timer fires, with all that is in it.
        self._context = Context()

    def watch(self, seconds: float) -> Watch:
        """Cancel the running task after so many seconds, unless it has left by then."""
        loop = self._loop
        # Of a loop that is known the task is found without a system call; if it has none, it is
        # another loop that runs by now.
        task = None if loop is None else current_task(loop)
        if task is None:
            task = self._move_in()
        watch = Watch(task, task.cancelling(), monotonic() + seconds)
        self._watched.add(watch)
        if self._timer is None or watch.ends < self._rings_at:
            self._set(watch.ends)
        return watch

    def leave(self, watch: Watch) -> bool:
        """End the watch; say whether its task was cancelled by the alarm and by nobody else.

        A second time it does nothing and says the same.
        """
        task, watch.task = watch.task, None
        if task is not None:
            self._watched.discard(watch)
            if watch.is_late:
                watch.is_alone = task.uncancel() <= watch.cancelled_before
        return watch.is_alone

    def _move_in(self) -> Task[Any]:
        """Settle in the running loop and return its task; timers of another are none of its."""
        loop = get_running_loop()
        task = current_task(loop)
        if task is None:
            raise RuntimeError("only a task can be ended in time")
        if loop is not self._loop:
            self._loop, self._timer = loop, None
            self._watched.clear()
        return task

    def _set(self, ends: float) -> None:
        loop, timer = self._loop, self._timer
        if loop is None:
            return
        if timer is not None:
            timer.cancel()
        self._rings_at = ends
        seconds = max(ends - monotonic(), 0.0)
        self._timer = loop.call_later(seconds, self._ring, context=self._context)

    def _ring(self) -> None:
        """Cancel whoever is late, and set the timer for the next who would be."""
        self._timer = None
        now = monotonic() + _TIMER_SECONDS
        late = [each for each in self._watched if each.ends <= now and not each.is_late]
        for watch in late:
            watch.is_late = True
            if watch.task is not None:
                watch.task.cancel()
        ahead = min((each.ends for each in self._watched if not each.is_late), default=None)
        if ahead is not None:
            self._set(ahead)
