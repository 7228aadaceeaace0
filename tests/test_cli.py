"""Each command: what it prints, where, and with which exit code."""

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from casegraph import cli
from casegraph.graph.exports import exported
from casegraph.graph.schema import build_schema, sdl
from casegraph.settings import unknown_variables
from support.command import COMMAND, environment_with, run_command, started_command
from support.upstreams import Upstreams

NAME = "query Name($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { caseId } }"


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process, with these variables."""

    def run(*arguments: str, stdin: str = "", variables: dict[str, str] | None = None) -> Ended:
        monkeypatch.setattr(sys, "argv", ["casegraph", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        for name, text in (variables or {}).items():
            monkeypatch.setenv(name, text)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Ended(ended.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def odd_case(upstreams: Upstreams) -> dict[str, str]:
    """Return the variables of the case with everything."""
    odd = upstreams.world.oddities
    return {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}


def test_the_schema_is_printed(command: Command) -> None:
    """Nothing but the schema goes to the output, so that it can be redirected to a file."""
    ended = command("schema")

    assert ended == Ended(0, sdl(build_schema()), "")


@pytest.mark.parametrize("form", ["json", "possible-types"])
def test_the_schema_is_printed_for_tools(command: Command, form: str, tmp_path: Path) -> None:
    """In the forms that generators and caches read, which can be compared as well."""
    printed = command("schema", "--format", form)
    file = tmp_path / "schema.json"
    file.write_text(printed.out)

    assert printed == Ended(0, exported(build_schema(), form), "")
    assert command("schema", "--format", form, "--check", str(file)).code == 0
    assert command("schema", "--check", str(file)).code == 1


def test_a_schema_file_is_compared(command: Command, tmp_path: Path) -> None:
    """The file of this schema is up to date; any other is not, and says so."""
    file = tmp_path / "schema.graphql"
    file.write_text(sdl(build_schema()))

    same = command("schema", "--check", str(file))
    file.write_text("type Query { a: Int }\n")
    other = command("schema", "--check", str(file))
    absent = command("schema", "--check", str(tmp_path / "none"))

    assert same == Ended(0, f"{file} is up to date.\n", "")
    assert (other.code, other.out) == (1, "")
    assert str(file) in other.err
    assert (absent.code, absent.out) == (2, "")
    assert "No such file" in absent.err


def test_a_document_is_run_from_a_file(
    command: Command, upstreams: Upstreams, odd_case: dict[str, str], tmp_path: Path
) -> None:
    """The answer is JSON, indented, without colours where nobody looks at them."""
    file = tmp_path / "name.graphql"
    file.write_text(NAME)

    ended = command(
        "query", str(file), "--variables", json.dumps(odd_case), variables=upstreams.environment
    )

    expected = {"data": {"case": {"caseId": odd_case["case"]}}}
    assert ended == Ended(0, json.dumps(expected, indent=2) + "\n", "")


def test_a_document_is_run_from_standard_input(
    command: Command, upstreams: Upstreams, odd_case: dict[str, str]
) -> None:
    """`-` reads the document; one of several operations is chosen by name."""
    ended = command(
        "query",
        "-",
        "--variables",
        json.dumps(odd_case),
        "--operation",
        "Name",
        stdin=f"query Other {{ __typename }} {NAME}",
        variables=upstreams.environment,
    )

    assert json.loads(ended.out)["data"]["case"] == {"caseId": odd_case["case"]}


def test_an_answer_with_errors_ends_with_one(command: Command, upstreams: Upstreams) -> None:
    """The answer is printed all the same, and a script notices."""
    ended = command("query", "-", stdin="{ nothing }", variables=upstreams.environment)

    assert ended.code == 1
    assert json.loads(ended.out)["errors"][0]["extensions"]["requestId"] == "command-line"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["query", "none.graphql"], "none.graphql: cannot be read (FileNotFoundError)."),
        (["query", "-", "--variables", "{"], "--variables: not JSON"),
        (["query", "-", "--variables", "[1]"], "--variables: a JSON object is asked for."),
        (["check", "--config", "none.toml"], "none.toml: No such file or directory."),
        (["serve", "--port", "65536"], "--port"),
        (["serve", "--port", "-1"], "--port"),
        (["serve", "--port", "web"], "--port"),
        (["sandbox", "--cases", "3"], "--cases"),
        (["sandbox", "--latency", "-1"], "--latency"),
        (["nothing"], "nothing"),
    ],
)
def test_what_was_asked_wrongly_ends_with_two(
    command: Command, arguments: list[str], expected: str
) -> None:
    """The reason is one for people, on the error stream, without a traceback."""
    ended = command(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert expected in ended.err
    assert "Traceback" not in ended.err


def test_colours_are_for_terminals(upstreams: Upstreams) -> None:
    """On a terminal the same answer comes in colours."""
    master, slave = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  our own interpreter and our own package
        [*COMMAND, "query", "-"],
        stdin=subprocess.PIPE,
        stdout=slave,
        stderr=subprocess.STDOUT,
        env={**environment_with(upstreams.environment), "TERM": "xterm-256color"},
    )
    os.close(slave)
    process.communicate(b"{ __typename }", timeout=60)
    shown = os.read(master, 10_000).decode()
    os.close(master)

    assert process.returncode == 0
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert json.loads(plain) == {"data": {"__typename": "Query"}}


def rows(ended: Ended) -> dict[str, tuple[str, str]]:
    """Return a check's lines by upstream: the word in front, and the text."""
    found = (line.split(maxsplit=2) for line in ended.out.splitlines())
    return {upstream: (word, text) for word, upstream, text in found}


