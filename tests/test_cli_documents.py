"""Trusted documents on the command line, with the gateway as its own process."""

import json
from pathlib import Path

import httpx

from support.command import run_command, started_command
from support.upstreams import Upstreams

MD5 = "65a1f232d289052f9aabcfdba49b1b07"


def test_serve_takes_a_file_of_trusted_documents(upstreams: Upstreams, tmp_path: Path) -> None:
    """What relay-compiler wrote is known from the start; with the setting nothing else runs."""
    file = tmp_path / "relay.json"
    file.write_text(json.dumps({MD5: "query Known {\n  __typename\n}\n"}))
    words = ("serve", "--port", "0", "--trusted-documents", str(file))
    variables = {**upstreams.environment, "CASEGRAPH_DOCUMENTS__ONLY": "1"}

    with started_command(*words, variables=variables) as gateway:
        url = gateway.read_until(r"GraphQL +(http\S+)")[1]
        known, other = (
            httpx.post(url, json=body).json()
            for body in ({"documentId": MD5}, {"query": "{ __typename }"})
        )

    assert known == {"data": {"__typename": "Query"}}
    assert other["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_ONLY"


def test_a_file_that_cannot_be_trusted_ends_the_start(upstreams: Upstreams, tmp_path: Path) -> None:
    """Wrongly asked, and the document is named."""
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"broken": "{"}))

    ended = run_command(
        "serve", "--port", "0", "--trusted-documents", str(file), variables=upstreams.environment
    )

    assert ended.returncode == 2
    assert "CASEGRAPH_DOCUMENTS__TRUSTED" in ended.stderr
    assert "'broken': Syntax Error" in ended.stderr
