"""Answers in fewer bytes for clients that take gzip; the work is the library's.

Case data as JSON shrinks to about a tenth. Small answers pass as they are, without the library
being asked, and large ones are compressed beside the event loop.
Invariant: a client that refuses gzip by its weight gets none, which the library does not look at.
"""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALLEST = 1024
"""Bytes; below that one packet holds the answer either way."""
LEVEL = 4
"""Of 9: the levels above cost twice to five times the time for a tenth of the size."""
BESIDE = 64 * 1024
"""Bytes from which it is done in a thread: about a millisecond of work."""

_TAKES = re.compile(r"\bgzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$)).*)?(?:,|$)", re.IGNORECASE)


class Compression:
    """Compresses what is worth it, as an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sending = send

        async def send_packed(message: Message) -> None:
            nonlocal sending
            if message["type"] == "http.response.start" and not _is_small(message["headers"]):
                responder = self._responder(scope)
                responder.send = send
                sending = responder.send_with_compression
            await sending(message)

        await self._app(scope, receive, send_packed)

    def _responder(self, scope: Scope) -> IdentityResponder:
        """Return the library's part for what the client takes; both kinds tell caches."""
        if _TAKES.search(Headers(scope=scope).get("accept-encoding", "")):
            return GZipResponder(self._app, SMALLEST, LEVEL, thread_minimum_size=BESIDE)
        return IdentityResponder(self._app, SMALLEST)


def _is_small(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether an answer says that it is shorter than is worth any work."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) < SMALLEST
    return False
