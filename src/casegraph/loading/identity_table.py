"""Reads an identity table from its file: a CSV or a SQLite database, told apart by content.

Read once at start, so that a table that cannot be understood stops the gateway with a sentence
naming the file and the row, instead of answering "no link" for years. Invariants: the file is only
read (SQLite is opened read-only, which also never creates a missing file); every failure is an
IdentityTableError whose text begins with the path.
"""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from casegraph.linking.table import COLUMNS, IdentityRow, IdentityTable, IdentityTableError

_SQLITE_MAGIC = b"SQLite format 3\x00"
_SELECT = "SELECT hub_id, case_id, system, external_id FROM identities"


def read_identity_table(path: Path) -> IdentityTable:
    """Return the table in the file; raise IdentityTableError naming the file and the row.

    CSV: UTF-8 with or without a byte-order mark, a header with the four columns in any order,
    further columns ignored; a row's number is its last line in the file. SQLite: a table
    `identities` with the same columns, of text or whole numbers; rows are counted from 1.
    """
    try:
        with path.open("rb") as file:
            is_sqlite = file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
        rows = _sqlite_rows(path) if is_sqlite else _csv_rows(path)
        return IdentityTable.from_numbered_rows(rows)
    except IdentityTableError as error:
        located = IdentityTableError(f"{path}: {error}")
        located.row = error.row
        raise located from None
    except UnicodeDecodeError as error:
        raise IdentityTableError(f"{path}: is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise IdentityTableError(f"{path}: cannot be read: {error.strerror}") from error
    except (csv.Error, sqlite3.Error) as error:
        raise IdentityTableError(f"{path}: cannot be read: {error}") from error


def _csv_rows(path: Path) -> Iterator[tuple[int, IdentityRow]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = [name.strip() for name in next(reader, [])]
        places = [_place(header, column) for column in COLUMNS]
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise IdentityTableError(
                    f"has {len(cells)} cells where the header has {len(header)}",
                    row=reader.line_num,
                )
            hub_id, case_id, system, external_id = (cells[place] for place in places)
            yield reader.line_num, (hub_id, case_id, system, external_id)


def _place(header: list[str], column: str) -> int:
    if header.count(column) != 1:
        expected = ",".join(COLUMNS)
        raise IdentityTableError(
            f"the header must name {column} once; expected the columns {expected}", row=1
        )
    return header.index(column)


def _sqlite_rows(path: Path) -> Iterator[tuple[int, IdentityRow]]:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        for number, row in enumerate(database.execute(_SELECT), start=1):
            hub_id, case_id, system, external_id = (
                _text(cell, column, number) for cell, column in zip(row, COLUMNS, strict=True)
            )
            yield number, (hub_id, case_id, system, external_id)


def _text(cell: object, column: str, number: int) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return str(cell)
    # A REAL would print as 17.0 or 1e+18 and match nothing, silently.
    raise IdentityTableError(f"{column} is neither text nor a whole number", row=number)
