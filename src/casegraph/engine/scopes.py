"""What a caller may do, as the closed set of scopes that keys and tokens can carry.

Who reads may read everything, because a graph is walked from anywhere to anywhere: a line between
two systems would have to hold on every path that crosses it.
Invariant: whatever else a key or a token names is no scope here, and gives nothing.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias


class AuthScope(StrEnum):
    """One thing that a caller may do."""

    CASES_READ = "cases:read"
    """Read whatever the graph has: cases, notes, reviews, ratings, customers' cases."""
    CASES_WRITE = "cases:write"
    RATINGS_WRITE = "ratings:write"
    ADMIN = "admin"
    """All of these, and to see how this gateway works inside."""


Needs: TypeAlias = Mapping[str, str]
"""The scopes that an operation needs, each with the first of its fields that needs it."""

ALL_SCOPES = frozenset(str(scope) for scope in AuthScope)


def held(names: Iterable[str]) -> frozenset[str]:
    """Return the scopes that these names give; `admin` gives all."""
    known = ALL_SCOPES.intersection(names)
    return ALL_SCOPES if AuthScope.ADMIN in known else known
