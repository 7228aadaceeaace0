"""What an answer's headers say about when to ask again: Retry-After and exhausted quotas.

Vendors write both in several ways, and wrongly at times. What cannot be read says nothing: a slip
in a header must neither stop us nor make us ask at once.
Invariant: no text raises; a wait is never negative.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?", re.ASCII)
"""RFC 9110 knows whole seconds only; a fraction is clear all the same."""
_LONGEST_TEXT = 64
_EPOCH_FROM = 1_000_000_000.0
"""A quota reset above this is a moment in epoch seconds, below it a number of seconds."""
_QUOTAS = tuple(
    (f"{prefix}-remaining", f"{prefix}-reset")
    for prefix in ("x-ratelimit", "ratelimit", "x-rate-limit")
)
"""The pairs of headers in which vendors tell what is left of a quota, and when it is full again."""


def retry_after_seconds(
    headers: Mapping[str, str], wall_clock: Callable[[], datetime]
) -> float | None:
    """Return the wait that Retry-After asks for, in seconds; None for none and for garbage."""
    text = headers.get("retry-after", "").strip()[:_LONGEST_TEXT]
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - wall_clock()).total_seconds())


def names_a_wait(headers: Mapping[str, str]) -> bool:
    """Return whether Retry-After says something, be it that the wait is over."""
    return retry_after_seconds(headers, lambda: datetime(1970, 1, 1, tzinfo=UTC)) is not None


def quota_pause(headers: Mapping[str, str], wall_clock: Callable[[], datetime]) -> float | None:
    """Return the wait that an exhausted quota means, in seconds; None when calls are left."""
    longest: float | None = None
    for remaining, reset in _QUOTAS:
        if remaining in headers and headers[remaining].strip() == "0":
            pause = _reset_seconds(headers.get(reset, ""), wall_clock)
            if pause is not None and (longest is None or pause > longest):
                longest = pause
    return longest


def _reset_seconds(text: str, wall_clock: Callable[[], datetime]) -> float | None:
    if not _SECONDS.fullmatch(text.strip()[:_LONGEST_TEXT]):
        return None
    reset = float(text.strip()[:_LONGEST_TEXT])
    if reset >= _EPOCH_FROM:
        reset -= wall_clock().timestamp()
    return max(0.0, reset)
