import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from casegraph.sandbox.server import Sandbox, build
from casegraph.sandbox.world import World, build_world
from casegraph.serving import start_in_thread
from casegraph.upstreams.action_management.store import Hub
from casegraph.upstreams.action_management.store import Store as ActionManagementStore
from casegraph.upstreams.case_reviews.store import Store as CaseReviewsStore
from casegraph.upstreams.customer_cases.store import Store as CustomerCasesStore
from casegraph.upstreams.ratings.store import Store as RatingsStore

NOW = datetime(2024, 5, 1, tzinfo=UTC)
BASE = "http://127.0.0.1:8123"
UPSTREAMS = ["action_management", "case_reviews", "ratings", "customer_cases"]


def small_world() -> World:
    """Make a world of two cases in one hub, beside a hub without a program."""
    cases = {
        number: {
            "id": number,
            "name": f"Case {number}",
            "workflowId": 1,
            "dateCreated": NOW - timedelta(days=number),
        }
        for number in (1, 2)
    }
    hubs = {
        7: Hub(7, "North", workflows={1: "Standard"}, cases=cases),
        8: Hub(8, "South", has_program=False),
    }
    nothing_odd: Any = None
    return World(
        seed=0,
        action_management=ActionManagementStore(hubs),
        case_reviews=CaseReviewsStore(),
        ratings=RatingsStore(),
        customer_cases=CustomerCasesStore(),
        oddities=nothing_odd,
        now=NOW,
    )


def client(app: Any, base: str = BASE) -> httpx.AsyncClient:
    """Open a client that calls `app` without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


def token_request(environment: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Tell where and with which form a gateway gets its token."""
    prefix = "CASEGRAPH_ACTION_MANAGEMENT__"
    form = {
        "grant_type": "api-user",
        "client_id": environment[f"{prefix}CLIENT_ID"],
        "client_secret": environment[f"{prefix}CLIENT_SECRET"],
        "scope": environment[f"{prefix}SCOPE"],
    }
    return environment[f"{prefix}TOKEN_URL"], form


def reads(environment: dict[str, str], token: str) -> dict[str, httpx.Request]:
    """Make one authorised read per upstream out of nothing but the environment."""
    env = {name.removeprefix("CASEGRAPH_"): value for name, value in environment.items()}
    basic = {
        "case_reviews": f"{env['CASE_REVIEWS__USERNAME']}/token:{env['CASE_REVIEWS__TOKEN']}",
        "ratings": f"{env['RATINGS__EMAIL']}:{env['RATINGS__PASSWORD']}",
    }
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in basic.items()}
    hub = json.loads(env["ACTION_MANAGEMENT__HUBS"])[0]
    header = {env["CUSTOMER_CASES__AUTH_HEADER"]: env["CUSTOMER_CASES__AUTH_VALUE"]}
    urls = {
        "action_management": f"{env['ACTION_MANAGEMENT__URL']}/hubs/{hub}/roles",
        "case_reviews": f"{env['CASE_REVIEWS__URL']}/case/reviews",
        "ratings": f"{env['RATINGS__URL']}/cases.json",
        "customer_cases": f"{env['CUSTOMER_CASES__URL']}/meta/object/customer",
    }
    headers = {
        "action_management": {"Authorization": f"Bearer {token}"},
        "case_reviews": {"Authorization": f"Basic {encoded['case_reviews']}"},
        "ratings": {"Authorization": f"Basic {encoded['ratings']}"},
        "customer_cases": header,
    }
    return {name: httpx.Request("GET", urls[name], headers=headers[name]) for name in urls}


@pytest.fixture
def sandbox() -> Sandbox:
    """Build the four simulators over the small world."""
    return build(small_world())


def test_environment(sandbox: Sandbox) -> None:
    """The variables are exactly those that a gateway needs, and name only hubs with a program."""
    environment = sandbox.environment(f"{BASE}/")
    assert set(environment) == {
        f"CASEGRAPH_{name}"
        for name in (
            "ACTION_MANAGEMENT__URL",
            "ACTION_MANAGEMENT__TOKEN_URL",
            "ACTION_MANAGEMENT__CLIENT_ID",
            "ACTION_MANAGEMENT__CLIENT_SECRET",
            "ACTION_MANAGEMENT__SCOPE",
            "ACTION_MANAGEMENT__HUBS",
            "CASE_REVIEWS__URL",
            "CASE_REVIEWS__USERNAME",
            "CASE_REVIEWS__TOKEN",
            "CASE_REVIEWS__MAX_PER_SECOND",
            "RATINGS__URL",
            "RATINGS__EMAIL",
            "RATINGS__PASSWORD",
            "CUSTOMER_CASES__URL",
            "CUSTOMER_CASES__AUTH_HEADER",
            "CUSTOMER_CASES__AUTH_VALUE",
        )
    }
    urls = {name: value for name, value in environment.items() if name.endswith("URL")}
    assert urls == {
        "CASEGRAPH_ACTION_MANAGEMENT__URL": f"{BASE}/action-management/v1/actionmanagement",
        "CASEGRAPH_ACTION_MANAGEMENT__TOKEN_URL": (
            f"{BASE}/action-management/identity/connect/token"
        ),
        "CASEGRAPH_CASE_REVIEWS__URL": f"{BASE}/case-reviews/api/v1",
        "CASEGRAPH_RATINGS__URL": f"{BASE}/ratings/api/v1",
        "CASEGRAPH_CUSTOMER_CASES__URL": f"{BASE}/customer-cases/crm/v1",
    }
    assert json.loads(environment["CASEGRAPH_ACTION_MANAGEMENT__HUBS"]) == [7]


