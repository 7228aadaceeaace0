"""A case that is all that a query asks for, which no loader waits for others with."""

from typing import Any

import pytest

from support.gateway import Gateway
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
