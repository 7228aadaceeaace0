"""Whether two executions of one operation came to the same.

Data must be the same JSON, byte for byte, so key order and the form of numbers count. Errors must
be the same multiset of message, path, places in the document and class of the original exception.
Where the multisets differ, both must follow the specification: each error is one that a complete
execution gives, none is told twice, and every null that the data shows because of an error is
explained by at least one of those that lead to it. So an error may be missing, or be there in the
place of another, only where its own null, or a null above it, is explained all the same.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import ExecutionResult, GraphQLError

from casegraph.edge.answers import encode
from engine.differential.thorough import Found, Place, Thorough

Key: TypeAlias = tuple[str, Place | None, tuple[tuple[int, int], ...], str]


_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
"""Where an object lies in memory, which some texts of objects tell."""


@dataclass(frozen=True)
class Outcome:
    """What one execution came to, in a form that can be compared."""

    text: bytes
    errors: tuple[Key, ...]
    noise: tuple[str, ...] = ()
    """What the loop was told of failures that nobody heard."""

    @property
    def told(self) -> Counter[Key]:
        """The errors without their order."""
        return Counter(self.errors)


def outcome_of(result: ExecutionResult, noise: tuple[str, ...] = ()) -> Outcome:
    """Return what a result comes to."""
    errors = tuple(key_of(error) for error in result.errors or ())
    return Outcome(encoded(result.data), errors, noise)


def encoded(data: Any) -> bytes:
    """Return data as the edge encodes it, but for addresses in memory."""
    return _ADDRESS.sub("0x", encode(data).decode()).encode()


def key_of(error: GraphQLError) -> Key:
    """Return what makes an error the same as another: all that leaves, and what was raised."""
    path = None if error.path is None else tuple(error.path)
    places = tuple((each.line, each.column) for each in error.locations or ())
    more = f" {error.extensions}" if error.extensions else ""
    return (_ADDRESS.sub("0x", error.message) + more, path, places, _class_of(error))


def _class_of(error: GraphQLError) -> str:
    cause: BaseException | None = error.original_error
    names = []
    while cause is not None:
        names.append(type(cause).__qualname__)
        cause = cause.original_error if isinstance(cause, GraphQLError) else None
    return " of ".join(names)


def plain_differences(truth: Outcome, got: Outcome) -> list[str]:
    """Return how two outcomes differ, with no allowance."""
    found = []
    if truth.text != got.text:
        found.append(f"data\n  expected {_shown(truth.text)}\n  got      {_shown(got.text)}")
    found += [f"error missing: {key}" for key in (truth.told - got.told).elements()]
    found += [f"error too many: {key}" for key in (got.told - truth.told).elements()]
    found += [f"failure that nobody heard: {each}" for each in got.noise]
    return found


def unlawful(outcome: Outcome, data: Any, whole: Thorough) -> Iterator[str]:
    """Yield what the specification does not allow about an outcome's errors."""
    possible = Counter(key_of(each.error) for each in whole.errors)
    for key in (outcome.told - possible).elements():
        yield f"error that a complete execution does not give, or gives once only: {key}"
    for place, causes in _causes(whole.errors).items():
        if is_shown(data, place) and not causes & set(outcome.errors):
            yield f"null at {place} that no error explains; any of {sorted(map(str, causes))}"


def _causes(errors: list[Found]) -> dict[Place, set[Key]]:
    causes: dict[Place, set[Key]] = {}
    for each in errors:
        causes.setdefault(each.nulled, set()).add(key_of(each.error))
    return causes


def is_shown(data: Any, place: Place) -> bool:
    """Return whether data reaches to a position, so that nothing above it is null."""
    for step in place:
        if data is None:
            return False
        data = data[step]
    return True


def _shown(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return shown if len(shown) < 3000 else shown[:3000] + "…"
