"""How long a missing hub is remembered, and what does not count as missing."""

from typing import Any

import pytest

from casegraph.errors import UpstreamError, UpstreamNotFound, UpstreamUnavailable
from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY
from casegraph.loading.kept import Kept
from casegraph.loading.kept_rules import NEGATIVE_SECONDS
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger
from casegraph.loading.lookups import LookUpReads, LookUps
from casegraph.loading.scope import DataScope
from casegraph.loading.sources import Sources


class Vendor:
    """Answers the question for roles as told, and counts."""

    def __init__(self, error: UpstreamError | None) -> None:
        self.error = error
        self.asked: list[str] = []

    async def roles(self, hub_id: str) -> tuple[Any, ...]:
        """Answer."""
        self.asked.append(hub_id)
        if self.error is not None:
            raise self.error
        return ()


class Clock:
    """A clock that tests move."""

    now = 0.0

    def __call__(self) -> float:
        """Tell the moment."""
        return self.now


def over(vendor: Vendor, clock: Clock) -> LookUpReads:
    """Return look-ups of one vendor."""
    sources = Sources(action_management_or_none=vendor)  # type: ignore[arg-type]
    look_ups = LookUps(sources, Kept(MemoryStore()), clock=clock)
    return LookUpReads(look_ups, Asking(DataScope(), ANY, Ledger()))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UpstreamNotFound("action_management", "roles", "nothing is known under this key"), False),
        (UpstreamUnavailable("action_management", "roles", "down"), True),
    ],
)
async def test_what_a_failed_question_showed_is_kept_for_a_moment(
    error: UpstreamError, expected: bool
) -> None:
    """Within 15 s it is not asked again; only NOT_FOUND says that the hub is missing."""
    vendor, clock = Vendor(error), Clock()
    look_ups = over(vendor, clock)

    for moment in (0.0, 1.0, NEGATIVE_SECONDS - 0.1):
        clock.now = moment
        assert await look_ups.has_program("7") is expected
    assert vendor.asked == ["7"]

    clock.now = NEGATIVE_SECONDS
    vendor.error = None
    assert await look_ups.has_program("7") is True
    assert await look_ups.has_program("7") is True
    assert vendor.asked == ["7", "7"]


async def test_made_up_hubs_do_not_fill_the_memory() -> None:
    """However many missing hubs are asked for, only the latest are remembered."""
    vendor = Vendor(UpstreamNotFound("action_management", "roles", "nothing is known"))
    look_ups = over(vendor, Clock())

    for number in range(1001):
        assert await look_ups.has_program(str(number)) is False
    assert len(vendor.asked) == 1001
    await look_ups.has_program("1000")
    assert len(vendor.asked) == 1001
    await look_ups.has_program("0")
    assert len(vendor.asked) == 1002
