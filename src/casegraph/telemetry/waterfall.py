"""What one request did upstream, in the order in which it did it: calls, shared calls, choices.

A recorder stands in a context variable, so that no layer hands it down; where none stands, each
hook costs one look-up and does nothing. The tasks of shared flights are born in the context of the
request that began them: the call is told there, and the others tell that they joined it.
Invariant: rows hold names that stand in the code, numbers and outcomes, never a key, an address or
a piece of an answer; their number is bounded, and what did not fit is counted.
"""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
"""Of the shape that `Waterfall.shape` returns; a new member does not change it."""
ROWS_MAX = 1000
"""Most calls told of one request: twice the fuse's default, so that retries find room."""
CHOICES_MAX = 200
"""Most choices told of one request; each is one batch, and a page has a handful."""

RUNNING = "running"
"""The outcome of a call that had no answer when the request's own answer left."""
SHARED = "shared"
"""The outcome of waiting for a call that another request had begun."""
KEPT = "kept"
"""The outcome of a read that a kept answer served."""

Rejected = tuple[str, int, float]
"""A path that was not taken: its name, its calls, its seconds."""


@dataclass(slots=True, eq=False)
class WaterfallCall:
    """One row; times are on the recorder's clock, in seconds. `attempt` is 0 where none was made.

    `keys` counts what the path was chosen for, or, of a kept answer, how many reads it served.
    """

    upstream: str
    operation: str
    path: str | None
    keys: int | None
    started: float
    attempt: int
    waited: float = 0.0
    """Seconds between asking the chain and this attempt: pace, bulkhead, pause before a retry."""
    ended: float | None = None
    shared: bool = False
    cache: str | None = None
    bytes: int | None = None
    outcome: str = RUNNING


@dataclass(frozen=True, slots=True)
class Choice:
    """The path that a batch took, and those that it did not."""

    need: str
    path: str
    keys: int
    rejected: tuple[Rejected, ...]


@dataclass(slots=True, eq=False)
class Waterfall:
    """The rows of one request; `clock` is monotonic."""

    clock: Callable[[], float] = time.monotonic
    calls: list[WaterfallCall] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    omitted: int = 0
    started: float = field(init=False)
    _kept: dict[tuple[str, str, str], WaterfallCall] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def enter(self, call: WaterfallCall) -> None:
        """Add a row, or count it where there is no room."""
        if len(self.calls) < ROWS_MAX:
            self.calls.append(call)
        else:
            self.omitted += 1

    def enter_choice(self, choice: Choice) -> None:
        """Add a choice, or count it where there is no room."""
        if len(self.choices) < CHOICES_MAX:
            self.choices.append(choice)
        else:
            self.omitted += 1

    def enter_kept(self, upstream: str, kind: str, outcome: str) -> None:
        """Count a read that a kept answer served; equal ones are one row."""
        row = self._kept.get((upstream, kind, outcome))
        if row is not None:
            row.keys = (row.keys or 0) + 1
            row.ended = self.clock()
            return
        now = self.clock()
        row = WaterfallCall(upstream, kind, None, 1, now, 0, ended=now, cache=outcome, outcome=KEPT)
        self._kept[upstream, kind, outcome] = row
        self.enter(row)

    def shape(self) -> dict[str, Any]:
        """Return the value of `extensions.trace`; milliseconds count from the request's start."""
        now = self.clock()
        return {
            "version": VERSION,
            "durationMs": _ms(now - self.started),
            "calls": [self._call(call, now) for call in self.calls],
            "choices": [_choice(choice) for choice in self.choices],
            "omitted": self.omitted,
        }

    def _call(self, call: WaterfallCall, now: float) -> dict[str, Any]:
        ended = now if call.ended is None else call.ended
        return {
            "upstream": call.upstream,
            "operation": call.operation,
            "path": call.path,
            "keys": call.keys,
            "startMs": _ms(call.started - self.started),
            "durationMs": _ms(ended - call.started),
            "waitedMs": _ms(call.waited),
            "attempt": call.attempt,
            "shared": call.shared,
            "cache": call.cache,
            "bytes": call.bytes,
            "outcome": call.outcome,
        }


current_waterfall: ContextVar[Waterfall | None] = ContextVar("current_waterfall", default=None)
"""The recorder of the request on whose behalf this task runs; None records nothing."""

