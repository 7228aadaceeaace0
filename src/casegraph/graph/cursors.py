"""Cursors: a position in one list, bound to that list, so that a foreign one is refused.

The scope says which list: field, arguments and their values. A digest over scope and position
stands before the position; it is no secret, it tells damage and mix-ups from a cursor of ours.
Invariant: for any text, either a position that this list made, or InvalidCursor.
"""

import base64
import binascii
from hashlib import blake2b
from typing import Any

import msgspec

from casegraph.errors import InvalidCursor, LimitExceeded
from casegraph.loading.listing import Position

_DIGEST_BYTES = 9
_MAX_CHARACTERS = 65_536
"""Longest cursor that is made or looked at; five thousand notes of one moment make about 60,000."""


class Scope:
    """One list: its field and the arguments that choose its rows and their order."""

    __slots__ = ("_list",)

    def __init__(self, field: str, *arguments: Any) -> None:
        self._list = (field, *arguments)  # printed when a cursor is asked for; most never are

    def encode(self, position: Position) -> str:
        """Return the cursor of a position in this list; raises LimitExceeded for a huge one."""
        payload = msgspec.json.encode(position)
        text = _text(self._digest(payload) + payload)
        if len(text) > _MAX_CHARACTERS:
            raise LimitExceeded("Too many rows of one moment to page through.")
        return text

    def decode(self, text: str | None) -> Position | None:
        """Return the position of a cursor, None for none; raises InvalidCursor."""
        if text is None:
            return None
        try:
            if len(text) > _MAX_CHARACTERS:
                raise InvalidCursor
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
            # Written back, because base64 reads several texts as the same bytes.
            if digest != self._digest(payload) or _text(raw) != text:
                raise InvalidCursor
            return msgspec.json.decode(payload, type=tuple[str | int, ...])
        except (binascii.Error, ValueError, UnicodeError, msgspec.MsgspecError):
            raise InvalidCursor from None

    def _digest(self, payload: bytes) -> bytes:
        # Deterministic: a set has another order in every process, and cursors outlive processes.
        key = msgspec.json.encode([1, *self._list], enc_hook=str, order="deterministic")
        return blake2b(payload, key=blake2b(key).digest(), digest_size=_DIGEST_BYTES).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
