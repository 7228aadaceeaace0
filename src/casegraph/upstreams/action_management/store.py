"""What the simulated Action Management product remembers.

The simulator reads and changes it, the seeded world fills it, tests edit it behind the gateway's
back. Rows are dictionaries under the vendor's own JSON names, because they are what the vendor
would hold; nothing here is shared with our client or its records.
Invariant: every moment is an aware UTC datetime; text forms are chosen when a row is printed.
"""

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class Hub:
    """One hub; without a program every Action Management path under it answers 404."""

    hub_id: int
    name: str
    has_program: bool = True
    user_list_id: int = 906
    workflows: dict[int, str] = field(default_factory=dict)
    cases: dict[int, Row] = field(default_factory=dict)
    """By case id, in details form: id, name, workflowId, cost, triggerId, triggerName, dateDue,
    preOverDueDateTime, postOverDueDateTime, dateCreated, dateModified, listValues
    [{listId, id, subCategoryId?}], roles [{id, users: [user id, …]}],
    dataFields [{id, name, value, questionName}], source. Absent keys are absent properties.
    Computed ones (isClosed, isOverDue, names and flags of list values, role names, links) are not
    stored."""
    notes: dict[int, Row] = field(default_factory=dict)
    """By note id: id, caseId, comments, isSystemGenerated, createdBy and modifiedBy (user ids),
    dateCreated, dateModified."""
    lists: list[Row] = field(default_factory=list)
    """Program lists in the vendor's form: id, name, type, lastUpdated, defaultItem, items."""
    roles: list[Row] = field(default_factory=list)
    """Role definitions: id, name, lastUpdated."""
    users: dict[int, Row] = field(default_factory=dict)
    """End users by id: id, userName, firstName, lastName, email, language, comment?, isActive."""


@dataclass
class Store:
    """All hubs of the simulated tenant, by id."""

    hubs: dict[int, Hub] = field(default_factory=dict)
