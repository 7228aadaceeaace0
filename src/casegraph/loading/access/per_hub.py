"""One batch of cases, asked hub by hub: an upstream's lists are a hub's, and so are its plans.

Invariant: every key is answered, one hub's failure in the place of its own keys only.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from casegraph.linking.identity import CaseKey
from casegraph.loading.access.each import Results
from casegraph.loading.loader import Batch

V = TypeVar("V")


def by_hub(
    load: Callable[[str, Sequence[CaseKey]], Awaitable[Results[CaseKey, V]]],
) -> Batch[CaseKey, V]:
    """Return a batch that plans for each hub by itself: an upstream's lists are a hub's."""

    async def batch(keys: Sequence[CaseKey]) -> Mapping[CaseKey, V | BaseException]:
        hubs: dict[str, list[CaseKey]] = defaultdict(list)
        for key in keys:
            hubs[key.hub_id].append(key)
        if len(hubs) == 1:
            return await load(keys[0].hub_id, keys)
        answers = await asyncio.gather(
            *(load(hub_id, its) for hub_id, its in hubs.items()), return_exceptions=True
        )
        found: Results[CaseKey, V] = {}
        for its, answer in zip(hubs.values(), answers, strict=True):
            found.update(
                dict.fromkeys(its, answer) if isinstance(answer, BaseException) else answer
            )
        return found

    return batch
