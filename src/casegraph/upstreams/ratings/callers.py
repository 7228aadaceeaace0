"""Kayako asked as its callers: what one of them is refused says nothing of the others.

The vendor locks an account after a few failed sign-ins (contract §2.7), and one page may ask for
twenty ratings at once with a password that was changed. So of each credential one call goes first
and the others wait for it; once it was refused nothing is sent with it for a minute, and once it
is locked for an hour. There are no sessions: each call proves itself.
Invariants: nobody waits for another credential's call, nor is held by its refusal; however many
credentials there are, so many of them are remembered and no more.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from casegraph.errors import CredentialsMissing, CredentialsRefused
from casegraph.transport.calls import Call, Reply, Send
from casegraph.transport.forwarded import identity_for
from casegraph.transport.pause import OwnPause, Pause
from casegraph.upstreams.ratings.lock import LOCK_SECONDS, is_lock
from casegraph.upstreams.ratings.session import pause_after

CALLERS_MAX = 10_000
"""Credentials remembered; the one not used for longest is tried again like a new one."""
_NO_SESSION = {"x-csrf": "false"}
"""Asks for no token with writes (contract §2.6): it would belong to a session."""
_TOO_MANY = 429
_SERVER_FAULT = 500

_LOCKED = "the vendor has locked the caller's credentials"
_REFUSED = "the caller's credentials were refused a moment ago"


@dataclass(slots=True, eq=False)
class _Caller:
    """What is known of one credential."""

    others: Pause
    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the call that goes first."""
    is_proven: bool = False
    barred_until: float = float("-inf")
    why: str = _REFUSED


class CallersDoor:
    """Lets calls through by credential, as far as the vendor takes it.

    `locks` tells, by the digest of a credential, where other processes are told that it is locked.
    """

    def __init__(
        self,
        inner: Send,
        locks: Callable[[str], Pause] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._locks = locks or (lambda _whose: OwnPause())
        self._clock = clock
        self._callers: OrderedDict[str, _Caller] = OrderedDict()

    async def __call__(self, call: Call) -> Reply:
        """Send the call; raises CredentialsRefused, unsent, for what was refused before."""
        whose = identity_for(call.upstream)
        if whose is None:
            raise CredentialsMissing(call.upstream, call.operation)
        caller = self._caller(whose)
        if not caller.is_proven:
            async with caller.first:
                if not caller.is_proven:
                    return await self._send(call, caller)
        return await self._send(call, caller)

    async def _send(self, call: Call, caller: _Caller) -> Reply:
        await self._refuse_barred(call, caller)
        reply = await self._inner(replace(call, headers={**call.headers, **_NO_SESSION}))
        if is_lock(reply):
            self._bar(caller, LOCK_SECONDS, _LOCKED)
            caller.others.hold(LOCK_SECONDS)
            raise CredentialsRefused(call.upstream, call.operation, _LOCKED)
        seconds = pause_after(reply)
        if seconds > 0:
            self._bar(caller, seconds, _REFUSED)
        elif reply.status < _SERVER_FAULT and reply.status != _TOO_MANY:
            caller.is_proven = True
        return reply

    async def _refuse_barred(self, call: Call, caller: _Caller) -> None:
        if caller.why is not _LOCKED or self._clock() >= caller.barred_until:
            left = await caller.others.left()
            if left > 0:
                self._bar(caller, min(left, LOCK_SECONDS), _LOCKED)
        if self._clock() < caller.barred_until:
            raise CredentialsRefused(call.upstream, call.operation, caller.why, sent=False)

    def _bar(self, caller: _Caller, seconds: float, why: str) -> None:
        caller.is_proven = False
        caller.barred_until = self._clock() + seconds
        caller.why = why

    def _caller(self, whose: str) -> _Caller:
        caller = self._callers.get(whose)
        if caller is None:
            caller = self._callers[whose] = _Caller(self._locks(whose))
            if len(self._callers) > CALLERS_MAX:
                self._callers.popitem(last=False)
        else:
            self._callers.move_to_end(whose)
        return caller
