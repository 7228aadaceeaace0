"""The Node interface: everything with an identity can be fetched again by its id alone."""

from typing import Any

import strawberry

from casegraph.graph import ids
from casegraph.graph.context import Info
from casegraph.graph.freshness import Freshness, freshness_of
from casegraph.graph.ids import Kind
from casegraph.graph.resolved import resolved
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.customer_cases.records import CustomerCase
from casegraph.upstreams.ratings.records import Rating


def id_of(record: Any) -> str:
    """Return the global id of any record that is a Node."""
    match record:
        case am.Case():
            return ids.encode(Kind.CASE, record.hub_id, record.case_id)
        case am.Note():
            return ids.encode(Kind.NOTE, record.hub_id, record.case_id, record.note_id)
        case am.Role():
            return ids.encode(Kind.ROLE, record.hub_id, record.role_id)
        case am.ProgramList():
            kind = record.type if isinstance(record.type, am.ProgramListType) else _UNKNOWN
            return ids.encode(Kind.PROGRAM_LIST, record.hub_id, kind.value, record.list_id)
        case ReviewEntry():
            return ids.encode(Kind.REVIEW_ENTRY, record.review_entry_id)
        case Rating():
            return ids.encode(Kind.RATING, record.case_id or "0", record.rating_id)
        case CustomerCase():
            return ids.encode(Kind.CUSTOMER_CASE, record.customer_case_id)
        case _:
            raise TypeError(f"{type(record).__name__} is no node")


_UNKNOWN = am.ProgramListType.UNKNOWN


@strawberry.interface(
    description="Anything with an identity: its `id` is unique over all systems and all types."
)
class Node:
    """Field source: any record that is a node."""

    @resolved(
        description="Opaque global id, for `node(id:)` and for client caches; not a vendor's id."
    )
    @staticmethod
    def id(root: strawberry.Parent[Any]) -> strawberry.ID:
        """Encode the record's keys."""
        return strawberry.ID(id_of(root))

    @resolved(description="How old what you see of it is, and where it came from.")
    @staticmethod
    def freshness(root: strawberry.Parent[Any], info: Info) -> Freshness:
        """Look the record up in what this request was answered from."""
        return freshness_of(root, info.context)
