"""Headers that protect a browser's user, on every kind of answer of the real gateway."""

import pytest

from casegraph.edge.safe_headers import SAFE_HEADERS
from support.gateway import Gateway

ANSWERS = [
    ("POST", "/graphql", {"content-type": "application/json"}, 200),
    ("POST", "/graphql", {"content-type": "text/plain"}, 415),
    ("GET", "/graphql", {}, 400),
    ("PUT", "/graphql", {}, 405),
    ("GET", "/graphql", {"accept": "text/html"}, 200),
    ("GET", "/", {"accept": "text/html"}, 200),
    ("GET", "/livez", {}, 200),
    ("GET", "/readyz", {}, 200),
    ("POST", "/readyz", {}, 405),
    ("GET", "/metrics", {}, 200),
    ("GET", "/schema.graphql", {}, 200),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/..%2f..%2fetc/passwd", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS)
def test_every_answer_carries_them(
    gateway: Gateway, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """No kind is sniffed, framed, embedded, cached or told of by default; no server is named."""
    body = b'{"query": "{ __typename }"}' if method == "POST" else None

    answer = gateway.client.request(method, gateway.url + path, headers=headers, content=body)

    assert answer.status_code == status
    assert [name for name in SAFE_HEADERS if name not in answer.headers] == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert len(answer.headers.get_list("cache-control")) == 1
    assert "server" not in answer.headers


def test_data_is_kept_by_no_shared_cache(gateway: Gateway) -> None:
    """An answer may hold a customer's data, and says so to every cache on its way."""
    said = gateway.ask("{ __typename }").response.headers["cache-control"]

    assert {part.strip() for part in said.split(",")} & {"private", "no-store"}
    assert "public" not in said


def test_a_part_that_knows_better_is_left_alone(gateway: Gateway) -> None:
    """The explorer's policy stands, once."""
    page = gateway.client.get(gateway.url, headers={"accept": "text/html"})

    (policy,) = page.headers.get_list("content-security-policy")
    assert policy != SAFE_HEADERS["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"


def test_no_other_origin_is_let_in(gateway: Gateway) -> None:
    """Without a list of origins no answer allows one, and a preflight is refused."""
    headers = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}

    preflight = gateway.client.options(f"{gateway.url}/graphql", headers=headers)
    answer = gateway.ask("{ __typename }", **headers)

    assert preflight.status_code == 405
    for each in (preflight, answer.response):
        assert [name for name in each.headers if name.startswith("access-control")] == []
