"""Links from a case outwards and from everything back to its case, on the default rules."""

from typing import Any

from support.gateway import Gateway
from support.upstreams import Upstreams

CASE = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { %s } }"


def test_list_values_and_roles_lead_to_their_definitions(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Each chosen item stands in the list it links to, each role is the one it links to."""
    selection = """
      status { itemId type } severity { type } category { type subCategoryName }
      listValues { listId itemId name type list { listId name type } item { itemId name isOpen } }
      statusOnly: listValues(type: STATUS) { name }
      roles { roleId name role { id roleId name } users { userId userName isActive } }"""
    variables = {"hub": hub, "case": str(odd.case_with_inactive_user)}
    gateway.ask(
        "query($h: ID!) { programLists(hubId: $h) { id } roles(hubId: $h) { id } }", {"h": hub}
    )
    upstreams.mark()

    case = gateway.ask(CASE % selection, variables).data["case"]

    assert len(case["listValues"]) > 2
    for value in case["listValues"]:
        assert (value["list"]["listId"], value["list"]["type"]) == (value["listId"], value["type"])
        assert (value["item"]["itemId"], value["item"]["name"]) == (value["itemId"], value["name"])
    assert [case[name]["type"] for name in ("status", "severity", "category")] == [
        "STATUS",
        "SEVERITY",
        "CATEGORY",
    ]
    assert len(case["statusOnly"]) == 1
    for role in case["roles"]:
        assert (role["role"]["roleId"], role["role"]["name"]) == (role["roleId"], role["name"])
    assert any(not user["isActive"] for role in case["roles"] for user in role["users"])
    assert upstreams.calls() == {"action_management.case": 1}


def test_data_fields_by_question(gateway: Gateway, hub: str, odd: Any) -> None:
    """Data fields are told all, some or one; two that contradict each other are an error."""
    selection = """
      dataFields { questionName value } some: dataFields(questionNames: ["nps", "country"]) {
        questionName } one: dataField(questionName: "nps") { dataFieldId name value }
      none: dataField(questionName: "nothing") { value }
      customer: dataField(questionName: "customer_id") { value }"""

    plain = gateway.ask(CASE % selection, {"hub": hub, "case": str(odd.case_with_everything)})
    twofold = gateway.ask(CASE % selection, {"hub": hub, "case": str(odd.case_with_two_customers)})

    case = plain.data["case"]
    named = {field["questionName"]: field["value"] for field in case["dataFields"]}
    assert [field["questionName"] for field in case["some"]] == ["nps", "country"]
    assert case["one"]["value"] == named["nps"]
    assert case["none"] is None
    assert twofold.codes == {"case.customer": "AMBIGUOUS"}
    assert twofold.partial["case"]["one"] is not None


def test_workflow_and_trigger_are_named(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Lists tell the workflow's name, details do not: it is found once for all of the hub."""
    selection = "workflow { workflowId name } trigger { triggerId name }"
    store = upstreams.world.action_management.hubs[int(hub)]
    rows = [store.cases[key] for key in (odd.case_with_everything, odd.case_without_links)]

    for row in rows:
        case = gateway.ask(CASE % selection, {"hub": hub, "case": str(row["id"])}).data["case"]
        assert case["workflow"] == {
            "workflowId": str(row["workflowId"]),
            "name": store.workflows[row["workflowId"]],
        }
        assert case["trigger"] == {
            "triggerId": str(row["triggerId"]),
            "name": row["triggerName"],
        }
    assert upstreams.calls()["action_management.case_query"] <= 1
    upstreams.mark()
    query = "query($h: ID!) { cases(hubId: $h, first: 5) { nodes { workflow { name } } } }"
    nodes = gateway.ask(query, {"h": hub}).data["cases"]["nodes"]
    assert {node["workflow"]["name"] for node in nodes} <= set(store.workflows.values())
    assert upstreams.calls() == {"action_management.case_query": 1}


def test_everything_leads_back_to_the_case_in_hand(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """A case that came with a list is not fetched again by what hangs on it."""
    query = """query($hub: ID!) {
      cases(hubId: $hub, first: 8) { nodes {
        caseId
        notes { nodes { caseId case { caseId name } } }
        reviews { nodes { case { caseId } } }
        ratings { nodes { case { caseId } } }
        customerCases { case { caseId } }
      } }
    }"""

    nodes = gateway.ask(query, {"hub": hub}).data["cases"]["nodes"]

    for node in nodes:
        linked = [*node["customerCases"]]
        for name in ("notes", "reviews", "ratings"):
            linked += node[name]["nodes"]
        assert {each["case"]["caseId"] for each in linked} <= {node["caseId"]}
    calls = upstreams.calls()
    assert calls["action_management.case_query"] == 1
    assert "action_management.case" not in calls
    # One call each, or one sweep where the list's length has been learned by another question.
    for way, sweep in (
        ("action_management.case_notes", "action_management.hub_notes"),
        ("case_reviews.reviews", "case_reviews.reviews_sweep"),
    ):
        assert (calls.get(way) == 8) is (sweep not in calls)
        assert calls.get(sweep, 0) < 8
    assert calls["ratings.ratings"] == 8


def test_back_from_a_list_of_another_system_costs_a_call_for_each_case_at_most(
    gateway: Gateway, upstreams: Upstreams, odd: Any
) -> None:
    """Reviews of all cases lead to their cases, in no more calls than cases; an unknown is null."""
    query = "query { reviewEntries(first: 60) { nodes { reviewEntryId case { caseId name } } } }"
    rows = sorted(upstreams.world.case_reviews.entries.values(), key=lambda row: row["id"])[:60]

    nodes = gateway.ask(query).data["reviewEntries"]["nodes"]

    cases = {str(row["id"]): str(row["case_id"]) for row in rows}
    found = {node["reviewEntryId"]: node["case"] and node["case"]["caseId"] for node in nodes}
    assert found == cases | {str(odd.review_of_unknown_case): None}
    assert upstreams.calls("case_reviews") == {"case_reviews.reviews_sweep": 1}
    # What was learned of the hub's list before decides between its pages and the cases one by one.
    assert sum(upstreams.calls("action_management").values()) <= len(set(cases.values()))


def test_a_review_of_an_unknown_case_leads_nowhere(
    gateway: Gateway, upstreams: Upstreams, odd: Any
) -> None:
    """A case number that no hub has is null and no error."""
    query = "query($id: ID!) { reviewEntry(reviewEntryId: $id) { status case { name } } }"

    data = gateway.ask(query, {"id": str(odd.review_of_unknown_case)}).data

    assert data["reviewEntry"]["case"] is None
    assert upstreams.calls() == {"case_reviews.review": 1, "action_management.case": 1}


def test_back_from_a_rating_and_a_note(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """A rating's case is asked directly in the one hub; a note knows its own."""
    case = str(odd.case_with_everything)
    query = """query($hub: ID!, $case: ID!) {
      recentRatings(of: { caseId: $case }) { case { caseId } }
      ratings(caseId: $case) { nodes { case { caseId } } }
      notes(hubId: $hub, first: 3) { nodes { caseId case { caseId } } }
    }"""

    data = gateway.ask(query, {"hub": hub, "case": case}).data

    linked = [*data["recentRatings"], *data["ratings"]["nodes"]]
    assert {each["case"]["caseId"] for each in linked} == {case}
    notes = data["notes"]["nodes"]
    assert [each["case"]["caseId"] for each in notes] == [each["caseId"] for each in notes]
    assert upstreams.calls()["action_management.case"] == len({case, *(n["caseId"] for n in notes)})


def test_back_from_a_customer_takes_one_walk_and_is_remembered(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """A customer's case is found by one walk over the hub, which serves later requests too."""
    query = "query($id: ID!) { customerCases(customerId: $id) { case { caseId } } }"
    rows = upstreams.world.action_management.hubs[int(hub)].cases
    (customer,) = [
        field["value"]
        for field in rows[odd.case_with_everything]["dataFields"]
        if field["questionName"] == "customer_id"
    ]

    gateway.ask(query, {"id": customer})
    assert upstreams.calls().get("action_management.case_query", 0) in {0, 4}
    upstreams.mark()
    linked = gateway.ask(query, {"id": customer}).data["customerCases"]

    assert [each["case"]["caseId"] for each in linked] == [str(odd.case_with_everything)] * 3
    assert upstreams.calls() == {"customer_cases.customer_cases": 1, "action_management.case": 1}


def test_a_padded_customer_id_is_the_same_customer(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Spaces around an id in a data field hide the customer neither forwards nor backwards."""
    case = odd.case_with_padded_customer
    rows = upstreams.world.action_management.hubs[int(hub)].cases
    (written,) = [
        field["value"]
        for field in rows[case]["dataFields"]
        if field["questionName"] == "customer_id"
    ]
    forward = gateway.ask(
        CASE % "customerCases { customerCaseId case { caseId } }", {"hub": hub, "case": str(case)}
    )
    back = gateway.ask(
        "query($id: ID!) { customerCases(customerId: $id) { case { caseId } } }",
        {"id": written.strip()},
    )

    assert written != written.strip()
    linked = forward.data["case"]["customerCases"]
    assert linked
    assert {each["case"]["caseId"] for each in linked + back.data["customerCases"]} == {str(case)}


def test_no_link_a_broken_link_and_an_ambiguous_one(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """No id and an id nobody knows are empty lists; two ids are an error that names both."""
    query = CASE % "name customerCases { title } reviews { nodes { status } totalCount }"

    bare = gateway.ask(query, {"hub": hub, "case": str(odd.case_without_links)})
    assert bare.data["case"]["customerCases"] == []
    assert bare.data["case"]["reviews"] == {"nodes": [], "totalCount": 0}
    assert "customer_cases.customer_cases" not in upstreams.calls()

    broken = gateway.ask(query, {"hub": hub, "case": str(odd.case_with_broken_customer)})
    assert broken.data["case"]["customerCases"] == []

    twofold = gateway.ask(query, {"hub": hub, "case": str(odd.case_with_two_customers)})
    assert twofold.codes == {"case.customerCases": "AMBIGUOUS"}
    assert twofold.partial["case"]["name"]
    fields = upstreams.world.action_management.hubs[int(hub)].cases[odd.case_with_two_customers]
    for field in fields["dataFields"]:
        if field["questionName"] == "customer_id":
            assert field["value"] in twofold.body["errors"][0]["message"]


def test_a_shared_customer_is_ambiguous_backwards_and_not_from_one_case(
    lab_gateway: Gateway, lab: Upstreams
) -> None:
    """Two cases claim one customer: from the customer there are two ways, from a case its own."""
    odd = lab.world.oddities
    hub = str(odd.hub_with_program)
    first, second = map(str, odd.shared_customer_cases)
    query = """query($hub: ID!, $a: ID!, $b: ID!, $customer: ID!) {
      a: case(hubId: $hub, caseId: $a) { customerCases { case { caseId } } }
      b: case(hubId: $hub, caseId: $b) { customerCases { case { caseId } } }
      back: customerCases(customerId: $customer) { title case { name } }
    }"""
    variables = {"hub": hub, "a": first, "b": second, "customer": odd.shared_customer}

    answer = lab_gateway.ask(query, variables)

    for alias, case in (("a", first), ("b", second)):
        linked = answer.partial[alias]["customerCases"]
        assert {each["case"]["caseId"] for each in linked} == {case}
    back = answer.partial["back"]
    assert len(back) > 1
    assert all(each["title"] and each["case"] is None for each in back)
    places = [f"back.{number}.case" for number in range(len(back))]
    assert answer.codes == dict.fromkeys(places, "AMBIGUOUS")
    message = answer.body["errors"][0]["message"]
    assert f"hub {hub} case {first}, hub {hub} case {second}" in message
