"""The parts of a case that have no identity of their own: chosen items, roles, data, origin."""

import strawberry

from casegraph.graph import look_up_batches
from casegraph.graph.batches import alone
from casegraph.graph.context import Info
from casegraph.graph.people import User
from casegraph.graph.program import ProgramList, ProgramListItem, ProgramListType, Role
from casegraph.graph.resolved import resolved
from casegraph.upstreams.action_management import records as am


@strawberry.type(description="An item chosen for a case from one of the program's lists.")
class ListValue:
    """Field source: records.ListValue."""

    list_id: strawberry.ID | None = strawberry.field(description="The list's id (`listId`).")
    item_id: strawberry.ID | None = strawberry.field(description="The chosen item's id (`id`).")
    name: str | None = strawberry.field(description="Name of the item.")
    type: ProgramListType | None = strawberry.field(description="What the list is used for.")
    is_open: bool | None = strawberry.field(description="On a status only: whether it is open.")
    is_high: bool | None = strawberry.field(description="On a severity only: whether it is high.")
    sub_category_id: strawberry.ID | None = strawberry.field(
        description="On a category only, when a finer choice was made."
    )
    sub_category_name: str | None = strawberry.field(description="Name of the finer choice.")

    @resolved(
        graphql_type=ProgramList | None,
        description="The list it was chosen from; null when the program has it no more.",
        batch=look_up_batches.lists,
    )
    @staticmethod
    async def list(root: strawberry.Parent[am.ListValue], info: Info) -> am.ProgramList | None:
        """Find the list among the hub's."""
        found: am.ProgramList | None = await alone(look_up_batches.lists([root], info))
        return found

    @resolved(
        graphql_type=ProgramListItem | None,
        description="The item as the program defines it; null when the program has it no more.",
        batch=look_up_batches.items,
    )
    @staticmethod
    async def item(root: strawberry.Parent[am.ListValue], info: Info) -> am.ProgramListItem | None:
        """Find the item in its list."""
        found: am.ProgramListItem | None = await alone(look_up_batches.items([root], info))
        return found


@strawberry.type(description="Who is assigned to a case in one role.")
class CaseRole:
    """Field source: records.CaseRole."""

    role_id: strawberry.ID | None = strawberry.field(description="The role's id (`id`).")
    name: str | None = strawberry.field(description="Name of the role on this case.")
    users: list[User] | None = strawberry.field(
        description="The assigned people, inactive ones included; empty when nobody is."
    )

    @resolved(
        graphql_type=Role | None,
        description="The role as the program defines it; null when the program has it no more.",
        batch=look_up_batches.roles,
    )
    @staticmethod
    async def role(root: strawberry.Parent[am.CaseRole], info: Info) -> am.Role | None:
        """Find the role among the hub's."""
        found: am.Role | None = await alone(look_up_batches.roles([root], info))
        return found


@strawberry.type(description="One piece of survey data that was copied into a case.")
class DataField:
    """Field source: records.DataField."""

    data_field_id: strawberry.ID | None = strawberry.field(
        description="The vendor's id of the field's definition (`id`); the same for all cases."
    )
    name: str | None = strawberry.field(description="Name to show.")
    value: str | None = strawberry.field(description="Always text; may be empty.")
    question_name: str | None = strawberry.field(
        description="Name of the survey question (`questionName`)."
    )


@strawberry.type(description="The survey response that a case came from.")
class CaseSource:
    """Field source: records.CaseSource."""

    response_id: strawberry.ID | None = strawberry.field(description="The response's id.")
    survey_id: strawberry.ID | None = strawberry.field(description="The survey's id, as `p123`.")
    source_id: strawberry.ID | None = strawberry.field(description="The source's id, as `s1`.")


@strawberry.type(description="The way of working that a case follows.")
class Workflow:
    """Field source: records.Case."""

    workflow_id: strawberry.ID | None = strawberry.field(description="The vendor's id.")

    @resolved(
        description=(
            "Name of the workflow. Case details leave it out and nothing lists workflows, so it may"
            " cost one page of the hub's cases; null when none of those uses it."
        ),
        batch=look_up_batches.workflow_names,
    )
    @staticmethod
    async def name(root: strawberry.Parent[am.Case], info: Info) -> str | None:
        """Take the name from the case, or from the hub's other cases."""
        name: str | None = await alone(look_up_batches.workflow_names([root], info))
        return name


@strawberry.type(description="The rule that opened a case.")
class Trigger:
    """Field source: records.Case."""

    trigger_id: strawberry.ID | None = strawberry.field(description="The vendor's id.")

    @resolved(description="Name of the rule.")
    @staticmethod
    def name(root: strawberry.Parent[am.Case]) -> str | None:
        """Return the name told with the case."""
        return root.trigger_name
