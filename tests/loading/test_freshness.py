"""The verdict over age, windows and acceptance, as a table and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.freshness import (
    ANY,
    DEFAULT_WINDOWS,
    Acceptance,
    Kind,
    Verdict,
    Windows,
    stands_in,
    verdict,
)

EDITED = Windows(fresh=0, stale=0, stale_if_error=600)
RATED = Windows(fresh=60, stale=60, stale_if_error=600)
INFINITE = float("inf")
NO_CACHE = Acceptance(no_cache=True)
CACHED = Acceptance(only_if_cached=True)


def within(
    max_age: float | None = None, max_stale: float | None = None, *, cached: bool = False
) -> Acceptance:
    """Return an acceptance that names ages."""
    return Acceptance(max_age=max_age, max_stale=max_stale, only_if_cached=cached)


TABLE = [
    # windows, acceptance, age, verdict, stands in
    (RATED, ANY, None, Verdict.FETCH, False),
    (RATED, ANY, 0, Verdict.SERVE, True),
    (RATED, ANY, 60, Verdict.SERVE, True),
    (RATED, ANY, 61, Verdict.REVALIDATE, True),
    (RATED, ANY, 120, Verdict.REVALIDATE, True),
    (RATED, ANY, 121, Verdict.FETCH, True),
    (RATED, ANY, 660, Verdict.FETCH, True),
    (RATED, ANY, 661, Verdict.FETCH, False),
    (RATED, NO_CACHE, 0, Verdict.FETCH, False),
    (RATED, within(30), 30, Verdict.SERVE, True),
    (RATED, within(30), 31, Verdict.FETCH, True),
    (RATED, within(300), 300, Verdict.SERVE, True),
    (RATED, within(0), 0, Verdict.FETCH, True),
    (RATED, within(None, 100), 61, Verdict.SERVE_STALE, True),
    (RATED, within(None, 100), 160, Verdict.SERVE_STALE, True),
    (RATED, within(None, 100), 161, Verdict.FETCH, True),
    (RATED, within(10, 20), 30, Verdict.SERVE_STALE, True),
    (RATED, within(10, 20), 31, Verdict.FETCH, True),
    (RATED, within(None, INFINITE), 660, Verdict.SERVE_STALE, True),
    (RATED, within(None, INFINITE), 661, Verdict.FETCH, False),
    (RATED, CACHED, None, Verdict.REFUSE, False),
    (RATED, CACHED, 60, Verdict.SERVE, True),
    (RATED, CACHED, 660, Verdict.SERVE_STALE, True),
    (RATED, CACHED, 661, Verdict.REFUSE, False),
    (RATED, within(30, cached=True), 31, Verdict.REFUSE, True),
    (RATED, within(30, 1, cached=True), 31, Verdict.SERVE_STALE, True),
    (EDITED, ANY, 0, Verdict.FETCH, True),
    (EDITED, ANY, 600, Verdict.FETCH, True),
    (EDITED, ANY, 601, Verdict.FETCH, False),
    (EDITED, within(300), 300, Verdict.SERVE, True),
    (EDITED, within(None, 5), 5, Verdict.SERVE_STALE, True),
    (EDITED, CACHED, 5, Verdict.SERVE_STALE, True),
]


@pytest.mark.parametrize(("windows", "acceptance", "age", "expected", "instead"), TABLE)
def test_the_verdict(
    windows: Windows, acceptance: Acceptance, age: float | None, expected: Verdict, *, instead: bool
) -> None:
    """What is done with something of this age, and whether it stands in when asking fails."""
    assert verdict(age, windows, acceptance) is expected
    assert stands_in(age, windows, acceptance) is instead


ages = st.none() | st.floats(0, 2000)
seconds = st.floats(0, 1000)
all_windows = st.builds(Windows, seconds, seconds, seconds)
acceptances = st.builds(
    Acceptance, st.none() | seconds, st.none() | seconds, st.booleans(), st.booleans()
)


@given(ages, all_windows, acceptances)
def test_who_wants_no_call_causes_none(
    age: float | None, windows: Windows, acceptance: Acceptance
) -> None:
    """With only-if-cached the verdict never asks; without it, it never refuses."""
    calls = {Verdict.FETCH, Verdict.REVALIDATE}
    decided = verdict(age, windows, acceptance)
    assert not (acceptance.only_if_cached and decided in calls)
    assert acceptance.only_if_cached or decided is not Verdict.REFUSE


@given(st.floats(0, 2000), all_windows, acceptances)
def test_nothing_older_than_was_said_is_served_without_a_failure(
    age: float, windows: Windows, acceptance: Acceptance
) -> None:
    """What a client named as its bound is kept to, whatever the kind's own windows are."""
    served = verdict(age, windows, acceptance) not in {Verdict.FETCH, Verdict.REFUSE}
    if served and acceptance.max_age is not None:
        assert age <= acceptance.max_age + (acceptance.max_stale or 0)
    if served:
        assert age <= windows.kept
        assert acceptance.only_if_cached or not acceptance.no_cache


@given(st.floats(0, 1000), st.floats(0, 1000), all_windows, acceptances)
def test_what_is_younger_is_never_judged_worse(
    one: float, other: float, windows: Windows, acceptance: Acceptance
) -> None:
    """If something of an age is served, so is whatever is younger."""
    refusals = {Verdict.FETCH, Verdict.REFUSE}
    young, old = sorted((one, other))
    if acceptance.max_age is None and windows.fresh == 0:
        young = max(young, min(old, 1e-9))  # an age of nothing is not an age that is fresh
    if verdict(old, windows, acceptance) not in refusals:
        assert verdict(young, windows, acceptance) not in refusals


def test_a_field_stands_above_its_request() -> None:
    """What a field says replaces the request's word on the same matter, and its no-cache."""
    request = Acceptance(max_age=10, max_stale=5, no_cache=True, only_if_cached=True)

    assert request.for_field(None, None) is request
    assert request.for_field(60, None) == Acceptance(60, 5, no_cache=False, only_if_cached=True)
    assert request.for_field(None, 0) == Acceptance(10, 0, no_cache=False, only_if_cached=True)


def test_the_defaults_are_those_of_the_reliability_study() -> None:
    """Edited data is confirmed each time; ratings live a minute, look-ups five; ten in need."""
    found = {
        kind: (each.fresh, each.stale, each.stale_if_error)
        for kind, each in DEFAULT_WINDOWS.items()
    }
    assert found == {
        Kind.LISTS: (300, 300, 600),
        Kind.ROLES: (300, 300, 600),
        Kind.CASES: (0, 0, 600),
        Kind.NOTES: (0, 0, 600),
        Kind.REVIEWS: (0, 0, 600),
        Kind.RATINGS: (60, 60, 600),
        Kind.CUSTOMER_CASES: (60, 60, 600),
    }
