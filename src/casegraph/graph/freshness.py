"""Freshness over the graph: how old a node is, and `@freshness` for what a field accepts.

A directive holds for the one field that it stands at: its own read obeys it, and the fields below
ask with what their request accepts, unless they say something themselves.
Invariant: reading a field that has no directive costs one look at its nodes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import strawberry
from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLDirective,
    GraphQLInt,
    get_directive_values,
)

from casegraph.errors import InvalidArgument
from casegraph.graph.context import Info, RequestContext
from casegraph.loading import ledger
from casegraph.loading.freshness import Acceptance
from casegraph.loading.reads import Reads
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.customer_cases.records import CustomerCase
from casegraph.upstreams.ratings.records import Rating

FRESHNESS = GraphQLDirective(
    name="freshness",
    locations=[DirectiveLocation.FIELD],
    args={
        "maxAgeSeconds": GraphQLArgument(
            GraphQLInt,
            description="The oldest that is taken without asking its system; 0 asks in any case.",
        ),
        "maxStaleSeconds": GraphQLArgument(
            GraphQLInt, description="By how much it may be older than that, or than is usual."
        ),
    },
    description=(
        "How old the data that this field reads may be. It stands above the request's"
        " `Cache-Control` and holds for this field, not for those below it."
    ),
)

strawberry.enum(ledger.Source, name="FreshnessSource", description="Where a record came from.")
FreshnessSource = ledger.Source
strawberry.enum(
    ledger.StaleReason, description="Why something was given that is older than is usual."
)
StaleReason = ledger.StaleReason

SOURCES = {
    "UPSTREAM": "A call to its system, made for this request or shared with another.",
    "FEED": "An index of its system's changes, brought up to date by reading what has changed.",
    "CACHE": "An answer that was kept.",
}
REASONS = {
    "REVALIDATING": "It is being asked anew; the next request gets that.",
    "UPSTREAM_UNAVAILABLE": "Its system could not be asked.",
    "RATE_LIMITED": "Its system wants a pause.",
    "ACCEPTED": "The request said that it takes it so.",
}


@strawberry.type(description="How old something is, and why.")
class Freshness:
    """What the ledger says of a record."""

    source: FreshnessSource = strawberry.field(description="Where it came from.")
    fetched_at: datetime = strawberry.field(
        description="When it was last known to be true: the moment at which its system was asked."
    )
    age_seconds: int = strawberry.field(description="Whole seconds since then.")
    is_stale: bool = strawberry.field(description="Whether it is older than is usual.")
    reason: StaleReason | None = strawberry.field(description="Why, if it is.")


def freshness_of(record: object, context: RequestContext) -> Freshness:
    """Return how old a record is.

    One that nobody wrote down is a part of something that was: it is taken to be as old as the
    oldest that came from its system.
    """
    found = context.asking.ledger.of(record) or _oldest(_upstream_of(record), context)
    if found is None:
        return _told(ledger.Source.UPSTREAM, context.started_at, None, context)
    return _told(found.source, found.fetched_at, found.reason, context)


def _oldest(upstream: str, context: RequestContext) -> ledger.Provenance | None:
    entries = (each for each in context.asking.ledger if each.upstream == upstream)
    return min(entries, key=lambda each: each.fetched_at, default=None)


def _told(
    source: ledger.Source,
    fetched_at: float,
    reason: ledger.StaleReason | None,
    context: RequestContext,
) -> Freshness:
    return Freshness(
        source=source,
        fetched_at=datetime.fromtimestamp(fetched_at, UTC),
        age_seconds=max(0, int(context.now() - fetched_at)),
        is_stale=reason is not None,
        reason=reason,
    )


def _upstream_of(record: object) -> str:
    match record:
        case ReviewEntry():
            return "case_reviews"
        case Rating():
            return "ratings"
        case CustomerCase():
            return "customer_cases"
        case _:
            return "action_management"


def acceptance_of(info: Info) -> Acceptance:
    """Return what a field accepts: its directive's word, or its request's."""
    raw: Any = info._raw_info  # noqa: SLF001  strawberry offers no other way to the field's nodes
    asked: Acceptance = raw.context.asking.acceptance
    for node in raw.field_nodes:
        if node.directives:
            said = get_directive_values(FRESHNESS, node, raw.variable_values)
            if said is not None:
                return _narrowed(asked, said)
    return asked


def _narrowed(asked: Acceptance, said: Mapping[str, int | None]) -> Acceptance:
    for name, seconds in said.items():
        if seconds is not None and seconds < 0:
            raise InvalidArgument(f"@freshness: {name} must not be negative.")
    return asked.for_field(said.get("maxAgeSeconds"), said.get("maxStaleSeconds"))


def reads_of(info: Info) -> Reads:
    """Return the reads that a field's resolver uses."""
    context = info.context
    acceptance = acceptance_of(info)
    if acceptance is context.asking.acceptance:
        return context.reads
    return context.reads_accepting(acceptance)
