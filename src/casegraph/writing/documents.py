"""The vendor's own case document, changed member by member; the rest stays byte for byte.

The vendor replaces whole objects, so whatever is left out may be cleared, and whatever is decoded
and encoded again may be rounded. Here every member, and every entry of the two arrays that can be
changed, stays the bytes it came in until it is itself changed.
Invariant: pure; a document is made from case details only, never from an item of a list, which may
lack what it would then clear.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from casegraph.errors import ContractViolation
from casegraph.upstreams.action_management.records import Case, stamp_case
from casegraph.upstreams.decode import Shape, Where
from casegraph.upstreams.paths import number_in

_CASE = Shape[Case](Case)
_WHERE = Where("action_management", "case")
_NULL = b"null"


@dataclass(frozen=True, slots=True)
class Document:
    """One case as the vendor wrote it, with some members replaced."""

    members: Mapping[str, msgspec.Raw]

    def case(self, hub_id: str) -> Case:
        """Return the record that this document is read as."""
        case = _CASE.read(msgspec.json.encode(self.members), _WHERE)
        return stamp_case(case, hub_id, detailed=True)

    def with_value(self, name: str, value: Any) -> "Document":
        """Return the document with one member set; None is written as null, never left out.

        A vendor that merges would keep what is left out.
        """
        raw = msgspec.Raw(msgspec.json.encode(value))
        return Document({**self.members, name: raw})

    def entries(self, name: str) -> list[msgspec.Raw]:
        """Return the entries of an array; raises ContractViolation where it is none."""
        raw = self.members.get(name)
        if raw is None or bytes(raw) == _NULL:
            return []
        try:
            return msgspec.json.decode(raw, type=list[msgspec.Raw])
        except msgspec.ValidationError:
            raise _WHERE.violation("a value of a wrong type", f"$.{name}") from None

    def with_entries(self, name: str, entries: Iterable[msgspec.Raw]) -> "Document":
        """Return the document with the entries of one array replaced."""
        return self.with_value(name, list(entries))


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of an array of the document."""

    members: Mapping[str, msgspec.Raw]

    @classmethod
    def read(cls, raw: msgspec.Raw) -> "Entry | None":
        """Return an entry's members; None for what is no object, which is then left alone."""
        try:
            return cls(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        except msgspec.ValidationError:
            return None

    def text(self, name: str) -> str | None:
        """Return a member that is an id or a word; numbers as their digits, None for all else."""
        raw = self.members.get(name)
        value = None if raw is None else msgspec.json.decode(raw)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return str(value)

    def changed(self, values: Mapping[str, Any], without: Iterable[str] = ()) -> msgspec.Raw:
        """Return the entry with members set and others left out, everything else as it came."""
        gone = frozenset(without)
        kept = {name: raw for name, raw in self.members.items() if name not in gone}
        return encoded({**kept, **values})


def encoded(value: Any) -> msgspec.Raw:
    """Return a new value as a part of a document."""
    return msgspec.Raw(msgspec.json.encode(value))


def replaced(
    entries: Iterable[msgspec.Raw],
    matches: Callable[[Entry], bool],
    change: Callable[[Entry], msgspec.Raw | None],
) -> tuple[list[msgspec.Raw], int]:
    """Return the entries with the matching ones changed, None dropping one, and how many matched.

    Where several match, the first is changed and the others dropped: they are one choice.
    """
    found: list[msgspec.Raw] = []
    matched = 0
    for raw in entries:
        entry = Entry.read(raw)
        if entry is None or not matches(entry):
            found.append(raw)
            continue
        matched += 1
        new = change(entry) if matched == 1 else None
        if new is not None:
            found.append(new)
    return found, matched


def number_of(identifier: str) -> int | str:
    """Return an id as the number the vendor writes; ids that are no numbers stay text."""
    number = number_in(identifier)
    return identifier if number is None else number


def unreadable(name: str) -> ContractViolation:
    """Return the error for a part of the document that must be changed and cannot be read."""
    return _WHERE.violation("a value of a wrong type", f"$.{name}")
