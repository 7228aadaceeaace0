"""API keys: what a line means, and a file that changes under a running gateway."""

import logging
import os
from pathlib import Path

import pytest

from casegraph.edge.api_keys import FILE_MAX, ApiKeys, ApiKeysError, new_key, read_keys
from casegraph.engine.scopes import ALL_SCOPES


def written(path: Path, *lines: str) -> Path:
    """Write a file of keys as an editor does that replaces it in one step."""
    draft = path.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(path)
    return path


def test_a_key_is_known_by_the_line_made_with_it(tmp_path: Path) -> None:
    """The line holds a digest; who sends the key is the line's name, with its scopes."""
    key, line = new_key("billing", ["cases:read", "ratings:write"])
    keys = ApiKeys(written(tmp_path / "keys", "# ours", "", line))

    identity = keys.identify(key)

    assert identity is not None
    assert (identity.name, identity.scopes) == ("key:billing", {"cases:read", "ratings:write"})
    assert key not in line
    assert key.removeprefix("cg_") not in line


def test_admin_has_every_scope(tmp_path: Path) -> None:
    """Who may do everything need not be given each thing."""
    key, line = new_key("root", ["admin"])
    identity = ApiKeys(written(tmp_path / "keys", line)).identify(key)

    assert identity is not None
    assert identity.scopes == ALL_SCOPES


@pytest.mark.parametrize("offered", ["", "cg_", "x" * 100_000, "\u00e9", "sha256:", "%s"])
def test_what_is_no_key_is_nobodys(tmp_path: Path, offered: str) -> None:
    """Whatever is sent in place of a key, nobody has sent it."""
    key, line = new_key("a", ["cases:read"])
    keys = ApiKeys(written(tmp_path / "keys", line))

    found = [keys.identify(offered), keys.identify(key + offered + "x"), keys.identify(line)]

    assert found == [None, None, None]


def test_a_digest_opens_nothing(tmp_path: Path) -> None:
    """Who reads the file cannot ask."""
    _, line = new_key("a", ["cases:read"])
    keys = ApiKeys(written(tmp_path / "keys", line))
    digest = line.split()[1]

    assert keys.identify(digest) is None
    assert keys.identify(digest.removeprefix("sha256:")) is None


def test_keys_are_rotated_without_a_restart(tmp_path: Path) -> None:
    """Old and new count together while both lines stand, and a line that is gone counts no more."""
    old, old_line = new_key("app", ["cases:read"])
    new, new_line = new_key("app", ["cases:read"])
    path = written(tmp_path / "keys", old_line)
    keys = ApiKeys(path)
    counted = []
    for lines in ([old_line], [old_line, new_line], [new_line]):
        written(path, *lines)
        counted.append((keys.identify(old) is not None, keys.identify(new) is not None))

    assert counted == [(True, False), (True, True), (False, True)]


def test_a_change_that_time_and_size_do_not_show_is_seen(tmp_path: Path) -> None:
    """Two edits within one tick of the file system's clock, of the same length, are two."""
    first, first_line = new_key("a", ["cases:read"])
    second, second_line = new_key("b", ["cases:read"])
    path = tmp_path / "keys"
    path.write_text(first_line)
    keys = ApiKeys(path)
    moment = path.stat()
    path.write_text(second_line)
    os.utime(path, ns=(moment.st_atime_ns, moment.st_mtime_ns))

    assert (keys.identify(first), keys.identify(second) is not None) == (None, True)


def test_a_settled_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request costs a look at the file's entry and no more."""
    key, line = new_key("a", ["cases:read"])
    path = written(tmp_path / "keys", line)
    os.utime(path, (0, 0))
    keys = ApiKeys(path)
    monkeypatch.setattr("casegraph.edge.api_keys.read_keys", lambda _: pytest.fail("read again"))

    assert keys.identify(key) is not None


@pytest.mark.parametrize("damage", ["nonsense", None])
def test_a_file_with_a_fault_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str | None
) -> None:
    """A slip of the pen locks nobody out; the log says so, and nothing of what is in the file."""
    key, line = new_key("a", ["cases:read"])
    path = written(tmp_path / "keys", line)
    keys = ApiKeys(path)
    with caplog.at_level(logging.ERROR, "casegraph.api_keys"):
        if damage is None:
            path.unlink()
        else:
            written(path, line, damage)
        identity = [keys.identify(key) for _ in range(3)][-1]

    assert identity is not None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert line.split()[1] not in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a sha256:00 cases:read", "line 1: `name sha256:DIGEST"),
        (f"# x\nb sha256:{'0' * 64}", "line 2: `name sha256:DIGEST"),
        (f"a b sha256:{'0' * 64} cases:read", "line 1: `name"),
        (f"a\u00e9 sha256:{'0' * 64} cases:read", "line 1: `name"),
        (f"a sha256:{'0' * 64} cases:read,everything", "line 1: scopes are admin, cases:read"),
        ("x" * (FILE_MAX + 1), "longer than"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The line is named, and nothing that stands in it."""
    path = tmp_path / "keys"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ApiKeysError) as caught:
        read_keys(path)

    assert str(caught.value).startswith(said)
    assert "0000" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "scopes"), [("a b", ["admin"]), ("", ["admin"]), ("a", []), ("a", ["cases"])]
)
def test_no_key_is_made_that_no_file_could_hold(name: str, scopes: list[str]) -> None:
    """Names and scopes are checked where they are chosen."""
    with pytest.raises(ApiKeysError):
        new_key(name, scopes)
