"""Requests read, and cases and notes found, sorted and paged, as the simulated vendor does it.

The vendor's filter grammar is not published where we could read it. What stands in for it here
("sim-filter v0": `filters` and `include`) is invented, lives only in this module, and is off
unless a switch turns it on, so that no client can come to lean on it by accident.
Invariant: a cached order is used only while every value that it was sorted by is still the same,
so writes of any kind, also those that go past the API, invalidate it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from casegraph.upstreams.action_management.simulator_printing import Printer
from casegraph.upstreams.action_management.simulator_switches import Switches
from casegraph.upstreams.action_management.store import Hub, Row

CASE_TOP_DEFAULT, CASE_TOP_MAX = 20, 100
NOTE_TOP_DEFAULT, NOTE_TOP_MAX = 100, 1000
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_PROVEN_ORDERS = frozenset({"id", "dateDue", "dateCreated"})
_KINDS: dict[str, str] = {
    "id": "number",
    "name": "text",
    "workflowId": "number",
    "workflowName": "text",
    "cost": "number",
    "isClosed": "flag",
    "isOverDue": "flag",
    "triggerId": "number",
    "triggerName": "text",
    "dateDue": "moment",
    "preOverDueDateTime": "moment",
    "postOverDueDateTime": "moment",
    "dateCreated": "moment",
    "dateModified": "moment",
}
_GROUPS = {"listValues": "number", "roles": "number", "dataFields": "text"}


class RefusalError(Exception):
    """The vendor's answer is an error with this status and, if the switches say so, this text."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def refuse(message: str) -> RefusalError:
    """Make a 400 with `message`."""
    return RefusalError(400, message)


def read_json(body: bytes) -> Any:
    """Decode the body, None when there is none; a 400 when it is not JSON."""
    if not body.strip():
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refuse("The body is not valid JSON.") from error


def read_object(body: bytes) -> Row:
    """Decode the body as an object; a 400 for anything else."""
    decoded = read_json(body)
    if not isinstance(decoded, dict):
        raise refuse("The body must be a JSON object.")
    return decoded


def read_int(value: Any, name: str, low: int = INT32_MIN, high: int = INT32_MAX) -> int:
    """Read `value` as an int within bounds; a 400 naming the property otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refuse(f"'{name}' must be an integer from {low} to {high}.")
    return value


def read_moment(value: Any, name: str) -> datetime:
    """Read a moment in any form the vendor takes; without an offset it is UTC; a 400 otherwise."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return zoned.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise refuse(f"'{name}' must be an ISO 8601 date-time.")


# Case queries.


@dataclass(frozen=True)
class CaseQuery:
    """A valid E1 body; `filters` and `include` hold checked sim-filter v0 members."""

    filters: tuple[Row, ...] = ()
    include: tuple[Row, ...] = ()
    order_by: str = "dateCreated"
    ascending: bool = False
    top: int = CASE_TOP_DEFAULT
    skip: int = 0


def read_case_query(body: bytes, switches: Switches) -> CaseQuery:
    """Read the query in an E1 body; no body, `{}` and null members all mean the defaults."""
    decoded = read_json(body)
    asked = {} if decoded is None else decoded
    if not isinstance(asked, dict):
        raise refuse("The body must be a JSON object.")
    given = {name: value for name, value in asked.items() if value is not None}
    ascending = given.get("orderByAscending", False)
    if not isinstance(ascending, bool):
        raise refuse("'orderByAscending' must be true or false.")
    return CaseQuery(
        filters=tuple(_checked_filter(each) for each in _dialect(given, "filters", switches)),
        include=tuple(_checked_ref(each) for each in _dialect(given, "include", switches)),
        order_by=_read_order(given.get("orderBy", {}), switches),
        ascending=ascending,
        top=read_int(given.get("top", CASE_TOP_DEFAULT), "top", 1, CASE_TOP_MAX),
        skip=read_int(given.get("skip", 0), "skip", 0),
    )


def _read_order(order: Any, switches: Switches) -> str:
    if not isinstance(order, dict):
        raise refuse("'orderBy' must be an object with a 'property'.")
    name = order.get("property")
    if name is None:
        return "dateCreated"
    legal = _KINDS.keys() if switches.order_by_others else _PROVEN_ORDERS
    if not isinstance(name, str) or name not in legal:
        raise refuse("Cases cannot be ordered by this property.")
    return name


