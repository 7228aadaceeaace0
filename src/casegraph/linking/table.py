"""The identity table in memory: which id in which system belongs to which case, both ways.

Built once from rows and never changed. Invariant: the table says what its rows say and no more, so
a case with two ids in one system, or an id claimed by two cases, keeps every claim; deciding what
that means is the linker's work. A row that cannot be understood is refused with its number rather
than skipped, since a skipped row would read as "no link". Files are read elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from casegraph.linking.identity import CaseKey, System, normalise

COLUMNS = ("hub_id", "case_id", "system", "external_id")
"""The columns of an identity table, in the order in which a row is given."""

IdentityRow = tuple[str | None, str | None, str | None, str | None]


class IdentityTableError(ValueError):
    """An identity table cannot be used; `row` is the number of the row at fault, where one is."""

    def __init__(self, reason: str, *, row: int | None = None) -> None:
        super().__init__(reason if row is None else f"row {row}: {reason}")
        self.row = row


@dataclass(frozen=True, slots=True, eq=False)
class IdentityTable:
    """The links of all systems, indexed by case and by id; make one with `from_rows`."""

    _ids: Mapping[tuple[System, CaseKey], tuple[str, ...]]
    _keys: Mapping[tuple[System, str], tuple[CaseKey, ...]]

    @classmethod
    def from_rows(cls, rows: Iterable[IdentityRow]) -> "IdentityTable":
        """Return the table of these rows, numbered from 1 in the errors it raises."""
        return cls.from_numbered_rows(enumerate(rows, start=1))

    @classmethod
    def from_numbered_rows(cls, rows: Iterable[tuple[int, IdentityRow]]) -> "IdentityTable":
        """Return the table of rows that bring their own numbers; raise IdentityTableError."""
        ids: dict[tuple[System, CaseKey], set[str]] = {}
        keys: dict[tuple[System, str], set[CaseKey]] = {}
        for number, row in rows:
            system, key, external_id = _understood(number, row)
            ids.setdefault((system, key), set()).add(external_id)
            keys.setdefault((system, external_id), set()).add(key)
        return cls(
            MappingProxyType({claim: tuple(sorted(found)) for claim, found in ids.items()}),
            MappingProxyType({claim: tuple(sorted(found)) for claim, found in keys.items()}),
        )

    def external_ids(self, key: CaseKey, system: System) -> tuple[str, ...]:
        """Return the ids the case has in the system: sorted, distinct, possibly none."""
        normal = key.normalised()
        return () if normal is None else self._ids.get((system, normal), ())

    def case_keys(self, external_id: str, system: System) -> tuple[CaseKey, ...]:
        """Return the cases to which the system's id belongs: sorted, distinct, possibly none."""
        normal = normalise(external_id)
        return () if normal is None else self._keys.get((system, normal), ())

    def __len__(self) -> int:
        return sum(map(len, self._ids.values()))


def _understood(number: int, row: IdentityRow) -> tuple[System, CaseKey, str]:
    cells = [normalise(cell) for cell in row]
    hub_id, case_id, system, external_id = cells
    if hub_id is None or case_id is None or system is None or external_id is None:
        raise IdentityTableError(f"{COLUMNS[cells.index(None)]} is blank", row=number)
    try:
        known = System(system)
    except ValueError:
        allowed = ", ".join(System)
        raise IdentityTableError(f"system {system!r} is not one of {allowed}", row=number) from None
    return known, CaseKey(hub_id, case_id), external_id
