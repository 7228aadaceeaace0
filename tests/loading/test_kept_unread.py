"""What is only there for bad times is kept as the body it came in, and read when they come."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextvars import Context, copy_context
from dataclasses import replace
from typing import Any

import pytest

from casegraph.errors import ContractViolation, UpstreamUnavailable
from casegraph.loading.freshness import Acceptance, Kind, Windows
from casegraph.loading.kept import Kept
from casegraph.loading.kept_store import MemoryStore, Unread
from casegraph.loading.ledger import Source, StaleReason
from casegraph.transport.receipt import Receipt, note_body, note_repair
from support.clock import settle
from support.kept_reads import DOWN, EDITED, RATED, WINDOWS, Fetch, Reader, request

DOWN_NOW = StaleReason.UPSTREAM_UNAVAILABLE


@pytest.fixture
async def read() -> AsyncIterator[Reader]:
    """Give a read of one key: what, fetch and acceptance in, value and ledger out."""
    read = Reader()
    yield read
    await read.kept.close()


class Bodies:
    """Calls that bring these bodies; what is read again of them is counted."""

    def __init__(self, *bodies: bytes) -> None:
        self._bodies = bodies
        self.read_again: list[tuple[bytes, tuple[str, ...]]] = []

    async def fetch(self) -> Any:
        """Return what is in the last of the bodies."""
        for body in self._bodies:
            note_body(body)
        return json.loads(self._bodies[-1])

    def again(self, body: bytes, parts: tuple[str, ...]) -> Any:
        """Read a body once more."""
        self.read_again.append((body, parts))
        return json.loads(body)

    def of(self, what: Any) -> Any:
        """Return a kind of thing whose bodies can be read once more."""
        return replace(what, reread=self.again)


def is_unread(kept: Kept) -> list[bool]:
    """Say of each row of the memory whether it is a body."""
    assert kept._memory is not None
    return [isinstance(row.entry, Unread) for row in kept._memory._rows.values()]


async def test_it_is_read_again_for_the_first_who_needs_it(read: Reader) -> None:
    """While all goes well no body is read twice; in an outage it is read once for everybody."""
    bodies = Bodies(b'["a"]')
    edited = bodies.of(EDITED)
    for _ in range(2):
        assert await read(edited, bodies.fetch) == (["a"], [(Source.UPSTREAM, 1000, None)])
    assert (is_unread(read.kept), bodies.read_again) == ([True], [])

    read.clock.now += 60
    found = [await read(edited, Fetch(DOWN)) for _ in range(2)]
    assert found == [(["a"], [(Source.CACHE, 1000, DOWN_NOW)])] * 2
    assert found[0][0] is found[1][0]
    assert (is_unread(read.kept), bodies.read_again) == ([False], [(b'["a"]', ("7",))])

    assert await read(edited, bodies.fetch) == (["a"], [(Source.UPSTREAM, 1060, None)])
    assert is_unread(read.kept) == [True]


async def test_who_accepts_what_is_older_gets_it(read: Reader) -> None:
    """A client's max-age is served from a body without a call; for others it is not read."""
    bodies = Bodies(b'["a"]')
    edited = bodies.of(EDITED)
    await read(edited, bodies.fetch)
    read.clock.now += 5
    unused = Fetch(["unused"])

    assert await read.kept.peek(edited, ("7",), request(Acceptance(max_age=4))) is None
    assert await read.kept.peek(edited, ("7",), request()) is None
    assert bodies.read_again == []
    assert (await read(edited, unused, Acceptance(max_age=10)))[0] == ["a"]
    assert (unused.calls, len(bodies.read_again)) == (0, 1)


@pytest.mark.parametrize("windows", [Windows(fresh=1), Windows(stale=1), Windows()])
async def test_only_what_is_never_served_without_a_call_is_a_body(windows: Windows) -> None:
    """One second of being fresh, or of being served while it is asked anew, and it stays read."""
    kept = Kept(MemoryStore(), {Kind.CASES: windows})
    bodies = Bodies(b'["a"]')
    await kept.read(bodies.of(EDITED), ("7",), bodies.fetch, request())

    assert is_unread(kept) == [windows == Windows()]
    await kept.close()


