"""A feed of notes or reviews answers as direct calls would, for one call however many cases."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    RateLimited,
    UpstreamUnavailable,
)
from casegraph.loading.feeds.bounds import FeedState
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.freshness import Acceptance, Windows
from casegraph.loading.ledger import Source, StaleReason
from support.clock import settle
from support.feed_answers import ask, filled, plain
from support.moving_lists import MovingList, World

FeedOf = Callable[..., Feed[Any]]
DOWN = UpstreamUnavailable("somebody", "hub_notes", "the upstream failed on its own side")


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> MovingList:
    """Return both kinds of lists in turn, with three cases in them."""
    made: MovingList = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


async def test_a_filled_feed_answers_all_cases_with_one_call(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Three cases and one without rows cost one call together, and are what direct calls give."""
    feed = feed_of(rows)
    await filled(feed)
    world.calls.clear()
    world.seconds += 1

    answer = await ask(feed, ["0", "1", "2", "99"])

    assert {case: rows.direct(case) for case in ("0", "1", "2", "99")} == plain(answer)
    assert world.calls == ["page"]
    assert answer.rows["99"] == ()
    assert answer.provenance.source is Source.FEED
    assert answer.provenance.fetched_at == world.wall()
    assert not answer.provenance.is_stale


async def test_what_was_edited_and_added_is_seen_by_the_next_answer(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """An edit, a new row and a row of a new case show at once."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 5
    rows.edit(2, "77")
    rows.add("0", "78")
    rows.add("new", "79")

    answer = await ask(feed, ["0", "1", "new"])

    assert {case: rows.direct(case) for case in ("0", "1", "new")} == plain(answer)


async def test_a_row_that_moves_to_another_case_leaves_its_old_one(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A row stands under one case only."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 5
    rows.rows[1].case_id = "1"
    rows.edit(1, "80")

    answer = await ask(feed, ["0", "1"])

    assert {case: rows.direct(case) for case in ("0", "1")} == plain(answer)


async def test_twenty_answers_at_once_cost_the_calls_of_one(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Who asks while a refresh runs joins it."""
    feed = feed_of(rows)
    await filled(feed)
    world.calls.clear()
    world.seconds += 1

    answers = await asyncio.gather(*(ask(feed, ["0", "1"]) for _ in range(20)))

    assert world.calls == ["page"]
    assert all(plain(answer) == plain(answers[0]) for answer in answers)


async def test_a_deleted_row_is_answered_no_more_than_the_stated_bound(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """The first answer after the bound counts, misses the row, and leaves the cases to others."""
    feed = feed_of(rows, reconcile_seconds=300)
    await filled(feed)
    rows.delete(4)
    world.seconds += 301

    late = await ask(feed, ["0"])
    await settle()
    anew = await ask(feed, ["0", "1"])

    assert late.rows == {}
    assert {case: rows.direct(case) for case in ("0", "1")} == plain(anew)


async def test_half_way_to_the_bound_rows_are_counted_behind_the_answer(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Nobody waits for the count that is not due yet, and still the deletion is found."""
    feed = feed_of(rows, reconcile_seconds=300)
    await filled(feed)
    rows.delete(4)
    world.seconds += 151
    world.calls.clear()

    await ask(feed, ["0"])
    waited_for = list(world.calls)
    await settle()
    await settle()
    world.seconds += 1
    answer = await ask(feed, ["0"])

    assert waited_for == ["page"]
    assert {"0": rows.direct("0")} == plain(answer)


async def test_a_row_made_between_count_and_refresh_is_no_deletion(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """The feed counts once more instead of reading everything anew."""
    feed = feed_of(rows, reconcile_seconds=300)
    await filled(feed)
    world.seconds += 301
    world.calls.clear()
    made: list[int] = []

    def make_one(operation: str) -> None:
        if operation == "page" and not made:
            made.append(rows.add("0", "5"))

    world.before = make_one
    answer = await ask(feed, ["0"])

    assert world.calls == ["count", "page", "count", "page"]
    assert {"0": rows.direct("0")} == plain(answer)


async def test_the_client_may_take_it_as_it_is(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """An accepted age costs no call, and neither does asking for no call."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 50
    world.calls.clear()

    fresh = await ask(feed, ["0"], Acceptance(max_age=60))
    stale = await ask(feed, ["0"], Acceptance(max_stale=60))
    kept = await ask(feed, ["0"], Acceptance(only_if_cached=True))
    refused = await ask(feed, ["0"], Acceptance(only_if_cached=True, max_age=10))

    assert world.calls == []
    assert None is fresh.provenance.reason
    assert StaleReason.ACCEPTED is stale.provenance.reason
    assert StaleReason.ACCEPTED is kept.provenance.reason
    assert plain(fresh) == plain(stale) == plain(kept) == {"0": rows.direct("0")}
    assert refused.rows == {}


async def test_nothing_is_asked_where_no_call_is_wanted(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A feed that is not filled says nothing, at once."""
    feed = feed_of(rows)

    before = await ask(feed, ["0"], Acceptance(only_if_cached=True))
    feed.start()
    during = await ask(feed, ["0"], Acceptance(only_if_cached=True))

    assert {} == before.rows == during.rows
    assert world.calls == []


async def test_what_this_request_has_confirmed_is_not_confirmed_again(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A second batch of the same request costs nothing."""
    feed = feed_of(rows)
    began = world.wall()
    await filled(feed)
    world.seconds += 2
    world.calls.clear()

    answer = await ask(feed, ["0"], confirmed_since=began)

    assert world.calls == []
    assert not answer.provenance.is_stale


async def test_a_thread_held_up_between_two_clocks_takes_nothing_old_for_new(
    rows: MovingList, feed_of: FeedOf, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever passes between reading one clock and the other, what was held is confirmed anew."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 0.004
    world.calls.clear()
    read = world.wall

    def held_up() -> float:
        world.seconds += 0.01
        return read()

    upkeep = feed._upkeep
    monkeypatch.setattr(upkeep, "times", replace(upkeep.times, wall=held_up))
    await ask(feed, ["0"])

    assert world.calls != []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DOWN, StaleReason.UPSTREAM_UNAVAILABLE),
        (DeadlineExceeded("somebody", "x", "no answer"), StaleReason.UPSTREAM_UNAVAILABLE),
        (RateLimited("somebody", "x", "a pause"), StaleReason.RATE_LIMITED),
    ],
)
async def test_what_was_confirmed_lately_stands_in_for_a_failure(
    rows: MovingList, feed_of: FeedOf, world: World, error: Any, reason: StaleReason
) -> None:
    """Within the window the rows are served, marked with their age; beyond it the error stands."""
    feed = feed_of(rows)
    await filled(feed)
    confirmed = feed.view().confirmed_at
    world.seconds += 100
    world.errors.append(error)
    answer = await ask(feed, ["0"], windows=Windows(stale_if_error=100))
    world.seconds += 1
    world.errors.append(error)

    with pytest.raises(type(error)):
        await ask(feed, ["0"], windows=Windows(stale_if_error=100))
    assert reason is answer.provenance.reason
    assert confirmed == answer.provenance.fetched_at
    assert {"0": rows.direct("0")} == plain(answer)


async def test_refused_credentials_show_nothing_old(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Who may no longer see the rows does not go on seeing them."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 1
    world.errors.append(CredentialsRefused("somebody", "x", "refused"))

    with pytest.raises(CredentialsRefused):
        await ask(feed, ["0"])


async def test_one_unreadable_row_leaves_the_cases_to_direct_calls(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A list that breaks its contract is no failure of every case."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 1
    world.errors.append(ContractViolation("somebody", "x", "nothing where a key must be"))

    answer = await ask(feed, ["0"])

    assert answer.rows == {}
    assert FeedState.UNUSABLE is feed.view().state


async def test_revalidation_happens_behind_the_answer(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """A kind with a stale window is answered at once and asked anew."""
    feed = feed_of(rows)
    await filled(feed)
    world.seconds += 30
    world.calls.clear()

    answer = await ask(feed, ["0"], windows=Windows(fresh=10, stale=60))
    calls = list(world.calls)
    await settle()

    assert StaleReason.REVALIDATING is answer.provenance.reason
    assert calls == []
    assert world.calls == ["page"]
    assert world.wall() == feed.view().confirmed_at


async def test_a_case_that_was_written_to_is_left_out_until_the_next_refresh(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """What is confirmed from before the write does not count."""
    feed = feed_of(rows)
    await filled(feed)
    feed.changed("0")

    at_once = await ask(feed, ["0", "1"], Acceptance(max_age=60))
    world.seconds += 1
    later = await ask(feed, ["0", "1"])

    assert list(at_once.rows) == ["1"]
    assert list(later.rows) == ["0", "1"]


async def test_the_rows_of_a_deleted_case_are_gone_and_do_not_upset_the_count(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Both sides have lost the same rows, so nothing is read anew."""
    feed = feed_of(rows, reconcile_seconds=300)
    await filled(feed)
    for row_id in [row.row_id for row in rows.rows.values() if row.case_id == "0"]:
        rows.delete(row_id)
    feed.forget_case("0")
    world.seconds += 301
    world.calls.clear()

    answer = await ask(feed, ["0", "1"])

    assert {"0": [], "1": rows.direct("1")} == plain(answer)
    assert world.calls == ["count", "page"]
