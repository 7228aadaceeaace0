"""GET on the real gateway: queries and nothing else, and never for another site's page."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from casegraph.edge.negotiation import GRAPHQL_JSON
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams

ROLES = "query Roles($hub: ID!) { roles(hubId: $hub) { roleId } }"
MUTATION = 'mutation M { triggerRating(input: { caseId: "1" }) { outcome } }'
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
APP = "https://app.example.com"


def get(
    gateway: Gateway, params: Mapping[str, str], method: str = "GET", **headers: str
) -> httpx.Response:
    """Send these parameters in the URL."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.client.request(
        method, f"{gateway.url}/graphql", params=dict(params), headers=named
    )


def code_of(response: httpx.Response) -> str:
    """Return the one error's code."""
    (error,) = response.json()["errors"]
    code: str = error["extensions"]["code"]
    return code


@pytest.fixture
def hub(upstreams: Upstreams) -> str:
    """Return a hub that has roles."""
    return str(upstreams.world.oddities.hub_with_program)


@pytest.fixture(scope="module")
def guarded(_upstreams: Upstreams) -> Iterator[Gateway]:
    """Return a gateway as it is elsewhere than on loopback, with one other origin allowed."""
    switches = {
        "CASEGRAPH_HTTP__GET": "guarded",
        "CASEGRAPH_HTTP__ORIGINS": f"{APP},http://[::1]:1",
    }
    with running_gateway({**_upstreams.environment, **switches}) as running:
        yield running


def test_a_query_is_answered(gateway: Gateway, hub: str) -> None:
    """The answer is that of a POST, variables and name included."""
    variables = {"hub": hub}
    query = f"{ROLES} query Other {{ __typename }}"
    params = {"query": query, "variables": json.dumps(variables), "operationName": "Roles"}

    answer = get(gateway, params)

    assert answer.status_code == 200
    assert answer.headers["vary"] == "Accept"
    assert answer.json()["data"]["roles"]
    assert answer.json() == gateway.ask(ROLES, variables).body


def test_the_head_of_an_answer_is_that_of_a_get(gateway: Gateway) -> None:
    """HEAD says what GET would, without the body."""
    params = {"query": "{ __typename }"}

    head, whole = get(gateway, params, "HEAD"), get(gateway, params)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "vary"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("accept", ["application/json", GRAPHQL_JSON])
@pytest.mark.parametrize(
    ("query", "name"),
    [
        (MUTATION, ""),
        (MUTATION, "M"),
        ("mutation { nothing }", ""),
        (f"query Q {{ __typename }} {MUTATION}", "M"),
    ],
)
def test_a_mutation_is_not(
    gateway: Gateway, upstreams: Upstreams, query: str, name: str, accept: str
) -> None:
    """It is told to come as a POST, valid or not, and no upstream hears of it."""
    for method in ("GET", "HEAD"):
        answer = get(gateway, {"query": query, "operationName": name}, method, accept=accept)

        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert upstreams.calls() == {}


def test_a_query_beside_a_mutation_is(gateway: Gateway) -> None:
    """What counts is the operation that is meant."""
    query = f"query Q {{ __typename }} {MUTATION}"

    assert get(gateway, {"query": query, "operationName": "Q"}).json() == {
        "data": {"__typename": "Query"}
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [("{", 400), ("{ nothing }", 400), ("query A { a } query B { b }", 400)],
)
def test_a_query_that_cannot_run_is_refused_as_in_a_post(
    gateway: Gateway, query: str, status: int
) -> None:
    """The status depends on the type, not on the method."""
    assert get(gateway, {"query": query}, accept=GRAPHQL_JSON).status_code == status
    assert get(gateway, {"query": query}, accept="application/json").status_code == 200


@pytest.mark.parametrize(
    "params",
    [{}, {"query": ""}, {"query": "{ __typename }", "variables": "["}],
)
def test_a_url_that_is_no_request_is_refused(gateway: Gateway, params: dict[str, str]) -> None:
    """It is told as JSON, as everything is."""
    answer = get(gateway, params, accept="*/*")

    assert (answer.status_code, code_of(answer)) == (400, "BAD_REQUEST")


def test_a_client_that_takes_no_json_is_told(gateway: Gateway) -> None:
    """406 is in JSON all the same, for the person who looks."""
    answer = get(gateway, {"query": "{ __typename }"}, accept="text/csv")

    assert (answer.status_code, code_of(answer)) == (406, "BAD_REQUEST")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_browser_gets_the_explorer(gateway: Gateway, method: str) -> None:
    """Opening the endpoint in a browser shows the page that `/` shows."""
    page = get(gateway, {}, method, accept=BROWSER, accept_encoding="identity")
    root = gateway.client.get(gateway.url, headers={"accept-encoding": "identity"})

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["vary"] == "Accept, Accept-Encoding"
    assert page.headers["content-length"] == str(len(root.content))
    assert page.content == (b"" if method == "HEAD" else root.content)


def test_a_browser_can_do_nothing_else(gateway: Gateway) -> None:
    """Asking for HTML does not open another method."""
    answer = get(gateway, {}, "PUT", accept="text/html,*/*")

    assert (answer.status_code, code_of(answer)) == (405, "BAD_REQUEST")


