"""Kayako's sign-in: Basic once, then the session that came back, then Basic once more when it ends.

Contract §2.6: a request with Basic makes a new session each time and is slower; the answer carries
`session_id`, which every later call sends as `X-Session-ID`. 454 says that the session is gone.
A refused sign-in is not tried again for a minute, because a few of them lock the account; what
follows once it is locked is the matter of `lock`.
Invariant: one sign-in at a time. It costs no call of its own: the first call that is needed makes
it. Both credentials are never sent together, which the vendor answers with 454.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from casegraph.errors import CredentialsRefused
from casegraph.transport.calls import Call, Reply, Send
from casegraph.upstreams.ratings.records import error_codes

SESSION_GONE = 454
"""SESSION_LOADING_FAILED (contract §2.7)."""
REFUSED_PAUSE_SECONDS = 60.0
"""Pause after a refused sign-in; ours, for the vendor publishes no figure of its lock."""

_SESSION_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
_WANTS_A_PERSON = frozenset({"OTP_EXPECTED", "CREDENTIAL_EXPIRED"})
"""Codes of a 403 that end a sign-in half-way; one that denies a right is no refused sign-in."""


class _SignedIn(msgspec.Struct, frozen=True):
    session_id: str | None = None


class SessionCredentials:
    """Adds the session to every call, and signs in with Basic where there is none."""

    def __init__(
        self, inner: Send, authorization: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._clock = clock
        # `X-CSRF: false` asks for a session whose writes need no token (contract §2.6).
        self._sign_in_headers = {"authorization": authorization, "x-csrf": "false"}
        self._session: dict[str, str] | None = None
        self._no_sessions = False
        self._signing_in = asyncio.Lock()
        self._barred_until = float("-inf")

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
            return await self._sign_in(call)
        async with self._signing_in:
            session = self._session
            if session is None:
                return await self._sign_in(call)
        return await self._inner(_with(call, session))

    async def _sign_in(self, call: Call) -> Reply:
        if self._clock() < self._barred_until:
            what = "no sign-in is tried after the last one was refused"
            raise CredentialsRefused(call.upstream, call.operation, what, sent=False)
        reply = await self._inner(_with(call, self._sign_in_headers))
        self._barred_until = self._clock() + pause_after(reply)
        self._adopt(reply)
        return reply

    def _adopt(self, reply: Reply) -> None:
        """Keep the session that came with an answer; without one, Basic stays the way."""
        try:
            session_id = msgspec.json.decode(reply.body, type=_SignedIn).session_id or ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            session_id = ""
        if _SESSION_ID.fullmatch(session_id):
            session = {"x-session-id": session_id}
            token = reply.headers.get("x-csrf-token", "")
            if _SESSION_ID.fullmatch(token):
                session["x-csrf-token"] = token
            self._session = session
            self._no_sessions = False
        elif 200 <= reply.status < 300:  # noqa: PLR2004  the range is the definition of success
            self._no_sessions = True


def pause_after(reply: Reply) -> float:
    """Return how long no sign-in may follow this answer to one, in seconds."""
    half_way = reply.status == 403 and _WANTS_A_PERSON & error_codes(reply.body)  # noqa: PLR2004  a refusal in two steps
    return REFUSED_PAUSE_SECONDS if reply.status == 401 or half_way else 0.0  # noqa: PLR2004  a refusal


def _with(call: Call, headers: Mapping[str, str]) -> Call:
    return replace(call, headers={**call.headers, **headers})
