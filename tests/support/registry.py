"""What the fault tests ask of each upstream; a fifth upstream is one entry more.

Each entry names one root field that costs exactly one call, and that call's operation in a fault
plan. Everything else about a fault is the same for all, but for what the vendors' contracts make
differ, which stands here too.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from casegraph.sandbox.faults import read_plan
from support.gateway import Answer, Gateway
from support.rehearsed import until
from support.upstreams import Upstreams


@dataclass(frozen=True)
class Asked:
    """How one upstream is asked, and what is particular about it."""

    alias: str
    field: str
    operation: str
    wrong: tuple[str, str]
    """A JSON pointer into its answer, and the field of ours that stands for it."""
    reads: int = 3
    """Attempts of a read in all (reliability §3.1)."""
    proofs: int = 1
    """How often a call is made when the credentials are refused: a token is renewed once."""
    missing: str | None = "NOT_FOUND"
    """The code of a 404; None where the contract makes it a null."""
    blank: str | None = None
    """What an empty body stands for, as JSON; None where the contract has no such thing."""


REGISTRY = {
    "action_management": Asked(
        "actions",
        "cases(hubId: $hub, first: 2) { nodes { caseId name } }",
        "case_query",
        ("/items/0/name", "nodes.0.name"),
        proofs=2,
    ),
    "case_reviews": Asked(
        "reviews",
        "reviewEntries(first: 2) { nodes { reviewEntryId createdAt } }",
        "reviews_sweep",
        ("/0/created_at", "nodes.0.createdAt"),
        reads=2,
    ),
    "ratings": Asked(
        "ratings",
        "ratings(caseId: $case) { nodes { ratingId comment } }",
        "ratings",
        ("/data/0/comment", "nodes.0.comment"),
        missing=None,
    ),
    "customer_cases": Asked(
        "customers",
        "customerCases(customerId: $customer) { customerCaseId title }",
        "customer_cases",
        ("/0/title", "0.title"),
        missing=None,
        blank="[]",
    ),
}

EVERYTHING = (
    "query($hub: ID!, $case: ID!, $customer: ID!) { "
    + " ".join(f"{each.alias}: {each.field}" for each in REGISTRY.values())
    + " }"
)
EXTENSIONS = {"code", "upstream", "retryable", "retryAfterMs", "requestId"}


def neighbours(upstream: str) -> list[str]:
    """Return the aliases of all other upstreams' fields."""
    return [each.alias for name, each in REGISTRY.items() if name != upstream]


def ask_everything(gateway: Gateway, upstreams: Upstreams, **headers: str) -> Answer:
    """Ask each upstream for its field, in one operation."""
    return gateway.ask(EVERYTHING, variables(upstreams), **headers)


def ask_some(gateway: Gateway, upstreams: Upstreams, *names: str, **headers: str) -> Answer:
    """Ask these upstreams for their fields, and no other."""
    fields = " ".join(f"{REGISTRY[name].alias}: {REGISTRY[name].field}" for name in names)
    needed = {k: v for k, v in variables(upstreams).items() if f"${k}" in fields}
    head = ", ".join(f"${name}: ID!" for name in needed)
    query = f"query{f'({head})' if head else ''} {{ {fields} }}"
    return gateway.ask(query, needed, **headers)


def variables(upstreams: Upstreams) -> dict[str, str]:
    """Return the variables of `EVERYTHING`."""
    odd = upstreams.world.oddities
    social_case = next(iter(upstreams.world.customer_cases.cases.values()))
    return {
        "hub": str(odd.hub_with_program),
        "case": str(odd.case_with_everything),
        "customer": social_case["customerId"],
    }


def at(data: Any, path: str) -> Any:
    """Return what stands at a dotted path."""
    for name in path.split("."):
        data = data[int(name) if name.isdigit() else name]
    return data


def plan_for(*hit: str, **fault: Any) -> dict[str, Any]:
    """Return a plan in which one fault meets every asked call of these upstreams, for ever."""
    outcome = {"times": "forever", **fault}
    return {name: {"operations": {REGISTRY[name].operation: [outcome]}} for name in hit}


@contextmanager
def rehearsing(upstreams: Upstreams, parts: dict[str, Any]) -> Iterator[None]:
    """Put a fault plan in force for the time of the context."""
    faults = upstreams.sandbox.faults
    faults.install(read_plan(json.dumps({"upstreams": parts}).encode()))
    try:
        yield
    finally:
        faults.clear()
        # A call is counted under its final name only when it has ended.
        until(
            lambda: not any(t.snapshot()["in_flight"] for t in upstreams.sandbox.traffic.values())
        )


def assert_no_leak(answer: Answer, *texts: str) -> None:
    """Check that the errors hold our words only, whatever the vendor said."""
    vendor = ("127.0.0.1", "http:", "Sign in", "Too many", "Traceback", "SECRET", *texts)
    for error in answer.body.get("errors", ()):
        assert error["extensions"].keys() <= EXTENSIONS
        assert error["extensions"].keys() >= {"code", "retryable", "requestId"}
        assert [text for text in vendor if text in json.dumps(error)] == []
