"""Which media type an answer has: the one place that reads a request's Accept.

`application/graphql-response+json` goes to clients that name it, `application/json` to those that
name that or anything at all: a client that says nothing in particular mostly knows no other type.
Weights decide; of two types that are named with equal weight the GraphQL type wins, because only
there may a status tell of a refusal. An answer that comes in parts goes as `multipart/mixed` to
clients that name it, in the shape that its parameters name; one that wants JSON more gets it whole.
Invariant: nothing in the header raises; what cannot be read in it counts as not said.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from functools import lru_cache

GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
HTML = "text/html"
PARTS = "multipart/mixed"

ACCEPT_MAX = 1024
"""Longest Accept that is read; browsers send about 150 characters, clients of GraphQL 110."""
_REMEMBERED = 256
"""Headers that are read once; a client sends always the same."""

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
_CHARSETS = frozenset({"utf-8", "utf8"})
_EXACT, _KIND, _ANY = 2, 1, 0


class PartsShape(Enum):
    """The shapes of an answer in parts, as the parameter of the media type that names each."""

    PENDING = "incrementalSpec=v0.2"
    """What is to come is announced with ids; the shape of graphql-js 17."""
    PATCHES = "deferSpec=20220824"
    """Every patch says its path; what clients understand that name no shape."""


@lru_cache(maxsize=_REMEMBERED)
def answer_type(accept: str) -> str | None:
    """Return the media type of an answer, None when the client takes none of ours."""
    if not accept.strip():
        return PLAIN_JSON
    if len(accept) > ACCEPT_MAX:
        return None
    ranges = list(_ranges(accept))
    typed, plain = (_wanted(each, ranges) for each in (GRAPHQL_JSON, PLAIN_JSON))
    if typed is None and plain is None:
        # Not every answer has parts, and who reads those reads JSON.
        return PLAIN_JSON if _shapes(ranges) else None
    if typed is None or plain is None:
        return PLAIN_JSON if plain else GRAPHQL_JSON
    if typed == plain:
        return GRAPHQL_JSON if typed[1] == _EXACT else PLAIN_JSON
    return GRAPHQL_JSON if typed > plain else PLAIN_JSON


@lru_cache(maxsize=_REMEMBERED)
def parts_shape(accept: str) -> PartsShape | None:
    """Return the shape in which a client wants an answer that has parts, None for a whole one."""
    if len(accept) > ACCEPT_MAX:
        return None
    ranges = list(_ranges(accept))
    shapes = _shapes(ranges)
    if not shapes:
        return None
    weight = max(shapes.values())
    whole = [_wanted(each, ranges) for each in (GRAPHQL_JSON, PLAIN_JSON)]
    if any(each is not None and each[0] > weight for each in whole):
        return None
    return PartsShape.PENDING if shapes.get(PartsShape.PENDING) == weight else PartsShape.PATCHES


@lru_cache(maxsize=_REMEMBERED)
def names_html(accept: str) -> bool:
    """Return whether a client names HTML itself, as browsers do when they open an address."""
    return len(accept) <= ACCEPT_MAX and any(
        kind == HTML and weight > 0 for kind, weight, _ in _ranges(accept)
    )


Range = tuple[str, float, Mapping[str, str]]


def _ranges(accept: str) -> Iterator[Range]:
    """Yield the media ranges that can be read, in lower case: kind, weight, parameters."""
    for part in accept.split(","):
        kind, *parameters = (each.strip().lower() for each in part.split(";"))
        said = {name.strip(): value.strip() for name, _, value in map(_split, parameters)}
        # An encoding that no answer has makes a range that none of our types is in.
        if said.get("charset", "utf-8").strip('"') in _CHARSETS:
            weight = said.get("q", "1")
            if _WEIGHT.fullmatch(weight):
                yield kind, float(weight), said


def _split(parameter: str) -> tuple[str, str, str]:
    return parameter.partition("=")


def _shapes(ranges: list[Range]) -> dict[PartsShape, float]:
    """Return the shapes that are taken, with their weights."""
    found: dict[PartsShape, float] = {}
    for kind, weight, said in ranges:
        if kind == PARTS and weight > 0:
            named = {name: value.strip('"') for name, value in said.items()}
            shape = _shape(named.keys() - {"q", "boundary", "charset"}, named)
            if shape is not None:
                found[shape] = max(weight, found.get(shape, 0.0))
    return found


def _shape(names: Collection[str], said: Mapping[str, str]) -> PartsShape | None:
    """Return the shape that parameters name; a protocol that is not spoken here is none."""
    if not names:
        return PartsShape.PATCHES
    for shape in PartsShape:
        name, _, value = shape.value.lower().partition("=")
        if list(names) == [name] and said[name] == value:
            return shape
    return None


def _wanted(offer: str, ranges: list[Range]) -> tuple[float, int] | None:
    """Return an offer's weight and how exactly it was named; None when it is not wanted."""
    names = {offer: _EXACT, f"{offer.partition('/')[0]}/*": _KIND, "*/*": _ANY}
    found = [(names[kind], weight) for kind, weight, _ in ranges if kind in names]
    if not found:
        return None
    exactness, weight = max(found)  # the most exact range decides, whatever its weight
    return (weight, exactness) if weight > 0 else None
