"""GraphQL over HTTP as clients meet it, on the real gateway's socket."""

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.edge.decoding import BODY_MAX, BadRequest
from casegraph.edge.parameters import from_body
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams

TYPED = "application/graphql-response+json"
PLAIN = "application/json"
TYPENAME = {"query": "{ __typename }"}
MEMBERS = ["query", "variables", "extensions", "operationName", "documentId"]


def post(gateway: Gateway, body: bytes, **headers: str) -> httpx.Response:
    """Send bytes as they are, as JSON unless a header says otherwise."""
    named = {"content-type": PLAIN}
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    return gateway.client.post(f"{gateway.url}/graphql", content=body, headers=named)


def ask(gateway: Gateway, query: str, accept: str, **more: Any) -> httpx.Response:
    """Send one operation with an Accept header."""
    return post(gateway, json.dumps({"query": query, **more}).encode(), accept=accept)


def check_refusal(response: httpx.Response, status: int, code: str = "BAD_REQUEST") -> None:
    """Check that a refusal has the status and one error that a client can read, and no data.

    It has the type the client takes: clients of the GraphQL type read its errors at any status.
    """
    asked = response.request.headers["accept"]
    assert response.status_code == status
    expected = asked if asked in {TYPED, PLAIN} else PLAIN
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert list(response.json()) == ["errors"]
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["retryable"] is False
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"123",
        b'"x"',
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{",
        b"{}",
        b"\xff\xfe",
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        '{"query": "{ __typename }"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b"1" * 100_000,
        b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        b'{"query": "{ __typename }", "variables": {"a": Infinity}}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "extensions": []}',
        b'{"query": "{ __typename }", "operationName": 1}',
        b'{"query": ""}',
        b'{"query": "  "}',
        b'{"query": null}',
        b'{"query": ["{ __typename }"]}',
        b'{"variables": {}}',
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("accept", [TYPED, PLAIN])
def test_a_body_that_is_no_request_is_refused(gateway: Gateway, body: bytes, accept: str) -> None:
    """Whatever else comes as a body is the client's error, told as JSON."""
    check_refusal(post(gateway, body, accept=accept), 400)


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_body_is_more_than_a_bad_request(body: bytes) -> None:
    """Bytes are an operation or a bad request, and never anything else."""
    try:
        asked = from_body(body)
    except BadRequest:
        return
    assert asked.query or asked.document_id


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*MEMBERS, "persistedQuery", "version", "sha256Hash"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_no_json_is_more_than_a_bad_request(value: Any) -> None:
    """The same for bodies that are JSON of any shape."""
    try:
        asked = from_body(json.dumps(value, allow_nan=False).encode())
    except BadRequest:
        return
    assert asked.query == (value.get("query") or None)
    assert asked.variables == value.get("variables")
    assert asked.name == (value.get("operationName") or None)


def test_members_that_are_null_or_empty_are_absent(gateway: Gateway) -> None:
    """Clients that send every member need not fill it."""
    body = {"query": "{ __typename }", "variables": None, "extensions": None, "operationName": ""}

    response = post(gateway, json.dumps(body).encode())

    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("size", [BODY_MAX + 1, 40 * BODY_MAX])
def test_a_body_that_is_too_large_is_refused(gateway: Gateway, size: int) -> None:
    """The rest is not read; the answer arrives all the same."""
    check_refusal(post(gateway, b" " * size), 413)


def test_a_body_without_a_length_is_counted_as_it_comes(gateway: Gateway) -> None:
    """A chunked body cannot be larger than another."""

    def chunks() -> Any:
        for _ in range(BODY_MAX // 1024 + 1):
            yield b" " * 1024

    response = gateway.client.post(
        f"{gateway.url}/graphql", content=chunks(), headers={"content-type": PLAIN}
    )

    check_refusal(response, 413)


def test_the_largest_body_is_taken(gateway: Gateway) -> None:
    """The limit itself is allowed."""
    body = json.dumps(TYPENAME).encode()

    response = post(gateway, body + b" " * (BODY_MAX - len(body)))

    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/jsonfoo",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_refused(gateway: Gateway, content_type: str) -> None:
    """Only JSON in UTF-8, so that no form of another site can ask in somebody's name."""
    response = post(gateway, json.dumps(TYPENAME).encode(), content_type=content_type)

    check_refusal(response, 415)
    assert response.headers["accept-post"] == "application/json"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", 'application/json ; charset="UTF-8"'],
)
def test_json_is_recognised_in_every_spelling(gateway: Gateway, content_type: str) -> None:
    """Case, spaces and the one right charset do not matter."""
    response = post(gateway, json.dumps(TYPENAME).encode(), content_type=content_type)

    assert response.status_code == 200


def test_a_compressed_body_is_refused(gateway: Gateway) -> None:
    """A body is read as it comes; the limit on its size stays true."""
    response = post(gateway, b"\x1f\x8b", content_encoding="gzip")

    check_refusal(response, 415)
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"])
def test_other_methods_are_refused(gateway: Gateway, method: str) -> None:
    """They are told which methods are taken."""
    response = gateway.client.request(
        method, f"{gateway.url}/graphql?query=%7B__typename%7D", headers={"accept": "*/*"}
    )

    check_refusal(response, 405)
    assert response.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("accept", "expected"), [("", PLAIN), ("*/*", PLAIN), (PLAIN, PLAIN), (TYPED, TYPED)]
)
def test_the_answer_has_the_type_that_the_client_takes(
    gateway: Gateway, accept: str, expected: str
) -> None:
    """Clients that know the GraphQL type get it, all others plain JSON; caches are told."""
    response = ask(gateway, "{ __typename }", accept)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert response.headers["vary"] == "Accept"


