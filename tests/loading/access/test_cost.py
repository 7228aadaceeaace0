"""The choice among ways to get rows, as a table of situations and as properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.access.cost import (
    TABLE,
    Candidate,
    FeedKnown,
    Known,
    Need,
    NeedKind,
    Path,
    SweepKnown,
    choose,
    is_worth_a_look,
)
from casegraph.loading.access.lane import Lane

PACED = Lane(concurrency=1, interval=2.0, ahead=8.0)
"""The reviews system as it is set by default: a call in two seconds, five at once."""


def _ready(calls: int = 1) -> FeedKnown:
    return FeedKnown(ready=True, refresh_calls=calls)


def _filling(pages: int | None) -> FeedKnown:
    return FeedKnown(pages_left=pages)


SITUATIONS: list[tuple[str, NeedKind, int, dict[str, Any], Path, int]] = [
    ("nothing known", NeedKind.NOTES, 20, {}, Path.DIRECT, 20),
    ("all in hand", NeedKind.NOTES, 20, {"in_hand": 20}, Path.IN_HAND, 0),
    ("feed ready", NeedKind.NOTES, 20, {"feed": _ready()}, Path.FEED, 1),
    (
        "feed ready, one key: the feed wins a tie",
        NeedKind.NOTES,
        1,
        {"feed": _ready()},
        Path.FEED,
        1,
    ),
    (
        "a refresh that others wait for adds no call",
        NeedKind.NOTES,
        1,
        {"feed": FeedKnown(ready=True, is_joinable=True), "page_latency": 0.15},
        Path.FEED,
        0,
    ),
    (
        "one that hangs is waited for by nobody who has another way",
        NeedKind.NOTES,
        1,
        {"feed": FeedKnown(ready=True, is_joinable=True), "page_latency": 5.0},
        Path.DIRECT,
        1,
    ),
    (
        "a refresh for many at the same time is a part of a call for each",
        NeedKind.NOTES,
        1,
        {"feed": FeedKnown(ready=True, shared_by=10), "page_latency": 0.18},
        Path.FEED,
        1,
    ),
    (
        "however many they are, they wait no longer for it than a call is worth",
        NeedKind.NOTES,
        1,
        {"feed": FeedKnown(ready=True, shared_by=1000), "page_latency": 0.21},
        Path.DIRECT,
        1,
    ),
    ("feed far behind", NeedKind.NOTES, 3, {"feed": _ready(9)}, Path.DIRECT, 3),
    (
        "confirmed as lately as the client asks",
        NeedKind.NOTES,
        1,
        {"feed": _ready(0)},
        Path.FEED,
        0,
    ),
    ("a short fill", NeedKind.NOTES, 20, {"feed": _filling(8)}, Path.FILL, 0),
    ("a long fill", NeedKind.NOTES, 2, {"feed": _filling(80)}, Path.DIRECT, 2),
    ("a fill of unknown length", NeedKind.NOTES, 20, {"feed": _filling(None)}, Path.DIRECT, 20),
    (
        "paced: neither in time, so as many calls as go",
        NeedKind.REVIEWS,
        20,
        {"feed": _filling(45), "lane": PACED, "time_left": 10.0},
        Path.DIRECT,
        20,
    ),
    (
        "paced: a fill that ends in time",
        NeedKind.REVIEWS,
        20,
        {"feed": _filling(6), "lane": PACED, "time_left": 10.0},
        Path.FILL,
        0,
    ),
    (
        "paused beyond the deadline: the feed's rows may stand in",
        NeedKind.REVIEWS,
        20,
        {"feed": _ready(), "lane": Lane(hold=30.0), "time_left": 10.0},
        Path.FEED,
        1,
    ),
    ("a list to be swept", NeedKind.NOTES, 20, {"sweep": SweepKnown(3)}, Path.SWEEP, 3),
    (
        "a list of so many rows that a call for each is less work",
        NeedKind.NOTES,
        20,
        {"sweep": SweepKnown(8, rows=7500)},
        Path.DIRECT,
        20,
    ),
    (
        "the same list for more keys",
        NeedKind.NOTES,
        60,
        {"sweep": SweepKnown(8, rows=7500)},
        Path.SWEEP,
        8,
    ),
    ("a long list, few keys", NeedKind.NOTES, 3, {"sweep": SweepKnown(8)}, Path.DIRECT, 3),
    ("one key, one page", NeedKind.REVIEWS, 1, {"sweep": SweepKnown(1)}, Path.DIRECT, 1),
    ("a list nobody has counted", NeedKind.NOTES, 99, {"sweep": SweepKnown()}, Path.DIRECT, 99),
    (
        "paced: a sweep is in time where calls for each are not",
        NeedKind.REVIEWS,
        20,
        {"sweep": SweepKnown(6), "lane": PACED, "time_left": 10.0},
        Path.SWEEP,
        6,
    ),
    (
        "a feed is better than the same calls",
        NeedKind.REVIEWS,
        20,
        {"sweep": SweepKnown(1), "feed": _ready()},
        Path.FEED,
        1,
    ),
    ("ratings, nothing known", NeedKind.RATINGS, 100, {}, Path.DIRECT, 100),
    ("few are rated", NeedKind.RATINGS, 100, {"pages": 25, "rest": 0.3}, Path.SUMMARIES, 55),
    ("most are rated", NeedKind.RATINGS, 100, {"pages": 25, "rest": 0.9}, Path.DIRECT, 100),
    ("summaries kept", NeedKind.RATINGS, 20, {"pages": 0, "rest": 0.5}, Path.SUMMARIES, 10),
    ("cases far apart", NeedKind.CASES, 3, {"pages": 25, "rest": 0.0}, Path.DIRECT, 3),
    ("cases close together", NeedKind.CASES, 20, {"pages": 2, "rest": 0.0}, Path.PAGES, 2),
    ("details have one way", NeedKind.DETAILS, 20, {"pages": 1, "feed": _ready()}, Path.DIRECT, 20),
    ("customers have one way", NeedKind.CUSTOMER_CASES, 7, {}, Path.DIRECT, 7),
    (
        "few calls left: the way that fits",
        NeedKind.CASES,
        40,
        {"pages": 40, "rest": 0.0, "calls_left": 40, "lane": Lane(concurrency=64)},
        Path.DIRECT,
        40,
    ),
    (
        "no way fits into the calls left",
        NeedKind.CASES,
        40,
        {"pages": 30, "rest": 0.0, "calls_left": 10},
        Path.DIRECT,
        40,
    ),
]


@pytest.mark.parametrize(
    ("kind", "keys", "known", "path", "calls"),
    [row[1:] for row in SITUATIONS],
    ids=[row[0] for row in SITUATIONS],
)
def test_each_situation_has_its_way(
    kind: NeedKind, keys: int, known: dict[str, Any], path: Path, calls: int
) -> None:
    """The table of situations is what the model answers."""
    choice = choose(Need(kind, keys), Known(**known))

    assert (path, calls) == (choice.path, choice.taken.calls)


@pytest.mark.parametrize(
    ("keys", "known", "is_worth"),
    [
        (20, {"sweep": SweepKnown()}, True),
        (19, {"sweep": SweepKnown()}, False),
        (30, {"sweep": SweepKnown(), "in_hand": 11}, False),
        (99, {}, False),
        (20, {"sweep": SweepKnown(30)}, True),
        (20, {"sweep": SweepKnown(30, is_counted=True)}, False),
        (20, {"sweep": SweepKnown(3)}, False),
        (20, {"sweep": SweepKnown(), "calls_left": 0}, False),
        (20, {"sweep": SweepKnown(), "calls_left": 5}, True),
        (20, {"sweep": SweepKnown(30), "calls_left": 5}, False),
        (20, {"sweep": SweepKnown(30), "calls_left": 20}, False),
        (20, {"sweep": SweepKnown(30), "calls_left": 21}, True),
        (20, {"sweep": SweepKnown(), "time_left": 0.35}, False),
        (20, {"sweep": SweepKnown(), "time_left": 0.4}, True),
        (20, {"sweep": SweepKnown(), "time_left": 10.0, "lane": PACED}, True),
        (20, {"sweep": SweepKnown(), "time_left": 10.0, "lane": Lane(hold=11.0)}, False),
    ],
)
def test_when_a_look_at_a_list_is_worth_its_call(
    keys: int, known: dict[str, Any], *, is_worth: bool
) -> None:
    """Where many keys would be asked one by one, and there is time for one call more."""
    assert is_worth_a_look(Need(NeedKind.NOTES, keys), Known(**known)) == is_worth


@given(st.builds(Need, st.sampled_from(NeedKind), st.integers(1, 200)), st.data())
def test_a_look_is_little_beside_what_it_may_spare(need: Need, data: st.DataObject) -> None:
    """It is made before no less than twenty calls only, so it is a twentieth of them at most."""
    known = data.draw(_known)

    if is_worth_a_look(need, known):
        taken = choose(need, known).taken
        assert (taken.path, taken.calls >= 20) == (Path.DIRECT, True)


def test_what_was_passed_over_is_told_with_its_price() -> None:
    """Explain can show the rejected ways, each with calls and seconds."""
    known = Known(feed=_ready(), latency=0.2, page_latency=0.3, lane=Lane(concurrency=4))

    choice = choose(Need(NeedKind.NOTES, 8), known)

    assert choice.rejected() == [("direct", 8, 0.4)]


def test_an_impossible_way_says_why() -> None:
    """A way that is too slow, or takes too many calls, names its reason."""
    known = Known(feed=_filling(100), time_left=5.0, calls_left=3)

    fill, direct = choose(Need(NeedKind.NOTES, 4), known).candidates

    assert (fill.why, fill.feasible) == ("takes longer than is left", False)
    assert (direct.why, direct.feasible) == ("takes more calls than are left", False)


_seconds = st.floats(0, 60)
_lanes = st.builds(
    Lane,
    concurrency=st.integers(1, 64),
    interval=_seconds,
    ahead=_seconds,
    backlog=_seconds,
    hold=_seconds,
)
_feeds = st.builds(
    FeedKnown,
    ready=st.booleans(),
    refresh_calls=st.integers(0, 30),
    is_joinable=st.booleans(),
    shared_by=st.floats(1, 100),
    pages_left=st.none() | st.integers(0, 300),
)
_known = st.builds(
    Known,
    in_hand=st.integers(0, 5),
    lane=_lanes,
    latency=_seconds,
    page_latency=_seconds,
    time_left=_seconds | st.just(float("inf")),
    calls_left=st.none() | st.integers(0, 500),
    feed=st.none() | _feeds,
    sweep=st.none()
    | st.builds(
        SweepKnown,
        st.none() | st.integers(0, 30),
        is_counted=st.booleans(),
        rows=st.integers(0, 30_000),
    ),
    pages=st.none() | st.integers(0, 300),
    rest=st.floats(0, 1),
)
_needs = st.builds(Need, st.sampled_from(NeedKind), st.integers(1, 200))


def _beats(one: Candidate, other: Candidate) -> bool:
    calls, others = one.calls / one.shared_by, other.calls / other.shared_by
    return calls < others and one.seconds < other.seconds and one.rows <= other.rows


@given(_needs, _known)
def test_no_possible_way_is_better_in_everything(need: Need, known: Known) -> None:
    """Nothing is taken while a possible way has fewer calls for it, less time and no more rows."""
    choice = choose(need, known)

    possible = [each for each in choice.candidates if each.feasible]

    assert not any(_beats(each, choice.taken) for each in possible)
    assert not possible or choice.taken in possible


@given(_needs, _known)
def test_a_gateway_that_knows_nothing_makes_at_most_one_call_per_key(
    need: Need, known: Known
) -> None:
    """Without a ready feed or a known list there is never more than a call for each key."""
    cold = Known(
        in_hand=known.in_hand,
        lane=known.lane,
        latency=known.latency,
        page_latency=known.page_latency,
        time_left=known.time_left,
        feed=known.feed and FeedKnown(pages_left=known.feed.pages_left),
    )

    assert choose(need, cold).taken.calls <= max(0, need.keys - known.in_hand)


@given(_needs, _known)
def test_the_way_taken_costs_least_of_the_possible(need: Need, known: Known) -> None:
    """The taken way is no dearer, at the price of a call, than any other that is possible."""
    choice = choose(need, known)

    costs = [each.cost for each in choice.candidates if each.feasible]

    assert not costs or min(costs) == choice.taken.cost


def test_every_need_can_be_asked_key_by_key() -> None:
    """Each row of the table ends with the way that always exists."""
    for kind in NeedKind:
        last = choose(Need(kind, 3), Known()).candidates[-1]
        assert (last.path, last.calls) == (Path.DIRECT, 3)
    assert set(TABLE) == set(NeedKind)
