"""Carrying out one outcome on one call: when it takes effect, and how its answer leaves.

What HTTP allows is said through ASGI; only the lies, a close too early and a reset, go to the
connection. A server that does not show its connection gets 501 for those, never a silent pass.
Invariant: a call has its effect at most once, and none when its caller left, or was reset, before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import singledispatch

from casegraph.sandbox import fault_bodies, fault_kinds
from casegraph.sandbox.fault_answers import (
    Answer,
    Header,
    capture,
    named,
    page,
    refusal,
    spelled,
)
from casegraph.sandbox.fault_gates import Clock
from casegraph.sandbox.fault_kinds import BODILESS, AnyOutcome
from casegraph.sandbox.traffic import Call, Proceed, Sleep
from casegraph.sandbox.wire import CONNECTION, Caller, Connection, Release

_PIECE = 65_536
_PHRASE = b"Sandbox"
"""The reason phrase of answers written by hand; no client may read it."""


@dataclass
class Stage:
    """One call that something is done to; `told` are headers that every answer to it carries."""

    call: Call
    proceed: Proceed
    caller: Caller
    released: Release
    sleep: Sleep
    wall: Clock
    told: tuple[Header, ...] = ()
    _held: Answer | None = None

    async def answer(self) -> Answer:
        """Let the effect happen, once, and return the answer to it."""
        if self._held is None:
            self._held = await capture(self.call, self.proceed)
        return self._held

    async def pause(self, seconds: float | None) -> bool:
        """Wait, without end when None, but not beyond the plan; False when the caller left."""
        waits: list[Awaitable[object]] = [self.caller.gone.wait(), self.released.wait()]
        if seconds is not None:
            waits.append(self.sleep(seconds))
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return not self.caller.gone.is_set()

    async def send(self, answer: Answer) -> None:
        """Send a whole answer in order."""
        await self.start(answer.status, answer.framed)
        for start in range(0, len(answer.body), _PIECE):
            await self.piece(answer.body[start : start + _PIECE])
        await self.end()

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        """Send the status line and the headers."""
        listed = [*headers, *self.told]
        await self.call.send({"type": "http.response.start", "status": status, "headers": listed})

    async def piece(self, body: bytes) -> None:
        """Send a piece of the body, which goes on."""
        await self.call.send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """End the body in order."""
        await self.call.send({"type": "http.response.body", "body": b"", "more_body": False})

    @property
    def connection(self) -> Connection | None:
        """The connection under the call, if the server shows it."""
        transport = self.call.scope.get(CONNECTION)
        return None if transport is None else Connection(transport, self.caller)


@singledispatch
async def perform(outcome: AnyOutcome, stage: Stage) -> None:
    """Do to the call what the outcome says."""
    raise TypeError(f"no way to perform {outcome} on {stage.call.operation}")


@perform.register
async def _pass(_: fault_kinds.Pass, stage: Stage) -> None:
    await stage.send(await stage.answer())


@perform.register
async def _slow(outcome: fault_kinds.Slow, stage: Stage) -> None:
    if await stage.pause(outcome.delay_ms / 1000):
        await stage.send(await stage.answer())


@perform.register
async def _hang(_: fault_kinds.Hang, stage: Stage) -> None:
    if await stage.pause(None):
        await stage.send(await stage.answer())


@perform.register
async def _hang_after_headers(_: fault_kinds.HangAfterHeaders, stage: Stage) -> None:
    answer = await stage.answer()
    # Chunked when there is no body, so that there is something to wait for.
    headers = answer.framed if answer.body else answer.headers
    await stage.start(200 if answer.status in BODILESS else answer.status, headers)
    if await stage.pause(None):
        await stage.piece(answer.body)
        await stage.end()


@perform.register
async def _drip(outcome: fault_kinds.Drip, stage: Stage) -> None:
    answer = await stage.answer()
    await stage.start(answer.status, answer.framed)
    for start in range(0, len(answer.body), outcome.bytes):
        if start and not await stage.pause(outcome.interval_ms / 1000):
            return
        await stage.piece(answer.body[start : start + outcome.bytes])
    await stage.end()


@perform.register
async def _reset(_: fault_kinds.Reset, stage: Stage) -> None:
    await _on_connection(stage, _reset_now)


async def _reset_now(connection: Connection) -> None:
    await connection.reset()


async def _on_connection(stage: Stage, act: Callable[[Connection], Awaitable[None]]) -> None:
    connection = stage.connection
    if connection is None:
        await stage.send(refusal(501, "This server does not show the connection to the fault."))
    else:
        await act(connection)


@perform.register(fault_kinds.ResetInBody)
@perform.register(fault_kinds.Truncate)
@perform.register(fault_kinds.CutChunked)
@perform.register(fault_kinds.CutLengthless)
async def _cut(
    outcome: fault_kinds.ResetInBody
    | fault_kinds.Truncate
    | fault_kinds.CutChunked
    | fault_kinds.CutLengthless,
    stage: Stage,
) -> None:
    answer = await stage.answer()
    # An empty body has nothing to cut; one blank gives it something to miss.
    whole = answer.with_body(answer.body or b" ")
    half = len(whole.body) // 2
    asked = half if outcome.after_bytes is None else outcome.after_bytes
    kept = whole.body[: min(asked, len(whole.body) - 1)]

    async def act(connection: Connection) -> None:
        if isinstance(outcome, fault_kinds.CutLengthless):
            await connection.close(_by_hand(whole, stage.told) + kept)
            return
        chunked = isinstance(outcome, fault_kinds.CutChunked)
        await stage.start(whole.status, whole.headers if chunked else whole.framed)
        await stage.piece(kept)
        if isinstance(outcome, fault_kinds.ResetInBody):
            await connection.reset()
        else:
            await connection.close()

    await _on_connection(stage, act)


def _by_hand(answer: Answer, told: tuple[Header, ...]) -> bytes:
    """Write the head of an answer that neither Content-Length nor chunks delimit."""
    headers = (*answer.headers, *told, (b"connection", b"close"))
    lines = [b"HTTP/1.1 %d %s" % (answer.status, _PHRASE)]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", b""])


@perform.register
async def _bloat(outcome: fault_kinds.Bloat, stage: Stage) -> None:
    answer = await stage.answer()
    await stage.send(answer.with_body(fault_bodies.padded(answer.body, outcome.bytes)))


@perform.register
async def _gzip_bomb(outcome: fault_kinds.GzipBomb, stage: Stage) -> None:
    await _send_gzipped(stage, outcome.bytes, 1)


@perform.register
async def _double_gzip(outcome: fault_kinds.DoubleGzip, stage: Stage) -> None:
    await _send_gzipped(stage, outcome.bytes, 2)


async def _send_gzipped(stage: Stage, size: int, times: int) -> None:
    answer = await stage.answer()
    # In a thread: packing 50 MB takes longer than the other upstreams may stand still.
    packed = await asyncio.to_thread(fault_bodies.gzipped, answer.body, size, times)
    coding = (b"content-encoding", b", ".join([b"gzip"] * times))
    await stage.send(answer.with_body(packed, coding))


@perform.register
async def _bad_json(outcome: fault_kinds.BadJson, stage: Stage) -> None:
    answer = await stage.answer()
    await stage.send(answer.with_body(fault_bodies.broken(answer.body, outcome.form)))


@perform.register
async def _wrong_types(outcome: fault_kinds.WrongTypes, stage: Stage) -> None:
    answer = await stage.answer()
    body = fault_bodies.replaced(answer.body, outcome.path, outcome.value)
    await stage.send(answer.with_body(body))


@perform.register
async def _drop_field(outcome: fault_kinds.DropField, stage: Stage) -> None:
    answer = await stage.answer()
    await stage.send(answer.with_body(fault_bodies.dropped(answer.body, outcome.path)))


@perform.register
async def _html(_: fault_kinds.Html, stage: Stage) -> None:
    await stage.send(page())


@perform.register
async def _status(outcome: fault_kinds.Status, stage: Stage) -> None:
    if outcome.named is not None:
        await stage.send(named(outcome.named, outcome.retry_after_seconds, stage.wall()))
    elif outcome.code is not None:
        await stage.send(spelled(outcome.code, outcome.headers, outcome.body))


@perform.register
async def _redirect(outcome: fault_kinds.Redirect, stage: Stage) -> None:
    await stage.send(spelled(outcome.code, {"Location": outcome.to}, ""))


@perform.register
async def _status_after(outcome: fault_kinds.StatusAfter, stage: Stage) -> None:
    await stage.answer()
    if outcome.then == "reset":
        await _on_connection(stage, _reset_now)
    elif outcome.then == "answer" or await stage.pause(None):
        await stage.send(spelled(outcome.code, outcome.headers, outcome.body))