_taken: ContextVar[tuple[str, int] | None] = ContextVar("path_taken", default=None)
"""The path and the number of keys for which the calls of this task are made."""

_asked_at: ContextVar[float | None] = ContextVar("call_asked_at", default=None)
"""When the chain was asked for the running call, or its last attempt ended."""


def chose(need: str, path: str, keys: int, rejected: Sequence[Rejected] = ()) -> None:
    """Tell which path a batch takes; calls that this task and its children make are told under it.

    Names only, from the code: the text goes to the client. To be called in the task that makes the
    calls, before the first; a batch that mixes paths calls it again before each.
    """
    waterfall = current_waterfall.get()
    if waterfall is None:
        return
    waterfall.enter_choice(Choice(need, path, keys, tuple(rejected)))
    _taken.set((path, keys))


def kept(upstream: str, kind: str, outcome: str) -> None:
    """Tell that a kept answer served a read: `fresh`, `stale`, `negative` or `stands_in`."""
    waterfall = current_waterfall.get()
    if waterfall is not None:
        waterfall.enter_kept(upstream, kind, outcome)


class Joining:
    """The wait for a call that somebody else had begun; its row stands also without `with`."""

    __slots__ = ("_row", "_waterfall")

    def __init__(self, waterfall: Waterfall, row: WaterfallCall) -> None:
        self._waterfall = waterfall
        self._row = row

    def __enter__(self) -> None:
        """Begin to wait."""
        self._row.ended = None

    def __exit__(self, *_: object) -> None:
        """Tell how long the wait was, however it ended."""
        self._row.ended = self._waterfall.clock()


class _NotJoining:
    """Nothing is recorded."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NOT_JOINING = _NotJoining()


def shared(upstream: str, operation: str) -> Joining | _NotJoining:
    """Tell that a call in flight is joined; as a context manager it tells the wait too."""
    waterfall = current_waterfall.get()
    if waterfall is None:
        return _NOT_JOINING
    row = _row(waterfall, upstream, operation, 0)
    row.ended, row.shared, row.outcome = row.started, True, SHARED
    waterfall.enter(row)
    return Joining(waterfall, row)


def call_asked() -> None:
    """Tell that a call enters its upstream's chain: what passes until an attempt is waiting."""
    waterfall = current_waterfall.get()
    if waterfall is not None:
        _asked_at.set(waterfall.clock())


def call_started(upstream: str, operation: str, attempt: int) -> WaterfallCall | None:
    """Tell that an attempt goes on the wire; what is returned is for `call_finished`."""
    waterfall = current_waterfall.get()
    if waterfall is None:
        return None
    row = _row(waterfall, upstream, operation, attempt)
    asked = _asked_at.get()
    if asked is not None:
        row.waited = max(0.0, row.started - asked)
    waterfall.enter(row)
    return row


def call_finished(row: WaterfallCall | None, outcome: str, size: int | None = None) -> None:
    """Tell how an attempt ended; `size` is that of the decoded body, in bytes."""
    waterfall = current_waterfall.get()
    if row is None or waterfall is None:
        return
    row.ended, row.outcome, row.bytes = waterfall.clock(), outcome, size
    _asked_at.set(row.ended)


def call_refused(upstream: str, operation: str, attempt: int, reason: str) -> None:
    """Tell that a layer turned a call away before the wire."""
    waterfall = current_waterfall.get()
    if waterfall is None:
        return
    row = _row(waterfall, upstream, operation, attempt)
    asked = _asked_at.get()
    if asked is not None:
        row.started, row.waited = asked, max(0.0, row.started - asked)
    row.ended, row.outcome = waterfall.clock(), f"refused_{reason}"
    waterfall.enter(row)


def _row(waterfall: Waterfall, upstream: str, operation: str, attempt: int) -> WaterfallCall:
    path, keys = _taken.get() or (None, None)
    return WaterfallCall(upstream, operation, path, keys, waterfall.clock(), attempt)


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "need": choice.need,
        "path": choice.path,
        "keys": choice.keys,
        "rejected": [
            {"path": path, "calls": calls, "seconds": round(seconds, 3)}
            for path, calls, seconds in choice.rejected
        ],
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
