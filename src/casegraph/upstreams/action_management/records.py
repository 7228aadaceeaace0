"""Cases, notes, lists and roles as Action Management tells them, under this product's names.

Each record is the frozen counterpart of one JSON object of the contract (action-management §5);
`field(name=…)` is the one place where the vendor's name stands. The hub is not on the wire, so the
client stamps it on what it decoded, once, before anyone else sees the record.
Invariant: only keys are required. A field that is UNSET was not told, which is not the same as
null: case lists leave out what case details hold. A field that broke its contract holds the
ContractViolation itself.
"""

from enum import Enum
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType, field

from casegraph.upstreams.declared import as_declared
from casegraph.upstreams.decode import Id, Instant, Record

Told: TypeAlias = UnsetType | None
"""Beside a value's type: the upstream may not have told it, or told that there is none."""


class ProgramListType(Enum):
    """What a program list is used for."""

    STATUS = "status"
    SEVERITY = "severity"
    CATEGORY = "category"
    CUSTOM = "custom"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "ProgramListType | None":
        return cls.UNKNOWN if isinstance(value, str) else None


@as_declared()
class User(Record, frozen=True):
    """An end user as embedded in cases and notes (contract §5.4)."""

    user_id: Id = field(name="id")
    user_name: str | None = field(name="userName", default=None)
    is_active: bool | None = field(name="isActive", default=None)


@as_declared(but=("hub_id",))
class ListValue(Record, frozen=True):
    """One chosen item of a case's lists (contract §5.3)."""

    list_id: Id | None = field(name="listId", default=None)
    item_id: Id | None = field(name="id", default=None)
    name: str | None = None
    type: ProgramListType = ProgramListType.UNKNOWN
    is_open: bool | None = field(name="isOpen", default=None)
    is_high: bool | None = field(name="isHigh", default=None)
    sub_category_id: Id | None = field(name="subCategoryId", default=None)
    sub_category_name: str | None = field(name="subCategoryName", default=None)
    hub_id: str = ""


@as_declared(but=("hub_id",))
class CaseRole(Record, frozen=True):
    """Who is assigned to a case in one role (contract §5.4)."""

    role_id: Id | None = field(name="id", default=None)
    name: str | None = None
    users: tuple[User, ...] | None = ()
    hub_id: str = ""


@as_declared()
class DataField(Record, frozen=True):
    """One piece of survey data copied into a case (contract §5.5)."""

    data_field_id: Id | None = field(name="id", default=None)
    name: str | None = None
    value: str | None = None
    question_name: str | None = field(name="questionName", default=None)


@as_declared()
class CaseSource(Record, frozen=True):
    """The survey response that a case came from (contract §5.6)."""

    response_id: Id | None = field(name="responseId", default=None)
    survey_id: Id | None = field(name="surveyId", default=None)
    source_id: Id | None = field(name="sourceId", default=None)


@as_declared(but=("hub_id", "detailed"))
class Case(Record, frozen=True):
    """A case, from a list or from its details; `detailed` says which (contract §5.2)."""

    case_id: Id = field(name="id")
    name: str | None = None
    cost: float | None = None
    is_closed: bool | None = field(name="isClosed", default=None)
    workflow_id: Id | None = field(name="workflowId", default=None)
    workflow_name: str | Told = field(name="workflowName", default=UNSET)
    trigger_id: Id | None = field(name="triggerId", default=None)
    trigger_name: str | None = field(name="triggerName", default=None)
    created_at: Instant | None = field(name="dateCreated", default=None)
    list_values: tuple[ListValue, ...] | None = field(name="listValues", default=())
    roles: tuple[CaseRole, ...] | None = ()
    data_fields: tuple[DataField, ...] | None = field(name="dataFields", default=())
    is_overdue: bool | Told = field(name="isOverDue", default=UNSET)
    due_at: Instant | Told = field(name="dateDue", default=UNSET)
    pre_overdue_at: Instant | Told = field(name="preOverDueDateTime", default=UNSET)
    post_overdue_at: Instant | Told = field(name="postOverDueDateTime", default=UNSET)
    updated_at: Instant | Told = field(name="dateModified", default=UNSET)
    source: CaseSource | Told = UNSET
    hub_id: str = ""
    detailed: bool = False


