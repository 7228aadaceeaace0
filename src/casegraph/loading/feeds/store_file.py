"""Feeds in a local file, so that a restart goes on from the watermark instead of reading all anew.

One SQLite file serves all feeds of a process. Nobody waits for a write; reading happens once, at
the head of a fill. A file has one owner: who restored or filled a feed last writes it, and another
process with the same file stops writing when it finds that it is no longer the one.
Invariant: marks and rows change together in one transaction; a file that is missing, foreign,
locked or full of garbage is an empty one.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

import msgspec

from casegraph.loading.feeds.bounds import Row
from casegraph.loading.feeds.core import Core, Refreshed
from casegraph.loading.feeds.keeper import Fill, ReadChanges
from casegraph.loading.feeds.stored import (
    encoded,
    encoded_slowly,
    head_of,
    put_back,
    read_head,
)

_log = logging.getLogger("casegraph.feeds")

CLOSE_SECONDS = 5.0
"""For so long the end of a process waits for the last writes."""
_BUSY_SECONDS = 1.0
_TRIES = 3
_TABLES = """
CREATE TABLE IF NOT EXISTS feed (name TEXT PRIMARY KEY, owner TEXT NOT NULL, head BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS feed_row (
    name TEXT NOT NULL, row_id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (name, row_id)
) WITHOUT ROWID;
"""

T = TypeVar("T")


class FileStore:
    """The file; all work on it is done in threads, one piece after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = uuid4().hex
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()
        self._connection: sqlite3.Connection | None = None
        self._is_told = False

    async def load(self, name: str) -> tuple[object, dict[str, object]] | None:
        """Return marks and rows, and become the owner; None for nothing or any trouble."""

        def read(connection: sqlite3.Connection) -> tuple[object, dict[str, object]] | None:
            connection.execute("UPDATE feed SET owner = ? WHERE name = ?", (self._owner, name))
            found = connection.execute("SELECT head FROM feed WHERE name = ?", (name,)).fetchone()
            rows = connection.execute("SELECT row_id, body FROM feed_row WHERE name = ?", (name,))
            return None if found is None else (found[0], dict(rows.fetchall()))

        return await self._do(read)

    def replace(self, name: str, head: bytes, rows: Mapping[str, bytes]) -> None:
        """Keep a whole in the place of what is there, and become the owner; returns at once."""

        def write(connection: sqlite3.Connection) -> None:
            _drop(connection, name)
            connection.execute("INSERT INTO feed VALUES (?, ?, ?)", (name, self._owner, head))
            _put(connection, name, rows)

        self._soon(write)

    def change(
        self, name: str, head: bytes, rows: Mapping[str, bytes], gone: Iterable[str] = ()
    ) -> None:
        """Keep changes, if still the owner; returns at once."""

        def write(connection: sqlite3.Connection) -> None:
            update = "UPDATE feed SET head = ? WHERE name = ? AND owner = ?"
            if connection.execute(update, (head, name, self._owner)).rowcount:
                _put(connection, name, rows)
                remove = "DELETE FROM feed_row WHERE name = ? AND row_id = ?"
                connection.executemany(remove, ((name, row_id) for row_id in gone))

        self._soon(write)

    def drop(self, name: str) -> None:
        """Forget a feed; returns at once."""
        self._soon(lambda connection: _drop(connection, name))

    async def close(self) -> None:
        """Finish what is being written and close the file. May be called twice."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=CLOSE_SECONDS)
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                await asyncio.to_thread(connection.close)

    def _soon(self, work: Callable[[sqlite3.Connection], None]) -> None:
        async def write() -> None:
            await self._do(work)

        task = asyncio.create_task(write())
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do a piece of work in a transaction; None for any trouble."""

        def run() -> T:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._open()
            with connection:
                return work(connection)

        async with self._turn:
            try:
                return await asyncio.to_thread(run)
            except (sqlite3.Error, OSError) as error:
                if not self._is_told:
                    self._is_told = True
                    # The class only: a message may quote the path.
                    _log.warning("feeds are not kept in their file (%s)", type(error).__name__)
                return None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            connection.executescript(_TABLES)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _drop(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("DELETE FROM feed WHERE name = ?", (name,))
    connection.execute("DELETE FROM feed_row WHERE name = ?", (name,))


def _put(connection: sqlite3.Connection, name: str, rows: Mapping[str, bytes]) -> None:
    put = "INSERT OR REPLACE INTO feed_row VALUES (?, ?, ?)"
    connection.executemany(put, ((name, row_id, body) for row_id, body in rows.items()))


class FileKeeper(Generic[Row]):
    """One feed in the file."""

    def __init__(self, store: FileStore, name: str) -> None:
        self._store = store
        self._name = name
        self._is_replacing = self._is_outdated = False

    async def restore(self, core: Core[Row]) -> bool:
        """Put what is kept into an empty core; returns whether there was anything of use."""
        found = await self._store.load(self._name)
        head = None if found is None else read_head(found[0])
        if found is None or head is None:
            return False
        # What was deleted while nobody looked is counted before the first answer.
        return await put_back(core, msgspec.structs.replace(head, counted_at=0.0), found[1])

    async def refresh(self, core: Core[Row], read: ReadChanges[Row]) -> Refreshed[Row]:
        """Read, and keep what was read."""
        done = await read()
        if self._is_replacing:
            self._is_outdated = True
            return done
        rows = encoded(done.rows)
        if rows is None:
            self._store.drop(self._name)
        else:
            self._store.change(self._name, head_of(core), rows)
        return done

    async def fill(self, core: Core[Row], fill: Fill) -> None:
        """Fill, and keep the whole, unless it keeps changing while it is written down."""
        await fill()
        self._is_replacing = True
        try:
            for _ in range(_TRIES):
                self._is_outdated = False
                head, rows = head_of(core), await encoded_slowly(core.index.by_id())
                if rows is None:
                    break
                if not self._is_outdated:
                    self._store.replace(self._name, head, rows)
                    return
            self._store.drop(self._name)
        finally:
            self._is_replacing = False

    def forget(self, core: Core[Row], row_ids: tuple[str, ...]) -> None:
        """Let the file forget rows; returns at once."""
        self._store.change(self._name, head_of(core), {}, row_ids)

    async def close(self) -> None:
        """Do nothing: the file is closed once for all its feeds."""
