"""Cases and their notes: the middle of the graph, from which every other system is reached.

A field that case lists leave out is taken from the case if it was told, and asked for otherwise, so
that a list pays for details only where they are selected.
Invariant: "not told" is never answered as null.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry

from casegraph.engine.compiled.classes import by_class
from casegraph.errors import Ambiguous, again
from casegraph.graph import batches
from casegraph.graph.arguments import PAGE_DEFAULT, After, First, given
from casegraph.graph.batches import alone, key_of
from casegraph.graph.case_parts import (
    CaseRole,
    CaseSource,
    DataField,
    ListValue,
    Trigger,
    Workflow,
)
from casegraph.graph.connections import Connection, Rows
from casegraph.graph.context import Info
from casegraph.graph.customer_cases import CustomerCase
from casegraph.graph.freshness import reads_of
from casegraph.graph.node import Node
from casegraph.graph.nullability import FAILS_ONLY
from casegraph.graph.people import User
from casegraph.graph.program import ProgramListType
from casegraph.graph.ratings import Rating, RatingScore
from casegraph.graph.resolved import resolved
from casegraph.graph.reviews import ReviewEntry, ReviewStatus
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.customer_cases import records as cc
from casegraph.writing.fields import readable, version_of


async def _told(case: am.Case, info: Info, name: str) -> Any:
    """Return a field that lists leave out; asks for details where it was not told."""
    return await alone(batches.told(name)([case], info))


def _value_of(case: am.Case, kind: am.ProgramListType) -> am.ListValue | None:
    """Return the case's chosen item of a list type; raises what made the list unreadable."""
    if isinstance(case.list_values, Exception):
        raise again(case.list_values)
    for value in case.list_values or ():
        if value.type is kind:
            return value
    return None


@strawberry.type(description="A note that somebody, or the system, wrote on a case.")
class Note(Node):
    """Field source: records.Note."""

    note_id: strawberry.ID = strawberry.field(description="The vendor's id of the note (`id`).")
    case_id: strawberry.ID = strawberry.field(description="The case it stands on (`caseId`).")
    text: str | None = strawberry.field(description="What it says (`comments`).")
    is_system_generated: bool | None = strawberry.field(
        description="Whether the system wrote it; such notes have no authors."
    )
    created_by: User | None = strawberry.field(description="Who wrote it; null on system notes.")
    updated_by: User | None = strawberry.field(
        description="Who changed it last (`modifiedBy`); null on system notes."
    )
    created_at: datetime | None = strawberry.field(description="When it was written.")
    updated_at: datetime | None = strawberry.field(
        description="When it was last changed (`dateModified`); null on system notes."
    )

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, am.Note)

    @resolved(
        graphql_type=Annotated["Case", strawberry.lazy("casegraph.graph.cases")] | None,
        description="The case it stands on; null when it is gone.",
        batch=batches.cases_of_notes,
    )
    @staticmethod
    async def case(root: strawberry.Parent[am.Note], info: Info) -> am.Case | None:
        """Take the case in hand, or ask for it."""
        found: am.Case | None = await alone(batches.cases_of_notes([root], info))
        return found


