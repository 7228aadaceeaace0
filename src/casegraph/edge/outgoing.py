"""What is done to every answer on its way out: headers that keep it safe, and fewer bytes.

One wrapper around `send` does both, because each wrapper costs 0.6 µs a message, of which an answer
has two, and looks through the same headers.
Invariant: every answer of the application leaves through here, whichever of its parts gave it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casegraph.edge.compression import Compression
from casegraph.edge.safe_headers import left_out


class Outgoing:
    """Sets the headers that an answer lacks and compresses it, as an ASGI middleware."""

    def __init__(self, app: ASGIApp, *, compresses: bool) -> None:
        self._app = app
        self._compression = Compression(app) if compresses else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = send

        async def send_out(message: Message) -> None:
            nonlocal sending
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                said = dict(headers)  # names are lower case, as ASGI asks
                message["headers"] = [*headers, *left_out(said)]
                if self._compression is not None:
                    sending = self._compression.sending(scope, message, said, send)
            await sending(message)

        await self._app(scope, receive, send_out)
