"""What upstreams hear of a client: nothing but its trace, whatever it sends along."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from casegraph.sandbox.server import PREFIXES, build
from casegraph.sandbox.world import build_world
from casegraph.serving import start_in_thread
from support.gateway import Gateway, running_gateway
from support.upstreams import FORGETFUL

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HOSTILE = {
    "Accept": "text/html, application/json",
    "Accept-Language": "canary-language",
    "Authorization": "Bearer canary-of-the-client",
    "Cookie": "session=canary-session; admin=canary-admin",
    "Forwarded": "for=203.0.113.7;host=canary.example;proto=https",
    "From": "canary@example.com",
    "If-None-Match": '"canary-tag"',
    "Origin": "http://127.0.0.1",
    "Proxy-Authorization": "Basic canary-proxy",
    "Range": "bytes=0-1",
    "Referer": "http://127.0.0.1/canary",
    "User-Agent": "canary-agent/1.0",
    "Via": "1.1 canary-via",
    "X-API-Key": "canary-key",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Host": "canary.example",
    "X-Forwarded-Proto": "canary-https",
    "X-HTTP-Method-Override": "DELETE",
    "X-Original-URL": "/canary",
    "X-Real-IP": "203.0.113.7",
    "X-Requested-With": "canary",
    "baggage": "user=canary-baggage",
    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    "tracestate": "canary=1",
}
OF_EVERY_CALL = {"accept", "accept-encoding", "host", "user-agent"}
OWN = {
    "action_management": {"authorization"},
    "case_reviews": {"authorization"},
    "ratings": {"authorization", "x-session-id", "x-csrf"},
    "customer_cases": {"authorization"},
}
"""Credentials of the gateway itself."""
OF_BODIES = {"content-length", "content-type"}
OF_TRACES = {"traceparent"}
PAGE = """query Page($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
  name notes { nodes { text } } reviews { nodes { status } } ratings { nodes { score } }
  customerCases { title } } cases(hubId: $hub, first: 2) { nodes { name } } }"""
CHANGE = """mutation Change($hub: ID!, $case: ID!) {
  updateCase(input: { hubId: $hub, caseId: $case, cost: 12.5 }) { outcome }
  addRating(input: { caseId: $case, score: GOOD }) { outcome } }"""


@dataclass
class Heard:
    """The headers of every call, by upstream."""

    case_id: str = ""
    gateway: Gateway | None = None
    calls: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Heard]:
    """Run a gateway over upstreams that keep the headers of what they are asked."""
    world = build_world(seed=7, cases=60)
    sandbox = build(world)
    heard = Heard(str(world.oddities.case_with_everything))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            names = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            (upstream,) = (
                name for name, prefix in PREFIXES.items() if scope["path"].startswith(prefix)
            )
            heard.calls.append((upstream, names))
        await sandbox.app(scope, receive, send)

    with start_in_thread(app) as running:
        environment = {**sandbox.environment(running.url), **FORGETFUL}
        with running_gateway(environment) as gateway:
            heard.gateway = gateway
            yield heard


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """Return what upstreams heard of a hostile client that reads and writes."""
    with listening() as found:
        gateway = found.gateway
        assert gateway is not None
        for document in (PAGE, CHANGE):
            answer = gateway.client.post(
                f"{gateway.url}/graphql",
                json={"query": document, "variables": {"hub": "96", "case": found.case_id}},
                headers=HOSTILE,
            )
            assert answer.status_code == 200
            assert "errors" not in answer.json(), answer.text
        yield found


@pytest.mark.parametrize("upstream", PREFIXES)
def test_an_upstream_sees_only_what_is_ours(heard: Heard, upstream: str) -> None:
    """Each call has our Accept, User-Agent and credentials, and no header beyond the allowed."""
    calls = [headers for name, headers in heard.calls if name == upstream]

    assert calls
    for headers in calls:
        allowed = OF_EVERY_CALL | OWN[upstream] | OF_BODIES | OF_TRACES
        assert headers.keys() - allowed == set()
        assert headers.keys() >= OF_EVERY_CALL
        assert headers["user-agent"] == "casegraph"
        assert headers["accept-encoding"] == "identity"
        assert headers["accept"] in {"application/json", "*/*"}


def test_nothing_that_the_client_sent_arrives(heard: Heard) -> None:
    """No value of a client's header is in any header of a call, but for the id of its trace."""
    said = "\n".join(
        f"{name}: {value}" for _, headers in heard.calls for name, value in headers.items()
    )

    assert "canary" not in said.lower()
    assert "203.0.113.7" not in said


def test_a_trace_is_continued(heard: Heard) -> None:
    """Every call belongs to the trace of its client, whose baggage stays behind."""
    traces = {headers.get("traceparent") for _, headers in heard.calls}

    assert traces == {HOSTILE["traceparent"]}
