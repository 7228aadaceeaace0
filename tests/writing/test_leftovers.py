"""What a stalled store carried out late is taken away once it answers again."""

from casegraph.writing.leases import OneWriter
from casegraph.writing.leftovers import Leftovers
from casegraph.writing.store import MemoryStore, StoreUnavailable


class Stalling(MemoryStore):
    """A store that carries out claims and tells nobody, while it is stalled."""

    is_stalled = False

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Claim, and answer if it can."""
        found = await super().claim(key, value, seconds)
        self._stall()
        return found

    async def drop(self, key: str, value: bytes) -> bool:
        """Drop, unless it is stalled."""
        self._stall()
        return await super().drop(key, value)

    def _stall(self) -> None:
        if self.is_stalled:
            raise StoreUnavailable("stalled")


async def test_a_lease_that_arrived_late_is_no_other_holders() -> None:
    """The next writer does not wait until it has run out."""
    store = Stalling(lambda: 0.0)
    store.is_shared = True
    one_writer = OneWriter(store)
    store.is_stalled = True
    async with one_writer.hold("action_management", "96", "1"):
        store.is_stalled = False
    (left,) = store._entries
    async with one_writer.hold("action_management", "96", "1") as hold:
        assert await hold.confirm()
        assert await store.get(left) is not None

    assert await store.get(left) is None


async def test_a_claim_that_arrived_late_does_not_stay() -> None:
    """The next claim of its key gets it, and others' entries stay as they are."""
    store = Stalling(lambda: 0.0)
    leftovers = Leftovers(store)
    await store.claim("other", b"theirs", 9)
    store.is_stalled = True
    try:
        await leftovers.claim("key", b"late", 9)
    except StoreUnavailable:
        assert not await leftovers.drop("key", b"late")
    await leftovers.drop("other", b"ours")
    store.is_stalled = False

    assert await leftovers.claim("key", b"new", 9) is None
    assert await store.get("key") == b"new"
    assert await leftovers.claim("other", b"new", 9) == b"theirs"
