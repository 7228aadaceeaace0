"""The room put together: from the clients and the stores of a process to its writes.

Invariant: nothing connects before the first mutation; leases and outcomes are shared over all
processes exactly when the cache is a Redis.
"""

import time

from casegraph.loading.kept_store import Store as KeptStore
from casegraph.loading.sources import Sources
from casegraph.writing.aftermath import Aftermath
from casegraph.writing.audit import Audit
from casegraph.writing.case_writer import CaseWriter
from casegraph.writing.conflicts import Conflicts
from casegraph.writing.leases import OneWriter
from casegraph.writing.rating_writes import RatingWriter
from casegraph.writing.shared_store import RedisStore
from casegraph.writing.store import MemoryStore, Store
from casegraph.writing.versions import Versions
from casegraph.writing.writes import Writes

_MEMORY = "memory://"


def open_writes(
    sources: Sources,
    kept_store: KeptStore,
    aftermath: Aftermath,
    cache_url: str,
    *,
    tells_values: bool,
) -> Writes:
    """Return the writes of a process; `cache_url` is one that the cache has accepted."""
    store: Store = MemoryStore(time.monotonic) if cache_url == _MEMORY else RedisStore(cache_url)
    one_writer = OneWriter(store)
    versions = Versions(kept_store)
    return Writes(
        CaseWriter(lambda: sources.action_management, one_writer, Conflicts(versions)),
        RatingWriter(lambda: sources.ratings, one_writer),
        store,
        versions,
        aftermath,
        Audit(tells_values),
    )
