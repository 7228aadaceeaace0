"""A refresh that is begun before anybody asks for its rows is the one that answers them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    DeadlineExceeded,
    LimitExceeded,
    RateLimited,
    UpstreamUnavailable,
)
from casegraph.loading.feeds.bounds import FeedKey, FeedState
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.feeds.keeper import behind
from casegraph.loading.flight import Boarding, FlightCancelledError
from casegraph.loading.freshness import ANY, Acceptance, Windows
from casegraph.loading.ledger import StaleReason
from casegraph.transport.deadline import request_deadline
from support.clock import settle
from support.feed_answers import ask, filled, plain
from support.held_calls import turns
from support.moving_lists import Notes, Reviews, World

FeedOf = Callable[..., Feed[Any]]
Rows = Notes | Reviews
DOWN = UpstreamUnavailable("somebody", "hub_notes", "the upstream failed on its own side")
LATE = DeadlineExceeded("somebody", "x", "no answer")
PAUSE = RateLimited("somebody", "x", "a pause")
REFUSED = CredentialsRefused("somebody", "x", "refused")
NOTHING_OLD = Windows(stale_if_error=0)
REVALIDATING = Windows(fresh=10, stale=60)


@pytest.fixture(params=["notes", "reviews"])
def rows(request: pytest.FixtureRequest) -> Rows:
    """Return both kinds of lists in turn, with three cases in them."""
    made: Rows = request.getfixturevalue(request.param)
    for number in range(10):
        made.add(str(number % 3), str(number + 1))
        made.world.seconds += 100.0
    return made


@pytest.fixture
async def feed(rows: Rows, feed_of: FeedOf, world: World) -> Feed[Any]:
    """Return a feed that was filled some seconds ago, the calls counted from here."""
    made = feed_of(rows, reconcile_seconds=300)
    await filled(made)
    world.seconds += 30
    world.calls.clear()
    return made


def begun(feed: Feed[Any]) -> Boarding:
    """Look ahead where that is of use."""
    ahead = feed.look_ahead(ANY, Windows())
    assert ahead is not None
    return ahead


async def test_nothing_is_begun_ahead_by_a_feed_that_is_not_ready(
    rows: Rows, feed_of: FeedOf, world: World
) -> None:
    """Neither empty nor filling nor halted nor closed does it make a call, or begin to fill."""
    feed = feed_of(rows)
    seen: list[tuple[FeedState, Boarding | None]] = []

    def look() -> None:
        seen.append((feed.view().state, feed.look_ahead(ANY, Windows())))

    look()
    feed.start()
    look()
    await filled(feed)
    world.seconds += 1
    world.errors.append(ContractViolation("somebody", "x", "nothing where a key must be"))
    await ask(feed, ["0"])
    world.calls.clear()
    look()
    await feed.close()
    look()
    await settle()

    states = (FeedState.EMPTY, FeedState.FILLING, FeedState.UNUSABLE, FeedState.OFF)
    assert seen == [(state, None) for state in states]
    assert world.calls == []


@pytest.mark.parametrize(
    ("acceptance", "windows"),
    [
        (Acceptance(no_cache=True), Windows()),
        (Acceptance(max_age=60), Windows()),
        (Acceptance(max_stale=60), Windows()),
        (Acceptance(only_if_cached=True), Windows()),
        (Acceptance(only_if_cached=True, max_age=10), Windows()),
        (ANY, Windows(fresh=60)),
        (ANY, REVALIDATING),
    ],
)
async def test_nothing_is_begun_ahead_that_the_answer_would_not_wait_for(
    feed: Feed[Any], world: World, acceptance: Acceptance, windows: Windows
) -> None:
    """Not where the feed is passed by, nor where what is confirmed is fresh enough."""
    assert feed.look_ahead(acceptance, windows) is None
    await settle()
    assert world.calls == []


async def test_nothing_is_begun_ahead_where_rows_must_be_counted_too(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """The count comes before the refresh, so that one begun now would be of no use."""
    world.seconds += 271

    assert feed.look_ahead(ANY, Windows()) is None
    await settle()
    assert world.calls == []
    assert {"0": rows.direct("0")} == plain(await ask(feed, ["0"]))
    assert world.calls == ["count", "page"]


async def test_what_runs_behind_an_answer_is_not_boarded(feed: Feed[Any], world: World) -> None:
    """Such a refresh may be older than the request, and is no confirmation for it."""
    world.gate = asyncio.Event()
    await ask(feed, ["0"], windows=REVALIDATING)
    await settle()
    assert world.calls == ["page"]

    assert feed.look_ahead(ANY, Windows()) is None
    assert feed.view().refresh_calls == 1
    world.gate.set()
    await settle()
    assert world.calls == ["page"]


@pytest.mark.parametrize("later", range(6))
async def test_no_answer_rests_on_what_runs_behind_another(
    feed: Feed[Any], rows: Rows, world: World, later: int
) -> None:
    """At whichever turn the look ahead comes, a refresh of the request's own is made."""
    made_behind: list[bool] = []
    world.before = lambda _: made_behind.append(behind.get())
    await ask(feed, ["0"], windows=REVALIDATING)
    await turns(later)
    world.seconds += 1
    rows.edit(1, "91")

    answer = await ask(feed, ["0"], ahead=feed.look_ahead(ANY, Windows()))

    assert {"0": rows.direct("0")} == plain(answer)
    assert made_behind.count(False) == 1
    assert made_behind.count(True) <= 1


