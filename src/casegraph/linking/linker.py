"""Who is the same case: a declared rule, followed from a case to an id and from an id to a case.

Pure functions. Where an answer needs a look into an upstream, the answer says which look, and the
caller takes it and comes back with `matches` or `settle`. Invariants: nothing is guessed, so
contradicting evidence is an ambiguity that names its candidates; the order of the evidence never
changes the answer; both directions agree, because a claim found one way is found the other way.
The identity table counts for the table rule alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from casegraph.linking.identity import CaseKey, System, normalise
from casegraph.linking.rules import CaseIdRule, DataFieldRule, LinkRuleError, Rule, TableRule
from casegraph.linking.table import IdentityTable

DataFields = Iterable[tuple[str | None, str | None]]
"""A case's data fields, each as its question name and its value."""


@dataclass(frozen=True, slots=True)
class Linked:
    """The case has exactly this id in the other system."""

    external_id: str


@dataclass(frozen=True, slots=True)
class NoLink:
    """The case has no id in the other system: an empty list, not a failure."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The evidence names several ids, sorted and distinct; choosing one would be a guess."""

    candidates: tuple[str, ...]


Link = Linked | NoLink | Ambiguous


@dataclass(frozen=True, slots=True)
class Known:
    """The rule alone decides: these cases and no others, sorted; `settle` reads them."""

    keys: tuple[CaseKey, ...]


@dataclass(frozen=True, slots=True)
class AskHubs:
    """The case has this number, in a hub yet unknown: ask each hub, then `settle` the findings."""

    case_id: str
    hubs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchField:
    """Look through the cases of these hubs for those that `matches`, then `settle` them."""

    question_name: str
    value: str
    hubs: tuple[str, ...]


Backward = Known | AskHubs | SearchField


@dataclass(frozen=True, slots=True)
class AmbiguousCase:
    """Several cases claim one id; sorted and distinct."""

    candidates: tuple[CaseKey, ...]


def forward(
    rule: Rule,
    key: CaseKey,
    data_fields: DataFields,
    table: IdentityTable | None,
    system: System,
) -> Link:
    """Return the case's link into the system; raise LinkRuleError where a table rule has none."""
    candidates = _claimed_ids(rule, key, data_fields, table, system)
    match candidates:
        case ():
            return NoLink()
        case (external_id,):
            return Linked(external_id)
        case _:
            return Ambiguous(candidates)


def backward(
    rule: Rule,
    external_id: str,
    hubs: Sequence[str],
    table: IdentityTable | None,
    system: System,
) -> Backward:
    """Return where the case of the system's id is found, within these hubs.

    A table names hub and case itself, so for a table rule the hubs do not narrow the answer. A
    blank id belongs to no case. Raises LinkRuleError for a table rule with no table.
    """
    value = normalise(external_id)
    if value is None:
        return Known(())
    if isinstance(rule, TableRule):
        return Known(_given(table, rule).case_keys(value, system))
    places = tuple(dict.fromkeys(hub for hub in map(normalise, hubs) if hub is not None))
    if isinstance(rule, DataFieldRule):
        return SearchField(rule.question_name, value, places) if places else Known(())
    if len(places) > 1:
        return AskHubs(value, places)
    return Known(tuple(CaseKey(hub, value) for hub in places))


def matches(
    rule: Rule,
    key: CaseKey,
    external_id: str,
    data_fields: DataFields,
    table: IdentityTable | None,
    system: System,
) -> bool:
    """Return whether the case claims this id of the system.

    A case that claims several ids matches each of them: asked for any one, answering "no such case"
    would be false. Following such a case forward still answers Ambiguous.
    """
    return normalise(external_id) in _claimed_ids(rule, key, data_fields, table, system)


def settle(keys: Iterable[CaseKey]) -> CaseKey | AmbiguousCase | None:
    """Return the one case that was found, None for none, AmbiguousCase for several."""
    distinct = {normal for key in keys if (normal := key.normalised()) is not None}
    match tuple(sorted(distinct)):
        case ():
            return None
        case (only,):
            return only
        case candidates:
            return AmbiguousCase(candidates)


def _claimed_ids(
    rule: Rule,
    key: CaseKey,
    data_fields: DataFields,
    table: IdentityTable | None,
    system: System,
) -> tuple[str, ...]:
    if isinstance(rule, TableRule):
        return _given(table, rule).external_ids(key, system)
    if isinstance(rule, CaseIdRule):
        normal = key.normalised()
        return () if normal is None else (normal.case_id,)
    found = {
        normalise(value) for name, value in data_fields if normalise(name) == rule.question_name
    }
    return tuple(sorted(value for value in found if value is not None))


def _given(table: IdentityTable | None, rule: TableRule) -> IdentityTable:
    if table is None:
        raise LinkRuleError(f"the link rule {rule} is followed without its table")
    return table
