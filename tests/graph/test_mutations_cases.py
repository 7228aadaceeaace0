"""Mutations of cases over the real gateway, in both readings of the vendor's PUT."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from casegraph.upstreams.action_management.simulator_switches import PutMode
from support.gateway import running_gateway
from support.meddling import Heard, meddling
from support.mutations import Mutations, codes, vendor_reading
from support.upstreams import running_upstreams


@pytest.fixture(scope="module")
def _lab() -> Iterator[Mutations]:
    with running_upstreams(cases=60) as upstreams, running_gateway(upstreams.environment) as ours:
        yield Mutations(ours, upstreams)


@pytest.fixture(params=list(PutMode), ids=lambda mode: mode.name.lower())
def lab(_lab: Mutations, request: Any) -> Iterator[Mutations]:
    """Return gateway and sandbox, the vendor's PUT read in one of the two ways."""
    with vendor_reading(_lab.upstreams, put_mode=request.param, lists_share_id=True):
        _lab.version(next(iter(_lab.hub.cases)))  # so that the exchanged vendor's token is there
        yield _lab


@pytest.fixture
def case(lab: Mutations) -> Iterator[int]:
    """Return a case that is put back as it was."""
    case_id = next(iter(lab.hub.cases))
    before = copy.deepcopy(lab.row(case_id))
    yield case_id
    lab.hub.cases[case_id] = before


def unchanged_but(before: dict[str, Any], after: dict[str, Any], *names: str) -> bool:
    """Return whether two rows differ in these fields only, beside the time of the change."""
    allowed = {*names, "dateModified"}
    return {k for k in {*before, *after} if before.get(k) != after.get(k)} <= allowed


