"""A call as the bytes that go on the wire, and whom its origin names.

What a request is made of hardly changes from one call to the next: origin, method and most headers
are the same, only the target is not. So each of those is checked and written down once, and kept;
checking everything anew takes 7 µs a call. The kept lines hold credentials, as long as 512 others
have not been used since.
Invariant: every byte of a head comes from a text that `bodies` has let pass; an origin is taken in
its one normal form only, so that what is sent has exactly the origin that was asked for.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from casegraph.errors import InvalidArgument
from casegraph.transport.bodies import OURS, check_target, is_header, is_method
from casegraph.transport.calls import Call

_ORIGIN = re.compile(
    r"(https?)://(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_](?:[a-z0-9_.-]{0,252})))(?::([1-9][0-9]{0,4}))?",
    re.ASCII,
)
_LARGEST_PORT = 65_535
_STANDARD_PORTS = {"http": 80, "https": 443}
_WITHOUT_LENGTH = frozenset({"GET", "HEAD"})
"""Methods that say nothing of a body they do not have; the others say that it is empty."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to, and what the server is called there."""

    host: str
    """A name, or the literal of an IP address without brackets."""
    port: int
    is_tls: bool
    is_literal: bool
    """Whether the host is an address already, so that no name has to be resolved."""


@lru_cache(maxsize=32)
def address_of(origin: str) -> Address:
    """Return whom an origin names; raises ValueError unless it is in its one normal form."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError("not an origin")
    scheme, literal, name, digits = found.groups()
    standard = _STANDARD_PORTS[scheme]
    port = standard if digits is None else int(digits)
    if port > _LARGEST_PORT or (digits is not None and port == standard):
        raise ValueError("not a port that has to be named")
    if literal is not None:
        if str(IPv6Address(literal)) != literal:
            raise ValueError("not the usual form of an address")
        return Address(literal, port, scheme == "https", is_literal=True)
    return Address(name, port, scheme == "https", is_literal=_is_ipv4(name))


def encoded(call: Call) -> bytes:
    """Return the request, head and body; raises InvalidArgument, which repeats no value."""
    check_target(call)
    method, body = call.method, call.body
    lines = _OUR_LINES.copy()
    try:
        opening = _opening(method, call.origin)
        for name, value in call.headers.items():
            key, line = _line(name, value)
            lines[key] = line
    except ValueError:
        raise InvalidArgument(f"{call.upstream}: this cannot be sent.") from None
    if body is not None:
        lines[""] = f"content-length: {len(body)}\r\n"
    elif method not in _WITHOUT_LENGTH:
        lines[""] = "content-length: 0\r\n"
    head = f"{method} {call.target}{opening}{''.join(lines.values())}\r\n".encode("ascii")
    return head + body if body else head


@lru_cache(maxsize=64)
def _opening(method: str, origin: str) -> str:
    """Return what stands behind the target; raises ValueError for a method or an origin unsent."""
    if not is_method(method):
        raise ValueError("not a method")
    address_of(origin)
    return f" HTTP/1.1\r\nHost: {origin.partition('://')[2]}\r\n"


@lru_cache(maxsize=512)
def _line(name: str, value: str) -> tuple[str, str]:
    """Return a header's name in lower case, and its line; raises ValueError for one unsent."""
    if not is_header(name, value):
        raise ValueError("not a header")
    key = name.lower()
    return key, f"{key}: {value}\r\n"


_OUR_LINES = dict(_line(name, value) for name, value in OURS.items())


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
