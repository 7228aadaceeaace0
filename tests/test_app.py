"""The assembled gateway: what is served beside the GraphQL endpoint, and what refuses to start."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from casegraph.app import create_app
from casegraph.errors import SettingsInvalid
from casegraph.serving import start_in_thread
from casegraph.settings import load_settings
from support.gateway import Gateway


def test_a_running_gateway_lives_and_is_ready(gateway: Gateway) -> None:
    """Balancers are told with a status, people with a word."""
    lives, ready = (gateway.client.get(gateway.url + path) for path in ("/livez", "/readyz"))

    assert (lives.status_code, lives.text) == (200, "alive\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")


async def test_a_gateway_that_has_not_started_is_not_ready() -> None:
    """Before the start is through, and after the stop has begun, no requests are wanted."""
    app = create_app(load_settings())
    transport = httpx.ASGITransport(app)

    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        before = await client.get("/readyz")
        async with app.router.lifespan_context(app):
            during = await client.get("/readyz")
        after = await client.get("/readyz")
        lives = await client.get("/livez")

    assert [each.status_code for each in (before, during, after)] == [503, 200, 503]
    assert before.text == "not ready\n"
    assert lives.status_code == 200


def test_the_schema_can_be_downloaded(gateway: Gateway) -> None:
    """Client generators take the text from the running gateway, the same as from the file."""
    response = gateway.client.get(f"{gateway.url}/schema.graphql")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text.startswith('"""Where every question starts."""\ntype Query {')


def test_upstreams_that_are_not_configured_are_told_by_code() -> None:
    """Each of the four costs its own fields, by a code of its own; nothing is asked."""
    query = """{
      case(hubId: 1, caseId: 1) { name }
      reviewEntries { nodes { id } }
      ratings(caseId: 1) { nodes { id } }
      customerCases(customerId: "c") { id }
      __typename
    }"""

    with start_in_thread(create_app(load_settings())) as running:
        answer = httpx.post(f"{running.url}/graphql", json={"query": query}).json()

    assert answer["data"]["__typename"] == "Query"
    assert {error["path"][0]: error["extensions"]["upstream"] for error in answer["errors"]} == {
        "case": "action_management",
        "reviewEntries": "case_reviews",
        "ratings": "ratings",
        "customerCases": "customer_cases",
    }
    assert {error["extensions"]["code"] for error in answer["errors"]} == {
        "UPSTREAM_NOT_CONFIGURED"
    }


def test_a_mounted_gateway_names_its_own_paths(gateway: Gateway) -> None:
    """Below a path, the page that a browser gets at the endpoint asks below that path."""
    outer = Starlette(routes=[Mount("/tools", app=create_app(load_settings()))])

    with start_in_thread(outer) as running:
        page = httpx.get(f"{running.url}/tools/graphql", headers={"accept": "text/html"})

    assert page.status_code == 200
    assert "/tools/graphql" in page.text


def test_a_cache_that_cannot_be_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with a wrong setting is not assembled at all."""
    monkeypatch.setenv("CASEGRAPH_CACHE__URL", "carrier-pigeon://coop")

    with pytest.raises(SettingsInvalid, match="CASEGRAPH_CACHE__URL"):
        create_app(load_settings())
