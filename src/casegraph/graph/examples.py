"""A handful of questions worth asking first, for the explorer, the start page and the README.

Invariant: each runs on the bundled upstreams as it stands; a test asks every one. Over others those
come first that need no id that only their owner knows.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

_HUB, _CASE, _CUSTOMER = "the id of a hub", "the id of a case", "the id of a customer"
"""Stand where nobody knows an id; hubs and cases have none such, so that asked for it says why."""
_PLACES = frozenset((_HUB, _CASE, _CUSTOMER))


@dataclass(frozen=True, slots=True)
class ExampleQuery:
    """A named operation with variables that fit the bundled upstreams, or say what is to be put."""

    name: str
    about: str
    query: str
    variables: dict[str, Any]

    def variables_text(self) -> str:
        """Return the variables as a person would type them."""
        return msgspec.json.format(msgspec.json.encode(self.variables), indent=2).decode()


CASE_PAGE = """query CasePage($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    name
    createdAt
    dueAt
    status { name isOpen }
    severity { name }
    category { name subCategoryName }
    roles { name users { userName isActive } }
    notes(includeSystem: false) { nodes { createdAt createdBy { userName } text } }
    reviews { nodes { status review { name } assignee { fullName } } }
    ratings { nodes { score comment creator { fullName } } }
    customerCases { title status interactions { service body author { name } } }
  }
}
"""

QUEUE = """query Queue($hub: ID!) {
  cases(
    hubId: $hub
    filter: { isClosed: false }
    orderBy: { field: DUE_AT, direction: ASC }
    first: 10
  ) {
    isComplete
    nodes {
      caseId
      name
      dueAt
      status { name }
      severity { name isHigh }
      roles { name users { userName } }
      ratings { nodes { score } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

ATTENTION = """query Attention {
  reviewEntries(filter: { status: ATTENTION }, first: 5) {
    nodes {
      updatedAt
      assignee { fullName }
      answers { label value }
      case { caseId name status { name } }
    }
  }
}
"""

PROGRAM = """query Program($hub: ID!) {
  programLists(hubId: $hub) {
    name
    type
    defaultItem { name }
    items { name isOpen isHigh subCategories { name } }
  }
  roles(hubId: $hub) { name updatedAt }
}
"""

CUSTOMER = """query Customer($customer: ID!) {
  customerCases(customerId: $customer) {
    number
    title
    status
    customFields { name value }
    interactions { createdAt service body }
    case { caseId name isClosed }
  }
}
"""


def examples(
    hub_id: str = _HUB, case_id: str = _CASE, customer_id: str = _CUSTOMER
) -> tuple[ExampleQuery, ...]:
    """Return the examples for one hub, a case with everything, and a customer.

    Those for which all ids are given come first: they can be run as they stand.
    """
    made = (
        ExampleQuery(
            "CasePage",
            "one case with everything four systems know of it",
            CASE_PAGE,
            {"hub": hub_id, "case": case_id},
        ),
        ExampleQuery("Queue", "what is due next, with its ratings", QUEUE, {"hub": hub_id}),
        ExampleQuery(
            "Attention", "reviews that want attention, back to their cases", ATTENTION, {}
        ),
        ExampleQuery("Program", "the lists and roles of a hub", PROGRAM, {"hub": hub_id}),
        ExampleQuery(
            "Customer",
            "a customer's social cases, back to the case",
            CUSTOMER,
            {"customer": customer_id},
        ),
    )
    return tuple(sorted(made, key=lambda each: not _PLACES.isdisjoint(each.variables.values())))