@pytest.mark.parametrize("passed", [0.0, 0.02])
async def test_rows_are_answered_by_the_refresh_that_was_begun_ahead(
    feed: Feed[Any], rows: Rows, world: World, passed: float
) -> None:
    """One call in all, whose rows are told, also if it has landed some time before the rows."""
    rows.edit(1, "91")
    rows.add("new", "92")
    ahead = begun(feed)
    await settle()
    assert world.calls == ["page"]
    world.seconds += passed

    answer = await ask(feed, ["0", "1", "new"], ahead=ahead)

    assert {case: rows.direct(case) for case in ("0", "1", "new")} == plain(answer)
    assert world.calls == ["page"]
    assert not answer.provenance.is_stale
    assert answer.provenance.fetched_at == world.wall() - passed


async def test_rows_wait_for_the_refresh_that_is_under_way(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """While it is in the air the next answer adds no call, and nothing is answered without it."""
    world.gate = asyncio.Event()
    ahead = begun(feed)
    await settle()
    assert feed.view().is_joinable
    asking = asyncio.create_task(ask(feed, ["0"], ahead=ahead))
    await settle()
    assert not asking.done()
    rows.edit(1, "91")
    world.gate.set()

    assert {"0": rows.direct("0")} == plain(await asking)
    assert world.calls == ["page"]
    assert feed.view().refresh_calls == 1


@pytest.mark.parametrize("error", [None, DOWN, REFUSED])
@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_the_place_is_left_whatever_the_answer(
    feed: Feed[Any], world: World, error: Any, *, is_confirmed: bool
) -> None:
    """Needed or not, landed well or not, nobody waits for the refresh after the answer."""
    world.errors.extend([] if error is None else [error])
    ahead = begun(feed)
    await settle()
    since = world.wall() - 100 if is_confirmed else None
    asking = ask(feed, ["0"], windows=NOTHING_OLD, confirmed_since=since, ahead=ahead)

    await asyncio.gather(asking, return_exceptions=True)

    assert isinstance(await ahead.landed(), FlightCancelledError)
    assert world.calls == ["page"]


@pytest.mark.parametrize(
    ("error", "windows"),
    [(DOWN, NOTHING_OLD), (LATE, NOTHING_OLD), (PAUSE, NOTHING_OLD), (REFUSED, Windows())],
)
async def test_a_failure_ahead_is_the_failure_of_the_rows(
    feed: Feed[Any], world: World, error: Any, windows: Windows
) -> None:
    """Where nothing may stand in the rows fail with it, and it is not asked for a second time."""
    world.errors.append(error)
    ahead = begun(feed)
    await settle()

    with pytest.raises(type(error)) as raised:
        await ask(feed, ["0"], windows=windows, ahead=ahead)

    assert str(raised.value) == str(error)
    assert world.calls == ["page"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DOWN, StaleReason.UPSTREAM_UNAVAILABLE),
        (LATE, StaleReason.UPSTREAM_UNAVAILABLE),
        (PAUSE, StaleReason.RATE_LIMITED),
    ],
)
async def test_what_is_held_stands_in_for_a_failure_ahead(
    feed: Feed[Any], rows: Rows, world: World, error: Any, reason: StaleReason
) -> None:
    """Within the window the rows are served with their age, without a second call."""
    confirmed = feed.view().confirmed_at
    world.errors.append(error)

    answer = await ask(feed, ["0"], windows=Windows(stale_if_error=30), ahead=begun(feed))

    assert {"0": rows.direct("0")} == plain(answer)
    assert (answer.provenance.reason, answer.provenance.fetched_at) == (reason, confirmed)
    assert world.calls == ["page"]


