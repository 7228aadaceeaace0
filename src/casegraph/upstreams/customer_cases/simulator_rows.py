"""How the simulated CRM prints customers, cases and field definitions (§3.3, §3.4, §3.6).

Custom values stand at top level, but only under names that are declared and that no built-in key
has: a stored value nobody declared is never shown.
Invariant: moments are printed in UTC as ISO 8601 with Z; the store is only read.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from casegraph.upstreams.customer_cases.simulator_checks import AUTHOR_KEYS, INTERACTION_KEYS
from casegraph.upstreams.customer_cases.simulator_switches import Switches
from casegraph.upstreams.customer_cases.store import Row, Store

CASE_KEYS = (
    "id",
    "number",
    "customerId",
    "title",
    "description",
    "url",
    "lastUpdated",
    "created",
    "status",
    "interactions",
)
CUSTOMER_KEYS = ("id", "url")


class Printer:
    """Prints rows under the switches."""

    def __init__(self, store: Store, switches: Switches) -> None:
        self._store = store
        self._switches = switches

    def case(self, row: Row) -> dict[str, Any]:
        """Return the JSON form of a case."""
        printed: dict[str, Any] = {
            "id": self._id(row["id"]),
            "number": row["number"],
            "customerId": self._id(row["customerId"]),
            "title": row["title"],
            "description": row["description"],
            "url": row["url"],
            "lastUpdated": _moment(row["lastUpdated"]),
            "created": _moment(row["created"]),
            "status": row["status"],
        }
        if self._switches.interactions:
            printed["interactions"] = [self._interaction(item) for item in row["interactions"]]
        return printed | self._custom(row, self._store.case_fields, CASE_KEYS)

    def customer(self, row: Row) -> dict[str, Any]:
        """Return the JSON form of a customer."""
        printed = {"id": self._id(row["id"]), "url": row["url"]}
        return printed | self._custom(row, self._store.customer_fields, CUSTOMER_KEYS)

    def fields(self, name: str, declared: list[Row]) -> dict[str, Any]:
        """Return the field definitions of one object type; `listValues` only where it belongs."""
        printed = []
        for item in declared:
            field = {key: item[key] for key in ("name", "label", "type", "searchable")}
            if item["type"] == "single_sel_list":
                field["listValues"] = item.get("listValues", [])
            printed.append(field)
        return {"name": name, "fields": printed}

    def _id(self, text: str) -> str | int:
        return int(text) if self._switches.integer_ids and is_number(text) else text

    def _custom(self, row: Row, declared: list[Row], built_in: Iterable[str]) -> dict[str, Any]:
        if not self._switches.custom_keys:
            return {}
        taken = set(built_in)
        return {
            item["name"]: self._value(row[item["name"]], item["type"])
            for item in declared
            if item["name"] in row and item["name"] not in taken
        }

    def _value(self, value: Any, kind: str) -> Any:
        if kind != "checkbox":
            return value
        ticked = value in (True, "true")
        return str(ticked).lower() if self._switches.checkbox_as_text else ticked

    def _interaction(self, item: Row) -> dict[str, Any]:
        printed = {key: item[key] for key in INTERACTION_KEYS}
        printed["created"] = _moment(item["created"])
        author = item.get("author")
        if author is not None and self._switches.author:
            printed["author"] = {key: author[key] for key in (*AUTHOR_KEYS, "brandOwned")}
        return printed


_LONGEST = 18
"""Digits of the longest id printed as a number: it fits a signed 64-bit column."""


def is_number(text: str) -> bool:
    """Say whether an id is the plain spelling of a number, so that nothing is lost either way."""
    digits = text.isascii() and text.isdigit() and len(text) <= _LONGEST
    return digits and (text == "0" or not text.startswith("0"))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
