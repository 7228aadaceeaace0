import asyncio
import logging
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.cache import (
    FAILURES_TO_SKIP,
    SKIP_SECONDS,
    Cache,
    open_cache,
)


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


async def test_bytes_come_back_as_they_were() -> None:
    """Any bytes, the empty ones included, are returned as set, until deleted."""
    cache = open_cache("memory://")
    for value in (b"", b"\x00\xff", b"null"):
        await cache.set("k", value, 60)
        assert await cache.get("k") == value
    await cache.delete("k")
    assert await cache.get("k") is None
    await cache.close()


async def test_a_memory_entry_lives_for_its_time_and_no_longer() -> None:
    """An entry is there until the instant its time has run out; setting again starts anew."""
    clock = Clock()
    cache = open_cache("memory://", clock=clock)
    await cache.set("k", b"1", 30)
    clock.now += 29.9
    assert await cache.get("k") == b"1"
    clock.now += 0.1
    assert await cache.get("k") is None
    await cache.set("k", b"2", 30)
    clock.now += 29
    await cache.set("k", b"3", 30)
    clock.now += 29
    assert await cache.get("k") == b"3"


@pytest.mark.parametrize("ttl", [0, -1, 0.0009])
async def test_a_time_to_live_that_has_run_out_deletes(ttl: float) -> None:
    """Zero is not "for ever": the entry is gone, and so is the one before it."""
    cache = open_cache("memory://")
    await cache.set("k", b"old", 60)
    await cache.set("k", b"new", ttl)
    assert await cache.get("k") is None


async def test_the_least_recently_used_entry_goes_first() -> None:
    """At the bound of entries a read entry stays and the unread one goes."""
    cache = open_cache("memory://", max_entries=2)
    await cache.set("a", b"1", 60)
    await cache.set("b", b"2", 60)
    await cache.get("a")
    await cache.set("c", b"3", 60)
    assert [await cache.get(key) for key in "abc"] == [b"1", None, b"3"]


async def test_memory_is_bounded_in_bytes() -> None:
    """Keys and values count; what is larger than the whole store is not kept at all."""
    cache = open_cache("memory://", max_bytes=100)
    await cache.set("a", b"x" * 49, 60)
    await cache.set("b", b"x" * 49, 60)
    assert await cache.get("a") == b"x" * 49
    await cache.set("c", b"", 60)
    assert await cache.get("b") is None
    await cache.set("a", b"x" * 100, 60)
    assert await cache.get("a") is None
    assert await cache.get("c") == b""


async def test_a_hundred_thousand_keys_stay_within_the_default_bounds() -> None:
    """However many distinct keys are set, ten thousand entries are kept, the newest ones."""
    cache = open_cache("memory://")
    for number in range(100_000):
        await cache.set(str(number), b"v", 60)
    assert len(cache._backend._entries) == 10_000
    assert cache._backend._bytes <= 64 * 1024 * 1024
    assert await cache.get("99999") == b"v"
    assert await cache.get("89999") is None


operations = st.lists(
    st.tuples(
        st.sampled_from(["get", "set", "delete", "wait"]),
        st.sampled_from("abcdef"),
        st.integers(0, 12),
    ),
    max_size=80,
)


@given(operations)
async def test_the_memory_store_behaves_as_a_plain_model(script: list) -> None:
    """For any history the store holds what a naive bounded store would, and counts it rightly."""
    clock = Clock()
    cache = open_cache("memory://", clock=clock, max_entries=4, max_bytes=30)
    model: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
    for action, key, number in script:
        if action == "wait":
            clock.now += number
        elif action == "delete":
            await cache.delete(key)
            model.pop(key, None)
        elif action == "set":
            await cache.set(key, b"x" * number, number)
            model.pop(key, None)
            if number:
                model[key] = (b"x" * number, clock.now + number)
            while len(model) > 4 or sum(1 + len(value) for value, _ in model.values()) > 30:
                model.popitem(last=False)
        else:
            value, expires_at = model.get(key, (None, 0.0))
            if value is not None and clock.now >= expires_at:
                del model[key]
                value = None
            if value is not None:
                model.move_to_end(key)
            assert await cache.get(key) == value
        held = cache._backend._entries
        assert list(held) == list(model)
        assert cache._backend._bytes == sum(1 + len(value) for value, _ in held.values())


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


async def test_the_library_below_logs_no_key_either(caplog: pytest.LogCaptureFixture) -> None:
    """Even with the root logger at DEBUG no line names a key or a value."""
    caplog.set_level(logging.DEBUG)
    cache = open_cache("memory://")
    await cache.set("secret-key", b"secret-value", 60)
    await cache.get("secret-key")
    await cache.delete("secret-key")
    await cache.close()
    assert "secret" not in caplog.text


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