def test_good_upstreams_pass_the_check(command: Command, upstreams: Upstreams) -> None:
    """One line each, one cheap call each that changes nothing."""
    ended = command("check", variables=upstreams.environment)

    good = ("ok", "reachable, credentials accepted")
    assert ended.code == 0
    assert rows(ended) == dict.fromkeys(
        ["action_management", "case_reviews", "ratings", "customer_cases"], good
    )
    assert sum(upstreams.calls().values()) <= 5
    assert {name.split(".")[0] for name in upstreams.calls()} == set(rows(ended))


@pytest.mark.parametrize(
    ("upstream", "credential"),
    [
        ("action_management", "CASEGRAPH_ACTION_MANAGEMENT__CLIENT_SECRET"),
        ("case_reviews", "CASEGRAPH_CASE_REVIEWS__TOKEN"),
        ("ratings", "CASEGRAPH_RATINGS__PASSWORD"),
        ("customer_cases", "CASEGRAPH_CUSTOMER_CASES__AUTH_VALUE"),
    ],
)
def test_refused_credentials_fail_the_check(
    command: Command, upstreams: Upstreams, upstream: str, credential: str
) -> None:
    """The upstream is named, its address and the credential are not; the others are asked on."""
    ended = command("check", variables={**upstreams.environment, credential: "wrong-secret"})

    found = rows(ended)
    assert ended.code == 1
    assert {name: word for name, (word, _) in found.items()} == {
        name: "FAIL" if name == upstream else "ok" for name in found
    }
    assert "credentials" in found[upstream][1]
    assert "[UNAVAILABLE]" in found[upstream][1]
    assert "wrong-secret" not in ended.out + ended.err
    assert "127.0.0.1" not in ended.out


def test_a_closed_port_fails_the_check(command: Command, upstreams: Upstreams) -> None:
    """An upstream that is not there is told in one line, whatever the system calls it."""
    gone = {**upstreams.environment, "CASEGRAPH_RATINGS__URL": "http://127.0.0.1:9/api/v1"}

    ended = command("check", variables=gone)

    assert ended.code == 1
    assert len(ended.out.splitlines()) == 4
    assert rows(ended)["ratings"][0] == "FAIL"
    assert "Traceback" not in ended.err


