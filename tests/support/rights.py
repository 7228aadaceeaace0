"""The bundled upstreams with a guard in front that knows people: each sees what is theirs to see.

The sandbox has one account; the guard takes a person's credential, asks with the sandbox's own, and
leaves out of the answer what that person may not see. A credential that nobody has is 401, as
with any vendor.
Invariant: what came is written down with the person's name, headers and path, before it is judged.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casegraph.sandbox.server import build
from casegraph.sandbox.world import World, build_world
from casegraph.serving import start_in_thread

UPSTREAMS = ("ACTION_MANAGEMENT", "CASE_REVIEWS", "RATINGS", "CUSTOMER_CASES")
SERVICE = "service"
RATINGS_HEADER = "x-ratings-token"
"""In which people's credentials may come as well, where a gateway says so."""
_NOT_FOUND = b'{"status": 404, "errors": [{"code": "RESOURCE_NOT_FOUND"}]}'
_CASE_KEYS = ("caseId", "case_id")


@dataclass(frozen=True)
class Visit:
    """One call as it came."""

    person: str
    upstream: str
    path: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass
class Guard:
    """The application in front of the sandbox's."""

    inner: ASGIApp
    people: dict[str, set[int]]
    """By credential, the cases that its bearer may not see."""
    accounts: dict[str, str]
    """By upstream, the authorization with which the sandbox lets one in."""
    prefixes: dict[str, str]
    visits: list[Visit] = field(default_factory=list)
    redirects: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in whoever is known, and leave out what they may not see."""
        upstream = self._upstream(scope)
        if upstream is None:
            await self.inner(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        person = headers.get("authorization") or headers.get(RATINGS_HEADER, "")
        hidden = self.people.get(person)
        if person == self.accounts[upstream]:
            person, hidden = SERVICE, set()
        self.visits.append(Visit(person, upstream, scope["path"], headers))
        if self.redirects:
            await _answer(send, 307, b"", ("location", "/elsewhere"))
        elif hidden is None:
            await _answer(send, 401, b"{}")
        elif any(f"/cases/{case}" in scope["path"].removesuffix(".json") for case in hidden):
            await _answer(send, 404, _NOT_FOUND)
        else:
            await self._pass(scope, receive, send, self.accounts[upstream], hidden)

    def calls(self, person: str) -> Counter[str]:
        """Return how often a person's credential came, by upstream."""
        return Counter(visit.upstream for visit in self.visits if visit.person == person)

    def _upstream(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or scope["path"].endswith("/token"):
            return None
        found = [name for name, start in self.prefixes.items() if scope["path"].startswith(start)]
        if not found:
            self.visits.append(Visit("", "", scope["path"], {}))
        return found[0] if found else None

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, account: str, hidden: set[int]
    ) -> None:
        left_out = (b"authorization", b"accept-encoding", RATINGS_HEADER.encode())
        kept = [(name, value) for name, value in scope["headers"] if name not in left_out]
        asked = {**scope, "headers": [*kept, (b"authorization", account.encode())]}
        start: dict[str, Any] = {}
        body = bytearray()

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self.inner(asked, receive, hold)
        seen = _without(json.loads(body), hidden) if hidden and body else None
        data = bytes(body) if seen is None else json.dumps(seen).encode()
        same = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
        length = (b"content-length", str(len(data)).encode())
        await send({**start, "headers": [*same, length]})
        await send({"type": "http.response.body", "body": data})


def _without(value: Any, hidden: set[int]) -> Any:
    """Return the same JSON without rows of hidden cases."""
    if isinstance(value, list):
        return [_without(each, hidden) for each in value if not _is_of(each, hidden)]
    if isinstance(value, dict):
        return {name: _without(each, hidden) for name, each in value.items()}
    return value


def _is_of(row: Any, hidden: set[int]) -> bool:
    if not isinstance(row, dict):
        return False
    named = [row.get(key) for key in _CASE_KEYS]
    if "dataFields" in row or "listValues" in row or "rating_status" in row:
        named.append(row.get("id"))
    return any(str(case) == str(name) for case in hidden for name in named)


async def _answer(send: Send, status: int, body: bytes, *more: tuple[str, str]) -> None:
    headers = [("content-type", "application/json"), ("content-length", str(len(body))), *more]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


@dataclass
class GuardedUpstreams:
    """The running sandbox behind its guard."""

    world: World
    guard: Guard
    shipped: Mapping[str, str]
    """Settings of a gateway that asks as the service."""

    def environment(self, **headers: str) -> dict[str, str]:
        """Return settings of a gateway that asks these upstreams as its callers.

        Their credentials are left out; nothing waits for a pace, and all that is read is kept.
        """
        secrets: tuple[str, ...] = ("TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "TOKEN")
        secrets += ("USERNAME", "EMAIL", "PASSWORD", "AUTH_HEADER", "AUTH_VALUE")
        left_out = {f"CASEGRAPH_{name}__{secret}" for name in headers for secret in secrets}
        kept = {name: value for name, value in self.shipped.items() if name not in left_out}
        kept |= {f"CASEGRAPH_{name}__FORWARD_HEADER": value for name, value in headers.items()}
        if "ACTION_MANAGEMENT" not in headers:
            account = self.guard.accounts["ACTION_MANAGEMENT"]
            kept["CASEGRAPH_ACTION_MANAGEMENT__TOKEN"] = account.removeprefix("Bearer ")
        kept["CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND"] = "0"
        for kind in ("CASES", "NOTES", "REVIEWS", "RATINGS", "CUSTOMER_CASES"):
            kept[f"CASEGRAPH_FRESHNESS__{kind}__FRESH_SECONDS"] = "600"
        return kept


@contextmanager
def guarded_upstreams(people: dict[str, set[int]], cases: int = 60) -> Iterator[GuardedUpstreams]:
    """Start a sandbox behind a guard that knows these credentials."""
    world = build_world(seed=7, cases=cases)
    sandbox = build(world)
    inside = sandbox.environment("http://inside")
    accounts = asyncio.run(_accounts(sandbox.app, inside))
    prefixes = {
        name: "/" + urlsplit(inside[f"CASEGRAPH_{name}__URL"]).path.split("/")[1]
        for name in UPSTREAMS
    }
    guard = Guard(sandbox.app, people, accounts, prefixes)
    with start_in_thread(guard) as running:
        yield GuardedUpstreams(world, guard, sandbox.environment(running.url))


async def _accounts(app: ASGIApp, settings: Mapping[str, str]) -> dict[str, str]:
    said = {name.removeprefix("CASEGRAPH_"): value for name, value in settings.items()}
    form = {
        "grant_type": "api-user",
        "client_id": said["ACTION_MANAGEMENT__CLIENT_ID"],
        "client_secret": said["ACTION_MANAGEMENT__CLIENT_SECRET"],
        "scope": said["ACTION_MANAGEMENT__SCOPE"],
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        answer = await client.post(said["ACTION_MANAGEMENT__TOKEN_URL"], data=form)
    return {
        "ACTION_MANAGEMENT": f"Bearer {answer.json()['access_token']}",
        "CASE_REVIEWS": _basic(
            f"{said['CASE_REVIEWS__USERNAME']}/token", said["CASE_REVIEWS__TOKEN"]
        ),
        "RATINGS": _basic(said["RATINGS__EMAIL"], said["RATINGS__PASSWORD"]),
        "CUSTOMER_CASES": said["CUSTOMER_CASES__AUTH_VALUE"],
    }


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
