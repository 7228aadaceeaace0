"""What a request will need of a feed, begun while the cases that it is for are on their way.

Who waits for the cases first and for what has changed then waits twice: over upstreams of 20 ms a
case with its links took 46 ms so, and takes 25 (measured). It is priced as every way is, but for
the time that passes with the cases' own call anyway.
Invariant: nothing is begun that a choice made now would not take, nor of a feed that is not there.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from casegraph.loading.access.cost import FeedKnown, Need, NeedKind, Path, choose
from casegraph.loading.access.planning import Access
from casegraph.loading.asking import Asking
from casegraph.loading.feeds.feed import Feed
from casegraph.loading.flight import Boarding
from casegraph.loading.freshness import Kind
from casegraph.transport.allowance import call_allowance
from casegraph.transport.deadline import SMALLEST_SECONDS, request_deadline

SPARE_CALLS = 10
"""Calls that a request must have left to begin any ahead: the cases themselves come first."""

_CASES = "action_management"
"""The upstream of the cases."""


class Link(Struct, frozen=True):
    """A link that a feed may serve, as far as a choice among its ways looks at it."""

    need: NeedKind
    upstream: str
    kind: Kind
    operation: str
    """Of the call for one key."""
    page_operation: str
    """Of the calls that the feed makes."""


def look_ahead(
    access: Access,
    asking: Asking,
    link: Link,
    feed: Feed[Any] | None,
    keys: int,
    meanwhile: str,
) -> Boarding | None:
    """Begin the refresh by which so many keys will be read soon; None where it is not the way.

    The cases whose rows they are are asked for `meanwhile`, by an operation of that name. Where
    there turns out to be none the call was for nothing, so none is begun that has to wait its turn.
    """
    allowance = call_allowance.get()
    acceptance = asking.acceptance
    if feed is None or feed.is_off or acceptance.no_cache or acceptance.only_if_cached:
        return None
    feed.needed()
    if allowance is not None and allowance.left < SPARE_CALLS:
        return None
    learned, lane = access.learned, access.lane(link.upstream)
    time_left = request_deadline.get() - access.clock()
    if time_left < SMALLEST_SECONDS or lane.wait(1) > 0:
        return None  # a refresh has a time of its own, and the request none
    seconds = learned.latency(link.upstream, link.page_operation)
    if seconds > time_left:
        return None
    # Only what it takes beyond the case's own call is waited for.
    rest = max(0.0, seconds - learned.latency(_CASES, meanwhile))
    # A call that takes no longer than the one for a key is the way whatever else there is.
    is_way = rest <= learned.latency(link.upstream, link.operation)
    if not is_way and not _would_be_chosen(access, link, feed, keys, seconds, rest):
        return None
    return feed.look_ahead(acceptance, access.kept.windows[link.kind])


def _would_be_chosen(
    access: Access, link: Link, feed: Feed[Any], keys: int, seconds: float, rest: float
) -> bool:
    """Return whether a refresh of so many seconds is the way if the rest of it is waited for."""
    known = access.known(link.upstream, link.operation, link.page_operation)
    view = feed.view()
    shared_by = 1 + seconds * view.needs_per_second
    seen = FeedKnown(ready=True, is_joinable=view.is_joinable, shared_by=shared_by)
    priced = choose(Need(link.need, keys), replace(known, feed=seen, page_latency=rest))
    return priced.path is Path.FEED
