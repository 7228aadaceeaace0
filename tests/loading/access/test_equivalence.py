"""Whichever ways the loaders take, and however they mix, they answer as direct calls do.

Hypothesis writes histories: cases are opened and deleted, notes and reviews made, edited, deleted
and moved to another case, cases rated, clocks set off, feeds filled by a step or two; and in
between any set of cases is asked, by any of the ways that exist at that moment, cheap or dear.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from casegraph.linking.identity import CaseKey
from casegraph.loading.access import cost, sweeps
from casegraph.loading.access.cost import Choice, Known, Need, Path
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.loading.access.ratings import CASES, RATED
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NoteReads
from casegraph.loading.case_reads import CaseReads
from casegraph.loading.feeds import feeds
from casegraph.loading.feeds.bounds import FeedBounds, FeedConfig, FeedMode
from casegraph.loading.feeds.core import Times
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.feeds.note_reading import NoteReading
from casegraph.loading.feeds.review_reading import ReviewReading
from casegraph.loading.freshness import DEFAULT_WINDOWS, Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.rating_reads import RatingReads
from casegraph.loading.review_reads import ReviewReads
from casegraph.loading.scope import DataScope
from casegraph.upstreams.ratings.records import RatingScore
from support.moving_lists import HUB, MovingList, World
from support.whole_vendor import CaseReviewsToo, CasesAndNotes, ManyRatings, sources_over

BLINK = Windows(fresh=0.25, stale=0.0, stale_if_error=600.0)
"""Between two questions nothing stays fresh, and still the list of who was rated is looked at."""
SCOPE = DataScope()
FILLERS = range(3, 1300, 4)
"""Cases that nobody asks for, so that the list has four pages."""
case_ids = st.integers(1, 12)
spread = st.sampled_from([1, 7, 90])
"""How far apart the cases' ids lie: ten of them on one page of the list, or on many."""
rows = st.integers(0, 40)
change = st.one_of(
    st.tuples(st.just("open"), case_ids),
    st.tuples(st.just("gone"), case_ids),
    st.tuples(st.sampled_from(["note", "review"]), case_ids, st.sampled_from([0.0, 7.5, 30.0])),
    st.tuples(st.sampled_from(["edit", "drop"]), st.sampled_from(["notes", "reviews"]), rows),
    st.tuples(st.just("move"), rows, case_ids),
    st.tuples(st.sampled_from(["rate", "unrate"]), case_ids),
    st.tuples(st.sampled_from(["thin", "thicken"]), st.integers(0, 1300)),
    st.tuples(st.just("tick"), st.sampled_from([0.0, 0.4, 1.0, 40.0, 400.0])),
    st.tuples(st.just("learn")),
    st.tuples(st.just("jump"), st.sampled_from([0.0, -25.0, 25.0])),
)
move = st.one_of(
    st.tuples(st.just("change"), st.lists(change, min_size=1, max_size=6)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 10, 60])),
    st.tuples(st.just("ask"), st.sets(case_ids, min_size=1), st.booleans()),
)


@dataclass(frozen=True)
class AnyWay(Access):
    """Takes whichever way the dice say, so that no way is spared for being dear."""

    dice: list[Random] = field(default_factory=list)
    ways: set[Path] = field(default_factory=set)

    def plan(self, need: Need, known: Known, elsewhere: Path | None = None) -> Choice:
        """Return any way that there is."""
        choice = super().plan(need, known, elsewhere)
        taken = self.dice[0].choice(choice.candidates)
        self.ways.add(taken.path)
        return replace(choice, taken=taken)


