"""One deadline per request, as a moment that every call carries and nobody can move.

The request's deadline is set once, at the door, in a context variable; a call takes it from there
when it is made. From then on it is a value of the call: waits, retries and time-outs ask only how
much is left. There are two doors, because waits lie between them: one in front of all layers, and a
last one behind the queues, where a call that has waited too long is turned back unsent.
Invariant: no call starts with less than 50 ms left, and none outlives its deadline, whatever hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from time import monotonic
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from casegraph.errors import DeadlineExceeded, UpstreamError
from casegraph.transport.alarm import Alarm
from casegraph.transport.calls import Call, Reply, Send

T = TypeVar("T")

SMALLEST_SECONDS = 0.05
"""Less than this is not worth a call (reliability §4 A)."""

_NEVER = float("inf")

request_deadline: ContextVar[float] = ContextVar("request_deadline", default=_NEVER)
"""The moment on the monotonic clock at which the current request must have been answered."""


class _Progress(Struct, eq=False, gc=False):
    """How far the running call has come."""

    may_be_sent: bool


_progress: ContextVar[_Progress | None] = ContextVar("call_progress", default=None)


def seconds_left(clock: Callable[[], float] = monotonic) -> float | None:
    """Return the time until the request's deadline; None where it has none."""
    deadline = request_deadline.get()
    return None if deadline == _NEVER else max(deadline - clock(), 0.0)


async def in_time(
    awaitable: Awaitable[T], upstream: str, operation: str, clock: Callable[[], float] = monotonic
) -> T:
    """Return what is awaited, for waits that are no calls; raises DeadlineExceeded."""
    seconds = seconds_left(clock)
    if seconds is None:
        return await awaitable
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            return await awaitable
    except TimeoutError:
        if not timeout.expired():
            raise
    finally:
        # It knows the task, which holds this frame when the task fails: a cycle.
        del timeout
    # Not where the time-out is caught, whose frames hold the task too.
    raise DeadlineExceeded(upstream, operation, "no answer in time")


def own_time(seconds: float, clock: Callable[[], float] = monotonic) -> None:
    """Give the running task a deadline of its own, for work that several requests share.

    In the task of a shared flight only: there the first caller's deadline must not bind the others.
    """
    request_deadline.set(clock() + seconds)


class WithinDeadline:
    """Ends every call at its deadline; the outermost layer, so that all waits are inside.

    `has_last_door` says that a LastDoor is among the inner layers. Without one nobody can tell
    whether a call that hangs was sent, so it is taken to have been.
    """

    def __init__(
        self, inner: Send, clock: Callable[[], float], *, has_last_door: bool = False
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._has_last_door = has_last_door
        self._alarm = Alarm()

    async def __call__(self, call: Call) -> Reply:
        """Send the call with the request's deadline; raises DeadlineExceeded."""
        deadline = min(call.deadline, request_deadline.get())
        left = deadline - self._clock()
        if left < SMALLEST_SECONDS:
            raise _no_time(call)
        progress = _Progress(may_be_sent=not self._has_last_door)
        _progress.set(progress)  # every call sets its own, so none has to be put back
        if deadline == _NEVER:
            return await self._inner(call)
        watch = self._alarm.watch(left)
        try:
            return await self._inner(replace(call, deadline=deadline))
        except asyncio.CancelledError:
            if not self._alarm.leave(watch):
                raise
        except TimeoutError:
            if not watch.is_late:
                raise
        finally:
            self._alarm.leave(watch)
        sent = progress.may_be_sent
        raise DeadlineExceeded(call.upstream, call.operation, "no answer in time", sent=sent)


class LastDoor:
    """Turns back a call whose time was used up by waiting; the last layer before credentials."""

    def __init__(self, inner: Send, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    async def __call__(self, call: Call) -> Reply:
        """Send the call if its time is still worth it; raises DeadlineExceeded, unsent."""
        if call.deadline - self._clock() < SMALLEST_SECONDS:
            raise _no_time(call)
        progress = _progress.get()
        if progress is None:
            return await self._inner(call)
        progress.may_be_sent = True
        try:
            return await self._inner(call)
        except UpstreamError as error:
            progress.may_be_sent = error.sent
            raise


def _no_time(call: Call) -> DeadlineExceeded:
    what = "no time was left to ask"
    return DeadlineExceeded(call.upstream, call.operation, what, sent=False)
