"""The parts of a case that have no identity of their own: chosen items, roles, data, origin."""

import strawberry

from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.people import User
from casegraph.graph.program import (
    ProgramList,
    ProgramListItem,
    ProgramListType,
    Role,
    find_item,
    find_list,
)
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
    )
    @staticmethod
    async def list(root: strawberry.Parent[am.ListValue], info: Info) -> am.ProgramList | None:
        """Find the list among the hub's."""
        lists = await reads_of(info).look_ups.program_lists(root.hub_id)
        return find_list(lists, root.type, root.list_id)

    @resolved(
        graphql_type=ProgramListItem | None,
        description="The item as the program defines it; null when the program has it no more.",
    )
    @staticmethod
    async def item(root: strawberry.Parent[am.ListValue], info: Info) -> am.ProgramListItem | None:
        """Find the item in its list."""
        lists = await reads_of(info).look_ups.program_lists(root.hub_id)
        return find_item(find_list(lists, root.type, root.list_id), root.item_id)


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
    )
    @staticmethod
    async def role(root: strawberry.Parent[am.CaseRole], info: Info) -> am.Role | None:
        """Find the role among the hub's."""
        roles = await reads_of(info).look_ups.roles(root.hub_id)
        return next((role for role in roles if role.role_id == root.role_id), None)


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
        )
    )
    @staticmethod
    async def name(root: strawberry.Parent[am.Case], info: Info) -> str | None:
        """Take the name from the case, or from the hub's other cases."""
        if isinstance(root.workflow_name, str) or root.workflow_id is None:
            return root.workflow_name if isinstance(root.workflow_name, str) else None
        if isinstance(root.workflow_id, Exception):
            raise root.workflow_id
        names = await reads_of(info).look_ups.workflow_names(root.hub_id)
        return names.get(str(root.workflow_id))


@strawberry.type(description="The rule that opened a case.")
class Trigger:
    """Field source: records.Case."""

    trigger_id: strawberry.ID | None = strawberry.field(description="The vendor's id.")

    @resolved(description="Name of the rule.")
    @staticmethod
    def name(root: strawberry.Parent[am.Case]) -> str | None:
        """Return the name told with the case."""
        return root.trigger_name