def item(lab: Mutations, kind: str, **flags: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a list of a type and an item of it with these flags."""
    for each in lab.hub.lists:
        for choice in each["items"] if each["type"] == kind else ():
            if all(choice.get(name) == value for name, value in flags.items()):
                return each, choice
    raise AssertionError(kind)


def test_only_the_named_fields_change(lab: Mutations, case: int) -> None:
    """What is named changes, what is null is cleared, everything else goes back as it was."""
    before = copy.deepcopy(lab.row(case))

    made = lab.make(
        "updateCase",
        **lab.key(case),
        name="Re: dryer",
        cost=None,
        dueAt="2027-01-31T10:30:00.123456+01:00",
    )

    after = lab.row(case)
    assert (made["outcome"], made["userErrors"], made["conflict"]) == ("APPLIED", [], None)
    assert made["case"]["name"] == after["name"] == "Re: dryer"
    assert "cost" not in after
    assert after["dateDue"].isoformat() == "2027-01-31T09:30:00.123000+00:00"
    assert unchanged_but(before, after, "name", "cost", "dateDue")
    assert lab.calls() == {"action_management.case": 3, "action_management.case_put": 1}
    by_field = {change["field"]: change for change in made["changes"]}
    assert by_field["name"] == {"field": "name", "before": before["name"], "after": "Re: dryer"}
    assert by_field["dueAt"]["after"] == "2027-01-31T09:30:00.123000Z"


def test_the_document_that_is_put_is_the_one_that_was_read(lab: Mutations, case: int) -> None:
    """A PUT is made of case details: unknown to no field, and never of an item of a list."""
    with meddling(lab.upstreams, "action_management", Heard()) as heard:
        lab.gateway.ask(
            "query($hub: ID!) { cases(hubId: $hub, first: 50) { nodes { caseId name } } }",
            {"hub": str(lab.hub.hub_id)},
        )
        lab.make("updateCase", **lab.key(case), name="Only this")
        ((put),) = heard.bodies("case_put")

    assert put["name"] == "Only this"
    assert {"dataFields", "source", "links", "isOverDue", "dateDue"} <= set(put)


def test_what_stands_so_already_is_not_written(lab: Mutations, case: int) -> None:
    """A change that changes nothing costs one reading and no write."""
    made = lab.make("updateCase", **lab.key(case), name=lab.row(case)["name"])

    assert (made["outcome"], made["changes"]) == ("UNCHANGED", [])
    assert lab.calls() == {"action_management.case": 1}


def test_a_dry_run_tells_the_difference_and_writes_nothing(lab: Mutations, case: int) -> None:
    """The payload has what would be written; the vendor has seen one reading."""
    before = copy.deepcopy(lab.row(case))

    made = lab.make("updateCase", **lab.key(case), name="Maybe", dryRun=True, clientMutationId="d")

    assert made["outcome"] == "PLANNED"
    assert [(each["field"], each["after"]) for each in made["changes"]] == [("name", "Maybe")]
    assert lab.row(case) == before
    assert lab.calls() == {"action_management.case": 1}


def test_a_status_that_is_not_open_closes_the_case(lab: Mutations, case: int) -> None:
    """By name or by id within the list; the payload says what becomes of the case."""
    _, opened = item(lab, "status", isOpen=True)
    _, closed = item(lab, "status", isOpen=False)
    show = "outcome closesCase reopensCase case { isClosed status { itemId name } }"
    key = lab.key(case)
    lab.make("setCaseListValue", **key, listType="STATUS", itemId=str(opened["id"]))

    closing = lab.make("setCaseListValue", show, **key, listType="STATUS", itemName=closed["name"])
    again = lab.make("setCaseListValue", show, **key, listType="STATUS", itemId=str(opened["id"]))

    assert (closing["outcome"], closing["closesCase"], closing["reopensCase"]) == (
        "APPLIED",
        True,
        False,
    )
    assert closing["case"] == {
        "isClosed": True,
        "status": {"itemId": str(closed["id"]), "name": closed["name"]},
    }
    assert (again["closesCase"], again["reopensCase"]) == (False, True)
    assert again["case"]["isClosed"] is False


def test_two_lists_with_one_id_are_told_apart(lab: Mutations, case: int) -> None:
    """With a shared id, the type says which list is meant; without it the id is ambiguous."""
    category, choice = item(lab, "category")
    shared = str(category["id"])
    sub = choice["subCategories"][0]
    custom_before = [v for v in lab.row(case)["listValues"] if v["listId"] != category["id"]]

    unclear = lab.make("setCaseListValue", **lab.key(case), listId=shared, itemId="1")
    made = lab.make(
        "setCaseListValue",
        **lab.key(case),
        listId=shared,
        listType="CATEGORY",
        itemId=str(choice["id"]),
        subCategoryId=str(sub["id"]),
    )

    assert codes(unclear) == ["AMBIGUOUS"]
    assert unclear["outcome"] == "REFUSED"
    assert made["outcome"] in {"APPLIED", "UNCHANGED"}
    values = lab.row(case)["listValues"]
    assert [v for v in values if v["listId"] != category["id"]] == custom_before
    assert {"listId": category["id"], "id": choice["id"], "subCategoryId": sub["id"]} in values


def test_a_list_value_can_be_cleared_but_not_the_status(lab: Mutations, case: int) -> None:
    """Clearing takes the one entry out; a case without a status is refused before any write."""
    severity, choice = item(lab, "severity")
    lab.make("setCaseListValue", **lab.key(case), listType="SEVERITY", itemId=str(choice["id"]))
    before = copy.deepcopy(lab.row(case))

    made = lab.make("clearCaseListValue", **lab.key(case), listType="SEVERITY")
    again = lab.make("clearCaseListValue", **lab.key(case), listType="SEVERITY")
    status = lab.make("clearCaseListValue", **lab.key(case), listType="STATUS")

    assert (made["outcome"], again["outcome"], status["outcome"]) == (
        "APPLIED",
        "UNCHANGED",
        "REFUSED",
    )
    assert codes(status) == ["INVALID_ARGUMENT"]
    assert severity["id"] not in [value["listId"] for value in lab.row(case)["listValues"]]
    assert unchanged_but(before, lab.row(case), "listValues")


def test_inactive_users_stay_where_they_are(lab: Mutations, case: int) -> None:
    """Assigning and unassigning touch the named people of the named role, and nobody else."""
    active = [user for user, row in lab.hub.users.items() if row["isActive"]][:2]
    inactive = next(user for user, row in lab.hub.users.items() if not row["isActive"])
    role = lab.hub.roles[1]["id"]
    row = lab.row(case)
    others = [each for each in row["roles"] if each["id"] != role]
    lab.hub.cases[case] = {**row, "roles": [*others, {"id": role, "users": [inactive]}]}
    people = {"roleId": str(role), "userIds": [str(user) for user in active]}

    def there() -> list[int]:
        (found,) = [each for each in lab.row(case)["roles"] if each["id"] == role]
        users: list[int] = found["users"]
        return users

    made = lab.make("assignCaseUsers", **lab.key(case), **people)
    assert (made["outcome"], there()) == ("APPLIED", [inactive, *active])
    again = lab.make("assignCaseUsers", **lab.key(case), **people)
    assert again["outcome"] == "UNCHANGED"
    taken = lab.make("unassignCaseUsers", **lab.key(case), **people)
    assert (taken["outcome"], there()) == ("APPLIED", [inactive])
    assert [each for each in lab.row(case)["roles"] if each["id"] != role] == others


def test_all_faults_of_an_input_are_told_at_once(lab: Mutations, case: int) -> None:
    """Malformed fields, unknown targets and a missing case come together, and cost no write."""
    one = lab.make(
        "updateCase",
        **lab.key(case),
        name=" ",
        workflowId="x",
        cost=1e19,
        expectedVersion="v0",
        clientMutationId="",
    )
    other = lab.make(
        "setCaseListValue",
        hubId=str(lab.hub.hub_id),
        caseId="2147483647",
        listType="STATUS",
        itemName="No such thing",
        subCategoryId="zero",
    )
    people = lab.make("assignCaseUsers", **lab.key(case), roleId="77", userIds=["0", "7"])

    assert [error["path"][1] for error in one["userErrors"]] == [
        "name", "workflowId", "cost", "expectedVersion", "clientMutationId",
    ]  # fmt: skip
    assert sorted(error["path"][1] for error in other["userErrors"]) == [
        "caseId", "itemName", "subCategoryId",
    ]  # fmt: skip
    assert [error["path"][1:] for error in people["userErrors"]] == [["userIds", "0"], ["roleId"]]
    assert {one["outcome"], other["outcome"], people["outcome"]} == {"REFUSED"}
    assert "action_management.case_put" not in lab.calls()


def test_what_the_vendor_refuses_changes_nothing(lab: Mutations, case: int) -> None:
    """Only the vendor knows its workflows and people; its no is a refusal, in our words."""
    before = copy.deepcopy(lab.row(case))

    workflow = lab.make("updateCase", **lab.key(case), workflowId="2147483647")
    person = lab.make(
        "assignCaseUsers",
        **lab.key(case),
        roleId=str(lab.hub.roles[0]["id"]),
        userIds=["2147483647"],
    )

    assert (codes(workflow), codes(person)) == (["REJECTED"], ["REJECTED"])
    assert (workflow["outcome"], person["outcome"]) == ("REFUSED", "REFUSED")
    assert lab.row(case) == before


def test_a_version_is_equal_until_somebody_changes_the_case(lab: Mutations, case: int) -> None:
    """An expected version that still holds is written over; one that does not is a conflict."""
    seen = lab.version(case)
    assert lab.version(case) == seen
    name = lab.row(case)["name"]
    first = lab.make("updateCase", **lab.key(case), cost=7, expectedVersion=seen)
    second = lab.make("updateCase", **lab.key(case), name="Mine", expectedVersion=seen)

    assert first["outcome"] == "APPLIED"
    assert first["case"]["version"] == lab.version(case) != seen
    assert (second["outcome"], second["userErrors"]) == ("CONFLICT", [])
    fields = {each["field"]: each for each in second["conflict"]["fields"]}
    assert set(fields) == {"cost"}
    assert fields["cost"]["isExpectedKnown"]
    assert fields["cost"]["actual"] == 7
    assert second["conflict"]["current"] == {"name": name, "version": lab.version(case)}
    assert lab.row(case)["name"] == name
    solved = lab.make(
        "updateCase",
        **lab.key(case),
        name="Mine",
        expectedVersion=second["conflict"]["current"]["version"],
    )
    assert (solved["outcome"], lab.row(case)["cost"]) == ("APPLIED", 7)


def test_a_version_that_nobody_remembers_still_finds_the_conflict(
    lab: Mutations, case: int
) -> None:
    """From the digest alone it is told which parts differ, and that their old values are not."""
    seen = lab.version(case)
    lab.hub.cases[case] = {**lab.row(case), "cost": 99, "name": "Theirs"}
    with running_gateway(lab.upstreams.environment) as other:
        made = Mutations(other, lab.upstreams).make(
            "updateCase", **lab.key(case), name="Mine", expectedVersion=seen
        )

    assert made["outcome"] == "CONFLICT"
    assert [
        (
            each["field"],
            each["isExpectedKnown"],
            each["expected"],
            each["actual"],
            each["requested"],
        )
        for each in made["conflict"]["fields"]
    ] == [("name", False, None, "Theirs", "Mine"), ("cost", False, None, 99, None)]


def test_a_deleted_case_is_gone_for_everybody(lab: Mutations, case: int) -> None:
    """The payload names it for client caches; the same operation and the next find nothing."""
    key = lab.key(case)
    query = """mutation($input: DeleteCaseInput!, $change: UpdateCaseInput!) {
      deleteCase(input: $input) { outcome deletedId case { name } }
      updateCase(input: $change) { outcome userErrors { code path } case { name } }
    }"""
    ask = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { id } }"
    keys = {"hub": key["hubId"], "case": key["caseId"]}
    before = lab.gateway.ask(ask, keys).data["case"]["id"]

    data = lab.gateway.ask(query, {"input": key, "change": {**key, "name": "x"}}).data

    assert data["deleteCase"] == {"outcome": "APPLIED", "deletedId": before, "case": None}
    assert data["updateCase"]["outcome"] == "REFUSED"
    assert data["updateCase"]["userErrors"] == [{"code": "NOT_FOUND", "path": ["input", "caseId"]}]
    assert lab.gateway.ask(ask, keys).data["case"] is None
    assert case not in lab.hub.cases


def test_a_deletion_respects_the_version(lab: Mutations, case: int) -> None:
    """A case that was changed since it was seen is not deleted."""
    seen = lab.version(case)
    lab.hub.cases[case] = {**lab.row(case), "cost": 1234}

    made = lab.make("deleteCase", **lab.key(case), expectedVersion=seen)

    assert (made["outcome"], made["deletedId"]) == ("CONFLICT", None)
    assert case in lab.hub.cases
    assert lab.make("deleteCase", **lab.key(case), dryRun=True)["outcome"] == "PLANNED"
    assert case in lab.hub.cases
