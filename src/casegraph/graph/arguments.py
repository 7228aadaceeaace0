"""Arguments as clients send them, turned into values that loading may trust.

Every id is parsed by the grammar of its kind and printed again before anything is asked, so
`007` and `7` are one key and `../x` is an error and no call.
Invariant: what is refused here has cost no upstream call.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, TypeVar

import strawberry

from casegraph.errors import InvalidArgument
from casegraph.linking.identity import CaseKey
from casegraph.upstreams.paths import int32

PAGE_MAX = 100
"""Largest page (reliability default: 1 to 100)."""
PAGE_DEFAULT = 25

T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(description=f"How many rows to return, 1 to {PAGE_MAX}."),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="Return the rows after this cursor; cursors belong to one list."
    ),
]


def given(value: T | None) -> T | None:
    """Return an argument's value, None when it was left out."""
    return None if value is strawberry.UNSET else value


def page_size(first: int | None) -> int:
    """Return a checked page size; raises InvalidArgument outside 1 to 100."""
    size = PAGE_DEFAULT if given(first) is None else first
    if size is None or not 1 <= size <= PAGE_MAX:
        raise InvalidArgument(f"first: a number from 1 to {PAGE_MAX} is asked for.")
    return size


def case_key(hub_id: str, case_id: str) -> CaseKey:
    """Return the key of a case; raises InvalidArgument."""
    return CaseKey(str(int32("hubId", hub_id)), str(int32("caseId", case_id)))


def hub(hub_id: str) -> str:
    """Return a checked hub id; raises InvalidArgument."""
    return str(int32("hubId", hub_id))


def id_set(name: str, ids: Iterable[str] | None) -> frozenset[str] | None:
    """Return a set of checked int32 ids, None for no condition; raises InvalidArgument."""
    chosen = given(ids)
    return None if chosen is None else frozenset(str(int32(name, value)) for value in chosen)


def window(name: str, start: datetime | None, end: datetime | None) -> None:
    """Refuse a time window that ends before it starts."""
    if start is not None and end is not None and end < start:
        raise InvalidArgument(f"{name}: the window ends before it starts.")
