"""Headers that keep a browser from doing more with an answer than was meant, on every answer.

A part that knows better says so itself, as the explorer does with its policy; what it leaves out
is set to the strictest here. Answers hold a customer's data, so no cache keeps one unless told.
Invariant: no answer leaves without all of these, error pages included.
"""

from collections.abc import Mapping
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    # For pages of other origins that embed instead of asking; CORS is not touched by it.
    "cross-origin-resource-policy": "same-origin",
}


_RAW = tuple((name.encode(), value.encode()) for name, value in SAFE_HEADERS.items())
_NAMES = frozenset(name for name, _ in _RAW)


class SafeHeaders:
    """Sets what an answer has not set itself, as an ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                # Names are lower case, as ASGI asks; most answers set none or one of these.
                said = _NAMES.intersection([name for name, _ in headers])
                message["headers"] = [*headers, *_left_out(said)]
            await send(message)

        await self._app(scope, receive, send_safely)


@lru_cache(maxsize=1 << len(_NAMES))
def _left_out(said: frozenset[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that an answer does not have which has said these."""
    return tuple(each for each in _RAW if each[0] not in said)
