"""Nobody asks an upstream before it wants to be asked: its own pace, its Retry-After, its quota.

Shared by all requests of the process. What an answer says about the next one is remembered as "not
before" and holds for every caller. A call that could not be made in the time it has is refused
before it is spent, because a place taken for nothing is taken from somebody who could use it.
Invariant: between a Retry-After and its moment at most the calls already on the wire arrive.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

from casegraph.errors import RateLimited
from casegraph.transport.calls import Call, Reply, Send
from casegraph.transport.pace import Pace

LONGEST_WAIT_SECONDS = 2.0
"""Longest pause that an upstream asked for and a request waits out (reliability §3)."""
LONGEST_MEMORY_SECONDS = 60.0
"""Longest time that a pause is remembered; a vendor's slip must not stop us for a day."""
JITTER = 0.1
"""A pause is stretched by up to this share, so that not all processes come back at once."""
NEEDED_SECONDS = 0.05
"""Time that must be left for the call itself after the wait."""
_THROTTLED = frozenset({429, 503})
_EPOCH_FROM = 1_000_000_000.0
"""A quota reset above this is a moment in epoch seconds, below it a number of seconds."""


class RateGate:
    """Lets calls through at the upstream's pace and outside the pauses it asked for."""

    def __init__(
        self,
        inner: Send,
        pace: Pace,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._pace = pace
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._sleep = sleep
        self._not_before = float("-inf")

    async def __call__(self, call: Call) -> Reply:
        """Send the call at its time; raises RateLimited when that comes too late."""
        await self._wait_for_pause(call)
        await self._wait_for_pace(call)
        # While waiting for its place another answer may have asked for a pause.
        await self._wait_for_pause(call)
        reply = await self._inner(call)
        self._learn(reply)
        return reply

    async def _wait_for_pause(self, call: Call) -> None:
        while (wait := self._not_before - self._clock()) > 0:
            if wait > min(LONGEST_WAIT_SECONDS, self._spare(call)):
                raise _refusal(call, "a pause was asked for", wait)
            await self._sleep(wait)

    async def _wait_for_pace(self, call: Call) -> None:
        place = await self._pace.reserve(self._spare(call))
        if not place.granted:
            raise _refusal(call, "its pace leaves no place in time", place.wait)
        if place.wait > 0:
            await self._sleep(place.wait)

    def _spare(self, call: Call) -> float:
        return call.deadline - self._clock() - NEEDED_SECONDS

    def _learn(self, reply: Reply) -> None:
        """Remember what an answer says about the next call."""
        pause = quota_pause(reply.headers, self._wall_clock)
        if reply.status in _THROTTLED:
            asked = retry_after_seconds(reply.headers, self._wall_clock)
            pause = max(pause or 0.0, asked or 0.0)
        if pause:
            pause = min(pause, LONGEST_MEMORY_SECONDS) * (1 + self._random.uniform(0, JITTER))
            self._not_before = max(self._not_before, self._clock() + pause)


def retry_after_seconds(
    headers: Mapping[str, str], wall_clock: Callable[[], datetime]
) -> float | None:
    """Return the wait that Retry-After asks for, in seconds; None for none and for garbage."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - wall_clock()).total_seconds())


def quota_pause(headers: Mapping[str, str], wall_clock: Callable[[], datetime]) -> float | None:
    """Return the wait that an exhausted quota means, in seconds; None when calls are left."""
    for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
        if headers.get(prefix + "remaining", "").strip() != "0":
            continue
        try:
            reset = float(headers.get(prefix + "reset", ""))
        except ValueError:
            return None
        if reset >= _EPOCH_FROM:
            reset -= wall_clock().timestamp()
        return max(0.0, reset)
    return None


def _refusal(call: Call, what: str, wait: float) -> RateLimited:
    return RateLimited(call.upstream, call.operation, what, int(wait * 1000) + 1, sent=False)
