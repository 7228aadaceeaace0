"""A case that is all that a query asks for, which no loader waits for others with."""

from typing import Any

import pytest

from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams

ONE = "case(hubId: $hub, caseId: $case) { caseId name isOverdue notes { nodes { noteId } } }"
HEAD = "query($hub: ID!, $case: ID!)"
WAYS = {
    "alone": HEAD + "{ " + ONE + " }",
    "beside another field": HEAD + "{ __typename " + ONE + " }",
    "under two names": HEAD + "{ case: " + ONE + " again: " + ONE + " }",
    "in a fragment": HEAD + "{ ...F } fragment F on Query { " + ONE + " }",
}
NOTED = """query($hub: ID!) { cases(hubId: $hub, first: 50) { nodes {
    caseId notes { nodes { noteId } } } } }"""
LEAD_BACK = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
    caseId notes { nodes { case { caseId name isOverdue } } } } }"""


@pytest.fixture
def case(gateway: Gateway, upstreams: Upstreams, hub: str) -> str:
    """Return the id of a case with notes."""
    nodes = gateway.ask(NOTED, {"hub": hub}).data["cases"]["nodes"]
    upstreams.mark()
    return str(next(each["caseId"] for each in nodes if each["notes"]["nodes"]))


@pytest.mark.parametrize("way", WAYS)
def test_it_is_one_call_and_the_same_answer_however_it_is_asked(
    gateway: Gateway, upstreams: Upstreams, hub: str, case: str, way: str
) -> None:
    """Its own call and that for its notes are made once."""
    asked = {"hub": hub, "case": case}
    expected = gateway.ask(WAYS["beside another field"], asked).data["case"]
    upstreams.mark()

    data: dict[str, Any] = gateway.ask(WAYS[way], asked).data

    assert data["case"] == data.get("again", expected) == expected
    assert upstreams.calls()["action_management.case"] == 1


def test_who_leads_back_to_it_needs_no_second_call(
    gateway: Gateway, upstreams: Upstreams, hub: str, case: str
) -> None:
    """It is in hand for its own notes."""
    found = gateway.ask(LEAD_BACK, {"hub": hub, "case": case}).data["case"]

    assert {each["case"]["caseId"] for each in found["notes"]["nodes"]} == {case}
    assert upstreams.calls()["action_management.case"] == 1


@pytest.mark.parametrize("bad", ["0", "x", "99999999999", "2147483647"])
def test_an_id_that_is_none_is_told_as_anywhere_else(gateway: Gateway, hub: str, bad: str) -> None:
    """Null or an error, the same alone as beside another field."""
    asked = {"hub": hub, "case": bad}
    alone, beside = (
        gateway.ask(WAYS[way], asked).body for way in ("alone", "beside another field")
    )

    assert alone["data"]["case"] is beside["data"]["case"] is None
    assert [(each["message"], each["extensions"]["code"]) for each in alone.get("errors", ())] == [
        (each["message"], each["extensions"]["code"]) for each in beside.get("errors", ())
    ]


LINKS = """notes%s { nodes { noteId text } } ratings%s { nodes { ratingId score } }
    reviews%s { nodes { reviewEntryId status } }"""
LINKED = {
    "alone": "{ case(hubId: $hub, caseId: $case) { %s } }",
    "beside another field": "{ __typename case(hubId: $hub, caseId: $case) { %s } }",
    "under two names": """{ case(hubId: $hub, caseId: $case) { %s
        n: notes(first: 1) { nodes { noteId } } r: ratings(first: 1) { nodes { ratingId } }
        e: reviews(first: 1) { nodes { reviewEntryId } } } }""",
    "one under the other": """{ case(hubId: $hub, caseId: $case) { %s
        again: notes { nodes { case { notes { nodes { noteId } }
        ratings { nodes { ratingId } } reviews { nodes { reviewEntryId } } } } } } }""",
}


@pytest.mark.parametrize("way", LINKED)
@pytest.mark.parametrize("engine", ["compiled", "standard"])
def test_each_of_its_links_is_one_call_however_often_it_is_asked(
    upstreams: Upstreams, engine: str, way: str
) -> None:
    """Whether others could be asked together with it or not, and at its second sight too."""
    case = str(upstreams.world.oddities.case_with_everything)
    asked = {"hub": str(upstreams.world.oddities.hub_with_program), "case": case}
    links = LINKS % ("", "", "")
    settings = {**upstreams.environment, "CASEGRAPH_ENGINE": engine}
    with running_gateway(settings) as gateway:
        query = HEAD + LINKED["beside another field"] % links
        expected = gateway.ask(query, asked).data["case"]
        for _ in range(3):
            upstreams.mark()
            found = gateway.ask(HEAD + LINKED[way] % links, asked).data["case"]
            assert upstreams.calls() == {
                "action_management.case": 1,
                "action_management.case_notes": 1,
                "case_reviews.reviews": 1,
                "ratings.ratings": 1,
            }

    assert {name: found[name] for name in expected} == expected
    assert all(each["nodes"] for each in expected.values())
