"""Satisfaction ratings as one request reads them.

A case has few ratings, so they are read whole, at the largest page; score and page are cut here and
every question about the same case shares one call.
Invariant: a case that the ratings system does not know has no ratings; a case that could not be
asked is an error.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from casegraph.errors import UpstreamNotFound
from casegraph.loading.listing import Listing, Position, known, slice_after
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.sources import Sources
from casegraph.upstreams.ratings.client import PAGE_SIZE
from casegraph.upstreams.ratings.records import Rating, RatingScore

WALK_PAGES = 20
"""Most pages that one answer reads of one list (reliability default)."""

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RatingKey:
    """One rating of one case."""

    case_id: str
    rating_id: str


@dataclass(frozen=True, slots=True)
class Rows:
    """All ratings of a case; `incomplete_reason` when there were too many."""

    ratings: tuple[Rating, ...]
    incomplete_reason: str | None = None


class RatingReads:
    """What one request reads of the ratings system."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._ratings: Loader[RatingKey, Rating | None] = Loader(one_by_one(self._ask_rating))
        self._of_case: Loader[str, Rows] = Loader(one_by_one(self._ask_case))

    async def rating(self, key: RatingKey) -> Rating | None:
        """Return one rating."""
        return await self._ratings.load(key)

    async def by_hash(self, case_id: str, hash_: str) -> Rating | None:
        """Return the rating that a secret hash stands for; the hash is kept nowhere."""
        try:
            return await self._sources.ratings.rating_by_hash(case_id, hash_)
        except UpstreamNotFound:
            return None

    async def recent(self, by: str, value: str, limit: int) -> tuple[Rating, ...]:
        """Return the newest ratings of a user, an organization or a case."""
        return await self._sources.ratings.recent_ratings(by, value, limit)

    async def of_case(
        self, case_id: str, score: RatingScore | None, first: int, after: Position | None
    ) -> Listing[Rating]:
        """Return a page of a case's ratings, oldest first."""
        rows = await self._of_case.load(case_id)
        ratings = rows.ratings
        if score is not None:
            ratings = tuple(rating for rating in ratings if rating.score is score)
        return slice_after(
            ratings, lambda rating: rating.rating_id, first, after, rows.incomplete_reason
        )

    async def rating_list(
        self,
        case_id: str,
        score: RatingScore | None,
        has_comment: bool | None,
        first: int,
        after: Position | None,
    ) -> Listing[Rating] | None:
        """Return a page of a case's ratings in the vendor's order; None for an unknown case."""
        offset = 0 if after is None else int(after[0])
        try:
            page = await self._sources.ratings.ratings(
                case_id, offset=offset, limit=first, score=score, has_comment=has_comment
            )
        except UpstreamNotFound:
            return None
        rows = page.ratings[:first]
        total = page.total_count
        end = offset + len(rows)
        return Listing(
            items=rows,
            position=lambda index: (offset + index + 1,),
            has_next=known(
                bool(rows) and (end < total if total is not None else len(rows) == first)
            ),
            has_previous=offset > 0,
            count=known(total),
        )

    async def _ask_rating(self, key: RatingKey) -> Rating | None:
        try:
            return await self._sources.ratings.rating(key.case_id, key.rating_id)
        except UpstreamNotFound:
            return None

    async def _ask_case(self, case_id: str) -> Rows:
        ratings: dict[str, Rating] = {}
        reason: str | None = f"stopped after {WALK_PAGES} pages"
        offset = 0
        for _ in range(WALK_PAGES):
            try:
                page = await self._sources.ratings.ratings(case_id, offset=offset, limit=PAGE_SIZE)
            except UpstreamNotFound:
                return Rows(())
            known_before = len(ratings)
            ratings.update((rating.rating_id, rating) for rating in page.ratings)
            offset += len(page.ratings)
            nothing_new = len(ratings) == known_before
            if nothing_new or offset >= (page.total_count or 0):
                reason = None
                break
        for rating in ratings.values():
            self._ratings.prime(RatingKey(case_id, str(rating.rating_id)), rating)
        return Rows(tuple(sorted(ratings.values(), key=_age)), reason)


def _age(rating: Rating) -> tuple[datetime, int, str]:
    created = rating.created_at if isinstance(rating.created_at, datetime) else _EARLIEST
    return (created, len(rating.rating_id), rating.rating_id)
