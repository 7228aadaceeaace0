"""Ratings given, changed and asked for: two calls never to be repeated, one that can be checked.

Adding a rating and mailing a request for one cannot be told apart from doing it twice, so each is
sent once, and an answer that does not come leaves the outcome unknown, with a word on how to find
out. A rating that is changed is looked at before and after, as a case is; this vendor's ETags close
the moment between.
Invariant: the hash of a rating mail is revealed to the one call that carries it, and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from casegraph.errors import (
    CasegraphError,
    ContractViolation,
    CredentialsRefused,
    OutcomeUnknown,
    UpstreamConflict,
    UpstreamError,
    UpstreamNotFound,
)
from casegraph.upstreams.ratings.client import SeenRating
from casegraph.upstreams.ratings.records import Rating, RatingScore
from casegraph.writing.case_writer import SETTLE_SECONDS
from casegraph.writing.detached import Passage
from casegraph.writing.leases import OneWriter
from casegraph.writing.outcomes import (
    Conflict,
    Ending,
    ErrorCode,
    FieldChange,
    FieldDifference,
    WriteError,
    WriteOutcome,
    failed,
    not_found,
    refused,
    told,
)
from casegraph.writing.secret import Secret

_FIELDS = ("score", "comment")


class RatingVendor(Protocol):
    """What is used of the vendor's client."""

    async def rating_seen(self, case_id: str, rating_id: str) -> SeenRating:
        """Return a rating as it is to be changed."""

    async def rating_add(self, case_id: str, values: dict[str, str]) -> Rating | None:
        """Add a rating."""

    async def rating_update(
        self, case_id: str, rating_id: str, values: dict[str, str], etag: str | None = None
    ) -> Rating | None:
        """Change a rating."""

    async def rating_trigger(self, case_id: str) -> None:
        """Have a rating request mailed."""


@dataclass(frozen=True, slots=True)
class RatingWrite:
    """What is wanted of a rating; without an id, a new one. `values` are score and comment."""

    case_id: str
    rating_id: str | None
    values: dict[str, str | None]
    secret: Secret | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class RatingWritten:
    """How a write ended, and the rating as it was read last."""

    ending: Ending
    rating: Rating | None = None


