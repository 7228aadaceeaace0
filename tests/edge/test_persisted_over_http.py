"""Persisted documents at the real gateway's door, over its own memory and over a real Redis."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from casegraph.edge.negotiation import GRAPHQL_JSON, PLAIN_JSON
from casegraph.edge.trusted import digest_of
from casegraph.errors import SettingsInvalid
from casegraph.loading.cache import cache_key
from support.gateway import Gateway, running_gateway
from support.redis_server import RedisServer, needs_redis, running_redis
from support.upstreams import Upstreams

NOT_FOUND = ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
NOT_SUPPORTED = ("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
BIG = "query Big { " + " ".join(f"a{number}: __typename" for number in range(100)) + " }"
"""More aliases and root fields than the limits allow."""


def members(text: str, *, with_text: bool = False, digest: str | None = None) -> dict[str, Any]:
    """Return an automatic persisted query's members."""
    said = {"version": 1, "sha256Hash": digest or digest_of(text)}
    return {"extensions": {"persistedQuery": said}, **({"query": text} if with_text else {})}


def post(gateway: Gateway, body: dict[str, Any], accept: str = GRAPHQL_JSON) -> httpx.Response:
    """Send a body."""
    return gateway.client.post(f"{gateway.url}/graphql", json=body, headers={"accept": accept})


def get(gateway: Gateway, body: dict[str, Any]) -> httpx.Response:
    """Send the same in the URL."""
    params = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()
    }
    return gateway.client.get(f"{gateway.url}/graphql", params=params)


def told(response: httpx.Response) -> tuple[str, str]:
    """Return the one error's message and code; the answer has no data and is not to be kept."""
    assert list(response.json()) == ["errors"]
    assert response.headers["cache-control"] == "no-store"
    (error,) = response.json()["errors"]
    return error["message"], error["extensions"]["code"]


@pytest.mark.parametrize("send", [post, get])
def test_a_document_is_registered_and_then_named(gateway: Gateway, send: Any) -> None:
    """Unknown at first, which every client understands; then by hash and by id, both methods."""
    text = f"query By{send.__name__.title()} {{ __typename }}"
    data = {"data": {"__typename": "Query"}}

    first = send(gateway, members(text))
    assert (first.status_code, told(first)) == (200, NOT_FOUND)
    assert send(gateway, members(text, with_text=True)).json() == data

    for again in (post, get):
        assert again(gateway, members(text)).json() == data
        assert again(gateway, {"documentId": f"sha256:{digest_of(text)}"}).json() == data


@pytest.mark.parametrize("accept", [PLAIN_JSON, GRAPHQL_JSON])
def test_a_wrong_hash_is_refused_and_registers_nothing(gateway: Gateway, accept: str) -> None:
    """Otherwise one client could decide what another one runs."""
    victim, mine = "query Victim { __typename }", "query Mine { a: __typename }"

    refused = post(gateway, members(mine, with_text=True, digest=digest_of(victim)), accept)

    assert refused.status_code == 400
    assert told(refused) == ("provided sha does not match query", "BAD_REQUEST")
    for text in (victim, mine):
        assert told(post(gateway, members(text))) == NOT_FOUND


@pytest.mark.parametrize("text", ["{", "{ nothing }", BIG])
def test_what_does_not_run_is_not_kept(gateway: Gateway, text: str) -> None:
    """The store holds nothing that the limits or the schema refuse."""
    assert post(gateway, members(text, with_text=True)).status_code == 400

    assert told(post(gateway, members(text))) == NOT_FOUND


def test_a_persisted_mutation_does_not_run_by_get(gateway: Gateway, upstreams: Upstreams) -> None:
    """What the document is decides, not how it is named."""
    text = 'mutation M { triggerRating(input: { caseId: "x" }) { __typename } }'
    post(gateway, members(text, with_text=True))
    upstreams.mark()

    refused = get(gateway, members(text))

    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert upstreams.calls() == {}


def test_registering_can_be_switched_off(upstreams: Upstreams) -> None:
    """Clients are told so and send texts from then on."""
    text = "query Off { __typename }"
    switches = {"CASEGRAPH_DOCUMENTS__APQ": "0"}
    with running_gateway({**upstreams.environment, **switches}) as gateway:
        answer = post(gateway, members(text), PLAIN_JSON)
        whole = post(gateway, members(text, with_text=True))
        by_id = post(gateway, {"documentId": f"sha256:{digest_of(text)}"})

    assert (answer.status_code, told(answer)) == (200, NOT_SUPPORTED)
    assert whole.json() == {"data": {"__typename": "Query"}}
    assert told(by_id) == NOT_FOUND


