"""Request bodies: bytes in, JSON values out, and every bad body is the client's error.

JSON is read strictly, because two readers of one text must not differ: a key given twice is no
object, NaN and half a character are no values, and a number is one that every reader can hold.
The library's reader does the work in C; what it lets through is found by looking at the text with
its strings taken out, so that the whole stays linear in the body. That is done only where the whole
text, strings and all, gives a reason to: 2 µs for a small body where it took 4. Even that look is
for fixed bytes, since expressions take 7 ns a character: 5 µs for a body of 570 where they took 14.
Invariant: nothing a client can send raises anything but BadRequest here; a body is never held
beyond its bound, nor waited for beyond its time.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from casegraph.edge.first_step import resumed

BODY_MAX = 256 * 1024
"""Largest request body, in bytes (reliability default)."""
BODY_SECONDS = 10.0
"""Longest time from a request's headers to the end of its body (reliability default)."""
JSON_DEPTH_MAX = 32
"""Deepest nesting of a body; the deepest input of this schema needs six."""
DIGITS_MAX = 20
"""Longest run of digits: enough for 64 bits and for a double, short enough to cost nothing."""

NO_HEADERS: Mapping[str, str] = {}
CLOSE: Mapping[str, str] = {"connection": "close"}

_NOT_JSON = "The body is not valid JSON in UTF-8."
_BLANK = " \t\n\r"
"""What JSON calls blank; `strip` alone would take more."""
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
"""A string; only for texts that are JSON, where every quotation mark has its match."""
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LONG = re.compile(rf"[0-9]{{{DIGITS_MAX + 1}}}")
_HUGE = re.compile(r"[eE]\+?0*[1-9][0-9]{2}")
"""1e100 and above; 20 digits in front keep what is left far from infinity."""
_NUMBERS = bytes.maketrans(b"123456789E", b"000000000e")
"""Makes runs of digits, and exponents, such that they are found by a search for fixed bytes."""
_DIGITS = b"0" * (DIGITS_MAX + 1)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class BadRequest(Exception):
    """The request is not a GraphQL request; says why, in words a client may read."""

    status: ClassVar[int] = 400
    """HTTP's number for it."""
    code: ClassVar[str] = "BAD_REQUEST"
    """The error's code, for programs."""
    headers: Mapping[str, str] = NO_HEADERS
    """What HTTP wants said beside the status."""
    retry_after_ms: int | None = None
    """When asking again may help, where it may."""


class BodyTooLarge(BadRequest):
    """The body is larger than is taken; the rest of it was not read."""

    status = 413


class BodyTooSlow(BadRequest):
    """The body did not arrive in the time there was."""

    status = 408
    headers = CLOSE
    """What is still to come would be taken for the next request."""


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """How much of a body is read, and for how long."""

    at_most: int = BODY_MAX
    seconds: float = BODY_SECONDS

    async def read(self, receive: Receive) -> bytes:
        """Return a request's body; raises BodyTooLarge and BodyTooSlow, and stops reading there.

        Raises ClientDisconnect when the client leaves before its end.
        """
        reading = self._whole(receive)
        try:
            waits_for = reading.send(None)
        except StopIteration as ended:  # it was there with its headers, as most are
            body: bytes = ended.value
            return body
        try:
            async with asyncio.timeout(self.seconds):
                return await resumed(reading, waits_for)
        except TimeoutError:
            said = f"The body did not arrive within {self.seconds:g} seconds."
            raise BodyTooSlow(said) from None

    async def _whole(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self.at_most:
                raise BodyTooLarge(f"The body is larger than {self.at_most} bytes.")
            if not message.get("more_body", False):
                return bytes(body)


def decode_json(body: bytes) -> Any:
    """Return what a JSON text holds, read strictly; raises BadRequest."""
    try:
        text = body.decode().strip(_BLANK)
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise BadRequest(_NOT_JSON) from None
    if end != len(text):
        raise BadRequest(_NOT_JSON)
    shape = body.translate(_NUMBERS)
    if _DIGITS in shape or b"0e" in shape:
        _check_numbers(_STRING.sub("", text))
    if text.count("[") + text.count("{") > JSON_DEPTH_MAX:
        _check_depth(_STRING.sub("", text))
    if "\\u" in text and _SURROGATE.search(text):
        try:
            msgspec.json.encode(value)
        except UnicodeEncodeError:
            raise BadRequest("The body has a string with half a character.") from None
    return value


def _check_numbers(bare: str) -> None:
    if _LONG.search(bare) or _HUGE.search(bare):
        raise BadRequest(f"The body has a number of more than {DIGITS_MAX} digits, or above 1e100.")


def _check_depth(bare: str) -> None:
    if _is_deeper(bare, JSON_DEPTH_MAX):
        raise BadRequest(f"The body nests deeper than {JSON_DEPTH_MAX} levels.")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("The body has an object with the same key twice.")
    return found


def _no_constant(name: str) -> float:
    raise BadRequest(f"The body is not valid JSON: {name} is no number there.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _is_deeper(bare: str, at_most: int) -> bool:
    """Return whether brackets nest deeper, given JSON without its strings.

    Taking all empty pairs out lowers the depth by one, so what is left after `at_most` times is
    what was deeper; each time is one pass in C over a text that shrinks.
    """
    brackets = bare.encode().translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(at_most):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