@as_declared(but=("hub_id",))
class Note(Record, frozen=True):
    """A note on a case; system notes have neither authors nor a modified date (contract §5.7)."""

    note_id: Id = field(name="id")
    case_id: Id = field(name="caseId")
    text: str | None = field(name="comments", default=None)
    is_system_generated: bool | None = field(name="isSystemGenerated", default=None)
    created_by: User | None = field(name="createdBy", default=None)
    updated_by: User | None = field(name="modifiedBy", default=None)
    created_at: Instant | None = field(name="dateCreated", default=None)
    updated_at: Instant | None = field(name="dateModified", default=None)
    hub_id: str = ""


@as_declared()
class SubCategory(Record, frozen=True):
    """A finer choice below a category item (contract §5.8)."""

    sub_category_id: Id | None = field(name="id", default=None)
    name: str | None = None


@as_declared()
class ProgramListItem(Record, frozen=True):
    """One choice of a program list; belongs to the list it stands in, whatever its listId says."""

    item_id: Id = field(name="id")
    name: str | None = None
    is_open: bool | None = field(name="isOpen", default=None)
    is_high: bool | None = field(name="isHigh", default=None)
    sub_categories: tuple[SubCategory, ...] | None = field(name="subCategories", default=())


@as_declared(but=("hub_id",))
class ProgramList(Record, frozen=True):
    """A list of choices of the hub's program (contract §5.8)."""

    list_id: Id = field(name="id")
    name: str | None = None
    type: ProgramListType = ProgramListType.UNKNOWN
    updated_at: Instant | None = field(name="lastUpdated", default=None)
    default_item_id: Id | None = field(name="defaultItem", default=None)
    items: tuple[ProgramListItem, ...] | None = ()
    hub_id: str = ""


@as_declared(but=("hub_id",))
class Role(Record, frozen=True):
    """A role that people can have on cases of the hub (contract §5.9)."""

    role_id: Id = field(name="id")
    name: str | None = None
    updated_at: Instant | None = field(name="lastUpdated", default=None)
    hub_id: str = ""


@as_declared()
class Hub(Record, frozen=True):
    """A hub that this gateway's credentials may see (contract §8)."""

    hub_id: Id = field(name="id")
    name: str | None = None


class CasePage(Record, frozen=True):
    """One page of the case query."""

    items: tuple[Case, ...]
    total_count: int = field(name="totalCount")


class NotePage(Record, frozen=True):
    """Notes of a case, or one page of a hub's notes."""

    items: tuple[Note, ...]
    total_count: int | None = field(name="totalCount", default=None)


class ProgramLists(Record, frozen=True):
    """All program lists of a hub, in the vendor's order; two may share an id."""

    items: tuple[ProgramList, ...]


class Roles(Record, frozen=True):
    """All roles of a hub."""

    items: tuple[Role, ...]


class Hubs(Record, frozen=True):
    """All hubs that may be seen."""

    items: tuple[Hub, ...]


def stamp_case(case: Case, hub_id: str, *, detailed: bool) -> Case:
    """Tell a decoded case and its parts their hub, and which call filled it."""
    stamp = msgspec.structs.force_setattr
    stamp(case, "hub_id", hub_id)
    stamp(case, "detailed", detailed)
    for some in (case.list_values, case.roles):
        if isinstance(some, tuple):
            for part in some:
                stamp(part, "hub_id", hub_id)
    return case


def parts(value: "tuple[Part, ...] | None") -> "tuple[Part, ...]":
    """Return the parts of a record's list; none when it is null or broke its contract."""
    return value if isinstance(value, tuple) else ()


Part: TypeAlias = ListValue | CaseRole
