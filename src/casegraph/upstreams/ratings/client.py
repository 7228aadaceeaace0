"""Kayako satisfaction ratings as functions: the seven endpoints of the reference page, and cases.

Answers come in an envelope whose own status is the true one: a 200 may hold 201 inside, which is
fine, or an error, which is raised as that error.
Invariant: a rating's hash authorises a public write, so it never gets into a record or an error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from casegraph.errors import ContractViolation, CredentialsRefused
from casegraph.transport.calls import Effect, Reply
from casegraph.upstreams.base import (
    Operation,
    Rest,
    if_match,
    raise_for_status,
    strong_etag,
)
from casegraph.upstreams.decode import Shape, Where
from casegraph.upstreams.paths import Segment, int63, rating_hash
from casegraph.upstreams.ratings.lock import LOCKED
from casegraph.upstreams.ratings.records import (
    CaseSummaries,
    CaseSummary,
    Envelope,
    OneCaseSummary,
    OneRating,
    Rating,
    RatingList,
    RatingScore,
    error_codes,
)

RATINGS = Operation("ratings", Effect.READ, "GET", "/cases/{case}/ratings.json")
RECENT_RATINGS = Operation("recent_ratings", Effect.READ, "GET", "/cases/ratings/recent.json")
RATING = Operation("rating", Effect.READ, "GET", "/cases/{case}/ratings/{rating}.json")
RATING_BY_HASH = Operation(
    "rating_by_hash", Effect.READ, "GET", "/cases/{case}/ratings/{hash}.json"
)
RATING_ADD = Operation("rating_add", Effect.ONCE, "POST", "/cases/{case}/ratings.json")
# Repeated after a pause it would undo what others did meanwhile: the writer looks again first.
RATING_UPDATE = Operation(
    "rating_update", Effect.ONCE, "PUT", "/cases/{case}/ratings/{rating}.json"
)
RATING_TRIGGER = Operation(
    "rating_trigger", Effect.ONCE, "POST", "/cases/{case}/ratings/trigger.json"
)
CASE_SUMMARIES = Operation("case_summaries", Effect.READ, "GET", "/cases.json")
CASE_SUMMARY = Operation("case_summary", Effect.READ, "GET", "/cases/{case}.json")
OPERATIONS = (
    RATINGS, RECENT_RATINGS, RATING, RATING_BY_HASH, RATING_ADD, RATING_UPDATE, RATING_TRIGGER,
    CASE_SUMMARIES, CASE_SUMMARY,
)  # fmt: skip

PAGE_SIZE = 100
"""Largest `limit` seen in use; the vendor publishes none, and answers the one it took (§2.8)."""

_EXPAND = ("include", "user_minimal,team")
"""Names of people and teams come along in the same call (§2.4)."""
_SUMMARY_FIELDS = ("fields", "rating,rating_status")
_OUR_FAULT = frozenset({"APP_NOT_FOUND", "RESOURCE_ACTION_NOT_AVAILABLE"})
"""Codes of a 400 that mean an address we made up, not a value the caller chose (§2.7)."""

_RATINGS = Shape[RatingList](RatingList)
_RATING = Shape[OneRating](OneRating)
_SUMMARIES = Shape[CaseSummaries](CaseSummaries)
_SUMMARY = Shape[OneCaseSummary](OneCaseSummary)
_NOTHING = Shape[Envelope](Envelope)


@dataclass(frozen=True, slots=True)
class RatingPage:
    """One page of a case's ratings and how many there are in all."""

    ratings: tuple[Rating, ...]
    total_count: int | None


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """One page of case summaries and how many there are in all."""

    summaries: tuple[CaseSummary, ...]
    total_count: int | None


@dataclass(frozen=True, slots=True)
class SeenRating:
    """A rating, and what If-Match takes; None where the vendor sent no strong ETag."""

    rating: Rating
    etag: str | None


E = TypeVar("E", bound=Envelope)
R = TypeVar("R", Rating, CaseSummary)


