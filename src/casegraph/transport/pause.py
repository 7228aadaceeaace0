"""Pauses that hold for more than one process: what one has been told, the others keep too.

An upstream that says "not before" counts calls, not processes. A process keeps what it has learned
itself, always; beside that it may ask a place where others leave what they have learned. Such a
place can be slow or gone, so it only ever adds to what the process knows, and telling it never
costs the caller whose answer it was any time.
Invariant: whatever becomes of the place, no call fails or hangs for its sake.
"""

from typing import Protocol


class Pause(Protocol):
    """A place where processes leave what they were told of one upstream, or of one account."""

    async def left(self) -> float:
        """Return how many seconds are left of the longest pause; 0 for none, or when unknown."""

    def hold(self, seconds: float) -> None:
        """Leave a pause for the others, if no longer one is there; returns at once."""


class OwnPause:
    """The place of a process that shares nothing: it is empty and stays so."""

    async def left(self) -> float:
        """Return 0: what this process was told, it keeps itself."""
        return 0.0

    def hold(self, seconds: float) -> None:
        """Do nothing: nobody else would ask."""