def _dialect(given: Row, name: str, switches: Switches) -> list[Any]:
    members = given.get(name, [])
    if not isinstance(members, list):
        raise refuse(f"'{name}' must be an array.")
    if members and not switches.filter_dialect:
        raise refuse(f"'{name}' is not understood.")
    return members


def _checked_ref(ref: Any) -> Row:
    if not isinstance(ref, dict):
        raise refuse("A property is named by an object with a 'property'.")
    name = ref.get("property")
    if not isinstance(name, str) or name not in _KINDS.keys() | _GROUPS.keys():
        raise refuse("Unknown property.")
    if ref.get("id") is not None:
        read_int(ref["id"], "id")
    return ref


_OPERATORS: dict[str, Callable[[list[Any], list[Any]], bool]] = {
    "equals": lambda held, asked: asked[0] in held,
    "notEquals": lambda held, asked: asked[0] not in held,
    "in": lambda held, asked: any(value in held for value in asked),
    "lessThan": lambda held, asked: any(value < asked[0] for value in held),
    "greaterThan": lambda held, asked: any(value > asked[0] for value in held),
    "contains": lambda held, asked: any(asked[0].lower() in value.lower() for value in held),
    "isEmpty": lambda held, _: all(value == "" for value in held),
}


def _checked_filter(each: Any) -> Row:
    ref = _checked_ref(each)
    operator, name = ref.get("operator"), ref["property"]
    kind = (_KINDS | _GROUPS)[name]
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise refuse("Unknown operator.")
    if (operator == "contains" and kind != "text") or (
        operator in {"lessThan", "greaterThan"} and kind == "flag"
    ):
        raise refuse(f"'{operator}' does not apply to '{name}'.")
    raw = ref.get("values") if operator == "in" else [ref.get("value")]
    if not isinstance(raw, list):
        raise refuse("'values' must be an array.")
    asked = [] if operator == "isEmpty" else [_operand(value, kind, name) for value in raw]
    return {**ref, "asked": asked}


def _operand(value: Any, kind: str, name: str) -> Any:
    if kind == "moment":
        return read_moment(value, name)
    flag = isinstance(value, bool)
    fits = {
        "flag": flag,
        "text": isinstance(value, str),
        "number": isinstance(value, int | float) and not flag,
    }
    if not fits[kind]:
        raise refuse(f"'{name}' is compared with a {kind}.")
    return value


def _value(row: Row, name: str, hub: Hub, printer: Printer) -> Any:
    if name == "isClosed":
        return printer.is_closed(row)
    if name == "isOverDue":
        return printer.is_overdue(row)
    if name == "workflowName":
        return hub.workflows.get(row["workflowId"])
    return row.get(name)


def _held(row: Row, ref: Row, hub: Hub, printer: Printer) -> list[Any]:
    name, wanted = ref["property"], ref.get("id")
    if name == "listValues":
        chosen = printer.list_values(row)
        return [each["id"] for each in chosen if wanted in (None, each["listId"])]
    if name == "roles":
        roles = [role for role in row.get("roles", ()) if wanted in (None, role["id"])]
        return [user for role in roles for user in role.get("users", ())]
    if name == "dataFields":
        return [each["value"] for each in row.get(name, ()) if wanted in (None, each["id"])]
    value = _value(row, name, hub, printer)
    return [] if value is None else [value]


def _matches(row: Row, filters: tuple[Row, ...], hub: Hub, printer: Printer) -> bool:
    return all(
        _OPERATORS[each["operator"]](_held(row, each, hub, printer), each["asked"])
        for each in filters
    )


@dataclass
class _Order:
    snapshot: list[tuple[Any, int]]
    ascending: list[int]
    descending: list[int]


@dataclass
class CaseOrders:
    """Remembers sort orders per hub and property; 2,500 cases sort once, then are compared."""

    _known: dict[tuple[int, str], _Order] = field(default_factory=dict)

    def ids(self, hub: Hub, query: CaseQuery, printer: Printer) -> list[int]:
        """Ids of all cases in the asked order; ties by id, cases without the value last."""
        name = query.order_by
        if name in _PROVEN_ORDERS:
            snapshot = [(row.get(name), case_id) for case_id, row in hub.cases.items()]
        else:
            snapshot = [
                (_value(row, name, hub, printer), case_id) for case_id, row in hub.cases.items()
            ]
        order = self._known.get((hub.hub_id, name))
        if order is None or order.snapshot != snapshot:
            order = self._known[hub.hub_id, name] = _sort(snapshot)
        return order.ascending if query.ascending else order.descending


