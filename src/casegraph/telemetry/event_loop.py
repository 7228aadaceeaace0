"""How late the event loop is: the one figure that shows work blocking every request at once.

A timer is set and its lateness measured. Nothing is averaged here; the histogram keeps the shape.
Invariant: one sample an interval, whatever the load; a blocked loop gives one large sample.
"""

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL_SECONDS = 0.5
"""Two samples a second cost nothing and see a block of 50 ms once in ten."""


async def watch_event_loop(
    observe: Callable[[float], None],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Observe the loop's lateness, in seconds, until cancelled."""
    while True:
        due = clock() + INTERVAL_SECONDS
        await sleep(INTERVAL_SECONDS)
        observe(max(0.0, clock() - due))
