"""A whole list is read once, within its bounds, whatever goes wrong meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    RateLimited,
    UpstreamNotFound,
    UpstreamUnavailable,
)
from casegraph.loading.feeds.bounds import FeedConfig, FeedMode, FeedState
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.feeds import MOST_FEEDS, Feeds
from casegraph.loading.scope import DataScope
from casegraph.transport.deadline import request_deadline
from support.clock import WaitingClock, settle
from support.feed_answers import ask, filled, plain
from support.moving_lists import MovingList, Notes, Reviews, World, sources_of

FeedOf = Callable[..., Feed[Any]]
DOWN = UpstreamUnavailable("somebody", "x", "the upstream failed on its own side")


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> MovingList:
    """Return both kinds of lists in turn, of ten rows."""
    made: MovingList = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


async def test_all_notes_that_fit_on_a_page_cost_one_call(
    notes: Notes, feed_of: FeedOf, world: World
) -> None:
    """One answer that holds all it counts needs no second look, and confirms the answer too."""
    notes.add("0", "a")
    feed = feed_of(notes)
    feed.start()

    answer = await ask(feed, ["0"])

    assert world.calls == ["page"]
    assert plain(answer) == {"0": notes.direct("0")}


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (DOWN, True),
        (RateLimited("somebody", "x", "a pause", 3000), True),
        (CredentialsRefused("somebody", "x", "refused"), False),
        (UpstreamNotFound("somebody", "x", "unknown"), False),
        (ContractViolation("somebody", "x", "no JSON"), False),
    ],
)
async def test_what_passes_is_waited_out_and_what_does_not_ends_the_fill(
    rows: MovingList, feed_of: FeedOf, world: World, error: Any, pauses: bool
) -> None:
    """While it waits nobody waits for it; it goes on where it stood."""
    feed = feed_of(rows)
    began = world.seconds
    world.errors = [error] * 3
    feed.start()

    first = await ask(feed, ["0"])
    states = {feed.view().state}
    while feed.view().state is not FeedState.READY and pauses:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)
    waited = world.seconds - began

    assert first.rows == {}
    assert states == {FeedState.UNUSABLE}
    assert (feed.view().state is FeedState.READY) is pauses
    assert waited >= (9 if isinstance(error, RateLimited) else 2 if pauses else 0)
    assert (len(world.calls) > 4) is pauses


async def test_a_fill_that_gives_up_is_taken_up_where_it_stood(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """After six failures it rests for a minute and does not read again what it has."""
    feed = feed_of(rows)

    def fail_after_two(_operation: str) -> None:
        if len(world.calls) > 2 and not world.errors and len(world.calls) < 9:
            world.errors.append(DOWN)

    world.before = fail_after_two
    feed.start()
    while feed._upkeep._is_filling():  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)
    failed = len(world.calls)
    feed.start()
    await settle()
    rested = len(world.calls)
    world.seconds += 61
    await filled(feed)

    assert failed == rested == 8
    assert plain(await ask(feed, ["0"])) == {"0": rows.direct("0")}
    assert world.calls[8] == "page"


async def test_the_number_of_calls_left_is_known_before_the_end(
    rows: MovingList, feed_of: FeedOf, world: World
) -> None:
    """Who has to choose between waiting and asking can do so after the first call."""
    world.gate = asyncio.Event()
    feed = feed_of(rows)
    feed.start()
    waiting = asyncio.create_task(feed.size_known())
    await settle()
    before = feed.view().pages_left
    world.gate.set()
    await waiting
    view, made = feed.view(), len(world.calls)
    await ask(feed, [])

    assert before is None
    assert view.state is FeedState.FILLING
    assert view.total_rows == 10
    assert view.pages_left is not None
    assert abs(made + view.pages_left - len(world.calls)) <= 1


async def test_the_deadline_of_who_began_it_does_not_bind_a_fill(
    rows: MovingList, feed_of: FeedOf
) -> None:
    """The fill sees a time of its own, whatever the request has left."""
    seen: list[float] = []
    rows.world.before = lambda _operation: seen.append(request_deadline.get())
    loop = asyncio.get_running_loop()
    request_deadline.set(loop.time() + 0.5)
    feed = feed_of(rows)
    feed.start()
    request_deadline.set(float("inf"))

    await ask(feed, [])

    assert min(seen[:4]) > loop.time() + 60


async def test_too_many_notes_are_cut_to_the_latest(
    notes: Notes, feed_of: FeedOf, world: World
) -> None:
    """The feed holds what its bound allows, and says from when on."""
    for day in range(40):
        notes.add(str(day), "x")
        world.seconds += 86_400
    feed = feed_of(notes, rows=12, page_size=10)

    await filled(feed)
    view = feed.view()

    assert view.total_rows is not None
    assert 6 <= view.total_rows <= 12
    assert view.covers_from is not None
    assert view.covers_from > world.vendor_now() - timedelta(days=13)


async def test_too_many_reviews_make_no_feed(
    reviews: Reviews, feed_of: FeedOf, world: World
) -> None:
    """A case may have reviews of any age, so a part of them is of no use."""
    for number in range(30):
        reviews.add(str(number))
    world.seconds += 60
    feed = feed_of(reviews, rows=12)
    feed.start()

    answer = await ask(feed, ["0"])

    assert answer.rows == {}
    assert feed.view().state is FeedState.UNUSABLE
    assert feed.view().reason == "more rows than its bounds allow (12)"


@pytest.mark.parametrize("name", ["updated_from", "updated_to"])
async def test_a_vendor_that_ignores_a_bound_is_noticed(
    reviews: Reviews, feed_of: FeedOf, world: World, name: str
) -> None:
    """Its rows say so; nothing is answered from them."""
    for number in range(10):
        reviews.add(str(number % 3))
        world.seconds += 100
    reviews.add("0", late=-1.0 * 86_400)
    reviews.ignores = frozenset({name})
    feed = feed_of(reviews)
    feed.start()

    answer = await ask(feed, ["0"])

    assert answer.rows == {}
    assert feed.view().reason == f"the upstream ignores {name}"


async def test_a_row_without_a_case_could_be_any_case_s(
    reviews: Reviews, feed_of: FeedOf, world: World
) -> None:
    """So no case can be answered."""
    reviews.add("1")
    reviews.add("")
    world.seconds += 100
    feed = feed_of(reviews)
    feed.start()

    assert (await ask(feed, ["1"])).rows == {}
    assert feed.view().reason == "a row names no case"


async def test_a_hundred_notes_of_one_moment_are_all_read(
    notes: Notes, feed_of: FeedOf, world: World
) -> None:
    """Full pages of one time are walked through, also while rows in front of them go."""
    for number in range(30):
        notes.add(str(number % 3), str(number))
    world.seconds += 500
    gone = iter((1, 2, 4))

    def delete_one(_operation: str) -> None:
        row_id = next(gone, None)
        if row_id is not None:
            notes.delete(row_id)

    world.before = delete_one
    feed = feed_of(notes)
    feed.start()
    await ask(feed, [])
    await filled(feed)

    assert plain(await ask(feed, ["0", "1"])) == {case: notes.direct(case) for case in ("0", "1")}


async def test_feeds_of_hubs_are_bounded_in_number(notes: Notes, world: World) -> None:
    """The hub that was not asked for longest goes first, and comes back as a new feed."""
    feeds = Feeds(sources_of(notes), times=Times(world.wall, world.clock, world.sleep))
    scope = DataScope()
    first, second = feeds.notes(scope, "1"), feeds.notes(scope, "2")
    for number in range(3, MOST_FEEDS + 1):
        feeds.notes(scope, str(number))
    same = feeds.notes(scope, "1")
    feeds.notes(scope, "new")

    assert same is first
    assert feeds.notes(scope, "1") is first
    assert feeds.notes(scope, "2") is not second
    await feeds.close()


async def test_looking_for_a_feed_neither_makes_nor_keeps_one(notes: Notes, world: World) -> None:
    """Whoever makes hubs up drives out no feed, and a look is no need."""
    reviews = Reviews(world)
    feeds = Feeds(sources_of(notes, reviews), times=Times(world.wall, world.clock, world.sleep))
    scope = DataScope()
    first = feeds.notes(scope, "1")
    for number in range(2, MOST_FEEDS + 1):
        feeds.notes(scope, str(number))

    assert feeds.notes_at_hand(scope, "1") is first
    assert [feeds.notes_at_hand(scope, f"made up {number}") for number in range(9)] == [None] * 9
    assert feeds.reviews_at_hand(scope) is None
    assert feeds.reviews(scope) is feeds.reviews_at_hand(scope)
    feeds.notes(scope, "new")
    assert feeds.notes_at_hand(scope, "1") is None
    await feeds.close()


async def test_a_feed_is_of_one_tenant_and_identity(notes: Notes) -> None:
    """What one caller may see is no other caller's feed."""
    feeds = Feeds(sources_of(notes, Reviews(notes.world)))
    scopes = [
        DataScope({"action_management": "a", "case_reviews": "a"}),
        DataScope({"action_management": "b", "case_reviews": "b"}),
        DataScope({"action_management": "a", "case_reviews": "a"}, "somebody"),
    ]

    assert len({id(feeds.notes(scope, "1")) for scope in scopes}) == 3
    assert len({id(feeds.reviews(scope)) for scope in scopes}) == 3
    await feeds.close()


