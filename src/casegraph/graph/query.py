"""The root fields: where a question enters the graph.

Invariant: ids and arguments are checked before anything is asked; a thing that does not exist is
null, a thing that could not be asked is an error.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from casegraph.engine.scopes import AuthScope
from casegraph.errors import InvalidArgument
from casegraph.graph import inputs, look_up_batches
from casegraph.graph.ahead import look_ahead
from casegraph.graph.arguments import (
    PAGE_DEFAULT,
    PAGE_MAX,
    After,
    First,
    case_key,
    given,
    hub,
    page_size,
)
from casegraph.graph.batches import alone
from casegraph.graph.cases import Case, Note
from casegraph.graph.connections import Connection, Rows
from casegraph.graph.context import Info
from casegraph.graph.cursors import Scope
from casegraph.graph.customer_cases import CustomerCase
from casegraph.graph.freshness import reads_of
from casegraph.graph.inputs import CaseFilter, CaseOrder, RecentRatingsOf, ReviewEntryFilter
from casegraph.graph.node import Node
from casegraph.graph.nodes import fetch_node, fetch_nodes
from casegraph.graph.nullability import FAILS_ONLY
from casegraph.graph.program import ProgramList, ProgramListType, Role
from casegraph.graph.ratings import Rating, RatingScore
from casegraph.graph.resolved import resolved
from casegraph.graph.reviews import ReviewEntry
from casegraph.graph.scopes import needing
from casegraph.graph.selections import asks_for_details, asks_only_for_count, is_alone
from casegraph.loading.case_reads import NoteKey, NoteWindow
from casegraph.loading.rating_reads import RatingKey
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews import records as cr
from casegraph.upstreams.customer_cases import records as cc
from casegraph.upstreams.paths import int32, int63, opaque
from casegraph.upstreams.ratings import records as ra

HubId = Annotated[strawberry.ID, strawberry.argument(description="The hub, by the vendor's id.")]
CaseId = Annotated[strawberry.ID, strawberry.argument(description="The case, by the vendor's id.")]
RatingsCaseId = Annotated[
    strawberry.ID, strawberry.argument(description="The case, by its id in the ratings system.")
]


@needing(AuthScope.CASES_READ)
@strawberry.type(description="Where every question starts.")
class Query:
    """The root; it has no value of its own."""

    @resolved(
        graphql_type=Node | None,
        description="Anything by its global id; null when it does not exist any more.",
    )
    @staticmethod
    async def node(
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")],  # noqa: A002
    ) -> Any:
        """Fetch by global id."""
        return await fetch_node(reads_of(info), id, detailed=asks_for_details(info))

    @resolved(
        graphql_type=list[Node | None],
        description="Several things by their global ids, in that order; null for what is gone.",
    )
    @staticmethod
    async def nodes(
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description=f"Global ids, at most {PAGE_MAX}."),
        ],
    ) -> list[Any]:
        """Fetch by global ids, each failure alone."""
        if len(ids) > PAGE_MAX:
            raise InvalidArgument(f"ids: at most {PAGE_MAX} are answered at once.")
        return await fetch_nodes(reads_of(info), ids, detailed=asks_for_details(info))

    @resolved(
        graphql_type=Case | None, description="One case; null when the hub has none by this id."
    )
    @staticmethod
    async def case(info: Info, hub_id: HubId, case_id: CaseId) -> am.Case | None:
        """Fetch one case with its details."""
        key = case_key(hub_id, case_id)
        look_ahead(info, key.hub_id, 1, "case")
        return await reads_of(info).cases.case_by_id(key, alone=is_alone(info))

    @resolved(
        graphql_type=Connection[Case] | None,
        description="A hub's cases; newest first unless ordered otherwise.",
        directives=[FAILS_ONLY],
    )
    @staticmethod
    async def cases(
        info: Info,
        hub_id: HubId,
        filter: Annotated[  # noqa: A002  the argument's name in the graph
            CaseFilter | None,
            strawberry.argument(description="Conditions evaluated by this gateway."),
        ] = strawberry.UNSET,
        order_by: Annotated[
            CaseOrder | None, strawberry.argument(description="The order; newest first by default.")
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
        vendor_filters: Annotated[
            JSON | None,
            strawberry.argument(
                description="The `filters` array of the vendor's case query, passed on untouched."
            ),
        ] = strawberry.UNSET,
    ) -> Rows:
        """Read one page of the hub's cases, or walk them to filter."""
        hub_id = strawberry.ID(hub(hub_id))
        chosen = inputs.conditions(given(filter))
        size = 1 if asks_only_for_count(info) else page_size(first)
        query = inputs.case_query(given(order_by), size, given(vendor_filters))
        scope = Scope("cases", hub_id, query.order_by, query.ascending, chosen, query.filters)
        position = scope.decode(given(after))
        if chosen is None:
            look_ahead(info, hub_id, size, "case_query")
        listing = await reads_of(info).cases.case_list(hub_id, query, chosen, position)
        return Rows(listing, scope)

    @resolved(
        graphql_type=Note | None, description="One note; null when the case has none by this id."
    )
    @staticmethod
    async def note(
        info: Info,
        hub_id: HubId,
        case_id: CaseId,
        note_id: Annotated[
            strawberry.ID, strawberry.argument(description="The note, by the vendor's id.")
        ],
    ) -> am.Note | None:
        """Fetch one note."""
        key = NoteKey(case_key(hub_id, case_id), str(int32("noteId", note_id)))
        return await reads_of(info).cases.note(key)

    @resolved(
        graphql_type=Connection[Note] | None,
        description=(
            "A hub's notes in the order in which they were last changed. None is missed while you"
            " page; one that is edited meanwhile comes at its new place, again if you had it."
        ),
        directives=[FAILS_ONLY],
    )
    @staticmethod
    async def notes(
        info: Info,
        hub_id: HubId,
        updated_from: Annotated[
            datetime | None,
            strawberry.argument(description="Only notes changed at or after this moment."),
        ] = strawberry.UNSET,
        updated_to: Annotated[
            datetime | None,
            strawberry.argument(description="Only notes changed at or before this moment."),
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
    ) -> Rows:
        """Read one page of the hub's notes."""
        hub_id = strawberry.ID(hub(hub_id))
        start, end = given(updated_from), given(updated_to)
        if start is not None and end is not None and not start < end:
            raise InvalidArgument("updatedFrom: it must lie before updatedTo.")
        scope = Scope("notes", hub_id, start, end)
        size, position = page_size(first), scope.decode(given(after))
        size = 1 if asks_only_for_count(info) else size
        reads = reads_of(info).cases
        return Rows(await reads.note_list(hub_id, NoteWindow(start, end), size, position), scope)

    @resolved(
        graphql_type=list[ProgramList] | None,
        description="The lists that the hub's program chooses from.",
        directives=[FAILS_ONLY],
        batch=look_up_batches.program_lists_of_hub,
    )
    @staticmethod
    async def program_lists(
        info: Info,
        hub_id: HubId,
        type: Annotated[  # noqa: A002  the argument's name in the graph
            ProgramListType | None, strawberry.argument(description="Only lists of this type.")
        ] = strawberry.UNSET,
    ) -> Sequence[am.ProgramList]:
        """Return the hub's lists, of one type or of all."""
        lists: Sequence[am.ProgramList] = await alone(
            look_up_batches.program_lists_of_hub([None], info, hub_id, type)
        )
        return lists

    @resolved(
        graphql_type=list[Role] | None,
        description="The roles that people can have on the hub's cases.",
        directives=[FAILS_ONLY],
        batch=look_up_batches.roles_of_hub,
    )
    @staticmethod
    async def roles(info: Info, hub_id: HubId) -> Sequence[am.Role]:
        """Return the hub's roles."""
        roles: Sequence[am.Role] = await alone(look_up_batches.roles_of_hub([None], info, hub_id))
        return roles

    @resolved(
        graphql_type=ReviewEntry | None, description="One review entry; null when there is none."
    )
    @staticmethod
    async def review_entry(
        info: Info,
        review_entry_id: Annotated[
            strawberry.ID, strawberry.argument(description="The entry, by the vendor's id.")
        ],
    ) -> cr.ReviewEntry | None:
        """Fetch one entry."""
        return await reads_of(info).reviews.entry(str(int63("reviewEntryId", review_entry_id)))

    @resolved(
        graphql_type=Connection[ReviewEntry] | None,
        description="Review entries of all cases, oldest first.",
        directives=[FAILS_ONLY],
    )
    @staticmethod
    async def review_entries(
        info: Info,
        filter: Annotated[  # noqa: A002  the argument's name in the graph
            ReviewEntryFilter | None,
            strawberry.argument(description="Conditions evaluated by the reviews system."),
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
    ) -> Rows:
        """Read one page of the entries."""
        filters = inputs.review_filters(given(filter))
        scope = Scope("reviewEntries", filters)
        size, position = page_size(first), scope.decode(given(after))
        reads = reads_of(info).reviews
        if asks_only_for_count(info):
            return Rows(reads.entry_count(filters), scope)
        return Rows(await reads.entry_list(filters, size, position), scope)

    @resolved(
        graphql_type=Rating | None,
        description="One rating; null when the case has none by this id.",
    )
    @staticmethod
    async def rating(
        info: Info,
        case_id: RatingsCaseId,
        rating_id: Annotated[
            strawberry.ID, strawberry.argument(description="The rating, by the vendor's id.")
        ],
    ) -> ra.Rating | None:
        """Fetch one rating."""
        key = RatingKey(str(int63("caseId", case_id)), str(int63("ratingId", rating_id)))
        return await reads_of(info).ratings.rating(key)

    @resolved(
        graphql_type=Rating | None,
        description="The rating that a rating mail's hash stands for; null when there is none.",
    )
    @staticmethod
    async def rating_by_hash(
        info: Info,
        case_id: RatingsCaseId,
        hash: Annotated[  # noqa: A002  the argument's name in the graph
            strawberry.ID,
            strawberry.argument(
                description="The hash. It is a secret: send it in a variable, not in the document."
            ),
        ],
    ) -> ra.Rating | None:
        """Fetch the rating behind a secret."""
        return await reads_of(info).ratings.by_hash(str(int63("caseId", case_id)), hash)

    @resolved(
        graphql_type=Connection[Rating] | None,
        description="A case's ratings in the vendor's order; null for a case it does not know.",
    )
    @staticmethod
    async def ratings(
        info: Info,
        case_id: RatingsCaseId,
        score: Annotated[
            RatingScore | None, strawberry.argument(description="Only ratings of this score.")
        ] = strawberry.UNSET,
        has_comment: Annotated[
            bool | None,
            strawberry.argument(description="Only ratings with a comment, or only those without."),
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
    ) -> Rows | None:
        """Read one page of a case's ratings."""
        key, chosen, comment = str(int63("caseId", case_id)), given(score), given(has_comment)
        if chosen is ra.RatingScore.UNKNOWN:
            raise InvalidArgument("score: UNKNOWN cannot be filtered by.")
        scope = Scope("ratings", key, chosen, comment)
        size, position = page_size(first), scope.decode(given(after))
        reads = reads_of(info).ratings
        size = 1 if asks_only_for_count(info) else size
        listing = await reads.rating_list(key, chosen, comment, size, position)
        return None if listing is None else Rows(listing, scope)

    @resolved(
        graphql_type=list[Rating] | None,
        description="The newest ratings of a user, an organization or a case.",
        directives=[FAILS_ONLY],
    )
    @staticmethod
    async def recent_ratings(
        info: Info,
        of: Annotated[RecentRatingsOf, strawberry.argument(description="Whose: exactly one.")],
        limit: Annotated[
            int | None, strawberry.argument(description=f"How many, 1 to {PAGE_MAX}.")
        ] = 3,
    ) -> Sequence[ra.Rating]:
        """Fetch the newest ratings."""
        by, value = inputs.recent_of(of)
        count = 3 if limit is None else limit
        if not 1 <= count <= PAGE_MAX:
            raise InvalidArgument(f"limit: a number from 1 to {PAGE_MAX} is asked for.")
        return await reads_of(info).ratings.recent(by, value, count)

    @resolved(
        graphql_type=list[CustomerCase] | None,
        description="A customer's social cases; null for a customer the CRM does not know.",
    )
    @staticmethod
    async def customer_cases(
        info: Info,
        customer_id: Annotated[
            strawberry.ID, strawberry.argument(description="The customer, by the CRM's id.")
        ],
    ) -> Sequence[cc.CustomerCase] | None:
        """Fetch all social cases of a customer."""
        key = str(opaque("customerId", customer_id))
        return await reads_of(info).customers.of_customer(key)
