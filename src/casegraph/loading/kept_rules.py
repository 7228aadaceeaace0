"""What of a kept thing may be served, and how it is told: the rules, without the calls.

Invariant: pure; the same entry, windows and acceptance give the same answer wherever asked.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from casegraph.errors import DeadlineExceeded, RateLimited, UpstreamUnavailable
from casegraph.loading.freshness import Acceptance, Kind, Verdict, Windows, verdict
from casegraph.loading.kept_store import Entry, Unread
from casegraph.loading.ledger import Provenance, Source, StaleReason
from casegraph.loading.written import Key

T = TypeVar("T")

NEGATIVE_SECONDS = 15.0
"""Longest time for which something is taken for absent (reliability §3, negative entry)."""
_EARLY_SHARE = 0.1
"""By up to so much the fresh window ends early, so that what was read together expires apart."""

_FAILURES = {StaleReason.UPSTREAM_UNAVAILABLE, StaleReason.RATE_LIMITED}
OUTAGES = (UpstreamUnavailable, DeadlineExceeded, RateLimited)

REASONS: Mapping[Verdict, StaleReason | None] = {
    Verdict.SERVE: None,
    Verdict.SERVE_STALE: StaleReason.ACCEPTED,
    Verdict.REVALIDATE: StaleReason.REVALIDATING,
}
"""The verdicts that need no waiting for a call, and what is said of the answer."""


@dataclass(frozen=True, slots=True)
class What(Generic[T]):
    """A kind of thing that is read by key; `name` parts its keys from every other kind's.

    `encode` gives JSON that `decode` reads strictly: it raises for whatever does not fit. Neither
    they nor `records`, which returns the records that the graph will show, are asked about None.
    """

    upstream: str
    kind: Kind
    name: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    records: Callable[[T], Iterable[object]]
    is_digest: bool = False
    """Whether a value is a small part of what it is read from, whose size is not its own."""
    reread: Callable[[bytes, tuple[str, ...]], T] | None = None
    """Reads the body of the call for these parts once more, where one body is all of a value;
    raises whatever does not fit."""


class Reading(Struct, Generic[T], frozen=True):
    """A value and where it came from."""

    value: T
    provenance: Provenance


def may_serve(windows: Windows, acceptance: Acceptance) -> bool:
    """Return whether anything kept could be served before a call, so that looking is worth it."""
    if acceptance.only_if_cached:
        return True
    if acceptance.no_cache:
        return False
    if acceptance.max_age is not None:
        return acceptance.max_age > 0 or bool(acceptance.max_stale)
    return windows.fresh > 0 or windows.stale > 0 or bool(acceptance.max_stale)


def windows_of(entry: Entry[T], windows: Windows, key: str) -> Windows:
    """Return the windows of one entry: its own share earlier, and short for an absent thing."""
    fresh = windows.fresh * (1 - _EARLY_SHARE * (zlib.crc32(key.encode()) % 1024) / 1024)
    if entry.value is None:
        return Windows(fresh=min(fresh, NEGATIVE_SECONDS), stale=0.0, stale_if_error=0.0)
    return Windows(fresh, windows.stale, windows.stale_if_error)


def served(
    what: What[T], entry: Entry[T], age: float, windows: Windows, acceptance: Acceptance
) -> Reading[T] | None:
    """Return an entry as it is served without waiting for a call; None where it may not be."""
    decided = verdict(age, windows, acceptance)
    if decided not in REASONS:
        return None
    return Reading(entry.value, provenance(what, entry, Source.CACHE, REASONS[decided]))


def is_served(age: float, windows: Windows, acceptance: Acceptance) -> bool:
    """Return whether `served` returns an entry of a thing that is there."""
    return verdict(age, windows, acceptance) in REASONS


def unread_of(
    what: What[T], key: Key, entry: Entry[T], body: bytes | None, windows: Windows
) -> Unread | None:
    """Return an entry as the body it came in, where it can be and is only there for bad times.

    A page of 100 cases takes half a millisecond to read, and to keep it read as long again: what
    lives on is not in the processor's cache when the next one is read.
    """
    if body is None or entry.value is None or what.reread is None:
        return None
    if windows.fresh > 0 or windows.stale > 0:
        return None
    return Unread(body, what.reread, key.parts, entry.fetched_at)


def outcome(reading: Reading[T]) -> str:
    """Return how the waterfall names it that something kept was served."""
    reason = reading.provenance.reason
    if reason is not None:
        return "stands_in" if reason in _FAILURES else "stale"
    return "negative" if reading.value is None else "fresh"


def provenance(
    what: What[T], entry: Entry[T], source: Source, reason: StaleReason | None
) -> Provenance:
    """Return what is told of where a value came from."""
    return Provenance(what.upstream, what.kind, source, entry.fetched_at, reason)
