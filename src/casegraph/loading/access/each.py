"""A call for each key, through what is kept: the way that always exists, and the one to compare to.

Invariant: one failed key fails alone, with its own error.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY
from casegraph.loading.kept import Kept, Reading, What
from casegraph.loading.ledger import StaleReason

K = TypeVar("K")
V = TypeVar("V")

Results = dict[K, V | BaseException]
"""A value or its failure for each key."""


async def each_kept(
    kept: Kept,
    what: What[V],
    keys: Mapping[K, tuple[str, ...]],
    fetch: Callable[[K], Awaitable[V]],
    asking: Asking,
) -> Results[K, V]:
    """Return what is kept of each key, its parts being the values, or what `fetch` answers."""
    if not keys:
        return {}
    wanted = [(parts, partial(fetch, key)) for key, parts in keys.items()]
    values = await kept.read_all(what, wanted, asking)
    return dict(zip(keys, values, strict=True))


def failed(keys: Iterable[K], error: BaseException) -> Results[K, V]:
    """Return the same failure for each key."""
    return dict.fromkeys(keys, error)


async def in_hand(
    kept: Kept, what: What[V], keys: Mapping[K, tuple[str, ...]], asking: Asking
) -> dict[K, Reading[V]]:
    """Return what is kept and needs no call, by key; its parts are the values.

    What is to be asked anew behind the answer is left to whoever makes that call (`Kept.read`).

    Looks nowhere when nothing kept could be fresh enough, which is the default of most kinds.
    """
    if asking.acceptance == ANY and kept.windows[what.kind].fresh <= 0:
        return {}
    found = await kept.peek_all(what, list(keys.values()), asking)
    return {
        key: reading
        for key, reading in zip(keys, found, strict=True)
        if reading is not None and reading.provenance.reason is not StaleReason.REVALIDATING
    }
