"""Sweeps of a list that moves: the same rows as direct calls, for fewer calls, or direct calls."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    LimitExceeded,
    RateLimited,
    UpstreamUnavailable,
)
from casegraph.loading.access import sweeps
from casegraph.loading.access.planning import Access
from casegraph.loading.access.sweep_routes import NoteRoute, ReviewRoute
from casegraph.loading.asking import Asking
from casegraph.loading.feeds.bounds import FeedConfig, FeedMode
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.loading.freshness import ANY, Acceptance
from casegraph.loading.ledger import Ledger, Source, StaleReason
from casegraph.transport.allowance import Allowance, call_allowance
from casegraph.transport.deadline import request_deadline
from support.feed_answers import filled
from support.moving_lists import EPOCH, HUB
from support.swept_lists import MANY, SCOPE, Lab, turns

FEW = range(1, 6)
BY_PAGES = {"notes": ["page"] * 5 + ["count"], "reviews": ["count", *["page"] * 4]}
"""The calls of a sweep of thirty rows by pages of eight, or of ten with the changes behind them."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Return the upstreams, their lists read by small pages."""
    with ExitStack() as stack:
        for name, reading, size in (
            ("NoteReading", NoteReading, 8),
            ("ReviewReading", ReviewReading, 10),
        ):
            stack.enter_context(patch.object(sweeps, name, partial(reading, page_size=size)))
        yield Lab()


DIRECT = {"notes": "case_notes", "reviews": "reviews"}
BOTH = pytest.mark.parametrize("what", ["notes", "reviews"])


@BOTH
async def test_one_sweep_brings_what_thirty_calls_would(lab: Lab, what: str) -> None:
    """Nothing known: a few calls, none of them for a case, and each row from the upstream, new."""
    found = await lab.read(what)

    assert found == lab.truth(what)
    assert sorted(lab.made()) == sorted(BY_PAGES[what])
    came = lab.ledger.oldest()
    assert (came.source, came.fetched_at, came.reason) == (
        Source.UPSTREAM,
        lab.world.wall(),
        None,
    )


@BOTH
async def test_what_was_learned_serves_fewer_keys_too(lab: Lab, what: str) -> None:
    """Few keys are asked one by one while nobody knows the list's length, then by the cheaper."""
    assert await lab.read(what, FEW) == lab.truth(what, FEW)
    assert lab.made() == [DIRECT[what]] * 5
    await lab.read(what)
    lab.made()

    assert await lab.read(what, range(1, 20)) == lab.truth(what, range(1, 20))
    assert sorted(lab.made()) == sorted(BY_PAGES[what])


@BOTH
async def test_a_list_too_long_costs_one_call_more_and_only_once(lab: Lab, what: str) -> None:
    """A look shows that direct calls are cheaper; the next request knows without looking."""
    for _ in range(300):
        getattr(lab, what).add("999", "1")
    lab.world.seconds += 10

    assert await lab.read(what) == lab.truth(what)
    assert len(lab.made()) == 31
    await lab.read(what)

    assert lab.made() == [DIRECT[what]] * 30


@BOTH
async def test_rows_edited_while_they_are_read_are_found(lab: Lab, what: str) -> None:
    """A row that jumps to the end of the list, or out of its window, is neither missed nor old."""
    rows = getattr(lab, what)

    def edit() -> None:
        rows.edit(12, "77")

    for nth in range(1, 5):
        with lab.during(nth, edit):
            found = await lab.read(what)
        assert found == lab.truth(what)


@BOTH
async def test_a_row_added_while_they_are_read_hides_none(lab: Lab, what: str) -> None:
    """Each row that was there before is in the answer, however the list grows."""
    before = lab.truth(what)
    for nth in range(1, 7):
        with lab.during(nth, lambda: getattr(lab, what).add("3", "5")):
            found = await lab.read(what)
        assert found == lab.truth(what) or found[2] == before[2]
        before = lab.truth(what)


