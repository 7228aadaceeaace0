"""All that the loaders ask of three upstreams, in memory, over lists that a test moves.

Stands beside `moving_lists`, which has the lists that feeds read; here are the reads of one case,
the list of cases by id, and the ratings. What an upstream answers is true at that moment.
Invariant: each call is counted by its operation; a case that is deleted takes its rows along.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from casegraph.errors import UpstreamNotFound
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.action_management.records import Case, CasePage, Note
from casegraph.upstreams.case_reviews.client import Filters, ReviewPage
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.decode import Id, moment
from casegraph.upstreams.ratings.client import RatingPage, SummaryPage
from casegraph.upstreams.ratings.records import CaseSummary, Rating, RatingScore, RatingStatus
from support.moving_lists import EPOCH, HUB, Notes, Reviews, World

OPENED = moment(EPOCH.isoformat())


@dataclass
class CasesAndNotes(Notes):
    """Action Management: cases by number, each with a name."""

    cases: dict[int, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    async def case(self, hub_id: str, case_id: str) -> Case:
        """Return one case with its details."""
        self.asked["case"] += 1
        await self.world.called("case")
        if hub_id != HUB or int(case_id) not in self.cases:
            raise UpstreamNotFound("action_management", "case", "nothing there")
        return self._case(int(case_id), detailed=True)

    async def case_query(self, hub_id: str, query: CaseQuery) -> CasePage:
        """Return one page of the cases by id."""
        self.asked["case_query"] += 1
        await self.world.called("case_query")
        assert (hub_id, query.order_by, query.ascending) == (HUB, "id", True)
        page = sorted(self.cases)[query.skip : query.skip + query.top]
        rows = tuple(self._case(number, detailed=False) for number in page)
        return CasePage(rows, len(self.cases))

    async def case_notes(self, _hub_id: str, case_id: str) -> tuple[Note, ...]:
        """Return all notes of a case, in no order."""
        self.asked["case_notes"] += 1
        await self.world.called("case_notes")
        if int(case_id) not in self.cases:
            raise UpstreamNotFound("action_management", "case_notes", "nothing there")
        return tuple(self._print(held) for held in self.rows.values() if held.case_id == case_id)[
            ::-1
        ]

    def _case(self, number: int, *, detailed: bool) -> Case:
        return Case(
            case_id=Id(number),
            name=self.cases[number],
            created_at=OPENED,
            hub_id=HUB,
            detailed=detailed,
        )


@dataclass
class CaseReviewsToo(Reviews):
    """The reviews system, which can be asked for one case as well."""

    asked: Counter[str] = field(default_factory=Counter)

    async def reviews(self, filters: Filters, page: int) -> ReviewPage:
        """Return one page, of a case or of all."""
        case_id = dict(filters).get("case")
        if case_id is None:
            return await super().reviews(filters, page)
        self.asked["reviews"] += 1
        await self.world.called("reviews")
        rows = sorted(
            (held for held in self.rows.values() if held.case_id == case_id),
            key=lambda held: held.row_id,
        )
        part = rows[(page - 1) * self.page_size : page * self.page_size]
        printed: tuple[ReviewEntry, ...] = tuple(self._print(held) for held in part)
        return ReviewPage(printed, len(part) >= self.page_size)


@dataclass
class ManyRatings:
    """The ratings system: scores by case; a case that it knows may have none."""

    world: World
    scores: dict[int, list[RatingScore]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    page_size: int = 100
    tells: bool = True
    """Whether the list of cases says who was rated; without it, in a word that nobody knows."""

    async def ratings(self, case_id: str, *, offset: int, limit: int, **_: Any) -> RatingPage:
        """Return one page of a case's ratings."""
        self.asked["ratings"] += 1
        await self.world.called("ratings")
        if int(case_id) not in self.scores:
            raise UpstreamNotFound("ratings", "ratings", "nothing there")
        scores = self.scores[int(case_id)]
        rows = [
            Rating(rating_id=Id(int(case_id) * 1000 + index), score=score)
            for index, score in enumerate(scores)
        ]
        return RatingPage(tuple(rows[offset : offset + limit]), len(rows))

    async def case_summaries(self, *, offset: int, limit: int = 100) -> SummaryPage:
        """Return one page of all cases with the last score of each."""
        self.asked["case_summaries"] += 1
        await self.world.called("case_summaries")
        page = sorted(self.scores)[offset : offset + min(limit, self.page_size)]
        return SummaryPage(tuple(map(self._summary, page)), len(self.scores))

    def _summary(self, number: int) -> CaseSummary:
        scores = self.scores[number]
        if not self.tells:
            return CaseSummary(case_id=Id(number), rating_status=RatingStatus.UNKNOWN)
        return CaseSummary(
            case_id=Id(number),
            score=scores[-1] if scores else None,
            rating_status=RatingStatus.RECEIVED if scores else RatingStatus.UNOFFERED,
        )


def sources_over(cases: CasesAndNotes, reviews: CaseReviewsToo, ratings: ManyRatings) -> Sources:
    """Return these as the clients of their upstreams."""
    wanted: Any = Sources
    made: Sources = wanted(cases, reviews, ratings)
    return made