def test_an_upstream_that_is_not_configured_is_not_a_failure(
    command: Command, upstreams: Upstreams
) -> None:
    """What was left out on purpose is told, and does not end in an error."""
    chosen = {
        name: text
        for name, text in upstreams.environment.items()
        if name.startswith("CASEGRAPH_CASE_REVIEWS__")
    }

    ended = command("check", variables=chosen)

    assert ended.code == 0
    assert rows(ended) == {
        "action_management": ("-", "not configured"),
        "case_reviews": ("ok", "reachable, credentials accepted"),
        "ratings": ("-", "not configured"),
        "customer_cases": ("-", "not configured"),
    }


def test_settings_that_cannot_work_end_with_two(command: Command) -> None:
    """A half-configured upstream is refused before anything starts, naming the setting."""
    ended = command("serve", variables={"CASEGRAPH_CASE_REVIEWS__URL": "https://a.example"})

    assert ended == Ended(
        2,
        "",
        "casegraph: CASEGRAPH_CASE_REVIEWS__USERNAME, CASEGRAPH_CASE_REVIEWS__TOKEN: not set,"
        " although CASEGRAPH_CASE_REVIEWS__URL is.\n",
    )


def test_misspelt_variables_are_told_of(command: Command) -> None:
    """A warning names them; the command goes on."""
    ended = command("check", variables={"CASEGRAPH_RATINGS__PASWORD": "secret"})

    assert ended.code == 0
    assert "CASEGRAPH_RATINGS__PASWORD is not a setting" in ended.err
    assert "secret" not in ended.err


def test_a_taken_port_is_told(upstreams: Upstreams) -> None:
    """The reason stands in one line, without a traceback."""
    port = upstreams.base.rpartition(":")[2]

    ended = run_command("serve", "--port", port, variables=upstreams.environment)

    assert ended.returncode == 2
    assert ended.stderr.strip() == "casegraph: cannot listen there: Address already in use."


def test_serving_on_configured_upstreams(upstreams: Upstreams) -> None:
    """They are named with their addresses; that anybody may ask is warned about."""
    variables = {**upstreams.environment, "CASEGRAPH_AUTH__ANYONE": "true"}
    with started_command(
        "serve", "--host", "0.0.0.0", "--port", "0", variables=variables
    ) as running:
        running.read_until("GraphQL ")
        code = running.stop(signal.SIGINT)

    assert code == 0
    assert "bundled" not in running.said
    assert "nobody has to say who they are" in running.said
    assert f"ratings            {upstreams.environment['CASEGRAPH_RATINGS__URL']}" in running.said
    assert "Explorer" not in running.said
    assert "Traceback" not in running.said


def test_the_sandbox_says_how_to_point_a_gateway_at_it(command: Command) -> None:
    """Its lines can be pasted into a shell, and a gateway with them answers from that world."""
    options = ["--port", "0", "--seed", "11", "--cases", "60", "--latency", "1"]
    with started_command("sandbox", *options) as running:
        running.read_until("CUSTOMER_CASES__URL")
        exported = subprocess.run(  # noqa: S603  what a person would do with these lines
            ["/bin/sh", "-c", f"{running.said}\nenv"],
            capture_output=True,
            text=True,
            check=True,
            env={},
        ).stdout
        variables = dict(line.partition("=")[::2] for line in exported.splitlines())
        ours = {name: text for name, text in variables.items() if name.startswith("CASEGRAPH_")}
        checked = command("check", variables=ours)
        base = ours["CASEGRAPH_RATINGS__URL"].partition("/ratings")[0]
        calls = httpx.get(f"{base}/__control/calls").json()
        latency = httpx.get(f"{base}/__control/latency").json()
        code = running.stop(signal.SIGTERM)

    assert "60 cases, seed 11" in running.said
    assert unknown_variables(ours) == []
    assert checked.code == 0
    assert [word for word, _ in rows(checked).values()] == ["ok"] * 4
    assert calls["total"] >= 4
    assert latency["ms"] == 1
    assert code == 0
