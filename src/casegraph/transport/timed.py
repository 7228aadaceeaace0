"""How long an attempt on the wire takes, told to whoever plans the next ones.

Stands around the exchange, inside pace and bulkhead, so that waits of our own are not taken for
slowness of the upstream.
Invariant: changes nothing; an attempt that failed tells nothing, because a refused connection is
quick and a hang is as long as our patience.
"""

from collections.abc import Callable

from casegraph.transport.calls import Call, Reply, Send

Took = Callable[[str, str, float], None]
"""Told upstream, operation and seconds."""


class Timed:
    """Tells how long each answered attempt took."""

    def __init__(self, inner: Send, took: Took, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._took = took
        self._clock = clock

    async def __call__(self, call: Call) -> Reply:
        """Send the call."""
        began = self._clock()
        reply = await self._inner(call)
        self._took(call.upstream, call.operation, self._clock() - began)
        return reply
