"""The walk over an operation: from field to field, with how many records stand there and when.

Records that are read together are one population; what was read once for a population is not read
again, whatever path leads back to it. The rules say which fields cross to an upstream; every other
field only changes what the same population is looked at as.
Invariant: the walk calls no upstream; a field that would be refused costs nothing and is told.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import SelectionSetNode

from casegraph.errors import CasegraphError, InvalidArgument
from casegraph.graph.forecast_plan import NONE, ONE, Span, Step
from casegraph.graph.forecast_selection import Document, Selected
from casegraph.graph.freshness import FRESHNESS
from casegraph.loading.access.cost import LOOK_KEYS, Choice, Path
from casegraph.loading.feeds.bounds import FeedState, FeedView
from casegraph.loading.ledger import StaleReason
from casegraph.loading.outlook import WAYS, Outlook, Prospect

TIE = 2.0
"""A way within that factor of the cheapest may be the cheapest when its turn comes: latencies are
learned on the way, and the number of keys is a guess."""

_BY_LIST = frozenset({Path.FEED, Path.FILL, Path.SWEEP, Path.PAGES, Path.SUMMARIES})
"""Ways whose calls read a list in place of asking for each key."""
_LOOK_UP_CALLS = {"lists": "lists", "roles": "roles", "hubs": "hubs", "workflows": "case_query"}
"""The operations that bring the look-ups."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Records of one type that an operation comes to together."""

    type_name: str
    count: Span = NONE
    ready: float = 0.0
    hub_id: str | None = None
    case_id: str | None = None
    """Where the document names one case: its id."""
    cases: "Population | None" = None
    """The cases from which they were reached."""
    distinct: Span | None = None
    """How many cases they lead back to, where that is less than one each."""
    is_detailed: bool = True
    """Of cases: whether they come with the fields that lists leave out."""
    listing: str | None = None
    """Which list they are a page of, where going on in it costs calls."""
    met: dict[str, float] = field(default_factory=dict)
    """When what was read for them is there, by need; shared by all views of them."""

    def seen_as(self, type_name: str) -> "Population":
        """Return the same records, or parts of them, under another type."""
        return replace(self, type_name=type_name)


@dataclass(frozen=True, slots=True)
class Spot:
    """One field on the walk."""

    field: Selected
    path: str
    parents: Population
    outlook: Outlook
    arguments: Mapping[str, Any]


Rule = Callable[["Walk", Spot], Awaitable[Iterable[Population]]]
"""Adds the steps of a field and returns to whom it leads."""