@BOTH
async def test_a_count_that_does_not_agree_makes_direct_calls(lab: Lab, what: str) -> None:
    """Every key is then asked itself, and the list is left alone for a while."""
    counted = f"{'hub_notes' if what == 'notes' else 'reviews_count'}"
    honest = getattr(getattr(lab, what), counted)

    async def lying(*args: Any, **values: Any) -> Any:
        answer = await honest(*args, **values)
        if what == "reviews":
            return answer + 1
        return type(answer)(answer.items, answer.total_count + (values["top"] == 1))

    setattr(getattr(lab, what), counted, lying)

    assert await lab.read(what) == lab.truth(what)
    assert Counter(lab.made())[DIRECT[what]] == 30
    assert await lab.read(what) == lab.truth(what)
    assert lab.made() == [DIRECT[what]] * 30
    lab.world.seconds += 301
    await lab.read(what)
    assert Counter(lab.made())["count"] >= 1


@BOTH
async def test_a_row_that_names_no_case_makes_direct_calls(lab: Lab, what: str) -> None:
    """It could belong to any of them."""
    getattr(lab, what).add("", "1")

    assert await lab.read(what) == lab.truth(what)
    assert Counter(lab.made())[DIRECT[what]] == 30


async def test_a_broken_value_costs_its_own_field(lab: Lab) -> None:
    """Of a note that is wanted, as by direct calls; of another nothing."""
    broken: Any = 5
    lab.notes.rows[3].text = broken

    texts = await lab.read_notes()
    assert sorted(lab.made()) == sorted(BY_PAGES["notes"])
    assert isinstance(texts[2][0][1], ContractViolation)
    texts[2] = lab.truth("notes")[2]
    assert texts == lab.truth("notes")


async def test_a_wanted_note_that_cannot_be_read_makes_direct_calls(lab: Lab) -> None:
    """They tell whose it is; and the list is left alone for a while. Who wants others has them."""
    honest = lab.notes.read_note_rows

    async def reading(hub_id: str, rows: Any) -> Any:
        if any(row.case_id == "3" for row in rows):
            raise ContractViolation("action_management", "hub_notes", "not JSON")
        return await honest(hub_id, rows)

    lab.notes.read_note_rows = reading  # type: ignore[method-assign]
    others = range(4, 30)
    assert await lab.read_notes(others) == lab.truth("notes", others)
    assert DIRECT["notes"] not in lab.made()

    assert await lab.read_notes() == lab.truth("notes")
    assert Counter(lab.made())[DIRECT["notes"]] == 30
    await lab.read_notes()
    assert lab.made() == [DIRECT["notes"]] * 30


async def test_only_wanted_notes_are_read(lab: Lab) -> None:
    """The others are walked past."""
    await lab.read_notes()
    seen: list[str] = []
    honest = lab.notes.read_note_rows

    async def reading(hub_id: str, rows: Any) -> Any:
        seen.extend(str(row.case_id) for row in rows)
        return await honest(hub_id, rows)

    lab.notes.read_note_rows = reading  # type: ignore[method-assign]
    few = range(1, 20)
    assert await lab.read_notes(few) == lab.truth("notes", few)
    assert sorted(seen, key=int) == [str(number) for number in few]


@BOTH
async def test_a_list_longer_than_it_was_makes_direct_calls(lab: Lab, what: str) -> None:
    """What was learned is no more true: the sweep is given up, and the figure put right."""
    await lab.read(what)
    for _ in range(500):
        getattr(lab, what).add("999", "1")
    lab.world.seconds += 10
    lab.made()

    assert await lab.read(what) == lab.truth(what)
    calls = Counter(lab.made())
    assert calls[DIRECT[what]] == 30
    assert calls.total() <= 30 + len(BY_PAGES[what]) + 1
    await lab.read(what)
    assert lab.made() == [DIRECT[what]] * 30


