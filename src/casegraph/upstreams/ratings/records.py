"""Satisfaction ratings as Kayako tells them, under this product's names.

Contract: reviews-ratings-customer-cases §2. The agent at rating time comes as `assignee_agent` or,
by the field table, as `assignee_person`; both are read.
Invariant: only a rating's own id is required; a field that broke its contract holds the
ContractViolation itself. No record holds the hash that authorises a public write.
"""

from enum import Enum

import msgspec
from msgspec import UNSET, UnsetType, field

from casegraph.upstreams.declared import as_declared
from casegraph.upstreams.decode import Id, Instant, Record


class RatingScore(Enum):
    """What the customer said."""

    GOOD = "GOOD"
    BAD = "BAD"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> "RatingScore | None":
        return cls.UNKNOWN if isinstance(value, str) else None


@as_declared()
class CaseReference(Record, frozen=True):
    """The case that a rating belongs to."""

    case_id: Id | None = field(name="id", default=None)


@as_declared()
class RatingUser(Record, frozen=True):
    """A customer or an agent in the ratings system."""

    user_id: Id | None = field(name="id", default=None)
    full_name: str | None = None


@as_declared()
class RatingTeam(Record, frozen=True):
    """A team of agents in the ratings system."""

    team_id: Id | None = field(name="id", default=None)
    title: str | None = None


@as_declared(but=("asked_case_id",))
class Rating(Record, frozen=True):
    """One answer of a customer to the question how the case went."""

    rating_id: Id = field(name="id")
    score: RatingScore | None = None
    comment: str | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    creator: RatingUser | None = None
    assignee_agent: RatingUser | None = None
    assignee_person: RatingUser | None = None
    team: RatingTeam | None = field(name="assignee_team", default=None)
    case: CaseReference | None = None
    conversation: CaseReference | None = None
    asked_case_id: str | None = None
    """The case whose ratings were asked for; stamped by the client, for rows that name none."""

    @property
    def case_id(self) -> str | None:
        """The case of this rating in the ratings system."""
        for reference in (self.case, self.conversation):
            if isinstance(reference, CaseReference) and isinstance(reference.case_id, str):
                return reference.case_id
        return self.asked_case_id

    @property
    def assignee(self) -> RatingUser | None:
        """The agent at rating time; None for a case nobody had."""
        return self.assignee_agent if self.assignee_agent is not None else self.assignee_person


class RatingStatus(Enum):
    """Whether a case has been rated."""

    UNOFFERED = "UNOFFERED"
    OFFERED = "OFFERED"
    RECEIVED = "RECEIVED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> "RatingStatus | None":
        return cls.UNKNOWN if isinstance(value, str) else None


@as_declared()
class CaseSummary(Record, frozen=True):
    """The rating of a case in one word, without id, comment or time."""

    case_id: Id = field(name="id")
    score: RatingScore | None = field(name="rating", default=None)
    rating_status: RatingStatus | None = None


class Envelope(Record, frozen=True):
    """What stands around every answer; `status` is settled before `data` is read."""

    status: int | None = None
    total_count: int | None = None


class RatingList(Envelope, frozen=True):
    """Ratings, in an envelope; without `data` it is no empty list, it is no answer."""

    data: tuple[Rating, ...] | UnsetType = UNSET


class OneRating(Envelope, frozen=True):
    """One rating, in an envelope."""

    data: Rating | None = None


class CaseSummaries(Envelope, frozen=True):
    """Case summaries, in an envelope."""

    data: tuple[CaseSummary, ...] | UnsetType = UNSET


class OneCaseSummary(Envelope, frozen=True):
    """One case summary, in an envelope."""

    data: CaseSummary | None = None


class _Fault(Record, frozen=True):
    code: str | None = None


class _Faults(Record, frozen=True):
    errors: tuple[_Fault, ...] = ()


def error_codes(body: bytes) -> frozenset[str]:
    """Return the codes in an error body; none when it is not in the vendor's form."""
    try:
        faults = msgspec.json.decode(body, type=_Faults)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frozenset()
    return frozenset(fault.code for fault in faults.errors if fault.code)
