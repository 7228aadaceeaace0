"""The generators where they can run: packages in the user's cache, their work in a folder of a run.

The npm packages are installed as those of `tests/clients` are; ariadne-codegen gets a virtual
environment of its own, because it wants a graphql-core that the gateway cannot have.
Invariants: an environment that has its final name is complete, whoever else makes it at the same
time; everything is generated once a session; nothing is written into this tree.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import concat_ast, parse, print_ast, separate_operations
from typer.testing import CliRunner

from casegraph import cli
from support import npm
from support.browser import unavailable
from support.gateway import Gateway, running_gateway
from support.upstreams import running_upstreams

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OPERATIONS = HERE / "operations"
OLDEST_NODE = (20, 19)  # what eslint asks for; the others take less
TOOL_SECONDS = 120
INSTALL_SECONDS = 300


@dataclass
class Workshop:
    """A folder with the schema, the operations and everything that a generator made of them."""

    folder: Path

    def tool(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder, none of our own modules or settings in its way."""
        kept = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(  # noqa: S603  pinned tools and our own programs
            command,
            cwd=self.folder,
            env={**kept, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=TOOL_SECONDS,
        )

    def made(self, *command: str) -> str:
        """Run a command that must succeed and return what it prints."""
        done = self.tool(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def program(self, *command: str, url: str, wishes: Mapping[str, Any], how: str = "") -> Any:
        """Run a program over a generated client and return the JSON that it prints."""
        words = [f"{url}/graphql", json.dumps(dict(wishes)), *([how] if how else [])]
        return json.loads(self.made(*command, *words))


@dataclass
class Application:
    """What the pages show: the operations, what they ask for, and the same asked directly."""

    gateway: Gateway
    documents: dict[str, str]
    wishes: dict[str, Any]

    def answer(self, name: str, **variables: Any) -> Any:
        """Return the data of an operation as the gateway gives it to a plain request."""
        return self.gateway.ask(self.documents[name], variables).data

    def pages(self, ids: list[str]) -> dict[str, Any]:
        """Return what the programs should have been answered, the things with these ids too."""
        wishes = self.wishes
        order = {"field": "DUE_AT", "direction": "ASC"}
        queue: list[Any] = []
        while len(queue) < wishes["pages"]:
            after = queue[-1]["cases"]["pageInfo"]["endCursor"] if queue else None
            asked = {"hub": wishes["hub"], "filter": wishes["filter"], "orderBy": order}
            queue.append(self.answer("Queue", **asked, after=after))
        key = {"hub": wishes["hub"], "case": wishes["case"]}
        return {
            "CasePage": self.answer("CasePage", **key, questions=wishes["questions"]),
            "Queue": queue,
            "CustomerPage": self.answer("CustomerPage", customer=wishes["customer"]),
            "NewestRatings": self.answer("NewestRatings", of={"caseId": wishes["case"]}, limit=2),
            "Thing": [self.answer("Thing", id=each) for each in ids],
        }


def steady(value: Any) -> Any:
    """Return an answer without what is another one each time it is asked."""
    if isinstance(value, dict):
        moving = {"fetchedAt", "ageSeconds"}
        return {name: steady(each) for name, each in value.items() if name not in moving}
    return [steady(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def same() -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    """Return the comparison of two sets of pages; fails at the first page that differs."""

    def compare(shown: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
        for name, page in asked.items():
            assert steady(shown[name]) == steady(page), name
        return bool(asked)

    return compare


@pytest.fixture(scope="session")
def documents() -> dict[str, str]:
    """Return each operation with the fragments that it needs, by name."""
    texts = [path.read_text("utf-8") for path in sorted(OPERATIONS.glob("*.graphql"))]
    parts = separate_operations(concat_ast([parse(text) for text in texts]))
    return {name: print_ast(document) for name, document in parts.items()}


@pytest.fixture
def application(gateway: Gateway, upstreams: Any, documents: dict[str, str]) -> Application:
    """Return the pages of a case that has something of every system, over the shared gateway."""
    odd = upstreams.world.oddities
    key = {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
    query = """query($hub: ID!, $case: ID!) {
      case(hubId: $hub, caseId: $case) { dataField(questionName: "customer_id") { value } }
    }"""
    customer = gateway.ask(query, key).data["case"]["dataField"]["value"]
    wishes = {
        **key,
        "customer": customer,
        "questions": ["customer_id"],
        "filter": {"isClosed": False, "createdFrom": "2025-01-01T00:00:00+01:00"},
        "pages": 2,
    }
    return Application(gateway, documents, wishes)


@pytest.fixture
def changeable() -> Iterator[tuple[Gateway, dict[str, str]]]:
    """Return a gateway whose upstreams may be written to, and a case with the version it has."""
    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        odd = upstreams.world.oddities
        key = {"hubId": str(odd.hub_with_program), "caseId": str(odd.case_with_everything)}
        query = "query($hubId: ID!, $caseId: ID!) { case(hubId: $hubId, caseId: $caseId) { %s } }"
        yield ours, {**key, **ours.ask(query % "version", key).data["case"]}


def _export(form: str) -> str:
    """Return what `casegraph schema --format` prints."""
    shown = CliRunner().invoke(cli.app, ["schema", "--format", form])
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def _furnish(folder: Path, kind: str) -> Workshop:
    """Give a folder the schema, the operations and the files of one kind of generators."""
    shutil.copytree(HERE / kind, folder, dirs_exist_ok=True)
    shutil.copytree(OPERATIONS, folder / "operations")
    shutil.copy(ROOT / "schema.graphql", folder)
    return Workshop(folder)


@pytest.fixture(scope="session")
def node_workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return the folder in which graphql-codegen has generated."""
    shop = _furnish(tmp_path_factory.mktemp("node"), "node")
    (shop.folder / "node_modules").symlink_to(_node_packages() / "node_modules")
    (shop.folder / "introspection.json").write_text(_export("json"), "utf-8")
    (shop.folder / "ours.json").write_text(_export("possible-types"), "utf-8")
    (shop.folder / "relay" / "__generated__").mkdir()
    (shop.folder / "relay" / "documents.json").write_text("{}")  # relay-compiler adds to a file
    shop.made("node_modules/.bin/graphql-codegen", "--config", "codegen.yml")
    return shop


@pytest.fixture(scope="session")
def compiled(node_workshop: Workshop) -> Workshop:
    """Return the folder in which the generated TypeScript is compiled, with every strictness."""
    node_workshop.made("node_modules/.bin/tsc", "--project", "tsconfig.json")
    return node_workshop


def _node_packages() -> Path:
    """Return the folder of the generators' packages, which are installed once per lock file."""
    node = shutil.which("node")
    if node is None:
        unavailable("node and npm are not on the path (Debian packages nodejs and npm)")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603  node
    found = re.findall(r"\d+", told.stdout)
    if (int(found[0]), int(found[1])) < OLDEST_NODE:
        unavailable(f"the generators need Node.js 20.19 or newer, here is {told.stdout.strip()}")
    return npm.installed(HERE / "node")


@pytest.fixture(scope="session")
def generator_python() -> Path:
    """Return the Python of the environment that has ariadne-codegen, which is made once."""
    wanted = HERE / "python" / "requirements.txt"
    parts = (wanted.read_text("utf-8"), sys.version, sys.base_prefix)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casegraph-tests"
    home = base / f"python-{digest}"
    if not home.exists():
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=base) as name:
            _make_environment(Path(name) / "python", wanted)
            try:
                (Path(name) / "python").rename(home)  # it is only ever run as `python -m`
            except OSError:
                assert home.exists()  # somebody else was faster, with the same packages
    return home / "bin" / "python"


def _make_environment(home: Path, wanted: Path) -> None:
    venv.create(home, symlinks=True, with_pip=True)
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    try:
        done = subprocess.run(  # noqa: S603  pip and our own words
            [str(home / "bin" / "python"), *words, "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        unavailable(f"pip needed more than {INSTALL_SECONDS} s to install ariadne-codegen")
    if done.returncode:
        unavailable(f"pip could not install ariadne-codegen: {done.stderr.strip()[-500:]}")


@pytest.fixture(scope="session")
def python_workshop(tmp_path_factory: pytest.TempPathFactory, generator_python: Path) -> Workshop:
    """Return the folder in which ariadne-codegen has generated."""
    shop = _furnish(tmp_path_factory.mktemp("python"), "python")
    shop.made(str(generator_python), "-m", "ariadne_codegen", "--config", "ariadne.toml")
    return shop
