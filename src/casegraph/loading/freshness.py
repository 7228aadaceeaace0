"""How old an answer may be: windows per kind of data, what the client accepts, and the verdict.

A kind has three windows, in seconds of age: fresh (served without a word), stale (served while it
is asked anew) and stale-if-error (served when asking fails). What a client says in its request's
Cache-Control, or with `@freshness` on one field, stands above the kind's own fresh window.
Invariant: pure; nothing here reads a clock, a store or a setting.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace


class Kind(StrEnum):
    """What a piece of data is, as far as its age matters; settings have a group for each."""

    LISTS = "lists"
    ROLES = "roles"
    CASES = "cases"
    NOTES = "notes"
    REVIEWS = "reviews"
    RATINGS = "ratings"
    CUSTOMER_CASES = "customer_cases"


class Windows(Struct, frozen=True, gc=False):
    """The three windows of one kind, in seconds; `stale` and `stale_if_error` begin after `fresh`.

    The defaults are those of data that people edit: each answer is confirmed by a call, and what
    was confirmed within ten minutes stands in when the upstream is down (reliability §3).
    """

    fresh: float = 0.0
    stale: float = 0.0
    stale_if_error: float = 600.0

    @property
    def kept(self) -> float:
        """How long an entry can be of use at all."""
        return self.fresh + max(self.stale, self.stale_if_error)


_LOOK_UP = Windows(fresh=300.0, stale=300.0)
"""Changed by administrators only."""
_UNLISTED = Windows(fresh=60.0, stale=60.0)
"""No API tells by change, so each check costs a call per key."""

DEFAULT_WINDOWS: Mapping[Kind, Windows] = MappingProxyType(
    {
        Kind.LISTS: _LOOK_UP,
        Kind.ROLES: _LOOK_UP,
        Kind.CASES: Windows(),
        Kind.NOTES: Windows(),
        Kind.REVIEWS: Windows(),
        Kind.RATINGS: _UNLISTED,
        Kind.CUSTOMER_CASES: _UNLISTED,
    }
)


class Acceptance(Struct, frozen=True, gc=False):
    """What a client accepts, after the request directives of HTTP caching; None is not said.

    `max_age` takes the place of the kind's fresh window, `max_stale` lengthens it (infinite when
    said without a number), `no_cache` wants everything from the upstream itself, `only_if_cached`
    wants no call at all.
    """

    max_age: float | None = None
    max_stale: float | None = None
    no_cache: bool = False
    only_if_cached: bool = False

    def for_field(self, max_age: float | None, max_stale: float | None) -> "Acceptance":
        """Return what holds for a field that says more than its request."""
        if max_age is None and max_stale is None:
            return self
        return replace(
            self,
            max_age=self.max_age if max_age is None else max_age,
            max_stale=self.max_stale if max_stale is None else max_stale,
            no_cache=False,
        )


ANY = Acceptance()
"""Nothing was said: the kind's own windows hold."""


class Verdict(StrEnum):
    """What is to be done with what is kept."""

    SERVE = "serve"
    """Fresh enough."""
    SERVE_STALE = "serve_stale"
    """Older than fresh, and the client said that it does not mind, or that it wants no call."""
    REVALIDATE = "revalidate"
    """Serve it and ask anew behind the answer."""
    FETCH = "fetch"
    """Ask the upstream and wait."""
    REFUSE = "refuse"
    """Nothing usable is kept and the client wants no call."""


def verdict(age: float | None, windows: Windows, acceptance: Acceptance) -> Verdict:
    """Return what to do with an entry of this age in seconds; None where nothing is kept."""
    if acceptance.only_if_cached:
        return _without_calls(age, windows, acceptance)
    if age is None or acceptance.no_cache:
        return Verdict.FETCH
    fresh = windows.fresh if acceptance.max_age is None else acceptance.max_age
    if age <= fresh and age <= windows.kept and fresh > 0:
        return Verdict.SERVE
    if acceptance.max_stale is not None and age <= min(fresh + acceptance.max_stale, windows.kept):
        return Verdict.SERVE_STALE
    # A client that named an age has said that it would rather wait than see anything older.
    if acceptance.max_age is None and windows.stale and age <= windows.fresh + windows.stale:
        return Verdict.REVALIDATE
    return Verdict.FETCH


def _without_calls(age: float | None, windows: Windows, acceptance: Acceptance) -> Verdict:
    if age is None or age > windows.kept:
        return Verdict.REFUSE
    fresh = windows.fresh if acceptance.max_age is None else acceptance.max_age
    if age <= fresh:
        return Verdict.SERVE
    if acceptance.max_age is None and acceptance.max_stale is None:
        return Verdict.SERVE_STALE
    return Verdict.SERVE_STALE if age <= fresh + (acceptance.max_stale or 0) else Verdict.REFUSE


def stands_in(age: float | None, windows: Windows, acceptance: Acceptance) -> bool:
    """Return whether an entry of this age may be served because asking the upstream failed."""
    if age is None or acceptance.no_cache:
        return False
    return age <= windows.fresh + windows.stale_if_error
