"""A feed's rows and marks as bytes, for whatever place keeps them beside the process.

Rows are encoded under the vendor's own names and read back strictly, so a row that an older
version wrote otherwise is no row at all.
Invariant: what cannot be read back whole counts as nothing kept; nothing here raises for it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from casegraph.loading.feeds.bounds import Row
from casegraph.loading.feeds.core import Core, fill_index, new_index
from casegraph.loading.feeds.reading import Reading
from casegraph.upstreams.decode import encode

VERSION = 1
"""Of what is kept; another version's is nothing to this one."""
_ROWS_AT_ONCE = 500


class Head(msgspec.Struct, frozen=True):
    """The marks of a feed; times are seconds since 1970."""

    watermark: datetime | None
    covers_from: datetime | None
    confirmed_at: float
    counted_at: float
    rows: int
    version: int = VERSION


_decoder = msgspec.json.Decoder(Head)


def head_of(core: Core[Row]) -> bytes:
    """Return the marks of a core as bytes."""
    times = core.times
    counted_at = times.wall() - (times.clock() - core.counted_at)
    head = Head(
        core.watermark,
        core.covers_from,
        core.confirmed_at or 0.0,
        max(counted_at, 0.0),
        len(core.index),
    )
    return encode(head)


def read_head(body: object) -> Head | None:
    """Return marks from bytes; None for anything else."""
    if not isinstance(body, bytes):
        return None
    try:
        head = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return head if head.version == VERSION and _is_sane(head) else None


def _is_sane(head: Head) -> bool:
    moments = (head.watermark, head.covers_from)
    return all(moment is None or moment.tzinfo is not None for moment in moments)


def encoded(rows: Mapping[str, Row]) -> dict[str, bytes] | None:
    """Return rows as bytes; None where one of them has no encoding."""
    try:
        return {row_id: encode(row) for row_id, row in rows.items()}
    except Exception:  # noqa: BLE001 - whatever a broken field holds
        return None


async def encoded_slowly(rows: Mapping[str, Row]) -> dict[str, bytes] | None:
    """Return many rows as bytes, letting others go on between them."""
    made: dict[str, bytes] = {}
    items = list(rows.items())
    for first in range(0, len(items), _ROWS_AT_ONCE):
        part = encoded(dict(items[first : first + _ROWS_AT_ONCE]))
        if part is None:
            return None
        made.update(part)
        await asyncio.sleep(0)
    return made


def read_rows(reading: Reading[Row], bodies: Iterable[object]) -> list[Row] | None:
    """Return rows from bytes; None where one of them cannot be read."""
    rows: list[Row] = []
    for body in bodies:
        if not isinstance(body, bytes):
            return None
        try:
            row = reading.stamp(reading.shape.read_strictly(body))
            reading.facts(row)
        except Exception:  # noqa: BLE001 - garbage of any kind is nothing kept
            return None
        rows.append(row)
    return rows


async def put_back(core: Core[Row], head: Head, bodies: Mapping[str, object]) -> bool:
    """Put what was kept into a core; returns whether it could be read, and nothing was lacking.

    Marks from tomorrow, which only another clock or garbage can have written, count as very old.
    """
    if len(bodies) < head.rows:
        return False
    rows: list[Row] = []
    items = list(bodies.values())
    for first in range(0, len(items), _ROWS_AT_ONCE):
        part = read_rows(core.reading, items[first : first + _ROWS_AT_ONCE])
        if part is None:
            return False
        rows += part
        await asyncio.sleep(0)
    index = await fill_index(new_index(core.reading), rows)
    now = core.times.wall()
    today = datetime.fromtimestamp(now, UTC) + timedelta(days=1)
    if head.watermark is not None and head.watermark > today:
        return False
    confirmed_at = head.confirmed_at if head.confirmed_at <= now else 0.0
    since_count = now - head.counted_at if head.counted_at <= now else float("inf")
    if head.covers_from is not None:
        index.remove(index.before(head.covers_from))
    core.put_back(
        index, head.watermark, head.covers_from, confirmed_at, core.times.clock() - since_count
    )
    return True
