"""`casegraph explain`: what it prints, with which exit code, and that it asks nobody."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from casegraph import cli
from support.upstreams import Upstreams

PAGE = """query Page($hub: ID!) {
  cases(hubId: $hub, first: 20) {
    nodes { name notes { totalCount } reviews { nodes { status } } }
  }
}"""

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def explain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], upstreams: Upstreams
) -> Explain:
    """Run the command in this process, over upstreams whose calls are counted."""
    for name, text in upstreams.environment.items():
        monkeypatch.setenv(name, text)

    def run(document: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["casegraph", "explain", "-", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(document))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def test_it_prints_a_table_and_asks_nobody(explain: Explain, upstreams: Upstreams) -> None:
    """Sums first, then a line for each field that crosses, with what speaks for its number."""
    code, out, err = explain(PAGE, "--variables", '{"hub": "96"}')

    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("Page: about 41 calls (1 to 43), answered in about ")
    assert lines[1] == "  action_management: about 21 calls (1 to 22)"
    assert lines[2] == "  case_reviews: about 20 calls (0 to 21)"
    table = [line.split() for line in lines[4:]]
    assert table[0] == ["upstream", "calls", "way", "keys", "from", "takes", "field"]
    assert [row[-1] for row in table if row[0] in {"action_management", "case_reviews"}] == [
        "cases",
        "cases.nodes.notes",
        "cases.nodes.reviews",
    ]
    assert upstreams.calls() == {}


def test_a_pace_that_is_too_slow_is_told(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long one waits, that it is longer than there is, and what comes of it."""
    monkeypatch.setenv("CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND", "0.5")

    _, out, _ = explain(PAGE, "--variables", '{"hub": "96"}')

    assert ", of which one waits 30.0 s for its pace\n" in out
    assert "    takes longer than is left; what cannot be had in time is named in the" in out


def test_it_prints_json_for_programs(explain: Explain) -> None:
    """The same shape that a client gets in `extensions.explain`."""
    code, out, err = explain(PAGE, "--variables", '{"hub": "96"}', "--json")

    plan = json.loads(out)
    assert (code, err) == (0, "")
    assert plan["version"] == 1
    assert plan["calls"] == {"least": 1, "most": 43, "likely": 41}
    assert [step["operation"] for step in plan["steps"]] == ["case_query", "case_notes", "reviews"]


def test_exact_numbers_and_the_singular(explain: Explain) -> None:
    """One call that is certain is called so."""
    code, out, _ = explain('{ ratingByHash(caseId: 1, hash: "h") { score } }')

    assert code == 0
    assert out.startswith("The operation: exactly 1 call, answered in about 100 ms.\n")
    assert "  ratings: exactly 1 call\n" in out


def test_a_fuse_that_would_go_is_told(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever plans too much reads it before he runs it."""
    monkeypatch.setenv("CASEGRAPH_FUSE_CALLS", "1")

    _, out, _ = explain("{ case(hubId: 96, caseId: 1) { notes { totalCount } } }")

    assert "It is likely to be stopped: one operation may make 1 calls." in out


def test_a_refused_field_is_told(explain: Explain) -> None:
    """An argument that can never be right costs nothing and is named."""
    code, out, _ = explain('{ case(hubId: "x", caseId: 1) { name } }')

    assert code == 0
    assert "exactly 0 calls" in out
    assert "  case is refused before any call: hubId" in out


@pytest.mark.parametrize(
    ("document", "arguments", "expected", "words"),
    [
        ("{ nope }", [], 1, "Cannot query field"),
        (PAGE, [], 1, "$hub"),
        (PAGE, ["--variables", "nonsense"], 2, "--variables: not JSON"),
        (PAGE, ["--operation", "Other"], 1, "no operation of that name"),
    ],
)
def test_what_cannot_be_planned_ends_with_a_code(
    explain: Explain, document: str, arguments: list[str], expected: int, words: str
) -> None:
    """1 for a document that would be refused, 2 for a command that was asked wrongly."""
    code, out, err = explain(document, *arguments)

    assert (code, out) == (expected, "")
    assert words in err


def test_a_file_is_read(
    explain: Explain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A document in a file is planned as well as one from standard input."""
    path = tmp_path / "page.graphql"
    path.write_text(PAGE)
    sys.argv = ["casegraph", "explain", str(path), "--variables", '{"hub": "96"}', "--json"]

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["operation"] == "Page"
