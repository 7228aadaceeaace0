"""A connection to an address, made or failed for good; nothing is left behind by who stops waiting.

A name may have several addresses, and the first may lie behind a route that swallows everything:
then the next is tried a quarter of a second later (RFC 8305's figure), one after the other, because
uvloop has no happy eyeballs. Only the TCP part is cut short like that; a TLS handshake has all of
the connect time-out, which the caller keeps.
Invariant: certificates and host names are checked by the context that is handed in; no proxy.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from casegraph.transport.exchange_lean_connection import Connection
from casegraph.transport.exchange_lean_request import Address

_NEXT_ADDRESS_SECONDS = 0.25
"""RFC 8305 §5, the recommended delay between two attempts."""

_Found = tuple[int, int, int, str, tuple[Any, ...]]
"""One address as the resolver returns it: family, type, protocol, name, socket address."""


async def dial(address: Address, tls: ssl.SSLContext, make: Callable[[], Connection]) -> Connection:
    """Return an open connection; raises OSError, or UnicodeError for a name that cannot be one."""
    loop = asyncio.get_running_loop()
    secured = tls if address.is_tls else None
    name = address.host.rstrip(".") if address.is_tls else None
    if address.is_literal:
        _, connection = await loop.create_connection(
            make, address.host, address.port, ssl=secured, server_hostname=name
        )
        return connection
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    reached = await _first_reached(found)
    _, connection = await loop.create_connection(
        make, sock=reached, ssl=secured, server_hostname=name
    )
    return connection


async def _first_reached(found: Sequence[_Found]) -> socket.socket:
    """Return a socket connected to the first address that answers; raises the last's OSError."""
    if not found:
        raise OSError("no address")
    *earlier, last = found
    for each in earlier:
        try:
            async with asyncio.timeout(_NEXT_ADDRESS_SECONDS):
                return await _reached(each)
        except OSError:  # a time-out is one too
            continue
    return await _reached(last)


async def _reached(found: _Found) -> socket.socket:
    family, kind, protocol, _, where = found
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)  # noqa: FBT003  the socket's own signature
        await asyncio.get_running_loop().sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made
