"""Ways to spoil, change or overhear the calls of one upstream of a running sandbox for a moment.

Interventions stand inside the sandbox's own counting, so a spoiled call is counted like any other.
Invariant: what a context put in place is gone when it ends, whatever happened inside.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.types import Message

from casegraph.sandbox.traffic import Call, Intervention, Proceed
from support.upstreams import Upstreams


@contextmanager
def meddling(
    upstreams: Upstreams, upstream: str, intervention: Intervention
) -> Iterator[Intervention]:
    """Put an intervention around every call of one upstream."""
    interventions = upstreams.sandbox.traffic[upstream].interventions
    interventions.append(intervention)
    try:
        yield intervention
    finally:
        interventions.remove(intervention)


def answering(
    status: int,
    body: bytes = b"",
    *,
    operation: str | None = None,
    path_ends: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Intervention:
    """Answer calls in the upstream's place: all, or those of one operation and path ending."""

    async def answer(call: Call, proceed: Proceed) -> None:
        if operation not in {None, call.operation} or not call.scope["path"].endswith(path_ends):
            await proceed(call)
            return
        start = {"type": "http.response.start", "status": status, "headers": list(headers)}
        await call.send(start)
        await call.send({"type": "http.response.body", "body": body})

    return answer


def rewriting(operation: str, change: Callable[[Any], Any]) -> Intervention:
    """Change the decoded JSON of every answer to one operation before it is sent."""

    async def rewrite(call: Call, proceed: Proceed) -> None:
        if call.operation != operation:
            await proceed(call)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await proceed(replace(call, send=hold))
        body = b"".join(message.get("body", b"") for message in held)
        changed = json.dumps(change(json.loads(body))).encode()
        start = {**held[0], "headers": [(b"content-type", b"application/json")]}
        await call.send(start)
        await call.send({"type": "http.response.body", "body": changed})

    return rewrite


@dataclass
class Heard:
    """What was asked of an upstream: per call its operation, path, query and body."""

    calls: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    async def __call__(self, call: Call, proceed: Proceed) -> None:
        """Note one call and let it pass unchanged."""
        body = b""

        async def receive() -> Message:
            nonlocal body
            message = await call.receive()
            body += message.get("body", b"")
            return message

        await proceed(replace(call, receive=receive))
        scope = call.scope
        self.calls.append((call.operation, scope["path"], scope["query_string"].decode(), body))

    def bodies(self, operation: str) -> list[Any]:
        """Return the JSON bodies that one operation read, in order."""
        return [json.loads(body) for name, _, _, body in self.calls if name == operation and body]
