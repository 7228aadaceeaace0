"""Satisfaction ratings as one request reads them.

A case has few ratings, so they are read whole, at the largest page; score and page are cut here and
every question about the same case shares one call.
Invariant: a case that the ratings system does not know has no ratings; a case that could not be
asked is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import astuple

from casegraph.errors import UpstreamNotFound
from casegraph.linking.identity import CaseKey
from casegraph.loading.access.cost import Need, NeedKind, Path
from casegraph.loading.access.each import Results
from casegraph.loading.access.planning import Access
from casegraph.loading.access.ratings import NO_ROWS, OF_CASE, UPSTREAM, RatingsOfCases, Rows
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import What
from casegraph.loading.ledger import Provenance, Source
from casegraph.loading.listing import (
    Listing,
    Position,
    known,
    paged,
    row_numbers,
    slice_after,
)
from casegraph.loading.loader import Loader, one_by_one
from casegraph.loading.once import made_once
from casegraph.loading.sources import Sources
from casegraph.transport.allowance import reserving
from casegraph.upstreams.decode import Shape, encode
from casegraph.upstreams.ratings.client import PAGE_SIZE
from casegraph.upstreams.ratings.records import Rating, RatingScore

WALK_PAGES = 20
"""Most pages that one answer reads of one list (reliability default)."""

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


class RatingKey(Struct, frozen=True):
    """One rating of one case."""

    case_id: str
    rating_id: str


class LinkedRating(Rating, frozen=True):
    """A rating that was reached from a case."""

    origin: CaseKey | None = None


@dataclass(frozen=True, slots=True)
class _PageKey:
    case_id: str
    offset: int
    limit: int
    score: RatingScore | None
    has_comment: bool | None


@dataclass(frozen=True, slots=True)
class _RecentKey:
    by: str
    value: str
    limit: int


class _Page(Struct, frozen=True):
    """A page as it is kept."""

    ratings: tuple[Rating, ...]
    total_count: int | None


PAGE: What[_Page | None] = What(
    UPSTREAM,
    Kind.RATINGS,
    "ratings",
    encode,
    Shape[_Page | None](_Page).read_strictly,
    lambda page: page.ratings if page is not None else (),
)
RATING: What[Rating | None] = What(
    UPSTREAM,
    Kind.RATINGS,
    "rating",
    encode,
    Shape[Rating | None](Rating).read_strictly,
    lambda rating: (rating,),
)
RECENT: What[tuple[Rating, ...]] = What(
    UPSTREAM,
    Kind.RATINGS,
    "recent_ratings",
    encode,
    Shape[tuple[Rating, ...]](tuple[Rating, ...]).read_strictly,
    lambda ratings: ratings,
)


class RatingReads:
    """What one request reads of the ratings system."""

    def __init__(self, sources: Sources, access: Access, asking: Asking) -> None:
        self._sources = sources
        self._access = access
        self._asking = asking
        self._brought: list[tuple[str, Rows]] = []
        """Ratings in hand by their cases, and in no loader yet: few ask for one by its ids."""

    @made_once
    def _ratings(self) -> Loader[RatingKey, Rating | None]:
        return Loader(one_by_one(self._ask_rating))

    @made_once
    def _of_case(self) -> Loader[str, Rows]:
        return Loader(self._ask_cases, self._rows_in_memory)

    @made_once
    def _pages(self) -> Loader[_PageKey, _Page | None]:
        return Loader(one_by_one(self._ask_page))

    @made_once
    def _recent(self) -> Loader[_RecentKey, tuple[Rating, ...]]:
        return Loader(one_by_one(self._ask_recent))

    async def rating(self, key: RatingKey) -> Rating | None:
        """Return one rating."""
        for case_id, rows in self._brought:
            for rating in rows.ratings:
                self._ratings.prime(RatingKey(case_id, str(rating.rating_id)), rating)
        self._brought.clear()
        return await self._ratings.load(key)

    async def by_hash(self, case_id: str, hash_: str) -> Rating | None:
        """Return the rating that a secret hash stands for; the hash is kept nowhere."""
        asked_at = self._access.kept.now()
        try:
            rating = await self._sources.ratings.rating_by_hash(case_id, hash_)
        except UpstreamNotFound:
            return None
        provenance = Provenance(UPSTREAM, Kind.RATINGS, Source.UPSTREAM, asked_at)
        self._asking.ledger.enter(provenance, (rating,))
        return rating

    async def recent(self, by: str, value: str, limit: int) -> tuple[Rating, ...]:
        """Return the newest ratings of a user, an organization or a case."""
        return await self._recent.load(_RecentKey(by, value, limit))

    async def of_cases(
        self,
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        score: RatingScore | None,
        first: int,
        *,
        alone: bool = False,
    ) -> list[Listing[LinkedRating] | BaseException]:
        """Return a page of the ratings of each case, or why it has none.

        `alone` says that the request wants those of no other case just now.
        """
        keys = [case_id for _, case_id, _ in wanted]
        found = await self._of_case.load_many(keys, alone=alone)
        return self._paged(found, wanted, score, first)

    def of_cases_at_once(
        self,
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        score: RatingScore | None,
        first: int,
    ) -> list[Listing[LinkedRating] | BaseException] | None:
        """Return the same where nothing has to be waited for; None elsewhere."""
        found: list[Rows] = []
        for _, case_id, _ in wanted:
            rows = self._of_case.at_once(case_id)
            if rows is None:
                return None
            found.append(rows)
        self._access.tell(Need(NeedKind.RATINGS, len(wanted)), Path.IN_HAND)
        return self._paged(found, wanted, score, first)

    def _paged(
        self,
        found: Sequence[Rows | BaseException],
        wanted: Sequence[tuple[CaseKey, str, Position | None]],
        score: RatingScore | None,
        first: int,
    ) -> list[Listing[LinkedRating] | BaseException]:
        return paged(
            found, wanted, lambda rows, each: self._page(rows, each[0], score, first, each[2])
        )

    def _page(
        self,
        rows: Rows,
        origin: CaseKey,
        score: RatingScore | None,
        first: int,
        after: Position | None,
    ) -> Listing[LinkedRating]:
        ratings = rows.ratings
        if score is not None:
            ratings = tuple(rating for rating in ratings if rating.score is score)
        page = slice_after(
            ratings, lambda rating: rating.rating_id, first, after, rows.incomplete_reason
        )
        return page.map(lambda rating: self._linked(rating, origin))

    def _linked(self, rating: Rating, origin: CaseKey) -> LinkedRating:
        # By position: half the price of keywords, and the subclass adds its field at the end.
        linked = LinkedRating(*astuple(rating), origin)  # type: ignore[call-arg]  # as many as the base has
        self._asking.ledger.carry(rating, linked)
        return linked

    async def rating_list(
        self,
        case_id: str,
        score: RatingScore | None,
        has_comment: bool | None,
        first: int,
        after: Position | None,
    ) -> Listing[Rating] | None:
        """Return a page of a case's ratings in the vendor's order; None for an unknown case."""
        offset = 0 if after is None else row_numbers(after, 1)[0]
        page = await self._pages.load(_PageKey(case_id, offset, first, score, has_comment))
        if page is None:
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

    async def _ask_page(self, key: "_PageKey") -> _Page | None:
        client = self._sources.ratings

        async def fetch() -> _Page | None:
            try:
                page = await client.ratings(
                    key.case_id,
                    offset=key.offset,
                    limit=key.limit,
                    score=key.score,
                    has_comment=key.has_comment,
                )
            except UpstreamNotFound:
                return None
            return _Page(page.ratings, page.total_count)

        score = "any" if key.score is None else key.score.value
        parts = (key.case_id, str(key.offset), str(key.limit), score, str(key.has_comment))
        return await self._access.kept.read(PAGE, parts, fetch, self._asking)

    async def _ask_recent(self, key: "_RecentKey") -> tuple[Rating, ...]:
        client = self._sources.ratings
        return await self._access.kept.read(
            RECENT,
            (key.by, key.value, str(key.limit)),
            lambda: client.recent_ratings(key.by, key.value, key.limit),
            self._asking,
        )

    async def _ask_rating(self, key: RatingKey) -> Rating | None:
        client = self._sources.ratings

        async def fetch() -> Rating | None:
            try:
                return await client.rating(key.case_id, key.rating_id)
            except UpstreamNotFound:
                return None

        parts = (key.case_id, key.rating_id)
        return await self._access.kept.read(RATING, parts, fetch, self._asking)

    @reserving
    async def _ask_cases(self, keys: Sequence[str]) -> Results[str, Rows]:
        client = self._sources.ratings
        ways = RatingsOfCases(
            self._access,
            self._asking,
            lambda offset: client.case_summaries(offset=offset),
            self._rows_of,
        )
        found = await ways.read(keys)
        self._brought += (
            (case_id, rows) for case_id, rows in found.items() if isinstance(rows, Rows)
        )
        return found

    def _rows_in_memory(self, case_id: str) -> Rows | None:
        """Return the ratings of a case that are kept and fresh enough, in this very process."""
        fetch = partial(self._rows_of, case_id)
        reading = self._access.kept.at_once(OF_CASE, (case_id,), fetch, self._asking)
        if reading is None:
            return None
        if reading.value is None:
            return NO_ROWS
        self._brought.append((case_id, reading.value))
        return reading.value

    async def _rows_of(self, case_id: str) -> Rows | None:
        try:
            return await self._walk(case_id)
        except UpstreamNotFound:
            return None

    async def _walk(self, case_id: str) -> Rows:
        """Read all ratings of a case; raises UpstreamNotFound for one that is not known there."""
        ratings: dict[str, Rating] = {}
        reason: str | None = f"stopped after {WALK_PAGES} pages"
        offset = 0
        for _ in range(WALK_PAGES):
            page = await self._sources.ratings.ratings(case_id, offset=offset, limit=PAGE_SIZE)
            known_before = len(ratings)
            ratings.update((rating.rating_id, rating) for rating in page.ratings)
            offset += len(page.ratings)
            nothing_new = len(ratings) == known_before
            if nothing_new or (page.total_count is not None and offset >= page.total_count):
                reason = None
                break
        return Rows(tuple(sorted(ratings.values(), key=_age)), reason)


def _age(rating: Rating) -> tuple[datetime, int, str]:
    created = rating.created_at if isinstance(rating.created_at, datetime) else _EARLIEST
    return (created, len(rating.rating_id), rating.rating_id)
