"""One real server for many small tests: each puts its own application on it.

Starting a server costs more than most tests do, so one is started and its application exchanged.
Invariant: every request is kept as it arrived, with its body, before the application sees it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casegraph.serving import start_in_thread


@dataclass(frozen=True)
class Seen:
    """One request: method, path and query as on the wire, headers in lower case, body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stage:
    """What is served at `url` now, and what was asked since it was put there."""

    url: str = ""
    app: ASGIApp | None = None
    requests: list[Seen] = field(default_factory=list)

    def play(self, app: ASGIApp) -> None:
        """Serve this application from now on, and forget what was asked before."""
        self.app = app
        self.requests.clear()

    @property
    def targets(self) -> list[str]:
        """Method and path of all requests, without their queries."""
        return [f"{seen.method} {seen.target.partition('?')[0]}" for seen in self.requests]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the request and hand it on."""
        if scope["type"] != "http" or self.app is None:
            raise RuntimeError("Nothing is played here.")
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode()
        self.requests.append(
            Seen(
                scope["method"],
                scope["raw_path"].decode() + (f"?{query}" if query else ""),
                {name.decode(): value.decode() for name, value in scope["headers"]},
                body,
            )
        )
        await self.app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


def open_stage() -> tuple[Stage, Callable[[], Any]]:
    """Start a server; returns its stage and what stops it."""
    stage = Stage()
    running = start_in_thread(stage)
    stage.url = running.url
    return stage, running.stop
