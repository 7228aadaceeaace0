"""Links over several hubs, by number, by data field and by table, in both directions."""

import csv
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from casegraph.upstreams.action_management.store import Hub, Row
from support.gateway import Gateway, running_gateway
from support.meddling import answering, meddling, rewriting
from support.upstreams import Upstreams, running_upstreams

BRANCH = 98
IN_BOTH, ONLY_BRANCH, LINKED, TWO_FIELDS, NO_NUMBER = 345003, 700_001, 700_002, 700_003, 700_004
"""Cases of the branch; the first number exists in the main hub too."""
REVIEWED = 345007
"""A number in the reviews system that belongs to LINKED by its data field."""
HUGE = 2**40
RATING = """query($case: ID!) { recentRatings(of: { caseId: $case }, limit: 1) {
  ratingId case { hubId caseId name } } }"""


def branch_case(number: int, *review_cases: str) -> Row:
    """Return a case of the branch, its number in the reviews system in data fields."""
    return {
        "id": number,
        "name": f"Branch {number}",
        "workflowId": 214,
        "dateCreated": datetime(2026, 5, 1, tzinfo=UTC),
        "listValues": [{"listId": 9423, "id": 11001}],
        "roles": [],
        "dataFields": [
            {"id": 1, "name": "Review", "value": value, "questionName": "review_case"}
            for value in review_cases
        ],
    }


@pytest.fixture(scope="module")
def _branches() -> Iterator[Upstreams]:
    with running_upstreams(cases=20) as running:
        world = running.world
        main = world.action_management.hubs[96]
        rows = [
            branch_case(IN_BOTH),
            branch_case(ONLY_BRANCH),
            branch_case(LINKED, f" {REVIEWED} "),
            branch_case(TWO_FIELDS, "345001", "345002"),
            branch_case(NO_NUMBER, "not a number"),
        ]
        world.action_management.hubs[BRANCH] = Hub(
            BRANCH,
            "Branch",
            workflows=main.workflows,
            cases={row["id"]: row for row in rows},
            lists=main.lists,
            roles=main.roles,
            users=main.users,
        )
        pattern = next(iter(world.ratings.ratings.values()))
        case = next(iter(world.ratings.cases.values()))
        for place, number in enumerate((IN_BOTH, ONLY_BRANCH, LINKED, TWO_FIELDS, HUGE, 600_000)):
            world.ratings.cases[number] = {**case, "id": number}
            key = 70999000000 + place
            at = datetime(2026, 6, 1, tzinfo=UTC)
            world.ratings.ratings[key] = {
                **pattern,
                "id": key,
                "case_id": number,
                "created_at": at,
            }
        yield running


@pytest.fixture
def branches(_branches: Upstreams) -> Upstreams:
    """Return a sandbox with two hubs that share a case number, its calls counted from here."""
    _branches.mark()
    return _branches


@pytest.fixture(scope="module")
def all_hubs(_branches: Upstreams) -> Iterator[Gateway]:
    """Return a gateway that is told no hubs, so that it asks the vendor for them."""
    environment = dict(_branches.environment)
    del environment["CASEGRAPH_ACTION_MANAGEMENT__HUBS"]
    with running_gateway(environment) as running:
        yield running


@pytest.fixture(scope="module")
def by_field(_branches: Upstreams) -> Iterator[Gateway]:
    """Return a gateway whose link to reviews is a data field, over both hubs."""
    environment = {
        **_branches.environment,
        "CASEGRAPH_ACTION_MANAGEMENT__HUBS": f"96,{BRANCH}",
        "CASEGRAPH_LINKS__REVIEWS": "data_field:review_case",
    }
    with running_gateway(environment) as running:
        yield running


def rated_case(gateway: Gateway, number: int) -> Any:
    """Follow the newest rating of a number in the ratings system back to its case."""
    (rating,) = gateway.ask(RATING, {"case": str(number)}).data["recentRatings"]
    return rating["case"]


def test_every_hub_of_the_vendor_is_asked_and_the_finding_remembered(
    all_hubs: Gateway, branches: Upstreams
) -> None:
    """A bare number is looked for in all hubs, those without a program too, and then known."""
    expected = {"hubId": str(BRANCH), "caseId": str(ONLY_BRANCH), "name": f"Branch {ONLY_BRANCH}"}

    assert rated_case(all_hubs, ONLY_BRANCH) == expected
    assert branches.calls("action_management")["action_management.case"] == 3
    assert branches.calls()["action_management.hubs"] == 1

    branches.mark()
    assert rated_case(all_hubs, ONLY_BRANCH) == expected
    assert branches.calls() == {"ratings.recent_ratings": 1, "action_management.case": 1}


def test_a_number_that_two_hubs_have_is_ambiguous(all_hubs: Gateway, branches: Upstreams) -> None:
    """Found in two hubs, no case is chosen and both are named; it stays so the second time."""
    for _ in range(2):
        answer = all_hubs.ask(RATING, {"case": str(IN_BOTH)})
        assert answer.codes == {"recentRatings.0.case": "AMBIGUOUS"}
        (error,) = answer.body["errors"]
        assert f"hub 96 case {IN_BOTH}, hub {BRANCH} case {IN_BOTH}" in error["message"]
        assert answer.partial["recentRatings"][0]["ratingId"]