class Ratings:
    """The client. Every method raises InvalidArgument for a bad id and UpstreamError otherwise."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def ratings(
        self,
        case_id: str,
        *,
        offset: int = 0,
        limit: int = PAGE_SIZE,
        score: RatingScore | None = None,
        has_comment: bool | None = None,
    ) -> RatingPage:
        """Return one page of a case's ratings."""
        query = [("offset", str(offset)), ("limit", str(limit)), _EXPAND]
        if score is not None:
            query.append(("score", score.value))
        if has_comment is not None:
            query.append(("comment", "true" if has_comment else "false"))
        case = _case(case_id)
        answer = await self._read(_RATINGS, RATINGS, {"case": case}, query)
        rows = self._rows(RATINGS, answer.data)
        return RatingPage(_asked_for(case, rows), _number(answer.total_count))

    async def recent_ratings(self, by: str, value: str, limit: int) -> tuple[Rating, ...]:
        """Return the newest ratings of a `user_id`, an `organization_id` or a `case_id`."""
        query = [(by, int63(by, value)), ("limit", str(limit)), _EXPAND]
        answer = await self._read(_RATINGS, RECENT_RATINGS, {}, query)
        return self._rows(RECENT_RATINGS, answer.data)

    async def rating(self, case_id: str, rating_id: str) -> Rating:
        """Return one rating by its id."""
        ids = {"case": _case(case_id), "rating": int63("ratingId", rating_id)}
        answer = await self._read(_RATING, RATING, ids, [_EXPAND])
        return self._one(RATING, ids["case"], answer.data)

    async def rating_by_hash(self, case_id: str, hash_: str) -> Rating:
        """Return the rating that the hash of a rating mail stands for."""
        ids = {"case": _case(case_id), "hash": rating_hash("hash", hash_)}
        answer = await self._read(_RATING, RATING_BY_HASH, ids, [_EXPAND])
        return self._one(RATING_BY_HASH, ids["case"], answer.data)

    async def rating_add(self, case_id: str, values: Mapping[str, str]) -> Rating | None:
        """Add a rating; `values` are score, comment and hash. None when none is sent back."""
        ids = {"case": _case(case_id)}
        answer = await self._read(_RATING, RATING_ADD, ids, (), values)
        return answer.data and _asked_for(ids["case"], (answer.data,))[0]

    async def rating_seen(self, case_id: str, rating_id: str) -> "SeenRating":
        """Return one rating as it is to be changed: unexpanded, so that its ETag is its own."""
        ids = {"case": _case(case_id), "rating": int63("ratingId", rating_id)}
        answer, reply = await self._ask(_RATING, RATING, ids, ())
        rating = self._one(RATING, ids["case"], answer.data)
        return SeenRating(rating, strong_etag(reply.headers.get("etag")))

    async def rating_update(
        self, case_id: str, rating_id: str, values: Mapping[str, str], etag: str | None = None
    ) -> Rating | None:
        """Change a rating; `values` as for adding. None when none is sent back.

        With an `etag`, only if it is still the rating that had it; raises UpstreamConflict.
        """
        ids = {"case": _case(case_id), "rating": int63("ratingId", rating_id)}
        answer, _ = await self._ask(_RATING, RATING_UPDATE, ids, (), values, if_match(etag))
        return answer.data and _asked_for(ids["case"], (answer.data,))[0]

    async def rating_trigger(self, case_id: str) -> None:
        """Have a rating request mailed to the customer."""
        await self._read(_NOTHING, RATING_TRIGGER, {"case": _case(case_id)}, ())

    async def case_summaries(self, *, offset: int, limit: int = PAGE_SIZE) -> SummaryPage:
        """Return one page of cases with their rating in one word each."""
        query = [("offset", str(offset)), ("limit", str(limit)), _SUMMARY_FIELDS]
        answer = await self._read(_SUMMARIES, CASE_SUMMARIES, {}, query)
        rows = self._rows(CASE_SUMMARIES, answer.data)
        return SummaryPage(rows, _number(answer.total_count))

    async def case_summary(self, case_id: str) -> CaseSummary:
        """Return one case with its rating in one word."""
        answer = await self._read(
            _SUMMARY, CASE_SUMMARY, {"case": _case(case_id)}, [_SUMMARY_FIELDS]
        )
        if answer.data is None:
            with self._rest.reading(CASE_SUMMARY) as where:
                raise where.violation("no case", "$.data")
        return answer.data

    async def _read(
        self,
        shape: Shape[E],
        operation: Operation,
        ids: Mapping[str, Segment],
        query: Iterable[tuple[str, str]],
        body: Any = msgspec.UNSET,
    ) -> E:
        return (await self._ask(shape, operation, ids, query, body))[0]

    async def _ask(
        self,
        shape: Shape[E],
        operation: Operation,
        ids: Mapping[str, Segment],
        query: Iterable[tuple[str, str]],
        body: Any = msgspec.UNSET,
        more_headers: Mapping[str, str] | None = None,
    ) -> tuple[E, Reply]:
        answers: list[E] = []

        def check(operation: Operation, reply: Reply, where: Where) -> None:
            self._check(operation, reply)
            answers.append(self._settle(operation, reply, shape, where))

        # Settled as part of the call: an inner status of 500 leaves a write's outcome unknown too.
        reply = await self._rest.call(
            operation, ids, query, body, check=check, more_headers=more_headers
        )
        return answers[0], reply

    def _check(self, operation: Operation, reply: Reply, inner: int | None = None) -> None:
        """Raise what a status says, the `inner` one of an envelope before the reply's own.

        Some of the vendor's codes say it better.
        """
        status = reply.status if inner is None else inner
        if status in {400, 429}:
            codes = error_codes(reply.body)
            if codes & _OUR_FAULT:
                raise self._rest.where(operation).violation("an address the vendor does not know")
            if LOCKED in codes:
                what = "the vendor has locked the gateway's credentials"
                raise CredentialsRefused(self._rest.upstream, operation.name, what)
        raise_for_status(self._rest.upstream, operation.name, reply, status)

    def _settle(self, operation: Operation, reply: Reply, shape: Shape[E], where: Where) -> E:
        """Read an envelope and raise what its own status says."""
        # A write that has taken effect is no failure for want of a body.
        body = reply.body or (b"" if operation.effect is Effect.READ else b"{}")
        answer = shape.read(body, where)
        if isinstance(answer.status, int):
            self._check(operation, reply, answer.status)
        data = getattr(answer, "data", None)
        if isinstance(data, ContractViolation):
            raise data
        return answer

    def _one(self, operation: Operation, case: Segment, rating: Rating | None) -> Rating:
        if rating is None:
            with self._rest.reading(operation) as where:
                raise where.violation("no rating", "$.data")
        return _asked_for(case, (rating,))[0]

    def _rows(self, operation: Operation, rows: tuple[R, ...] | msgspec.UnsetType) -> tuple[R, ...]:
        if isinstance(rows, msgspec.UnsetType):
            with self._rest.reading(operation) as where:
                raise where.violation("nothing where a key must be", "$.data")
        return rows


def _number(value: int | None) -> int | None:
    """Return a count of an envelope; None too when it broke its contract."""
    return value if isinstance(value, int) else None


def _case(case_id: str) -> Segment:
    return int63("caseId", case_id)


def _asked_for(case: Segment, ratings: tuple[Rating, ...]) -> tuple[Rating, ...]:
    stamp, case_id = msgspec.structs.force_setattr, str(case)
    for rating in ratings:
        stamp(rating, "asked_case_id", case_id)
    return ratings
