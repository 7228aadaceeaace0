"""Answers that leave in one piece, where the server would write their head and body one by one.

Each write is a call of the system that also wakes the client, and each header is looked at by
itself. Who sends an answer may say that its body follows in one message and at once; then both are
written together.
Invariant: what is sent is what the server would send; whatever is unusual is left to it.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from casegraph.edge.replies import WHOLE

_IN_VALUES = bytes({9, *range(32, 127), *range(128, 256)})
"""What may stand in the value of a header."""
_IN_NAMES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
"""What may stand in its name, which ASGI has in lower case."""
_OF_THE_SERVER = frozenset((b"connection", b"transfer-encoding"))
"""Headers that change how an answer is sent."""


class WholeAnswers(RequestResponseCycle):
    """One request and its answer."""

    _start: Any = None
    """The head of an answer whose body is to follow at once."""

    async def send(self, message: Any) -> None:
        """Take a message of ASGI."""
        if message.get(WHOLE) and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        # A second start is the server's own: the application has failed before its body.
        if start is not None and message["type"] == "http.response.body":
            if self._is_written(start, message):
                return
            await super().send(start)
        await super().send(message)

    def _is_written(self, start: Any, message: Any) -> bool:
        """Write a whole answer, if it is one, and nothing about it is unusual."""
        body = message.get("body", b"")
        lines = self._lines(start, len(body))
        if (
            lines is None
            or message.get("more_body")
            or self.disconnected
            or self.flow.write_paused
            or not self.keep_alive
            or self.access_log
            or self.scope["method"] == "HEAD"
        ):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        head = STATUS_LINE[start["status"]] + lines + b"\r\n\r\n"
        self.transport.writelines((head, body))
        self.message_event.set()
        self.on_response()
        return True

    def _lines(self, start: Any, size: int) -> bytes | None:
        """Return the headers of an answer of so many bytes; None where the server has to look."""
        headers = [*self.default_headers, *start["headers"]]
        said = dict(reversed(headers))  # of what is said twice the first counts, as it does there
        if said.get(b"content-length") != b"%d" % size or not _OF_THE_SERVER.isdisjoint(said):
            return None
        lines = b"\r\n".join(map(b": ".join, headers))
        has_ends_only = lines.translate(None, _IN_VALUES) == b"\r\n" * (len(headers) - 1)
        has_names_only = not b"".join(said).translate(None, _IN_NAMES)
        return lines if has_ends_only and has_names_only else None
