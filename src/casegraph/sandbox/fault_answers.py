"""Answers that a plan names and no simulator gives: ready 429s, pages, redirects, refusals.

The forms of Retry-After are those a client must tell apart: the two legal ones, none, and what
servers really send instead. Kayako's two bodies are the ratings simulator's own.
Invariant: an answer holds its true Content-Length; lying about it is the delivery's business.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate

import msgspec
from starlette.types import Message

from casegraph.sandbox.fault_kinds import BODILESS
from casegraph.sandbox.traffic import Call, Proceed
from casegraph.upstreams.ratings.simulator_answers import Refusal

Header = tuple[bytes, bytes]
_JSON: Header = (b"content-type", b"application/json")
_PAGE = """<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><h1>Sign in</h1><p>Your session has ended. Please sign in to continue.</p></body></html>
"""


@dataclass(frozen=True)
class Answer:
    """A whole answer, held before it is sent; no Content-Length among its headers."""

    status: int
    headers: tuple[Header, ...]
    body: bytes

    def with_body(self, body: bytes, *headers: Header) -> "Answer":
        """Return it with another body; a status that forbids a body becomes 200."""
        status = 200 if body and self.status in BODILESS else self.status
        return replace(self, status=status, headers=(*self.headers, *headers), body=body)

    def without(self, name: bytes) -> "Answer":
        """Return it without a header."""
        return replace(self, headers=tuple(each for each in self.headers if each[0] != name))

    @property
    def framed(self) -> tuple[Header, ...]:
        """The headers with the Content-Length that HTTP wants."""
        if self.status in BODILESS:
            return self.headers
        return (*self.headers, (b"content-length", str(len(self.body)).encode()))


async def capture(call: Call, proceed: Proceed) -> Answer:
    """Let the call have its effect and hold its answer."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await proceed(replace(call, send=keep))
    start = messages[0]
    headers = tuple((name, value) for name, value in start["headers"] if name != b"content-length")
    return Answer(start["status"], headers, b"".join(each.get("body", b"") for each in messages))


def spelled(status: int, headers: Mapping[str, str], body: str) -> Answer:
    """Return an answer as a plan spells it out; JSON by its look when no content type is given."""
    listed = tuple(
        (name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()
    )
    if body and not any(name == b"content-type" for name, _ in listed):
        looks_json = body.lstrip()[:1] in {"{", "["}
        listed += (_JSON if looks_json else (b"content-type", b"text/plain; charset=utf-8"),)
    return Answer(status, listed, body.encode())


def page() -> Answer:
    """Return 200 with an HTML page."""
    return Answer(200, ((b"content-type", b"text/html; charset=utf-8"),), _PAGE.encode())


def too_many(wait_seconds: float) -> Answer:
    """Return 429 that asks to wait, in whole seconds, never too few."""
    return _retry_after(str(math.ceil(wait_seconds)))


def refusal(status: int, message: str) -> Answer:
    """Return the sandbox's own refusal."""
    return Answer(status, (_JSON,), msgspec.json.encode({"message": message}))


def named(name: str, seconds: int, now: float) -> Answer:
    """Return the ready answer `name`; `now` is the Unix time that its dates count from."""
    return _NAMED[name](seconds, now)


def _retry_after(value: str | None) -> Answer:
    headers = () if value is None else ((b"retry-after", value.encode()),)
    body = msgspec.json.encode({"message": "Too many requests."})
    return Answer(429, (_JSON, *headers), body)


def _kayako(code: str) -> Callable[[int, float], Answer]:
    def answer(seconds: int, _now: float) -> Answer:
        status, body, headers = Refusal(code, retry_after=seconds).response()
        listed = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        return Answer(status, (_JSON, *listed), msgspec.json.encode(body))

    return answer


def _date(moment: float) -> str:
    return formatdate(moment, usegmt=True)


_NAMED: Mapping[str, Callable[[int, float], Answer]] = {
    "429_seconds": lambda seconds, _: _retry_after(str(seconds)),
    "429_date": lambda seconds, now: _retry_after(_date(math.ceil(now) + seconds)),
    "429_absent": lambda _seconds, _now: _retry_after(None),
    "429_garbage": lambda _seconds, _now: _retry_after("soon; or a bit later"),
    "429_zero": lambda _seconds, _now: _retry_after("0"),
    "429_negative": lambda seconds, _: _retry_after(str(-max(seconds, 1))),
    "429_past_date": lambda seconds, now: _retry_after(_date(now - max(seconds, 1))),
    "429_huge": lambda _seconds, _now: _retry_after("9" * 30),
    "kayako_rate_limit_reached": _kayako("RATE_LIMIT_REACHED"),
    "kayako_authentication_locked": _kayako("AUTHENTICATION_LOCKED"),
}
