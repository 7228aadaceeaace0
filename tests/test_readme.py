"""The README tells the truth: its queries run, its commands work, its tables are complete."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from casegraph import cli
from casegraph.edge.identity import Unauthenticated
from casegraph.edge.negotiation import GRAPHQL_JSON
from casegraph.edge.persisted import NotRegistering, NotTrusted, UnknownDocument
from casegraph.errors import CasegraphError, SettingsInvalid
from casegraph.graph import failures
from casegraph.sandbox.world import build_world
from support.command import run_command, started_command
from support.gateway import Gateway, running_gateway
from support.stalls import timed
from support.upstreams import running_upstreams

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"```graphql\n(.*?)```\n(?:```json\n(.*?)```\n)?", re.DOTALL)
BLOCKS = [(query, json.loads(variables or "{}")) for query, variables in BLOCK.findall(TEXT)]
QUERIES = [pair for pair in BLOCKS if pair[0].startswith("query")]
MUTATIONS = [pair for pair in BLOCKS if pair[0].startswith("mutation")]
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def bundled() -> Iterator[Gateway]:
    """Return a gateway over the world that `casegraph serve` starts on its own."""
    with running_upstreams(cases=2500) as upstreams, running_gateway(upstreams.environment) as ours:
        yield ours


def is_filled(value: Any) -> bool:
    """Return whether there is anything but nulls, falsehoods and empty lists."""
    if isinstance(value, dict):
        return any(is_filled(each) for each in value.values())
    if isinstance(value, list):
        return any(is_filled(each) for each in value)
    return value not in (None, False, "")


@pytest.mark.parametrize(
    ("query", "variables"), QUERIES, ids=re.findall(r"```graphql\nquery (\w+)", TEXT)
)
def test_every_query_answers(bundled: Gateway, query: str, variables: dict[str, Any]) -> None:
    """Each block runs as it stands, and every field on its first level has something to show."""
    data = bundled.ask(query, variables).data

    assert data
    assert [name for name, value in data.items() if not is_filled(value)] == []


def test_a_conflict_is_met_and_solved_as_told(bundled: Gateway) -> None:
    """The mutations of the story end as the text says, with the versions that it shows."""
    ((seen, asked),) = [pair for pair in QUERIES if "version }" in pair[0]]
    before = bundled.ask(seen, asked).data["case"]
    cost, conflict, solved = (
        bundled.ask(query, variables).data["updateCase"] for query, variables in MUTATIONS
    )

    versions = [variables["input"]["expectedVersion"] for _, variables in MUTATIONS]
    assert versions == [before["version"], before["version"], cost["case"]["version"]]
    assert [each["outcome"] for each in (cost, conflict, solved)] == [
        "APPLIED", "CONFLICT", "APPLIED",
    ]  # fmt: skip
    assert conflict["conflict"]["fields"] == [
        {"field": "cost", "expected": 0, "actual": 25, "isRequested": False}
    ]
    assert conflict["conflict"]["current"] == {
        "name": before["name"], "cost": 25, "version": versions[2],
    }  # fmt: skip
    assert (solved["case"]["cost"], solved["case"]["name"]) == (25, "Parts missing, sent again")


def test_the_queries_are_those_of_the_explorer() -> None:
    """The first five are the tabs of the explorer and what `serve` prints, word for word."""
    shown = [(each.query, each.variables) for each in cli.bundled_examples(build_world())]

    assert QUERIES[: len(shown)] == shown
    assert len(QUERIES) >= 8


def test_paging_goes_on_as_described(bundled: Gateway) -> None:
    """Following `endCursor` until `hasNextPage` is false meets every note once."""
    ((query, variables),) = [pair for pair in QUERIES if "$after" in pair[0]]
    pages = [bundled.ask(query, variables).data["notes"]]
    while pages[-1]["pageInfo"]["hasNextPage"]:
        cursor = pages[-1]["pageInfo"]["endCursor"]
        pages.append(bundled.ask(query, {**variables, "after": cursor}).data["notes"])

    ids = [node["noteId"] for page in pages for node in page["nodes"]]
    assert len(pages) > 2
    assert len(ids) > 20 * (len(pages) - 1)
    assert len(ids) == len(set(ids))


def test_ids_bring_back_what_they_stand_for(bundled: Gateway) -> None:
    """The ids of the refetching example come back as they were asked, in order."""
    ((query, variables),) = [pair for pair in QUERIES if "$ids" in pair[0]]

    nodes = bundled.ask(query, variables).data["nodes"]

    assert [node["id"] for node in nodes] == variables["ids"]
    assert [node["__typename"] for node in nodes] == ["Case", "Rating"]


def test_the_table_of_codes_is_complete() -> None:
    """Every code that can leave the gateway is explained, and no other."""

    def codes(kind: type[CasegraphError]) -> set[str]:
        below = set().union(*(codes(each) for each in kind.__subclasses__()), set())
        return below if kind is SettingsInvalid else {kind.code} | below

    of_requests = {"BAD_REQUEST", failures.PARSE_FAILED, failures.VALIDATION_FAILED}
    of_requests |= {each.code for each in (UnknownDocument, NotRegistering, NotTrusted)}
    of_requests.add(Unauthenticated.code)
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", TEXT, re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"[A-Z_]+", row)}

    assert {code for code in told if not code.startswith("CASEGRAPH_")} == (
        codes(CasegraphError) | of_requests
    )


def test_every_command_is_in_its_table() -> None:
    """The table of commands names what `casegraph --help` lists, and the options are real."""

    def help_text(*arguments: str) -> str:
        shown = CliRunner().invoke(cli.app, [*arguments, "--help"], env={"COLUMNS": "200"}).output
        return re.sub(r"\x1b\[[0-9;]*m", "", shown)

    listed = set(re.findall(r"^\W+([\w-]+) +\w", help_text(), re.MULTILINE))
    rows = dict(re.findall(r"^\| `casegraph ([\w-]+)[^`]*` \| (.*) \|$", TEXT, re.MULTILINE))

    assert set(rows) == {"serve", "sandbox", "query", "explain", "check", "schema", "api-key"}
    assert set(rows) <= listed
    for name, row in rows.items():
        options = re.findall(r"--\w+", row)
        assert [option for option in options if option not in help_text(name)] == []


def test_links_in_the_text_lead_to_files() -> None:
    """What the page links to is in the repository, and its anchors are headings."""
    headings = {line.strip("# ").lower() for line in TEXT.splitlines() if line.startswith("#")}

    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target.removeprefix("#").replace("-", " ") in headings
        else:
            assert (ROOT / target).is_file()


def test_the_gate_uses_the_command_of_this_page() -> None:
    """`.ci/run` sets up and tests by the very words that a reader is told."""
    ((command),) = [block for block in SHELL if "pytest" in block]
    gate = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

    steps = command.strip().split(" && ")
    assert len(steps) == 3
    assert [step for step in steps if step not in gate] == []


def test_the_start_is_one_line() -> None:
    """The first command of the page makes an environment, installs, and serves."""
    steps = SHELL[0].strip().split(" && ")

    assert steps == [
        "python3 -m venv .venv",
        ".venv/bin/pip install .",
        ".venv/bin/casegraph serve",
    ]


def test_serve_starts_on_the_bundled_upstreams() -> None:
    """From the command to a linked answer in seconds; SIGTERM ends it in good order."""
    with timed() as took, started_command("serve", "--port", "0") as running:
        address = running.read_until(r"^Explorer +(http://\S+)/$")[1]
        answer = httpx.post(
            f"{address}/graphql",
            json={"query": QUERIES[0][0], "variables": QUERIES[0][1]},
            headers={"accept": GRAPHQL_JSON},
        ).json()
        page = httpx.get(f"{address}/", headers={"accept": "text/html"})
        code = running.stop(signal.SIGTERM)

    assert answer["data"]["case"]["ratings"]["nodes"]
    assert answer["data"]["case"]["customerCases"]
    assert took.seconds < 30  # 3 s on a machine with nothing else to do
    assert page.headers["content-type"].startswith("text/html")
    assert code == 0
    assert "runs on the bundled upstreams" in running.said
    assert f"GraphQL    {address}/graphql\n" in running.said
    assert [query for query, _ in QUERIES[:3] if query not in running.said] == []
    assert "Traceback" not in running.said


def test_the_pipe_of_this_page_works() -> None:
    """`casegraph query -` runs a document on the bundled upstreams and prints the answer."""
    ((block),) = [block for block in SHELL if "casegraph query -" in block]
    document = re.search(r"echo '([^']+)'", block)[1]
    variables = re.search(r"--variables '([^']+)'", block)[1]

    ended = run_command("query", "-", "--variables", variables, stdin=document)

    assert ended.returncode == 0
    assert json.loads(ended.stdout)["data"]["case"]["name"]


def test_the_request_from_a_shell_works(bundled: Gateway) -> None:
    """The body that curl is given is a request that answers."""
    (block,) = [block for block in SHELL if "curl" in block and "/graphql" in block]
    body = json.loads(re.search(r"-d '(.*)'", block, re.DOTALL)[1])

    assert bundled.ask(**body).data["case"]["ratings"]["nodes"]


def test_the_outage_of_the_readme_can_be_rehearsed() -> None:
    """The plan that curl is given breaks what it says it breaks, and DELETE mends it."""
    (block,) = [block for block in SHELL if "/__control/faults" in block]
    plan = json.loads(re.search(r"-d '(.*)'", block, re.DOTALL)[1])
    query = "{ case(hubId: 96, caseId: 345000) { name ratings { totalCount } } }"

    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        control = f"{upstreams.base}/__control/faults"
        assert httpx.put(control, json=plan).status_code == 200
        broken = ours.ask(query, X_Deadline_Ms="1500")
        assert httpx.delete(control).is_success
        mended = ours.ask(query)

    assert broken.partial["case"]["name"]
    assert broken.codes == {"case.ratings": "DEADLINE_EXCEEDED"}
    assert mended.data["case"]["ratings"] is not None
