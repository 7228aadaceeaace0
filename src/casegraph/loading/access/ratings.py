"""Ratings of many cases: first who has any, then a call for each of those.

Ratings can only be read case by case, but a list of all cases tells in one word whether each has
been rated. Where that list is short, or kept from a minute ago, most calls can be left out.
Invariant: a case is taken for unrated only when the list says in so many words that nothing was
received; one that the list does not name, or names with a word of its own, is asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from casegraph.errors import LimitExceeded, UpstreamError
from casegraph.loading.access.cost import Known, Need, NeedKind, Path
from casegraph.loading.access.each import Results, each_kept, in_hand
from casegraph.loading.access.planning import Access, with_list
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Kind
from casegraph.loading.kept import What
from casegraph.upstreams.decode import Shape, encode
from casegraph.upstreams.ratings.client import PAGE_SIZE, SummaryPage
from casegraph.upstreams.ratings.records import CaseSummary, Rating, RatingStatus

UPSTREAM = "ratings"
SUMMARY_PAGES = 100
"""Most pages of summaries that are read at once: 10,000 cases, some megabytes."""

_UNRATED = frozenset({RatingStatus.UNOFFERED, RatingStatus.OFFERED})
WHOLE = ("all",)
RATED = (UPSTREAM, "rated")
CASES = (UPSTREAM, "cases")


class Rows(Struct, frozen=True):
    """All ratings of a case; `incomplete_reason` when there were too many."""

    ratings: tuple[Rating, ...]
    incomplete_reason: str | None = None


OF_CASE: What[Rows | None] = What(
    UPSTREAM,
    Kind.RATINGS,
    "ratings_of_case",
    encode,
    Shape[Rows | None](Rows).read_strictly,
    lambda rows: rows.ratings if rows is not None else (),
)
SUMMARIES: What[tuple[CaseSummary, ...]] = What(
    UPSTREAM,
    Kind.RATINGS,
    "case_summaries",
    encode,
    Shape[tuple[CaseSummary, ...]](tuple[CaseSummary, ...]).read_strictly,
    lambda _: (),
)

NO_ROWS = Rows(())


class RatingsOfCases(Struct, frozen=True, eq=False):
    """The ways to the ratings of cases, for one request."""

    access: Access
    asking: Asking
    page: Callable[[int], Awaitable[SummaryPage]]
    """Reads the summaries from an offset on."""
    fetch: Callable[[str], Awaitable[Rows | None]]
    """Asks for the ratings of one case."""

    async def read(self, keys: Sequence[str]) -> Results[str, Rows]:
        """Return the ratings or the failure of each case."""
        held = await in_hand(self.access.kept, OF_CASE, {key: (key,) for key in keys}, self.asking)
        results: Results[str, Rows] = {}
        for key, reading in held.items():
            rows = self.access.kept.take(OF_CASE, reading, self.asking)
            results[key] = NO_ROWS if rows is None else rows
        rest = [key for key in keys if key not in held]
        need = Need(NeedKind.RATINGS, len(keys))
        if rest and not has_list(self.access, self.asking):
            self.access.plan_direct(need, len(rest))
        elif self.access.plan(need, await self._known(rest, len(held))).path is Path.SUMMARIES:
            unrated = await self._unrated()
            results.update((key, NO_ROWS) for key in rest if key in unrated)
            rest = [key for key in rest if key not in unrated]
        left = {key: (key,) for key in rest}
        asked = await each_kept(self.access.kept, OF_CASE, left, self.fetch, self.asking)
        found = {key: NO_ROWS if rows is None else rows for key, rows in asked.items()}
        self._learn(found)
        return {**results, **found}

    async def _known(self, keys: Sequence[str], held: int) -> Known:
        """Return what there is to know, for just these keys where the list is kept."""
        known = self.access.known(UPSTREAM, "ratings", "case_summaries")
        if not keys:
            return with_list(known, None, 1.0, held)
        known = await known_of_list(self.access, self.asking, known)
        rest = known.rest
        reading = await self.access.kept.peek(SUMMARIES, WHOLE, self.asking)
        if known.pages == 0 and reading is not None:
            unrated = unrated_of(reading.value)
            rest = sum(key not in unrated for key in keys) / len(keys)
        return with_list(known, known.pages, rest, held)

    async def _unrated(self) -> frozenset[str]:
        """Return the cases of which the summaries say that they have no ratings."""
        try:
            summaries = await self.access.kept.read(
                SUMMARIES, WHOLE, self._read_summaries, self.asking
            )
        except (UpstreamError, LimitExceeded):
            # Whoever may not list cases may still see their ratings.
            return frozenset()
        return unrated_of(summaries)

    async def _read_summaries(self) -> tuple[CaseSummary, ...]:
        """Read the whole list; a case that moves meanwhile is missed, and is then asked itself."""
        found: dict[str, CaseSummary] = {}
        offset, total = 0, None
        for _ in range(SUMMARY_PAGES):
            page = await self.page(offset)
            found.update((summary.case_id, summary) for summary in page.summaries)
            offset += len(page.summaries)
            total = page.total_count
            if not page.summaries or (total is not None and offset >= total):
                break
        parts = (*self.asking.scope.parts(UPSTREAM), *CASES)
        self.access.learned.counted(parts, len(found) if total is None else total)
        return tuple(found.values())

    def _learn(self, found: Mapping[str, object]) -> None:
        rows = [value for value in found.values() if isinstance(value, Rows)]
        having = sum(bool(its.ratings) for its in rows)
        parts = (*self.asking.scope.parts(UPSTREAM), *RATED)
        self.access.learned.shared(parts, having, len(rows))


def has_list(access: Access, asking: Asking) -> bool:
    """Return whether the list may be used that tells which cases have been rated.

    One that serves one answer only is not worth its pages, so that is where it may be kept.
    """
    return access.kept.windows[Kind.RATINGS].fresh > 0 and not asking.acceptance.no_cache


def unrated_of(summaries: Sequence[CaseSummary]) -> frozenset[str]:
    """Return the cases of which summaries say that nothing was received."""
    return frozenset(
        str(summary.case_id)
        for summary in summaries
        if summary.score is None and summary.rating_status in _UNRATED
    )


async def known_of_list(access: Access, asking: Asking, known: Known) -> Known:
    """Return what is known, with the list that tells who has been rated, where `has_list`."""
    summaries = await access.kept.peek(SUMMARIES, WHOLE, asking)
    if summaries is not None:
        cases = max(len(summaries.value), 1)
        return with_list(known, 0, 1 - len(unrated_of(summaries.value)) / cases)
    parts = asking.scope.parts(UPSTREAM)
    total = access.learned.total((*parts, *CASES))
    if total is None:
        # Mostly the same cases, under the same numbers.
        total = access.learned.total_below((*asking.scope.parts("action_management"), "cases"))
    share = access.learned.share((*parts, *RATED))
    if total is None or share is None or total > SUMMARY_PAGES * PAGE_SIZE:
        return with_list(known, None, 1.0)
    return with_list(known, -(-total // PAGE_SIZE), share)
