"""The keys with which an issuer signs, fetched from its JWKS and kept.

A key that is not known may be new, so it is worth one look; a look is worth nothing if another was
just made. So whatever kids tokens come with, the issuer is asked once in a cool-down. While it
cannot be asked, the keys from before count for a day: an outage of the issuer signs nobody out.
Invariants: one fetch at a time, and none within the cool-down of another; what the issuer has
taken out of its set counts no more once the set was fetched.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from casegraph.edge.algorithms import SUPPORTED
from casegraph.edge.identity import KeysUnavailable

COOL_DOWN_SECONDS = 30.0
"""Shortest time between two fetches, whether they succeed or not."""
FRESH_SECONDS = 600.0
"""Age from which the set is fetched anew, behind the answer: how soon a withdrawn key is gone."""
USABLE_SECONDS = 24 * 3600.0
"""Age beyond which a set that cannot be fetched anew is none."""
KEYS_MAX = 100
"""Keys of a set that are looked at; issuers have two or three."""
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")
_RSA_BITS_MIN = 2048

_log = logging.getLogger("casegraph.signing_keys")

Fetch = Callable[[], Awaitable[bytes]]
"""Fetches the JWKS; raises whatever it likes."""


class SigningKeys:
    """The keys of one issuer, for these algorithms."""

    def __init__(
        self,
        fetch: Fetch,
        algorithms: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._algorithms = tuple(algorithms)
        self._clock = clock
        self._keys: Mapping[tuple[str, str | None], PyJWK] | None = None
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self.version = 0
        """Changes with every set that was fetched."""

    async def current(self) -> None:
        """Have a set of keys; raises KeysUnavailable."""
        age = self._clock() - self._fetched_at
        if age > USABLE_SECONDS:
            self._keys = None
            await self._look()
        elif age > FRESH_SECONDS:
            self._begin()
        if self._keys is None:
            raise KeysUnavailable(self._asked_at + COOL_DOWN_SECONDS - self._clock())

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """Return the key of a token's header, None when there is none; raises KeysUnavailable."""
        await self.current()
        found = self._found(kid, algorithm)
        if found is None and kid is not None:
            await self._look()
            found = self._found(kid, algorithm)
        return found

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _found(self, kid: str | None, algorithm: str) -> PyJWK | None:
        keys = self._keys or {}
        if kid is not None:
            return keys.get((algorithm, kid))
        fitting = [key for (named, _), key in keys.items() if named == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _look(self) -> None:
        """Fetch the set, or wait for who does; nothing within the cool-down."""
        self._begin()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)  # who leaves must not end it for the others

    def _begin(self) -> None:
        if self._fetching is not None or self._clock() < self._asked_at + COOL_DOWN_SECONDS:
            return
        self._asked_at = self._clock()
        self._fetching = asyncio.create_task(self._renew())
        self._fetching.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _renew(self) -> None:
        try:
            keys = read_key_set(await self._fetch(), self._algorithms)
        except Exception as error:  # noqa: BLE001  whatever it was, the keys from before stay
            _log.warning("the issuer's keys cannot be fetched (%s)", type(error).__name__)
            return
        self._keys = keys
        self._fetched_at = self._clock()
        self.version += 1


def read_key_set(
    body: bytes, algorithms: Collection[str]
) -> Mapping[tuple[str, str | None], PyJWK]:
    """Return the public keys of a JWKS by algorithm and kid; raises ValueError for no JWKS.

    Keys that these algorithms cannot use are passed over: issuers publish others beside them.
    """
    try:
        entries = msgspec.json.decode(body)["keys"]
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        raise ValueError("no key set") from None
    if not isinstance(entries, list):
        raise ValueError("no key set")  # noqa: TRY004  one word for all that is none
    keys: dict[tuple[str, str | None], PyJWK] = {}
    for entry in entries[:KEYS_MAX]:
        if not isinstance(entry, dict):
            continue
        kid = entry.get("kid")
        for algorithm in algorithms:
            key = _key(entry, algorithm) if kid is None or isinstance(kid, str) else None
            if key is not None:
                keys.setdefault((algorithm, kid), key)
    return keys


def _key(entry: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    kind, curve = SUPPORTED[algorithm]
    operations = entry.get("key_ops")
    fits = (
        entry.get("kty") == kind
        and (curve is None or entry.get("crv") == curve)
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )
    if not fits:
        return None
    try:
        key = PyJWK({name: entry[name] for name in _PUBLIC if name in entry}, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if getattr(key.key, "key_size", _RSA_BITS_MIN) < _weakest(kind) else key


def _weakest(kind: str) -> int:
    return _RSA_BITS_MIN if kind == "RSA" else 0
