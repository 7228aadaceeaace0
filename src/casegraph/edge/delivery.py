"""An answer in parts, from the engine to the socket.

Making parts and sending them are two tasks: how slowly a client reads does not hold the execution
up, which has a deadline to keep, nor the place that it takes. What is made and not read is the
answer itself, so it is as bounded as a whole answer is.
Invariants: parts leave in the order in which they were made, each as soon as it is, but for the
last: that one is sent as a whole answer is, when the operation has given its place back and is told
of. When `make` has ended, however it ends, no work of the operation is left.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from casegraph.edge.answers import encode
from casegraph.edge.incremental import Frame, Patches, Present, errors_of, first_frame, later_frame
from casegraph.edge.multipart import HEADERS, content_type, first_part, last_part, later_part
from casegraph.edge.negotiation import PartsShape
from casegraph.engine.incremental import Parts


class Delivery(StreamingResponse):
    """A response of which all parts but the last leave before it is sent as a response."""

    def __init__(self, shape: PartsShape, headers: Mapping[str, str]) -> None:
        self._patches = Patches() if shape is PartsShape.PATCHES else None
        self._made: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._last = b""
        self._sending: asyncio.Task[None] | None = None
        super().__init__(
            self._chunks(),
            headers={**headers, **HEADERS},
            media_type=content_type(shape),
        )

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """Send the last part; of an abandoned response nothing more is sent."""
        if self._sending is not None:
            self._made.put_nowait(self._last)
            self._made.put_nowait(None)
            await asyncio.gather(self._sending, return_exceptions=True)

    def begin(self, send: Send) -> None:
        """Start to send the parts, each when it is made."""
        self._sending = asyncio.create_task(self.stream_response(send))

    def abandon(self) -> None:
        """Send no more: nobody reads it, or it cannot be made."""
        if self._sending is not None:
            self._sending.cancel()

    async def make(
        self, parts: Parts, present: Present, extensions: Callable[[], Mapping[str, Any]]
    ) -> Frame:
        """Make all parts; returns the answer's data with the errors of all of them.

        `extensions` is asked when the last part is ready, with which they are told.
        """
        frame = first_frame(parts.initial, present)
        errors = list(errors_of(frame))
        if self._patches is not None:
            frame = self._patches.first(frame)
        self._made.put_nowait(first_part(encode(frame)))
        async with aclosing(parts.later()) as later:
            async for part in later:
                frame = later_frame(part, present)
                errors += errors_of(frame)
                if not part.has_next and (told := extensions()):
                    frame["extensions"] = dict(told)
                if self._patches is not None:
                    frame = self._patches.later(frame)
                if part.has_next:
                    self._made.put_nowait(later_part(encode(frame)))
                else:
                    self._last = last_part(encode(frame))
        answer: Frame = {"data": parts.initial.data}
        return {**answer, "errors": errors} if errors else answer

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self._made.get()) is not None:
            yield chunk
