"""HTTP's words for how old an answer may be, and how old it is (RFC 9111).

Of a request's `Cache-Control` the directives that a cache before an origin would obey are read:
`no-cache`, `max-age`, `max-stale` and `only-if-cached`; `no-store` reads as `no-cache`: what others
ask is kept all the same, but this client wants nothing of it.
Invariant: an unknown directive is no error, a known one with a wrong number is.
"""

import re
from collections.abc import Iterator, Mapping
from math import ceil

from casegraph.edge.decoding import BadRequest
from casegraph.loading.freshness import ANY, Acceptance

HEADER = "cache-control"

_QUOTED = re.compile(r'"([^"]*)"')
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_WITHOUT_END = float("inf")


def accepted(headers: Mapping[str, str]) -> Acceptance:
    """Return what a request accepts; raises BadRequest for a number that is none.

    Names are in lower case.
    """
    if HEADER not in headers:
        return ANY
    # Not `get`: the directives of several lines of the header hold together.
    said = ",".join(value for name, value in headers.items() if name == HEADER)
    flags: set[str] = set()
    seconds: dict[str, float] = {}
    for name, value in _directives(said):
        if name == "max-age" or (name == "max-stale" and value is not None):
            # The strictest of several: none of them may be broken.
            seconds[name] = min(_number(name, value), seconds.get(name, _WITHOUT_END))
        elif name == "max-stale":
            seconds.setdefault(name, _WITHOUT_END)
        else:
            flags.add(name)
    return Acceptance(
        max_age=seconds.get("max-age"),
        max_stale=seconds.get("max-stale"),
        no_cache=not flags.isdisjoint({"no-cache", "no-store"}),
        only_if_cached="only-if-cached" in flags,
    )


def answer_headers(age: float | None, fresh_for: float, *, is_whole: bool) -> dict[str, str]:
    """Return `Age` and `Cache-Control` of an answer; times are in seconds.

    `age` is that of its oldest part, None where it has no parts that age; `fresh_for` is how long
    all of them stay fresh. An answer with errors is not whole, and nothing to keep.
    """
    if not is_whole:
        return {HEADER: "no-store"}
    if age is None:
        return {HEADER: "private, no-cache"}
    told = ceil(age)
    # A cache takes the age off again, so what is left is told on top of it.
    lifetime = f"max-age={told + int(fresh_for)}" if fresh_for >= 1 else "no-cache"
    return {"age": str(told), HEADER: f"private, {lifetime}"}


def _directives(said: str) -> Iterator[tuple[str, str | None]]:
    """Return names in lower case and values, None where there is none."""
    # A comma inside quotes parts nothing; no directive that is read here needs one.
    for part in _QUOTED.sub(lambda found: found[1].replace(",", " "), said).split(","):
        name, equals, value = part.partition("=")
        yield name.strip().lower(), value.strip() if equals else None


def _number(name: str, value: str | None) -> float:
    if value is None or not _SECONDS.fullmatch(value):
        raise BadRequest(f"Cache-Control: {name} must be a whole number of seconds.")
    return float(value)