def test_from_a_case_its_ratings_lead_back_to_it(all_hubs: Gateway, branches: Upstreams) -> None:
    """Reached from a case, whatever number it shares, the way back is that case."""
    query = """query($case: ID!) {
      a: case(hubId: 96, caseId: $case) { ratings { nodes { case { hubId } } } }
      b: case(hubId: 98, caseId: $case) { ratings { nodes { case { hubId } } } }
    }"""

    data = all_hubs.ask(query, {"case": str(IN_BOTH)}).data

    for alias, hub in (("a", "96"), ("b", "98")):
        hubs = {node["case"]["hubId"] for node in data[alias]["ratings"]["nodes"]}
        assert hubs == {hub}
    assert branches.calls() == {"action_management.case": 2, "ratings.ratings": 1}


def test_a_number_that_no_hub_has_is_null(all_hubs: Gateway, branches: Upstreams) -> None:
    """Nothing found is no case, and is looked for anew the next time."""
    for _ in range(2):
        branches.mark()
        assert rated_case(all_hubs, 600_000) is None
        assert branches.calls("action_management")["action_management.case"] == 3


def test_a_number_that_no_case_can_have_is_null(all_hubs: Gateway, branches: Upstreams) -> None:
    """The ratings system has larger numbers than any case; such a one is not even asked for."""
    all_hubs.ask("{ roles(hubId: 96) { name } }")
    branches.mark()

    assert rated_case(all_hubs, HUGE) is None
    assert "action_management.case" not in branches.calls()


def test_a_hub_that_cannot_be_asked_leaves_nothing_certain(
    all_hubs: Gateway, branches: Upstreams
) -> None:
    """While one hub is silent, a finding in another is not given out: it could be there as well."""
    path = f"/hubs/{BRANCH}/cases/{REVIEWED}"
    query = """query($case: ID!) { reviewEntries(filter: { caseId: $case }) { nodes {
      case { caseId } } } }"""

    with meddling(branches, "action_management", answering(500, path_ends=path)):
        answer = all_hubs.ask(query, {"case": str(REVIEWED)})
    assert set(answer.codes.values()) == {"UNAVAILABLE"}
    assert answer.partial["reviewEntries"]["nodes"][0]["case"] is None

    found = all_hubs.ask(query, {"case": str(REVIEWED)}).data["reviewEntries"]["nodes"]
    assert {node["case"]["caseId"] for node in found} == {str(REVIEWED)}


def test_a_remembered_case_that_is_gone_is_looked_for_again(
    all_hubs: Gateway, branches: Upstreams
) -> None:
    """A finding is checked by the call that it leads to; when that finds nothing, all are asked."""
    hub = branches.world.action_management.hubs[BRANCH]
    assert rated_case(all_hubs, TWO_FIELDS)["hubId"] == str(BRANCH)
    row = hub.cases.pop(TWO_FIELDS)
    try:
        assert rated_case(all_hubs, TWO_FIELDS) is None
    finally:
        hub.cases[TWO_FIELDS] = row


def test_a_data_field_links_both_ways(by_field: Gateway, branches: Upstreams) -> None:
    """The other system's number stands in a data field, padded or not, in whichever hub."""
    forward = """query($case: ID!) { case(hubId: 98, caseId: $case) {
      reviews { nodes { reviewEntryId case { caseId } } } } }"""
    back = "query($id: ID!) { reviewEntry(reviewEntryId: $id) { case { hubId caseId } } }"
    entries = branches.world.case_reviews.entries
    expected = [str(key) for key, row in entries.items() if row["case_id"] == REVIEWED]

    nodes = by_field.ask(forward, {"case": str(LINKED)}).data["case"]["reviews"]["nodes"]
    assert [node["reviewEntryId"] for node in nodes] == expected != []
    assert {node["case"]["caseId"] for node in nodes} == {str(LINKED)}

    found = by_field.ask(back, {"id": expected[0]}).data["reviewEntry"]["case"]
    assert found == {"hubId": str(BRANCH), "caseId": str(LINKED)}
    branches.mark()
    unclaimed = next(
        row for row in entries.values() if row["case_id"] not in {REVIEWED, 345001, 345002}
    )
    assert by_field.ask(back, {"id": str(unclaimed["id"])}).data["reviewEntry"]["case"] is None
    assert branches.calls() == {"case_reviews.review": 1}


def test_a_data_field_that_contradicts_itself_or_holds_no_number(
    by_field: Gateway, branches: Upstreams
) -> None:
    """Two values are ambiguous; one that the reviews system cannot know is not sent to it."""
    query = """query($case: ID!) { case(hubId: 98, caseId: $case) {
      name reviews { nodes { reviewEntryId } } } }"""

    twofold = by_field.ask(query, {"case": str(TWO_FIELDS)})
    nonsense = by_field.ask(query, {"case": str(NO_NUMBER)})

    assert twofold.codes == {"case.reviews": "AMBIGUOUS"}
    assert "345001, 345002" in twofold.body["errors"][0]["message"]
    assert nonsense.codes == {"case.reviews": "INVALID_ARGUMENT"}
    assert branches.calls("case_reviews") == {}


