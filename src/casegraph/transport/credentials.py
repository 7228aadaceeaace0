"""Proving to an upstream who we are: a fixed header, a renewable token, or a session.

Each kind is one layer of the chain. It adds its header to the call, and knows the one answer that
means "prove it again": then it renews once, repeats the call once, and lets a second refusal pass.
Invariant: one renewal in flight, however many calls find the proof stale; secrets stand only in
private fields of objects whose `repr` is the default one, never in a message.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from casegraph.errors import SettingsInvalid
from casegraph.transport.calls import Call, Reply, Send

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is sent to prove who we are, and when to renew it, in seconds of the monotonic clock."""

    headers: Mapping[str, str] = field(repr=False)
    stale_at: float = float("inf")


def header_value(setting: str, value: str) -> str:
    """Return `value` if it can stand in a header as it is; refuse it without repeating it."""
    if not _VALUE.fullmatch(value):
        raise SettingsInvalid(
            f"{setting}: empty, or holds a character that a header cannot carry there."
        )
    return value


def header_name(setting: str, name: str) -> str:
    """Return `name` in lower case if it can name a header; refuse it otherwise."""
    if not _NAME.fullmatch(name):
        raise SettingsInvalid(f"{setting}: empty, or holds a character that no header name has.")
    return name.lower()


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header for HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


class FixedHeaders:
    """Adds the same headers to every call."""

    def __init__(self, inner: Send, headers: Mapping[str, str]) -> None:
        self._inner = inner
        self._headers = dict(headers)

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Send the call with the fixed headers."""
        return self._inner(replace(call, headers={**call.headers, **self._headers}))


class Renewable:
    """Adds a proof that can go stale; fetches it when needed and once more when refused.

    `renew` makes a new proof; `stale_status` is the answer that says it is no longer accepted (401
    for a token, 454 for a session).
    """

    def __init__(
        self,
        inner: Send,
        renew: Callable[[], Awaitable[Proof]],
        *,
        stale_status: int,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._renew = renew
        self._stale_status = stale_status
        self._clock = clock
        self._proof: Proof | None = None
        self._renewal: asyncio.Task[Proof] | None = None

    async def __call__(self, call: Call) -> Reply:
        """Send the call with a valid proof, at most twice."""
        proof = self._proof
        if proof is None or self._clock() >= proof.stale_at:
            proof = await self._valid()
        reply = await self._inner(_with(call, proof))
        if reply.status != self._stale_status:
            return reply
        self._drop(proof)
        return await self._inner(_with(call, await self._valid()))

    def _drop(self, used: Proof) -> None:
        """Forget the refused proof, unless another call has replaced it meanwhile."""
        if self._proof is used:
            self._proof = None

    async def _valid(self) -> Proof:
        proof = self._proof
        if proof is not None and self._clock() < proof.stale_at:
            return proof
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch())
            self._renewal.add_done_callback(_read_failure)
        # Shielded: a caller that leaves must not take the renewal from those who wait for it.
        return await asyncio.shield(self._renewal)

    async def _fetch(self) -> Proof:
        try:
            self._proof = await self._renew()
            return self._proof
        finally:
            self._renewal = None


def _with(call: Call, proof: Proof) -> Call:
    return replace(call, headers={**call.headers, **proof.headers})


def _read_failure(task: asyncio.Task[Proof]) -> None:
    if not task.cancelled():
        task.exception()  # read, so that a renewal whose callers have all left stays silent
