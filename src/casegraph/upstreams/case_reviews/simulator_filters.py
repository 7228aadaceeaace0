"""What a list call of the simulated tenant asks for: seventeen filters, a page, a direction.

Bounds are inclusive and compare what is printed, which ends at the second: a row whose printed time
equals the bound is inside, whatever its fraction. A row without the filtered value never matches.
Invariant: rows are scanned, never indexed, because tests edit the store between calls; one
comprehension per filter keeps ten thousand rows around a millisecond.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from casegraph.upstreams.case_reviews.simulator_switches import Switches
from casegraph.upstreams.case_reviews.store import Row, Store

_LONGEST = 18
"""Digits of the longest number read: any such number fits a signed 64-bit column."""
_SECOND = timedelta(seconds=1)
_STATUSES = ("pending", "submitted", "complete", "attention")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAST = datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)

Rows = list[Row]
Selector = Callable[[Rows, Store], Rows]


class Refused(Exception):
    """The tenant refuses the call with 400; the message names the parameter."""


def whole(text: str) -> int | None:
    """Return the number that the digits spell, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


@dataclass
class Question:
    """One list call, read and checked."""

    page: int
    per_page: int
    descending: bool
    counting: bool = False
    selectors: list[Selector] = field(default_factory=list)

    @classmethod
    def read(cls, items: Iterable[tuple[str, str]], switches: Switches) -> Self:
        """Read the query string; raises Refused when the switches say so."""
        question = cls(
            page=1,
            per_page=min(switches.default_per_page, switches.max_per_page),
            descending=switches.default_direction == "desc",
        )
        for name, text in _single(items, switches).items():
            known = name in _CONTROLS or name in _FILTERS
            if not known and switches.refuse_unknown_filter:
                raise Refused(f"Unknown parameter {name}.")
            if known and not question._take(name, text, switches) and switches.refuse_bad_value:
                raise Refused(f"Invalid value for {name}.")
        return question

    def select(self, store: Store) -> Rows:
        """Return the matching rows in the store's order."""
        rows = list(store.entries.values())
        for selector in self.selectors:
            rows = selector(rows, store)
        return rows

    def _take(self, name: str, text: str, switches: Switches) -> bool:
        """Apply one parameter; False when its value cannot be read."""
        if name in _CONTROLS:
            return _CONTROLS[name](self, text, switches)
        selector = _FILTERS[name](text, switches)
        if selector is not None:
            self.selectors.append(selector)
        return selector is not None


def _single(items: Iterable[tuple[str, str]], switches: Switches) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in items:
        if name in values and switches.refuse_repeated_filter:
            raise Refused(f"Parameter {name} is repeated.")
        values[name] = text
    return values


def _page(question: Question, text: str, _switches: Switches) -> bool:
    number = whole(text)
    question.page = number or question.page
    return bool(number)


def _per_page(question: Question, text: str, switches: Switches) -> bool:
    number = whole(text)
    question.per_page = min(number or question.per_page, switches.max_per_page)
    return bool(number)


def _direction(question: Question, text: str, _switches: Switches) -> bool:
    if text in {"asc", "desc"}:
        question.descending = text == "desc"
        return True
    return False


def _mode(question: Question, text: str, switches: Switches) -> bool:
    question.counting = switches.count_mode and text == "count"
    return text == "count" or not switches.count_mode


_CONTROLS: dict[str, Callable[[Question, str, Switches], bool]] = {
    "page": _page,
    "per_page": _per_page,
    "dir": _direction,
    "mode": _mode,
}

Reader = Callable[[str, Switches], Selector | None]


def _number(key: str) -> Reader:
    def read(text: str, _switches: Switches) -> Selector | None:
        wanted = whole(text)
        return None if wanted is None else _equal(key, wanted)

    return read


def _equal(key: str, wanted: object) -> Selector:
    return lambda rows, _store: [row for row in rows if row[key] == wanted]


def _flag(key: str) -> Reader:
    words = {"true": True, "1": True, "false": False, "0": False}

    def read(text: str, _switches: Switches) -> Selector | None:
        wanted = words.get(text.lower())
        return None if wanted is None else _equal(key, wanted)

    return read


def _status(text: str, switches: Switches) -> Selector | None:
    accepted = set(_STATUSES)
    if not (switches.filter_by_submitted and switches.submitted_exists):
        accepted.remove("submitted")
    if text not in accepted:
        return None
    if text == "pending" and not switches.submitted_exists:
        return lambda rows, _: [row for row in rows if row["status"] in {"pending", "submitted"}]
    return _equal("status", text)


def _name(key: str) -> Reader:
    def read(text: str, switches: Switches) -> Selector | None:
        wanted = text.casefold()

        def select(rows: Rows, store: Store) -> Rows:
            users = {
                user_id
                for user_id, user in store.users.items()
                if _matches(user[key].casefold(), wanted, switches)
            }
            return [row for row in rows if row["user_id"] in users]

        return select

    return read


def _matches(name: str, wanted: str, switches: Switches) -> bool:
    return name.startswith(wanted) if switches.name_match == "prefix" else name == wanted


def _moment_from(key: str) -> Reader:
    def read(text: str, _switches: Switches) -> Selector | None:
        bound = _read_moment(text)
        if bound is None:
            return None
        first = bound if bound.microsecond == 0 else bound.replace(microsecond=0) + _SECOND
        return lambda rows, _: [r for r in rows if (at := r[key]) is not None and at >= first]

    return read


def _moment_to(key: str) -> Reader:
    def read(text: str, _switches: Switches) -> Selector | None:
        bound = _read_moment(text)
        if bound is None:
            return None
        beyond = bound.replace(microsecond=0) + _SECOND
        return lambda rows, _: [r for r in rows if (at := r[key]) is not None and at < beyond]

    return read


def _read_moment(text: str) -> datetime | None:
    """Read a timestamp, zone-less as UTC; a bare date is none, for its side would be a guess."""
    if _DAY.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        # The last second there is has no next one, which an upper bound needs.
        return min(zoned, _LAST)
    except (ValueError, OverflowError):
        return None


def _day(within: Callable[[Any, Any], bool]) -> Reader:
    def read(text: str, _switches: Switches) -> Selector | None:
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            return None
        return lambda rows, _: [
            row
            for row in rows
            if row["review_date"] is not None and within(row["review_date"], day)
        ]

    return read


_FROM_DAY = _day(lambda day, bound: day >= bound)
_TO_DAY = _day(lambda day, bound: day <= bound)

_FILTERS: dict[str, Reader] = {
    "id": _number("id"),
    "case": _number("case_id"),
    "user": _number("user_id"),
    "status": _status,
    "user_last_name": _name("last_name"),
    "user_first_name": _name("first_name"),
    "review": _number("review_id"),
    "is_auto_generated": _flag("is_auto_generated"),
    "created_from_system": _moment_from("created_system_at"),
    "created_to_system": _moment_to("created_system_at"),
    "review_from": _FROM_DAY,
    "review_to": _TO_DAY,
    "from": _FROM_DAY,
    "to": _TO_DAY,
    "created_from": _moment_from("created_at"),
    "created_to": _moment_to("created_at"),
    "updated_from": _moment_from("updated_at"),
    "updated_to": _moment_to("updated_at"),
    "completed_from": _moment_from("completed_at"),
    "completed_to": _moment_to("completed_at"),
}
