"""Documents that clients name in place of sending them: trusted ones, and those they registered.

Three dialects meet one store: automatic persisted queries, `documentId`, and the files of trusted
documents. A registered document lies under the SHA-256 of its text, which is computed here when it
is put in and again when it comes from a store that others can write, so nobody can leave a text
under somebody else's hash. Only what ran is kept, so the limits on documents bound each entry.
Invariants: a store that is down or slow knows nothing, and no request fails for it; what is kept is
bounded in number, in bytes and in time.
"""

import time
from collections.abc import Callable, Mapping
from typing import ClassVar

import msgspec

from casegraph.edge.decoding import BadRequest
from casegraph.edge.parameters import Parameters
from casegraph.edge.trusted import TrustedDocument, digest_of
from casegraph.engine.scopes import ALL_SCOPES
from casegraph.engine.standard import Operation
from casegraph.loading.cache import cache_key
from casegraph.loading.kept_store import Entry, MemoryStore, Store

KEEP_SECONDS = 24 * 3600
"""How long a document is kept; a client whose document has gone sends the text once more."""
DOCUMENTS_MAX = 1000
"""Per process; a frontend has some hundred, and two versions of it live side by side."""
BYTES_MAX = 16 * 2**20
"""Per process: so many documents of the longest that the limits allow."""


class UnknownDocument(BadRequest):
    """Nobody has registered a document of this id; Apollo's words, which clients compare."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class NotRegistering(UnknownDocument):
    """Automatic persisted queries are off; clients that read this stop trying."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        BadRequest.__init__(self, "PersistedQueryNotSupported")


class NotTrusted(BadRequest):
    """Only trusted documents run here, and this is none."""

    status: ClassVar[int] = 403
    code = "PERSISTED_QUERY_ONLY"

    def __init__(self) -> None:
        super().__init__("Only the documents that this gateway was started with are run.")


class Registered:
    """Documents that clients have registered, by digest.

    What this process has seen is kept here, and never asked for again: a text cannot change under
    its hash. `shared` is a store that other processes see, where there is one.
    """

    def __init__(
        self,
        shared: Store | None = None,
        *,
        seconds: float = KEEP_SECONDS,
        at_most: int = DOCUMENTS_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local = MemoryStore(clock, at_most, BYTES_MAX)
        self._shared = shared
        self._seconds = seconds
        self._at_most = at_most
        self._clock = clock
        self._shared_since = clock()
        self._shared_count = 0

    async def find(self, digest: str) -> str | None:
        """Return the text, None when it is not there or cannot be had."""
        key = cache_key("document", digest)
        entry = await self._local.get(key, _decode)
        if entry is None and self._shared is not None:
            entry = await self._shared.get(key, _decode)
            if entry is None or not isinstance(entry.value, str):
                return None
            if digest_of(entry.value) != digest:
                return None
            self._local.put(key, entry, msgspec.json.encode, self._seconds)
        return None if entry is None else str(entry.value)

    async def keep(self, digest: str, text: str) -> None:
        """Keep a text whose digest has been computed, without waiting for the shared store."""
        key = cache_key("document", digest)
        if await self._local.get(key, _decode) is not None:
            return
        entry = Entry(text, time.time())
        self._local.put(key, entry, msgspec.json.encode, self._seconds)
        if self._shared is not None and self._may_share():
            self._shared.put(key, entry, msgspec.json.encode, self._seconds)

    def _may_share(self) -> bool:
        """Return whether this process may put one more into the store of all.

        It evicts nothing by our bounds, so a client that registers for ever must be stopped here;
        beyond the bound documents are still kept in this process.
        """
        now = self._clock()
        if now - self._shared_since >= self._seconds:
            self._shared_since, self._shared_count = now, 0
        self._shared_count += 1
        return self._shared_count <= self._at_most


class Documents:
    """What a client may name, and what it may send.

    `registered` is None where clients may not register; with `trusted_only`, what is not in the
    file of trusted documents does not run, whether it is named or sent.
    """

    def __init__(
        self,
        trusted: Mapping[str, TrustedDocument] | None = None,
        registered: Registered | None = None,
        *,
        trusted_only: bool = False,
    ) -> None:
        self._trusted = trusted or {}
        self._trusted_texts = {each.text: each for each in self._trusted.values()}
        self._registered = registered
        self._trusted_only = trusted_only

    async def operation(
        self, asked: Parameters, *, reads_only: bool, scopes: frozenset[str] = ALL_SCOPES
    ) -> Operation:
        """Return what is to run; raises UnknownDocument, NotTrusted and BadRequest."""
        trusted = self._trusted.get(asked.document_id) if asked.document_id else None
        if asked.query is not None:
            trusted = trusted or self._trusted_texts.get(asked.query)
            if asked.document_id is not None:
                _check(asked, asked.query, trusted)
        if trusted is None:
            text = await self._text(asked)
            return Operation(
                text, asked.variables, asked.name, reads_only=reads_only, scopes=scopes
            )
        name = asked.name or trusted.name
        return Operation(
            trusted.text,
            asked.variables,
            name,
            reads_only=reads_only,
            is_trusted=True,
            scopes=scopes,
        )

    async def ran(self, asked: Parameters) -> None:
        """Keep the document of a request that was not refused, if it came with its digest."""
        if self._registered is None or asked.query is None or asked.digest is None:
            return
        if asked.document_id not in self._trusted:
            await self._registered.keep(asked.digest, asked.query)

    async def _text(self, asked: Parameters) -> str:
        if asked.query is not None:
            if self._trusted_only:
                raise NotTrusted
            return asked.query
        if self._trusted_only:
            raise UnknownDocument
        if self._registered is None:
            raise NotRegistering if asked.is_apq else UnknownDocument
        found = await self._registered.find(asked.digest) if asked.digest else None
        if found is None:
            raise UnknownDocument
        return found


def _check(asked: Parameters, text: str, trusted: TrustedDocument | None) -> None:
    """Refuse a text that is not the one its id names."""
    if asked.digest is not None:
        fits = digest_of(text) == asked.digest
    else:  # an id that cannot be computed fits a document that is known, and registers none
        fits = trusted is not None and trusted.text == text
    if not fits:
        raise BadRequest("provided sha does not match query")


def _decode(stored: bytes) -> str:
    return msgspec.json.decode(stored, type=str)
