"""What a fault does to the body of an answer: bytes in, bytes out.

Each spoiled body stays as near to the true one as its fault allows, so that a reader is tried on
what a broken upstream really sends, and not on noise that any check would refuse.
Invariant: pure, and defined for every body, JSON or not; a path that leads nowhere changes nothing.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import UNSET

_BLOCK = b" " * 65_536
_DEEP = 100_000
"""Brackets: far beyond the depth at which a recursive reader gives up."""
_DIGITS = 5_000_000
"""Digits of the huge integer: 5 MB, which a reader that takes any integer chews on for minutes."""

_LONGEST_INDEX = 9


def padded(body: bytes, size: int) -> bytes:
    """Return the body with blanks after it, `size` bytes in all; a longer body stays as it is."""
    return body.ljust(size, b" ")


def gzipped(body: bytes, size: int, times: int) -> bytes:
    """Return the padded body under `times` layers of gzip, without holding it unpacked."""
    layers = [zlib.compressobj(9, wbits=31) for _ in range(times)]
    packed = bytearray()
    for piece in _pieces(body, size):
        packed += _through(layers, piece)
    for number, layer in enumerate(layers):
        packed += _through(layers[number + 1 :], layer.flush())
    return bytes(packed)


def broken(body: bytes, form: str) -> bytes:
    """Return the body as JSON broken in the `form` of the kind bad_json."""
    return _FORMS[form](body)


def replaced(body: bytes, path: str, value: Any = UNSET) -> bytes:
    """Return the JSON body with `value` at each place that `path` names.

    Unset, a number, text, boolean or null becomes an object, and an object or array a text: no
    tolerant reader takes one for the other.
    """

    def put(there: Any, key: Any) -> None:
        there[key] = _other(there[key]) if value is UNSET else value

    return _edited(body, path, put)


def dropped(body: bytes, path: str) -> bytes:
    """Return the JSON body without what `path` names."""

    def drop(there: Any, key: Any) -> None:
        del there[key]

    return _edited(body, path, drop)


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    yield body
    missing = size - len(body)
    while missing > 0:
        yield _BLOCK[:missing]
        missing -= len(_BLOCK)


def _through(layers: list[Any], piece: bytes) -> bytes:
    for layer in layers:
        piece = layer.compress(piece)
    return piece


def _cut(body: bytes) -> bytes:
    # Half of an object or array is never JSON; half of a number or of blanks may be.
    text = body.strip()
    return body[: len(body) // 2] if text[:1] in {b"{", b"["} else b'{"cut": '


def _with_nan(body: bytes) -> bytes:
    return b'{"value": NaN, "was": ' + (body.strip() or b"null") + b"}"


def _with_twins(body: bytes) -> bytes:
    """Write the first key of the outermost object twice, with another value the second time."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    name = json.dumps(next(iter(value))) if isinstance(value, dict) and value else '"id"'
    if not (isinstance(value, dict) and value):
        return f"{{{name}: 1, {name}: 2}}".encode()
    return body.rstrip()[:-1] + f", {name}: null}}".encode()


def _bad_utf8(body: bytes) -> bytes:
    """Put a byte that UTF-8 does not have into the first text of the body."""
    before, quote, after = body.partition(b'"')
    return before + quote + b"\xff" + after if quote else b'"\xff"'


_FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "cut": _cut,
    "empty": lambda _: b"",
    "words": lambda _: b"Service temporarily unavailable",
    "nan": _with_nan,
    "duplicate_keys": _with_twins,
    "bad_utf8": _bad_utf8,
    "deep": lambda _: b"[" * _DEEP + b"]" * _DEEP,
    "huge_integer": lambda _: b'{"id": ' + b"9" * _DIGITS + b"}",
}


def _edited(body: bytes, path: str, edit: Callable[[Any, Any], None]) -> bytes:
    try:
        root = [json.loads(body)]
    except ValueError:
        return body
    keys = [key.replace("~1", "/").replace("~0", "~") for key in path.split("/")[1:]]
    holders: list[tuple[Any, Any]] = [(root, 0)]
    for key in keys:
        holders = [
            (there[inner], found)
            for there, inner in holders
            for found in _matching(there[inner], key)
        ]
    for there, key in reversed(holders):  # from behind, so that dropping moves no later place
        edit(there, key)
    return json.dumps(root[0], ensure_ascii=False, separators=(",", ":")).encode()


def _matching(there: Any, key: str) -> list[Any]:
    if isinstance(there, dict):
        return list(there) if key == "*" else [key] * (key in there)
    if isinstance(there, list):
        every = range(len(there))
        if key == "*":
            return list(every)
        is_index = key.isascii() and key.isdigit() and len(key) <= _LONGEST_INDEX
        return [int(key)] if is_index and int(key) in every else []
    return []


def _other(value: Any) -> Any:
    return "unexpected" if isinstance(value, dict | list) else {"unexpected": True}
