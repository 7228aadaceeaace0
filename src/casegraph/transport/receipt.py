"""What one piece of work has read from upstreams, for whoever keeps what came of it.

How large a value is in memory can be learned by encoding it, which was a twentieth of a request of
61 calls; the bodies that it was read from say it for nothing. Where it is one body, that is what is
kept of a value that nobody may ever want again.
Invariant: whoever opens a receipt sees the calls of its own task, and of tasks begun there, only.
"""

from contextvars import ContextVar


class Receipt:
    """The bytes of all bodies, and whether a value in one of them gave way to its error."""

    __slots__ = ("has_repairs", "only", "size")

    def __init__(self) -> None:
        self.size = 0
        self.has_repairs = False
        self.only: bytes | None = None
        """The body, while there is but one that is not empty."""


_receipt: ContextVar[Receipt | None] = ContextVar("receipt", default=None)


def open_receipt() -> Receipt:
    """Return a receipt for what this task reads from now on."""
    receipt = Receipt()
    _receipt.set(receipt)
    return receipt


def note_body(body: bytes) -> None:
    """Enter a body, where anybody asks."""
    receipt = _receipt.get()
    if receipt is not None and body:
        receipt.only = None if receipt.size else body
        receipt.size += len(body)


def note_repair() -> None:
    """Enter that a value could not be read and its error stands in its place."""
    receipt = _receipt.get()
    if receipt is not None:
        receipt.has_repairs = True
