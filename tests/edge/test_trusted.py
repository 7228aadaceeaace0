"""Files of trusted documents, as the generators write them and as they must not be."""

import json
from pathlib import Path
from typing import Any

import pytest

from casegraph.edge.trusted import TrustedDocumentsError, digest_of, read_trusted

TEXT = "query CasePage($case: ID!, $hub: ID!) { case(hubId: $hub, caseId: $case) { name } }"


def written(folder: Path, content: Any) -> Path:
    """Return a file with this content as JSON, or as it is."""
    path = folder / "documents.json"
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("given_id", "key"),
    [
        (f"sha256:{digest_of(TEXT)}", f"sha256:{digest_of(TEXT)}"),  # graphql-codegen
        (digest_of(TEXT), f"sha256:{digest_of(TEXT)}"),  # relay-compiler with SHA256
        ("65a1f232d289052f9aabcfdba49b1b07", "65a1f232d289052f9aabcfdba49b1b07"),  # with MD5
    ],
)
def test_the_generators_files_are_read(tmp_path: Path, given_id: str, key: str) -> None:
    """One object of ids and texts; a text's only operation gives it its name."""
    documents = read_trusted(written(tmp_path, {given_id: TEXT}))

    assert {name: (each.text, each.name) for name, each in documents.items()} == {
        key: (TEXT, "CasePage")
    }


@pytest.mark.parametrize("text", ["{ a }", "query A { a } query B { b }"])
def test_a_text_without_one_name_has_none(tmp_path: Path, text: str) -> None:
    """Which of several is meant is for the request to say."""
    (document,) = read_trusted(written(tmp_path, {"x": text})).values()

    assert document.name is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        ([], "one JSON object"),
        ("x", "one JSON object"),
        ({"x": 1}, "'x': the document is not a string"),
        ({"x": "{"}, "'x': Syntax Error"),
        ({"x": ""}, "'x': Syntax Error"),
        ({"x": "fragment F on Case { id }"}, "no operation"),
        ({"": "{ a }"}, "1 to 256 characters"),
        ({"x" * 257: "{ a }"}, "1 to 256 characters"),
        ({f"sha256:{'0' * 64}": "{ a }"}, "not the SHA-256 of its document"),
        ({"sha256:0": "{ a }"}, "not the SHA-256 of its document"),
        ({"ab" * 32: "{ a }", "AB" * 32: "{ b }"}, "there twice"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    tmp_path: Path, content: Any, expected: str
) -> None:
    """The message names the file, the document and what is wrong with it."""
    path = written(tmp_path, content)

    with pytest.raises(TrustedDocumentsError, match=expected) as refused:
        read_trusted(path)

    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The start ends with the reason."""
    with pytest.raises(TrustedDocumentsError, match="No such file"):
        read_trusted(tmp_path / "missing.json")
