"""Entries that may lie in a store although their owner was told that it cannot say.

A store that stalls may carry out a claim after its client has given up, and then nobody would ever
take the entry away. So it is remembered here, and dropped as soon as the store answers again.
Invariant: only values of owners that have given up are dropped; the memory of them is bounded.
"""

from collections import deque

from casegraph.writing.store import Store, StoreUnavailable

MAX_LEFT = 1000
"""Entries remembered; beyond that the oldest are left to run out."""


class Leftovers:
    """Claims in a store, and takes away what former claims may have left there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left: deque[tuple[str, bytes]] = deque(maxlen=MAX_LEFT)

    async def claim(self, key: str, value: bytes, seconds: float) -> bytes | None:
        """Claim as the store does; None also where the value is there already."""
        found = await self._store.claim(key, value, seconds)
        if self._left and await self._swept() and found is not None:
            found = await self._store.claim(key, value, seconds)
        return None if found == value else found

    def remember(self, key: str, value: bytes) -> None:
        """Have a value taken away when the store answers next."""
        self._left.append((key, value))

    async def drop(self, key: str, value: bytes) -> bool:
        """Take a value away; False if the store cannot just now, and it will be done later."""
        try:
            await self._store.drop(key, value)
        except StoreUnavailable:
            self.remember(key, value)
            return False
        return True

    async def _swept(self) -> bool:
        """Drop what was left; return whether anything was there."""
        was_there = False
        for _ in range(len(self._left)):
            if not self._left:
                break
            key, value = self._left.popleft()
            try:
                was_there |= await self._store.drop(key, value)
            except StoreUnavailable:
                self._left.append((key, value))
                break
        return was_there