class History:
    """Three upstreams, a gateway's loaders over them, and what is done to both."""

    def __init__(self, factor: int, mode: FeedMode, dice: Random, *, tells: bool) -> None:
        self.world = World()
        self.factor = factor
        self.cases = CasesAndNotes(self.world)
        self.reviews = CaseReviewsToo(self.world, page_size=5)
        self.ratings = ManyRatings(self.world, page_size=5, tells=tells)
        self.lists: dict[str, MovingList] = {"notes": self.cases, "reviews": self.reviews}
        self.sources = sources_over(self.cases, self.reviews, self.ratings)
        bounds = FeedBounds(reconcile_seconds=0.0)  # each answer counted, so deletions show at once
        times = Times(self.world.wall, self.world.clock, self.world.sleep, Random(1))  # noqa: S311
        config = FeedConfig(mode, bounds)
        self.feeds = Feeds(self.sources, config, config, times=times)
        windows = {**DEFAULT_WINDOWS, Kind.RATINGS: BLINK}
        kept = Kept(MemoryStore(self.world.clock), windows, clock=self.world.wall)
        self.access = AnyWay(kept, Learned(self.world.clock), {}, self.feeds)
        self.access.dice.append(dice)
        for number in range(1, 11):
            self.open(number)
        for number in FILLERS if factor > 1 else ():
            if number % factor:
                self.cases.cases[number] = "filler"
        self.learn()

    def learn(self) -> None:
        """Have the gateway know how long the lists are, which makes them ways."""
        learned = self.access.learned
        learned.counted((*SCOPE.parts("action_management"), "cases", HUB), len(self.cases.cases))
        parts = SCOPE.parts("ratings")
        learned.counted((*parts, *CASES), len(self.ratings.scores))
        learned.shared((*parts, *RATED), 1, 2)
        wall = self.world.wall
        for swept in (
            sweeps.notes_of(self.sources, SCOPE, HUB, wall),
            sweeps.reviews_of(self.sources, SCOPE, wall),
        ):
            learned.counted((*swept.parts, "0000-00-00"), 7)

    def open(self, number: int) -> None:
        """Open a case."""
        self.cases.cases.setdefault(number * self.factor, f"case {number}")
        self.ratings.scores.setdefault(number * self.factor, [])

    def thin(self, until: int) -> None:
        """Delete cases that nobody asks for; all later ones move up in the list."""
        for number in range(0, until, 3):
            if number % self.factor:
                self.cases.cases.pop(number, None)

    def thicken(self, until: int) -> None:
        """Open such cases; all later ones move down."""
        for number in range(0, until, 3):
            if number % self.factor:
                self.cases.cases[number] = "filler"

    def gone(self, number: int) -> None:
        """Delete a case with its notes."""
        number *= self.factor
        self.cases.cases.pop(number, None)
        for held in [held for held in self.cases.rows.values() if held.case_id == str(number)]:
            self.cases.delete(held.row_id)

    def note(self, number: int, late: float) -> None:
        """Write a note on a case that is there; it becomes visible `late` seconds afterwards."""
        if number * self.factor in self.cases.cases:
            self.cases.add(str(number * self.factor), "1", late=late)

    def review(self, number: int, late: float) -> None:
        """Make a review entry."""
        self.reviews.add(str(number * self.factor), "1", late=late)

    def edit(self, rows_of: str, row_id: int) -> None:
        """Edit a row, if it is there."""
        rows = self.lists[rows_of]
        if row_id in rows.rows:
            rows.edit(row_id, str(row_id + 1))

    def drop(self, rows_of: str, row_id: int) -> None:
        """Delete a row, if it is there."""
        rows = self.lists[rows_of]
        if row_id in rows.rows:
            rows.delete(row_id)

    def move(self, row_id: int, number: int) -> None:
        """Move a review entry to another case."""
        if row_id in self.reviews.rows:
            self.reviews.rows[row_id].case_id = str(number * self.factor)
            self.reviews.edit(row_id, "9")

    def rate(self, number: int) -> None:
        """Rate a case, known before or not."""
        self.ratings.scores.setdefault(number * self.factor, []).append(RatingScore.GOOD)

    def unrate(self, number: int) -> None:
        """Have the ratings system forget a case."""
        self.ratings.scores.pop(number * self.factor, None)

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.world.seconds += seconds

    def jump(self, seconds: float) -> None:
        """Set the upstreams' clock off."""
        self.world.skew = seconds

    async def ask(self, numbers: Sequence[int], *, without_cache: bool) -> None:
        """Ask the loaders for all that there is about these cases, and compare with the truth."""
        self.world.seconds += 1.0
        acceptance = Acceptance(no_cache=without_cache)
        asking = Asking(SCOPE, acceptance, Ledger())
        cases = CaseReads(self.sources, self.access, asking, _anywhere)
        reviews = ReviewReads(self.sources, self.access, asking, cases.opened)
        noted = NoteReads(self.sources, self.access, asking, cases.opened)
        ratings = RatingReads(self.sources, self.access, asking)
        keys = [CaseKey(HUB, str(number * self.factor)) for number in numbers]

        found = await cases._cases.load_many(keys)
        notes = await noted._notes.load_many(keys)
        entries = await reviews._of_case.load_many([key.case_id for key in keys])
        rated = await ratings._of_case.load_many([key.case_id for key in keys])

        for index, key in enumerate(keys):
            assert _name(found[index]) == self.cases.cases.get(int(key.case_id))
            assert _texts(notes[index], "note_id", "text") == self.cases.direct(key.case_id)
            shown = _texts(entries[index].entries, "review_entry_id", "flat_review_id")
            assert shown == self.reviews.direct(key.case_id)
            scores = [rating.score for rating in rated[index].ratings]
            assert scores == self.ratings.scores.get(int(key.case_id), [])
            assert asking.ledger.oldest() is not None

    def vendors(self) -> tuple[Any, ...]:
        """Return the three upstreams."""
        return self.cases, self.reviews, self.ratings


