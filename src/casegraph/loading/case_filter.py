"""The typed case filter, evaluated here, because the vendor's own filter grammar is not known.

Pure. Invariant: a case whose field broke its contract or was not told never passes a condition on
that field; nothing is guessed in its favour.
"""

from dataclasses import dataclass
from datetime import datetime

from casegraph.upstreams.action_management.records import Case, ProgramListType


@dataclass(frozen=True, slots=True)
class CaseConditions:
    """Conditions that all must hold; an absent one always holds."""

    is_closed: bool | None = None
    status_item_ids: frozenset[str] | None = None
    severity_item_ids: frozenset[str] | None = None
    category_item_ids: frozenset[str] | None = None
    assigned_user_ids: frozenset[str] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    def hold_for(self, case: Case) -> bool:
        """Return whether the case passes every condition; time bounds are inclusive."""
        if self.is_closed is not None and case.is_closed is not self.is_closed:
            return False
        chosen = (
            (ProgramListType.STATUS, self.status_item_ids),
            (ProgramListType.SEVERITY, self.severity_item_ids),
            (ProgramListType.CATEGORY, self.category_item_ids),
        )
        if any(items is not None and not _has(case, kind, items) for kind, items in chosen):
            return False
        if self.assigned_user_ids is not None and not _assigned(case, self.assigned_user_ids):
            return False
        return self._created_within(case)

    def _created_within(self, case: Case) -> bool:
        if self.created_from is None and self.created_to is None:
            return True
        created = case.created_at
        if not isinstance(created, datetime):
            return False
        if self.created_from is not None and created < self.created_from:
            return False
        return self.created_to is None or created <= self.created_to

    def past_end(self, case: Case, *, ascending: bool) -> bool:
        """Return whether no later case of a list by creation time can pass any more."""
        bound = self.created_to if ascending else self.created_from
        created = case.created_at
        if bound is None or not isinstance(created, datetime):
            return False
        return created > bound if ascending else created < bound


def _has(case: Case, kind: ProgramListType, items: frozenset[str]) -> bool:
    values = case.list_values if isinstance(case.list_values, tuple) else ()
    return any(value.type is kind and value.item_id in items for value in values)


def _assigned(case: Case, users: frozenset[str]) -> bool:
    roles = case.roles if isinstance(case.roles, tuple) else ()
    return any(
        user.user_id in users
        for role in roles
        if isinstance(role.users, tuple)
        for user in role.users
    )
