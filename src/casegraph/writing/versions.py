"""What the versions that were given out stand for, so that a conflict can tell both values.

A version is a digest: it tells that a part has changed, not what it was. So the writable part
behind each version that leaves is remembered for an hour, where other reads are kept: in this
process, or for all that share a Redis.
Invariant: never needed to find a conflict; forgetting only costs the old values in its telling. A
part is kept under its case and whoever was shown it, so a version of another case, or one that only
another caller has seen, leads to nothing.
"""

import time
from collections.abc import Callable

import msgspec

from casegraph.linking.identity import CaseKey
from casegraph.loading.cache import cache_key
from casegraph.loading.kept_store import Entry, Store
from casegraph.loading.scope import SERVICE
from casegraph.transport.forwarded import identity_for
from casegraph.writing.fields import Snapshot, version_of

KEPT_SECONDS = 3600.0
"""A person who edits for longer is told which parts have changed, and not from what."""

_PART = msgspec.json.Decoder(dict[str, object])


class Versions:
    """The writable parts behind versions."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def remember(self, key: CaseKey, snapshot: Snapshot) -> str:
        """Return the version of a writable part, which is kept behind the answer."""
        version = version_of(snapshot)
        entry = Entry(dict(snapshot), self._clock())
        self._store.put(_kept_as(key, version), entry, msgspec.json.encode, KEPT_SECONDS)
        return version

    async def recall(self, key: CaseKey, version: str) -> Snapshot | None:
        """Return what a version stood for; None where nobody remembers."""
        entry = await self._store.get(_kept_as(key, version), _PART.decode)
        if entry is None or version_of(entry.value) != version:
            return None
        snapshot: Snapshot = entry.value
        return snapshot


def _kept_as(key: CaseKey, version: str) -> str:
    seen_by = identity_for("action_management") or SERVICE
    return cache_key("version", seen_by, key.hub_id, key.case_id, version)