async def test_what_is_served_without_a_call_stays_read(read: Reader) -> None:
    """Where the windows let it be served, reading it each time would cost more than it saves."""
    bodies = Bodies(b'["a"]')
    await read(bodies.of(RATED), bodies.fetch)

    assert is_unread(read.kept) == [False]
    assert (await read(bodies.of(RATED), bodies.fetch))[0] == ["a"]
    assert bodies.read_again == []


async def test_no_body_stands_for_what_is_not_all_of_it(read: Reader) -> None:
    """Two bodies, a part of one, a thing that cannot be read again: the value itself is kept."""
    two = Bodies(b'["a"]', b'["b"]')
    await read(two.of(EDITED), two.fetch)
    assert is_unread(read.kept) == [False]
    one = Bodies(b'["a"]')
    await read(EDITED, one.fetch)
    assert is_unread(read.kept) == [False]
    assert (await read(EDITED, Fetch(DOWN)))[0] == ["a"]
    await read(replace(one.of(EDITED), is_digest=True), one.fetch)
    assert is_unread(read.kept) == [False]


async def test_it_is_read_again_under_all_that_it_was_asked_by(read: Reader) -> None:
    """What a body does not say of itself is in the parts of its key."""
    bodies = Bodies(b'["a"]')
    edited, parts = bodies.of(EDITED), ("7", "8")
    await read.kept.read(edited, parts, bodies.fetch, request())
    assert await read.kept.read(edited, parts, Fetch(DOWN), request()) == ["a"]
    assert bodies.read_again == [(b'["a"]', parts)]


async def test_what_is_being_asked_anew_is_not_the_first_to_go() -> None:
    """Its call may fail, and then it has to be there."""
    kept = Kept(MemoryStore(max_entries=2), WINDOWS)
    bodies, down = Bodies(b'["a"]'), Fetch(DOWN)
    edited = bodies.of(EDITED)
    for part in ("7", "8"):
        await kept.read(edited, (part,), bodies.fetch, request())
    down.gate.clear()
    asking = asyncio.create_task(kept.read(edited, ("7",), down, request()))
    await settle()
    await kept.read(edited, ("9",), bodies.fetch, request())
    down.gate.set()
    assert await asking == ["a"]
    await kept.close()


async def test_a_connection_made_for_a_call_holds_no_body_of_it(read: Reader) -> None:
    """Whatever is begun in a call keeps its context for as long as it lives."""
    begun: list[Context] = []

    async def dials() -> Any:
        begun.append(copy_context())
        note_body(b'["a"]')
        return ["a"]

    await read(Bodies().of(EDITED), dials)
    receipts = [each for each in begun[0].values() if isinstance(each, Receipt)]
    assert [(each.size, each.only) for each in receipts] == [(5, None)]
    assert is_unread(read.kept) == [True]


async def test_neither_a_repaired_body_nor_that_of_an_absence_is_kept(read: Reader) -> None:
    """What could not be read must not stand in, and what has gone must not come back."""
    spoilt = ContractViolation("ratings", "things", "a value of a wrong type")
    bodies = Bodies(b'["a"]')
    edited = bodies.of(EDITED)

    async def repaired() -> Any:
        note_body(b"[1]")
        note_repair()
        return [spoilt]

    async def absent() -> None:
        note_body(b'{"message": "no such thing"}')

    for fetch in (repaired, absent):
        await read(edited, bodies.fetch)
        read.clock.now += 1
        await read(edited, fetch)
        with pytest.raises(UpstreamUnavailable):
            await read(edited, Fetch(DOWN))
    assert bodies.read_again == []


async def test_after_a_write_no_body_stands_in(read: Reader) -> None:
    """A forgotten body is gone like any other entry."""
    bodies = Bodies(b'["a"]')
    edited = bodies.of(EDITED)
    await read(edited, bodies.fetch)
    await read.kept.forget(edited, ("7",), request())

    with pytest.raises(UpstreamUnavailable):
        await read(edited, Fetch(DOWN))
