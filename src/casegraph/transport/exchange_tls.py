"""Whom the exchanges trust: the system's authorities, and beside them what a file names.

Every client builds a context of its own when left to itself, and each differs in something. One
context for all means one set of authorities, whichever client is set.
Invariant: certificates and host names are always checked; nothing turns that off.
"""

import ssl
from functools import cache


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return the context for calls to an upstream; raises OSError when the file cannot be read."""
    if ca_file is None:
        return _usual()
    tls = _made()
    tls.load_verify_locations(ca_file)
    return tls


@cache
def _usual() -> ssl.SSLContext:
    # Reading the system's certificates takes 20 ms and more: all exchanges share them.
    return _made()


def _made() -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.set_alpn_protocols(["http/1.1"])
    return tls