@pytest.fixture(scope="module")
def closed(_upstreams: Upstreams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway that runs trusted documents only, one of them beyond the limits."""
    path = tmp_path_factory.mktemp("trusted") / "documents.json"
    path.write_text(json.dumps({f"sha256:{digest_of(BIG)}": BIG, "old": "{ gone }"}))
    switches = {"CASEGRAPH_DOCUMENTS__TRUSTED": str(path), "CASEGRAPH_DOCUMENTS__ONLY": "1"}
    with running_gateway({**_upstreams.environment, **switches}) as running:
        yield running


def test_trusted_documents_stand_above_the_limits(closed: Gateway) -> None:
    """By id, by hash, by GET and as their text."""
    named = {"documentId": f"sha256:{digest_of(BIG)}"}

    for body in (named, members(BIG), members(BIG, with_text=True), {"query": BIG}):
        for send in (post, get):
            assert len(send(closed, body).json()["data"]) == 100


def test_trusted_documents_are_valid_all_the_same(closed: Gateway) -> None:
    """One that was written for another schema is refused, and the others run."""
    refused = post(closed, {"documentId": "old"})

    assert (refused.status_code, told(refused)[1]) == (400, "GRAPHQL_VALIDATION_FAILED")


@pytest.mark.parametrize("text", ["{ __typename }", "{ __schema { queryType { name } } }"])
def test_nothing_else_runs_where_only_trusted_documents_do(closed: Gateway, text: str) -> None:
    """Neither sent, nor registered, nor asked of the explorer."""
    for body in ({"query": text}, members(text, with_text=True)):
        refused = post(closed, body)
        assert (refused.status_code, told(refused)[1]) == (403, "PERSISTED_QUERY_ONLY")
    assert told(post(closed, members(text))) == NOT_FOUND


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"CASEGRAPH_DOCUMENTS__ONLY": "1"}, "CASEGRAPH_DOCUMENTS__TRUSTED: not set"),
        ({"CASEGRAPH_DOCUMENTS__TRUSTED": "/nowhere/x.json"}, "DOCUMENTS__TRUSTED: /nowhere"),
    ],
)
def test_settings_that_cannot_work_end_the_start(switches: dict[str, str], expected: str) -> None:
    """The setting is named before anything listens."""
    with pytest.raises(SettingsInvalid, match=expected), running_gateway(switches):
        pass


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a real Redis."""
    with running_redis(tmp_path) as server:
        yield server


@needs_redis
@pytest.mark.usefixtures("patient_with_redis")
def test_gateways_share_documents_through_redis(
    upstreams: Upstreams, redis_server: RedisServer
) -> None:
    """One registers, the other knows; what somebody spoils is not believed; it does not stay."""
    environment = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis_server.url}
    text, spoilt = "query Shared { __typename }", "query Spoilt { __typename }"
    data = {"data": {"__typename": "Query"}}
    with running_gateway(environment) as one:
        for each in (text, spoilt):
            assert post(one, members(each, with_text=True)).json() == data
    admin = redis_server.admin()  # now that the first gateway has written all it had to write
    key, bad = (cache_key("document", digest_of(each)) for each in (text, spoilt))
    admin.set(bad, admin.get(key))

    with running_gateway(environment) as other:
        assert post(other, members(text)).json() == data
        assert told(post(other, members(spoilt))) == NOT_FOUND
    assert 0 < admin.ttl(key) <= 24 * 3600


@needs_redis
def test_no_request_fails_with_redis(upstreams: Upstreams, redis_server: RedisServer) -> None:
    """While it hangs and when it is gone, documents are not found and texts run."""
    environment = {**upstreams.environment, "CASEGRAPH_CACHE__URL": redis_server.url}
    known, later = "query Known { __typename }", "query Later { __typename }"
    data = {"data": {"__typename": "Query"}}
    with running_gateway(environment) as gateway:
        assert post(gateway, members(known, with_text=True)).json() == data
        for trouble in (lambda: redis_server.signal(signal.SIGSTOP), redis_server.stop):
            trouble()

            unknown = post(gateway, members(later), PLAIN_JSON)
            assert (unknown.status_code, told(unknown)) == (200, NOT_FOUND)
            assert post(gateway, {"query": later}).json() == data
            assert post(gateway, members(known)).json() == data
