"""How late the event loop wakes."""

import pytest

from casegraph.telemetry.event_loop import INTERVAL_SECONDS, watch_event_loop


async def test_lateness_is_what_a_timer_overslept() -> None:
    """Each interval gives one sample: what the sleep took beyond what was asked, never negative."""
    now, lateness = 100.0, [0.0, 0.2, -0.01]
    seen = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        if not lateness:
            raise StopAsyncIteration
        now += seconds + lateness.pop(0)
        assert seconds == INTERVAL_SECONDS

    with pytest.raises(StopAsyncIteration):
        await watch_event_loop(seen.append, lambda: now, sleep)
    assert pytest.approx([0.0, 0.2, 0.0]) == seen
