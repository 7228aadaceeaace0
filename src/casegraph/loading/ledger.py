"""What one request was answered from: where each record came from, and how old it was.

Loaders write here, and the graph (`freshness` of a node), the endpoint (`Age`, `Cache-Control`,
`extensions.freshness`) read. Records are immutable and shared between requests, so what is true of
them in one request only cannot stand on them. Much is entered and little asked for, so entries are
put in order when they are: 23 reads of 5 records each cost 6 µs instead of 35.
Invariant: lives as long as its request; whatever was served stale is named, with its reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from operator import attrgetter

from msgspec import Struct

from casegraph.loading.freshness import Kind, Windows


class Source(Enum):
    """Where a record came from."""

    UPSTREAM = "upstream"
    """A call made for this request, or one in flight that it joined."""
    FEED = "feed"
    """The index of a feed, confirmed by reading what has changed."""
    CACHE = "cache"
    """A kept answer."""


class StaleReason(Enum):
    """Why something was served that is older than its kind's fresh window."""

    REVALIDATING = "revalidating"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    RATE_LIMITED = "rate_limited"
    ACCEPTED = "accepted"
    """The client said that it takes it so."""


class Provenance(Struct, frozen=True, gc=False):
    """Where something came from; `fetched_at` is seconds since 1970, when it was last known true.

    Of a call that is the moment it was made, not the moment its answer came.
    """

    upstream: str
    kind: Kind
    source: Source
    fetched_at: float
    reason: StaleReason | None = None

    @property
    def is_stale(self) -> bool:
        """Whether it is older than its kind's fresh window."""
        return self.reason is not None

    def age(self, now: float) -> float:
        """Return its age in seconds, never below zero."""
        return max(0.0, now - self.fetched_at)


_FETCHED_AT = attrgetter("fetched_at")


class Ledger:
    """The provenances of one request."""

    def __init__(self) -> None:
        self._entries: list[Provenance] = []
        self._brought: list[tuple[Provenance, tuple[object, ...]]] = []
        """What is not in `_by_record` yet."""
        self._carried: list[tuple[object, object]] = []
        """Records and copies of them that are not there yet either."""
        # By identity: equal records may come from different places. The record is held, so that
        # its identity cannot be given to another one while this request lives.
        self._by_record: dict[int, tuple[object, Provenance]] = {}

    def enter(self, provenance: Provenance, records: Iterable[object] = ()) -> None:
        """Write down that something came from there, and which records it brought."""
        self._entries.append(provenance)
        brought = tuple(records)
        if brought:
            self._brought.append((provenance, brought))

    def carry(self, old: object, new: object) -> None:
        """Let a copy of a record have its provenance."""
        self._carried.append((old, new))

    def of(self, record: object) -> Provenance | None:
        """Return where a record came from; None where it was not written down."""
        for provenance, brought in self._brought:
            for each in brought:
                # The first counts: whoever reads it again finds what this request has brought.
                self._by_record.setdefault(id(each), (each, provenance))
        self._brought.clear()
        for old, new in self._carried:
            if id(old) in self._by_record:
                self._by_record[id(new)] = (new, self._by_record[id(old)][1])
        self._carried.clear()
        found = self._by_record.get(id(record))
        return None if found is None else found[1]

    def forget_records(self) -> None:
        """Let go of the records: nobody will ask where one came from; the provenances stay."""
        self._brought.clear()
        self._carried.clear()
        self._by_record.clear()

    def __iter__(self) -> Iterator[Provenance]:
        """Return everything written down, each once."""
        return iter(dict.fromkeys(self._entries))

    def oldest(self) -> Provenance | None:
        """Return the oldest part of the answer; None for an answer that needed nothing."""
        return min(self._entries, key=_FETCHED_AT, default=None)

    def stale(self) -> list[Provenance]:
        """Return what was served stale, each once."""
        stale = [each for each in self._entries if each.reason is not None]
        return list(dict.fromkeys(stale)) if stale else stale

    def fresh_for(self, now: float, windows: Mapping[Kind, Windows]) -> float:
        """Return for how many seconds all of it stays fresh; 0 where some of it is not."""
        left = [
            0.0 if each.reason is not None else windows[each.kind].fresh - each.age(now)
            for each in self._entries
        ]
        return max(0.0, min(left, default=0.0))
