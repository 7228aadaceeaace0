"""Look-ups in this process's memory are given on the spot, once to each request."""

from collections import Counter

import pytest

from casegraph.errors import UpstreamNotConfigured, UpstreamUnavailable
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Acceptance
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger, Source
from casegraph.loading.lookups import LookUpReads, LookUps
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources
from casegraph.upstreams.action_management.records import ProgramList, Role
from casegraph.upstreams.decode import Id

DOWN = UpstreamUnavailable("action_management", "roles", "down")


class Vendor:
    """Answers for lists and roles, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.is_down = False

    async def program_lists(self, hub_id: str) -> tuple[ProgramList, ...]:
        """Answer for lists."""
        self.asked[f"lists of {hub_id}"] += 1
        return (ProgramList(Id("1"), "a list"),)

    async def roles(self, hub_id: str) -> tuple[Role, ...]:
        """Answer for roles, or fail."""
        self.asked[f"roles of {hub_id}"] += 1
        if self.is_down:
            raise DOWN
        return (Role(Id("2"), "a role"),)


class Requests:
    """Requests over one memory."""

    def __init__(self) -> None:
        self.vendor = Vendor()
        sources = Sources(action_management_or_none=self.vendor)  # type: ignore[arg-type]
        self.look_ups = LookUps(sources, Kept(MemoryStore()))

    def begin(self, acceptance: Acceptance = ANY) -> tuple[LookUpReads, Ledger]:
        """Return the reads of another request, and its ledger."""
        ledger = Ledger()
        return LookUpReads(self.look_ups, Asking(DataScope(), acceptance, ledger)), ledger


async def test_what_others_have_read_is_given_on_the_spot_and_told_once() -> None:
    """However often a request asks, on the spot or not, its ledger has each look-up once."""
    requests = Requests()
    first, _ = requests.begin()
    assert (first.program_lists_at_once("7"), first.roles_at_once("7")) == (None, None)
    lists, roles = await first.program_lists("7"), await first.roles("7")
    assert first.program_lists_at_once("7") is lists

    reads, ledger = requests.begin()
    for _ in range(2):
        assert reads.program_lists_at_once("7") == lists
        assert reads.roles_at_once("7") == roles == await reads.roles("7")
    assert [each.source for each in ledger._entries] == [Source.CACHE] * 2
    assert [lists[0].hub_id, roles[0].hub_id] == ["7", "7"]
    assert requests.vendor.asked == {"lists of 7": 1, "roles of 7": 1}


async def test_who_wants_none_of_what_is_kept_asks_and_has_it_in_hand_then() -> None:
    """A call is waited for; what it has brought is given on the spot to the same request."""
    requests = Requests()
    reads, _ = requests.begin()
    await reads.roles("7")
    reads, ledger = requests.begin(Acceptance(no_cache=True))

    assert reads.roles_at_once("7") is None
    await reads.roles("7")
    assert reads.roles_at_once("7") is not None
    assert [each.source for each in ledger._entries] == [Source.UPSTREAM]
    assert requests.vendor.asked == {"roles of 7": 2}


async def test_a_failure_is_told_to_those_who_wait() -> None:
    """Nothing is at hand of a look-up that failed, and nobody asks twice for it."""
    requests = Requests()
    requests.vendor.is_down = True
    reads, _ = requests.begin()
    for _ in range(2):
        assert reads.roles_at_once("7") is None
        with pytest.raises(UpstreamUnavailable):
            await reads.roles("7")
    assert requests.vendor.asked == {"roles of 7": 1}


async def test_a_system_that_is_not_there_is_told_by_the_read() -> None:
    """Asking on the spot raises nothing."""
    nothing = Sources()
    look_ups = LookUps(nothing, Kept(MemoryStore()))
    reads = LookUpReads(look_ups, Asking(DataScope(), ANY, Ledger()))

    assert reads.program_lists_at_once("7") is None
    with pytest.raises(UpstreamNotConfigured):
        await reads.program_lists("7")
