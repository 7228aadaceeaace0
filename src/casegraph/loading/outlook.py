"""What can be known before a request is run: prices of ways, states of feeds, what is kept.

The executors of `access` look at the same numbers when they choose; a forecast looks at them here,
for keys that mostly do not exist yet.
Invariant: nothing here calls an upstream, begins a fill or waits for more than the store of what is
kept.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from casegraph.linking.identity import System
from casegraph.linking.rules import DataFieldRule, TableRule
from casegraph.loading.access.by_feed import WORTH_WAITING, feed_known
from casegraph.loading.access.cases import GUESSED_PAGES, WORTH_PAGES
from casegraph.loading.access.cost import (
    LOOK_KEYS,
    Choice,
    Known,
    Need,
    NeedKind,
    SweepKnown,
    choose,
)
from casegraph.loading.access.planning import Access
from casegraph.loading.access.ranks import all_pages
from casegraph.loading.access.ratings import (
    CASES,
    OF_CASE,
    RATED,
    SUMMARIES,
    SUMMARY_PAGES,
    WHOLE,
    unrated_of,
)
from casegraph.loading.access.sweeps import may_sweep, notes_of, reviews_of
from casegraph.loading.asking import Asking
from casegraph.loading.case_reads import CASE
from casegraph.loading.feeds.bounds import FeedState, FeedView
from casegraph.loading.freshness import Acceptance, Kind, Verdict, verdict
from casegraph.loading.kept import Reading, What
from casegraph.loading.reads import Shared
from casegraph.upstreams.ratings.client import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Way:
    """Where the rows of a need are: upstream, its operations, and the kind of data."""

    upstream: str
    operation: str
    page_operation: str
    kind: Kind


WAYS: Mapping[NeedKind, Way] = MappingProxyType(
    {
        NeedKind.CASES: Way("action_management", "case", "case_query", Kind.CASES),
        NeedKind.DETAILS: Way("action_management", "case", "case", Kind.CASES),
        NeedKind.NOTES: Way("action_management", "case_notes", "hub_notes", Kind.NOTES),
        NeedKind.REVIEWS: Way("case_reviews", "reviews", "reviews", Kind.REVIEWS),
        NeedKind.RATINGS: Way("ratings", "ratings", "case_summaries", Kind.RATINGS),
        NeedKind.CUSTOMER_CASES: Way(
            "customer_cases", "customer_cases", "customer_cases", Kind.CUSTOMER_CASES
        ),
    }
)
"""Where each need is met; the names are those of traces and metrics."""

_WITHOUT_WAITING = frozenset({Verdict.SERVE, Verdict.SERVE_STALE, Verdict.REVALIDATE})


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a need costs for each number of keys, and what is known of its feed."""

    need: NeedKind
    known: Known
    feed: FeedView | None = None

    def choice(self, keys: int) -> Choice:
        """Return what would be chosen for so many keys."""
        known = self.known
        if self.need is NeedKind.CASES and keys < WORTH_PAGES:
            known = replace(known, pages=None)
        return choose(Need(self.need, keys), known)

    def may_fill(self, keys: int) -> bool:
        """Return whether so many keys would begin or join a fill whose length is not known yet."""
        if self.feed is None or keys < WORTH_WAITING:
            return False
        is_open = self.feed.state in {FeedState.EMPTY, FeedState.FILLING}
        return is_open and self.feed.pages_left is None

    def may_sweep(self, keys: int) -> bool:
        """Return whether so many keys may come by one sweep, or by calls after a look at it."""
        sweep = self.known.sweep
        return sweep is not None and (keys >= LOOK_KEYS or sweep.calls is not None)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one request could know before it runs."""

    shared: Shared
    asking: Asking

    @property
    def access(self) -> Access:
        """What plans are made from."""
        return self.shared.access

    def accepting(self, acceptance: Acceptance) -> "Outlook":
        """Return the same for a field that accepts another age."""
        return dataclasses.replace(self, asking=self.asking.accepting(acceptance))

    def is_configured(self, upstream: str) -> bool:
        """Return whether this gateway is connected to an upstream."""
        return getattr(self.shared.sources, f"{upstream}_or_none") is not None

    def may_be_kept(self, kind: Kind) -> bool:
        """Return whether a kept answer of this kind could do without a call."""
        windows = self.access.kept.windows[kind]
        return verdict(0.0, windows, self.asking.acceptance) in _WITHOUT_WAITING

    async def prospect(self, need: NeedKind, hub_id: str | None) -> Prospect:
        """Return the prices of a need; notes are a hub's."""
        way = WAYS[need]
        known = self.access.known(way.upstream, way.operation, way.page_operation)
        match need:
            case NeedKind.NOTES | NeedKind.REVIEWS:
                view = self._feed(need, hub_id)
                known = replace(known, sweep=self._sweep(need, hub_id, view))
                if view is None:
                    return Prospect(need, known)
                kept = self.access.kept
                acceptance = self.asking.acceptance
                seen = feed_known(
                    view, kept.windows[way.kind], acceptance, kept.now(), known.page_latency
                )
                return Prospect(need, replace(known, feed=seen), view)
            case NeedKind.RATINGS:
                return Prospect(need, await self._with_summaries(known))
            case NeedKind.CASES:
                return Prospect(need, replace(known, pages=self._case_pages(hub_id), rest=0.0))
            case _:
                return Prospect(need, known)

    async def _with_summaries(self, known: Known) -> Known:
        """Return what is known with the list of who was rated, kept or to be read."""
        if not self.may_be_kept(Kind.RATINGS):
            return known
        learned, scope = self.access.learned, self.asking.scope
        parts = scope.parts("ratings")
        share = learned.share((*parts, *RATED))
        summaries = await self._peek(SUMMARIES, WHOLE)
        if summaries is not None:
            rows = summaries.value
            unrated = len(unrated_of(rows))
            rest = share if share is not None or not rows else 1 - unrated / len(rows)
            return replace(known, pages=0, rest=1.0 if rest is None else rest)
        total = learned.total((*parts, *CASES))
        if total is None:
            total = learned.total_below((*scope.parts("action_management"), "cases"))
        if total is None or share is None or total > SUMMARY_PAGES * PAGE_SIZE:
            return known
        return replace(known, pages=ceil(total / PAGE_SIZE), rest=share)

    def _feed(self, need: NeedKind, hub_id: str | None) -> FeedView | None:
        feeds = self.access.feeds
        if feeds is None or self.asking.acceptance.no_cache:
            return None
        if need is NeedKind.REVIEWS:
            return feeds.reviews(self.asking.scope).view()
        return None if hub_id is None else feeds.notes(self.asking.scope, hub_id).view()

    def _sweep(
        self, need: NeedKind, hub_id: str | None, view: FeedView | None
    ) -> SweepKnown | None:
        """Return what a sweep would cost, as far as that can be told before its keys are known."""
        if not may_sweep(view, self.asking.acceptance):
            return None
        sources, scope, wall = self.shared.sources, self.asking.scope, self.access.kept.now
        learned = self.access.learned
        if need is NeedKind.REVIEWS:
            reviews = reviews_of(sources, scope, wall)
            return None if reviews is None else reviews.foreseen(learned)
        if hub_id is None:
            return SweepKnown()
        notes = notes_of(sources, scope, hub_id, wall)
        return None if notes is None else notes.foreseen(learned)

    def _case_pages(self, hub_id: str | None) -> int | None:
        """Return the most pages there can be: how far apart the ids lie is not known yet."""
        if hub_id is None:
            return None
        parts = self.asking.scope.parts("action_management")
        total = self.access.learned.total((*parts, "cases", hub_id))
        if total is not None:
            return all_pages(total)
        asked = self.access.learned.total((*parts, "asked", hub_id))
        return GUESSED_PAGES if asked else None

    def cases_of(self, hub_id: str) -> int | None:
        """Return how many cases a hub had when they were last counted."""
        parts = self.asking.scope.parts("action_management")
        return self.access.learned.total((*parts, "cases", hub_id))

    def case_pages_of(self, hub_id: str) -> int | None:
        """Return how many pages a hub's cases had when they were last counted."""
        total = self.cases_of(hub_id)
        return None if total is None else all_pages(total)

    async def rating_of_case(self, case_id: str) -> bool:
        """Return whether the ratings of a case are in hand."""
        return await self._peek(OF_CASE, (case_id,)) is not None

    async def case(self, hub_id: str, case_id: str) -> bool:
        """Return whether the details of a case are in hand."""
        return await self._peek(CASE, (hub_id, case_id)) is not None

    async def look_up(self, name: str, hub_id: str) -> Reading[Any] | None:
        """Return a look-up as far as it is kept and may be served."""
        return await self.shared.look_ups.at_hand(name, hub_id, self.asking)

    async def hubs(self) -> tuple[str, ...] | None:
        """Return the hubs in which bare case numbers are looked for; None where they are asked."""
        if self.shared.links.config.hubs:
            return self.shared.links.config.hubs
        reading = await self.look_up("hubs", "all")
        return None if reading is None else tuple(str(hub.hub_id) for hub in reading.value)

    def is_searched(self, system: System) -> bool:
        """Return whether the way back from a system is a walk over the hub's data fields."""
        return isinstance(self.shared.links.config.rules[system], DataFieldRule)

    def is_told(self, system: System) -> bool:
        """Return whether a table tells the way back from a system."""
        return isinstance(self.shared.links.config.rules[system], TableRule)

    async def _peek(self, what: What[Any], parts: tuple[str, ...]) -> Reading[Any] | None:
        return await self.access.kept.peek(what, parts, self.asking)
