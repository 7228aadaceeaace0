"""Ratings of a case by score and comment, and the newest ones of a user, organization or case."""

from typing import Any

import pytest

from support.gateway import Gateway
from support.upstreams import Upstreams

RECENT = """query($of: RecentRatingsOf!, $limit: Int) {
  recentRatings(of: $of, limit: $limit) { ratingId case { caseId } }
}"""


@pytest.mark.parametrize("score", [None, "GOOD", "BAD"])
@pytest.mark.parametrize("commented", [None, True, False])
def test_ratings_by_score_and_comment(
    gateway: Gateway, upstreams: Upstreams, score: str | None, commented: bool | None
) -> None:
    """Each combination gives the ratings that the vendor's own filters mean, in one call a case."""
    store = upstreams.world.ratings
    cases = sorted({row["case_id"] for row in store.ratings.values()})[:15]
    fields = "".join(
        f' r{case}: ratings(caseId: "{case}", score: $score, hasComment: $commented)'
        " { nodes { ratingId score comment } totalCount }"
        for case in cases
    )
    query = f"query($score: RatingScore, $commented: Boolean) {{ {fields} }}"

    data = gateway.ask(query, {"score": score, "commented": commented}).data

    expected = {
        str(key)
        for key, row in store.ratings.items()
        if row["case_id"] in cases
        and score in {None, row["score"]}
        and commented in {None, bool(row["comment"])}
    }
    assert {node["ratingId"] for each in data.values() for node in each["nodes"]} == expected
    assert sum(each["totalCount"] for each in data.values()) == len(expected)
    assert upstreams.calls() == {"ratings.ratings": len(cases)}


def test_ratings_of_a_case_nobody_knows_are_null(gateway: Gateway, upstreams: Upstreams) -> None:
    """The ratings system's own list tells an unknown case from one without ratings."""
    rated = {row["case_id"] for row in upstreams.world.ratings.ratings.values()}
    unrated = next(key for key in upstreams.world.ratings.cases if key not in rated)
    query = "query($id: ID!) { ratings(caseId: $id) { totalCount nodes { score } } }"

    unknown = gateway.ask(query, {"id": "9000000000000000000"})
    empty = gateway.ask(query, {"id": str(unrated)})

    assert unknown.data["ratings"] is None
    assert empty.data["ratings"] == {"totalCount": 0, "nodes": []}


def test_ratings_of_a_case_by_score_in_the_graph(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Several questions on the ratings of one case share one call."""
    query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
      all: ratings { nodes { score createdAt } totalCount }
      good: ratings(score: GOOD) { totalCount } bad: ratings(score: BAD) { totalCount }
      odd: ratings(score: UNKNOWN) { totalCount }
    } }"""

    case = gateway.ask(query, {"hub": hub, "case": str(odd.case_with_everything)}).data["case"]

    scores = [node["score"] for node in case["all"]["nodes"]]
    assert case["all"]["totalCount"] == len(scores) == 3
    assert case["good"]["totalCount"] == scores.count("GOOD")
    assert case["bad"]["totalCount"] == scores.count("BAD")
    assert case["odd"]["totalCount"] == 0
    moments = [node["createdAt"] for node in case["all"]["nodes"]]
    assert moments == sorted(moments)
    assert upstreams.calls() == {"action_management.case": 1, "ratings.ratings": 1}


def test_unknown_cannot_be_filtered_by_at_the_vendor(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """The vendor knows no such score, so it is not asked."""
    answer = gateway.ask("{ ratings(caseId: 1, score: UNKNOWN) { totalCount } }")

    assert answer.codes == {"ratings": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {}


@pytest.mark.parametrize("whose", ["userId", "organizationId", "caseId"])
def test_recent_ratings_of_each(gateway: Gateway, upstreams: Upstreams, whose: str) -> None:
    """The newest ratings of a user, an organization or a case, three unless told otherwise."""
    store = upstreams.world.ratings

    def owner(row: dict[str, Any]) -> Any:
        case = store.cases[row["case_id"]]
        owners = {"userId": row["creator_id"], "caseId": case["id"]}
        return owners.get(whose, case["organization_id"])

    owners = [owner(row) for row in store.ratings.values()]
    wanted = max({each for each in owners if each is not None}, key=owners.count)
    newest = sorted(
        (row for row in store.ratings.values() if owner(row) == wanted),
        key=lambda row: (row["created_at"], row["id"]),
        reverse=True,
    )

    three = gateway.ask(RECENT, {"of": {whose: str(wanted)}}).data["recentRatings"]
    limited = gateway.ask(RECENT, {"of": {whose: str(wanted)}, "limit": 1}).data["recentRatings"]

    assert [each["ratingId"] for each in three] == [str(row["id"]) for row in newest[:3]]
    assert [each["ratingId"] for each in limited] == [str(newest[0]["id"])]
    assert [each["case"]["caseId"] for each in three] == [str(r["case_id"]) for r in newest[:3]]
    assert upstreams.calls()["ratings.recent_ratings"] == 2


@pytest.mark.parametrize(
    "of", [{}, {"userId": "1", "caseId": "2"}, {"userId": None}, {"userId": "1", "caseId": None}]
)
def test_exactly_one_owner_is_asked_for(
    gateway: Gateway, upstreams: Upstreams, of: dict[str, Any]
) -> None:
    """None, two and null are refused, in a variable and in the document, before any call."""
    literal = ", ".join(f"{key}: {value or 'null'}" for key, value in of.items())
    document = f"{{ recentRatings(of: {{ {literal} }}) {{ ratingId }} }}"

    for answer in (gateway.ask(RECENT, {"of": of}), gateway.ask(document)):
        (error,) = answer.body["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "exactly one field" in error["message"]
        assert "data" not in answer.body
    assert upstreams.calls() == {}


def test_a_variable_that_is_missing_inside_a_one_of_is_the_clients_error(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """Found only when the field is run, it is still a wrong request and no bug of the gateway."""
    answer = gateway.ask("query($u: ID) { recentRatings(of: { userId: $u }) { ratingId } }")

    assert set(answer.codes.values()) == {"GRAPHQL_VALIDATION_FAILED"}
    assert upstreams.calls() == {}


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_the_limit_is_bounded(gateway: Gateway, upstreams: Upstreams, limit: int) -> None:
    """How many newest ratings may be asked is between 1 and 100."""
    answer = gateway.ask(RECENT, {"of": {"userId": "1"}, "limit": limit})

    assert answer.codes == {"recentRatings": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {}
