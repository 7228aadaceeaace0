"""Hostile documents, from a file, against a running gateway: refused, quickly, and told once."""

import json
from typing import Any

import pytest

from support.attacked import Attacked, corpus, text_of
from support.upstreams import Upstreams

DOCUMENTS = corpus("documents")
TYPED = "application/graphql-response+json"
ANSWER_MAX = 256 * 1024
MESSAGE_MAX = 500
ERRORS_MAX = 10
PLACES_MAX = 10


@pytest.mark.parametrize("entry", DOCUMENTS, ids=[entry["name"] for entry in DOCUMENTS])
def test_a_hostile_document_is_answered(
    attacked: Attacked, upstreams: Upstreams, entry: dict[str, Any]
) -> None:
    """Each gets its own code and says why, in few and short errors, without an upstream call."""
    asked = {"query": text_of(entry["document"]), "variables": entry.get("variables")}

    heard, lines = attacked.send(json.dumps(asked).encode(), {"Accept": TYPED})

    assert len(heard.data) < ANSWER_MAX
    errors = heard.json.get("errors", [])
    assert len(errors) <= ERRORS_MAX
    assert [error["message"] for error in errors if len(error["message"]) > MESSAGE_MAX] == []
    assert [error for error in errors if len(error.get("locations", ())) > PLACES_MAX] == []
    assert upstreams.calls() == {}
    assert {error["extensions"]["code"] for error in errors} == ({entry["code"]} - {None})
    if entry["code"] is None:
        assert heard.json == {"data": {"__typename": "Query"}}
    else:
        assert any(entry["says"] in error["message"] for error in errors), errors
    if "data" not in heard.json:
        assert heard.status == 400
    (line,) = lines
    assert line["requestId"] == heard.headers["x-request-id"]
    assert line["status"] == heard.status


@pytest.mark.parametrize(
    "entry",
    [entry for entry in DOCUMENTS if entry["name"].endswith("fished for")],
    ids=lambda entry: entry["name"],
)
def test_nothing_is_to_be_fished(attacked: Attacked, entry: dict[str, Any]) -> None:
    """A closed gateway does not complete names that an attacker has begun."""
    asked = {"query": entry["document"], "variables": entry.get("variables")}

    heard, _ = attacked.send(json.dumps(asked).encode())

    said = " ".join(error["message"] for error in heard.json["errors"])
    assert "Did you mean" not in said
    assert [name for name in ("STATUS", "isClosed", "'name'", "'hubId'") if name in said] == []
