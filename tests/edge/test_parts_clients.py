"""Answers in parts with the clients that people use: first what is there, in the end everything.

The notes of the case hang until a client has seen its first data, which is what lets them go: an
answer that is held back anywhere on its way never comes.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.gateway import Gateway, running_gateway
from support.npm import CLIENTS, run_client
from support.upstreams import Upstreams, running_upstreams

ROWS = 4


@pytest.fixture(scope="module")
def own() -> Iterator[Upstreams]:
    """Return a sandbox whose faults are these tests' own."""
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture(scope="module")
def fresh(own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway over it."""
    with running_gateway(own.environment) as running:
        yield running


def run(client: str, gateway: Gateway, upstreams: Upstreams) -> dict[str, Any]:
    """Return what a client saw."""
    odd = upstreams.world.oddities
    asked = {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
    control = f"{upstreams.base}/__control/faults"
    artifacts = str(CLIENTS / "parts_relay.json")
    url = f"{gateway.url}/graphql"
    found: dict[str, Any] = run_client(
        "parts.mjs", client, url, control, json.dumps(asked), artifacts
    )
    return found


def check(told: dict[str, Any]) -> None:
    """Check that data came bit by bit and are the plain answer in the end."""
    first, *_, last = told["seen"]
    assert "notes" not in first["case"]
    assert len(first["cases"]["nodes"]) == 1
    assert last == told["plain"]
    assert len(last["cases"]["nodes"]) == ROWS
    assert last["case"]["notes"]["nodes"]


def test_apollo_reads_both_shapes(fresh: Gateway, own: Upstreams) -> None:
    """Each of its two handlers asks for its own shape, gets it, and ends with the same data."""
    told = run("apollo", fresh, own)

    for handler, shape in (("older", "deferSpec=20220824"), ("newer", "incrementalSpec=v0.2")):
        check(told[handler])
        types = told[handler]["types"]
        assert types[0] == f'multipart/mixed; boundary="-"; {shape}'
        assert types[1] == "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize("client", ["urql", "tools"])
def test_clients_that_name_no_shape_read_the_older(
    fresh: Gateway, own: Upstreams, client: str
) -> None:
    """The ones of urql and graphql-tools list the media type for every query they send."""
    check(run(client, fresh, own))


def test_relay_reads_fragments_one_by_one(fresh: Gateway, own: Upstreams) -> None:
    """Two deferred fragments that share a list are each whole when their label comes."""
    told = run("relay", fresh, own)

    first, *_, last = told["seen"]
    plain = told["plain"]
    notes = plain["case"]["notes"]["nodes"]
    rows = [{"name": row["name"]} for row in plain["cases"]["nodes"]]
    name = plain["case"]["name"]
    assert first == {"name": name, "rows": rows[:1], "times": None, "texts": None}
    assert last == {
        "name": name,
        "rows": rows,
        "times": {"notes": {"nodes": [{"createdAt": each["createdAt"]} for each in notes]}},
        "texts": {"notes": {"nodes": [{"text": each["text"]} for each in notes]}},
    }
    assert sorted(told["labels"]) == [
        "partsRelayQuery$defer$texts",
        "partsRelayQuery$defer$times",
        *["partsRelayQuery$stream$rows"] * (ROWS - 1),
    ]
