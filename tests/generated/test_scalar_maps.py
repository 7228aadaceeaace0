"""The maps of scalars that README gives to whoever generates a client are those that are tested."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from graphql import build_schema, is_scalar_type, is_specified_scalar_type

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def own_scalars() -> set[str]:
    """Return the scalars of the schema that no generator knows by itself."""
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    return {
        name
        for name, kind in schema.type_map.items()
        if is_scalar_type(kind) and not is_specified_scalar_type(kind)
    }


def maps() -> dict[str, set[str]]:
    """Return the scalars that each generator's file has a type for."""
    codegen = (HERE / "node" / "codegen.yml").read_text("utf-8")
    ariadne = tomllib.loads((HERE / "python" / "ariadne.toml").read_text("utf-8"))
    relay = json.loads((HERE / "node" / "relay.config.json").read_text("utf-8"))
    lines = re.search(r"^  scalars:\n((?:    \w+: \w+\n)+)", codegen, re.MULTILINE)[1]
    return {
        "graphql-codegen": {line.split(":")[0].strip() for line in lines.splitlines()},
        "ariadne-codegen": set(ariadne["tool"]["ariadne-codegen"]["scalars"]),
        "relay-compiler": set(relay["customScalarTypes"]),
    }


@pytest.mark.parametrize("generator", sorted(maps()))
def test_every_scalar_has_a_type(generator: str) -> None:
    """None is left to be `any`, and none is named that the schema does not have."""
    assert maps()[generator] == own_scalars()


@pytest.mark.parametrize(
    ("mark", "file"),
    [("strictScalars: true", "node/codegen.yml"), ("scalars.DateTime]", "python/ariadne.toml")],
)
def test_the_page_shows_the_map_that_is_tested(mark: str, file: str) -> None:
    """Word for word what the generator was given here."""
    blocks = re.findall(r"```(?:yaml|toml)\n(.*?)```", README, re.DOTALL)
    ((block),) = [each for each in blocks if mark in each]

    assert block in (HERE / file).read_text("utf-8")
    assert all(f"{name}" in block for name in own_scalars())
