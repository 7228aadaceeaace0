"""The one-method seam to the network, and its bounds; clients stand in modules of their own.

Only `exchange_lean`, `exchange_aiohttp` and `exchange_httpx` know an HTTP client, `exchange_choice`
knows them by name, and only wiring knows which of them is used.
Invariant: an exchange is safe to be cancelled at any moment: no later call pays for it.
"""

from dataclasses import dataclass
from typing import Protocol

from casegraph.transport.calls import Call, Reply


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Bounds of one upstream's connections; every number is a default of the reliability study."""

    total_seconds: float = 3.0
    """One call in all, connect to last byte."""
    connect_seconds: float = 1.0
    pool: int = 40
    """Connections at most; also the number of requests on the wire, so none queues in the pool."""
    keep_alive_seconds: float = 4.0
    """How long an idle connection is used again: a second less than the 5 s after which the usual
    servers (uvicorn, Node, Apache) close it. A call sent as that happens fails: 3 of 480 whose
    connections had been idle for 4.99 to 5.01 s did."""
    ca_file: str | None = None
    """Authorities in PEM that are trusted beside the usual ones; nothing turns checking off."""


class Exchange(Protocol):
    """Sends one call and returns its complete answer."""

    async def send(self, call: Call) -> Reply:
        """Return the complete answer.

        Raises DeadlineExceeded when it did not come in time, UpstreamUnavailable when the
        connection failed, ContractViolation when the answer breaks a bound, InvalidArgument when
        the call cannot be sent as it is. The first two say whether anything was sent.
        """

    async def close(self) -> None:
        """Close every connection; calls still on the wire fail as unavailable."""
