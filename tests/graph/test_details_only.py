"""Case fields that lists leave out: asked for where they are selected, and nowhere else."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from casegraph.upstreams.action_management import simulator
from support.gateway import Gateway
from support.meddling import answering, meddling
from support.upstreams import Upstreams

DETAILS = "isOverdue dueAt preOverdueAt postOverdueAt updatedAt source { surveyId }"
LIST = "query($hub: ID!) { cases(hubId: $hub, first: 12) { nodes { caseId name %s } } }"


@pytest.mark.parametrize("field", [*DETAILS.removesuffix(" source { surveyId }").split(), "source"])
def test_each_details_field_costs_one_call_per_case(
    gateway: Gateway, upstreams: Upstreams, hub: str, field: str
) -> None:
    """Selecting a field that lists leave out asks for details of just the cases shown."""
    selected = "source { surveyId }" if field == "source" else field

    nodes = gateway.ask(LIST % selected, {"hub": hub}).data["cases"]["nodes"]

    assert any(node[field] is not None for node in nodes)
    assert upstreams.calls() == {"action_management.case_query": 1, "action_management.case": 12}


def test_several_details_fields_share_the_call(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """All details of a case come in one call, under however many aliases they are asked."""
    query = """query($hub: ID!) {
      a: cases(hubId: $hub, first: 3) { nodes { dueAt updatedAt again: dueAt isOverdue } }
      b: cases(hubId: $hub, first: 3) { nodes { caseId dueAt } }
    }"""

    data = gateway.ask(query, {"hub": hub}).data

    assert [node["dueAt"] for node in data["a"]["nodes"]] == [
        node["dueAt"] for node in data["b"]["nodes"]
    ]
    assert upstreams.calls() == {"action_management.case_query": 1, "action_management.case": 3}


def test_nothing_is_asked_when_nothing_is_selected(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """A list without details fields is one call, roles, data and list values included."""
    selected = """cost isClosed createdAt workflow { workflowId } trigger { name }
      listValues { name } roles { name users { userName } } dataFields { value }"""

    gateway.ask(LIST % selected, {"hub": hub})
    gateway.ask(
        LIST.replace("$hub: ID!", "$hub: ID!, $more: Boolean = false")
        % ("dueAt @include(if: $more)"),
        {"hub": hub},
    )

    assert upstreams.calls() == {"action_management.case_query": 2}


def test_a_case_without_a_due_date_is_asked_before_it_is_null(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Null is said of a case that has no due date, and only after asking."""
    query = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { dueAt isOverdue } }"

    data = gateway.ask(query, {"hub": hub, "case": str(odd.case_without_due_date)}).data

    assert data["case"] == {"dueAt": None, "isOverdue": False}
    assert upstreams.calls() == {"action_management.case": 1}


def test_one_case_whose_details_fail_fails_alone(lab_gateway: Gateway, lab: Upstreams) -> None:
    """A details call that fails costs the fields that need it, on its own case."""
    hub = lab.world.action_management.hubs[lab.world.oddities.hub_with_program]
    bad = str(sorted(hub.cases)[-3])
    query = LIST % "dueAt"

    with meddling(lab, "action_management", answering(500, operation="case", path_ends=bad)):
        answer = lab_gateway.ask(query, {"hub": str(hub.hub_id)})

    nodes = {node["caseId"]: node for node in answer.partial["cases"]["nodes"]}
    place = [*nodes].index(bad)
    assert answer.codes == {f"cases.nodes.{place}.dueAt": "UNAVAILABLE"}
    assert nodes[bad]["name"]
    assert len([node for node in nodes.values() if node["dueAt"]]) >= 10


def test_a_case_that_is_gone_before_its_details_come(lab_gateway: Gateway, lab: Upstreams) -> None:
    """A case deleted between list and details keeps what the list told; the rest is null."""
    hub = str(lab.world.oddities.hub_with_program)

    with meddling(lab, "action_management", answering(404, operation="case")):
        nodes = lab_gateway.ask(LIST % DETAILS, {"hub": hub}).data["cases"]["nodes"]

    assert all(node["name"] and node["dueAt"] is None for node in nodes)


@pytest.fixture
def switches(lab: Upstreams) -> Iterator[Any]:
    """Give a function that sets the simulated vendor's switches for the time of one test."""
    traffic = lab.sandbox.traffic["action_management"]
    before = traffic.app

    def switch(**chosen: Any) -> None:
        traffic.app = simulator.create_app(
            lab.world.action_management,
            replace(simulator.Switches(), **chosen),
            now=lambda: lab.world.now,
        )

    yield switch
    traffic.app = before


def test_a_vendor_whose_lists_tell_more_is_asked_less(
    lab_gateway: Gateway, lab: Upstreams, switches: Any
) -> None:
    """Where list items hold the details, or a null in their place, nothing more is asked."""
    hub = str(lab.world.oddities.hub_with_program)
    switches(details_in_list=True, null_members=True)
    query = LIST % DETAILS

    nodes = lab_gateway.ask(query, {"hub": hub}).data["cases"]["nodes"]

    assert all(node["updatedAt"] for node in nodes)
    assert lab.calls("action_management").keys() == {"action_management.case_query"}


def test_ids_that_two_lists_share_are_told_apart_by_type(
    lab_gateway: Gateway, lab: Upstreams, switches: Any
) -> None:
    """Two lists with one id (Q1), items with a foreign list id (Q2), shared finer ids (Q3)."""
    hub = str(lab.world.oddities.hub_with_program)
    switches(lists_share_id=True, duplicate_subcategory_ids=True)
    query = """query($hub: ID!) { cases(hubId: $hub, first: 20) { nodes {
      listValues { type name list { type name } item { name } subCategoryName } } } }"""

    nodes = lab_gateway.ask(query, {"hub": hub}).data["cases"]["nodes"]

    values = [value for node in nodes for value in node["listValues"]]
    assert {"CATEGORY", "CUSTOM"} <= {value["type"] for value in values}
    for value in values:
        if value["list"] is not None:
            assert value["list"]["type"] == value["type"]
        if value["type"] == "CATEGORY":
            assert value["item"]["name"] == value["name"]
