import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from casegraph.linking.identity import CaseKey, System
from casegraph.linking.table import IdentityTableError
from casegraph.loading.identity_table import read_identity_table

HEADER = "hub_id,case_id,system,external_id\n"


def write_database(
    path: Path, rows: list[tuple], columns: str = "hub_id, case_id, system, external_id"
) -> Path:
    """Make a SQLite file with a table of identities."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE identities ({columns})")
        marks = ", ".join("?" for _ in columns.split(","))
        database.executemany(f"INSERT INTO identities VALUES ({marks})", rows)  # noqa: S608 - marks
        database.commit()
    return path


def refusal_of(path: Path) -> IdentityTableError:
    """Return the error that reading the file raises."""
    with pytest.raises(IdentityTableError) as refusal:
        read_identity_table(path)
    assert str(refusal.value).startswith(f"{path}: ")
    return refusal.value


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_csv_is_read_with_or_without_a_byte_order_mark(tmp_path: Path, mark: bytes) -> None:
    """The mark is no part of the first column's name, and the rows are found both ways."""
    path = tmp_path / "ids.csv"
    path.write_bytes(mark + f"{HEADER}1,7,ratings,\u00e9-7\n".encode())
    table = read_identity_table(path)
    assert table.external_ids(CaseKey("1", "7"), System.RATINGS) == ("\u00e9-7",)
    assert (CaseKey("1", "7"),) == table.case_keys("\u00e9-7", System.RATINGS)


def test_csv_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    """The header decides which cell is which; unknown columns, quotes and blank lines are fine."""
    path = tmp_path / "ids.csv"
    path.write_text(
        'system,comment,external_id, case_id ,hub_id\r\n\r\nratings,"a, b","x,y",7,1\r\n'
    )
    assert read_identity_table(path).external_ids(CaseKey("1", "7"), System.RATINGS) == ("x,y",)


@pytest.mark.parametrize(
    ("content", "row", "words"),
    [
        ("", 1, "must name hub_id once"),
        ("1,7,ratings,a\n", 1, "must name hub_id once"),
        ("hub_id,case_id,system\n", 1, "must name external_id once"),
        ("hub_id,hub_id,case_id,system,external_id\n", 1, "must name hub_id once"),
        (f"{HEADER}1,7,ratings,a\n1,,ratings,b\n", 3, "case_id is blank"),
        (f"{HEADER}\n1,7,rating,a\n", 3, "system 'rating'"),
        (f"{HEADER}1,7,ratings\n", 2, "has 3 cells where the header has 4"),
        (f"{HEADER}1,7,ratings,a,b\n", 2, "has 5 cells where the header has 4"),
    ],
)
def test_a_csv_at_fault_is_refused_by_file_and_row(
    tmp_path: Path, content: str, row: int, words: str
) -> None:
    """The error names the file, the line to look at, and what is wrong there."""
    path = tmp_path / "ids.csv"
    path.write_text(content)
    error = refusal_of(path)
    assert row == error.row
    assert f"{path}: row {row}: " in str(error)
    assert words in str(error)


@pytest.mark.parametrize(
    "content",
    [
        HEADER.encode() + b"1,7,ratings,\xff\n",
        HEADER.encode() + b'1,7,ratings,"never closed\n',
        HEADER.encode() + b"1,7,ratings," + b"x" * 200_000 + b"\n",
        "hub_id".encode("utf-16"),
        b"SQLite format 3\x00 and then nothing of the kind",
    ],
)
def test_a_file_that_is_neither_is_refused(tmp_path: Path, content: bytes) -> None:
    """Broken text and a broken database are refused with the file's name."""
    path = tmp_path / "ids"
    path.write_bytes(content)
    refusal_of(path)


def test_a_missing_file_is_refused_and_not_created(tmp_path: Path) -> None:
    """A path to nothing, or to a folder, is an error and leaves nothing behind."""
    refusal_of(tmp_path / "absent.db")
    refusal_of(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ids.db", "ids.csv", "a ?#%41 file"])
def test_a_database_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    """A SQLite file is read as one whatever its name, and whole numbers count as their digits."""
    path = write_database(tmp_path / name, [(1, "7", "ratings", 99), ("1", 7, "ratings", "x")])
    table = read_identity_table(path)
    assert table.external_ids(CaseKey("1", "7"), System.RATINGS) == ("99", "x")


def test_a_database_is_not_written_to(tmp_path: Path) -> None:
    """Reading leaves the bytes and the folder as they were, even where writing is possible."""
    path = write_database(tmp_path / "ids.db", [("1", "7", "ratings", "x")])
    before = path.read_bytes()
    read_identity_table(path)
    assert before == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_rows_still_in_the_write_ahead_log_are_read_and_left_there(tmp_path: Path) -> None:
    """A table being maintained is read as it stands, and its log is not folded in by us."""
    path, copy = tmp_path / "ids.db", tmp_path / "copy.db"
    write_database(path, [])
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("INSERT INTO identities VALUES ('1', '7', 'ratings', 'x')")
        database.commit()
        copy.write_bytes(path.read_bytes())
        Path(f"{copy}-wal").write_bytes(Path(f"{path}-wal").read_bytes())
    before = copy.read_bytes()
    assert len(read_identity_table(copy)) == 1
    assert copy.read_bytes() == before


@pytest.mark.parametrize(
    ("second_row", "words"),
    [
        (("1", None, "ratings", "x"), "row 2: case_id is blank"),
        (("1", "7", "reviews", "x"), "row 2: system 'reviews'"),
        (("1", 7.5, "ratings", "x"), "row 2: case_id is neither text nor a whole number"),
        (("1", "7", "ratings", b"x"), "row 2: external_id is neither text nor a whole number"),
    ],
)
def test_a_database_row_at_fault_is_refused(tmp_path: Path, second_row: tuple, words: str) -> None:
    """A database's error names the file, the row and the column, as a CSV's does."""
    path = write_database(tmp_path / "ids.db", [("1", "7", "ratings", "x"), second_row])
    error = refusal_of(path)
    assert words in str(error)
    assert error.row == 2


def test_a_database_without_the_table_or_a_column_is_refused(tmp_path: Path) -> None:
    """The missing table or column is named."""
    with closing(sqlite3.connect(tmp_path / "empty.db")) as database:
        database.execute("CREATE TABLE other (x)")
    assert "identities" in str(refusal_of(tmp_path / "empty.db"))
    path = write_database(tmp_path / "short.db", [], "hub_id, case_id, system")
    assert "external_id" in str(refusal_of(path))