class Walk:
    """One walk; `steps` are in the order in which the fields stand."""

    def __init__(
        self,
        document: Document,
        outlook: Outlook,
        rules: Mapping[tuple[str, str], Rule],
    ) -> None:
        self.document = document
        self.steps: list[Step] = []
        self.refused: list[tuple[str, str]] = []
        self.roots: dict[str, tuple[Population, ...]] = {}
        self._outlook = outlook
        self._rules = rules
        self._look_ups: dict[tuple[str, str], float] = {}

    async def below(
        self, population: Population, sets: Iterable[SelectionSetNode], path: str
    ) -> None:
        """Walk what is selected of a population."""
        for each in self.document.fields(population.type_name, sets):
            where = f"{path}.{each.response_name}" if path else each.response_name
            try:
                found = await self._led(population, each, where)
            except CasegraphError as error:
                self.refused.append((where, str(error)))
                continue
            for population_below in found:
                await self.below(population_below, each.selection_sets(), where)

    async def _led(self, parents: Population, each: Selected, where: str) -> Iterable[Population]:
        rule = self._rules.get((parents.type_name, each.name))
        if rule is None and parents.listing is not None:
            rule = self._rules.get((parents.listing, each.name))
        if rule is None:
            return (parents.seen_as(each.type_name),)
        arguments = self.document.arguments(each)
        return await rule(self, Spot(each, where, parents, self._accepting(each), arguments))

    def _accepting(self, each: Selected) -> Outlook:
        said = self.document.said(FRESHNESS, each)
        if said is None:
            return self._outlook
        for name, seconds in said.items():
            if seconds is not None and seconds < 0:
                raise InvalidArgument(f"@freshness: {name} must not be negative.")
        accepted = self._outlook.asking.acceptance
        narrowed = accepted.for_field(said.get("maxAgeSeconds"), said.get("maxStaleSeconds"))
        return self._outlook.accepting(narrowed)

    def add(self, step: Step, outlook: Outlook) -> float:
        """Add a step; returns when its answers are there."""
        if not outlook.is_configured(step.upstream):
            step = replace(step, calls=NONE, seconds=0.0, waits=0.0, state="not configured")
        elif outlook.asking.acceptance.only_if_cached:
            state = "only what is kept is taken"
            step = replace(step, calls=NONE, seconds=0.0, waits=0.0, state=state)
        self.steps.append(step)
        return step.ends

    def call(
        self,
        spot: Spot,
        upstream: str,
        operation: str,
        calls: Span = ONE,
        *,
        note: str = "",
        state: str = "",
    ) -> float:
        """Add calls to which there is no other way; returns when their answers are there."""
        known = spot.outlook.access.known(upstream, operation)
        step = Step(
            field=spot.path,
            upstream=upstream,
            operation=operation,
            keys=calls,
            calls=calls,
            path=Path.DIRECT.value if calls.most != 0 else Path.IN_HAND.value,
            begins=spot.parents.ready,
            seconds=known.lane.in_turn(calls.likely, known.latency),
            waits=known.lane.wait(calls.likely) if calls.likely else 0.0,
            state=state,
            note=note,
        )
        return self.add(step, spot.outlook)

    def need(self, spot: Spot, prospect: Prospect, keys: Span, *, direct: bool = False) -> float:
        """Add what a need costs; `direct` where no other way will do. Returns when it is met."""
        likely = _choice(prospect, keys.likely, direct=direct)
        way, taken = WAYS[prospect.need], likely.taken
        lane = prospect.known.lane
        may_be_kept = spot.outlook.may_be_kept(way.kind)
        step = Step(
            field=spot.path,
            upstream=way.upstream,
            operation=way.page_operation if taken.path in _BY_LIST else way.operation,
            keys=keys,
            calls=calls_of(prospect, keys, may_be_kept=may_be_kept, direct=direct),
            path=taken.path.value,
            begins=spot.parents.ready,
            seconds=taken.seconds,
            waits=lane.wait(taken.calls) if taken.calls else 0.0,
            rejected=[each for each in likely.candidates if each is not taken],
            state=_feed_state(prospect.feed) or ("may be kept" if may_be_kept else ""),
            note=_note(prospect, likely, keys),
        )
        return self.add(step, spot.outlook)

    async def look_up(self, spot: Spot, name: str, hub_id: str, *, is_sure: bool = True) -> float:
        """Add a look-up, once; not sure where a record may have nothing to look up.

        Returns when it is there.
        """
        if (name, hub_id) in self._look_ups:
            return max(spot.parents.ready, self._look_ups[name, hub_id])
        reading = await spot.outlook.look_up(name, hub_id)
        state = ""
        if reading is not None:
            age = int(reading.provenance.age(spot.outlook.access.kept.now()))
            state = f"kept, {age} s old"
            if reading.provenance.reason is StaleReason.REVALIDATING:
                state += ", asked anew behind the answer"
        calls = (ONE if is_sure else Span(0, 1, 1)) if reading is None else NONE
        ready = self.call(spot, "action_management", _LOOK_UP_CALLS[name], calls, state=state)
        self._look_ups[name, hub_id] = ready
        return ready


def _numbers(keys: Span) -> range:
    """Return every number of keys that there may be; without an upper bound, up to the likely."""
    most = max(keys.least, keys.likely) if keys.most is None else keys.most
    return range(keys.least, most + 1)


