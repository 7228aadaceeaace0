"""Paths that an id can never change: each kind of id has a grammar, then is escaped, then counted.

Percent-escaping alone does not help against `..`, which is made of unreserved characters; a client
that joins paths would climb with it. So ids are allow-listed first, numbers are parsed and printed
again, and the built path must have exactly the segments of its template.
Invariant: for any text whatsoever, either InvalidArgument and no call, or one path of the template.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, urlsplit

from casegraph.errors import InvalidArgument, SettingsInvalid

INT32_MAX = 2**31 - 1
"""Largest id of Action Management (contract: all ids in paths are int32)."""
INT63_MAX = 2**63 - 1
"""Largest id of the others: ids above 2**32 were seen; taken for signed 64-bit columns."""
OPAQUE_MAX = 128
"""Longest opaque id or rating hash, in characters."""

_LONGEST_KEPT = 64
"""Characters of a query's text whose escapes are kept; a thousand are, names and moments mostly."""
_IDS_KEPT = 4096
"""Numbers that have passed a grammar, kept for the next time: those of a list are asked for one by
one, and again for each thing that stands beside them. A refusal is not kept."""
_MOST_DIGITS = 19
"""Of a number that is read; `int` would take seconds for a hundred thousand."""
_PLACE = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HASH = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class Segment(str):
    """Text that has passed a grammar and may stand in a path."""

    __slots__ = ()
    as_json = str.__str__


def number_in(text: str) -> int | None:
    """Return the whole number that an id is; None for any other text, and for one that is too long.

    Not every text of digits is one: a superscript two is a digit that `int` refuses.
    """
    is_one = text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS
    return int(text) if is_one else None


def _integer(name: str, value: str, largest: int) -> Segment:
    number = number_in(value)
    if number is not None and 1 <= number <= largest:
        return Segment(number)
    raise InvalidArgument(f"{name}: a whole number from 1 to {largest} is asked for.")


@lru_cache(maxsize=_IDS_KEPT)
def int32(name: str, value: str) -> Segment:
    """Return `value` as an id of 1 to 2**31 - 1; raises InvalidArgument."""
    return _integer(name, value, INT32_MAX)


@lru_cache(maxsize=_IDS_KEPT)
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
    form, names = _form(template)
    parts: list[str] = []
    is_plain = True
    try:
        for name in names:
            segment = ids[name]
            if segment.isalnum() and segment.isascii():
                parts.append(segment)
            else:
                is_plain = False
                parts.append(quote(segment, safe=""))
    except KeyError:
        raise InvalidArgument("This id would leave the upstream's own paths.") from None
    path = form % tuple(parts)
    if not is_plain and not _has_segments_of(path, template):
        raise InvalidArgument("This id would leave the upstream's own paths.")
    text = "&".join([f"{_escaped(name)}={_escaped(value)}" for name, value in query])
    return f"{base}{path}?{text}" if text else f"{base}{path}"


@lru_cache(maxsize=256)
def _form(template: str) -> tuple[str, tuple[str, ...]]:
    """Return a template with `%s` for each place, and the names of the places."""
    return _PLACE.sub("%s", template.replace("%", "%%")), tuple(_PLACE.findall(template))


def _has_segments_of(path: str, template: str) -> bool:
    """Say whether as many segments came of it as the template has, and none that is resolved away.

    Letters and digits alone could not change that.
    """
    parts = path.split("/")
    return len(parts) == template.count("/") + 1 and {".", ".."}.isdisjoint(parts)


def _escaped(text: str) -> str:
    """Return what stands for a text in a query: itself, or percent-escapes."""
    if text.isalnum() and text.isascii():
        return text
    return _kept_escapes(text) if len(text) <= _LONGEST_KEPT else quote(text, safe="")


@lru_cache(maxsize=1024)
def _kept_escapes(text: str) -> str:
    return quote(text, safe="")


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
