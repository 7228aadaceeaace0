"""The diagram of the rooms and the house rules that a machine can hold."""

import ast
import logging
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "casegraph"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LINES_MAX = 400
FUNCTION_LINES_MAX = 60
NO_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def name_of(path: Path) -> str:
    """Return how a test names a file."""
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Return the modules that a file imports, wherever it does so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield f"{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class Function(NamedTuple):
    """What is to be known of a function."""

    name: str
    lines: int
    says: str


@cache
def functions(path: Path) -> tuple[Function, ...]:
    """Return a file's functions, inner ones too."""
    return tuple(
        Function(
            node.name,
            (node.end_lineno or 0) - node.lineno + 1,
            ast.get_docstring(node) or "",
        )
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.fixture
def _loggers_as_before() -> Iterator[None]:
    """Switch the loggers on again that the linter's own set-up of logging switches off."""
    known = [each for each in logging.root.manager.loggerDict.values() if hasattr(each, "disabled")]
    before = [(logger, logger.disabled) for logger in known]
    yield
    for logger, disabled in before:
        logger.disabled = disabled


@pytest.mark.usefixtures("_loggers_as_before")
def test_rooms_know_only_what_the_diagram_allows(capsys: pytest.CaptureFixture[str]) -> None:
    """Every contract of pyproject.toml is kept."""
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)

    assert code == 0, capsys.readouterr().out


def test_linking_needs_the_standard_library_and_nothing_else() -> None:
    """Who is the same case is decided by pure functions that can be proved by generation."""
    allowed = (*sys.stdlib_module_names, "casegraph.linking")
    strangers = {
        (name_of(path), name)
        for path in (SOURCE / "linking").rglob("*.py")
        for name in imported(path)
        if not any(name == each or name.startswith(f"{each}.") for each in allowed)
    }

    assert strangers == set()


def test_simulators_share_nothing_with_the_clients() -> None:
    """A fake that shared the client's code would repeat its mistakes: it imports fakes only."""
    paths = [
        path
        for path in (SOURCE / "upstreams").rglob("*.py")
        if path.stem.startswith("simulator") or path.stem == "store"
    ]
    strangers = {
        (name_of(path), name)
        for path in paths
        for name in imported(path)
        if name.startswith("casegraph.")
        and not name.split(".")[3].startswith("simulator")
        and name.split(".")[3] != "store"
    }

    assert len(paths) > 8
    assert strangers == set()


def test_of_the_upstreams_only_simulators_serve_http() -> None:
    """Clients and records know nothing of the library that serves."""
    serving = {
        name_of(path)
        for path in (SOURCE / "upstreams").rglob("*.py")
        if any(name.split(".")[0] == "starlette" for name in imported(path))
        and not path.stem.startswith("simulator")
    }

    assert serving == set()


def test_files_and_functions_are_short() -> None:
    """No file is longer than 400 lines and no function longer than 60."""
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    long_files = {name_of(path) for path in files if len(lines(path)) > LINES_MAX}
    long_functions = {
        f"{name_of(path)}: {each.name}"
        for path in files
        for each in functions(path)
        if each.lines > FUNCTION_LINES_MAX
    }

    assert long_files == set()
    assert long_functions == set()


def lines(path: Path) -> list[str]:
    """Return a file's lines."""
    return path.read_text("utf-8").splitlines()


def test_nothing_is_left_unfinished() -> None:
    """No marker of work to be done stands in the code."""
    marked = {
        f"{name_of(path)}:{number}"
        for path in [*MODULES, *TESTS]
        for number, line in enumerate(lines(path), start=1)
        if any(marker in line for marker in UNFINISHED)
    }

    assert marked == set()


def test_modules_are_named_after_what_they_hold() -> None:
    """No module is a drawer for everything."""
    drawers = {name_of(path) for path in MODULES if NO_NAMES & set(path.stem.split("_"))}

    assert drawers == set()


def test_every_module_says_why_it_exists() -> None:
    """Each source file begins with a docstring."""
    mute = {name_of(path) for path in MODULES if ast.get_docstring(tree_of(path)) is None}

    assert mute == set()


def test_packages_hold_exports_only() -> None:
    """`__init__` files import and export; they do nothing."""
    busy = {
        name_of(path)
        for path in MODULES
        if path.name == "__init__.py"
        for node in tree_of(path).body[1:]
        if not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)
    }

    assert busy == set()


def test_every_test_states_its_behaviour() -> None:
    """Each test has a docstring that is a sentence."""
    mute = {
        f"{name_of(path)}: {each.name}"
        for path in TESTS
        for each in functions(path)
        if each.name.startswith("test_") and not each.says.endswith(".")
    }

    assert mute == set()