async def test_a_short_list_of_reviews_is_one_call_once_its_length_is_known(lab: Lab) -> None:
    """What fits on a page is no more counted; a page that has filled meanwhile is not enough."""
    for row_id in range(8, 31):
        lab.reviews.delete(row_id)
    assert await lab.read_reviews() == lab.truth("reviews")
    assert lab.made() == ["count", "page"]
    assert await lab.read_reviews() == lab.truth("reviews")
    assert lab.made() == ["page"]
    for number in MANY:
        lab.reviews.add(str(number), "4")

    assert await lab.read_reviews() == lab.truth("reviews")
    assert lab.made() == ["page", *["reviews"] * 30]


async def test_notes_are_read_from_before_the_oldest_case(lab: Lab) -> None:
    """The window begins at midnight, more than a day before; without a known age it is open."""
    swept = sweeps.notes_of(lab.sources, SCOPE, HUB, lab.world.wall)
    key = sweeps.FeedKey("1", EPOCH)

    assert swept.start_of([key, sweeps.FeedKey("2", EPOCH + timedelta(days=9))]) == (
        EPOCH - timedelta(days=1)
    ).replace(hour=0)
    assert swept.start_of([key, sweeps.FeedKey("2")]) is None
    swept_all = sweeps.reviews_of(lab.sources, SCOPE, lab.world.wall)
    assert swept_all.start_of([key]) is None


async def test_a_longer_window_bounds_a_shorter_one(lab: Lab) -> None:
    """What was counted since an earlier day is an upper bound for each later one, not the other."""
    swept = sweeps.notes_of(lab.sources, SCOPE, HUB, lab.world.wall)
    learned = lab.access.learned
    learned.counted((*swept.parts, EPOCH.date().isoformat()), 8)

    assert swept.known(learned, EPOCH).calls == 1
    assert swept.known(learned, EPOCH).is_counted
    assert swept.known(learned, EPOCH + timedelta(days=1)) == sweeps.SweepKnown(1, rows=8)
    assert swept.known(learned, EPOCH - timedelta(days=1)) == sweeps.SweepKnown()
    assert swept.known(learned, None) == sweeps.SweepKnown()


@BOTH
async def test_requests_at_the_same_time_share_one_sweep(lab: Lab, what: str) -> None:
    """Twenty make the calls of one; each has all rows and its own ledger."""
    lab.world.seconds -= 20  # each begins a second later, and nobody may join what began before
    lab.asking = lambda acceptance=ANY: Asking(SCOPE, acceptance, Ledger())  # type: ignore[method-assign]

    found = await asyncio.gather(*(lab.read(what) for _ in range(20)))

    assert found == [lab.truth(what)] * 20
    assert sorted(lab.made()) == sorted(BY_PAGES[what])


@BOTH
async def test_no_request_joins_a_sweep_that_began_before_it(lab: Lab, what: str) -> None:
    """What was written before a request began is in its answer."""
    lab.world.gate = asyncio.Event()
    first = asyncio.create_task(lab.read(what))
    await turns(50)
    second = asyncio.create_task(lab.read(what))
    await turns(50)
    lab.world.gate.set()

    assert await first == await second == lab.truth(what)
    assert len(lab.made()) == 2 * len(BY_PAGES[what])


async def test_one_request_that_leaves_takes_nothing_from_the_other(lab: Lab) -> None:
    """A sweep goes on for whoever still waits."""
    lab.asking = lambda acceptance=ANY: Asking(SCOPE, acceptance, Ledger())  # type: ignore[method-assign]
    lab.world.gate = asyncio.Event()
    first, second = (asyncio.create_task(lab.read_notes()) for _ in range(2))
    await turns(50)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    lab.world.gate.set()

    assert await second == lab.truth("notes")
    assert sorted(lab.made()) == sorted(BY_PAGES["notes"])