@pytest.mark.parametrize("is_left", [False, True])
async def test_a_refresh_that_was_cancelled_is_made_anew(
    feed: Feed[Any], rows: Rows, world: World, *, is_left: bool
) -> None:
    """What was given up, or ended from outside, confirms nothing and fails nobody."""
    world.gate = asyncio.Event()
    ahead = begun(feed)
    await settle()
    if is_left:
        ahead.leave()
    else:
        await feed._upkeep._flight.close()
    await settle()
    world.gate.set()
    rows.edit(1, "91")

    answer = await ask(feed, ["0"], ahead=ahead)

    assert {"0": rows.direct("0")} == plain(answer)
    assert world.calls == ["page", "page"]


async def test_anothers_fuse_is_no_failure_of_this_request(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """A refresh that its leader had no call left for is made anew by who still needs it."""

    def blow(_: str) -> None:
        if len(world.calls) == 1:
            raise LimitExceeded("no call is left")

    world.before = blow
    answer = await ask(feed, ["0"], ahead=begun(feed))
    assert {"0": rows.direct("0")} == plain(answer)
    assert world.calls == ["page", "page"]


async def test_a_case_written_to_after_the_refresh_began_is_not_answered_from_it(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """It is left to direct calls until a refresh that begins after the write."""
    world.gate = asyncio.Event()
    ahead = begun(feed)
    await settle()
    feed.changed("0")
    world.gate.set()

    early = await ask(feed, ["0", "1"], ahead=ahead)
    world.seconds += 1
    later = await ask(feed, ["0", "1"], ahead=begun(feed))

    assert plain(early) == {"1": rows.direct("1")}
    assert plain(later) == {case: rows.direct(case) for case in ("0", "1")}
    assert world.calls == ["page", "page"]


async def test_requests_at_the_same_time_share_what_one_has_begun(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """Twenty that looked ahead and five that did not cost one call, and all are told the same."""
    world.gate = asyncio.Event()
    places = [*(begun(feed) for _ in range(20)), *[None] * 5]
    asking = [asyncio.create_task(ask(feed, ["0", "1"], ahead=each)) for each in places]
    await settle()
    rows.edit(1, "91")
    world.gate.set()

    answers = await asyncio.gather(*asking)

    truth = {case: rows.direct(case) for case in ("0", "1")}
    assert [plain(answer) for answer in answers] == [truth] * 25
    assert world.calls == ["page"]


async def test_nobody_waits_for_it_beyond_the_own_time(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """Who began it is told that its time is over; the refresh has its own, for who has more."""
    world.gate = asyncio.Event()
    now, deadlines = asyncio.get_running_loop().time(), list[float]()
    world.before = lambda _: deadlines.append(request_deadline.get())

    async def hurried() -> None:
        request_deadline.set(now - 1)
        await ask(feed, ["0"], windows=NOTHING_OLD, ahead=begun(feed))

    first = asyncio.create_task(hurried())
    await asyncio.sleep(0)
    patient = begun(feed)
    with pytest.raises(DeadlineExceeded):
        await asyncio.wait_for(first, 5)
    world.gate.set()

    assert {"0": rows.direct("0")} == plain(await ask(feed, ["0"], ahead=patient))
    assert world.calls == ["page"]
    assert [deadline > now + 20 for deadline in deadlines] == [True]


@pytest.mark.parametrize("error", [None, DOWN])
async def test_rows_are_there_at_once_when_the_refresh_has_ended_well(
    feed: Feed[Any], rows: Rows, world: World, error: Any
) -> None:
    """Nothing is told while it is under way or when it has failed; asking never makes a call."""
    world.errors.extend([] if error is None else [error])
    rows.edit(1, "91")
    ahead = begun(feed)
    early = feed.rows_at_once([FeedKey("0")], ahead)
    await settle()

    answer = feed.rows_at_once([FeedKey("0"), FeedKey("99")], ahead)

    truth = {"0": rows.direct("0"), "99": []}
    assert early is None
    assert (None if answer is None else plain(answer)) == (truth if error is None else None)
    assert world.calls == ["page"]


async def test_a_case_written_to_meanwhile_is_not_told_at_once(
    feed: Feed[Any], rows: Rows, world: World
) -> None:
    """What began before the write leaves its case out here as well."""
    world.gate = asyncio.Event()
    ahead = begun(feed)
    await settle()
    feed.changed("0")
    world.gate.set()
    await settle()

    answer = feed.rows_at_once([FeedKey("0"), FeedKey("1")], ahead)

    assert answer is not None
    assert plain(answer) == {"1": rows.direct("1")}
    assert world.calls == ["page"]
