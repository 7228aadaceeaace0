"""Customers' satisfaction ratings, from the ratings system."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from casegraph.engine.compiled.classes import by_class
from casegraph.graph.batches import back
from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.node import Node
from casegraph.graph.people import RatingTeam, RatingUser
from casegraph.graph.resolved import resolved
from casegraph.graph.selections import asks_for_details
from casegraph.linking.identity import System
from casegraph.loading.link_reads import origin_of
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.ratings import records as ra

if TYPE_CHECKING:
    from casegraph.graph.cases import Case

strawberry.enum(ra.RatingScore, description="What the customer said.")
RatingScore = ra.RatingScore

RATING_SCORES = {
    "GOOD": "Satisfied.",
    "BAD": "Not satisfied.",
    "UNKNOWN": "A score that this gateway does not know yet.",
}


def _case_of(rating: ra.Rating) -> str | None:
    return rating.case_id


@strawberry.type(description="A customer's answer to the question how the case went.")
class Rating(Node):
    """Field source: records.Rating."""

    rating_id: strawberry.ID = strawberry.field(description="The vendor's id of the rating (`id`).")
    score: RatingScore | None = strawberry.field(description="Satisfied or not.")
    comment: str | None = strawberry.field(description="In the customer's words; often null.")
    created_at: datetime | None = strawberry.field(description="When it was given.")
    updated_at: datetime | None = strawberry.field(description="When it was last changed.")
    creator: RatingUser | None = strawberry.field(description="The customer who gave it.")
    assignee: RatingUser | None = strawberry.field(
        description="The agent who had the case then; null when nobody had (`assignee_agent`)."
    )
    team: RatingTeam | None = strawberry.field(
        description="The team that had the case then; null when none had (`assignee_team`)."
    )

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, ra.Rating)

    @resolved(
        graphql_type=Annotated["Case", strawberry.lazy("casegraph.graph.cases")] | None,
        description="The case it rates; null when no case has that number.",
        batch=back(System.RATINGS, _case_of),
    )
    @staticmethod
    async def case(root: strawberry.Parent[ra.Rating], info: Info) -> am.Case | None:
        """Follow the link back."""
        links = reads_of(info).links
        return await links.case_of(
            System.RATINGS, root.case_id, origin_of(root), detailed=asks_for_details(info)
        )
