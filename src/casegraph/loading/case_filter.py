"""The typed case filter, evaluated here, because the vendor's own filter grammar is not known.

The conditions are pure; the walk that applies them is handed what reads a page, and can be gone on
with from where it stopped, so that nobody pays for a look ahead that nobody asked for.
Invariant: a case whose field broke its contract or was not told never passes a condition on that
field; nothing is guessed in its favour. A walk reads no more than WALK_PAGES pages.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from casegraph.upstreams.action_management.records import Case, CasePage, ProgramListType

WALK_PAGES = 20
"""Most pages that one answer walks to filter a list (reliability default)."""


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

    @property
    def can_hold(self) -> bool:
        """Return whether any case at all can pass: one of no items is none."""
        sets = (
            self.status_item_ids,
            self.severity_item_ids,
            self.category_item_ids,
            self.assigned_user_ids,
        )
        return all(chosen is None or chosen for chosen in sets)

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


@dataclass(frozen=True, slots=True)
class Passes:
    """Which cases of a list are wanted, and from which on none can follow."""

    conditions: CaseConditions
    by_creation: bool
    ascending: bool

    def ends_at(self, case: Case) -> bool:
        """Return whether neither this case nor any after it can pass."""
        return self.by_creation and self.conditions.past_end(case, ascending=self.ascending)

    def none_in_rest(self, page: CasePage, skip: int, row: int, seen: set[str]) -> bool:
        """Return whether the page, from a row on, shows that the list has nothing more."""
        for case in page.items[row - skip :]:
            if self.ends_at(case):
                return True
            if case.case_id not in seen and self.conditions.hold_for(case):
                return False
        return skip + len(page.items) >= page.total_count


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the next row, the page it is on, and how many pages were read."""

    row: int
    skip: int | None = None
    """Where the page starts that is in hand; None before the first."""
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """What a walk found, each case with the number of the row after it, and where it stopped."""

    found: list[tuple[Case, int]]
    place: Place
    ended: bool

    def ids(self) -> frozenset[str]:
        """Return the ids of the cases found."""
        return frozenset(str(case.case_id) for case, _ in self.found)


async def scan(
    read: Callable[[int], Awaitable[CasePage]],
    passes: Passes,
    place: Place,
    wanted: int,
    seen: frozenset[str] = frozenset(),
) -> Scan:
    """Walk from a place until `wanted` cases pass, the list ends, or the bound is met.

    A page in hand is read again through the request's loader, which costs no call.
    """
    found: list[tuple[Case, int]] = []
    known_ids = set(seen)
    row, skip, pages = place.row, place.skip, place.pages
    while True:
        if skip is None:
            if pages == WALK_PAGES:
                return Scan(found, Place(row, None, pages), ended=False)
            skip, pages = row, pages + 1
        page = await read(skip)
        for case in page.items[row - skip :]:
            if passes.ends_at(case):
                return Scan(found, Place(row, skip, pages), ended=True)
            row += 1
            if case.case_id not in known_ids and passes.conditions.hold_for(case):
                known_ids.add(case.case_id)
                found.append((case, row))
                if len(found) == wanted:
                    place = Place(row, skip, pages)
                    return Scan(found, place, passes.none_in_rest(page, skip, row, known_ids))
        if not page.items or row >= page.total_count:
            return Scan(found, Place(row, skip, pages), ended=True)
        skip = None