def test_unreadable_evidence_is_an_error_and_not_no_link(
    all_hubs: Gateway, branches: Upstreams
) -> None:
    """When the data fields cannot be read, nobody knows the customer: that is not an empty list."""

    def broken(body: Any) -> Any:
        body["dataFields"] = "broken"
        return body

    query = """query($case: ID!) { case(hubId: 96, caseId: $case) {
      name customerCases { title } ratings { totalCount } } }"""
    with meddling(branches, "action_management", rewriting("case", broken)):
        answer = all_hubs.ask(query, {"case": str(IN_BOTH)})

    assert answer.codes == {"case.customerCases": "UPSTREAM_CONTRACT"}
    assert answer.partial["case"]["ratings"] is not None


TABLE = [
    (96, 345001, "case_reviews", REVIEWED),
    (96, 345002, "ratings", ONLY_BRANCH),
    (BRANCH, ONLY_BRANCH, "case_reviews", 345_009),
    (96, 345001, "customer_cases", "C-one"),
    (96, 345002, "customer_cases", "C-one"),
    (96, 345003, "customer_cases", "C-two"),
    (96, 345003, "customer_cases", "C-three"),
]


def write_csv(path: Path) -> None:
    """Write the table as a CSV file with its columns in another order and one more."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["system", "external_id", "hub_id", "case_id", "remark"])
        writer.writerows((row[2], f" {row[3]} ", row[0], row[1], "") for row in TABLE)


def write_sqlite(path: Path) -> None:
    """Write the table as a SQLite database."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE identities (hub_id, case_id, system, external_id)")
    database.executemany("INSERT INTO identities VALUES (?, ?, ?, ?)", TABLE)
    database.commit()
    database.close()


@pytest.fixture(scope="module", params=["csv", "sqlite"])
def by_table(
    request: Any, tmp_path_factory: pytest.TempPathFactory, _branches: Upstreams
) -> Iterator[Gateway]:
    """Return a gateway whose links are all in one table, of each form in turn."""
    path = tmp_path_factory.mktemp("links") / "identities"
    {"csv": write_csv, "sqlite": write_sqlite}[request.param](path)
    links = {
        f"CASEGRAPH_LINKS__{name}": f"table:{path}" for name in ("REVIEWS", "RATINGS", "CUSTOMER")
    }
    with running_gateway({**_branches.environment, **links}) as running:
        yield running


def test_a_table_links_both_ways(by_table: Gateway, branches: Upstreams) -> None:
    """A table says which number belongs to which case of which hub, wherever one starts."""
    query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
      reviews { nodes { reviewEntryId case { caseId } } }
      ratings { nodes { ratingId case { caseId } } }
    } }"""
    entries = branches.world.case_reviews.entries
    reviews = [str(key) for key, row in entries.items() if row["case_id"] == REVIEWED]

    first = by_table.ask(query, {"hub": "96", "case": "345001"}).data["case"]
    second = by_table.ask(query, {"hub": "96", "case": "345002"}).data["case"]
    review = by_table.ask(
        "query($id: ID!) { reviewEntry(reviewEntryId: $id) { case { hubId caseId } } }",
        {"id": reviews[0]},
    )

    assert [node["reviewEntryId"] for node in first["reviews"]["nodes"]] == reviews
    assert first["ratings"]["nodes"] == []
    assert [node["case"]["caseId"] for node in second["ratings"]["nodes"]] == ["345002"]
    assert second["reviews"]["nodes"] == []
    assert review.data["reviewEntry"]["case"] == {"hubId": "96", "caseId": "345001"}
    assert rated_case(by_table, ONLY_BRANCH) == {
        "hubId": "96",
        "caseId": "345002",
        "name": branches.world.action_management.hubs[96].cases[345002]["name"],
    }
    assert rated_case(by_table, 600_000) is None
    assert "action_management.hubs" not in branches.calls()


def test_a_table_can_be_ambiguous_both_ways(by_table: Gateway, branches: Upstreams) -> None:
    """Two ids for a case, and two cases for an id, are errors that name what the table says."""
    forward = by_table.ask("{ case(hubId: 96, caseId: 345003) { name customerCases { title } } }")
    assert forward.codes == {"case.customerCases": "AMBIGUOUS"}
    assert "C-three, C-two" in forward.body["errors"][0]["message"]

    store = branches.world.customer_cases
    pattern = next(iter(store.cases.values()))
    store.customers["C-one"] = {"id": "C-one", "url": ""}
    store.cases["SC-one"] = {**pattern, "id": "SC-one", "customerId": "C-one"}
    try:
        back = by_table.ask('{ customerCases(customerId: "C-one") { title case { caseId } } }')
    finally:
        del store.cases["SC-one"], store.customers["C-one"]
    assert back.codes == {"customerCases.0.case": "AMBIGUOUS"}
    assert "case 345001, hub 96 case 345002" in back.body["errors"][0]["message"]
