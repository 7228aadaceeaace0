"""Kayako's lock: once the vendor says AUTHENTICATION_LOCKED, nothing is sent any more.

Contract §2.7: the code comes with a 429 that is no rate limit, after too many failed sign-ins, and
the vendor asks never to try again with these credentials. So neither the rate gate nor the retries
may see that answer: the one would remember a pause, the other would ask again. It stands between
the credentials and the wire, so that a call which waited for somebody else's sign-in is held too.
Invariant: after the answer that tells of the lock no call is begun for the life of the process, nor
of any other that was told through `others`; a new start, with other credentials, is what ends it.
"""

from casegraph.errors import CredentialsRefused
from casegraph.transport.calls import Call, Reply, Send
from casegraph.transport.pause import OwnPause, Pause
from casegraph.upstreams.ratings.records import error_codes

LOCKED = "AUTHENTICATION_LOCKED"
"""After too many failed sign-ins; the vendor asks never to try again with these credentials."""

LOCK_SECONDS = 3600.0
"""How long other processes with these credentials, new starts included, are told of the lock. The
vendor names no end of it; an hour keeps restarts in a row from trying, and ends by itself for who
has had the same credentials unlocked."""
_TOO_MANY = 429
_WHAT = "the vendor has locked the gateway's credentials"


def is_lock(reply: Reply) -> bool:
    """Return whether an answer says that the credentials are locked."""
    return reply.status == _TOO_MANY and LOCKED in error_codes(reply.body)


class LockedOut:
    """Lets calls through until one is answered with the lock."""

    def __init__(self, inner: Send, others: Pause | None = None) -> None:
        self._inner = inner
        self._others = others or OwnPause()
        self._is_locked = False

    async def __call__(self, call: Call) -> Reply:
        """Send the call; raises CredentialsRefused for the lock, unsent ever after."""
        if not self._is_locked:
            self._is_locked = await self._others.left() > 0
        if self._is_locked:
            raise CredentialsRefused(call.upstream, call.operation, _WHAT, sent=False)
        reply = await self._inner(call)
        if is_lock(reply):
            self._is_locked = True
            self._others.hold(LOCK_SECONDS)
            raise CredentialsRefused(call.upstream, call.operation, _WHAT)
        return reply
