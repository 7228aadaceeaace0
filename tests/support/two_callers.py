"""Upstreams that are asked as their callers, in memory: each caller sees a world of its own.

The worlds hold the same cases, but for those that a caller may not see, and every row says whose
world it is from. So one look at an answer tells whether any of it was read as somebody else.
Invariant: who asks is told by the credential beside the request, at the moment of the call; without
one nothing is answered.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from casegraph.errors import CredentialsMissing
from casegraph.linking.identity import CaseKey
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Acceptance
from casegraph.loading.ledger import Ledger
from casegraph.loading.reads import Reads, Shared
from casegraph.loading.scope import NOBODY, DataScope
from casegraph.loading.sources import Sources
from casegraph.transport.forwarded import callers_proofs, proof_of
from casegraph.upstreams.action_management.records import Case, DataField, Hub, Role
from casegraph.upstreams.decode import Id
from casegraph.upstreams.ratings.records import RatingScore
from support.moving_lists import HUB, World
from support.whole_vendor import CaseReviewsToo, CasesAndNotes, ManyRatings

UPSTREAMS = ("action_management", "case_reviews", "ratings")
CALLERS = ("anna", "ben")
HIDDEN = {"anna": {5}, "ben": {2, 4}}
"""Cases that a caller may not see."""
CASES = range(1, 7)
SCORES = {"anna": RatingScore.GOOD, "ben": RatingScore.BAD}
MARKS = {"anna": "1", "ben": "2"}
"""What a number must be that has no room for a name."""
SCOPE = DataScope(dict.fromkeys(UPSTREAMS, "t"), identities=dict.fromkeys(UPSTREAMS, NOBODY))


@dataclass
class CallersCases(CasesAndNotes):
    """Action Management as one caller sees it."""

    whose: str = ""

    async def hubs(self) -> tuple[Hub, ...]:
        """Return the one hub, by the caller's name."""
        await self.world.called("hubs")
        return (Hub(hub_id=Id(HUB), name=self.whose),)

    async def roles(self, _hub_id: str) -> tuple[Role, ...]:
        """Return a role, by the caller's name."""
        await self.world.called("roles")
        return (Role(role_id=Id(1), name=self.whose),)

    def _case(self, number: int, *, detailed: bool) -> Case:
        found = super()._case(number, detailed=detailed)
        fields = (DataField(question_name="customer_id", value=f"C-{number}"),)
        return msgspec.structs.replace(found, data_fields=fields)


class ByCaller:
    """A client whose calls are answered by the world of whoever asks."""

    def __init__(self, upstream: str, worlds: dict[str, Any]) -> None:
        self._upstream = upstream
        self._worlds = worlds

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Return a call that finds out at its own moment who makes it."""

        async def call(*args: Any, **options: Any) -> Any:
            proof = callers_proofs.get().get(self._upstream)
            if proof is None:
                raise CredentialsMissing(self._upstream, name)
            return await getattr(self._worlds[proof.value], name)(*args, **options)

        return call


class TwoWorlds:
    """The same three upstreams for two callers."""

    def __init__(self, page_size: int = 5) -> None:
        self.world = World()
        self.cases: dict[str, CallersCases] = {}
        self.reviews: dict[str, CaseReviewsToo] = {}
        self.ratings: dict[str, ManyRatings] = {}
        for whose in CALLERS:
            self._make(whose, page_size)
        wanted: Any = Sources
        self.sources: Sources = wanted(
            ByCaller("action_management", self.cases),
            ByCaller("case_reviews", self.reviews),
            ByCaller("ratings", self.ratings),
        )

    def _make(self, whose: str, page_size: int) -> None:
        cases = self.cases[whose] = CallersCases(self.world, whose=whose)
        reviews = self.reviews[whose] = CaseReviewsToo(self.world, page_size=page_size)
        ratings = self.ratings[whose] = ManyRatings(self.world, page_size=page_size)
        for number in CASES:
            if number in HIDDEN[whose]:
                continue
            cases.cases[number] = whose
            cases.add(str(number), whose)
            reviews.add(str(number), MARKS[whose])
            ratings.scores[number] = [SCORES[whose]] if number % 3 else []

    def asked(self, whose: str) -> Counter[str]:
        """Return what was asked in one caller's name."""
        return self.cases[whose].asked + self.reviews[whose].asked + self.ratings[whose].asked


def reads_as(shared: Shared, whose: str | None, acceptance: Acceptance = ANY) -> Reads:
    """Begin a request of this caller in the running task; None brings no credential."""
    brought = () if whose is None else UPSTREAMS
    proofs = {each: proof_of(b"k", each, whose or "") for each in brought}
    callers_proofs.set(proofs)
    scope = SCOPE.of_caller({each: proof.identity for each, proof in proofs.items()})
    return Reads(shared, Asking(scope, acceptance, Ledger()))


async def seen_of(reads: Reads, number: int) -> dict[str, list[Any]]:
    """Return what one request is told of a case, part by part, as signs of whose it is."""
    key = CaseKey(HUB, str(number))
    case = await reads.cases.case(key)
    notes = await reads.notes._notes.load(key)
    entries = await reads.reviews._of_case.load(str(number))
    rated = await reads.ratings._of_case.load(str(number))
    return {
        "case": [] if case is None else [case.name],
        "notes": [note.text for note in notes or ()],
        "reviews": [str(entry.flat_review_id) for entry in entries.entries],
        "ratings": [rating.score for rating in rated.ratings],
    }


def truth_of(whose: str, number: int) -> dict[str, list[Any]]:
    """Return what this caller may be told of a case."""
    if number in HIDDEN[whose]:
        return {"case": [], "notes": [], "reviews": [], "ratings": []}
    return {
        "case": [whose],
        "notes": [whose],
        "reviews": [MARKS[whose]],
        "ratings": [SCORES[whose]] if number % 3 else [],
    }