class RatingWriter:
    """Writes ratings."""

    def __init__(
        self,
        vendor: Callable[[], RatingVendor],
        one_writer: OneWriter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take a function for the vendor's client: it raises where none is configured."""
        self._vendor = vendor
        self._one_writer = one_writer
        self._sleep = sleep

    async def add(self, asked: RatingWrite, passage: Passage) -> RatingWritten:
        """Add a rating, once."""
        made = tuple(FieldChange(name, None, value) for name, value in asked.values.items())
        if asked.dry_run:
            ending = Ending(outcome=WriteOutcome.PLANNED, changes=made, object_key=(asked.case_id,))
            return RatingWritten(ending)

        async def send() -> Rating | None:
            vendor = self._vendor()
            passage.begin()
            return await vendor.rating_add(asked.case_id, _body(asked.values, asked.secret))

        how = "Look among the case's ratings for it before adding it again."
        ending, rating = await _sent_once(asked.case_id, send, how)
        return RatingWritten(_with(ending, made, rating), rating)

    async def trigger(self, case_id: str, passage: Passage, *, dry_run: bool) -> Ending:
        """Have a rating request mailed to the customer, once."""
        if dry_run:
            return Ending(outcome=WriteOutcome.PLANNED, object_key=(case_id,))

        async def send() -> None:
            vendor = self._vendor()
            passage.begin()
            await vendor.rating_trigger(case_id)

        how = "The customer may have got a mail; ask the customer before sending another."
        ending, _ = await _sent_once(case_id, send, how)
        return ending

    async def update(self, asked: RatingWrite, passage: Passage) -> RatingWritten:
        """Change a rating; never raises an error of ours."""
        rating_id = asked.rating_id or ""
        try:
            async with self._one_writer.hold("ratings", asked.case_id, rating_id) as hold:
                seen = await self._look(asked)
                if seen is None:
                    error = not_found("There is no such rating.", "ratingId")
                    return RatingWritten(refused([error], _ids(asked)))
                made = _changes(seen.rating, asked)
                if asked.dry_run or not made:
                    outcome = WriteOutcome.PLANNED if asked.dry_run else WriteOutcome.UNCHANGED
                    return RatingWritten(_ending(outcome, asked, made), seen.rating)
                last = seen if seen.etag is not None else await self._look(asked)
                if last is None or _values(last.rating) != _values(seen.rating):
                    return _conflicting(asked, seen.rating, _rating(last), made)
                if not await hold.confirm():
                    error = WriteError(ErrorCode.LEASE_LOST, _LOST, retryable=True)
                    ending = _ending(WriteOutcome.NOT_APPLIED, asked, made, error)
                    return RatingWritten(ending, seen.rating)
                passage.begin()
                return await self._put(asked, last, made)
        except CasegraphError as error:
            return RatingWritten(_ending(_failed(error), asked, (), _told(error)))

    async def _look(self, asked: RatingWrite) -> SeenRating | None:
        try:
            return await self._vendor().rating_seen(asked.case_id, asked.rating_id or "")
        except UpstreamNotFound:
            return None

    async def _put(
        self, asked: RatingWrite, seen: SeenRating, made: tuple[FieldChange, ...]
    ) -> RatingWritten:
        # The whole of both values: a vendor that replaces would clear what is left out.
        values = _values(seen.rating) | asked.values
        if values["comment"] is None and "comment" not in asked.values:
            del values["comment"]
        body = _body(values, asked.secret)
        try:
            await self._vendor().rating_update(
                asked.case_id, asked.rating_id or "", body, seen.etag
            )
        except UpstreamConflict:
            return _conflicting(asked, seen.rating, _rating(await self._look(asked)), made)
        except (OutcomeUnknown, ContractViolation):
            return await self._looked_back(asked, seen.rating, made)
        except UpstreamError as error:
            return RatingWritten(_ending(_failed(error), asked, made, _told(error)))
        return await self._looked_back(asked, seen.rating, made)

    async def _looked_back(
        self, asked: RatingWrite, before: Rating, made: tuple[FieldChange, ...]
    ) -> RatingWritten:
        """Read the rating back and compare; where nothing shows, look again before saying so."""
        found: SeenRating | None = None
        for wait in (*SETTLE_SECONDS, None):
            try:
                found = await self._look(asked)
            except CasegraphError as error:
                text = f"The change was sent, and could not be read back: {error}"
                doubt = WriteError(ErrorCode.OUTCOME_UNKNOWN, text, upstream="ratings")
                return RatingWritten(_ending(WriteOutcome.UNKNOWN, asked, made, doubt))
            if found is None:
                return _conflicting(asked, before, None, made)
            now = _values(found.rating)
            if all(now[change.field] == change.after for change in made):
                return RatingWritten(_ending(WriteOutcome.APPLIED, asked, made), found.rating)
            if now != _values(before):
                return _conflicting(asked, before, found.rating, made)
            if wait is not None:
                await self._sleep(wait)
        nothing = WriteError(
            ErrorCode.NOT_APPLIED,
            "ratings was sent the change, and the rating read back does not show it.",
            upstream="ratings",
            retryable=True,
        )
        ending = _ending(WriteOutcome.NOT_APPLIED, asked, made, nothing)
        return RatingWritten(ending, _rating(found))


_LOST = "Another gateway process took over this rating before the write; nothing was written."


async def _sent_once(
    case_id: str, send: Callable[[], Awaitable[Any]], how: str
) -> tuple[Ending, Any]:
    """Make a call that may never be repeated, and say what is known of it."""
    key = (case_id,)
    try:
        return Ending(outcome=WriteOutcome.APPLIED, object_key=key), await send()
    except (OutcomeUnknown, ContractViolation):
        text = f"It was sent, and no answer says whether it took effect. {how}"
        unknown = WriteError(ErrorCode.OUTCOME_UNKNOWN, text, upstream="ratings")
        return Ending(outcome=WriteOutcome.UNKNOWN, errors=(unknown,), object_key=key), None
    except CasegraphError as error:
        return Ending(outcome=_failed(error), errors=(_told(error),), object_key=key), None


def _failed(error: CasegraphError) -> WriteOutcome:
    """Return the outcome of a write that was not made; a right that is missing is a refusal."""
    denied = isinstance(error, CredentialsRefused) and error.sent
    return WriteOutcome.REFUSED if denied else failed(error)


def _rating(seen: SeenRating | None) -> Rating | None:
    return None if seen is None else seen.rating


def _told(error: CasegraphError) -> WriteError:
    if isinstance(error, CredentialsRefused) and error.sent:
        text = "ratings does not allow this: neither by the hash that was given nor by our role."
        return WriteError(ErrorCode.PERMISSION_DENIED, text, upstream="ratings")
    if isinstance(error, UpstreamNotFound):
        return not_found("ratings knows no such case, or not by this hash.", "caseId")
    return told(error)


def _body(values: dict[str, str | None], secret: Secret | None) -> dict[str, str]:
    body = {name: value or "" for name, value in values.items()}
    if secret is not None:
        body["hash"] = secret.reveal()
    return body


def _values(rating: Rating) -> dict[str, str | None]:
    score = rating.score
    found: dict[str, str | None] = {
        "comment": rating.comment if isinstance(rating.comment, str) else None
    }
    # A score that this gateway does not know cannot be sent back; left out, it stays.
    if isinstance(score, RatingScore) and score is not RatingScore.UNKNOWN:
        found["score"] = score.value
    return found


def _changes(rating: Rating, asked: RatingWrite) -> tuple[FieldChange, ...]:
    now = _values(rating)
    return tuple(
        FieldChange(name, now.get(name), asked.values[name])
        for name in _FIELDS
        if name in asked.values and asked.values[name] != now.get(name)
    )


def _ids(asked: RatingWrite) -> tuple[str, ...]:
    return (asked.case_id, *(() if asked.rating_id is None else (asked.rating_id,)))


def _ending(
    outcome: WriteOutcome,
    asked: RatingWrite,
    made: tuple[FieldChange, ...],
    error: WriteError | None = None,
) -> Ending:
    errors = () if error is None else (error,)
    return Ending(outcome=outcome, errors=errors, changes=made, object_key=_ids(asked))


def _with(ending: Ending, made: tuple[FieldChange, ...], rating: Rating | None) -> Ending:
    key = ending.object_key
    if rating is not None:
        key = (*key, str.__str__(rating.rating_id))
    return Ending(outcome=ending.outcome, errors=ending.errors, changes=made, object_key=key)


def _conflicting(
    asked: RatingWrite, before: Rating, now: Rating | None, made: tuple[FieldChange, ...]
) -> RatingWritten:
    expected = _values(before)
    actual = {} if now is None else _values(now)
    wanted = {change.field: change.after for change in made}
    found = tuple(
        FieldDifference(
            name,
            expected.get(name),
            actual.get(name),
            wanted.get(name),
            is_requested=name in wanted,
        )
        for name in _FIELDS
        if now is not None and expected.get(name) != actual.get(name)
    )
    text = "Somebody else changed the rating meanwhile; this change does not stand."
    conflict = Conflict(text, found, is_gone=now is None)
    ending = Ending(
        outcome=WriteOutcome.CONFLICT, conflict=conflict, changes=made, object_key=_ids(asked)
    )
    return RatingWritten(ending, now)