async def _anywhere(_hub_id: str) -> bool:
    return True


def _name(case: Any) -> str | None:
    return None if case is None else str(case.name)


def _texts(records: Any, key: str, text: str) -> list[tuple[str, str]]:
    return [(str(getattr(each, key)), str(getattr(each, text))) for each in records]


@settings(max_examples=60)
@given(
    st.lists(move, min_size=3, max_size=14),
    spread,
    st.sampled_from([FeedMode.LAZY, FeedMode.LAZY, FeedMode.OFF]),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from([0, 3, 12, 25]),
)
async def test_any_mix_of_ways_answers_as_direct_calls_do(
    moves: list[Any], factor: int, mode: FeedMode, dice: Random, tells: bool, rows_before: int
) -> None:
    """Notes, reviews, ratings and cases are those that the upstreams have at that moment."""
    with read_by_small_pages():
        history = History(factor, mode, dice, tells=tells)
        for number in range(rows_before):
            history.note(1 + number % 10, 0.0)
            history.review(1 + number * 7 % 10, 0.0)
            history.tick(0.4 * (number % 3))
        await live_through(history, moves)


class _SmallNotes(NoteReading):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given, page_size=5)


class _SmallReviews(ReviewReading):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given, page_size=5)


def read_by_small_pages() -> ExitStack:
    """Let feeds and sweeps take several pages, and few keys be worth a look at how many."""
    stack = ExitStack()
    stack.enter_context(patch.object(cost, "LOOK_KEYS", 4))
    for place in (sweeps, feeds):
        stack.enter_context(patch.object(place, "NoteReading", _SmallNotes))
        stack.enter_context(patch.object(place, "ReviewReading", _SmallReviews))
    return stack


async def live_through(history: History, moves: list[Any]) -> None:
    """Make the moves one after the other."""
    try:
        for what, *given_to in moves:
            if what == "change":
                for change_of, *values in given_to[0]:
                    getattr(history, change_of)(*values)
            elif what == "wait":
                for _ in range(given_to[0]):
                    await asyncio.sleep(0)
            else:
                await history.ask(sorted(given_to[0]), without_cache=given_to[1])
    finally:
        await history.feeds.close()
        await history.access.kept.close()
    for vendor in history.vendors():
        for operation, number in vendor.asked.items():
            event(f"{operation} {'some' if number else 'none'}")
    for path in Path:
        event(f"{path.value} {'taken' if path in history.access.ways else 'not taken'}")
