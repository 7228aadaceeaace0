"""Two lists with a row for each of thirty cases, and loaders over them as requests have them.

For tests of sweeps: what is read there is compared with what direct calls would answer now.
Invariant: each read is a request of its own, a second later than the one before.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from casegraph.linking.identity import CaseKey
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.case_notes import NoteReads
from casegraph.loading.freshness import ANY, Acceptance
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.review_reads import ReviewReads
from casegraph.loading.scope import DataScope
from support.moving_lists import EPOCH, HUB, World
from support.whole_vendor import CaseReviewsToo, CasesAndNotes, ManyRatings, sources_over

SCOPE = DataScope()
MANY = range(1, 31)
"""More cases than are worth a look."""


class Lab:
    """Two upstreams with a note and a review for each of thirty cases, and loaders over them."""

    def __init__(self) -> None:
        self.world = World()
        self.notes = CasesAndNotes(self.world)
        self.reviews = CaseReviewsToo(self.world, page_size=10)
        self.sources = sources_over(self.notes, self.reviews, ManyRatings(self.world))
        kept = Kept(MemoryStore(self.world.clock), clock=self.world.wall)
        self.access = Access(kept, Learned(self.world.clock))
        for number in MANY:
            self.notes.cases[number] = f"case {number}"
            self.world.seconds += 10
            self.notes.add(str(number), "as it was")
            self.reviews.add(str(number), "1")
        self.world.seconds += 100
        self.ledger = Ledger()

    def asking(self, acceptance: Acceptance = ANY) -> Asking:
        """Begin a request."""
        self.ledger = Ledger()
        self.world.seconds += 1
        return Asking(SCOPE, acceptance, self.ledger)

    async def read_notes(self, numbers: Any = MANY, acceptance: Acceptance = ANY) -> list[Any]:
        """Return texts, or the failure, for each case, as a new request has them."""
        asking = self.asking(acceptance)
        reads = NoteReads(self.sources, self.access, asking, lambda _: EPOCH)
        keys = [CaseKey(HUB, str(number)) for number in numbers]
        found = await reads._notes.load_many(keys)
        return [_told(notes, lambda row: (str(row.note_id), row.text)) for notes in found]

    async def read_reviews(self, numbers: Any = MANY, acceptance: Acceptance = ANY) -> list[Any]:
        """Return question sets, or the failure, for each case, as a new request has them."""
        reads = ReviewReads(self.sources, self.access, self.asking(acceptance))
        found = await reads._of_case.load_many([str(number) for number in numbers])
        return [
            _told(
                getattr(rows, "entries", rows),
                lambda row: (str(row.review_entry_id), str(row.flat_review_id)),
            )
            for rows in found
        ]

    async def read(self, what: str, *args: Any) -> list[Any]:
        """Return either."""
        found: list[Any] = await getattr(self, f"read_{what}")(*args)
        return found

    def truth(self, what: str, numbers: Any = MANY) -> list[Any]:
        """Return what direct calls would answer now."""
        return [getattr(self, what).direct(str(number)) for number in numbers]

    def made(self) -> list[str]:
        """Return the calls since the last time."""
        calls, self.world.calls = self.world.calls, []
        return calls

    @contextmanager
    def during(self, nth: int, happens: Callable[[], object]) -> Iterator[None]:
        """Let something happen before the nth call is answered."""
        count = iter(range(1, 10_000))

        def before(_operation: str) -> None:
            if next(count) == nth:
                happens()

        self.world.before = before
        yield
        self.world.before = lambda _operation: None


async def turns(number: int) -> None:
    """Let everybody go on until they wait for an upstream."""
    for _ in range(number):
        await asyncio.sleep(0)


def _told(rows: Any, tell: Callable[[Any], Any]) -> Any:
    return type(rows) if isinstance(rows, BaseException) else [tell(row) for row in rows]