@strawberry.type(description="A customer's case with everything the four systems know about it.")
class Case(Node):
    """Field source: records.Case, in list form or with details."""

    hub_id: strawberry.ID = strawberry.field(description="The hub it belongs to.")
    case_id: strawberry.ID = strawberry.field(
        description="The vendor's id of the case (`id`), unique within its hub."
    )
    name: str | None = strawberry.field(description="Title.")
    cost: float | None = strawberry.field(
        description="What it costs, in whatever currency the program counts."
    )
    is_closed: bool | None = strawberry.field(
        description="Whether its status is one that is not open."
    )
    created_at: datetime | None = strawberry.field(
        description="When it was opened (`dateCreated`)."
    )
    roles: list[CaseRole] | None = strawberry.field(description="Who is assigned, by role.")

    @resolved(
        description=(
            "What can be changed of it, in short: equal as long as nobody changes that. Give it as"
            " `expectedVersion` to write only over what you have seen. Details only."
        ),
        directives=[FAILS_ONLY],
    )
    @staticmethod
    async def version(root: strawberry.Parent[am.Case], info: Info) -> str | None:
        """Digest the writable part, and remember what the digest stands for."""
        key = key_of(root)
        case = root if root.detailed else await reads_of(info).cases.details(key)
        if case is None:
            return None
        writes = info.context.writes
        snapshot = readable(case)
        return version_of(snapshot) if writes is None else writes.versions.remember(key, snapshot)

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, am.Case)

    @resolved(
        description="Whether it is open past its due time (`isOverDue`). Details only.",
        batch=batches.told("is_overdue"),
    )
    @staticmethod
    async def is_overdue(root: strawberry.Parent[am.Case], info: Info) -> bool | None:
        """Take it from the details."""
        value: bool | None = await _told(root, info, "is_overdue")
        return value

    @resolved(
        description="When it should be done (`dateDue`). Details only.",
        batch=batches.told("due_at"),
    )
    @staticmethod
    async def due_at(root: strawberry.Parent[am.Case], info: Info) -> datetime | None:
        """Take it from the details."""
        value: datetime | None = await _told(root, info, "due_at")
        return value

    @resolved(
        description="When its people are reminded, before the due time (`preOverDueDateTime`)."
        " Details only.",
        batch=batches.told("pre_overdue_at"),
    )
    @staticmethod
    async def pre_overdue_at(root: strawberry.Parent[am.Case], info: Info) -> datetime | None:
        """Take it from the details."""
        value: datetime | None = await _told(root, info, "pre_overdue_at")
        return value

    @resolved(
        description="When it is escalated, after the due time (`postOverDueDateTime`)."
        " Details only.",
        batch=batches.told("post_overdue_at"),
    )
    @staticmethod
    async def post_overdue_at(root: strawberry.Parent[am.Case], info: Info) -> datetime | None:
        """Take it from the details."""
        value: datetime | None = await _told(root, info, "post_overdue_at")
        return value

    @resolved(
        description="When it was last changed (`dateModified`). Details only.",
        batch=batches.told("updated_at"),
    )
    @staticmethod
    async def updated_at(root: strawberry.Parent[am.Case], info: Info) -> datetime | None:
        """Take it from the details."""
        value: datetime | None = await _told(root, info, "updated_at")
        return value

    @resolved(
        graphql_type=CaseSource | None,
        description="The survey response it came from; null for hand-made cases. Details only.",
        batch=batches.told("source"),
    )
    @staticmethod
    async def source(root: strawberry.Parent[am.Case], info: Info) -> am.CaseSource | None:
        """Take it from the details."""
        value: am.CaseSource | None = await _told(root, info, "source")
        return value

    @resolved(graphql_type=Workflow | None, description="The way of working it follows.")
    @staticmethod
    def workflow(root: strawberry.Parent[am.Case]) -> am.Case | None:
        """Answer from the case itself."""
        return None if root.workflow_id is None else root

    @resolved(
        graphql_type=Trigger | None,
        description="The rule that opened it; null for hand-made cases.",
    )
    @staticmethod
    def trigger(root: strawberry.Parent[am.Case]) -> am.Case | None:
        """Answer from the case itself."""
        return None if root.trigger_id is None else root

    @resolved(graphql_type=ListValue | None, description="Where it stands.")
    @staticmethod
    def status(root: strawberry.Parent[am.Case]) -> am.ListValue | None:
        """Find the chosen status."""
        return _value_of(root, am.ProgramListType.STATUS)

    @resolved(graphql_type=ListValue | None, description="How much it matters.")
    @staticmethod
    def severity(root: strawberry.Parent[am.Case]) -> am.ListValue | None:
        """Find the chosen severity."""
        return _value_of(root, am.ProgramListType.SEVERITY)

    @resolved(graphql_type=ListValue | None, description="What it is about.")
    @staticmethod
    def category(root: strawberry.Parent[am.Case]) -> am.ListValue | None:
        """Find the chosen category."""
        return _value_of(root, am.ProgramListType.CATEGORY)

    @resolved(
        graphql_type=list[ListValue] | None,
        description="All items chosen for it from the program's lists.",
    )
    @staticmethod
    def list_values(
        root: strawberry.Parent[am.Case],
        type: Annotated[  # noqa: A002  the argument's name in the graph
            ProgramListType | None, strawberry.argument(description="Only from lists of this type.")
        ] = strawberry.UNSET,
    ) -> Sequence[am.ListValue] | None:
        """Return the chosen items, of one type or of all."""
        kind = given(type)
        if kind is None or not isinstance(root.list_values, tuple):
            return root.list_values
        return [value for value in root.list_values if value.type is kind]

    @resolved(graphql_type=list[DataField] | None, description="Survey data copied into the case.")
    @staticmethod
    def data_fields(
        root: strawberry.Parent[am.Case],
        question_names: Annotated[
            list[str] | None,
            strawberry.argument(description="Only the fields of these survey questions."),
        ] = strawberry.UNSET,
    ) -> Sequence[am.DataField] | None:
        """Return the data fields, of some questions or of all."""
        names = given(question_names)
        if names is None or not isinstance(root.data_fields, tuple):
            return root.data_fields
        return [item for item in root.data_fields if item.question_name in names]

    @resolved(
        graphql_type=DataField | None,
        description="The data field of one survey question; an error if two contradict each other.",
    )
    @staticmethod
    def data_field(
        root: strawberry.Parent[am.Case],
        question_name: Annotated[
            str, strawberry.argument(description="Name of the survey question.")
        ],
    ) -> am.DataField | None:
        """Return the one field of a question."""
        if isinstance(root.data_fields, Exception):
            raise again(root.data_fields)
        found = [item for item in root.data_fields or () if item.question_name == question_name]
        values = sorted({str(item.value) for item in found})
        if len(values) > 1:
            raise Ambiguous(f"Data field {question_name!r} of case {root.case_id}", values)
        return found[0] if found else None

    @resolved(
        graphql_type=Connection[Note] | None,
        description="Its notes, oldest first.",
        directives=[FAILS_ONLY],
        batch=batches.notes,
    )
    @staticmethod
    async def notes(
        root: strawberry.Parent[am.Case],
        info: Info,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
        include_system: Annotated[
            bool | None, strawberry.argument(description="Whether notes of the system are wanted.")
        ] = True,
    ) -> Rows:
        """Cut a page from all notes of the case."""
        rows: Rows = await alone(batches.notes([root], info, first, after, include_system))
        return rows

    @resolved(
        graphql_type=Connection[ReviewEntry] | None,
        description="Its quality reviews, oldest first; empty when nothing links it to any.",
        directives=[FAILS_ONLY],
        batch=batches.reviews,
    )
    @staticmethod
    async def reviews(
        root: strawberry.Parent[am.Case],
        info: Info,
        status: Annotated[
            ReviewStatus | None, strawberry.argument(description="Only entries that stand there.")
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
    ) -> Rows:
        """Follow the link to the reviews system."""
        rows: Rows = await alone(batches.reviews([root], info, status, first, after))
        return rows

    @resolved(
        graphql_type=Connection[Rating] | None,
        description="What the customer said of it, oldest first; empty when nothing was said.",
        directives=[FAILS_ONLY],
        batch=batches.ratings,
    )
    @staticmethod
    async def ratings(
        root: strawberry.Parent[am.Case],
        info: Info,
        score: Annotated[
            RatingScore | None, strawberry.argument(description="Only ratings of this score.")
        ] = strawberry.UNSET,
        first: First = PAGE_DEFAULT,
        after: After = strawberry.UNSET,
    ) -> Rows:
        """Follow the link to the ratings system."""
        rows: Rows = await alone(batches.ratings([root], info, score, first, after))
        return rows

    @resolved(
        graphql_type=list[CustomerCase] | None,
        description="The social cases of its customer; empty when it has none, or no customer.",
        directives=[FAILS_ONLY],
        batch=batches.customer_cases,
    )
    @staticmethod
    async def customer_cases(
        root: strawberry.Parent[am.Case], info: Info
    ) -> Sequence[cc.CustomerCase]:
        """Follow the link to the customer."""
        found: Sequence[cc.CustomerCase] = await alone(batches.customer_cases([root], info))
        return found
