"""`node` and `nodes`: everything with an identity can be fetched again by its id alone."""

import base64
from typing import Any

import pytest

from support.gateway import Gateway
from support.meddling import answering, meddling, rewriting
from support.upstreams import Upstreams

EVERYTHING = """query($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    id
    notes(first: 1) { nodes { id } } reviews(first: 1) { nodes { id } }
    ratings(first: 1) { nodes { id } } customerCases { id }
    status { list { id } } roles { role { id } }
  }
}"""
NODE = """query($id: ID!) { node(id: $id) {
  __typename id
  ... on Case { caseId dueAt } ... on Note { noteId text case { caseId } }
  ... on ReviewEntry { reviewEntryId case { caseId } } ... on Rating { ratingId case { caseId } }
  ... on Role { roleId name } ... on ProgramList { listId type items { name } }
  ... on CustomerCase { customerCaseId title case { caseId } }
} }"""
COSTS = {
    "Case": {"action_management.case"},
    "Note": {"action_management.case_note", "action_management.case"},
    "ReviewEntry": {"case_reviews.review", "action_management.case"},
    "Rating": {"ratings.rating", "action_management.case"},
    "Role": {"action_management.roles"},
    "ProgramList": {"action_management.lists"},
    "CustomerCase": {"customer_cases.case", "action_management.case"},
}


def ids_of_everything(gateway: Gateway, hub: str, case_id: str) -> dict[str, str]:
    """Return the id of one thing of each type."""
    case = gateway.ask(EVERYTHING, {"hub": hub, "case": case_id}).data["case"]
    return {
        "Case": case["id"],
        "Note": case["notes"]["nodes"][0]["id"],
        "ReviewEntry": case["reviews"]["nodes"][0]["id"],
        "Rating": case["ratings"]["nodes"][0]["id"],
        "Role": case["roles"][0]["role"]["id"],
        "ProgramList": case["status"]["list"]["id"],
        "CustomerCase": case["customerCases"][0]["id"],
    }


def packed(text: str) -> str:
    """Pack a text as ids are packed."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_everything_is_found_again_by_its_id(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Each type's id leads to the same thing, of its type, at the cost of its own call."""
    case_id = str(odd.case_with_everything)
    ids = ids_of_everything(gateway, hub, case_id)
    query = "query($id: ID!) { customerCases(customerId: $id) { case { caseId } } }"
    gateway.ask(query, {"id": "C-000000"})
    gateway.ask(NODE, {"id": ids["CustomerCase"]})  # makes the index of customers

    for kind, key in ids.items():
        upstreams.mark()
        node = gateway.ask(NODE, {"id": key}).data["node"]
        assert (node["__typename"], node["id"]) == (kind, key)
        if "case" in node:
            assert node["case"]["caseId"] == case_id
        assert upstreams.calls().keys() <= COSTS[kind]
        assert max(upstreams.calls().values(), default=1) == 1


def test_several_at_once_in_order(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Ids are answered in their order, equal ones once, each failure in its place."""
    ids = ids_of_everything(gateway, hub, str(odd.case_with_everything))
    gone = packed("Case:96:2147483647")
    asked = [ids["Rating"], "garbage", gone, ids["Case"], ids["Rating"], packed("Note:96:1")]
    upstreams.mark()

    answer = gateway.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": asked})

    found = [node and node["id"] for node in answer.partial["nodes"]]
    assert found == [ids["Rating"], None, None, ids["Case"], ids["Rating"], None]
    assert answer.codes == {"nodes.1": "INVALID_ARGUMENT", "nodes.5": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {"ratings.rating": 1, "action_management.case": 2}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "garbage",
        "ÿ",
        "QQ",
        "../x",
        packed("Case:96"),
        packed("Case:96:../x"),
        packed("Case:1/../2:1"),
        packed(f"Case:96:{'9' * 40}"),
        packed("Case:96:٣"),
        packed("Case:96:007"),
        packed("Rating:96:1:2"),
        packed("Note:96:345133"),
        packed("Role:96:status:9423"),
        packed("ProgramList:96:1:9423"),
        packed("CustomerCase:.."),
        packed("CustomerCase:a\u0000b"),
        packed("User:1"),
        "A" * 5000,
    ],
)
def test_any_other_id_is_refused_for_nothing(
    gateway: Gateway, upstreams: Upstreams, key: str
) -> None:
    """Garbage, unknown kinds and another kind's parts are invalid arguments and cost no call."""
    answer = gateway.ask(NODE, {"id": key})

    assert answer.codes == {"node": "INVALID_ARGUMENT"}
    assert answer.partial == {"node": None}
    assert upstreams.calls() == {}


@pytest.mark.parametrize(
    "key",
    [
        "Case:96:2147483647",
        "Note:96:345133:2147483647",
        "ReviewEntry:9223372036854775807",
        "Rating:345133:9223372036854775807",
        "Role:96:1",
        "ProgramList:96:custom:9423",
        "ProgramList:96:unknown:1",
        "CustomerCase:SC-0",
        "CustomerCase:a:b/c?d#e",
    ],
)
def test_what_is_gone_is_null(gateway: Gateway, key: str) -> None:
    """A well-made id of something that is not there is null without an error."""
    assert gateway.ask(NODE, {"id": packed(key)}).data == {"node": None}


def test_too_many_ids_are_refused(gateway: Gateway, upstreams: Upstreams) -> None:
    """More than a hundred ids at once are refused before any call."""
    answer = gateway.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 101})

    assert answer.codes == {"nodes": "INVALID_ARGUMENT"}
    assert upstreams.calls() == {}


def test_one_node_that_cannot_be_asked_fails_alone(lab_gateway: Gateway, lab: Upstreams) -> None:
    """A failing upstream costs its own nodes only."""
    odd = lab.world.oddities
    case_id = str(odd.case_with_everything)
    ids = ids_of_everything(lab_gateway, str(odd.hub_with_program), case_id)

    with meddling(lab, "ratings", answering(503)):
        answer = lab_gateway.ask(
            "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [*ids.values()]}
        )

    place = [*ids].index("Rating")
    assert answer.codes == {f"nodes.{place}": "UNAVAILABLE"}
    found = [node and node["id"] for node in answer.partial["nodes"]]
    assert found == [key if kind != "Rating" else None for kind, key in ids.items()]


def test_a_list_of_an_unreadable_type_is_still_a_node(
    lab_gateway: Gateway, lab: Upstreams, new_hub: Any
) -> None:
    """A list whose type breaks the contract has an id, and the id leads back to it."""
    hub = str(new_hub().hub_id)

    def broken(body: Any) -> Any:
        body["items"][0]["type"] = 7
        return body

    with meddling(lab, "action_management", rewriting("lists", broken)):
        query = "query($hub: ID!) { programLists(hubId: $hub) { id name } }"
        first, second, *_ = lab_gateway.ask(query, {"hub": hub}).data["programLists"]
        for each in (first, second):
            query = "query($id: ID!) { node(id: $id) { id ... on ProgramList { name } } }"
            assert lab_gateway.ask(query, {"id": each["id"]}).data["node"] == each