async def test_what_is_off_or_not_configured_is_never_asked(notes: Notes, world: World) -> None:
    """Such a feed says so, and answers nothing."""
    feeds = Feeds(sources_of(notes), FeedConfig(FeedMode.OFF), FeedConfig(FeedMode.EAGER))
    off, missing = feeds.notes(DataScope(), "1"), feeds.reviews(DataScope())
    feeds.start_eager(DataScope(), ["1"])

    assert {off.view().state, missing.view().state} == {FeedState.OFF}
    assert (await ask(off, ["1"])).rows == (await ask(missing, ["1"])).rows == {}
    assert world.calls == []
    await feeds.close()


async def test_an_eager_feed_is_there_before_the_first_need(notes: Notes, world: World) -> None:
    """It is filled at start."""
    times = Times(world.wall, world.clock, world.sleep)
    feeds = Feeds(sources_of(notes), FeedConfig(FeedMode.EAGER), times=times)
    feeds.start_eager(DataScope(), ["906"])
    await settle()

    assert feeds.notes(DataScope(), "906").view().state is FeedState.READY
    await feeds.close()


async def test_closing_ends_a_fill_that_waits(notes: Notes) -> None:
    """Nothing is left running, and whoever waits gets no answer instead of none ever."""
    clock = WaitingClock()
    notes.world.errors = [DOWN]
    feeds = Feeds(sources_of(notes), times=Times(notes.world.wall, clock, clock.sleep))
    feed = feeds.notes(DataScope(), "906")
    feed.start()
    await settle()

    await feeds.close()

    assert feed.view().state is FeedState.OFF
    assert (await ask(feed, ["1"])).rows == {}
