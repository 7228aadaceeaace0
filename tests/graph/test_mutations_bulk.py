"""Many cases in one mutation, and several mutations in one operation."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from support.crowd import at_once
from support.gateway import Gateway, running_gateway
from support.meddling import Heard, meddling
from support.mutations import Mutations, codes, document
from support.upstreams import running_upstreams


@pytest.fixture(scope="module")
def lab() -> Iterator[Mutations]:
    """Return a gateway over a sandbox of this module's own."""
    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        yield Mutations(ours, upstreams)


def changes(lab: Mutations, *names: tuple[int, str]) -> list[dict[str, Any]]:
    """Return inputs that rename the cases at these places."""
    ids = list(lab.hub.cases)
    return [{**lab.key(ids[place]), "name": name} for place, name in names]


def test_each_case_of_a_bulk_has_its_own_outcome(lab: Mutations) -> None:
    """A case that is wrong or gone costs no other case its change."""
    good = changes(lab, (0, "a"), (1, "b"))
    bad = {**good[0], "caseId": "zero"}
    gone = {**good[0], "caseId": "2147483647"}

    made = lab.make("updateCases", cases=[good[0], bad, gone, good[1]])

    outcomes = [each["outcome"] for each in made["results"]]
    assert outcomes == ["APPLIED", "REFUSED", "REFUSED", "APPLIED"]
    assert [codes(each) for each in made["results"][1:3]] == [["INVALID_ARGUMENT"], ["NOT_FOUND"]]
    assert made["userErrors"] == []


def test_changes_of_one_case_keep_their_order(lab: Mutations) -> None:
    """Of several changes of one case the last one stands, whatever runs beside it."""
    wanted = changes(lab, (2, "first"), (3, "x"), (2, "second"), (4, "y"), (2, "third"))

    with meddling(lab.upstreams, "action_management", Heard()) as heard:
        made = lab.make("updateCases", cases=wanted)
        puts = [each["name"] for each in heard.bodies("case_put")]

    assert {each["outcome"] for each in made["results"]} == {"APPLIED"}
    assert [name for name in puts if name in {"first", "second", "third"}] == [
        "first", "second", "third",
    ]  # fmt: skip


def test_a_bulk_has_a_bound_and_a_concurrency(lab: Mutations) -> None:
    """50 cases at most, four at the same time; beyond that nothing is written."""
    ids = list(lab.hub.cases)
    fifty = [{**lab.key(each), "cost": 3.25} for each in ids[:50]]
    traffic = lab.upstreams.sandbox.traffic["action_management"]
    traffic.reset()

    made = lab.make("updateCases", "results { outcome } userErrors { code }", cases=fifty)
    too_many = lab.make("updateCases", cases=[*fifty, fifty[0]])
    none = lab.make("updateCases", cases=[])

    assert {each["outcome"] for each in made["results"]} <= {"APPLIED", "UNCHANGED"}
    assert len(made["results"]) == 50
    assert traffic.snapshot()["max_in_flight"] <= 4
    assert (codes(too_many), codes(none)) == (["INVALID_ARGUMENT"], ["INVALID_ARGUMENT"])
    assert lab.calls() == {}


def test_a_repeated_bulk_writes_nothing_again(lab: Mutations) -> None:
    """The bulk's own id stands for each of its cases; with other cases it is refused whole."""
    wanted = changes(lab, (5, "once"), (6, "only"))
    first = lab.make("updateCases", cases=wanted, clientMutationId="bulk-1")
    again = lab.make("updateCases", cases=wanted, clientMutationId="bulk-1")
    calls = lab.calls()
    other = lab.make("updateCases", cases=wanted[:1], clientMutationId="bulk-1")

    assert [each["outcome"] for each in first["results"]] == ["APPLIED", "APPLIED"]
    assert [(e["outcome"], e["isRepeated"]) for e in again["results"]] == [("APPLIED", True)] * 2
    assert "action_management.case_put" not in calls
    assert (other["results"], codes(other)) == ([], ["IDEMPOTENCY_CONFLICT"])


def test_a_bulk_that_was_refused_altogether_frees_its_id(lab: Mutations) -> None:
    """Nothing was written, so the corrected bulk may come under the same id."""
    (good,) = changes(lab, (12, "corrected"))
    gone = {**good, "caseId": "2147483647"}
    refused = lab.make("updateCases", cases=[gone], clientMutationId="bulk-2")
    made = lab.make("updateCases", cases=[good], clientMutationId="bulk-2")

    assert [each["outcome"] for each in refused["results"]] == ["REFUSED"]
    assert (codes(made), [each["outcome"] for each in made["results"]]) == ([], ["APPLIED"])


