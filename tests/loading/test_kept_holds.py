"""A hold stands exactly as long as a read without conditions would serve the same entry, fresh."""

from hypothesis import given
from hypothesis import strategies as st

from casegraph.loading.asking import Asking
from casegraph.loading.freshness import ANY, Kind, Windows
from casegraph.loading.kept import Kept, What
from casegraph.loading.kept_holds import Hold
from casegraph.loading.kept_store import MemoryStore
from casegraph.loading.ledger import Ledger, Source
from casegraph.loading.scope import DataScope
from casegraph.upstreams.decode import encode
from support.clock import Clock

WORDS: What[tuple[str, ...]] = What(
    "action_management", Kind.LISTS, "words", encode, lambda _: (), lambda _: ()
)
WINDOWS = Windows(fresh=100.0, stale=100.0)
SCOPE = DataScope({"action_management": "one"})


class Reader:
    """Reads words of a hub, each time as another value."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.clock = Clock()
        memory = store or MemoryStore(self.clock)
        self.kept = Kept(memory, {Kind.LISTS: WINDOWS}, clock=self.clock)
        self.asked = 0

    async def fetch(self) -> tuple[str, ...]:
        """Answer and count."""
        self.asked += 1
        return (f"word {self.asked}",)

    async def read(self) -> tuple[tuple[str, ...], Ledger]:
        """Read as a request does; returns the value and what was said of it."""
        ledger = Ledger()
        value = await self.kept.read(WORDS, ("7",), self.fetch, Asking(SCOPE, ANY, ledger))
        return value, ledger

    def hold(self, value: object) -> Hold | None:
        """Take a hold on what was read."""
        return self.kept.holds.take(WORDS, ("7",), value, Asking(SCOPE, ANY, Ledger()))


@given(st.lists(st.floats(0.0, 130.0), max_size=6))
async def test_it_stands_just_while_a_read_serves_that_entry_as_fresh(waits: list[float]) -> None:
    """At every moment it says what a read would have shown."""
    reader = Reader()
    value, _ = await reader.read()
    hold = reader.hold(value)
    assert hold is not None
    for wait in waits:
        reader.clock.now += wait
        stands = reader.kept.holds.stands(hold)
        again, ledger = await reader.read()
        (entered,) = ledger
        assert stands is (
            again is value and entered.source is Source.CACHE and entered.reason is None
        )
    await reader.kept.close()


async def test_it_falls_with_a_write() -> None:
    """What was read before the write is not served any more, whoever keeps something of it."""
    reader = Reader()
    hold = reader.hold((await reader.read())[0])
    assert hold is not None
    assert reader.kept.holds.stands(hold)

    await reader.kept.forget_under(WORDS, ("7",), SCOPE)

    assert not reader.kept.holds.stands(hold)
    assert reader.hold(hold.entry.value) is None


async def test_it_falls_when_the_entry_was_forgotten_or_read_anew() -> None:
    """Another entry under the same key is another, even if it says the same."""
    reader = Reader()
    first, _ = await reader.read()
    hold = reader.hold(first)
    assert hold is not None

    await reader.kept.forget(WORDS, ("7",), Asking(SCOPE, ANY, Ledger()))
    assert not reader.kept.holds.stands(hold)
    await reader.read()
    assert not reader.kept.holds.stands(hold)
    assert reader.hold(first) is None


async def test_it_falls_when_the_clock_goes_back() -> None:
    """An entry from the future is of a clock that nobody can reckon with."""
    reader = Reader()
    hold = reader.hold((await reader.read())[0])
    assert hold is not None

    reader.clock.now -= 1.0

    assert not reader.kept.holds.stands(hold)


async def test_there_is_none_on_what_was_not_read_or_not_kept() -> None:
    """Neither on another value of the key, nor before the key was read."""
    reader = Reader()
    assert reader.hold(("word 1",)) is None
    value, _ = await reader.read()

    assert reader.hold(("word 1",)) is None
    assert reader.hold(value) is not None
