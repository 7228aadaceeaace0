"""What a forecast says: steps with their calls as bounds, and the sums that a person looks at.

Bounds come in threes: at least, at most, and what is likely; equal ones are exact, and an unknown
upper one is None. They count what a request would make for itself when every call succeeds at the
first attempt, and what the document names by id exists: retries, tokens and the filling of feeds in
the background stand apart.
Invariant: plain values with a closed, versioned shape; nothing here looks anything up.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from casegraph.loading.access.cost import Candidate

VERSION = 1
"""Of the shape that `Forecast.shape` returns; a new member does not change it."""


@dataclass(frozen=True, slots=True)
class Span:
    """How many of something: bounds, and the likely figure between them."""

    least: int
    most: int | None
    likely: int

    @classmethod
    def exactly(cls, number: int) -> "Span":
        """Return what is certain."""
        return cls(number, number, number)

    @property
    def is_exact(self) -> bool:
        """Whether the bounds meet."""
        return self.least == self.most

    def __add__(self, other: "Span") -> "Span":
        most = None if self.most is None or other.most is None else self.most + other.most
        return Span(self.least + other.least, most, self.likely + other.likely)

    def times(self, number: int) -> "Span":
        """Return so many times as many."""
        most = None if self.most is None else self.most * number
        return Span(self.least * number, most, self.likely * number)

    def shape(self) -> dict[str, int | None]:
        """Return the bounds as they go out."""
        return {"least": self.least, "most": self.most, "likely": self.likely}


NONE = Span.exactly(0)
ONE = Span.exactly(1)
PERHAPS = Span(0, 1, 0)
"""One call if something is otherwise than usual."""


@dataclass(frozen=True, slots=True)
class Step:
    """Calls of one kind that belong together; times in seconds from the operation's start."""

    field: str
    """The path of the field in the answer, list indexes left out."""
    upstream: str
    operation: str
    """What would be asked, named as in a trace."""
    keys: Span
    calls: Span
    path: str
    begins: float = 0.0
    seconds: float = 0.0
    waits: float = 0.0
    """Of `seconds`, what is waiting for the upstream's pace."""
    rejected: Sequence[Candidate] = ()
    state: str = ""
    """What is known of cache and feed."""
    note: str = ""
    """On what the number depends."""

    @property
    def ends(self) -> float:
        """When its answers are likely to be there."""
        return self.begins + self.seconds

    def shape(self) -> dict[str, Any]:
        """Return the step as it goes out."""
        return {
            "field": self.field,
            "upstream": self.upstream,
            "operation": self.operation,
            "keys": self.keys.shape(),
            "calls": self.calls.shape(),
            "path": self.path,
            "rejected": [_rejected(each) for each in self.rejected],
            "state": self.state or None,
            "note": self.note or None,
            "startMs": _ms(self.begins),
            "durationMs": _ms(self.seconds),
            "waitMs": _ms(self.waits),
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an operation would do; `refused` are fields that would fail before any call."""

    operation: str | None
    steps: tuple[Step, ...]
    refused: tuple[tuple[str, str], ...] = ()
    fuse: int | None = None
    """Calls that one operation may make."""

    @property
    def calls(self) -> Span:
        """All calls."""
        return total(step.calls for step in self.steps)

    @property
    def seconds(self) -> float:
        """When the answer is likely to be there."""
        return max((step.ends for step in self.steps), default=0.0)

    @property
    def goes_over(self) -> bool:
        """Whether the fuse is likely to stop it."""
        return self.fuse is not None and self.calls.likely > self.fuse

    def by_upstream(self) -> dict[str, Span]:
        """Return the calls of each upstream that may be asked, in the order of their first."""
        grouped: dict[str, list[Span]] = defaultdict(list)
        for step in self.steps:
            grouped[step.upstream].append(step.calls)
        return {upstream: total(spans) for upstream, spans in grouped.items()}

    def waits_of(self, upstream: str) -> float:
        """Return how long the longest wait for this upstream's pace is."""
        return max((step.waits for step in self.steps if step.upstream == upstream), default=0.0)

    def shape(self) -> dict[str, Any]:
        """Return the value of `extensions.explain`."""
        return {
            "version": VERSION,
            "operation": self.operation,
            "calls": self.calls.shape(),
            "durationMs": _ms(self.seconds),
            "fuse": self.fuse,
            "goesOverFuse": self.goes_over,
            "upstreams": [
                {
                    "upstream": upstream,
                    "calls": calls.shape(),
                    "waitMs": _ms(self.waits_of(upstream)),
                }
                for upstream, calls in self.by_upstream().items()
            ],
            "steps": [step.shape() for step in self.steps],
            "refused": [{"field": field, "reason": why} for field, why in self.refused],
        }


def total(spans: Iterable[Span]) -> Span:
    """Return the sum of spans."""
    return sum(spans, NONE)


def _rejected(each: Candidate) -> dict[str, Any]:
    return {
        "path": each.path.value,
        "calls": each.calls,
        "durationMs": _ms(each.seconds),
        "why": each.why or "costs more",
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