def test_mutations_of_one_operation_run_in_order_and_all_of_them(lab: Mutations) -> None:
    """The second runs although the first fails; a payload shows the case as it was then."""
    first, second = changes(lab, (7, "one"), (7, "two"))
    query = """mutation($a: UpdateCaseInput!, $bad: UpdateCaseInput!, $b: UpdateCaseInput!) {
      a: updateCase(input: $a) { outcome case { name } }
      bad: updateCase(input: $bad) { outcome userErrors { code } }
      b: updateCase(input: $b) { outcome case { name } }
    }"""
    bad = {**first, "caseId": "2147483647"}

    data = lab.gateway.ask(query, {"a": first, "bad": bad, "b": second}).data

    assert list(data) == ["a", "bad", "b"]
    assert data["a"] == {"outcome": "APPLIED", "case": {"name": "one"}}
    assert data["bad"] == {"outcome": "REFUSED", "userErrors": [{"code": "NOT_FOUND"}]}
    assert data["b"] == {"outcome": "APPLIED", "case": {"name": "two"}}


def test_what_is_written_is_seen_at_once(lab: Mutations) -> None:
    """Lists, counts, back-links and kept answers of before the write are not served after it."""
    (wanted,) = changes(lab, (8, "Seen at once"))
    hub, case = wanted["hubId"], wanted["caseId"]
    lists = """query($hub: ID!, $case: ID!) {
      cases(hubId: $hub, first: 50) { nodes { caseId name } }
      case(hubId: $hub, caseId: $case) { name notes { nodes { case { name } } } }
    }"""
    keys = {"hub": hub, "case": case}
    relaxed = {"Cache_Control": "max-age=3600, max-stale=3600"}
    lab.gateway.ask(lists, keys)

    made = lab.make(
        "updateCase", "outcome case { name notes { nodes { case { name } } } }", **wanted
    )
    after = lab.gateway.ask(lists, keys, **relaxed).data

    assert {n["case"]["name"] for n in made["case"]["notes"]["nodes"]} <= {"Seen at once"}
    names = {node["caseId"]: node["name"] for node in after["cases"]["nodes"]}
    assert names.get(case, "Seen at once") == "Seen at once"
    assert after["case"]["name"] == "Seen at once"


def test_twenty_equal_mutations_at_once_are_one_write(lab: Mutations) -> None:
    """Everybody gets the first outcome, and the vendor is written once."""
    (wanted,) = changes(lab, (9, "Twenty"))
    lab.upstreams.mark()

    def ask(gateway: Gateway) -> Any:
        asked = {"input": {**wanted, "clientMutationId": "twenty"}}
        return gateway.ask(document("updateCase"), asked)

    answers = [each.data["updateCase"] for each in at_once(lab.gateway, 20, ask)]

    assert {each["outcome"] for each in answers} == {"APPLIED"}
    assert sorted(each["isRepeated"] for each in answers) == [False, *[True] * 19]
    assert lab.calls()["action_management.case_put"] == 1


def test_an_id_belongs_to_one_input(lab: Mutations) -> None:
    """The same id with another input, or for another mutation, is refused and writes nothing."""
    (wanted,) = changes(lab, (10, "Mine"))
    before = copy.deepcopy(lab.row(int(wanted["caseId"])))
    lab.make("updateCase", **wanted, dryRun=True, clientMutationId="other-input")
    lab.make("updateCase", **wanted, clientMutationId="other-input")
    after = copy.deepcopy(lab.row(int(wanted["caseId"])))

    other = lab.make("updateCase", **{**wanted, "name": "X"}, clientMutationId="other-input")
    deletion = lab.make(
        "deleteCase",
        hubId=wanted["hubId"],
        caseId=wanted["caseId"],
        clientMutationId="other-input",
    )

    assert before["name"] != after["name"] == "Mine"
    assert (codes(other), codes(deletion)) == (["IDEMPOTENCY_CONFLICT"],) * 2
    assert lab.row(int(wanted["caseId"])) == after


def test_twenty_different_writers_all_have_their_effect(lab: Mutations) -> None:
    """Writers of one case wait for each other: each changes its own field of the case."""
    case = list(lab.hub.cases)[11]
    users = [str(user) for user, row in lab.hub.users.items() if row["isActive"]][:12]
    role = str(lab.hub.roles[2]["id"])
    numbers = iter(users)

    def ask(gateway: Gateway) -> Any:
        asked = {**lab.key(case), "roleId": role, "userIds": [next(numbers)]}
        return gateway.ask(document("assignCaseUsers"), {"input": asked})

    answers = [each.data["assignCaseUsers"] for each in at_once(lab.gateway, len(users), ask)]

    (found,) = [each for each in lab.row(case)["roles"] if str(each["id"]) == role]
    assert {each["outcome"] for each in answers} <= {"APPLIED", "UNCHANGED"}
    assert set(users) <= set(map(str, found["users"]))
