"""What the simulated CRM accepts in a body, and how it says no.

Two kinds of no (§3.5): a field that is unknown or of a wrong type is a bad request (400), a value
that the CRM's rules refuse fails validation (422). All faults of one body are reported together,
and the worse kind decides the status.
Invariant: a check changes nothing, and no body can make it fail otherwise than with a Refusal.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from casegraph.upstreams.customer_cases.simulator_switches import Switches
from casegraph.upstreams.customer_cases.store import Row

INTERACTION_KEYS = ("created", "body", "linkUrl", "serviceId", "service", "contentType")
AUTHOR_KEYS = ("service", "serviceId", "handle", "name")
BEST_MATCH_TEXTS = ("displayName", "screenName", "description", "profileUrl", "email")
BEST_MATCH_LISTS = ("phoneNumbers", "orderNumbers", "caseNumbers")
ADDRESS_KEYS = ("streetOne", "streetTwo", "city", "state", "zip")


class Refusal(Exception):
    """The connector answers with an error; `fields` maps names to messages where there are any."""

    def __init__(self, status: int, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields


@dataclass
class Faults:
    """What is wrong with one body so far."""

    bad: dict[str, str] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)

    def text(self, body: Row, key: str, path: str, *, empty: bool = False) -> str:
        """Return a required string of `body`, or note what is wrong with it."""
        value = body.get(key)
        if value is None:
            self.invalid[path] = "is required"
        elif not isinstance(value, str):
            self.bad[path] = "must be a string"
        elif not value.strip() and not empty:
            self.invalid[path] = "must not be empty"
        return value if isinstance(value, str) else ""

    def unknown(self, body: Iterable[str], known: Iterable[str], prefix: str = "") -> None:
        """Note every key that nothing declares."""
        allowed = set(known)
        self.bad |= {prefix + key: "is not a known field" for key in body if key not in allowed}

    def settle(self) -> None:
        """Raise the Refusal that the noted faults amount to, if any."""
        if self.bad:
            raise Refusal(400, "Some fields are not acceptable.", self.bad | self.invalid)
        if self.invalid:
            raise Refusal(422, "Some fields did not pass validation.", self.invalid)


def read_object(body: bytes) -> Row:
    """Return the JSON object of a body; raises a Refusal for anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The body is not JSON.", {}) from None
    if not isinstance(value, dict):
        raise Refusal(400, "The body is not a JSON object.", {})
    return value


def custom_values(body: Row, declared: list[Row], faults: Faults) -> Row:
    """Return the declared custom values of a body, each checked against its declared type."""
    values = {}
    for declaration in declared:
        name = declaration["name"]
        if name in body:
            _custom_value(body[name], declaration, faults)
            values[name] = body[name]
    return values


def _custom_value(value: Any, declaration: Row, faults: Faults) -> None:
    name, kind = declaration["name"], declaration["type"]
    if kind == "checkbox":
        if not (isinstance(value, bool) or value in ("true", "false")):
            faults.bad[name] = "must be true or false"
    elif not isinstance(value, str):
        faults.bad[name] = "must be a string"
    elif kind == "single_sel_list":
        choices = [choice["value"] for choice in declaration.get("listValues", [])]
        if value not in choices:
            faults.invalid[name] = "is not one of the list's values"


def interactions(body: Row, switches: Switches, faults: Faults) -> list[Row]:
    """Return the interactions of a body in the store's form."""
    items = body.get("interactions", [])
    if not isinstance(items, list):
        faults.bad["interactions"] = "must be an array"
        return []
    return [
        _interaction(item, f"interactions[{index}]", switches, faults)
        for index, item in enumerate(items)
    ]


def _interaction(item: Any, path: str, switches: Switches, faults: Faults) -> Row:
    if not isinstance(item, dict):
        faults.bad[path] = "must be an object"
        return {}
    faults.unknown(item, (*INTERACTION_KEYS, "author"), f"{path}.")
    row: Row = {}
    for key in INTERACTION_KEYS:
        allowed_empty = key == "body" or (key == "linkUrl" and switches.empty_link_url)
        row[key] = faults.text(item, key, f"{path}.{key}", empty=allowed_empty)
    if row["created"]:
        row["created"] = _moment(row["created"], f"{path}.created", faults)
    if item.get("author") is not None:
        row["author"] = _author(item["author"], f"{path}.author", faults)
    return row


