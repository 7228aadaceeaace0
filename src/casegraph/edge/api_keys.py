"""API keys: a file of names, digests and scopes, read again whenever it changes.

A key is 256 random bits, so one SHA-256 of it is as hard to turn back as it is to guess; a slow
digest is for what people choose themselves. A line is `name sha256:DIGEST scope,scope`; a name may
stand on several lines, so that a key is rotated by adding a line, moving the clients and taking the
old line out.
Invariants: every digest is compared, each in constant time, whatever was found before; a file that
cannot be read or has a fault leaves the keys as they were, and is told of in the log; no key and no
digest is ever told.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from casegraph.edge.identity import Identity
from casegraph.engine.scopes import ALL_SCOPES, held

KEY_PREFIX = "cg_"
"""Begins every key, so that a scanner of sources and a reader of headers know one."""
KEY_MAX = 200
"""Longest text that is looked at, in characters; a key has 46."""
FILE_MAX = 2**20
"""Largest file, in bytes: some thousand keys, compared in under a millisecond."""
_RACY_SECONDS = 2.0
"""A file changed this recently may change again without its time telling."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_PARTS = 3

_log = logging.getLogger("casegraph.api_keys")


class ApiKeysError(Exception):
    """The file cannot be used; names the line and nothing that stands in it."""


@dataclass(frozen=True, slots=True)
class _Row:
    digest: bytes
    identity: Identity


def new_key(name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Return a new key and the line that lets it in; raises ApiKeysError."""
    chosen = list(dict.fromkeys(scopes))
    unknown = [scope for scope in chosen if scope not in ALL_SCOPES]
    if not _NAME.fullmatch(name):
        raise ApiKeysError("a name has letters, digits, dots, hyphens and underscores, at most 64.")
    if unknown or not chosen:
        raise ApiKeysError(f"scopes are {', '.join(sorted(ALL_SCOPES))}.")
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} sha256:{_digest(key).hex()} {','.join(chosen)}"


def read_keys(path: Path) -> tuple[_Row, ...]:
    """Return the keys of a file; raises ApiKeysError."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise ApiKeysError(f"{error.strerror or 'cannot be read'}.") from None
    except UnicodeDecodeError:
        raise ApiKeysError("not UTF-8.") from None
    if len(raw) > FILE_MAX:
        raise ApiKeysError(f"longer than {FILE_MAX} bytes.")
    return tuple(
        _row(number, line.split())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _row(number: int, parts: Sequence[str]) -> _Row:
    digest = _DIGEST.fullmatch(parts[1]) if len(parts) == _PARTS else None
    if digest is None or not _NAME.fullmatch(parts[0]):
        raise ApiKeysError(f"line {number}: `name sha256:DIGEST scope,scope` is asked for.")
    scopes = parts[2].split(",")
    if not ALL_SCOPES.issuperset(scopes):
        raise ApiKeysError(f"line {number}: scopes are {', '.join(sorted(ALL_SCOPES))}.")
    return _Row(bytes.fromhex(digest[1]), Identity(f"key:{parts[0]}", held(scopes)))


class ApiKeys:
    """The keys of one file, as they are at the moment of asking; raises ApiKeysError at first."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._settled = False
        self._told_of: tuple[int, int, int] | None = None
        self._rows: tuple[_Row, ...] = ()
        self._look()
        self._rows = read_keys(path)

    def identify(self, key: str) -> Identity | None:
        """Return whose key this is; None when it is nobody's."""
        self._refresh()
        digest = _digest(key[:KEY_MAX])
        found: Identity | None = None
        for row in self._rows:
            if hmac.compare_digest(row.digest, digest):
                found = row.identity
        return found if len(key) <= KEY_MAX else None

    def _refresh(self) -> None:
        """Read the file if it may have changed: a look at its entry costs some microseconds."""
        if not self._look():
            return
        try:
            self._rows = read_keys(self._path)
        except ApiKeysError:
            if self._told_of == self._seen:
                return
            self._told_of = self._seen
            _log.error("the file of API keys cannot be used, the keys from before stay")

    def _look(self) -> bool:
        """Return whether the file is another than at the last look."""
        try:
            entry = os.stat(self._path)  # noqa: PTH116  half of what Path.stat costs, on every request
        except OSError:
            seen, settled = (0, 0, 0), True
        else:
            seen = (entry.st_mtime_ns, entry.st_size, entry.st_ino)
            settled = self._now() - entry.st_mtime > _RACY_SECONDS
        changed = seen != self._seen or not self._settled
        self._seen, self._settled = seen, settled
        return changed


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
