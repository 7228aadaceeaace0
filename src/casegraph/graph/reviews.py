"""Quality reviews of cases, from the reviews system."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from casegraph.engine.compiled.classes import by_class
from casegraph.errors import again
from casegraph.graph.batches import back
from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.node import Node
from casegraph.graph.people import Reviewer
from casegraph.graph.resolved import resolved
from casegraph.graph.selections import asks_for_details
from casegraph.linking.identity import System
from casegraph.loading.link_reads import origin_of
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews import records as cr

if TYPE_CHECKING:
    from casegraph.graph.cases import Case

strawberry.enum(cr.ReviewStatus, description="Where a review entry stands.")
ReviewStatus = cr.ReviewStatus

REVIEW_STATUSES = {
    "PENDING": "Made, not answered yet.",
    "SUBMITTED": "Handed in, not looked at yet.",
    "COMPLETE": "Reviewed and closed.",
    "ATTENTION": "Escalated, or more information or a follow-up is wanted.",
    "UNKNOWN": "A status that this gateway does not know yet.",
}


@strawberry.type(description="The set of questions that a review entry answers.")
class Review:
    """Field source: records.Review."""

    review_id: strawberry.ID | None = strawberry.field(description="Id in the reviews system.")
    name: str | None = strawberry.field(description="Name of the question set.")


@strawberry.type(description="One answered question of a review.")
class ReviewAnswer:
    """Field source: records.ReviewAnswer."""

    question_id: strawberry.ID | None = strawberry.field(description="The question's id.")
    label: str | None = strawberry.field(description="The question.")
    type: str | None = strawberry.field(description="How it is answered, as `scale` or `text`.")
    score: float | None = strawberry.field(description="Points, where the question gives any.")

    @resolved(description="The answer as text.")
    @staticmethod
    def value(root: strawberry.Parent[cr.ReviewAnswer]) -> str | None:
        """Print the answer, whatever its type was."""
        value = root.value
        if isinstance(value, Exception):
            raise again(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return None if value is None else str(value)


def _case_of(entry: cr.ReviewEntry) -> str | None:
    return entry.case_id


@strawberry.type(description="One quality review of one case.")
class ReviewEntry(Node):
    """Field source: records.ReviewEntry."""

    review_entry_id: strawberry.ID = strawberry.field(
        description="The vendor's id of the entry (`id`)."
    )
    status: ReviewStatus | None = strawberry.field(description="Where it stands.")
    is_auto_generated: bool | None = strawberry.field(
        description="Whether the system made it, rather than a person."
    )
    review_date: date | None = strawberry.field(description="The day that the review is about.")
    created_at: datetime | None = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="When it was last changed.")
    completed_at: datetime | None = strawberry.field(
        description="When it was completed; null unless it ever was."
    )
    assignee: Reviewer | None = strawberry.field(
        description="Who is to answer it; null for a review of the whole case."
    )
    review: Review | None = strawberry.field(description="The questions it answers.")

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, cr.ReviewEntry)

    @resolved(
        graphql_type=list[ReviewAnswer] | None, description="The answers; empty until it has any."
    )
    @staticmethod
    def answers(root: strawberry.Parent[cr.ReviewEntry]) -> Sequence[cr.ReviewAnswer]:
        """Return the answers under whichever name they came."""
        return root.answers

    @resolved(
        graphql_type=Annotated["Case", strawberry.lazy("casegraph.graph.cases")] | None,
        description="The case it reviews; null when no case has that number.",
        batch=back(System.CASE_REVIEWS, _case_of),
    )
    @staticmethod
    async def case(root: strawberry.Parent[cr.ReviewEntry], info: Info) -> am.Case | None:
        """Follow the link back."""
        links = reads_of(info).links
        return await links.case_of(
            System.CASE_REVIEWS, root.case_id, origin_of(root), detailed=asks_for_details(info)
        )
