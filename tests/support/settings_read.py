"""Settings read as a process with exactly these variables would read them."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from casegraph.settings import Settings, load_settings

Load = Callable[..., Settings]
"""Takes the environment, and what `load_settings` takes."""


def reader(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that loads settings from exactly the variables it is given."""

    def load(environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
        for name in [name for name in os.environ if name.startswith("CASEGRAPH_")]:
            monkeypatch.delenv(name)
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        return load_settings(**options)

    return load
