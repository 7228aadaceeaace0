"""Answers in parts on the real gateway's socket: what they hold, what they cost, how they end."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from support.gateway import Gateway, running_gateway
from support.parts import MERGED, NEWER, OLDER, Frame, split_parts
from support.registry import assert_no_leak, rehearsing
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

JSON = "application/json"
ROWS = 24
PAGE = """query Page($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    name
    ... %s { notes { nodes %s { text } } ratings { nodes { score } } }
    ... %s { notes { nodes { createdAt } } }
  }
}"""
IN_PARTS = PAGE % ('@defer(label: "all")', "", "@defer")
STREAMED = """query Streamed($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) { name notes { nodes @stream(initialCount: 1) { text } } }
  cases(hubId: $hub, first: 4) { nodes @stream(initialCount: 1) { name reviews { totalCount } } }
}"""
LIST = """query List($hub: ID!) {
  cases(hubId: $hub, first: %d) { nodes %s { name ... %s { notes { nodes { text } } } } }
}"""
EDGES = """query Edges($hub: ID!) {
  cases(hubId: $hub, first: 3) { edges @stream(initialCount: 1) { cursor node { name } } }
}"""
NOTES = {
    "action_management": {"operations": {"case_notes": [{"kind": "hang", "times": "forever"}]}}
}


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose faults and counts are these tests' own."""
    _own.mark()
    return _own


