"""From what a process knows to a plan: the numbers of one choice, gathered, chosen from and told.

`cost` is pure; here its inputs are read off the clocks, gates and figures of this process, and what
was chosen is told to whoever watches and held against the request's allowance.
Invariant: planning makes no call and waits for nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from msgspec.structs import replace

from casegraph.loading.access.cost import (
    Candidate,
    Choice,
    FeedKnown,
    Known,
    Need,
    Path,
    SweepKnown,
    choose,
)
from casegraph.loading.access.lane import Lane
from casegraph.loading.access.learned import Learned
from casegraph.loading.access.sweeps import Sweeps
from casegraph.loading.feeds.feeds import Feeds
from casegraph.loading.kept import Kept
from casegraph.telemetry import waterfall
from casegraph.telemetry.waterfall import Rejected
from casegraph.transport.allowance import call_allowance, reserve
from casegraph.transport.deadline import request_deadline


@dataclass(frozen=True, slots=True)
class Access:
    """What plans are made from and carried out with; shared by all requests."""

    kept: Kept
    learned: Learned = field(default_factory=Learned)
    lanes: Mapping[str, Callable[[], Lane]] = field(default_factory=dict)
    feeds: Feeds | None = None
    """None where no upstream may be followed."""
    sweeps: Sweeps = field(default_factory=Sweeps)
    clock: Callable[[], float] = monotonic

    def known(self, upstream: str, operation: str, page_operation: str | None = None) -> Known:
        """Return what holds for every choice about this upstream just now."""
        allowance = call_allowance.get()
        return Known(
            lane=self.lane(upstream),
            latency=self.learned.latency(upstream, operation),
            page_latency=self.learned.latency(upstream, page_operation or operation),
            time_left=request_deadline.get() - self.clock(),
            calls_left=None if allowance is None else allowance.left,
        )

    def lane(self, upstream: str) -> Lane:
        """Return how fast an upstream can be asked just now."""
        lane = self.lanes.get(upstream)
        return Lane() if lane is None else lane()

    def plan(self, need: Need, known: Known, elsewhere: Path | None = None) -> Choice:
        """Return the way to take, its calls set aside; those of `elsewhere` are planned there.

        Raises LimitExceeded before the first call where too few are left.
        """
        choice = choose(need, known)
        if choice.path is not elsewhere:
            reserve(choice.taken.calls)
        self.tell(need, choice.path, choice.rejected)
        return choice

    def plan_direct(self, need: Need, calls: int) -> None:
        """Set a call aside for each key that needs one, where there is no choice.

        Raises LimitExceeded before the first of them where too few are left.
        """
        reserve(calls)
        self.tell(need, Path.DIRECT)

    def tell(
        self, need: Need, path: Path, rejected: Callable[[], Sequence[Rejected]] = tuple
    ) -> None:
        """Tell whoever watches the request which way is taken, in place of which others."""
        if waterfall.current_waterfall.get() is not None:  # which few requests have
            waterfall.chose(need.kind.value, path.value, need.keys, rejected())

    def look(self, need: Need, known: Known) -> Candidate:
        """Set aside the call that tells how long a sweep would be, and tell that it is made.

        Returns the way that would be taken without it. Raises LimitExceeded before that call where
        none is left.
        """
        direct = choose(need, known).taken
        reserve(1)
        rejected = [(direct.path.value, direct.calls, direct.seconds)]
        waterfall.chose(need.kind.value, Path.SWEEP.value, need.keys, rejected)
        return direct


def with_list(known: Known, pages: int | None, rest: float, in_hand: int = 0) -> Known:
    """Return what is known, with a list that tells of all keys."""
    return replace(known, pages=pages, rest=rest, in_hand=in_hand)


def with_feed(
    known: Known, feed: FeedKnown | None, in_hand: int = 0, sweep: SweepKnown | None = None
) -> Known:
    """Return what is known, with a feed, or with a list to be swept in its place."""
    return replace(known, feed=feed, sweep=sweep, in_hand=in_hand)
