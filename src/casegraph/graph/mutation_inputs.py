"""Inputs of the mutations, as clients write them; `mutation_wishes` reads them.

Every input has its own id for being made once and a dry run; those of cases an expected version.
Invariant: what may be left out is told apart from null, because null clears.
"""

from datetime import datetime
from typing import Any

import strawberry

from casegraph.graph.program import ProgramListType
from casegraph.graph.ratings import RatingScore
from casegraph.writing.secret import Secret

NAME_MAX = 1000
"""Longest case name taken, in characters; the vendor tells no bound, and titles are one line."""
COMMENT_MAX = 10_000
"""Longest comment of a rating taken, in characters."""
USERS_MAX = 100
"""Most people named by one mutation."""
BULK_MAX = 50
"""Most cases of one bulk (the product's own bound)."""
COST_MAX = 1e15
"""Largest cost taken either way: beyond it, cents are lost in a double."""


_HUB = "The hub, by the vendor's id."
_CASE = "The case, by the vendor's id."
_RATINGS_CASE = "The case, by its id in the ratings system."
_VERSION = (
    "`Case.version` as you have seen it. If the case has changed since, nothing is written and the"
    " payload's `conflict` says what is different."
)
_DRY_RUN = "Whether only to tell what would be written, without writing it."
_ID = (
    "A text of your own, such as a UUID, that makes this mutation happen once: repeated with the"
    " same input within 24 hours it gives the first outcome, with another input it is refused. What"
    " certainly changed nothing (`REFUSED`, `NOT_APPLIED`) may be tried again under the same text."
)


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


def _required(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.input(description="Some of a case's own values; what is left out stays as it is.")
class UpdateCaseInput:
    """Becomes SetValues."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    name: str | None = _optional("The new title; it cannot be null.")
    workflow_id: strawberry.ID | None = _optional(
        "The way of working it is to follow, by the vendor's id; it cannot be null."
    )
    cost: float | None = _optional("What it costs; null clears it.")
    due_at: datetime | None = _optional(
        "When it should be done, to the millisecond; null clears it."
    )
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="An item of a list, to be chosen for a case.")
class SetCaseListValueInput:
    """Becomes SetItem."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    list_type: ProgramListType | None = _optional(
        "The list, by what it is used for; enough where the hub has one list of this type."
    )
    list_id: strawberry.ID | None = _optional(
        "The list, by the vendor's id; with `listType` where two lists share an id."
    )
    item_id: strawberry.ID | None = _optional("The item, by the vendor's id; or `itemName`.")
    item_name: str | None = _optional("The item, by its name in this list; or `itemId`.")
    sub_category_id: strawberry.ID | None = _optional(
        "The finer choice below a category item. Left out, it stays if the item does; null clears"
        " it."
    )
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="A list of which no item is to be chosen for a case any more.")
class ClearCaseListValueInput:
    """Becomes ClearItem."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    list_type: ProgramListType | None = _optional(
        "The list, by what it is used for; a status cannot be cleared."
    )
    list_id: strawberry.ID | None = _optional("The list, by the vendor's id.")
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="People to be put into a role of a case.")
class AssignCaseUsersInput:
    """Becomes PutUsers."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    role_id: strawberry.ID = _required("The role, by the vendor's id.")
    user_ids: list[strawberry.ID] = _required(
        f"The people, by the vendor's ids, 1 to {USERS_MAX}; whoever is there already stays."
    )
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="People to be taken out of a role of a case.")
class UnassignCaseUsersInput:
    """Becomes PutUsers."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    role_id: strawberry.ID = _required("The role, by the vendor's id.")
    user_ids: list[strawberry.ID] = _required(
        f"The people, by the vendor's ids, 1 to {USERS_MAX}; whoever is not there does no harm."
    )
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="Changes of many cases, each made on its own.")
class UpdateCasesInput:
    """Becomes one wish per case."""

    cases: list[UpdateCaseInput] = _required(
        f"The changes, 1 to {BULK_MAX}; several of one case are made in this order."
    )
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="A case that is to be deleted, with its notes.")
class DeleteCaseInput:
    """Becomes a deletion."""

    hub_id: strawberry.ID = _required(_HUB)
    case_id: strawberry.ID = _required(_CASE)
    expected_version: str | None = _optional(_VERSION)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="A rating that the customer of a case gives.")
class AddRatingInput:
    """Becomes a RatingWrite without an id."""

    case_id: strawberry.ID = _required(_RATINGS_CASE)
    score: RatingScore = _required("Satisfied or not; `UNKNOWN` cannot be given.")
    comment: str | None = _optional("In the customer's words.")
    hash: Secret | None = _optional(
        "The hash from the rating mail, which gives the right to rate; left out, this gateway's own"
        " role must have it."
    )
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="What is to become of a rating; what is left out stays as it is.")
class UpdateRatingInput:
    """Becomes a RatingWrite."""

    case_id: strawberry.ID = _required(_RATINGS_CASE)
    rating_id: strawberry.ID = _required("The rating, by the vendor's id.")
    score: RatingScore | None = _optional("Satisfied or not; it cannot be null.")
    comment: str | None = _optional("In the customer's words; null clears it.")
    hash: Secret | None = _optional(
        "The hash from the rating mail, which gives the right to rate; left out, this gateway's own"
        " role must have it."
    )
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)


@strawberry.input(description="A case whose customer is to be asked for a rating.")
class TriggerRatingInput:
    """Becomes a mail."""

    case_id: strawberry.ID = _required(_RATINGS_CASE)
    dry_run: bool | None = _optional(_DRY_RUN)
    client_mutation_id: str | None = _optional(_ID)
