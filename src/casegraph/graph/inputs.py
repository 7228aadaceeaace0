"""Inputs of the root fields, and how each becomes what loading asks for.

Invariant: every value is checked here, before any call; a field that was left out adds nothing.
"""

from datetime import MAXYEAR, UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from casegraph.errors import InvalidArgument
from casegraph.graph.arguments import given, id_set, window
from casegraph.loading.case_filter import CaseConditions
from casegraph.upstreams.action_management.client import CaseQuery
from casegraph.upstreams.case_reviews.client import Filters
from casegraph.upstreams.case_reviews.records import ReviewStatus
from casegraph.upstreams.paths import int63

NAME_MAX = 200
"""Longest name that is filtered by, in characters; far above any person's."""


@strawberry.input(
    description=(
        "Conditions on cases; all must hold. They are evaluated by this gateway over a bounded walk"
        " of the hub's cases, so a page may say that it is not complete."
    )
)
class CaseFilter:
    """Becomes CaseConditions."""

    is_closed: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only closed cases, or only those that are not."
    )
    status_item_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases with one of these status items."
    )
    severity_item_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases with one of these severity items."
    )
    category_item_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases with one of these category items."
    )
    assigned_user_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases with one of these people in any role."
    )
    created_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases opened at or after this moment."
    )
    created_to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only cases opened at or before this moment."
    )


@strawberry.enum(description="What cases can be ordered by.")
class CaseOrderField(Enum):
    """The vendor's property names that are known to work."""

    ID = strawberry.enum_value("id", description="The vendor's case id.")
    CREATED_AT = strawberry.enum_value("dateCreated", description="When they were opened.")
    DUE_AT = strawberry.enum_value("dateDue", description="When they should be done.")


@strawberry.enum(description="Which end of an order comes first.")
class OrderDirection(Enum):
    """Ascending or descending."""

    ASC = strawberry.enum_value("asc", description="Smallest or earliest first.")
    DESC = strawberry.enum_value("desc", description="Largest or latest first.")


@strawberry.input(description="In which order cases are listed.")
class CaseOrder:
    """Becomes the vendor's orderBy."""

    field: CaseOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(description="Which end comes first.")


@strawberry.input(
    description="Conditions on review entries; all must hold. All bounds are inclusive."
)
class ReviewEntryFilter:
    """Becomes the 17 query parameters of the reviews system."""

    review_entry_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only the entry with this id (`id`)."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only entries of this case, by its id in the reviews system (`case`).",
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries assigned to this person (`user`)."
    )
    status: ReviewStatus | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries that stand there."
    )
    user_last_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries of people with this family name."
    )
    user_first_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries of people with this given name."
    )
    review_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries of this question set (`review`)."
    )
    is_auto_generated: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Only entries made by the system, or by people."
    )
    created_from_system: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Made at or after, by the system's clock."
    )
    created_to_system: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Made at or before, by the system's clock."
    )
    review_from: date | None = strawberry.field(
        default=strawberry.UNSET, description="About this day or a later one."
    )
    review_to: date | None = strawberry.field(
        default=strawberry.UNSET, description="About this day or an earlier one."
    )
    created_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Made at or after this moment."
    )
    created_to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Made at or before this moment."
    )
    updated_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Last changed at or after this moment."
    )
    updated_to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Last changed at or before this moment."
    )
    completed_from: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Completed at or after this moment."
    )
    completed_to: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Completed at or before this moment."
    )


@strawberry.input(one_of=True, description="Whose newest ratings are asked for: exactly one.")
class RecentRatingsOf:
    """Becomes the one argument of the vendor's list of recent ratings."""

    user_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Ratings of this user of the ratings system."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Ratings of this organization's users."
    )
    case_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Ratings of this case, by its id in that system."
    )


