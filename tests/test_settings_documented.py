"""The README's table of settings is the one that the code would print."""

import re
from pathlib import Path

from casegraph.settings import table

README = Path(__file__).parents[1] / "README.md"


def row(variable: str, default: str, meaning: str) -> str:
    """Return a setting as the table shows it."""
    shown = f"`{default}`" if default else "\u2013"
    return f"| `{variable}` | {shown} | {meaning} |"


def test_the_table_of_settings_is_complete_and_in_order() -> None:
    """Every variable stands there with its default and its meaning, and nothing else does."""
    written = re.findall(r"^\| `CASEGRAPH_.*$", README.read_text("utf-8"), re.MULTILINE)

    assert written == [row(*each) for each in table()]


def test_every_setting_says_what_it_is_for() -> None:
    """A meaning is a sentence that fits a table."""
    assert [name for name, _, meaning in table() if not meaning.endswith(".")] == []
    assert [name for name, _, meaning in table() if "|" in meaning or len(meaning) > 120] == []
