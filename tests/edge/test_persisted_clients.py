"""Automatic persisted queries with the clients that people use."""

from typing import Any

import pytest

from support.gateway import running_gateway
from support.npm import run_client
from support.upstreams import Upstreams

DATA = {"__typename": "Query"}
BY_POST = ["POST hash 200", "POST text 200", "POST hash 200"]
BY_GET = {
    "apollo": ["GET hash 200", "POST text 200", "GET hash 200"],
    "urql": ["GET hash 200", "GET text 200", "GET hash 200"],
}


@pytest.fixture(scope="module")
def runs(_upstreams: Upstreams) -> list[dict[str, Any]]:
    """Return what each client saw on a gateway that knows no document."""
    with running_gateway(_upstreams.environment) as gateway:
        found: list[dict[str, Any]] = run_client("persisted.mjs", f"{gateway.url}/graphql")
    return found


def test_every_client_gets_its_data(runs: list[dict[str, Any]]) -> None:
    """A client that names a document gets its answer, the first time and every time."""
    assert [run["answers"] for run in runs] == [[DATA, DATA]] * 4


def test_the_text_is_sent_once(runs: list[dict[str, Any]]) -> None:
    """The hash alone is tried first, then the text goes along, and from then on the hash does."""
    expected = [BY_GET[run["client"]] if run["get"] else BY_POST for run in runs]

    assert [run["requests"] for run in runs] == expected
