"""No such case, or no such hub: the vendor answers both alike, and the hub's roles tell which."""

import pytest

from casegraph.graph import ids
from casegraph.graph.ids import Kind
from support.gateway import running_gateway
from support.upstreams import Upstreams

UNKNOWN = "2147483647"
QUERY = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { name } }"


def test_a_case_that_a_known_hub_lacks_is_null_at_the_cost_of_one_call(
    upstreams: Upstreams,
) -> None:
    """The roles are asked once, and not again while they are remembered."""
    hub = str(upstreams.world.oddities.hub_with_program)
    with running_gateway(upstreams.environment) as gateway:
        for number in range(3):
            variables = {"hub": hub, "case": str(int(UNKNOWN) - number)}
            assert gateway.ask(QUERY, variables).data == {"case": None}

    assert upstreams.calls() == {"action_management.case": 3, "action_management.roles": 1}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_hub_that_is_missing_or_has_no_program_is_said_so(
    upstreams: Upstreams, is_known: bool
) -> None:
    """A case asked in such a hub is NOT_FOUND and no null; the finding is kept for the next one."""
    odd = upstreams.world.oddities
    hub = str(odd.hub_without_program) if is_known else "424242"
    with running_gateway(upstreams.environment) as gateway:
        for number in range(3):
            variables = {"hub": hub, "case": str(odd.case_with_everything + number)}
            answer = gateway.ask(QUERY, variables)
            assert answer.partial == {"case": None}
            (error,) = answer.body["errors"]
            assert error["message"] == (
                "action_management: no such hub, or it has no program (case)."
            )
            assert error["extensions"] == {
                "code": "NOT_FOUND",
                "upstream": "action_management",
                "retryable": False,
                "requestId": answer.response.headers["x-request-id"],
            }

    assert upstreams.calls() == {"action_management.case": 3, "action_management.roles": 1}


def test_many_cases_of_a_missing_hub_ask_for_its_roles_once(upstreams: Upstreams) -> None:
    """Twenty fields that fail together share one finding."""
    fields = " ".join(f"c{n}: case(hubId: 424242, caseId: {n}) {{ name }}" for n in range(1, 21))
    with running_gateway(upstreams.environment) as gateway:
        answer = gateway.ask(f"{{ {fields} }}")

    assert answer.codes == {f"c{n}": "NOT_FOUND" for n in range(1, 21)}
    assert upstreams.calls() == {"action_management.case": 20, "action_management.roles": 1}


def test_a_global_id_of_a_missing_hub_is_said_so_too(upstreams: Upstreams) -> None:
    """What an id held once may have lost its hub; another id beside it is answered."""
    odd = upstreams.world.oddities
    known = ids.encode(Kind.CASE, str(odd.hub_with_program), str(odd.case_with_everything))
    gone = ids.encode(Kind.CASE, "424242", str(odd.case_with_everything))
    with running_gateway(upstreams.environment) as gateway:
        answer = gateway.ask(
            "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [gone, known]}
        )

    assert answer.partial == {"nodes": [None, {"id": known}]}
    assert answer.codes == {"nodes.0": "NOT_FOUND"}


NOTE = """query($hub: ID!, $case: ID!, $note: ID!) {
  note(hubId: $hub, caseId: $case, noteId: $note) { noteId } }"""


def test_a_note_that_a_known_hub_lacks_is_null_at_the_cost_of_one_call(
    upstreams: Upstreams,
) -> None:
    """Neither an unknown note nor one of an unknown case is an error; the roles are asked once."""
    odd = upstreams.world.oddities
    with running_gateway(upstreams.environment) as gateway:
        for case in (str(odd.case_with_everything), UNKNOWN):
            variables = {"hub": str(odd.hub_with_program), "case": case, "note": UNKNOWN}
            assert gateway.ask(NOTE, variables).data == {"note": None}

    assert upstreams.calls() == {"action_management.case_note": 2, "action_management.roles": 1}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_note_of_a_missing_hub_is_no_null(upstreams: Upstreams, is_known: bool) -> None:
    """The hub is said to be missing, as for a case; also by a global id."""
    odd = upstreams.world.oddities
    hub = str(odd.hub_without_program) if is_known else "424242"
    case = str(odd.case_with_everything)
    global_id = ids.encode(Kind.NOTE, hub, case, "7")
    with running_gateway(upstreams.environment) as gateway:
        answer = gateway.ask(NOTE, {"hub": hub, "case": case, "note": "7"})
        by_id = gateway.ask("query($id: ID!) { node(id: $id) { id } }", {"id": global_id})

    assert answer.partial == {"note": None}
    assert (answer.codes, by_id.codes) == ({"note": "NOT_FOUND"}, {"node": "NOT_FOUND"})
    (error,) = answer.body["errors"]
    assert error["message"] == ("action_management: no such hub, or it has no program (case_note).")
    assert upstreams.calls() == {"action_management.case_note": 2, "action_management.roles": 1}


def test_a_note_that_is_there_costs_no_question_for_roles(upstreams: Upstreams) -> None:
    """Only what is missing is asked about."""
    odd = upstreams.world.oddities
    hub = upstreams.world.action_management.hubs[odd.hub_with_program]
    with running_gateway(upstreams.environment) as gateway:
        query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
          notes { nodes { noteId } } } }"""
        variables = {"hub": str(hub.hub_id), "case": str(odd.case_with_everything)}
        note = gateway.ask(query, variables).data["case"]["notes"]["nodes"][0]["noteId"]
        upstreams.mark()
        answer = gateway.ask(NOTE, {**variables, "note": note})

    assert answer.data == {"note": {"noteId": note}}
    assert upstreams.calls() == {"action_management.case_note": 1}
