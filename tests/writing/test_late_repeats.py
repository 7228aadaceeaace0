"""A repeat whose own time is over while the first is under way does not deny the first."""

import asyncio
from time import monotonic
from typing import Any

from casegraph.linking.identity import CaseKey
from casegraph.loading.kept_store import MemoryStore as KeptStore
from casegraph.transport.deadline import request_deadline
from casegraph.writing.aftermath import NoAftermath
from casegraph.writing.audit import Audit
from casegraph.writing.case_writer import CaseWrite, Written
from casegraph.writing.detached import Passage
from casegraph.writing.idempotency import Idempotency
from casegraph.writing.outcomes import Ending, ErrorCode, WriteOutcome
from casegraph.writing.store import MemoryStore
from casegraph.writing.versions import Versions
from casegraph.writing.writes import Asker, CaseWish, Writes

WISH = CaseWish(
    mutation="updateCase", fingerprint=b"x", client_mutation_id="id", key=CaseKey("96", "1")
)
SECONDS = 0.05
"""Of the repeat: real time, for its two timers are the event loop's own."""


class SlowCases:
    """A writer of cases that has begun, and ends when it is let."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def write(self, _: CaseWrite, passage: Passage) -> Written:
        """Begin, and wait."""
        passage.begin()
        self.begun.set()
        await self.may_end.wait()
        return Written(Ending(outcome=WriteOutcome.APPLIED))


class StallingStore(MemoryStore):
    """A store that answers the first and the repeat once each, then nobody any more."""

    claims = 0

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Answer twice."""
        self.claims += 1
        if self.claims > 2:
            await asyncio.Event().wait()
        return await super().claim(key, value, seconds)


async def test_a_repeat_without_time_says_that_the_first_is_under_way() -> None:
    """Whichever of its timers is the first: that nothing was written would be a lie."""
    cases: Any = SlowCases()
    store = StallingStore(monotonic)

    async def at_once(_: float) -> None:
        return

    unused: Any = None
    writes = Writes(
        cases,
        unused,
        store,
        Versions(KeptStore()),
        NoAftermath(),
        Audit(),
        Idempotency(store, sleep=at_once),
    )
    asker = Asker("service", unused)
    first = asyncio.create_task(writes.case(WISH, asker))
    await cases.begun.wait()

    token = request_deadline.set(monotonic() + SECONDS)
    repeat = await writes.case(WISH, asker)
    request_deadline.reset(token)
    cases.may_end.set()

    assert repeat.ending.outcome is WriteOutcome.UNKNOWN
    assert [error.code for error in repeat.ending.errors] == [ErrorCode.IN_PROGRESS]
    assert (await first).ending.outcome is WriteOutcome.APPLIED
