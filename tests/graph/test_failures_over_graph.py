"""What fails costs its own fields: upstreams that are off, not set up, throttled or broken."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from casegraph.graph.query import Query
from casegraph.loading.asking import Asking
from casegraph.loading.lookups import LookUps
from support.gateway import Answer, Gateway, running_gateway
from support.meddling import answering, meddling, rewriting
from support.upstreams import Upstreams

EVERYTHING = """query($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    name
    notes { nodes { noteId } }
    reviews { nodes { reviewEntryId case { caseId } } }
    ratings { nodes { ratingId case { caseId } } }
    customerCases { customerCaseId case { caseId } }
  }
  programLists(hubId: $hub) { name }
  reviewEntries(first: 2) { nodes { reviewEntryId } }
  recentRatings(of: { caseId: $case }) { ratingId }
  customerCases(customerId: "C-000000") { title }
}"""
UPSTREAM_FIELDS = {
    "action_management": {"case", "programLists"},
    "case_reviews": {"case.reviews", "reviewEntries"},
    "ratings": {"case.ratings", "recentRatings"},
    "customer_cases": {"case.customerCases", "customerCases"},
}
EXTENSIONS = {"code", "upstream", "retryable", "retryAfterMs", "requestId"}


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask_everything(gateway: Gateway, upstreams: Upstreams) -> Answer:
    """Ask for a case with everything and for the lists of every upstream."""
    odd = upstreams.world.oddities
    variables = {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
    return gateway.ask(EVERYTHING, variables)


def at(data: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where the way ends early."""
    for name in path.split("."):
        data = None if data is None else data[name]
    return data


def assert_fails_alone(answer: Answer, failed: set[str], code: str, upstream: str) -> None:
    """Check that just these fields failed, with this cause, and all others are there."""
    assert answer.response.status_code == 200
    assert answer.codes == dict.fromkeys(failed, code)
    for error in answer.body["errors"]:
        assert error["extensions"]["upstream"] == upstream
        assert error["extensions"].keys() <= EXTENSIONS
        assert "127.0.0.1" not in error["message"]
    for fields in UPSTREAM_FIELDS.values():
        for field in fields:
            if not any(f"{field}.".startswith(f"{gone}.") for gone in failed):
                assert at(answer.partial, field) is not None or field == "customerCases", field


@pytest.mark.parametrize("upstream", UPSTREAM_FIELDS)
def test_an_upstream_that_is_off(upstreams: Upstreams, upstream: str) -> None:
    """Nobody listens at one upstream: its fields fail as UNAVAILABLE, all others are complete."""
    environment = dict(upstreams.environment)
    name = f"CASEGRAPH_{upstream.upper()}__URL"
    path = environment[name].removeprefix(upstreams.base)
    environment[name] = f"http://127.0.0.1:{closed_port()}{path}"

    with running_gateway(environment) as gateway:
        answer = ask_everything(gateway, upstreams)

    assert_fails_alone(answer, UPSTREAM_FIELDS[upstream], "UNAVAILABLE", upstream)
    assert all(error["extensions"]["retryable"] is True for error in answer.body["errors"])


@pytest.mark.parametrize("upstream", UPSTREAM_FIELDS)
def test_an_upstream_that_is_not_set_up(upstreams: Upstreams, upstream: str) -> None:
    """Without a URL for one upstream, its fields say so and all others are complete."""
    group = f"CASEGRAPH_{upstream.upper()}__"
    environment = {k: v for k, v in upstreams.environment.items() if not k.startswith(group)}

    with running_gateway(environment) as gateway:
        answer = ask_everything(gateway, upstreams)

    assert_fails_alone(answer, UPSTREAM_FIELDS[upstream], "UPSTREAM_NOT_CONFIGURED", upstream)
    assert all(error["extensions"]["retryable"] is False for error in answer.body["errors"])


def test_back_links_need_the_cases_own_system(upstreams: Upstreams) -> None:
    """Without Action Management, what is linked to a case is there and only the way back fails."""
    group = "CASEGRAPH_ACTION_MANAGEMENT__"
    environment = {k: v for k, v in upstreams.environment.items() if not k.startswith(group)}
    query = "{ reviewEntries(first: 1) { nodes { status case { name } } } }"

    with running_gateway(environment) as gateway:
        answer = gateway.ask(query)

    assert answer.codes == {"reviewEntries.nodes.0.case": "UPSTREAM_NOT_CONFIGURED"}
    assert answer.partial["reviewEntries"]["nodes"][0]["status"]


@pytest.mark.parametrize(
    ("status", "headers", "code", "retryable", "wait"),
    [
        (500, (), "UNAVAILABLE", True, None),
        (503, (), "UNAVAILABLE", True, None),
        (401, (), "UNAVAILABLE", False, None),
        (403, (), "UNAVAILABLE", False, None),
        (408, (), "DEADLINE_EXCEEDED", True, None),
        (429, ((b"retry-after", b"7"),), "RATE_LIMITED", True, 7000),
        (429, (), "RATE_LIMITED", True, None),
        (409, (), "CONFLICT", False, None),
        (400, (), "INVALID_ARGUMENT", False, None),
        (302, ((b"location", b"http://127.0.0.1:1/"),), "UPSTREAM_CONTRACT", False, None),
        (200, (), "UPSTREAM_CONTRACT", False, None),
    ],
)
def test_each_answer_of_an_upstream_has_its_code(
    lab: Upstreams,
    status: int,
    headers: tuple[tuple[bytes, bytes], ...],
    code: str,
    retryable: bool,
    wait: int | None,
) -> None:
    """A status that the reviews system may answer becomes one code, without the vendor's text."""
    body = b"<html>internal host 10.1.2.3</html>"
    # A gateway of its own: what it learns of a throttled upstream is for no other test.
    spoiled = meddling(lab, "case_reviews", answering(status, body, headers=headers))
    with running_gateway(lab.environment) as gateway, spoiled:
        answer = ask_everything(gateway, lab)

    assert_fails_alone(answer, UPSTREAM_FIELDS["case_reviews"], code, "case_reviews")
    assert "10.1.2.3" not in answer.response.text
    for error in answer.body["errors"]:
        assert error["extensions"]["retryable"] is retryable
        told = error["extensions"].get("retryAfterMs")
        # Who comes while a pause lasts is told what is left of it, stretched by up to a tenth.
        assert told is None if wait is None else wait * 0.7 <= told <= wait * 1.1 + 1


