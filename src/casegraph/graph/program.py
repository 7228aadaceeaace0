"""What a hub's program defines: its lists of choices and its roles.

Both come whole from the shared look-ups, so a link from a case to its list or role costs no call
once they are there.
Invariant: an item belongs to the list it stands in, whatever list id it carries; two lists may
share an id, so a list is known by type and id.
"""

from datetime import datetime

import strawberry

from casegraph.engine.compiled.classes import by_class
from casegraph.graph.node import Node
from casegraph.graph.resolved import resolved
from casegraph.upstreams.action_management import records as am

strawberry.enum(am.ProgramListType, description="What a program list is used for.")
ProgramListType = am.ProgramListType

LIST_TYPES = {
    "STATUS": "Where a case stands; an item that is not open closes the case.",
    "SEVERITY": "How much it matters.",
    "CATEGORY": "What it is about; items may have sub-categories.",
    "CUSTOM": "Any other list of the program.",
    "UNKNOWN": "A kind that this gateway does not know yet.",
}


@strawberry.type(description="A finer choice below a category.")
class SubCategory:
    """Field source: records.SubCategory."""

    sub_category_id: strawberry.ID | None = strawberry.field(
        description="The vendor's id (`id`); two of one item may share it."
    )
    name: str | None = strawberry.field(description="Name to show.")


@strawberry.type(description="One choice of a program list.")
class ProgramListItem:
    """Field source: records.ProgramListItem."""

    item_id: strawberry.ID = strawberry.field(description="The vendor's id of the item (`id`).")
    name: str | None = strawberry.field(description="Name to show.")
    is_open: bool | None = strawberry.field(
        description="On status items only: whether a case with this status is open."
    )
    is_high: bool | None = strawberry.field(
        description="On severity items only: whether it counts as high."
    )
    sub_categories: list[SubCategory] | None = strawberry.field(
        description="On category items only: the finer choices; empty when there are none."
    )


@strawberry.type(description="A list of choices that the hub's program defines.")
class ProgramList(Node):
    """Field source: records.ProgramList."""

    list_id: strawberry.ID = strawberry.field(
        description="The vendor's id of the list (`id`); unique only together with `type`."
    )
    name: str | None = strawberry.field(description="Name to show.")
    type: ProgramListType | None = strawberry.field(description="What the list is used for.")
    updated_at: datetime | None = strawberry.field(
        description="When the list was last changed (`lastUpdated`)."
    )
    items: list[ProgramListItem] | None = strawberry.field(
        description="The choices, in the vendor's order."
    )

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, am.ProgramList)

    @resolved(
        graphql_type=ProgramListItem | None,
        description="The choice of new cases; null when it is not among the items (`defaultItem`).",
    )
    @staticmethod
    def default_item(root: strawberry.Parent[am.ProgramList]) -> am.ProgramListItem | None:
        """Find the default among the items; the vendor's may dangle."""
        return find_item(root, root.default_item_id)


@strawberry.type(description="A role that people can have on cases of the hub.")
class Role(Node):
    """Field source: records.Role."""

    role_id: strawberry.ID = strawberry.field(description="The vendor's id of the role (`id`).")
    name: str | None = strawberry.field(description="Name to show, as `Case Owner`.")
    updated_at: datetime | None = strawberry.field(
        description="When the role was last changed (`lastUpdated`)."
    )

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, am.Role)


def find_item(
    program_list: am.ProgramList | None, item_id: str | None
) -> am.ProgramListItem | None:
    """Return the item of a list by its id, None when the list lacks it."""
    if program_list is None or not isinstance(program_list.items, tuple):
        return None
    return next((item for item in program_list.items if item.item_id == item_id), None)


def find_list(
    lists: tuple[am.ProgramList, ...], kind: am.ProgramListType, list_id: str | None
) -> am.ProgramList | None:
    """Return the list of this type and id; by id alone only where that is unique."""
    named = [each for each in lists if each.list_id == list_id]
    typed = [each for each in named if each.type is kind]
    if typed:
        return typed[0]
    return named[0] if len(named) == 1 and kind is am.ProgramListType.UNKNOWN else None