def _sort(snapshot: list[tuple[Any, int]]) -> _Order:
    present = [case_id for _, case_id in sorted(pair for pair in snapshot if pair[0] is not None)]
    missing = sorted(case_id for value, case_id in snapshot if value is None)
    return _Order(snapshot, present + missing, present[::-1] + missing[::-1])


def case_page(
    hub: Hub, query: CaseQuery, orders: CaseOrders, printer: Printer
) -> tuple[list[Row], int]:
    """Print the cases of one page, and count how many match in all."""
    ids = orders.ids(hub, query, printer)
    if query.filters:
        ids = [each for each in ids if _matches(hub.cases[each], query.filters, hub, printer)]
    rows = [hub.cases[each] for each in ids[query.skip : query.skip + query.top]]
    if query.include:
        return [_narrowed(printer.case_everything(row), query.include) for row in rows], len(ids)
    return [printer.case_item(row) for row in rows], len(ids)


def _narrowed(printed: Row, include: tuple[Row, ...]) -> Row:
    kept: Row = {"id": printed["id"]}
    for ref in include:
        name, wanted = ref["property"], ref.get("id")
        if name not in printed:
            continue
        if name not in _GROUPS or wanted is None:
            kept[name] = printed[name]
            continue
        key = "listId" if name == "listValues" else "id"
        chosen = [each for each in printed[name] if each[key] == wanted]
        held = kept.get(name, [])
        kept[name] = held + [each for each in chosen if each not in held]
    return kept


# Notes of a hub.


@dataclass(frozen=True)
class NoteQuery:
    """A valid E7 query; both bounds are inclusive, None is no bound."""

    start: datetime | None
    end: datetime | None
    top: int
    skip: int


def read_note_query(params: Mapping[str, str]) -> NoteQuery:
    """Read the E7 query parameters; a 400 when one of the four rules is broken."""
    start, end = (
        read_moment(params[name], name) if params.get(name) else None
        for name in ("dateModifiedStart", "dateModifiedEnd")
    )
    if start is None and end is None:
        raise refuse("At least one of 'dateModifiedStart' and 'dateModifiedEnd' is required.")
    if start is not None and end is not None and start >= end:
        raise refuse("'dateModifiedStart' must be less than 'dateModifiedEnd'.")
    top = _query_int(params, "top", NOTE_TOP_DEFAULT, 1, NOTE_TOP_MAX)
    return NoteQuery(start, end, top, _query_int(params, "skip", 0, 0, INT32_MAX))


def _query_int(params: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = params.get(name)
    if not text:
        return default
    number = int(text) if re.fullmatch(r"-?[0-9]{1,10}", text) else None
    return read_int(number, name, low, high)


def effective_moment(note: Row, switches: Switches) -> datetime:
    """Tell the moment by which E7 filters and sorts: modified, else created (Q8)."""
    hidden = note["isSystemGenerated"] and switches.system_notes_without_modified
    moment: datetime = (None if hidden else note.get("dateModified")) or note["dateCreated"]
    return moment


@dataclass
class NoteOrders:
    """Remembers each hub's notes in effective order, ties by id."""

    _known: dict[int, tuple[list[tuple[datetime, int]], list[tuple[datetime, int]]]] = field(
        default_factory=dict
    )

    def page(self, hub: Hub, query: NoteQuery, switches: Switches) -> tuple[list[Row], int]:
        """Cut the rows of one page, and count how many notes lie in the window."""
        snapshot = [
            (effective_moment(note, switches), note_id) for note_id, note in hub.notes.items()
        ]
        known = self._known.get(hub.hub_id)
        if known is None or known[0] != snapshot:
            known = self._known[hub.hub_id] = (snapshot, sorted(snapshot))
        order = known[1]
        low = 0 if query.start is None else bisect_left(order, (query.start, INT32_MIN))
        high = len(order)
        if query.end is not None:
            high = bisect_right(order, (query.end, INT32_MAX))
        window = order[low:high][query.skip : query.skip + query.top]
        rows = [hub.notes[note_id] for _, note_id in window]
        return (_shuffled(rows) if switches.notes_out_of_order else rows), max(high - low, 0)


def _shuffled(rows: list[Row]) -> list[Row]:
    # As in the vendor's sample, a system note slips behind its successor (Q7).
    rows = list(rows)
    position = 0
    while position + 1 < len(rows):
        here, successor = rows[position], rows[position + 1]
        if here["isSystemGenerated"] and not successor["isSystemGenerated"]:
            rows[position : position + 2] = [successor, here]
            position += 1
        position += 1
    return rows
