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
    """People put into a role or taken out of it; whoever else is there stays, active or not."""

    role_id: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def apply(self, document: Document) -> Document:
        """Return the changed document."""
        entries, matched = replaced(document.entries("roles"), self._is_ours, self._with_people)
        if not matched and self.added:
            people = [{"id": number_of(user)} for user in self.added]
            entries.append(encoded({"id": number_of(self.role_id), "users": people}))
        elif not matched:
            return document
        return document.with_entries("roles", entries)

    def _is_ours(self, entry: Entry) -> bool:
        return entry.text("id") == self.role_id

    def _with_people(self, entry: Entry) -> msgspec.Raw:
        users = Document(entry.members).entries("users")
        there = {Entry.text(user, "id") for each in users if (user := Entry.read(each)) is not None}
        kept = [each for each in users if _id_of(each) not in self.removed]
        new = [encoded({"id": number_of(user)}) for user in self.added if user not in there]
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


def _id_of(raw: msgspec.Raw) -> str | None:
    entry = Entry.read(raw)
    return None if entry is None else entry.text("id")
