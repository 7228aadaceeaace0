"""What HTTP refuses before anybody looks at the GraphQL in a request, each with its status.

Invariant: a refusal that HTTP wants to be told with a header carries it.
"""

from casegraph.edge.decoding import BadRequest
from casegraph.edge.negotiation import PLAIN_JSON


class MethodRefused(BadRequest):
    """The method is not taken, or not for this operation; names those that are."""

    status = 405

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"Send this by {' or '.join(allowed)}.")
        self.headers = {"allow": ", ".join(allowed)}


class NotAcceptable(BadRequest):
    """The client takes no media type that an answer can have."""

    status = 406


class MediaTypeRefused(BadRequest):
    """The body is of a type or an encoding that is not read."""

    status = 415

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.headers = {"accept-post": PLAIN_JSON, "accept-encoding": "identity"}


class Misdirected(BadRequest):
    """A browser found this machine under a name that is not its own."""

    status = 421


class Forgeable(BadRequest):
    """A GET that the page of another site may have caused."""

    status = 403
