"""The Node interface: everything with an identity can be fetched again by its id alone."""

from collections.abc import Callable
from typing import Any

import strawberry

from casegraph.graph import ids
from casegraph.graph.context import Info
from casegraph.graph.freshness import Freshness, freshness_of
from casegraph.graph.resolved import resolved
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews.records import ReviewEntry
from casegraph.upstreams.customer_cases.records import CustomerCase
from casegraph.upstreams.ratings.records import Rating


def id_of(record: Any) -> str:
    """Return the global id of any record that is a Node."""
    parts = _PARTS.get(record.__class__)
    if parts is None:
        parts = next((_PARTS[kind] for kind in type(record).__mro__ if kind in _PARTS), None)
        if parts is None:
            raise TypeError(f"{type(record).__name__} is no node")
        _PARTS[type(record)] = parts  # one that adds its origin to a record; there are three
    return ids.encode_named(*parts(record))


def _list_parts(record: am.ProgramList) -> tuple[Any, ...]:
    kind = record.type if isinstance(record.type, am.ProgramListType) else _UNKNOWN
    return ("ProgramList", record.hub_id, kind.value, record.list_id)


_UNKNOWN = am.ProgramListType.UNKNOWN
_PARTS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    am.Case: lambda record: ("Case", record.hub_id, record.case_id),
    am.Note: lambda record: ("Note", record.hub_id, record.case_id, record.note_id),
    am.Role: lambda record: ("Role", record.hub_id, record.role_id),
    am.ProgramList: _list_parts,
    ReviewEntry: lambda record: ("ReviewEntry", record.review_entry_id),
    Rating: lambda record: ("Rating", record.case_id or "0", record.rating_id),
    CustomerCase: lambda record: ("CustomerCase", record.customer_case_id),
}


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