def test_one_failed_key_fails_alone(lab_gateway: Gateway, lab: Upstreams) -> None:
    """Among the ratings of many cases one cannot be asked: only that case lacks them."""
    hub = lab.world.action_management.hubs[lab.world.oddities.hub_with_program]
    bad = sorted(hub.cases)[-4]
    query = """query($hub: ID!) { cases(hubId: $hub, first: 9) { nodes {
      caseId ratings { totalCount } } } }"""

    path = f"/cases/{bad}/ratings.json"
    with meddling(lab, "ratings", answering(500, path_ends=path)):
        answer = lab_gateway.ask(query, {"hub": str(hub.hub_id)})

    nodes = answer.partial["cases"]["nodes"]
    place = [node["caseId"] for node in nodes].index(str(bad))
    assert answer.codes == {f"cases.nodes.{place}.ratings": "UNAVAILABLE"}
    assert [place] == [n for n, node in enumerate(nodes) if node["ratings"] is None]


def test_a_value_that_breaks_its_contract_costs_its_own_field(
    lab_gateway: Gateway, lab: Upstreams
) -> None:
    """One wrong type in an answer is one null with the way to the spot, and no value is shown."""

    def broken(body: Any) -> Any:
        body["cost"] = "SECRET-COST"
        body["listValues"][0]["name"] = {"SECRET": 1}
        body["dateDue"] = "SECRET-DAY"
        return body

    odd = lab.world.oddities
    query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
      name cost dueAt listValues { itemId name } } }"""
    with meddling(lab, "action_management", rewriting("case", broken)):
        answer = lab_gateway.ask(
            query, {"hub": str(odd.hub_with_program), "case": str(odd.case_with_everything)}
        )

    fields = ("case.cost", "case.dueAt", "case.listValues.0.name")
    assert answer.codes == dict.fromkeys(fields, "UPSTREAM_CONTRACT")
    assert answer.partial["case"]["name"]
    assert answer.partial["case"]["listValues"][0]["itemId"]
    assert "SECRET" not in answer.response.text
    assert any("$.cost" in error["message"] for error in answer.body["errors"])


@pytest.fixture
def with_a_bug(lab: Upstreams, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Return a gateway in which reading roles is broken by a bug of our own."""

    async def bug(_self: LookUps, _hub_id: str, asking: Asking) -> None:
        raise ZeroDivisionError("SECRET detail")

    monkeypatch.setattr(LookUps, "roles", bug)
    with running_gateway(lab.environment) as running:
        yield running


def test_a_bug_is_masked_and_found_again_by_its_id(
    with_a_bug: Gateway, lab: Upstreams, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that is not ours is INTERNAL with the request's id; the log has the rest."""
    hub = str(lab.world.oddities.hub_with_program)
    query = "query($hub: ID!) { roles(hubId: $hub) { name } programLists(hubId: $hub) { name } }"

    answer = with_a_bug.ask(query, {"hub": hub}, x_request_id="find-me-1")

    (error,) = answer.body["errors"]
    assert error["path"] == ["roles"]
    assert error["extensions"] == {
        "code": "INTERNAL",
        "retryable": False,
        "requestId": "find-me-1",
    }
    assert "find-me-1" in error["message"]
    assert "SECRET" not in answer.response.text
    assert "ZeroDivisionError" not in answer.response.text
    assert answer.partial["programLists"]
    assert answer.response.headers["x-request-id"] == "find-me-1"
    (record,) = [each for each in caplog.records if each.name == "casegraph.failures"]
    assert "find-me-1" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_every_error_has_the_id_of_its_request(gateway: Gateway) -> None:
    """Whatever is wrong, extensions hold a code and the id that the answer's header has too."""
    questions = [
        "{ case(hubId: 0, caseId: 1) { name } }",
        "{ cases(hubId: 97) { isComplete } }",
        "{ nothing }",
        "{ case(",
        "query($a: Int!) { case(hubId: 1, caseId: 1) { notes(first: $a) { isComplete } } }",
    ]
    for question in questions:
        answer = gateway.ask(question)
        ids = {error["extensions"]["requestId"] for error in answer.body["errors"]}
        assert ids == {answer.response.headers["x-request-id"]}
        for error in answer.body["errors"]:
            assert {"code", "retryable", "requestId"} <= error["extensions"].keys() <= EXTENSIONS


def test_no_field_of_the_root_may_take_the_others_down(gateway: Gateway) -> None:
    """Root fields are nullable, so that one that fails leaves its neighbours alone."""
    query = """{ __type(name: "Query") { fields { name type { kind } } } }"""
    fields = gateway.ask(query).data["__type"]["fields"]

    names = {field["name"] for field in fields if field["type"]["kind"] == "NON_NULL"}
    assert names == {"nodes"}
    assert len(fields) == len(Query.__strawberry_definition__.fields)
