"""Which way to get the rows of a link is the cheapest: a table of ways, and one rule to choose.

A need names what is wanted and for how many keys; `Known` holds every number the choice looks at;
each way says in one line how many calls it takes and for how long. A database's planner does the
same with its indexes.

    need             ways, the first wins a tie
    cases            pages by id · details each
    case details     details each
    notes            feed · wait for its first fill · one sweep of the hub's · notes each
    reviews          feed · wait for its first fill · one sweep of all · reviews each
    ratings          summaries, then ratings where there are any · ratings each
    customer cases   cases of each customer

Invariant: pure; a way is never taken while another that is possible has fewer calls, less time and
no more rows that nobody asked for, but for calls that several requests share: each counts its part.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import ceil, inf
from types import MappingProxyType

from msgspec import Struct, field
from msgspec.structs import replace

from casegraph.loading.access.lane import Lane

CALL_SECONDS = 0.1
"""What one call is worth in waiting time: about what it takes an upstream to serve it, so that we
wait no shorter than we make others work (reliability §3: calls of some 100 ms)."""
ROW_SECONDS = 0.00025
"""What a row is worth that comes with a list and may be of no key: a page of a thousand as much as
two calls and a half. A judgement, with both ends' work in it: to pick and write a row costs the
upstream more than it costs us to pass it over (2 µs, tests/bench/decode_cost.py), but ours is
spent on the one event loop that all requests share."""
GUESSED_LATENCY = 0.1
"""Seconds of a call before any was seen; the same figure."""
LOOK_KEYS = 20
"""Keys from which on one call is spent on learning how long a list is: 5 % of a call for each."""


class NeedKind(StrEnum):
    """What is wanted."""

    CASES = "cases"
    DETAILS = "case_details"
    NOTES = "notes"
    REVIEWS = "reviews"
    RATINGS = "ratings"
    CUSTOMER_CASES = "customer_cases"


class Path(StrEnum):
    """A way to get it."""

    IN_HAND = "in_hand"
    """Read for this request already, or kept and fresh enough."""
    FEED = "feed"
    """The index of a feed, after one refresh."""
    FILL = "fill"
    """The same index, after its first fill, which is running."""
    SWEEP = "sweep"
    """The whole list of which the keys' rows are a part, read once and kept by nobody."""
    PAGES = "pages"
    """Pages of the list by id, read where the keys stand."""
    SUMMARIES = "summaries"
    """A list that tells which keys have rows at all, then a call for each of those."""
    DIRECT = "direct"
    """A call for each key."""


class Need(Struct, frozen=True):
    """What is wanted, and for how many different keys."""

    kind: NeedKind
    keys: int


class FeedKnown(Struct, frozen=True):
    """What a feed says of itself: a running fill has `pages_left`, a ready one `refresh_calls`."""

    ready: bool = False
    refresh_calls: int = 1
    """Calls that its next answer waits for."""
    is_joinable: bool = False
    """Whether these are being made already, so that waiting for them adds none."""
    shared_by: float = 1.0
    """For how many requests they are, at the rate at which these come just now."""
    pages_left: int | None = None
    """None where no fill runs, or it does not know yet."""


class SweepKnown(Struct, frozen=True):
    """What is known of a list that may be swept.

    `calls` are those of a sweep from begin to end, or those left of one that has been begun; None
    where nobody has counted. Unless `is_counted` the list may turn out to be shorter.
    """

    calls: int | None = None
    is_counted: bool = False
    rows: int = 0
    """Rows that the calls bring, as far as is known."""


class Known(Struct, frozen=True):
    """Every number that a choice looks at; the defaults are those of a gateway just started."""

    in_hand: int = 0
    """Keys that need no call."""
    lane: Lane = field(default_factory=Lane)
    latency: float = GUESSED_LATENCY
    """Seconds of a call for one key."""
    page_latency: float = GUESSED_LATENCY
    """Seconds of one page of the list in place of it."""
    time_left: float = inf
    """Seconds until the request must be answered."""
    calls_left: int | None = None
    """Calls that the request may still make; None for no bound."""
    feed: FeedKnown | None = None
    """None where there is none, or where it may not be used."""
    sweep: SweepKnown | None = None
    """None where a feed serves, or where a sweep is of no use."""
    pages: int | None = None
    """Pages of the list that would tell of all keys; None where nobody can say."""
    rest: float = 1.0
    """Share of the keys that need a call of their own after those pages."""


class Candidate(Struct, frozen=True):
    """A way with its price; `why` says what speaks against an impossible one."""

    path: Path
    calls: int
    seconds: float
    feasible: bool = True
    why: str = ""
    rows: int = 0
    """Rows that come whether they are of a key or not."""
    shared_by: float = 1.0
    """Requests that part the calls among them."""

    @property
    def cost(self) -> float:
        """What is compared: waiting time, and calls and rows at what they are worth."""
        calls = self.calls / self.shared_by
        return self.seconds + calls * CALL_SECONDS + self.rows * ROW_SECONDS


class Choice(Struct, frozen=True):
    """The way taken and all that were looked at, itself included, in the table's order."""

    taken: Candidate
    candidates: tuple[Candidate, ...]

    @property
    def path(self) -> Path:
        """The way taken."""
        return self.taken.path

    def rejected(self) -> list[tuple[str, int, float]]:
        """Return the others, as path, calls and seconds."""
        return [(c.path.value, c.calls, c.seconds) for c in self.candidates if c is not self.taken]