def conditions(chosen: CaseFilter | None) -> CaseConditions | None:
    """Return the conditions of a filter, None when it sets none; raises InvalidArgument."""
    if chosen is None:
        return None
    created_from, created_to = given(chosen.created_from), given(chosen.created_to)
    window("filter.createdTo", created_from, created_to)
    found = CaseConditions(
        is_closed=given(chosen.is_closed),
        status_item_ids=id_set("filter.statusItemIds", chosen.status_item_ids),
        severity_item_ids=id_set("filter.severityItemIds", chosen.severity_item_ids),
        category_item_ids=id_set("filter.categoryItemIds", chosen.category_item_ids),
        assigned_user_ids=id_set("filter.assignedUserIds", chosen.assigned_user_ids),
        created_from=created_from,
        created_to=created_to,
    )
    return None if found == CaseConditions() else found


def case_query(order: CaseOrder | None, top: int, filters: Any) -> CaseQuery:
    """Return the query of a case list; without an order the vendor's own stands."""
    if order is None:
        return CaseQuery(top=top, filters=filters)
    return CaseQuery(
        top=top,
        order_by=str(order.field.value),
        ascending=order.direction is OrderDirection.ASC,
        filters=filters,
    )


def review_filters(chosen: ReviewEntryFilter | None) -> Filters:
    """Return the vendor's query parameters of a filter; raises InvalidArgument."""
    if chosen is None:
        return ()
    found = [
        (parameter, text)
        for parameter, name in _REVIEW_PARAMETERS
        if (text := _parameter(name, given(getattr(chosen, name)))) is not None
    ]
    for start, end in _REVIEW_WINDOWS:
        window(_shown(end), given(getattr(chosen, start)), given(getattr(chosen, end)))
    return tuple(found)


_REVIEW_WINDOWS = (
    ("created_from_system", "created_to_system"),
    ("review_from", "review_to"),
    ("created_from", "created_to"),
    ("updated_from", "updated_to"),
    ("completed_from", "completed_to"),
)


_REVIEW_PARAMETERS = (
    ("id", "review_entry_id"),
    ("case", "case_id"),
    ("user", "user_id"),
    ("status", "status"),
    ("user_last_name", "user_last_name"),
    ("user_first_name", "user_first_name"),
    ("review", "review_id"),
    ("is_auto_generated", "is_auto_generated"),
    ("created_from_system", "created_from_system"),
    ("created_to_system", "created_to_system"),
    ("review_from", "review_from"),
    ("review_to", "review_to"),
    ("created_from", "created_from"),
    ("created_to", "created_to"),
    ("updated_from", "updated_from"),
    ("updated_to", "updated_to"),
    ("completed_from", "completed_from"),
    ("completed_to", "completed_to"),
)
"""The vendor's parameter and our field for each; ids are checked by their names' ending."""


def _parameter(name: str, value: Any) -> str | None:
    """Return a filter's value as the vendor's text: timestamps in UTC, as its own answers are."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case ReviewStatus.UNKNOWN:
            raise InvalidArgument("filter.status: UNKNOWN cannot be filtered by.")
        case Enum():
            return str(value.value)
        case datetime():
            return _to_second(value, up="_from" in name)
        case date():
            return value.isoformat()
        case _ if name.endswith("_id"):
            return str(int63(_shown(name), str(value)))
        case _:
            return _name(name, str(value))


def _to_second(moment: datetime, *, up: bool) -> str:
    """Return a bound as the vendor prints times, to the second; a lower bound is rounded up."""
    bound = moment.astimezone(UTC)
    if up and bound.microsecond and bound.year < MAXYEAR:
        bound += timedelta(seconds=1)
    return bound.replace(tzinfo=None, microsecond=0).isoformat(" ")


def _name(name: str, text: str) -> str:
    if not text.strip() or len(text) > NAME_MAX or not text.isprintable():
        raise InvalidArgument(
            f"{_shown(name)}: 1 to {NAME_MAX} printable characters are asked for."
        )
    return text


def _shown(name: str, within: str = "filter") -> str:
    """Return the name of an input's field as its client writes it."""
    return f"{within}.{to_camel_case(name)}"


def recent_of(chosen: RecentRatingsOf) -> tuple[str, str]:
    """Return the vendor's argument name and its checked value; raises InvalidArgument."""
    for name in ("user_id", "organization_id", "case_id"):
        value = given(getattr(chosen, name))
        if value is not None:
            return name, str(int63(_shown(name, "of"), value))
    raise InvalidArgument("of: exactly one of userId, organizationId and caseId is asked for.")
