"""The words of a feed: how it is to be kept, what state it is in, what it is asked and answers.

A feed is an index of the rows of many cases that is kept true by reading what has changed. The cost
model, `explain` and the loaders see these values only.
Invariant: plain frozen values; nothing here waits, calls or reads a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

from casegraph.loading.ledger import Provenance

Row = TypeVar("Row")


class FeedMode(StrEnum):
    """When the first fill begins."""

    LAZY = "lazy"
    """At the first need."""
    EAGER = "eager"
    """At start."""
    OFF = "off"
    """Never: every read is a direct call."""


@dataclass(frozen=True, slots=True)
class FeedBounds:
    """How much a feed may hold and read, and how long it may trust itself.

    `rows` and `bytes` bound all feeds of one upstream together and each of them alone; `pages`
    bounds one fill. A row that was deleted upstream is noticed by counting, at the latest by the
    first answer that makes a call `reconcile_seconds` after the last count; from then on the feed
    answers nothing until it has been read anew. A row that comes between two answers and goes
    between a count and its refresh can make up for a deletion once; the next count finds it.
    Whatever else might be missed is found by the full rescan that each `rescan_seconds` of use
    brings. `overlap_seconds` is how late a row may become visible after the time it carries: 60 s
    is more than any commit lasts.
    """

    window_days: int | None = None
    pages: int = 100
    rows: int = 100_000
    bytes: int = 64 * 2**20
    reconcile_seconds: float = 300.0
    rescan_seconds: float = 3600.0
    overlap_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """How the feeds of one upstream are to be kept."""

    mode: FeedMode = FeedMode.LAZY
    bounds: FeedBounds = FeedBounds()
    why_off: str | None = None
    """What is told of a feed that is off for another reason than that nobody wants it."""


class FeedState(StrEnum):
    """What a feed is good for at this moment."""

    OFF = "off"
    """Never of use: switched off, or its upstream is not configured."""
    EMPTY = "empty"
    """Nobody has needed it yet."""
    FILLING = "filling"
    """Being read; of use once that has ended."""
    READY = "ready"
    """Complete as of the moment it was confirmed."""
    UNUSABLE = "unusable"
    """Cannot be had for a while; `FeedView.reason` says why."""


@dataclass(frozen=True, slots=True)
class FeedView:
    """What can be seen of a feed without asking anybody.

    `pages_left` are the calls that a running fill still needs, None while it does not know.
    `refresh_calls` are the calls that the next answer waits for, if no more than a page has
    changed; where they are `is_joinable`, they are being made already. `needs_per_second` is how
    many requests have needed the feed lately.
    `covers_from` is None where the feed goes back without a limit.
    """

    state: FeedState
    total_rows: int | None = None
    pages_left: int | None = None
    refresh_calls: int = 1
    is_joinable: bool = False
    needs_per_second: float = 0.0
    confirmed_at: float | None = None
    covers_from: datetime | None = None
    reason: str | None = None


class FeedKey(Struct, frozen=True):
    """A case in the upstream of the feed, its id in normal form.

    `since` is when the case was opened, None where that is not known: a feed with a window knows
    nothing of a case that may have rows from before it.
    """

    case_id: str
    since: datetime | None = None


class FeedAnswer(Struct, Generic[Row], frozen=True):
    """The rows of those keys that the feed is complete for; a key without rows has an empty tuple.

    A key that is missing here must be asked directly: its absence says nothing about its rows.
    """

    rows: Mapping[str, tuple[Row, ...]]
    provenance: Provenance


class UnfitError(Exception):
    """The upstream's answers cannot carry a feed for `seconds`; the text names no row and no id."""

    def __init__(self, reason: str, seconds: float) -> None:
        self.reason = reason
        self.seconds = seconds
        super().__init__(reason)
