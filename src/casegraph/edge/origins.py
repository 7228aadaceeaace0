"""Pages of other sites: which may ask, and what they cannot make a browser ask for them.

A POST is safe by its content type: JSON is none that a form can send, so a browser asks first, and
only the origins in the settings are told yes. A GET needs the same care, because an image or a
link can send one. It changes nothing, but it would run upstream calls in the name of whoever is
inside the network, and its time can be measured. So a GET counts as meant when it has a header
that no page can set without asking first, or when the browser itself says where it comes from.
A site can also give its own name the address of this machine, and then its pages are not other
sites' pages to a browser. A gateway that lets everybody on this machine in must therefore look at
the name under which a browser found it.
Invariant: without a list of origins no other site's page gets an answer that it can read.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Literal

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

Gets = Literal["open", "guarded", "off"]
"""GET for all but other sites' pages; only with a header that forces a preflight; not at all."""

_FORCING = (
    "authorization",
    "x-api-key",
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "graphql-require-preflight",
)
"""Headers that make a browser ask before it sends a page's request to another site."""
_ALLOWED = (
    *_FORCING,
    "cache-control",
    "traceparent",
    "x-apollo-operation-id",
    "x-casegraph-explain",
    "x-casegraph-trace",
    "x-deadline-ms",
    "x-request-id",
)
_READABLE = ("age", "allow", "retry-after", "www-authenticate", "x-request-id")
_SIMPLE_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII
)

_OWN_NAMES = re.compile(
    r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.ASCII
)
_BROWSER = "Mozilla/"
"""With this every browser's User-Agent begins."""


def is_origin(text: str) -> bool:
    """Return whether a text is an origin as browsers write it: scheme, host, port, no slash."""
    return _ORIGIN.fullmatch(text) is not None


def is_forgeable(headers: Headers, gets: Gets, allowed: Collection[str]) -> bool:
    """Return whether a GET may be another site's doing, and was not allowed to that site."""
    if any(headers.get(name) for name in _FORCING):
        return False
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in _SIMPLE_TYPES:
        return False
    site = headers.get("sec-fetch-site")
    if site is None:
        return gets != "open"
    return site not in {"same-origin", "none"} and headers.get("origin") not in allowed


def is_rebound(headers: Headers, allowed: Collection[str]) -> bool:
    """Return whether a browser was led to this machine under a name that is not its own.

    Programs may use any name: nobody but a browser runs what strangers wrote.
    """
    host = headers.get("host", "")
    if _is_own(host) or any(each.partition("://")[2] == host.lower() for each in allowed):
        return False
    says_so = "origin" in headers or "sec-fetch-site" in headers
    return says_so or headers.get("user-agent", "").startswith(_BROWSER)


@lru_cache(maxsize=64)  # clients say always the same
def _is_own(host: str) -> bool:
    return _OWN_NAMES.fullmatch(host.lower()) is not None


def cross_origin(allowed: Collection[str], forwarded: Iterable[str] = ()) -> list[Middleware]:
    """Return what answers browsers that ask for a page of another origin; nothing for no list.

    `forwarded` are further headers that such a page may send.
    """
    if not allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=tuple(allowed),
            allow_methods=("GET", "POST"),
            allow_headers=(*_ALLOWED, *forwarded),
            expose_headers=_READABLE,
        )
    ]
