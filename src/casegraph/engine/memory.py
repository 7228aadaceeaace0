"""Documents that have been checked, remembered by their text, as many as a bound in memory allows.

Counting entries alone would not do: a parsed document takes about 570 bytes a token (measured), so
a few hundred of the largest that the limits let through would be half a gigabyte. What was used
least recently goes first.
Invariant: what is remembered weighs no more than the bound, whatever is asked in which order.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

ENTRIES_MAX = 512
"""Texts remembered (reliability default)."""
TOKENS_MAX = 100_000
"""Tokens of all of them, about 60 MiB; 512 operations written by people have about as many."""


class DocumentMemory(Generic[T]):
    """What was found out about each text, with its weight in tokens."""

    def __init__(self, entries: int = ENTRIES_MAX, tokens: int = TOKENS_MAX) -> None:
        self._entries_max = entries
        self._tokens_max = tokens
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._tokens = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def tokens(self) -> int:
        """The weight of all that is remembered."""
        return self._tokens

    def get(self, text: str) -> T | None:
        """Return what is remembered of a text, which is then the most recent."""
        found = self._kept.get(text)
        if found is None:
            return None
        self._kept.move_to_end(text)
        return found[0]

    def put(self, text: str, value: T, tokens: int) -> None:
        """Remember, and forget others until there is room; what is too heavy is not remembered."""
        _, before = self._kept.pop(text, (None, 0))
        self._tokens -= before
        if tokens > self._tokens_max:
            return
        self._kept[text] = (value, tokens)
        self._tokens += tokens
        while len(self._kept) > self._entries_max or self._tokens > self._tokens_max:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._tokens -= oldest
