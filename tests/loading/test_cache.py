import asyncio
import logging

import pytest

from casegraph.loading.cache import FAILURES_TO_SKIP, SKIP_SECONDS, Cache


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time the test has set."""
        return self.now


class Backend:
    """A backend that works, fails or hangs as the test says, and counts what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked = 0
        self.failure: BaseException | None = None
        self.hangs = False

    async def _ask(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure

    async def get(self, key: str) -> object:
        """Return what was kept."""
        await self._ask()
        return self.kept.get(key)

    async def set(self, key: str, value: bytes, ttl: float) -> object:  # noqa: ARG002 - the port
        """Keep the value."""
        await self._ask()
        self.kept[key] = value

    async def delete(self, key: str) -> object:
        """Forget the value."""
        await self._ask()
        self.kept.pop(key, None)

    async def close(self) -> object:
        """Close, or fail to."""
        await self._ask()


def make(**options: object) -> tuple[Cache, Backend, Clock]:
    """Return a cache over a backend and a clock in the test's hands."""
    backend, clock = Backend(), Clock()
    return Cache(backend, clock=clock, **options), backend, clock


@pytest.mark.parametrize("ttl", [0, -1, 0.0009])
async def test_a_time_to_live_that_has_run_out_deletes(ttl: float) -> None:
    """Zero is not "for ever": the entry is gone, and so is the one before it."""
    cache, _, _ = make()
    await cache.set("k", b"old", 60)
    assert await cache.get("k") == b"old"
    await cache.set("k", b"new", ttl)
    assert await cache.get("k") is None


@pytest.mark.parametrize(
    "failure",
    [ConnectionError("refused"), TimeoutError(), OSError(), ValueError("protocol"), KeyError("k")],
)
async def test_no_failure_of_the_backend_is_raised(failure: Exception) -> None:
    """Whatever the backend raises, a get is a miss and the rest does nothing."""
    cache, backend, _ = make()
    backend.kept["k"] = b"v"
    backend.failure = failure
    assert await cache.get("k") is None
    await cache.set("k", b"w", 60)
    await cache.delete("k")
    await cache.close()
    assert backend.kept == {"k": b"v"}


async def test_a_value_that_is_not_bytes_is_a_miss() -> None:
    """What some other program put under a key never reaches a decoder."""
    cache, backend, _ = make()
    backend.kept["k"] = "text"
    assert await cache.get("k") is None


async def test_a_hanging_operation_is_cut_off() -> None:
    """A backend that never answers costs a miss, within the cap and not a time-out later."""
    cache, backend, _ = make(operation_seconds=0.005)
    backend.hangs = True
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await cache.get("k") is None
    assert loop.time() - before < 0.5


async def test_after_five_failures_in_a_row_the_backend_is_left_alone() -> None:
    """The sixth operation does not reach the backend, until five seconds have passed."""
    cache, backend, clock = make()
    backend.failure = ConnectionError()
    for _ in range(20):
        await cache.get("k")
    assert backend.asked == FAILURES_TO_SKIP == 5
    clock.now += SKIP_SECONDS - 0.1
    await cache.set("k", b"v", 60)
    assert backend.asked == 5
    clock.now += 0.1
    await cache.get("k")
    await cache.get("k")
    assert backend.asked == 6
    clock.now += SKIP_SECONDS
    backend.failure = None
    backend.kept["k"] = b"v"
    assert [await cache.get("k"), await cache.get("k")] == [b"v", b"v"]


async def test_failures_not_in_a_row_do_not_add_up() -> None:
    """A success between failures begins the count anew."""
    cache, backend, _ = make()
    for _ in range(10):
        backend.failure = ConnectionError()
        for _ in range(FAILURES_TO_SKIP - 1):
            await cache.get("k")
        backend.failure = None
        await cache.get("k")
    assert backend.asked == 10 * FAILURES_TO_SKIP


async def test_one_caller_probes_while_the_others_go_on_skipping() -> None:
    """After the pause a hundred callers send one operation to the doubtful backend."""
    cache, backend, clock = make(operation_seconds=0.005)
    backend.failure = ConnectionError()
    for _ in range(FAILURES_TO_SKIP):
        await cache.get("k")
    clock.now += SKIP_SECONDS
    backend.hangs = True
    await asyncio.gather(*(cache.get("k") for _ in range(100)))
    assert backend.asked == FAILURES_TO_SKIP + 1


async def test_a_burst_of_our_own_is_no_outage() -> None:
    """Operations that never got a slot are misses, and not held against the backend."""
    cache, backend, _ = make(operation_seconds=0.005, concurrency=1)
    backend.kept["k"] = b"v"
    async with cache._slots:
        found = await asyncio.gather(*(cache.get("k") for _ in range(50)))
    assert (found, backend.asked) == ([None] * 50, 0)
    assert await cache.get("k") == b"v"


async def test_a_busy_event_loop_is_no_outage() -> None:
    """A cap that fires late, because something held the loop, is not held against the backend."""
    cache, backend, _ = make(operation_seconds=0.001)
    backend.hangs = True
    loop = asyncio.get_running_loop()

    def hold_the_loop() -> None:
        until = loop.time() + 0.03
        while loop.time() < until:
            pass

    for _ in range(FAILURES_TO_SKIP):
        loop.call_soon(hold_the_loop)
        assert await cache.get("k") is None
    backend.hangs = False
    backend.kept["k"] = b"v"
    assert await cache.get("k") == b"v"


async def test_the_callers_cancellation_is_not_swallowed() -> None:
    """A cancelled caller is cancelled, and that is no failure of the backend."""
    cache, backend, _ = make()
    for _ in range(FAILURES_TO_SKIP + 1):
        backend.hangs = True
        caller = asyncio.create_task(cache.get("k"))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait([caller])
        assert caller.cancelled()
    backend.hangs = False
    backend.kept["k"] = b"v"
    assert await cache.get("k") == b"v"


async def test_each_change_of_state_is_logged_once_without_key_or_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line when the backend is given up, one when it is back, and nothing of its content."""
    caplog.set_level(logging.DEBUG)
    cache, backend, clock = make()
    for _ in range(3):
        backend.failure = ConnectionError("GET secret-key secret-value redis://:secret@host")
        for _ in range(20):
            await cache.set("secret-key", b"secret-value", 60)
            clock.now += 1
        backend.failure = None
        clock.now += SKIP_SECONDS
        for _ in range(20):
            await cache.get("secret-key")
    lines = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    skipped = "cache skipped after repeated failures (ConnectionError)"
    assert (
        lines
        == [
            ("casegraph.cache", "WARNING", skipped),
            ("casegraph.cache", "INFO", "cache available again"),
        ]
        * 3
    )


async def test_a_closed_cache_misses() -> None:
    """After close, which may be repeated, nothing reaches the backend."""
    cache, backend, _ = make()
    backend.kept["k"] = b"v"
    await cache.close()
    await cache.close()
    assert backend.asked == 1
    assert await cache.get("k") is None
    await cache.set("k", b"w", 60)
    assert backend.asked == 1


async def test_closing_a_hanging_backend_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A backend that cannot close does not hold up the exit, and is reported."""
    cache, backend, _ = make(operation_seconds=0.005)
    backend.hangs = True
    await cache.close()
    assert [record.getMessage() for record in caplog.records] == [
        "cache did not close cleanly (TimeoutError)"
    ]
