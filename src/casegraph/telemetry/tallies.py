"""Figures kept as plain numbers, and turned into Prometheus' shape when somebody asks for them.

The library's own counters take a lock for each change, and a histogram two; a request for a page of
cases changes 430 figures. Everything that is counted here is counted on one thread, so a number
that is added to will do, and a histogram is one search among its bounds: a quarter of the time.
Invariants: changed and read on the thread of the event loop only; what is told of a figure is what
the library would tell of it, to the letter (`tests/telemetry/test_tallies.py`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

OTHER = "other"
"""The label value of what has no name here."""


class Tally:
    """One counter or gauge of one set of labels."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


class Spread:
    """One histogram of one set of labels; `bounds` are its buckets' upper ends, inclusive."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, amount: float) -> None:
        """Count an amount into its bucket."""
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.total += amount


C = TypeVar("C", Tally, Spread)


class Family(Collector, Generic[C]):
    """Figures of one name, each made the first time its labels are met.

    A family without labels has its only figure from the start.
    """

    def __init__(
        self, name: str, about: str, labels: Mapping[str, Iterable[str]], make: Callable[[], C]
    ) -> None:
        self.name = name
        self._about = about
        self.labels = tuple(labels)
        self._allowed = [frozenset(values) for values in labels.values()]
        self._make: Callable[[], C] = make
        self._children: dict[tuple[str, ...], C] = {}
        if not labels:
            self.at()

    def at(self, *labels: str) -> C:
        """Return the figure of these labels."""
        child = self._children.get(labels)
        return self._bind(labels) if child is None else child

    def _bind(self, labels: tuple[str, ...]) -> C:
        # Kept under the closed labels only, or unknown ones would fill the memory instead.
        closed = tuple(
            str(label) if label in allowed else OTHER
            for label, allowed in zip(labels, self._allowed, strict=True)
        )
        child = self._children.get(closed)
        if child is None:
            child = self._children[closed] = self._make()
        return child


class _Tallies(Family[Tally]):
    """Figures that are one number each."""

    _told_as: type[CounterMetricFamily] | type[GaugeMetricFamily]

    def __init__(self, name: str, about: str, labels: Mapping[str, Iterable[str]]) -> None:
        super().__init__(name, about, labels, Tally)

    def collect(self) -> Iterator[Metric]:
        """Yield the family as the library tells one."""
        family = self._told_as(self.name, self._about, labels=self.labels)
        for labels, child in self._children.items():
            family.add_metric(labels, child.value)
        yield family


class Counters(_Tallies):
    """Figures that only grow; `_total` is added to the name when it is told."""

    _told_as = CounterMetricFamily


class Gauges(_Tallies):
    """Figures that go up and down."""

    _told_as = GaugeMetricFamily


class Histograms(Family[Spread]):
    """Amounts by size; `bounds` ascend, and the bucket without an upper end comes with them."""

    def __init__(
        self,
        name: str,
        about: str,
        bounds: Sequence[float],
        labels: Mapping[str, Iterable[str]],
    ) -> None:
        self._ends = [floatToGoString(each) for each in (*bounds, float("inf"))]  # type: ignore[no-untyped-call]  # the library forgot its hints
        super().__init__(name, about, labels, lambda: Spread(bounds))

    def collect(self) -> Iterator[Metric]:
        """Yield the family as the library tells one."""
        family = HistogramMetricFamily(self.name, self._about, labels=self.labels)
        for labels, child in self._children.items():
            buckets = list(zip(self._ends, accumulate(child.counts), strict=True))
            family.add_metric(labels, buckets, child.total)
        yield family
