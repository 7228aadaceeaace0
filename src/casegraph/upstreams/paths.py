"""Paths that an id can never change: each kind of id has a grammar, then is escaped, then counted.

Percent-escaping alone does not help against `..`, which is made of unreserved characters; a client
that joins paths would climb with it. So ids are allow-listed first, numbers are parsed and printed
again, and the built path must have exactly the segments of its template.
Invariant: for any text whatsoever, either InvalidArgument and no call, or one path of the template.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode, urlsplit

from casegraph.errors import InvalidArgument, SettingsInvalid

INT32_MAX = 2**31 - 1
"""Largest id of Action Management (contract: all ids in paths are int32)."""
INT63_MAX = 2**63 - 1
"""Largest id of the others: ids above 2**32 were seen; taken for signed 64-bit columns."""
OPAQUE_MAX = 128
"""Longest opaque id or rating hash, in characters."""

_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HASH = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class Segment(str):
    """Text that has passed a grammar and may stand in a path."""

    __slots__ = ()


def _integer(name: str, value: str, largest: int) -> Segment:
    if _DIGITS.fullmatch(value):
        number = int(value)
        if 1 <= number <= largest:
            return Segment(number)
    raise InvalidArgument(f"{name}: a whole number from 1 to {largest} is asked for.")


def int32(name: str, value: str) -> Segment:
    """Return `value` as an id of 1 to 2**31 - 1; raises InvalidArgument."""
    return _integer(name, value, INT32_MAX)


def int63(name: str, value: str) -> Segment:
    """Return `value` as an id of 1 to 2**63 - 1; raises InvalidArgument."""
    return _integer(name, value, INT63_MAX)


def opaque(name: str, value: str) -> Segment:
    """Return free text as an id: 1 to 128 printable characters, neither `.` nor `..`."""
    if 1 <= len(value) <= OPAQUE_MAX and value not in {".", ".."} and value.isprintable():
        return Segment(value)
    raise InvalidArgument(
        f"{name}: 1 to {OPAQUE_MAX} printable characters are asked for, other than . and .."
    )


def rating_hash(name: str, value: str) -> Segment:
    """Return a rating mail's hash; at least one character is no digit (digits are a rating id)."""
    if _HASH.fullmatch(value) and not value.isdigit():
        return Segment(value)
    raise InvalidArgument(f"{name}: this is no rating hash.")


def target(
    base: str,
    template: str,
    ids: Mapping[str, Segment],
    query: Iterable[tuple[str, str]] = (),
) -> str:
    """Return path and query of one request below the base path.

    Raises InvalidArgument if the result would not have exactly the template's segments.
    """
    path = template
    for name, segment in ids.items():
        path = path.replace("{" + name + "}", quote(segment, safe=""))
    parts = path.split("/")
    if len(parts) != template.count("/") + 1 or not {".", ".."}.isdisjoint(parts) or "{" in path:
        raise InvalidArgument("This id would leave the upstream's own paths.")
    text = urlencode(list(query), quote_via=quote, safe="")
    return f"{base}{path}?{text}" if text else f"{base}{path}"


def split_base(setting: str, url: str) -> tuple[str, str]:
    """Return origin and base path of a configured URL.

    Raises SettingsInvalid, naming the setting, for other schemes, user-info, query or fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        path = quote(parts.path.rstrip("/"), safe="/-._~%")
    except ValueError:
        raise SettingsInvalid(f"{setting}: not a URL.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsInvalid(f"{setting}: an http or https URL is asked for.")
    if not _HOST.fullmatch(parts.hostname):
        raise SettingsInvalid(f"{setting}: a host is asked for, in its ASCII form.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsInvalid(f"{setting}: a URL without user, query and fragment is asked for.")
    if not {".", ".."}.isdisjoint(path.split("/")) or _BAD_ESCAPE.search(path):
        raise SettingsInvalid(f"{setting}: a URL without ., .. and stray % is asked for.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = {"http": 80, "https": 443}[parts.scheme]
    origin = f"{parts.scheme}://{host}" + ("" if port in {None, standard} else f":{port}")
    return origin, path
