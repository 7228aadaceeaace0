"""Mutations asked as a client asks them, over a sandbox whose vendor can be read in other ways.

Invariant: a vendor that was exchanged for a time is the former one again afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from casegraph.upstreams.action_management import simulator
from casegraph.upstreams.action_management.simulator_switches import Switches
from casegraph.upstreams.action_management.store import Hub, Row
from support.gateway import Answer, Gateway
from support.upstreams import Upstreams

ERRORS = "userErrors { code message path upstream retryable retryAfterMs }"
TOLD = f"outcome isRepeated clientMutationId {ERRORS}"
CHANGES = "changes { field before after }"
CONFLICT = (
    "conflict { message isGone fields"
    " { field expected actual requested isExpectedKnown isRequested } current { %s } }"
)
CASE = (
    f"{TOLD} {CHANGES} closesCase reopensCase {CONFLICT % 'name version'} case {{ name version }}"
)
FIELDS = {
    "updateCase": CASE,
    "setCaseListValue": CASE,
    "clearCaseListValue": CASE,
    "assignCaseUsers": CASE,
    "unassignCaseUsers": CASE,
    "updateCases": f"clientMutationId {ERRORS} results {{ {CASE} }}",
    "deleteCase": f"{TOLD} deletedId {CONFLICT % 'name version'} case {{ name }}",
    "addRating": f"{TOLD} {CHANGES} {CONFLICT % 'ratingId'} rating {{ ratingId score comment }}",
    "updateRating": f"{TOLD} {CHANGES} {CONFLICT % 'ratingId'} rating {{ ratingId score comment }}",
    "triggerRating": TOLD,
}


def document(name: str, fields: str = "") -> str:
    """Return a document that makes one mutation."""
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields or FIELDS[name]} }} }}"


@dataclass
class Mutations:
    """A gateway and the sandbox behind it, as a test of writes needs them."""

    gateway: Gateway
    upstreams: Upstreams

    @property
    def hub(self) -> Hub:
        """The hub that has the cases."""
        world = self.upstreams.world
        hub: Hub = world.action_management.hubs[world.oddities.hub_with_program]
        return hub

    def row(self, case_id: int) -> Row:
        """Return what the vendor has of a case."""
        row: Row = self.hub.cases[case_id]
        return row

    def key(self, case_id: int) -> dict[str, str]:
        """Return the input fields that name a case."""
        return {"hubId": str(self.hub.hub_id), "caseId": str(case_id)}

    def answer(self, name: str, fields: str = "", /, **asked: Any) -> Answer:
        """Make a mutation; the upstreams' calls are counted from here."""
        self.upstreams.mark()
        return self.gateway.ask(document(name, fields), {"input": asked})

    def make(self, name: str, fields: str = "", /, **asked: Any) -> Any:
        """Make a mutation and return its payload."""
        return self.answer(name, fields, **asked).data[name]

    def calls(self) -> dict[str, int]:
        """Return the calls since the last mutation began."""
        return self.upstreams.calls()

    def version(self, case_id: int) -> str:
        """Return the version of a case, as a client sees it."""
        query = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { version } }"
        asked = {"hub": str(self.hub.hub_id), "case": str(case_id)}
        version: str = self.gateway.ask(query, asked).data["case"]["version"]
        return version


@contextmanager
def vendor_reading(upstreams: Upstreams, **switches: Any) -> Iterator[None]:
    """Let Action Management be read in another way for a time: other switches, the same store."""
    traffic = upstreams.sandbox.traffic["action_management"]
    former = traffic.app
    world = upstreams.world
    traffic.app = simulator.create_app(
        world.action_management, now=lambda: world.now, switches=Switches(**switches)
    )
    try:
        yield
    finally:
        traffic.app = former


def codes(payload: Any) -> list[str]:
    """Return the codes of a payload's errors."""
    return [error["code"] for error in payload["userErrors"]]
