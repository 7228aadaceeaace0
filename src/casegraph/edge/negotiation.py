"""Which media type an answer has: the one place that reads a request's Accept.

`application/graphql-response+json` goes to clients that name it, `application/json` to those that
name that or anything at all: a client that says nothing in particular mostly knows no other type.
Weights decide; of two types that are named with equal weight the GraphQL type wins, because only
there may a status tell of a refusal.
Invariant: nothing in the header raises; what cannot be read in it counts as not said.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
HTML = "text/html"

ACCEPT_MAX = 1024
"""Longest Accept that is read; browsers send about 150 characters, clients of GraphQL 110."""
_REMEMBERED = 256
"""Headers that are read once; a client sends always the same."""

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)
_CHARSETS = frozenset({"utf-8", "utf8"})
_EXACT, _KIND, _ANY = 2, 1, 0


@lru_cache(maxsize=_REMEMBERED)
def answer_type(accept: str) -> str | None:
    """Return the media type of an answer, None when the client takes none of ours."""
    if not accept.strip():
        return PLAIN_JSON
    if len(accept) > ACCEPT_MAX:
        return None
    ranges = list(_ranges(accept))
    typed, plain = (_wanted(each, ranges) for each in (GRAPHQL_JSON, PLAIN_JSON))
    if typed is None or plain is None:
        return PLAIN_JSON if plain else GRAPHQL_JSON if typed else None
    if typed == plain:
        return GRAPHQL_JSON if typed[1] == _EXACT else PLAIN_JSON
    return GRAPHQL_JSON if typed > plain else PLAIN_JSON


@lru_cache(maxsize=_REMEMBERED)
def names_html(accept: str) -> bool:
    """Return whether a client names HTML itself, as browsers do when they open an address."""
    return len(accept) <= ACCEPT_MAX and any(
        kind == HTML and weight > 0 for kind, weight in _ranges(accept)
    )


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield the media ranges that can be read, in lower case, with their weights."""
    for part in accept.split(","):
        kind, *parameters = (each.strip().lower() for each in part.split(";"))
        said = {name.strip(): value.strip() for name, _, value in map(_split, parameters)}
        # An encoding that no answer has makes a range that none of our types is in.
        if said.get("charset", "utf-8").strip('"') in _CHARSETS:
            weight = said.get("q", "1")
            if _WEIGHT.fullmatch(weight):
                yield kind, float(weight)


def _split(parameter: str) -> tuple[str, str, str]:
    return parameter.partition("=")


def _wanted(offer: str, ranges: list[tuple[str, float]]) -> tuple[float, int] | None:
    """Return an offer's weight and how exactly it was named; None when it is not wanted."""
    names = {offer: _EXACT, f"{offer.partition('/')[0]}/*": _KIND, "*/*": _ANY}
    found = [(names[kind], weight) for kind, weight in ranges if kind in names]
    if not found:
        return None
    exactness, weight = max(found)  # the most exact range decides, whatever its weight
    return (weight, exactness) if weight > 0 else None
