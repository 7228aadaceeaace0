"""What a mutation names, found in the hub's program before anything is written: all faults at once.

Lists are told apart by type and id, because two may share an id; items, roles and people by their
ids, items also by name. Whatever does not exist, or fits twice, is an error at its input field.
Invariant: pure; either a change that can be made, or every reason why not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from casegraph.linking.identity import normalise
from casegraph.upstreams.action_management.records import (
    ProgramList,
    ProgramListItem,
    ProgramListType,
    Role,
)
from casegraph.writing.changes import Change, ChangeUsers, ClearListValue, SetListValue, SetMember
from casegraph.writing.outcomes import ErrorCode, WriteError, invalid, not_found

T = TypeVar("T")
_SHOWN = 10
"""Most candidates that a message names."""


@dataclass(frozen=True, slots=True)
class Program:
    """What the hub's program defines; None where it was not needed."""

    lists: tuple[ProgramList, ...] | None = None
    roles: tuple[Role, ...] | None = None


@dataclass(frozen=True, slots=True)
class ListTarget:
    """Which list is meant: by type, by id, or by both."""

    list_type: ProgramListType | None
    list_id: str | None


@dataclass(frozen=True, slots=True)
class SetValues:
    """Some of the case's own values."""

    members: tuple[SetMember, ...]

    def changes(self, _program: Program, errors: list[WriteError]) -> tuple[Change, ...]:
        """Return the changes; a case must be told something to become."""
        if not self.members and not errors:
            errors.append(invalid("Say at least one of name, workflowId, cost and dueAt."))
        return self.members


@dataclass(frozen=True, slots=True)
class SetItem:
    """An item of a list, by id or by name, and perhaps a sub-category."""

    target: ListTarget
    item_id: str | None
    item_name: str | None
    sub_category_id: str | None
    says_sub_category: bool

    def changes(self, program: Program, errors: list[WriteError]) -> tuple[Change, ...]:
        """Return the change, or none and every reason why not."""
        lists = program.lists or ()
        chosen = find_list(lists, self.target, errors)
        item = None if chosen is None else self._item(chosen, errors)
        if chosen is None or item is None:
            return ()
        if self.sub_category_id is not None and self.sub_category_id not in _sub_ids(item):
            errors.append(not_found("This item has no such sub-category.", "subCategoryId"))
        keeps = not self.says_sub_category
        return (SetListValue(lists, chosen, item, self.sub_category_id, keeps),)

    def _item(self, chosen: ProgramList, errors: list[WriteError]) -> ProgramListItem | None:
        items = chosen.items if isinstance(chosen.items, tuple) else ()
        by_id = self.item_id is not None
        if by_id == (self.item_name is not None):
            if not any(error.path[1:2] in {("itemId",), ("itemName",)} for error in errors):
                errors.append(invalid("Exactly one of itemId and itemName is asked for.", "itemId"))
            return None
        if by_id:
            found = [item for item in items if item.item_id == self.item_id]
        else:
            wanted = normalise(self.item_name)
            found = [item for item in items if normalise(_text(item.name)) == wanted]
        field = "itemId" if by_id else "itemName"
        return _one(found, field, "item in this list", lambda item: str(item.item_id), errors)


@dataclass(frozen=True, slots=True)
class ClearItem:
    """No item of a list any more."""

    target: ListTarget

    def changes(self, program: Program, errors: list[WriteError]) -> tuple[Change, ...]:
        """Return the change, or none and every reason why not."""
        lists = program.lists or ()
        chosen = find_list(lists, self.target, errors)
        if chosen is None:
            return ()
        if chosen.type is ProgramListType.STATUS:
            field = "listType" if self.target.list_id is None else "listId"
            errors.append(invalid("A case always has a status; set another one.", field))
        return (ClearListValue(lists, chosen),)


@dataclass(frozen=True, slots=True)
class PutUsers:
    """People to be put into a role, or taken out of it."""

    role_id: str | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def changes(self, program: Program, errors: list[WriteError]) -> tuple[Change, ...]:
        """Return the change, or none and every reason why not."""
        if self.role_id is None:
            return ()
        if not any(role.role_id == self.role_id for role in program.roles or ()):
            errors.append(not_found("The hub has no such role.", "roleId"))
        return (ChangeUsers(self.role_id, self.added, self.removed),)


Wanted: TypeAlias = SetValues | SetItem | ClearItem | PutUsers


def find_list(
    lists: Sequence[ProgramList], target: ListTarget, errors: list[WriteError]
) -> ProgramList | None:
    """Return the one list that is meant, or None and why not."""
    field = "listType" if target.list_id is None else "listId"
    if target.list_type is None and target.list_id is None:
        if not any(error.path[1:2] in {("listId",), ("listType",)} for error in errors):
            errors.append(invalid("Say listType, listId or both.", "listType"))
        return None
    found = [
        each
        for each in lists
        if target.list_type in {None, each.type} and target.list_id in {None, each.list_id}
    ]
    return _one(found, field, "list in this hub", _list_shown, errors)


def _one(
    found: Sequence[T],
    field: str,
    what: str,
    shown: Callable[[T], str],
    errors: list[WriteError],
) -> T | None:
    if len(found) == 1:
        return found[0]
    if not found:
        errors.append(not_found(f"There is no such {what}.", field))
        return None
    names = ", ".join(shown(each) for each in found[:_SHOWN])
    text = f"More than one {what} fits; candidates: {names}."
    errors.append(WriteError(ErrorCode.AMBIGUOUS, text, ("input", field)))
    return None


def _list_shown(each: ProgramList) -> str:
    kind = each.type.name if isinstance(each.type, ProgramListType) else "UNKNOWN"
    return f"{each.list_id} ({kind})"


def _sub_ids(item: ProgramListItem) -> Iterable[str]:
    subs = item.sub_categories if isinstance(item.sub_categories, tuple) else ()
    return {str(sub.sub_category_id) for sub in subs}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
