"""A shared call in the hands of a test."""

import asyncio


class Call:
    """A shared call that waits for the test, and counts and tells what happens to it."""

    def __init__(self, result: object = "value") -> None:
        self.started = 0
        self.cancelled = 0
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.result = result

    async def __call__(self) -> object:
        """Wait for the gate, then return or raise the result."""
        self.started += 1
        self.entered.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def turns(count: int = 10) -> None:
    """Let every other task run until it waits."""
    for _ in range(count):
        await asyncio.sleep(0)
