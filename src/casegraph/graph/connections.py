"""Connections after the Relay convention, forward only, with totals that cost only when asked.

`nodes` is a shortcut for `edges { node }`. A page that could not be completed within a bound says
so instead of looking whole.
Invariant: asking for rows alone never costs a count, and a count alone never costs a look ahead.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import strawberry
from msgspec import Struct

from casegraph.graph.cursors import Scope
from casegraph.graph.resolved import resolved
from casegraph.loading.listing import Known, Listing

NodeType = TypeVar("NodeType")


class Rows(Struct, frozen=True):
    """A page and the list it belongs to: what a connection is made of."""

    listing: Listing[Any]
    scope: Scope

    def cursor(self, index: int) -> str:
        """Return the cursor of the row with this index."""
        return self.scope.encode(self.listing.position(index))


class Row(Struct, frozen=True):
    """One row of a page."""

    rows: Rows
    index: int

    @property
    def node(self) -> Any:
        """The record itself."""
        return self.rows.listing.items[self.index]


def _have_next(pages: Sequence[Rows], _info: object) -> Any:
    """Tell of each page whether rows follow, without waiting where that is in hand."""
    return _known([page.listing.has_next for page in pages])


def _counts(pages: Sequence[Rows], _info: object) -> Any:
    """Tell of each page how many rows its list has, likewise."""
    return _known([page.listing.count for page in pages])


def _known(asked: Sequence[Callable[[], Awaitable[Any]]]) -> Any:
    """Return the values, or what gathers them where one has to be asked for."""
    values = [each.value for each in asked if isinstance(each, Known)]
    if len(values) == len(asked):
        return values
    return asyncio.gather(*(each() for each in asked), return_exceptions=True)


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Field source: Rows."""

    @resolved(description="Whether rows follow this page.", batch=_have_next)
    @staticmethod
    async def has_next_page(root: strawberry.Parent[Rows]) -> bool:
        """Ask the listing, which may look at the next page."""
        return await root.listing.has_next()

    @resolved(description="Whether rows come before this page.")
    @staticmethod
    def has_previous_page(root: strawberry.Parent[Rows]) -> bool:
        """Tell from the position."""
        return root.listing.has_previous

    @resolved(description="Cursor of the first row; null on an empty page.")
    @staticmethod
    def start_cursor(root: strawberry.Parent[Rows]) -> str | None:
        """Encode the first row's position."""
        return root.cursor(0) if root.listing.items else None

    @resolved(
        description="Cursor to go on from, also where a bounded walk stopped; null without one."
    )
    @staticmethod
    def end_cursor(root: strawberry.Parent[Rows]) -> str | None:
        """Encode where the page ended."""
        listing = root.listing
        if listing.end is not None:
            return root.scope.encode(listing.end)
        return root.cursor(len(listing.items) - 1) if listing.items else None


@strawberry.type(description="One row of a list and its cursor.")
class Edge(Generic[NodeType]):
    """Field source: Row."""

    node: NodeType = strawberry.field(description="The row itself.")

    @resolved(description="Where this row stands; give it as `after` to go on from here.")
    @staticmethod
    def cursor(root: strawberry.Parent[Row]) -> str:
        """Encode the row's position."""
        return root.rows.cursor(root.index)


@strawberry.type(description="One page of a list.")
class Connection(Generic[NodeType]):
    """Field source: Rows."""

    @resolved(
        graphql_type=list[Edge[NodeType]], description="The rows of this page with their cursors."
    )
    @staticmethod
    def edges(root: strawberry.Parent[Rows]) -> list[Row]:
        """Pair each row with its index."""
        return [Row(root, index) for index in range(len(root.listing.items))]

    @resolved(graphql_type=list[NodeType], description="The rows of this page.")
    @staticmethod
    def nodes(root: strawberry.Parent[Rows]) -> Sequence[Any]:
        """Return the records."""
        return root.listing.items

    @resolved(graphql_type=PageInfo, description="Where this page stands in its list.")
    @staticmethod
    def page_info(root: strawberry.Parent[Rows]) -> Rows:
        """Answer from the same page."""
        return root

    @resolved(
        description=(
            "How many rows the whole list has; null where no upstream can tell. May cost a call of"
            " its own, so ask only when it is shown."
        ),
        batch=_counts,
    )
    @staticmethod
    async def total_count(root: strawberry.Parent[Rows]) -> int | None:
        """Ask the listing."""
        return await root.listing.count()

    @resolved(
        description=(
            "Whether this page holds every row it should. False when a bound of this gateway was"
            " met; `incompleteReason` says which."
        )
    )
    @staticmethod
    def is_complete(root: strawberry.Parent[Rows]) -> bool:
        """Tell from the reason."""
        return root.listing.incomplete_reason is None

    @resolved(description="Why rows may be missing; null when the page is complete.")
    @staticmethod
    def incomplete_reason(root: strawberry.Parent[Rows]) -> str | None:
        """Return the listing's own words."""
        return root.listing.incomplete_reason