def _moment(text: str, path: str, faults: Faults) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        faults.invalid[path] = "is not an ISO 8601 date-time"
        return None


def _author(item: Any, path: str, faults: Faults) -> Row:
    if not isinstance(item, dict):
        faults.bad[path] = "must be an object"
        return {}
    faults.unknown(item, (*AUTHOR_KEYS, "brandOwned"), f"{path}.")
    row: Row = {key: faults.text(item, key, f"{path}.{key}", empty=True) for key in AUTHOR_KEYS}
    owned = item.get("brandOwned")
    if owned is None:
        faults.invalid[f"{path}.brandOwned"] = "is required"
    elif not isinstance(owned, bool):
        faults.bad[f"{path}.brandOwned"] = "must be a boolean"
    row["brandOwned"] = owned
    return row


def best_match_clues(body: Row, faults: Faults) -> set[str]:
    """Return every text of a bestmatch body that a customer could be recognised by."""
    known = (*BEST_MATCH_TEXTS, *BEST_MATCH_LISTS, "accountNumbers", "addresses")
    faults.unknown(body, known)
    clues: list[str] = []
    for key in (*BEST_MATCH_TEXTS, "accountNumbers"):
        # accountNumbers is typed a string, yet described as a list (§3.4): both are taken.
        if key == "accountNumbers" and isinstance(body.get(key), list):
            clues += _texts(body[key], key, faults)
        elif body.get(key) is not None:
            clues.append(faults.text(body, key, key, empty=True))
    for key in BEST_MATCH_LISTS:
        clues += _texts(body.get(key), key, faults)
    for index, address in enumerate(_each(body.get("addresses"), "addresses", faults)):
        clues += _address(address, f"addresses[{index}]", faults)
    return {clue.strip().casefold() for clue in clues if clue.strip()}


def _each(value: Any, path: str, faults: Faults) -> list[Any]:
    if value is not None and not isinstance(value, list):
        faults.bad[path] = "must be an array"
    return value if isinstance(value, list) else []


def _texts(value: Any, path: str, faults: Faults) -> list[str]:
    items = _each(value, path, faults)
    if any(not isinstance(item, str) for item in items):
        faults.bad[path] = "must be an array of strings"
    return [item for item in items if isinstance(item, str)]


def _address(value: Any, path: str, faults: Faults) -> list[str]:
    """Return the street lines: town, state and code alone would fit half the customers."""
    if not isinstance(value, dict):
        faults.bad[path] = "must be an object"
        return []
    faults.unknown(value, ADDRESS_KEYS, f"{path}.")
    present = [key for key in ADDRESS_KEYS if value.get(key) is not None]
    texts = {key: faults.text(value, key, f"{path}.{key}", empty=True) for key in present}
    return [text for key, text in texts.items() if key.startswith("street")]


def search_test(body: Row, declared: list[Row], switches: Switches) -> Callable[[Row], bool]:
    """Return the test of a search over searchable fields; raises a Refusal for any other field."""
    faults = Faults()
    searchable = [item for item in declared if item["searchable"]]
    faults.unknown(body, [item["name"] for item in searchable])
    # A value no list declares finds nobody; it is not a fault of the search.
    custom_values(body, [{**item, "type": _search_type(item)} for item in searchable], faults)
    faults.settle()
    wanted = {name: comparable(value) for name, value in body.items()}
    if not wanted:
        return lambda _row: switches.empty_search_finds_all
    joined = all if switches.search_joins == "and" else any
    return lambda row: joined(
        name in row and comparable(row[name]) == value for name, value in wanted.items()
    )


def _search_type(declaration: Row) -> str:
    return "checkbox" if declaration["type"] == "checkbox" else "text"


def comparable(value: Any) -> str:
    """Return a custom value as it is compared: without case, a checkbox as its word."""
    return (value if isinstance(value, str) else str(value)).strip().casefold()
