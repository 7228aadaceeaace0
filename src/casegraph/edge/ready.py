"""Answers kept as the bytes in which they left, for a request that would be answered so again.

Pages ask for the same look-ups whenever they open: to read such a request, run it and encode its
answer took 0.15 of the 0.23 ms that it needed in all (measured, Q3 of the benchmark). Who can tell
whether the answer still holds is its session, which is asked each time; nothing here has an age.
Invariants: one caller's scopes never meet another's answer; a request that says anything that its
answer could depend on, beside its body, is run; what is kept weighs no more than the bound.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Protocol

from msgspec import Struct

from casegraph.edge.headers import RequestHeaders, raw_names
from casegraph.telemetry.observer import RequestRecord
from casegraph.telemetry.vocabulary import OperationType

BYTES_MAX = 8 * 1024 * 1024
"""Of requests, of their answers, and of what those were made of."""
ASKED_MAX, ANSWER_MAX = 16 * 1024, 256 * 1024
"""The longest request that is looked for, and the largest answer that is kept, in bytes."""

Scopes = frozenset[str]


class Standing(Protocol):
    """What knows whether an answer would be the same again."""

    @property
    def size(self) -> int:
        """About how many bytes it keeps from being let go of."""

    def headers(self) -> Mapping[str, str] | None:
        """Return the headers of the same answer given now; None where it may be another."""


class ReadyAnswer(Struct, frozen=True):
    """An answer without errors, as bytes."""

    body: bytes
    operation_name: str | None
    operation_type: OperationType
    standing: Standing


class ReadyAnswers:
    """The answers of one process, the least recently asked for goes first."""

    def __init__(self, minded: Collection[str] = (), bytes_max: int = BYTES_MAX) -> None:
        """Take the names of the headers with which no answer is kept or given."""
        self._minded = raw_names(minded)
        self._bytes_max = bytes_max
        self._kept: OrderedDict[tuple[bytes, Scopes], ReadyAnswer] = OrderedDict()
        self.bytes = 0

    def find(
        self, asked: bytes, headers: RequestHeaders, scopes: Scopes
    ) -> tuple[ReadyAnswer, Mapping[str, str]] | None:
        """Return the answer to a body that was asked for in these scopes, and its headers now."""
        key = (asked, scopes)
        found = self._kept.get(key) if len(asked) <= ASKED_MAX else None
        if found is None or headers.names_any(self._minded):
            return None
        said = found.standing.headers()
        if said is None:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found, said

    def keep(
        self,
        asked: bytes,
        headers: RequestHeaders,
        scopes: Scopes,
        body: bytes,
        record: RequestRecord,
        standing: Standing,
    ) -> None:
        """Keep the answer `body` to what was asked, for as long as it stands."""
        is_too_long = len(asked) > ASKED_MAX or len(body) > ANSWER_MAX
        if is_too_long or headers.names_any(self._minded):
            return
        key = (asked, scopes)
        self._drop(key)
        answer = ReadyAnswer(body, record.operation_name, record.operation_type, standing)
        self._kept[key] = answer
        self.bytes += _weight(asked, answer)
        while self.bytes > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[bytes, Scopes]) -> None:
        answer = self._kept.pop(key, None)
        if answer is not None:
            self.bytes -= _weight(key[0], answer)


_ENTRY_BYTES = 1_000
"""What an answer weighs beside its bytes: its place here, its name, and what it rests on."""


def _weight(asked: bytes, answer: ReadyAnswer) -> int:
    # What an answer was made of is no smaller than the answer, where nobody knows its size.
    return (
        _ENTRY_BYTES + len(asked) + len(answer.body) + max(len(answer.body), answer.standing.size)
    )
