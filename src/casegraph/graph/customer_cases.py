"""Customers' social cases, from the company's CRM behind the Khoros connector."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from casegraph.engine.compiled.classes import by_class
from casegraph.graph.batches import back
from casegraph.graph.context import Info
from casegraph.graph.freshness import reads_of
from casegraph.graph.node import Node
from casegraph.graph.people import Author
from casegraph.graph.resolved import resolved
from casegraph.graph.selections import asks_for_details
from casegraph.linking.identity import System
from casegraph.loading.link_reads import origin_of
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.customer_cases import records as cc

if TYPE_CHECKING:
    from casegraph.graph.cases import Case

strawberry.enum(cc.CustomerCaseStatus, description="Whether somebody still works on a social case.")
CustomerCaseStatus = cc.CustomerCaseStatus

CUSTOMER_CASE_STATUSES = {
    "OPEN": "Somebody does, or should.",
    "CLOSED": "Nobody does any more.",
    "UNKNOWN": "A status that this gateway does not know yet.",
}


@strawberry.type(description="One piece of social content on a social case.")
class Interaction:
    """Field source: records.Interaction."""

    created_at: datetime | None = strawberry.field(description="When it was published (`created`).")
    body: str | None = strawberry.field(description="What it says.")
    link_url: str | None = strawberry.field(
        description="Where it can be seen; may be empty (`linkUrl`)."
    )
    service_id: strawberry.ID | None = strawberry.field(
        description="Id of the content at its network (`serviceId`)."
    )
    service: str | None = strawberry.field(description="The social network, as `facebook`.")
    content_type: str | None = strawberry.field(
        description="What kind of content it is, as `post` or `comment` (`contentType`)."
    )
    author: Author | None = strawberry.field(description="Who wrote it, where told.")


@strawberry.type(description="A field that the company declared for its own CRM.")
class CustomField:
    """Field source: records.CustomField."""

    name: str = strawberry.field(description="The field's key in the CRM.")
    value: str | None = strawberry.field(description="Its value as text.")


def _customer_of(case: cc.CustomerCase) -> str | None:
    """Return the customer whose social case it is, asked for or told."""
    customer_id = case.customer_id if isinstance(case.customer_id, str) else None
    return case.asked_customer_id or customer_id


@strawberry.type(description="A case of a customer in the company's CRM, made of social content.")
class CustomerCase(Node):
    """Field source: records.CustomerCase."""

    customer_case_id: strawberry.ID = strawberry.field(description="The CRM's id of it (`id`).")
    number: str | None = strawberry.field(description="The number shown to agents.")
    title: str | None = strawberry.field(description="Title.")
    description: str | None = strawberry.field(description="What it is about, at length.")
    url: str | None = strawberry.field(description="Where an agent can open it.")
    status: CustomerCaseStatus | None = strawberry.field(description="Whether it is open.")
    created_at: datetime | None = strawberry.field(description="When it was opened (`created`).")
    updated_at: datetime | None = strawberry.field(
        description="When it was last changed (`lastUpdated`)."
    )
    interactions: list[Interaction] | None = strawberry.field(
        description="The social content on it."
    )
    custom_fields: list[CustomField] = strawberry.field(
        description="The company's own fields; empty when there are none."
    )

    @classmethod
    @by_class
    def is_type_of(cls, obj: object, _info: object) -> bool:
        """Tell the record of this type."""
        return isinstance(obj, cc.CustomerCase)

    @resolved(
        graphql_type=Annotated["Case", strawberry.lazy("casegraph.graph.cases")] | None,
        description=(
            "The customer's case in this graph; null when there is none. Reached from a case, it is"
            " that case; otherwise it may take a walk over the hub's cases, whose findings are kept"
            " for five minutes."
        ),
        batch=back(System.CUSTOMER_CASES, _customer_of),
    )
    @staticmethod
    async def case(root: strawberry.Parent[cc.CustomerCase], info: Info) -> am.Case | None:
        """Follow the link back."""
        links = reads_of(info).links
        return await links.case_of(
            System.CUSTOMER_CASES,
            _customer_of(root),
            origin_of(root),
            detailed=asks_for_details(info),
        )
