"""What a resolver may reach: the reads of its own request, and nothing else.

Invariant: made anew for every request; there is no way from here to settings or to the network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import strawberry

from casegraph.loading.asking import Asking
from casegraph.loading.freshness import Acceptance
from casegraph.loading.reads import Reads
from casegraph.loading.scope import SERVICE
from casegraph.writing.writes import Writes

Open = Callable[[Asking], Reads]
"""Opens reads in the name of whoever is asking."""


@dataclass(slots=True, eq=False)  # frozen, it took 3 µs to make
class RequestContext:
    """The context of one request.

    Fields that accept another age than their request have reads of their own, with the same ledger:
    what one read has in hand may be too old for the other.
    """

    asking: Asking
    request_id: str
    open: Open
    now: Callable[[], float]
    """Seconds since 1970."""
    writes: Writes | None = None
    """None where nothing may be written."""
    caller: str = SERVICE
    """Who asks, as audit lines name it; repeated mutations are told apart by it."""
    reads: Reads = field(init=False)
    started_at: float = field(init=False)
    _others: dict[Acceptance, Reads] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.reads = self.open(self.asking)
        self.started_at = self.now()

    def renew(self) -> None:
        """Let everything be read anew: something was written."""
        self.reads = self.open(self.asking)
        self._others.clear()

    def forget(self) -> None:
        """Let go of what was read: the request has its answer."""
        for reads in (self.reads, *self._others.values()):
            reads.forget()
        self.asking.ledger.forget_records()

    def reads_accepting(self, acceptance: Acceptance) -> Reads:
        """Return the reads for fields that accept this."""
        if acceptance == self.asking.acceptance:
            return self.reads
        reads = self._others.get(acceptance)
        if reads is None:
            reads = self._others[acceptance] = self.open(self.asking.accepting(acceptance))
        return reads


Info = strawberry.Info[RequestContext, None]
"""The type of every resolver's `info` argument."""
