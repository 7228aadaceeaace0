"""Figures that are plain numbers are told as the library tells its own."""

from collections.abc import Callable
from typing import Any

import prometheus_client as library
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.telemetry.tallies import OTHER, Counters, Gauges, Histograms

BOUNDS = (0.01, 0.25, 1.0, 3.0)
LABELS = {"upstream": ("a", 'b"\\\n'), "operation": ("x", "y")}
AMOUNTS = st.floats(-1, 10) | st.sampled_from([0.0, *BOUNDS, 1e300])
CHANGES = st.lists(st.tuples(st.sampled_from(["a", 'b"\\\n']), st.sampled_from("xy"), AMOUNTS))


def _text(make: Callable[[library.CollectorRegistry], Any], change: Callable[[Any], None]) -> bytes:
    registry = library.CollectorRegistry()
    family = make(registry)
    change(family)
    return library.generate_latest(registry)


def _ours(family: Any) -> Callable[[library.CollectorRegistry], Any]:
    def make(registry: library.CollectorRegistry) -> Any:
        registry.register(family)
        return family

    return make


@pytest.fixture(scope="module", autouse=True)
def _without_creation_times() -> None:
    """Nothing here tells when a figure began, so the library is not to either."""
    library.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library forgot its hints


@given(CHANGES)
def test_a_counter_is_told_as_the_library_tells_it(changes: list[tuple[str, str, float]]) -> None:
    """To the letter, whatever its labels hold."""

    def ours(family: Any) -> None:
        for *labels, amount in changes:
            family.at(*labels).value += abs(amount)

    def theirs(family: Any) -> None:
        for *labels, amount in changes:
            family.labels(*labels).inc(abs(amount))

    assert _text(_ours(Counters("n", "About.", LABELS)), ours) == _text(
        lambda registry: library.Counter("n", "About.", tuple(LABELS), registry=registry), theirs
    )


@given(CHANGES)
def test_a_gauge_is_told_as_the_library_tells_it(changes: list[tuple[str, str, float]]) -> None:
    """To the letter, set or changed."""

    def ours(family: Any) -> None:
        for *labels, amount in changes:
            family.at(*labels).value = amount
            family.at(*labels).value -= 1

    def theirs(family: Any) -> None:
        for *labels, amount in changes:
            family.labels(*labels).set(amount)
            family.labels(*labels).dec()

    assert _text(_ours(Gauges("n", "About.", LABELS)), ours) == _text(
        lambda registry: library.Gauge("n", "About.", tuple(LABELS), registry=registry), theirs
    )


@given(CHANGES)
def test_a_histogram_is_told_as_the_library_tells_it(
    changes: list[tuple[str, str, float]],
) -> None:
    """To the letter: an amount that is a bucket's end is in it, and buckets add up."""

    def ours(family: Any) -> None:
        for *labels, amount in changes:
            family.at(*labels).observe(amount)

    def theirs(family: Any) -> None:
        for *labels, amount in changes:
            family.labels(*labels).observe(amount)

    assert _text(_ours(Histograms("n", "About.", BOUNDS, LABELS)), ours) == _text(
        lambda registry: library.Histogram(
            "n", "About.", tuple(LABELS), buckets=BOUNDS, registry=registry
        ),
        theirs,
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Counters("n", "About.", {}), library.Counter),
        (Gauges("n", "About.", {}), library.Gauge),
        (Histograms("n", "About.", BOUNDS, {}), library.Histogram),
    ],
    ids=["counter", "gauge", "histogram"],
)
def test_a_figure_without_labels_is_there_from_the_start(ours: Any, theirs: Any) -> None:
    """At nothing, before anything happens."""
    buckets = {"buckets": BOUNDS} if theirs is library.Histogram else {}

    assert _text(_ours(ours), lambda _: None) == _text(
        lambda registry: theirs("n", "About.", registry=registry, **buckets), lambda _: None
    )


def test_labels_that_were_not_named_are_others() -> None:
    """They share one figure, and the text has no other name for them."""
    family = Counters("n", "About.", LABELS)

    assert family.at("unheard", "x") is family.at("of", "x") is family.at(OTHER, "x")
    assert family.at("a", "x") is not family.at("a", "unheard")