FORCING = [
    {"authorization": "Bearer x"},
    {"x_api_key": "x"},
    {"content_type": "application/json"},
    {"apollo_require_preflight": "1"},
    {"graphql_require_preflight": "1"},
    {"x_apollo_operation_name": "A"},
]
CROSS: list[dict[str, str]] = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "cross-site", "origin": "https://evil.example.com"},
    {"sec_fetch_site": "cross-site", "content_type": "text/plain"},
    {"sec_fetch_site": "cross-site", "x_apollo_operation_name": ""},
]


@pytest.mark.parametrize("headers", CROSS)
def test_another_sites_page_cannot_cause_a_query(
    gateway: Gateway, guarded: Gateway, upstreams: Upstreams, hub: str, headers: dict[str, str]
) -> None:
    """Where the browser says that another site is behind it, nothing is asked of an upstream."""
    params = {"query": ROLES, "variables": json.dumps({"hub": hub})}

    for door in (gateway, guarded):
        answer = get(door, params, **headers)
        assert (answer.status_code, code_of(answer)) == (403, "BAD_REQUEST")
    assert upstreams.calls() == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        *FORCING,
        *({**each, "sec_fetch_site": "cross-site"} for each in FORCING),
    ],
)
def test_a_get_that_was_meant_is_answered(
    gateway: Gateway, guarded: Gateway, headers: dict[str, str]
) -> None:
    """From its own origin, from the address bar, or with a header that had to be allowed first."""
    for door in (gateway, guarded):
        assert get(door, {"query": "{ __typename }"}, **headers).status_code == 200


def test_a_bare_get_is_answered_on_loopback_only(gateway: Gateway, guarded: Gateway) -> None:
    """A tool sends nothing of all that; neither does an old browser for another site's page."""
    params = {"query": "{ __typename }"}

    assert get(gateway, params).status_code == 200
    assert get(guarded, params).status_code == 403


def test_a_page_of_an_allowed_origin_may_ask(guarded: Gateway) -> None:
    """Its browser is told so, before and with the answer."""
    origin = {"origin": APP, "sec_fetch_site": "cross-site"}
    preflight = get(
        guarded,
        {},
        "OPTIONS",
        access_control_request_method="POST",
        access_control_request_headers="content-type,authorization,x-deadline-ms",
        **origin,
    )
    answer = get(guarded, {"query": "{ __typename }"}, **origin)

    assert preflight.status_code == 200
    assert answer.status_code == 200
    for response in (preflight, answer):
        assert response.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"]
    assert "X-Request-Id".lower() in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "https://app.example.com.evil.com", "null", f"{APP}:1"]
)
def test_a_page_of_another_origin_may_not(guarded: Gateway, origin: str) -> None:
    """No header of the answer lets its script send or read anything."""
    preflight = get(guarded, {}, "OPTIONS", origin=origin, access_control_request_method="POST")
    answer = guarded.client.post(
        f"{guarded.url}/graphql", json={"query": "{ __typename }"}, headers={"origin": origin}
    )

    assert preflight.status_code == 400
    for response in (preflight, answer):
        assert "access-control-allow-origin" not in response.headers


def test_no_origin_is_allowed_by_default(gateway: Gateway) -> None:
    """Without the setting there is no word of CORS, whoever asks."""
    preflight = get(gateway, {}, "OPTIONS", origin=APP, access_control_request_method="POST")
    answer = get(gateway, {"query": "{ __typename }"}, origin=APP)

    assert preflight.status_code == 405
    for response in (preflight, answer):
        assert [name for name in response.headers if name.startswith("access-control")] == []


STRANGE = "evil.example.com:8000"
BROWSERS: list[dict[str, str]] = [
    {"user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
    {"origin": f"http://{STRANGE}"},
    {"sec_fetch_site": "same-origin", "authorization": "Bearer x"},
]


@pytest.mark.parametrize("headers", BROWSERS)
def test_a_name_that_leads_here_lets_no_page_in(gateway: Gateway, headers: dict[str, str]) -> None:
    """A site that gives its name this machine's address is of the same origin, and still a site."""
    body = {"query": "{ __typename }"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    posted = gateway.client.post(
        f"{gateway.url}/graphql", json=body, headers={**named, "host": STRANGE}
    )

    for answer in (get(gateway, body, host=STRANGE, **headers), posted):
        assert (answer.status_code, code_of(answer)) == (421, "BAD_REQUEST")


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:1", "app.localhost", "LOCALHOST"]
)
def test_a_browser_may_use_this_machines_names(gateway: Gateway, host: str) -> None:
    """And a frontend under development any of them."""
    assert get(gateway, {"query": "{ __typename }"}, host=host, **BROWSERS[0]).status_code == 200


def test_a_browser_may_use_a_name_that_is_listed(guarded: Gateway) -> None:
    """As it does when a proxy of the same machine stands in front."""
    headers = {"host": APP.partition("://")[2], "sec_fetch_site": "same-origin"}

    assert get(guarded, {"query": "{ __typename }"}, **headers).status_code == 200


def test_a_program_may_use_any_name(gateway: Gateway) -> None:
    """Nobody but a browser runs what strangers wrote."""
    assert get(gateway, {"query": "{ __typename }"}, host=STRANGE).status_code == 200


def test_get_can_be_switched_off(upstreams: Upstreams) -> None:
    """Then only POST is taken."""
    with running_gateway({**upstreams.environment, "CASEGRAPH_HTTP__GET": "off"}) as running:
        refused: Any = get(running, {"query": "{ __typename }"})
        posted = running.ask("{ __typename }")

    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert posted.data == {"__typename": "Query"}
