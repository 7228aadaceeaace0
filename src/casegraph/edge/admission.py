"""How many operations run at the same time; beyond that, a quick no is kinder than a slow yes.

Every operation takes part of the same two things, this process's one thread and the upstreams'
pace. Above the bound a new one would only make all of them miss their deadlines, so it is told at
once when to come back. Only running counts: who sends its body slowly or reads its answer slowly
holds a connection and no place.
Invariant: a place that was taken is given back, however the work ends; nobody waits for one.
"""

from contextlib import AbstractContextManager
from types import TracebackType

IN_FLIGHT_MAX = 200
"""Operations at the same time (reliability default)."""
RETRY_AFTER_SECONDS = 1
"""When to come back; most operations end within a second."""


class Overloaded(Exception):
    """All places are taken; says so in words a client may read."""

    def __init__(self, at_most: int) -> None:
        super().__init__(f"{at_most} operations are running, which is all there is room for.")


class Admission:
    """The places of one process."""

    def __init__(self, at_most: int = IN_FLIGHT_MAX) -> None:
        self._at_most = at_most
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """How many places are taken."""
        return self._in_flight

    def refuse_when_full(self) -> None:
        """Raise Overloaded when all places are taken: for asking before the body is read."""
        if self._in_flight >= self._at_most:
            raise Overloaded(self._at_most)

    def place(self) -> AbstractContextManager[None]:
        """Hold a place during the context; raises Overloaded at its beginning."""
        return self

    def __enter__(self) -> None:
        """Take a place; there is nothing to remember of it but that it is taken."""
        self.refuse_when_full()
        self._in_flight += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give one back."""
        self._in_flight -= 1
