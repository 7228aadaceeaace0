"""Settings of freshness, which stand in groups within a group."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from casegraph.errors import SettingsInvalid
from casegraph.loading.freshness import DEFAULT_WINDOWS, Kind, Windows
from casegraph.settings import Settings, load_settings, table


def load_with(environment: Mapping[str, str], config: Path | None = None) -> Settings:
    """Load settings from exactly these variables and this file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return load_settings(config)


def refusal(environment: Mapping[str, str], config: Path | None = None) -> str:
    """Return in which words these settings are refused."""
    with pytest.raises(SettingsInvalid) as caught:
        load_with(environment, config)
    return str(caught.value)


@pytest.mark.parametrize("group", ["FRESHNESS", "FRESHNESS__RATINGS"])
def test_a_group_of_groups_in_one_variable_is_refused(group: str) -> None:
    """The same holds for each level, and the error shows a variable that exists."""
    words = refusal({f"CASEGRAPH_{group}": "{}"})

    named = re.fullmatch(rf"CASEGRAPH_{group}: is a group; set its parts, as (\w+)\.", words)
    assert named is not None
    assert named[1] in [variable for variable, _, _ in table()]


def test_windows_of_freshness_are_set_one_by_one(tmp_path: Path) -> None:
    """Each kind has its own defaults; what the file and the environment say is put together."""
    file = tmp_path / "casegraph.toml"
    file.write_text(
        "[freshness.ratings]\nfresh_seconds = 5\n[freshness.cases]\nstale_seconds = 7\n"
    )
    settings = load_with({"CASEGRAPH_FRESHNESS__RATINGS__STALE_SECONDS": "0"}, file)

    windows = {**DEFAULT_WINDOWS, Kind.RATINGS: Windows(5, 0, 600), Kind.CASES: Windows(0, 7, 600)}
    assert settings.freshness.windows() == windows
    assert load_with({}).freshness.windows() == DEFAULT_WINDOWS


@pytest.mark.parametrize("text", ["-1", "86401", "soon", "nan", "inf"])
def test_a_window_that_cannot_be_meant_is_refused(text: str) -> None:
    """The variable is named with all its levels."""
    variable = "CASEGRAPH_FRESHNESS__NOTES__FRESH_SECONDS"
    assert refusal({variable: text}).startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[freshness.rating]\nfresh_seconds = 1", "CASEGRAPH_FRESHNESS__RATING__FRESH_SECONDS"),
        ("[freshness]\nratings = 1", "CASEGRAPH_FRESHNESS__RATINGS"),
        ("[freshness.ratings]\nfresh = 1", "CASEGRAPH_FRESHNESS__RATINGS__FRESH"),
        ("[freshness.ratings.fresh]\nseconds = 1", "CASEGRAPH_FRESHNESS__RATINGS__FRESH__SECONDS"),
    ],
)
def test_a_misspelt_name_in_a_file_is_refused(tmp_path: Path, content: str, expected: str) -> None:
    """Each level counts, and the whole name is told."""
    file = tmp_path / "casegraph.toml"
    file.write_text(content)

    assert refusal({}, file) == f"{file}: {expected} is no setting."
