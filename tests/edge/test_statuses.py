"""Both modes of the table of statuses: row by row, and `draft` at a real gateway's door."""

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest

from casegraph.edge.negotiation import GRAPHQL_JSON, PLAIN_JSON
from casegraph.edge.statuses import _TABLE, Situation, StatusCodes
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams


@pytest.mark.parametrize("mode", get_args(StatusCodes))
def test_every_situation_has_a_status(mode: StatusCodes) -> None:
    """The table has no hole, and with data there is always success."""
    assert set(_TABLE[mode]) == set(Situation)
    for situation in (Situation.WHOLE, Situation.PARTIAL):
        assert all(200 <= status < 300 for status in _TABLE[mode][situation])


@pytest.fixture(scope="module")
def draft(_upstreams: Upstreams) -> Iterator[Gateway]:
    """Return a gateway that follows the draft."""
    switches = {"CASEGRAPH_HTTP__STATUS_CODES": "draft"}
    with running_gateway({**_upstreams.environment, **switches}) as running:
        yield running


def post(gateway: Gateway, body: bytes, accept: str, **headers: str) -> httpx.Response:
    """Send a body."""
    named = {"content-type": PLAIN_JSON, "accept": accept, **headers}
    return gateway.client.post(f"{gateway.url}/graphql", content=body, headers=named)


PARTIAL = b'{"query": "{ case(hubId: \\"../x\\", caseId: \\"1\\") { name } ok: __typename }"}'
UNKNOWN = b'{"documentId": "sha256:%s"}' % (b"0" * 64)
ROWS: list[tuple[bytes, int, int]] = [
    (b'{"query": "{ __typename }"}', 200, 200),
    (PARTIAL, 200, 294),
    (b'{"query":', 400, 400),
    (b'{"query": "{"}', 400, 400),
    (b'{"qeury": "{ __typename }"}', 422, 422),
    (b'{"query": "query Q ($i: Int!) { q(i: $i) }", "variables": [7]}', 422, 422),
    (b"[]", 422, 422),
    (b'{"query": "{ nothing }"}', 422, 422),
    (b'{"query": "query A { __typename } query B { __typename }"}', 422, 422),
    (b'{"query": "query ($i: ID!) { node(id: $i) { id } }"}', 422, 422),
    (UNKNOWN, 200, 404),
]


@pytest.mark.parametrize(("body", "plain", "typed"), ROWS)
def test_the_draft_has_its_own_statuses(
    draft: Gateway, body: bytes, plain: int, typed: int
) -> None:
    """They tell a request that cannot be read from one that cannot be run."""
    assert post(draft, body, PLAIN_JSON).status_code == plain
    assert post(draft, body, GRAPHQL_JSON).status_code == typed


def test_in_the_draft_only_success_is_plain_json(draft: Gateway) -> None:
    """A refusal says that it comes from GraphQL, also to who asked for plain JSON."""

    def kind(body: bytes) -> Any:
        return post(draft, body, PLAIN_JSON).headers["content-type"]

    assert kind(b'{"query": "{ __typename }"}') == f"{PLAIN_JSON}; charset=utf-8"
    assert kind(PARTIAL) == f"{PLAIN_JSON}; charset=utf-8"
    assert kind(b'{"query": "{"}') == f"{GRAPHQL_JSON}; charset=utf-8"


def test_what_http_refuses_is_the_same_in_both_modes(draft: Gateway, gateway: Gateway) -> None:
    """A method, a type or a length has nothing to do with GraphQL."""
    for door in (draft, gateway):
        assert door.client.put(f"{door.url}/graphql").status_code == 405
        wrong = post(door, b"{}", PLAIN_JSON, **{"content-type": "text/plain"})
        assert wrong.status_code == 415
        assert post(door, b" " * 300_000, PLAIN_JSON).status_code == 413
