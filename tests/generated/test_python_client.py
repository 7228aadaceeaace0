"""What ariadne-codegen makes of the schema is a client that mypy believes and that works."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.clients


def test_the_generated_client_is_strictly_typed(
    python_workshop: Any, generator_python: Path
) -> None:
    """Mypy has nothing to say of it nor of the programs over it, and refuses what is wrong."""
    said = python_workshop.made(
        *(sys.executable, "-m", "mypy", "--config-file", "mypy.ini"),
        # What it finds of the packages stays beside them, in files that two runs may share.
        *("--cache-dir", str(generator_python.parents[1] / "mypy"), "--no-sqlite-cache"),
        *("--python-executable", str(generator_python)),
        *("casegraph_client", "pages.py", "changes.py", "refusals.py"),
    )

    assert said.startswith("Success: no issues found in ")


def test_every_page_of_the_python_client_is_what_the_gateway_says(
    python_workshop: Any, generator_python: Path, application: Any, same: Callable[..., bool]
) -> None:
    """Through its models and back nothing is lost, and moments and days can be counted with."""
    shown = python_workshop.program(
        str(generator_python), "pages.py", url=application.gateway.url, wishes=application.wishes
    )

    asked = application.pages(shown["ids"])
    assert same(shown, asked)
    case = asked["CasePage"]["case"]
    assert shown["lines"]["things"] == [
        f"case {case['name']}",
        f"note on {case['name']}",
        f"rating {asked['NewestRatings']['recentRatings'][0]['score']}",
    ]
    assert shown["lines"]["case"][0] == f"{case['caseId']} {case['name']}: Resolved"
    assert any(line.startswith("+ ") for line in shown["lines"]["case"])
    assert shown["days"] > 0
    assert shown["reviewDays"] == [each["reviewDate"] for each in case["reviews"]["nodes"]]
    assert shown["reviewDays"]


def test_a_conflict_is_met_and_solved_with_the_python_client(
    python_workshop: Any, generator_python: Path, changeable: Any
) -> None:
    """A moment goes in with its offset and is the same moment afterwards; enums are members."""
    gateway, wishes = changeable

    first, second, again = python_workshop.program(
        str(generator_python), "changes.py", url=gateway.url, wishes=wishes
    )

    assert [(each["outcome"], each["stands"]) for each in (first, second, again)] == [
        ("APPLIED", True), ("CONFLICT", False), ("APPLIED", True),
    ]  # fmt: skip
    assert {each["dueAt"] for each in (first, second, again)} == {"2027-01-31 09:30:00+00:00"}
    assert [name for name, _, _ in first["changes"]] == ["dueAt"]
    assert [name for name, _ in second["differences"]] == ["dueAt"]
    assert second["version"] == first["version"] != again["version"]
