"""What a mutation does to a document: each change a value, applied to whatever is read last.

A change is planned on one reading of the case and applied to a later one, so it says what is to
become of the case and never how the case looked.
Invariant: pure; applying a change twice is applying it once; nothing but the named part changes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from casegraph.upstreams.action_management.records import ProgramList, ProgramListItem
from casegraph.writing.documents import Document, Entry, encoded, number_of, replaced
from casegraph.writing.fields import list_field, role_field

_STALE_NAMES = ("name", "isOpen", "isHigh", "subCategoryId", "subCategoryName")
"""What describes the item that was chosen before, and would contradict the new one."""


@dataclass(frozen=True, slots=True)
class SetMember:
    """One of the document's own values; `name` is the vendor's, None clears."""

    name: str
    value: Any

    def apply(self, document: Document) -> Document:
        """Return the changed document."""
        return document.with_value(self.name, self.value)


@dataclass(frozen=True, slots=True)
class SetListValue:
    """The chosen item of one list; `keeps_sub_category` where the client says nothing of it."""

    lists: tuple[ProgramList, ...]
    chosen: ProgramList
    item: ProgramListItem
    sub_category_id: str | None = None
    keeps_sub_category: bool = False

    def apply(self, document: Document) -> Document:
        """Return the changed document: the list's entry exchanged where it stands, or added."""
        entries, matched = replaced(document.entries("listValues"), self._is_ours, self._exchanged)
        if not matched:
            entries.append(encoded(self._values()))
        return document.with_entries("listValues", entries)

    def _is_ours(self, entry: Entry) -> bool:
        return belongs(entry, self.chosen, self.lists)

    def _exchanged(self, entry: Entry) -> msgspec.Raw:
        if entry.text("id") != self.item.item_id:
            return entry.changed(self._values(), _STALE_NAMES)
        if self.keeps_sub_category or entry.text("subCategoryId") == self.sub_category_id:
            return encoded(entry.members)
        return entry.changed(self._values(), ("subCategoryId", "subCategoryName"))

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "listId": number_of(str(self.chosen.list_id)),
            "id": number_of(str(self.item.item_id)),
            "type": self.chosen.type.value,
        }
        if self.sub_category_id is not None:
            values["subCategoryId"] = number_of(self.sub_category_id)
        return values


@dataclass(frozen=True, slots=True)
class ClearListValue:
    """No item of one list any more."""

    lists: tuple[ProgramList, ...]
    chosen: ProgramList

    def apply(self, document: Document) -> Document:
        """Return the changed document."""
        entries, matched = replaced(
            document.entries("listValues"),
            lambda entry: belongs(entry, self.chosen, self.lists),
            lambda _entry: None,
        )
        return document.with_entries("listValues", entries) if matched else document


@dataclass(frozen=True, slots=True)
class ChangeUsers:
    """People put into a role or taken out of it; whoever else is there stays, active or not.

    A role may come twice: people are taken out of each of its entries and put into the first.
    """

    role_id: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def apply(self, document: Document) -> Document:
        """Return the changed document."""
        entries = document.entries("roles")
        ours = {
            place: entry
            for place, raw in enumerate(entries)
            if (entry := Entry.read(raw)) is not None and entry.text("id") == self.role_id
        }
        there = {_id_of(user) for entry in ours.values() for user in _users_of(entry)}
        new = [encoded({"id": number_of(user)}) for user in self.added if user not in there]
        if not ours and not new:
            return document
        for place, entry in ours.items():
            entries[place] = self._with_people(entry, new)
            new = []
        if not ours:
            entries.append(encoded({"id": number_of(self.role_id), "users": new}))
        return document.with_entries("roles", entries)

    def _with_people(self, entry: Entry, new: list[msgspec.Raw]) -> msgspec.Raw:
        users = _users_of(entry)
        kept = [each for each in users if _id_of(each) not in self.removed]
        if len(kept) == len(users) and not new:
            return encoded(entry.members)
        return entry.changed({"users": [*kept, *new]})


Change: TypeAlias = SetMember | SetListValue | ClearListValue | ChangeUsers


def apply_all(document: Document, changes: Iterable[Change]) -> Document:
    """Return the document after all changes."""
    for change in changes:
        document = change.apply(document)
    return document


def belongs(entry: Entry, chosen: ProgramList, lists: Sequence[ProgramList]) -> bool:
    """Return whether a chosen item is one of this list; two lists may share an id.

    Where the entry tells its type, that decides; else the id does if it is only one list's, and the
    item otherwise. The status of a case is its status under whatever list id it is kept.
    """
    kind = entry.text("type")
    namesakes = [each for each in lists if each.list_id == entry.text("listId")]
    if kind is not None and kind != chosen.type.value:
        return False
    if kind is not None and not any(each.type is chosen.type for each in namesakes):
        return len([each for each in lists if each.type is chosen.type]) == 1
    if entry.text("listId") != chosen.list_id:
        return False
    if kind is not None or len(namesakes) == 1:
        return True
    items = chosen.items if isinstance(chosen.items, tuple) else ()
    return any(item.item_id == entry.text("id") for item in items)


def fields_of(change: Change) -> tuple[str, ...]:
    """Return the fields whose contents a change must be able to read; a plain value needs none."""
    match change:
        case SetMember():
            return ()
        case ChangeUsers(role_id=role_id):
            return ("roles", role_field(role_id))
        case SetListValue(chosen=chosen) | ClearListValue(chosen=chosen):
            return ("listValues", list_field(chosen.type, chosen.list_id))


def _users_of(entry: Entry) -> list[msgspec.Raw]:
    return Document(entry.members).entries("users")


def _id_of(raw: msgspec.Raw) -> str | None:
    entry = Entry.read(raw)
    return None if entry is None else entry.text("id")
