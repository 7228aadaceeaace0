"""One case with everything, asked through real sockets."""

from support.gateway import Gateway
from support.upstreams import Upstreams

QUERY = """query CasePage($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    caseId name dueAt
    notes { nodes { noteId } }
    reviews { nodes { reviewEntryId case { caseId } } }
    ratings { nodes { ratingId case { caseId } } }
    customerCases { customerCaseId case { caseId } }
  }
}"""


def test_case_page_costs_one_call_per_upstream_fact(gateway: Gateway, upstreams: Upstreams) -> None:
    """A case page with every link and every way back costs five calls."""
    odd = upstreams.world.oddities
    case_id = str(odd.case_with_everything)

    data = gateway.ask(QUERY, {"hub": str(odd.hub_with_program), "case": case_id}).data

    assert data["case"]["caseId"] == case_id
    assert {node["case"]["caseId"] for node in data["case"]["ratings"]["nodes"]} == {case_id}
    assert upstreams.calls() == {
        "action_management.case": 1,
        "action_management.case_notes": 1,
        "case_reviews.reviews": 1,
        "ratings.ratings": 1,
        "customer_cases.customer_cases": 1,
    }