@BOTH
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamUnavailable, StaleReason.UPSTREAM_UNAVAILABLE),
        (RateLimited, StaleReason.RATE_LIMITED),
    ],
)
async def test_what_a_sweep_brought_stands_in_while_the_upstream_is_down(
    lab: Lab, what: str, error: type[Exception], reason: StaleReason
) -> None:
    """The rows of each case are kept as direct calls keep them."""
    await lab.read(what)
    truth, came = lab.truth(what), lab.ledger.oldest().fetched_at
    upstream = "action_management" if what == "notes" else "case_reviews"
    lab.world.errors = [error(upstream, "any", "down") for _ in range(40)]

    assert await lab.read(what) == truth
    assert {(each.source, each.fetched_at, each.reason) for each in lab.ledger} == {
        (Source.CACHE, came, reason)
    }


@BOTH
async def test_who_may_not_read_the_list_may_still_read_cases(lab: Lab, what: str) -> None:
    """Refused once, the list is left alone for a while."""
    upstream = "action_management" if what == "notes" else "case_reviews"
    lab.world.errors = [CredentialsRefused(upstream, "any", "not for you")]

    assert await lab.read(what) == lab.truth(what)
    assert len(lab.made()) == 31
    await lab.read(what)
    assert lab.made() == [DIRECT[what]] * 30


@BOTH
async def test_a_feed_that_serves_is_not_swept_beside(lab: Lab, what: str) -> None:
    """A ready feed answers with one call; who wants nothing kept has a sweep."""
    times = Times(lab.world.wall, lab.world.clock, lab.world.sleep)
    config = FeedConfig(FeedMode.LAZY)
    feeds = Feeds(lab.sources, config, config, times=times)
    lab.reviews.page_size = 100
    lab.access = Access(lab.access.kept, lab.access.learned, {}, feeds)
    feed = feeds.notes(SCOPE, HUB) if what == "notes" else feeds.reviews(SCOPE)
    await filled(feed)
    lab.world.seconds += 100
    lab.made()

    assert await lab.read(what) == lab.truth(what)
    assert {each.source for each in lab.ledger} == {Source.FEED}
    lab.made()
    lab.reviews.page_size = 10
    assert await lab.read(what, MANY, Acceptance(no_cache=True)) == lab.truth(what)
    assert {each.source for each in lab.ledger} == {Source.UPSTREAM}
    assert sorted(lab.made()) == sorted(BY_PAGES[what])
    await feeds.close()


@BOTH
async def test_a_list_that_hangs_leaves_time_for_direct_calls(lab: Lab, what: str) -> None:
    """A sweep is given up while calls for each key can still be made in time."""
    hanging = "hub_notes" if what == "notes" else "reviews_count"
    setattr(getattr(lab, what), hanging, lambda *_, **__: asyncio.Event().wait())
    token = request_deadline.set(lab.access.clock() + 0.9)
    try:
        assert await lab.read(what) == lab.truth(what)
    finally:
        request_deadline.reset(token)
    assert lab.made() == [DIRECT[what]] * 30


async def test_only_what_is_kept_makes_no_sweep(lab: Lab) -> None:
    """Who wants no call has none, not even a look."""
    found = await lab.read_notes(MANY, Acceptance(only_if_cached=True))

    assert found == [UpstreamUnavailable] * 30
    assert lab.made() == []


@BOTH
async def test_a_sweep_goes_where_calls_for_each_key_may_not(lab: Lab, what: str) -> None:
    """Of an allowance of eight, thirty cases are read; of none, nothing is."""
    token = call_allowance.set(Allowance(8))
    try:
        assert await lab.read(what) == lab.truth(what)
        call_allowance.set(Allowance(0))
        assert await lab.read(what) == [LimitExceeded] * 30
    finally:
        call_allowance.reset(token)


@pytest.mark.parametrize(
    ("total", "notes", "reviews"),
    [(0, 1, 1), (99, 1, 1), (100, 1, 3), (101, 3, 4), (199, 3, 4), (200, 4, 4), (1000, 12, 12)],
)
def test_the_price_of_a_sweep(total: int, notes: int, reviews: int) -> None:
    """Pages of a hundred: notes overlap by a row and are counted, reviews are counted first."""
    assert (notes, reviews) == (NoteRoute.calls(total, 100), ReviewRoute.calls(total, 100))
