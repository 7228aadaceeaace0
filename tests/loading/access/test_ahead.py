"""A refresh is begun ahead only where it would be the way to the rows, were the cases there."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from casegraph.loading.access.ahead import SPARE_CALLS, Link, look_ahead
from casegraph.loading.access.cost import NeedKind
from casegraph.loading.access.lane import Lane
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.feeds.bounds import FeedState, FeedView
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import ANY, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.scope import DataScope
from casegraph.transport.allowance import Allowance, call_allowance
from casegraph.transport.deadline import request_deadline
from support.clock import Clock

NOTES = Link(NeedKind.NOTES, "action_management", Kind.NOTES, "case_notes", "hub_notes")
QUICK = {"case": 0.02, "case_notes": 0.02, "hub_notes": 0.02}
READY = FeedView(FeedState.READY)
BEGUN = cast("Boarding", object())


class FeedOfView:
    """A feed that begins what its view allows."""

    def __init__(self, view: FeedView) -> None:
        self._view = view
        self.needs = 0
        self.asked: list[tuple[Acceptance, Windows]] = []

    @property
    def is_off(self) -> bool:
        """Tell by the view."""
        return self._view.state is FeedState.OFF

    def view(self) -> FeedView:
        """Return the view."""
        return self._view

    def needed(self) -> None:
        """Count who needs it."""
        self.needs += 1

    def look_ahead(self, acceptance: Acceptance, windows: Windows) -> Boarding | None:
        """Begin where that is all that is to be done, and note what was accepted."""
        if self._view.state is not FeedState.READY or self._view.refresh_calls > 1:
            return None
        self.asked.append((acceptance, windows))
        return BEGUN


@pytest.fixture(autouse=True)
def _of_nobody() -> Iterator[None]:
    """Put back what a test says of its request."""
    deadline, allowance = request_deadline.get(), call_allowance.get()
    yield
    request_deadline.set(deadline)
    call_allowance.set(allowance)


def begins(
    view: FeedView = READY,
    latencies: Mapping[str, float] = QUICK,
    *,
    keys: int = 1,
    left: float = 10.0,
    lane: Lane | None = None,
    calls: int | None = None,
) -> bool:
    """Return whether a refresh is begun."""
    clock = Clock()
    learned = Learned(clock)
    for operation, seconds in latencies.items():
        learned.took("action_management", operation, seconds)
    kept = Kept(MemoryStore(), {Kind.NOTES: Windows()})
    lanes = {"action_management": lambda: lane or Lane()}
    access = Access(kept, learned, lanes, clock=clock)
    request_deadline.set(clock.now + left)
    call_allowance.set(None if calls is None else Allowance(calls))
    feed: Any = FeedOfView(view)
    found = look_ahead(access, Asking(DataScope(), ANY, Ledger()), NOTES, feed, keys, "case")
    assert found in (None, BEGUN)
    assert feed.needs == (0 if feed.is_off else 1)
    assert feed.asked == ([] if found is None else [(ANY, Windows())])
    return found is not None


def test_it_is_begun_where_it_takes_no_longer_than_the_case_and_its_own_call() -> None:
    """Only what is left of it when the case has come is waited for; many keys may wait longer."""
    assert begins()
    assert begins(latencies={**QUICK, "hub_notes": 0.035})
    assert not begins(latencies={**QUICK, "hub_notes": 0.05})
    assert begins(latencies={**QUICK, "hub_notes": 0.05}, keys=2)
    assert not begins(latencies={**QUICK, "hub_notes": 3.0}, keys=20)


def test_one_that_others_wait_for_adds_no_call() -> None:
    """It may take longer by what a call is worth, and no longer than that."""
    joinable = FeedView(FeedState.READY, is_joinable=True)

    assert begins(joinable, {**QUICK, "hub_notes": 0.1})
    assert not begins(joinable, {**QUICK, "hub_notes": 1.5})


def test_one_that_many_will_share_may_take_longer() -> None:
    """Each of them counts its part of the call."""
    often = FeedView(FeedState.READY, needs_per_second=100.0)

    assert not begins(latencies={**QUICK, "hub_notes": 0.1})
    assert begins(often, {**QUICK, "hub_notes": 0.1})
    assert not begins(often, {**QUICK, "hub_notes": 0.2})


@pytest.mark.parametrize("state", [each for each in FeedState if each is not FeedState.READY])
def test_a_feed_that_is_not_ready_is_left_alone(state: FeedState) -> None:
    """Whether to wait for a fill is chosen when the cases are there."""
    assert not begins(FeedView(state))


def test_nothing_is_begun_that_could_not_be_used() -> None:
    """Not where rows are counted too, time or calls run out, or a place has to be waited for."""
    assert not begins(FeedView(FeedState.READY, refresh_calls=2))
    assert not begins(left=0.04)
    assert not begins(left=0.06, latencies={**QUICK, "hub_notes": 0.07, "case": 0.07}, keys=20)
    assert not begins(calls=SPARE_CALLS - 1)
    assert begins(calls=SPARE_CALLS)
    assert not begins(lane=Lane(hold=0.1), keys=20)
    assert not begins(lane=Lane(interval=2.0, ahead=8.0, backlog=9.0), keys=20)
    assert begins(lane=Lane(interval=2.0, ahead=8.0, backlog=1.0))
