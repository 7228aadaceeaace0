"""One deadline per request, as a moment that every call carries and nobody can move.

The request's deadline is set once, at the door, in a context variable; a call takes it from there
when it is made. From then on it is a value of the call: waits, retries and time-outs ask only how
much is left.
Invariant: no call starts with less than 50 ms left, and none outlives its deadline, whatever hangs.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace

from casegraph.errors import DeadlineExceeded
from casegraph.transport.calls import Call, Reply, Send

SMALLEST_SECONDS = 0.05
"""Less than this is not worth a call (reliability §4 A)."""

request_deadline: ContextVar[float] = ContextVar("request_deadline", default=float("inf"))
"""The moment on the monotonic clock at which the current request must have been answered."""


class WithinDeadline:
    """Ends every call at its deadline; the outermost layer, so that all waits are inside."""

    def __init__(self, inner: Send, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    async def __call__(self, call: Call) -> Reply:
        """Send the call with the request's deadline; raises DeadlineExceeded."""
        deadline = min(call.deadline, request_deadline.get())
        left = deadline - self._clock()
        if left < SMALLEST_SECONDS:
            raise DeadlineExceeded(
                call.upstream, call.operation, "no time was left to ask", sent=False
            )
        if deadline == float("inf"):
            return await self._inner(call)
        timeout = asyncio.timeout(left)
        try:
            async with timeout:
                return await self._inner(replace(call, deadline=deadline))
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DeadlineExceeded(call.upstream, call.operation, "no answer in time") from None