NOT_A_REQUEST = [
    ("{", {}, "GRAPHQL_PARSE_FAILED"),
    ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query ($n: Int!) { roles(hubId: $n) { name } }", {}, "GRAPHQL_VALIDATION_FAILED"),
    (
        "query ($id: ID!) { node(id: $id) { id } }",
        {"variables": {"id": [1]}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    ("query A { __typename } query B { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query A { __typename }", {"operationName": "B"}, "GRAPHQL_VALIDATION_FAILED"),
    ("subscription { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("fragment F on Query { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("{ " + "a { " * 900, {}, "LIMIT_EXCEEDED"),
    ("{ " + "id " * 2_000 + "}", {}, "LIMIT_EXCEEDED"),
]


@pytest.mark.parametrize(("query", "more", "code"), NOT_A_REQUEST)
def test_an_operation_that_cannot_run_is_refused(
    gateway: Gateway, query: str, more: dict[str, Any], code: str
) -> None:
    """A refusal is 400 in the GraphQL type and 200 in plain JSON, and never has data.

    Clients of the second type throw the errors of a 4xx away.
    """
    typed, plain = ask(gateway, query, TYPED, **more), ask(gateway, query, PLAIN, **more)

    assert (typed.status_code, plain.status_code) == (400, 200)
    for response in (typed, plain):
        assert list(response.json()) == ["errors"]
        assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}


def test_a_named_operation_of_several_is_run(gateway: Gateway) -> None:
    """The name decides, not the order."""
    query = "query A { a: __typename } query B { b: __typename }"

    assert ask(gateway, query, PLAIN, operationName="B").json() == {"data": {"b": "Query"}}


def test_an_error_during_execution_keeps_the_data(gateway: Gateway) -> None:
    """A field that fails is null, has its error, and the status stays 200 in both types."""
    query = '{ case(hubId: "../x", caseId: "1") { name } ok: __typename }'

    for accept in (TYPED, PLAIN):
        response = ask(gateway, query, accept)
        assert response.status_code == 200
        assert response.json()["data"] == {"case": None, "ok": "Query"}
        (error,) = response.json()["errors"]
        assert error["path"] == ["case"]
        assert error["extensions"]["code"] == "INVALID_ARGUMENT"


def test_text_leaves_as_it_is(gateway: Gateway) -> None:
    """Answers are UTF-8 without escapes."""
    query = 'query ($n: Int) { recentRatings(of: { caseId: "1" }, limit: $n) { comment } }'

    response = ask(gateway, query, PLAIN, variables={"n": "não"})

    assert "não" in response.text
    assert "\\u" not in response.text


@pytest.mark.parametrize("offered", ["a", "Request-1", "x" * 64])
def test_a_request_id_is_taken_over(gateway: Gateway, offered: str) -> None:
    """A client's own id comes back with the answer and in every error."""
    response = post(gateway, b'{"query": "{"}', x_request_id=offered)

    assert response.headers["x-request-id"] == offered
    assert response.json()["errors"][0]["extensions"]["requestId"] == offered


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "a;b", "<script>", "a_b"])
def test_an_id_of_another_form_is_replaced(gateway: Gateway, offered: str) -> None:
    """What could break a log line or a page does not come back."""
    response = post(gateway, b'{"query": "{"}', x_request_id=offered)

    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_requests_get_ids_of_their_own(gateway: Gateway) -> None:
    """Without an id from the client each request gets a new one."""
    ids = {gateway.ask("{ __typename }").response.headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5


def test_a_gateway_for_others_tells_nothing_unasked(upstreams: Upstreams) -> None:
    """Without explorer and introspection there is no page, no schema and no hint at names."""
    switches = {"CASEGRAPH_EXPLORER": "0", "CASEGRAPH_INTROSPECTION": "0"}
    with running_gateway({**upstreams.environment, **switches}) as gateway:
        asked = gateway.ask("{ __schema { queryType { name } } }")
        page = gateway.client.get(f"{gateway.url}/graphql", headers={"accept": "text/html"})
        elsewhere = [gateway.client.get(gateway.url + path) for path in ("/", "/schema.graphql")]
        name = gateway.ask("{ __typename }")

    assert asked.codes == {"": "GRAPHQL_VALIDATION_FAILED"}
    assert "data" not in asked.body
    check_refusal(page, 406)
    assert [response.status_code for response in elsewhere] == [404, 404]
    assert name.data == {"__typename": "Query"}
