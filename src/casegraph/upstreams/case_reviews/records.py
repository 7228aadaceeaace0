"""Review entries as Trackops may tell them, under this product's names.

The vendor publishes no response body; the names are the contract's best guess (reviews §1.4), so
each fact that may come in two forms (a flat id or a nested object, Case or Casefile) is read from
both. One live sample is enough to correct the names, and they stand here only.
Invariant: only the entry's own id is required; a field that broke its contract holds the
ContractViolation itself.
"""

from enum import Enum

from msgspec import field

from casegraph.upstreams.declared import as_declared
from casegraph.upstreams.decode import Id, Instant, Record


class ReviewStatus(Enum):
    """Where a review entry stands."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    COMPLETE = "complete"
    ATTENTION = "attention"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "ReviewStatus | None":
        return cls.UNKNOWN if isinstance(value, str) else None


@as_declared()
class CaseReference(Record, frozen=True):
    """The case as nested in an entry."""

    case_id: Id | None = field(name="id", default=None)


@as_declared()
class Reviewer(Record, frozen=True):
    """The person an entry is assigned to."""

    user_id: Id | None = field(name="id", default=None)
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = field(name="name", default=None)


@as_declared()
class Review(Record, frozen=True):
    """The question set that an entry answers."""

    review_id: Id | None = field(name="id", default=None)
    name: str | None = None


@as_declared()
class ReviewAnswer(Record, frozen=True):
    """One answered question."""

    question_id: Id | None = None
    label: str | None = None
    type: str | None = None
    value: str | float | bool | None = None
    score: float | None = None


@as_declared(but=("asked_case_id",))
class ReviewEntry(Record, frozen=True):
    """One review of one case."""

    review_entry_id: Id = field(name="id")
    status: ReviewStatus | None = None
    is_auto_generated: bool | None = None
    review_date: Instant | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None
    completed_at: Instant | None = None
    flat_case_id: Id | None = field(name="case_id", default=None)
    flat_casefile_id: Id | None = field(name="casefile_id", default=None)
    nested_case: CaseReference | None = field(name="Case", default=None)
    nested_casefile: CaseReference | None = field(name="Casefile", default=None)
    flat_user_id: Id | None = field(name="user_id", default=None)
    nested_user: Reviewer | None = field(name="User", default=None)
    flat_review_id: Id | None = field(name="review_id", default=None)
    nested_review: Review | None = field(name="Review", default=None)
    review_answers: tuple[ReviewAnswer, ...] | None = field(name="ReviewAnswers", default=None)
    plain_answers: tuple[ReviewAnswer, ...] | None = field(name="Answers", default=None)
    asked_case_id: str | None = None
    """The case whose entries were asked for; stamped by the client, for rows that name none."""

    @property
    def case_id(self) -> str | None:
        """The case of this entry in the reviews system."""
        for flat in (self.flat_case_id, self.flat_casefile_id):
            if isinstance(flat, str):
                return flat
        for nested in (self.nested_case, self.nested_casefile):
            if isinstance(nested, CaseReference) and isinstance(nested.case_id, str):
                return nested.case_id
        return self.asked_case_id

    @property
    def assignee(self) -> Reviewer | None:
        """Who it is assigned to; None for an entry made per case."""
        if self.nested_user is None and isinstance(self.flat_user_id, str):
            return Reviewer(user_id=self.flat_user_id)
        return self.nested_user

    @property
    def review(self) -> Review | None:
        """The question set."""
        if self.nested_review is None and isinstance(self.flat_review_id, str):
            return Review(review_id=self.flat_review_id)
        return self.nested_review

    @property
    def answers(self) -> tuple[ReviewAnswer, ...]:
        """The answers; none until the entry is answered."""
        return self.review_answers if self.review_answers is not None else self.plain_answers or ()


class ReviewCounts(Record, frozen=True):
    """What `mode=count` answers."""

    record_count: int
