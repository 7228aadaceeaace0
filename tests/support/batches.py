"""A batch function for loaders, which a test holds up and looks at."""

import asyncio
from collections.abc import Mapping, Sequence


class Batches:
    """A batch function that remembers what it was asked and answers what the test says."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    async def __call__(self, keys: Sequence[str]) -> Mapping[str, object]:
        """Answer the keys once the gate is open."""
        self.asked.append(list(keys))
        self.arrived.set()
        await self.gate.wait()
        return {key: self.answers[key] for key in keys if key in self.answers}