@pytest.fixture(scope="module")
def fresh(_own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway over it."""
    with running_gateway(_own.environment) as running:
        yield running


def variables(upstreams: Upstreams) -> dict[str, str]:
    """Return the hub and the case with everything."""
    odd = upstreams.world.oddities
    return {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}


def plain(query: str) -> str:
    """Return a query without what puts anything off."""
    for directive in ('@defer(label: "all")', "@stream(initialCount: 1)", "@defer"):
        query = query.replace(directive, "")
    return query


def ask(
    gateway: Gateway, query: str, asked: dict[str, str], accept: str, **headers: str
) -> httpx.Response:
    """Send a query that wants its answer in this form."""
    return gateway.ask(query, asked, accept=accept, **headers).response


def parts_of(response: httpx.Response) -> list[Frame]:
    """Return the parts of a whole answer."""
    assert response.status_code == 200
    return split_parts(response.headers["content-type"], response.content)


def without_ids(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error without what differs between two requests and two texts."""
    extensions = {name: each for name, each in error["extensions"].items() if name != "requestId"}
    return {"message": error["message"], "path": error["path"], "extensions": extensions}


@contextmanager
def under_way(gateway: Gateway, query: str, asked: dict[str, str]) -> Iterator[Iterator[Frame]]:
    """Give the parts of an answer one by one, each as soon as it is there."""
    body = {"query": query, "variables": asked}
    headers = {"accept": OLDER}
    with gateway.client.stream(
        "POST", f"{gateway.url}/graphql", json=body, headers=headers
    ) as response:
        yield _parts(response)


def _parts(response: httpx.Response) -> Iterator[Frame]:
    text = ""
    for chunk in response.iter_text():
        text += chunk
        while text.count("\r\n---") > 1:
            _, part, text = text.split("\r\n---", 2)
            text = f"\r\n---{text}"
            yield json.loads(part.partition("\r\n\r\n")[2])


def requests_told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines of requests."""
    told = [getattr(record, "fields", {}) for record in caplog.records]
    return [fields for fields in told if "upstreamCalls" in fields]


@pytest.mark.parametrize("accept", [NEWER, OLDER])
@pytest.mark.parametrize("query", [IN_PARTS, STREAMED, EDGES, LIST % (5, "", "@defer")])
def test_all_parts_are_the_whole_answer(
    gateway: Gateway, upstreams: Upstreams, query: str, accept: str
) -> None:
    """Merged as clients do, they are what the same query answers without parts, and as JSON."""
    asked = variables(upstreams)

    frames = parts_of(ask(gateway, query, asked, accept))
    as_json = gateway.ask(query, asked, accept=JSON).data

    assert len(frames) > 1
    assert MERGED[accept](frames) == {"data": as_json, "errors": []}
    assert gateway.ask(plain(query), asked, accept=accept).data == as_json


@pytest.mark.parametrize(
    ("accept", "shape"), [(NEWER, "incrementalSpec=v0.2"), (OLDER, "deferSpec=20220824")]
)
def test_headers_keep_caches_and_proxies_from_holding_parts(
    gateway: Gateway, upstreams: Upstreams, accept: str, shape: str
) -> None:
    """The type names the shape; nobody keeps the answer or waits for its end."""
    response = ask(gateway, IN_PARTS, variables(upstreams), accept, x_request_id="parts-1")

    assert response.headers["content-type"] == f'multipart/mixed; boundary="-"; {shape}'
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["vary"] == "Accept, Accept-Encoding"
    assert response.headers["x-request-id"] == "parts-1"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_parts_cost_no_more_calls(own: Upstreams) -> None:
    """The notes of a page that come later are read by the same calls, all together."""
    asked = {"hub": variables(own)["hub"]}
    rows = "@stream(initialCount: 1)"
    calls = []
    for directives in (("", ""), ("", "@defer"), (rows, "@defer"), (rows, "")):
        with running_gateway(own.environment) as gateway:
            own.mark()
            assert ask(gateway, LIST % (ROWS, *directives), asked, OLDER).status_code == 200
            calls.append(own.calls())

    assert calls == [calls[0]] * 4
    assert sum(calls[0].values()) < ROWS  # one by one it would be more


@pytest.mark.parametrize("accept", [NEWER, OLDER])
def test_errors_of_every_part_are_masked(fresh: Gateway, own: Upstreams, accept: str) -> None:
    """A part that fails is null, with the error that the whole answer would have."""
    asked = variables(own)
    fault = {"operations": {"*": [{"kind": "status", "code": 500, "times": "forever"}]}}
    with rehearsing(own, {"ratings": fault}):
        frames = parts_of(ask(fresh, IN_PARTS, asked, accept))
        whole = fresh.ask(IN_PARTS, asked, accept=JSON)

    found = MERGED[accept](frames)
    assert found["data"] == whole.partial
    assert whole.codes == {"case.ratings": "UNAVAILABLE"}
    assert list(map(without_ids, found["errors"])) == list(map(without_ids, whole.body["errors"]))
    assert_no_leak(whole)
    assert "errors" not in frames[0]


def test_the_first_part_does_not_wait_for_the_others(
    fresh: Gateway, own: Upstreams, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read, through compression, while an upstream hangs; the request ends with the last."""
    caplog.set_level(logging.INFO, "casegraph")
    with rehearsing(own, NOTES), under_way(fresh, IN_PARTS, variables(own)) as parts:
        first = next(parts)
        told = requests_told(caplog)
        own.sandbox.faults.clear()
        others = list(parts)

    assert first["data"]["case"].keys() == {"name"}
    assert told == []
    assert others[-1]["hasNext"] is False
    until(lambda: requests_told(caplog))
    (line,) = requests_told(caplog)
    assert (line["outcome"], line["status"], line["operationType"]) == ("ok", 200, "query")
    assert line["upstreamCalls"] >= sum(own.calls().values())


def test_an_operation_keeps_its_place_until_its_last_part(own: Upstreams) -> None:
    """Where one may run at a time, another is sent away while parts are still to come."""
    asked = variables(own)
    with running_gateway({**own.environment, "CASEGRAPH_LIMITS__IN_FLIGHT": "1"}) as narrow:
        with rehearsing(own, NOTES), under_way(narrow, IN_PARTS, asked) as parts:
            next(parts)
            refused = narrow.ask("{ __typename }").response.status_code
            own.sandbox.faults.clear()
            list(parts)
        answered = narrow.ask("{ __typename }").response.status_code

    assert (refused, answered) == (503, 200)


@pytest.mark.parametrize("accept", [NEWER, OLDER])
def test_the_deadline_is_that_of_all_parts(
    fresh: Gateway, own: Upstreams, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has not come by then goes out as nulls with the code, and nothing follows."""
    # The guard behind the calls' own ends has tests of its own; a busy machine needs more of it.
    monkeypatch.setattr("casegraph.engine.incremental.GRACE_SECONDS", 3.0)
    with rehearsing(own, NOTES):
        response = ask(fresh, IN_PARTS, variables(own), accept, x_deadline_ms="1500")

    found = MERGED[accept](parts_of(response))
    assert found["data"]["case"]["notes"] is None
    assert found["data"]["case"]["ratings"]["nodes"]
    (error,) = found["errors"]
    assert error["path"] == ["case", "notes"]
    assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert error["extensions"]["upstream"] == "action_management"


def test_the_fuse_counts_the_calls_of_all_parts(own: Upstreams) -> None:
    """An operation cannot make more calls by putting them off."""
    query = LIST % (5, "", "@defer")
    with running_gateway({**own.environment, "CASEGRAPH_FUSE_CALLS": "4"}) as narrow:
        own.mark()
        found = MERGED[NEWER](parts_of(ask(narrow, query, variables(own), NEWER)))

    assert {error["extensions"]["code"] for error in found["errors"]} == {"LIMIT_EXCEEDED"}
    assert sum(own.calls().values()) <= 4


def test_a_client_that_leaves_ends_what_is_under_way(
    fresh: Gateway, own: Upstreams, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first part it closes: the hanging call is cancelled, and one line says so."""
    caplog.set_level(logging.INFO, "casegraph")
    traffic = own.sandbox.traffic["action_management"]
    with rehearsing(own, NOTES):
        with under_way(fresh, IN_PARTS, variables(own)) as parts:
            next(parts)
            until(lambda: traffic.snapshot()["in_flight"] == 1)
        until(lambda: traffic.snapshot()["in_flight"] == 0)
        until(lambda: requests_told(caplog))

    assert [each["outcome"] for each in requests_told(caplog)] == ["client_gone"]
    assert fresh.ask("{ __typename }").data


def test_what_is_said_of_the_whole_comes_with_the_last_part(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """`extensions` tell of all calls, so they stand where all calls have ended."""
    response = ask(gateway, IN_PARTS, variables(upstreams), NEWER, x_casegraph_trace="1")

    *others, last = parts_of(response)
    assert [frame for frame in others if "extensions" in frame] == []
    operations = {call["operation"] for call in last["extensions"]["trace"]["calls"]}
    assert {"case", "case_notes"} <= operations
    assert {call["outcome"] for call in last["extensions"]["trace"]["calls"]} == {"ok"}


def test_a_plan_has_no_parts(gateway: Gateway, upstreams: Upstreams) -> None:
    """What is asked for its cost only is answered whole."""
    answer = gateway.ask(IN_PARTS, variables(upstreams), accept=OLDER, x_casegraph_explain="plan")

    assert answer.response.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.body["extensions"]["explain"]
    assert upstreams.calls() == {}


def test_queries_in_a_url_have_parts_too(gateway: Gateway, upstreams: Upstreams) -> None:
    """A GET is answered in parts; a HEAD, which has no body, as the whole would be."""
    asked = {"query": IN_PARTS, "variables": json.dumps(variables(upstreams))}
    url = f"{gateway.url}/graphql"

    got = gateway.client.get(url, params=asked, headers={"accept": NEWER})
    head = gateway.client.head(url, params=asked, headers={"accept": NEWER})

    assert MERGED[NEWER](parts_of(got))["data"]["case"]["notes"]["nodes"]
    assert head.headers["content-type"] == "application/json; charset=utf-8"


def test_a_mutation_is_answered_whole(gateway: Gateway, upstreams: Upstreams) -> None:
    """Its fields run in order, so nothing of it is put off."""
    query = """mutation($input: UpdateCaseInput!) {
      updateCase(input: $input) { outcome ... @defer { userErrors { code } } } }"""
    asked = {**variables(upstreams)}
    changed = {"hubId": asked["hub"], "caseId": asked["case"], "name": "x", "dryRun": True}

    answer = gateway.ask(query, {"input": changed}, accept=OLDER)

    assert answer.response.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.data["updateCase"]["userErrors"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{ node(id: "x") { ' + "... @defer { id } " * 51 + "} }", "directives 51, at most 50"),
        ("mutation { ... @defer { deleteCase(input: {}) { outcome } } }", "Defer directive"),
        (
            '{ ... @defer(label: "a") { __typename } ... @defer(label: "a") { __typename } }',
            "label",
        ),
        ("{ __typename @stream }", "Stream directive"),
    ],
)
@pytest.mark.parametrize("accept", [NEWER, JSON])
def test_what_cannot_be_put_off_is_refused(
    gateway: Gateway, query: str, expected: str, accept: str
) -> None:
    """Too many directives, or in a wrong place: refused before anything runs, and whole."""
    body = gateway.ask(query, accept=accept).body

    assert "data" not in body
    assert any(expected in error["message"] for error in body["errors"]), body["errors"]


@pytest.mark.parametrize("accept", [OLDER, JSON])
@pytest.mark.parametrize(
    ("count", "default"), [("-1", "0"), ("$n", "0"), ("$m", "-3")], ids=["text", "value", "default"]
)
def test_a_negative_count_is_refused(
    gateway: Gateway, upstreams: Upstreams, count: str, default: str, accept: str
) -> None:
    """However it is given, it is told as what is wrong with the request, in parts or whole."""
    query = f"""query($hub: ID!, $n: Int, $m: Int = {default}) {{
      cases(hubId: $hub, first: 1) {{ nodes @stream(initialCount: {count}) {{ name }} }}
      again: cases(hubId: $hub, first: $m) @include(if: false) {{ isComplete }}
      node(id: "x") @skip(if: true) {{ id }}
      other: cases(hubId: $hub, first: $n) @include(if: false) {{ isComplete }} }}"""

    body = gateway.ask(query, {**variables(upstreams), "n": -2}, accept=accept).body

    (error,) = body["errors"]
    assert error["message"] == "initialCount of @stream must be 0 or more."
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert upstreams.calls() == {}
