"""Parameters of a request: the same from a body and from a URL, and strict in both."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.edge.decoding import BadRequest
from casegraph.edge.parameters import (
    DOCUMENT_ID_MAX,
    MalformedRequest,
    Parameters,
    document_key,
    from_body,
    from_url,
)

DIGEST = "0123456789abcdef" * 4
APQ = {"persistedQuery": {"version": 1, "sha256Hash": DIGEST}}


def body(**members: Any) -> Parameters:
    """Read these members as a body."""
    return from_body(json.dumps(members).encode())


def url(**fields: str) -> Parameters:
    """Read these fields as a URL's query."""
    return from_url(urlencode(fields).encode())


def test_a_url_says_the_same_as_a_body() -> None:
    """Members that are objects are JSON there."""
    members = {"query": "{ a }", "variables": {"é": [1, "+ &"]}, "operationName": "A"}

    asked = url(query="{ a }", variables=json.dumps(members["variables"]), operationName="A")

    assert asked == body(**members) == Parameters("{ a }", {"é": [1, "+ &"]}, "A")


@pytest.mark.parametrize("name", ["variables", "extensions", "operationName", "documentId"])
def test_what_is_empty_in_a_url_is_absent(name: str) -> None:
    """Clients that write every field need not fill it."""
    assert url(query="{ a }", **{name: ""}) == Parameters("{ a }", None, None)


def test_what_is_unknown_is_ignored() -> None:
    """Later versions of the protocol may say more."""
    assert url(query="{ a }", later="1") == body(query="{ a }", later=[1])


@pytest.mark.parametrize(
    "query",
    [
        b"query=%ff",
        b"query=%7Ba%7D&variables=%ff",
        "query=é".encode(),
        b"query=%7Ba%7D&query=%7Bb%7D",
        b"query=%7Ba%7D&variables=%7B%7D&variables=%7B%7D",
        b"query=%7Ba%7D&variables=%5B1%5D",
        b"query=%7Ba%7D&variables=1",
        b"query=%7Ba%7D&variables=%7B",
        b"query=%7Ba%7D&variables=%7B%22a%22%3ANaN%7D",
        b"query=%7Ba%7D&extensions=%22x%22",
        b"query=" + quote('{"a"').encode() + b"&extensions=x",
        b"",
        b"query",
        b"query=%20",
        b"variables=%7B%7D",
        b"&".join(b"x%d=1" % number for number in range(40)) + b"&query=%7Ba%7D",
    ],
)
def test_a_url_that_is_no_request_is_refused(query: bytes) -> None:
    """Each is the client's error, and told as one."""
    with pytest.raises(BadRequest):
        from_url(query)


def test_a_value_that_is_no_json_is_named() -> None:
    """The message speaks of the field and not of a body, which a GET has not."""
    with pytest.raises(BadRequest, match=r"^`variables` is not valid JSON"):
        url(query="{ a }", variables="{")


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: quote(text).encode()))
def test_no_url_is_more_than_a_bad_request(query: bytes) -> None:
    """Whatever stands in the address is a request or refused."""
    try:
        asked = from_url(query)
    except BadRequest:
        return
    assert asked.query or asked.document_id


@pytest.mark.parametrize("given_id", [DIGEST, DIGEST.upper(), f"sha256:{DIGEST}"])
def test_a_digest_has_one_spelling(given_id: str) -> None:
    """With prefix and without, in either case, it names the same document."""
    assert document_key(given_id) == f"sha256:{DIGEST}"
    assert body(documentId=given_id).digest == DIGEST


@pytest.mark.parametrize("given_id", ["65a1f232d289052f9aabcfdba49b1b07", "SHA256:" + DIGEST, "x"])
def test_another_id_stays_as_it_is(given_id: str) -> None:
    """Relay's MD5 and a project's own names are taken as they come."""
    asked = body(documentId=given_id)

    assert (asked.document_id, asked.digest) == (given_id, None)


def test_a_persisted_query_names_the_same_document() -> None:
    """Apollo's dialect and `documentId` meet in one id."""
    apq, named = body(extensions=APQ), body(documentId=f"sha256:{DIGEST}")

    assert apq.document_id == named.document_id
    assert (apq.is_apq, named.is_apq) == (True, False)
    assert url(extensions=json.dumps(APQ)) == apq
    assert body(extensions=APQ, documentId=DIGEST) == apq


@pytest.mark.parametrize(
    "members",
    [
        {"documentId": 1},
        {"documentId": "x" * (DOCUMENT_ID_MAX + 1)},
        {"documentId": "x", "extensions": APQ},
        {"documentId": ""},
        {"extensions": {}},
        {"extensions": {"persistedQuery": None}},
        *(
            {"query": "{ a }", "extensions": {"persistedQuery": said}}
            for said in (
                [],
                "x",
                {},
                {"version": 1},
                {"version": 2, "sha256Hash": DIGEST},
                {"version": 1, "sha256Hash": DIGEST[1:]},
                {"version": 1, "sha256Hash": f"{DIGEST}0"},
                {"version": 1, "sha256Hash": "g" * 64},
                {"version": 1, "sha256Hash": None},
                {"version": 1, "sha256Hash": {"$gt": ""}},
            )
        ),
    ],
    ids=lambda members: json.dumps(members)[:60],
)
def test_a_document_that_is_not_named_is_refused(members: dict[str, Any]) -> None:
    """An id of another form, or none at all, is no request."""
    with pytest.raises(MalformedRequest):
        body(**members)