_Price = Callable[[int, Known], Candidate | None]
"""The price of a way for so many keys; None where it does not exist."""


def _feed(_keys: int, known: Known) -> Candidate | None:
    if known.feed is None or not known.feed.ready:
        return None
    calls = known.feed.refresh_calls
    seconds = known.lane.in_turn(calls, known.page_latency)
    calls = 0 if known.feed.is_joinable else calls
    return Candidate(Path.FEED, calls, seconds, shared_by=known.feed.shared_by)


def _fill(_keys: int, known: Known) -> Candidate | None:
    if known.feed is None or known.feed.ready or known.feed.pages_left is None:
        return None
    # The fill goes on whether we wait or not, so waiting adds no call.
    seconds = known.lane.in_turn(known.feed.pages_left, known.page_latency)
    return Candidate(Path.FILL, 0, seconds)


def _sweep(keys: int, known: Known) -> Candidate | None:
    sweep = known.sweep
    if sweep is None or sweep.calls is None or sweep.calls >= keys:
        return None  # for as many calls it would bring rows that nobody wants
    seconds = known.lane.in_turn(sweep.calls, known.page_latency)
    return Candidate(Path.SWEEP, sweep.calls, seconds, rows=sweep.rows)


def _pages(keys: int, known: Known) -> Candidate | None:
    return _list_first(Path.PAGES, keys, known)


def _summaries(keys: int, known: Known) -> Candidate | None:
    return _list_first(Path.SUMMARIES, keys, known)


def _list_first(path: Path, keys: int, known: Known) -> Candidate | None:
    if known.pages is None:
        return None
    after = ceil(keys * known.rest)
    seconds = known.lane.in_turn(known.pages, known.page_latency)
    seconds += known.lane.seconds(after, known.latency)
    return Candidate(path, known.pages + after, seconds)


def _direct(keys: int, known: Known) -> Candidate:
    return Candidate(Path.DIRECT, keys, known.lane.seconds(keys, known.latency))


TABLE: Mapping[NeedKind, tuple[_Price, ...]] = MappingProxyType(
    {
        NeedKind.CASES: (_pages, _direct),
        NeedKind.DETAILS: (_direct,),
        NeedKind.NOTES: (_feed, _fill, _sweep, _direct),
        NeedKind.REVIEWS: (_feed, _fill, _sweep, _direct),
        NeedKind.RATINGS: (_summaries, _direct),
        NeedKind.CUSTOMER_CASES: (_direct,),
    }
)
"""The ways for each need, the first of equals wins; the last asks each key and always exists."""


def choose(need: Need, known: Known) -> Choice:
    """Return the cheapest way that is possible.

    Where none is, a ready feed is taken, whose rows may stand in for newer ones; without it calls
    for each key are made, as far as time and pace allow, and each gap is named.
    """
    keys = need.keys - known.in_hand
    if keys <= 0:
        nothing = Candidate(Path.IN_HAND, 0, 0.0)
        return Choice(nothing, (nothing,))
    priced = [price(keys, known) for price in TABLE[need.kind]]
    candidates = tuple([_judged(each, known) for each in priced if each is not None])
    possible = [each for each in candidates if each.feasible]
    if possible:
        taken = possible[0] if len(possible) == 1 else min(possible, key=_cost)
        return Choice(taken, candidates)
    has_feed = candidates[0].path is Path.FEED
    return Choice(candidates[0] if has_feed else candidates[-1], candidates)


def _cost(candidate: Candidate) -> float:
    return candidate.cost


def is_worth_a_look(need: Need, known: Known) -> bool:
    """Return whether a sweep's first call is to be made to learn what the whole would cost.

    That is where nobody knows it, a call for each key would be made otherwise, and one call more is
    little beside those, in number and in the time that is left.
    """
    keys = need.keys - known.in_hand
    if known.sweep is None or known.sweep.is_counted or keys < LOOK_KEYS:
        return False
    direct = choose(need, known).taken
    if direct.path is not Path.DIRECT or not _has_calls_after_a_look(direct, known):
        return False
    seconds = known.lane.in_turn(1, known.page_latency)
    return seconds + (direct.seconds if direct.feasible else 0.0) <= known.time_left


def _has_calls_after_a_look(direct: Candidate, known: Known) -> bool:
    """Return whether the calls left may cover what follows a look: the keys, or some sweep.

    A sweep of unknown length may turn out to be the look itself; where one is reckoned with that is
    longer than what is left, the look would be spent on a refusal.
    """
    if known.calls_left is None:
        return True
    if known.calls_left == direct.calls:
        return False  # they are enough without the look, and too few after it
    sweep = 1 if known.sweep is None or known.sweep.calls is None else known.sweep.calls
    return known.calls_left >= min(direct.calls, sweep)


def _judged(candidate: Candidate, known: Known) -> Candidate:
    against = ""
    if candidate.seconds > known.time_left:
        against = "takes longer than is left"
    elif known.calls_left is not None and candidate.calls > known.calls_left:
        against = "takes more calls than are left"
    if not against:
        return candidate
    return replace(candidate, feasible=False, why=against)
