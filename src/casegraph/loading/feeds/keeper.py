"""Where a feed's rows live beside this process's memory, and who of several processes reads them.

A feed does not know whether it is alone: it asks its keeper for a start, for a refresh and for
leave to fill. The keeper here knows no other place than memory; others keep a file, or share one
index between processes.
Invariant: whatever becomes of the place, the feed works as if it were alone.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Generic, Protocol

from casegraph.loading.feeds.bounds import Row
from casegraph.loading.feeds.core import Core, Refreshed

behind: ContextVar[bool] = ContextVar("behind", default=False)
"""Whether the running work was begun behind an answer, so that no request waits for it.

Requests that ask at the same time share their calls. What was begun for none of them may have read
before all of them came, so they wait until it has ended and ask for themselves.
"""

ReadChanges = Callable[[], Awaitable[Refreshed[Row]]]
"""Reads what has changed upstream since the core's mark, takes it, and says what it brought."""
Fill = Callable[[], Awaitable[None]]
"""Reads the whole and puts it in the core's place."""


class Keeper(Protocol[Row]):
    """The place of one feed."""

    async def restore(self, core: Core[Row]) -> bool:
        """Put what is kept into an empty core; returns whether there was anything of use."""

    async def refresh(self, core: Core[Row], read: ReadChanges[Row]) -> Refreshed[Row]:
        """Bring a core up to this moment: by reading, or by taking what another one reads now."""

    async def fill(self, core: Core[Row], fill: Fill) -> None:
        """Fill the core, or wait for another who does and take what it brought."""

    def forget(self, core: Core[Row], row_ids: tuple[str, ...]) -> None:
        """Let the place forget rows; returns at once."""

    async def close(self) -> None:
        """Finish what is being written, within a moment."""


class OwnKeeper(Generic[Row]):
    """The keeper of a feed that lives in this process alone."""

    async def restore(self, _core: Core[Row]) -> bool:
        """Return that nothing is kept."""
        return False

    async def refresh(self, _core: Core[Row], read: ReadChanges[Row]) -> Refreshed[Row]:
        """Read."""
        return await read()

    async def fill(self, _core: Core[Row], fill: Fill) -> None:
        """Fill."""
        await fill()

    def forget(self, _core: Core[Row], _row_ids: tuple[str, ...]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