async def test_the_environment_opens_every_upstream(sandbox: Sandbox) -> None:
    """With the environment alone each upstream answers, and each call is counted by name."""
    environment = sandbox.environment(BASE)
    url, form = token_request(environment)
    async with client(sandbox.app) as http:
        token = (await http.post(url, data=form)).json()["access_token"]
        for name, request in reads(environment, token).items():
            answer = await http.send(request)
            assert (name, answer.status_code) == (name, 200)
        calls = (await http.get("/__control/calls")).json()
    assert calls["total"] == 5
    assert list(calls["upstreams"]) == UPSTREAMS
    assert calls["upstreams"]["action_management"] == {
        "total": 2,
        "operations": {"token": 1, "roles": 1},
        "in_flight": 0,
        "max_in_flight": 1,
    }
    for counts in calls["upstreams"].values():
        assert "unmatched" not in counts["operations"]
        assert counts["total"] >= 1


async def test_calls_are_reset(sandbox: Sandbox) -> None:
    """DELETE starts the counts at zero; the control endpoint never counts itself."""
    async with client(sandbox.app) as http:
        await http.get("/ratings/api/v1/nothing")
        before = (await http.get("/__control/calls")).json()
        assert before["upstreams"]["ratings"]["operations"] == {"unmatched": 1}
        assert (await http.delete("/__control/calls")).status_code == 204
        assert (await http.get("/__control/calls")).json()["total"] == 0


async def test_links_stay_under_the_prefix(sandbox: Sandbox) -> None:
    """Links of the simulated vendor keep the prefix that it is mounted under."""
    url, form = token_request(sandbox.environment(BASE))
    async with client(sandbox.app) as http:
        token = (await http.post(url, data=form)).json()["access_token"]
        answer = await http.get(
            "/action-management/v1/actionmanagement/hubs/7/cases/1",
            headers={"Authorization": f"Bearer {token}"},
        )
    prefix = f"{BASE}/action-management/v1/actionmanagement/hubs/"
    assert answer.json()["links"]["self"].startswith(prefix)


async def test_latency_of_all_and_of_one(sandbox: Sandbox) -> None:
    """Latency is set for all upstreams or for the named one, and read back."""
    async with client(sandbox.app) as http:
        everyone = (await http.put("/__control/latency", json={"ms": 12.5})).json()
        assert everyone == {"ms": 12.5, "upstreams": dict.fromkeys(UPSTREAMS, 12.5)}
        await http.put("/__control/latency", json={"ms": 0, "upstream": "ratings"})
        mixed = (await http.get("/__control/latency")).json()
    assert (mixed["ms"], mixed["upstreams"]["ratings"]) == (None, 0)
    assert sandbox.traffic["case_reviews"].latency_ms == 12.5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"ms":"5"}',
        b'{"ms":-1}',
        b'{"ms":600001}',
        b'{"ms":1e999}',
        b'{"ms":null}',
        b'{"ms":5,"upstream":"nobody"}',
        b'{"ms":5,"upstraem":"ratings"}',
        b"\xff",
    ],
)
async def test_bad_latency(sandbox: Sandbox, content: bytes) -> None:
    """A bad latency is refused with a reason and changes nothing."""
    async with client(sandbox.app) as http:
        answer = await http.put("/__control/latency", content=content)
    assert (answer.status_code, set(answer.json())) == (400, {"message"})
    assert {each.latency_ms for each in sandbox.traffic.values()} == {0}


async def test_each_upstream_alone(sandbox: Sandbox) -> None:
    """Each upstream can have a port of its own, with its own control endpoint."""
    bases = {name: f"http://127.0.0.1:{9000 + port}" for port, name in enumerate(UPSTREAMS)}
    environment = sandbox.environment(bases)
    assert environment["CASEGRAPH_RATINGS__URL"] == "http://127.0.0.1:9002/ratings/api/v1"
    async with client(sandbox.apps["ratings"], bases["ratings"]) as http:
        request = reads(environment, "")["ratings"]
        assert (await http.send(request)).status_code == 200
        assert (await http.get("/case-reviews/api/v1/case/reviews")).status_code == 404
        calls = (await http.get("/__control/calls")).json()
    assert (calls["total"], list(calls["upstreams"])) == (1, ["ratings"])


def test_latency_is_built_in() -> None:
    """The latency asked for at the start applies to every upstream."""
    sandbox = build(small_world(), latency_ms=40)
    assert {each.latency_ms for each in sandbox.traffic.values()} == {40}


def test_the_seeded_world_on_real_sockets() -> None:
    """Over real sockets the seeded world answers page by page, and every case comes once."""
    world = build_world(cases=250)
    sandbox = build(world)
    with start_in_thread(sandbox.app) as running, httpx.Client() as http:
        environment = sandbox.environment(running.url)
        url, form = token_request(environment)
        token = http.post(url, data=form).json()["access_token"]
        hub_id = json.loads(environment["CASEGRAPH_ACTION_MANAGEMENT__HUBS"])[0]
        query = f"{environment['CASEGRAPH_ACTION_MANAGEMENT__URL']}/hubs/{hub_id}/cases/query"
        headers = {"Authorization": f"Bearer {token}"}
        met: list[int] = []
        for skip in range(0, 300, 100):
            body = {"top": 100, "skip": skip, "orderBy": {"property": "id"}}
            answer = http.post(query, json=body, headers=headers)
            met += [item["id"] for item in answer.json()["items"]]
        calls = http.get(f"{running.url}/__control/calls").json()
    assert met == sorted(world.action_management.hubs[hub_id].cases, reverse=True)
    operations = calls["upstreams"]["action_management"]["operations"]
    assert operations == {"token": 1, "case_query": 3}