def _choice(prospect: Prospect, keys: int, *, direct: bool) -> Choice:
    choice = prospect.choice(keys)
    if not direct:
        return choice
    left = [each for each in choice.candidates if each.path in {Path.DIRECT, Path.IN_HAND}]
    return Choice(left[0], tuple(left))


def calls_of(prospect: Prospect, keys: Span, *, may_be_kept: bool, direct: bool = False) -> Span:
    """Return the calls that so many keys cost, whichever number of them there turns out to be."""
    choices = [_choice(prospect, number, direct=direct) for number in _numbers(keys)]
    bounds = [_bounds(prospect, each) for each in choices]
    least = 0 if may_be_kept else min((low for low, _ in bounds), default=0)
    most = None if keys.most is None else max((high for _, high in bounds), default=0)
    taken = _choice(prospect, keys.likely, direct=direct).taken
    if taken.feasible or taken.seconds <= prospect.known.time_left:
        return Span(least if taken.feasible else 0, most, taken.calls)
    within = prospect.known.lane.calls_within(prospect.known.time_left, prospect.known.latency)
    return Span(0, most, taken.calls if within is None else min(within, taken.calls))


def _bounds(prospect: Prospect, choice: Choice) -> tuple[int, int]:
    """Return the calls of a choice, at least and at most, and of those that nearly won."""
    taken = choice.taken
    near = [each for each in choice.candidates if each.feasible and each.cost <= TIE * taken.cost]
    keys = max((each.calls for each in choice.candidates if each.path is Path.DIRECT), default=0)
    spans = [_span_of(prospect, each.path, each.calls, keys) for each in (taken, *near)]
    least = min(low for low, _ in spans)
    if prospect.may_fill(keys):
        least = 0
    most = max(high for _, high in spans)
    if prospect.may_sweep(keys):
        # One call may bring all; where it only tells that a sweep is no way, it was one more.
        return min(least, 1), max(most, keys + max(1, keys // LOOK_KEYS))
    return least, most


def _span_of(prospect: Prospect, path: Path, calls: int, keys: int) -> tuple[int, int]:
    match path:
        case Path.FEED:
            view = prospect.feed
            # A feed with a window may know nothing of an old case; one that is counted anew may
            # turn out to lack a row. Both are then asked case by case.
            is_sure = view is None or (view.covers_from is None and view.refresh_calls == 1)
            return calls, calls if is_sure else calls + keys
        case Path.FILL:
            return 0, keys
        case Path.PAGES:
            # The pages are those of the whole hub; one is enough for cases that lie close together.
            pages = prospect.known.pages or 0
            return min(1, pages), pages + keys
        case Path.SUMMARIES:
            return prospect.known.pages or 0, (prospect.known.pages or 0) + keys
        case _:
            return calls, calls


def _feed_state(view: FeedView | None) -> str:
    if view is None or view.state is FeedState.OFF:
        return "" if view is None or view.reason is None else f"no feed: {view.reason}"
    text = f"feed {view.state.value}"
    if view.state is FeedState.READY and view.total_rows is not None:
        return f"{text}, {view.total_rows} rows"
    if view.state is FeedState.FILLING and view.pages_left is not None:
        return f"{text}, {view.pages_left} pages left"
    return f"{text}: {view.reason}" if view.reason else text


def _note(prospect: Prospect, likely: Choice, keys: Span) -> str:
    taken = likely.taken
    if not taken.feasible and taken.seconds > prospect.known.time_left:
        return f"{taken.why}; what cannot be had in time is named in the answer"
    if not taken.feasible:
        return f"{taken.why}; it is refused before its first call"
    if taken.path is Path.FEED:
        return "a call more for every further page of changes"
    if prospect.may_fill(keys.likely):
        return "the first need fills the feed in the background; waiting for it may be cheaper"
    if prospect.may_sweep(keys.likely):
        return "one sweep of the list may bring all; a first call tells how long it is"
    if taken.path is Path.DIRECT and prospect.feed is not None:
        return "a call more for every further page of one case"
    return ""
