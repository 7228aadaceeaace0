"""Answers in fewer bytes for clients that take gzip; the work is the library's.

Case data as JSON shrinks to about a tenth. Small answers pass as they are, without the library
being asked, and large ones are compressed beside the event loop. Nor is it asked about a whole
answer of JSON that is to stay as it is: its part takes 11 µs for what is one header.
Invariant: a client that refuses gzip by its weight gets none, which the library does not look at.
"""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Scope, Send

SMALLEST = 1024
"""Bytes; below that one packet holds the answer either way."""
LEVEL = 4
"""Of 9: the levels above cost twice to five times the time for a tenth of the size."""
BESIDE = 64 * 1024
"""Bytes from which it is done in a thread: about a millisecond of work."""

_TAKES = re.compile(r"\bgzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$)).*)?(?:,|$)", re.IGNORECASE)


class Compression:
    """Compresses what is worth it of the answers of one application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def sending(
        self, scope: Scope, start: Message, said: Mapping[bytes, bytes], send: Send
    ) -> Send:
        """Return what an answer is to be sent by, given its start, whose headers it may change.

        `said` are those headers by name.
        """
        if int(said.get(b"content-length", SMALLEST)) < SMALLEST:
            return send
        takes = _TAKES.search(Headers(scope=scope).get("accept-encoding", ""))
        if not takes and _is_whole_json(said):
            start["headers"] = list(map(_varied, start["headers"]))
            return send
        responder = self._responder() if takes else self._leaving()
        responder.send = send
        return responder.send_with_compression

    def _responder(self) -> IdentityResponder:
        """Return the library's part for clients that take gzip."""
        return GZipResponder(self._app, SMALLEST, LEVEL, thread_minimum_size=BESIDE)

    def _leaving(self) -> IdentityResponder:
        """Return its part for the others: caches are told that there are two kinds."""
        return IdentityResponder(self._app, SMALLEST)


def _is_whole_json(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether an answer is one of the endpoint's, which say on what they depend."""
    kind = headers.get(b"content-type", b"")
    is_json = kind.startswith(b"application/") and b"json;" in kind
    is_plain = b"content-encoding" not in headers
    return is_json and is_plain and b"content-length" in headers and b"vary" in headers


def _varied(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header, of which caches learn that the answer depends on the encodings too."""
    name, value = header
    return (name, value + b", Accept-Encoding") if name == b"vary" else header
