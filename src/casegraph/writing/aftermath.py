"""What has to be forgotten when something was written, so that nobody is shown what was before.

Exactly what may hold the object is dropped: its own entries, the pages of its hub's lists, what its
feed holds of it. In a shared store that holds for every process; the rest of the request reads
anew.
Invariant: dropping never fails a write; nobody else's entries go.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from casegraph.linking.identity import CaseKey

_log = logging.getLogger("casegraph.writing")


class Aftermath(Protocol):
    """Drops what a write has made untrue."""

    async def case_written(self, key: CaseKey) -> None:
        """Forget what is kept of a case."""

    async def case_deleted(self, key: CaseKey) -> None:
        """Forget a case and everything that hung on it."""

    async def ratings_written(self, case_id: str, rating_id: str | None) -> None:
        """Forget what is kept of a case's ratings, and of one of them."""


class NoAftermath:
    """For a process that keeps nothing."""

    async def case_written(self, key: CaseKey) -> None:
        """Do nothing."""

    async def case_deleted(self, key: CaseKey) -> None:
        """Do nothing."""

    async def ratings_written(self, case_id: str, rating_id: str | None) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Unfailing:
    """An aftermath whose trouble is logged and never costs a write its outcome."""

    inner: Aftermath

    async def case_written(self, key: CaseKey) -> None:
        """Forget what is kept of a case."""
        await _tried(lambda: self.inner.case_written(key))

    async def case_deleted(self, key: CaseKey) -> None:
        """Forget a case and everything that hung on it."""
        await _tried(lambda: self.inner.case_deleted(key))

    async def ratings_written(self, case_id: str, rating_id: str | None) -> None:
        """Forget what is kept of a case's ratings, and of one of them."""
        await _tried(lambda: self.inner.ratings_written(case_id, rating_id))


async def _tried(drop: Callable[[], Awaitable[None]]) -> None:
    try:
        await drop()
    except Exception as error:  # noqa: BLE001 - what was written is written, whatever is still kept
        _log.warning("what a write made untrue could not be dropped (%s)", type(error).__name__)
