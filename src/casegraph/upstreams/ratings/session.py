"""Kayako's sign-in: Basic once, then the session that came back, then Basic once more when it ends.

Contract §2.6: a request with Basic makes a new session each time and is slower; the answer carries
`session_id`, which every later call sends as `X-Session-ID`. 454 says that the session is gone.
Invariant: one sign-in at a time. It costs no call of its own: the first call that is needed makes
it. Both credentials are never sent together, which the vendor answers with 454.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from casegraph.transport.calls import Call, Reply, Send
from casegraph.upstreams.ratings.records import Envelope

SESSION_GONE = 454
"""SESSION_LOADING_FAILED (contract §2.7)."""

_SESSION_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)


class SessionCredentials:
    """Adds the session to every call, and signs in with Basic where there is none."""

    def __init__(self, inner: Send, authorization: str) -> None:
        self._inner = inner
        # `X-CSRF: false` asks for a session whose writes need no token (contract §2.6).
        self._sign_in_headers = {"authorization": authorization, "x-csrf": "false"}
        self._session: dict[str, str] | None = None
        self._no_sessions = False
        self._signing_in = asyncio.Lock()

    async def __call__(self, call: Call) -> Reply:
        """Send the call within the session; signs in at most once."""
        session = self._session
        if session is not None:
            reply = await self._inner(_with(call, session))
            if reply.status != SESSION_GONE:
                return reply
            if self._session is session:
                self._session = None
        if self._no_sessions:
            return await self._inner(_with(call, self._sign_in_headers))
        return await self._sign_in(call)

    async def _sign_in(self, call: Call) -> Reply:
        async with self._signing_in:
            if self._session is None:
                reply = await self._inner(_with(call, self._sign_in_headers))
                self._adopt(reply)
                return reply
            session = self._session
        return await self._inner(_with(call, session))

    def _adopt(self, reply: Reply) -> None:
        """Keep the session that came with a good answer; without one, Basic stays the way."""
        if not 200 <= reply.status < 300:  # noqa: PLR2004  the range is the definition of success
            return
        try:
            session_id = msgspec.json.decode(reply.body, type=Envelope).session_id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            session_id = None
        if session_id is None or not _SESSION_ID.fullmatch(session_id):
            self._no_sessions = True
            return
        self._session = {"x-session-id": session_id}
        token = reply.headers.get("x-csrf-token", "")
        if _SESSION_ID.fullmatch(token):
            self._session["x-csrf-token"] = token


def _with(call: Call, headers: Mapping[str, str]) -> Call:
    return replace(call, headers={**call.headers, **headers})
