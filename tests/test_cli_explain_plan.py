"""`casegraph explain --plan` and `--code`: how a query would be run, and by whom if not so."""

import io
import sys
from collections.abc import Callable

import pytest

from casegraph import cli
from support.upstreams import Upstreams

PAGE = """query Page($hub: ID!) {
  cases(hubId: $hub, first: 20) { nodes { title: name notes { totalCount } } }
}"""

Explain = Callable[..., str]


@pytest.fixture
def explain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], upstreams: Upstreams
) -> Explain:
    """Run the command in this process, over upstreams whose calls are counted."""
    for name, text in upstreams.environment.items():
        monkeypatch.setenv(name, text)

    def run(document: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["casegraph", "explain", "-", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(document))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    return run


def test_the_plan_names_each_field_with_how_it_is_had(
    explain: Explain, upstreams: Upstreams
) -> None:
    """Fields that cross to an upstream are asked once for all parents; nobody is asked here."""
    lines = explain(PAGE, "--variables", '{"hub": "96"}', "--plan").splitlines()

    assert lines[0] == "query Page: 5 fields, 4 regions"
    assert "      title: name: String (read)" in lines
    assert any("notes: NoteConnection (asked once for all parents" in line for line in lines)
    assert upstreams.calls() == {}


def test_the_code_is_python(explain: Explain) -> None:
    """It can be read by Python's parser; names of the document stand in its comments only."""
    text = explain(PAGE, "--variables", '{"hub": "96"}', "--code")

    assert compile(text, "shown", "exec")
    assert "def o0(v, s, e):  # Query" in text
    assert "# R0 = a row of cases\n" in text
    assert "# R2 = a row of title, notes\n" in text


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("compiled", "Run by graphql-core's executor: a mutation.\n"),
        ("standard", "Run by graphql-core's executor, as CASEGRAPH_ENGINE says.\n"),
    ],
)
def test_what_has_no_plan_says_why(
    explain: Explain, monkeypatch: pytest.MonkeyPatch, engine: str, said: str
) -> None:
    """A mutation has none, and with the standard engine nothing has."""
    monkeypatch.setenv("CASEGRAPH_ENGINE", engine)

    shown = explain('mutation { triggerRating(input: { caseId: "1" }) { outcome } }', "--plan")

    assert shown == said
