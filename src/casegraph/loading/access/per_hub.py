"""One batch of cases, asked hub by hub: an upstream's lists are a hub's, and so are its plans.

Invariant: every key is answered, one hub's failure in the place of its own keys only.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from casegraph.linking.identity import CaseKey
from casegraph.loading.access.each import Results

S = TypeVar("S")
V = TypeVar("V")


def by_hub(
    load: Callable[[S, str, Sequence[CaseKey]], Awaitable[Results[CaseKey, V]]],
) -> Callable[[S, Sequence[CaseKey]], Awaitable[Results[CaseKey, V]]]:
    """Make a batch of a method that plans for one hub: an upstream's lists are a hub's."""

    async def batch(reads: S, keys: Sequence[CaseKey]) -> Results[CaseKey, V]:
        hubs: dict[str, list[CaseKey]] = defaultdict(list)
        for key in keys:
            hubs[key.hub_id].append(key)
        if len(hubs) == 1:
            return await load(reads, keys[0].hub_id, keys)
        answers = await asyncio.gather(
            *(load(reads, hub_id, its) for hub_id, its in hubs.items()), return_exceptions=True
        )
        found: Results[CaseKey, V] = {}
        for its, answer in zip(hubs.values(), answers, strict=True):
            found.update(
                dict.fromkeys(its, answer) if isinstance(answer, BaseException) else answer
            )
        return found

    return batch
