"""What counts as an origin in the settings."""

import pytest

from casegraph.edge.origins import cross_origin, is_origin
from casegraph.errors import SettingsInvalid
from casegraph.settings import load_settings


@pytest.mark.parametrize(
    "text",
    [
        "https://app.example.com",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://[::1]:3000",
        "https://a",
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str) -> None:
    """As a browser writes it, so that it can be compared."""
    assert is_origin(text)


WRONG = [
    "*",
    "null",
    "app.example.com",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://App.example.com",
    "https://*.example.com",
    "https://user@app.example.com",
    "https://app.example.com:port",
    "file:///tmp/x",
    "https://",
    "https://app.example.com\n",
]


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_none(text: str) -> None:
    """A pattern, a path or another spelling would never match, or match too much."""
    assert not is_origin(text)


def test_the_list_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas part the origins; without any there is no list."""
    assert load_settings().http.origins is None
    monkeypatch.setenv("CASEGRAPH_HTTP__ORIGINS", "https://a.example, http://localhost:3000,")

    assert load_settings().http.origins == ("https://a.example", "http://localhost:3000")


def test_a_list_with_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start ends, and the setting is named."""
    monkeypatch.setenv("CASEGRAPH_HTTP__ORIGINS", "https://a.example,*")

    with pytest.raises(SettingsInvalid, match="CASEGRAPH_HTTP__ORIGINS"):
        load_settings()


def test_without_a_list_nothing_answers_preflights() -> None:
    """There is then no layer that could be wrong."""
    assert cross_origin(()) == []
