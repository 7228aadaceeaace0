"""What a resolver may reach: the reads of its own request, and nothing else.

Invariant: made anew for every request; there is no way from here to settings or to the network.
"""

from dataclasses import dataclass

import strawberry

from casegraph.loading.reads import Reads


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The context of one request."""

    reads: Reads
    request_id: str


Info = strawberry.Info[RequestContext, None]
"""The type of every resolver's `info` argument."""
