"""schemathesis against the sandbox gateway: what it makes of the schema is answered as documented.

It generates documents for every root field. It cannot know the grammar of ids, so half of its cases
keep what it made up, and half get ids that the sandbox has. It counts every error of a field as a
fault of the server; here an error is right when its code says that the client's value is wrong.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from graphql import DirectiveDefinitionNode, DocumentNode, parse, print_ast
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.graphql import nodes
from schemathesis.graphql.checks import GraphQLServerError

from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams, running_upstreams

SDL = Path(__file__).parents[2] / "schema.graphql"
EXAMPLES = 3
"""For each root field; `-m soak` has a run of more."""
MANY = 60
UNKNOWN_TO_IT = {"defer", "stream"}
"""Directives of the incremental draft, with which its parser takes no schema."""
OF_CLIENTS = {
    "AMBIGUOUS",
    "INVALID_ARGUMENT",
    "INVALID_CURSOR",
    "LIMIT_EXCEEDED",
    "NOT_FOUND",
}
MOMENTS = st.integers(1970, 2090).map(lambda year: nodes.String(f"{year}-01-01T00:00:00Z"))
DAYS = st.dates().map(lambda day: nodes.String(day.isoformat()))
ANYTHING = st.sampled_from([nodes.Int(1), nodes.String("x"), nodes.Boolean(value=True)])
VALUE = r'(?:"(?:[^"\\]|\\.)*"|-?\d+)'


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[Upstreams, Gateway]]:
    """Start upstreams that may be written to, and a gateway over them."""
    with (
        running_upstreams(cases=60) as upstreams,
        running_gateway(upstreams.environment) as gateway,
    ):
        yield upstreams, gateway


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what schemathesis reads of the schema file."""
    definitions = tuple(
        each
        for each in parse(SDL.read_text("utf-8")).definitions
        if not (isinstance(each, DirectiveDefinitionNode) and each.name.value in UNKNOWN_TO_IT)
    )
    plain = tmp_path_factory.mktemp("schemathesis") / "schema.graphql"
    plain.write_text(print_ast(DocumentNode(definitions=definitions)), "utf-8")
    schemathesis.graphql.scalar("DateTime", MOMENTS)
    schemathesis.graphql.scalar("Date", DAYS)
    schemathesis.graphql.scalar("JSON", ANYTHING)
    return schemathesis.graphql.from_path(plain)


PAIR = rf"\w+: (?:{VALUE}|null)"
ONE_OF = re.compile(rf"\bof: {{\s*({PAIR})(?:,?\s*{PAIR})*\s*}}")


def with_one_of(document: str) -> str:
    """Return a document in which one of the members of `of` is left: it does not know `@oneOf`."""
    return ONE_OF.sub(lambda found: f"of: {{ {found[1].replace('null', '1')} }}", document)


def with_good_ids(document: str, upstreams: Upstreams) -> str:
    """Return a document whose ids are some that the sandbox has."""
    case_id = str(upstreams.world.oddities.case_with_everything)
    known = {
        "hubId": "96",
        "caseId": case_id,
        "noteId": "1",
        "reviewEntryId": "1",
        "ratingId": "1",
        "customerId": "C-000001",
        "userId": "1",
        "organizationId": "1",
        "after": "",
        "id": "Q2FzZTo5NjozNDUwMDA",
    }
    for name, value in known.items():
        document = re.sub(rf"\b{name}: {VALUE}", f'{name}: "{value}"', document)
    document = re.sub(r'\bafter: ""', "after: null", document)
    document = re.sub(r"\bids: \[[^\]]*\]", 'ids: ["Q2FzZTo5NjozNDUwMDA"]', document)
    return re.sub(r"\b(first|limit): -?\d+", r"\1: 2", document)


def run(own: tuple[Upstreams, Gateway], schema: Any, examples: int) -> Counter[str]:
    """Ask so many questions of every root field; returns the codes that were answered."""
    upstreams, gateway = own
    schema.config.update(base_url=f"{gateway.url}/graphql")
    codes: Counter[str] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(), st.booleans())
        def ask(case: Any, good: bool) -> None:
            case.body = with_one_of(case.body)
            if good:
                case.body = with_good_ids(case.body, upstreams)
            response = case.call()
            assert response.status_code == 200
            errors = response.json().get("errors", ())
            codes.update(error["extensions"]["code"] for error in errors)
            codes.update(["answered"] if not errors else [])
            try:
                case.validate_response(response)
            except FailureGroup as group:
                others = [
                    each for each in group.exceptions if not isinstance(each, GraphQLServerError)
                ]
                assert others == [], case.body
                assert errors, case.body

        ask()
    return codes


def test_every_root_field_answers_as_documented(
    own: tuple[Upstreams, Gateway], schema: Any
) -> None:
    """No fault of the server, no document that it takes for invalid, and both kinds of answer."""
    codes = run(own, schema, EXAMPLES)

    assert codes.keys() - OF_CLIENTS == {"answered"}
    assert codes["answered"] >= 10
    assert codes["INVALID_ARGUMENT"] >= 5


@pytest.mark.soak
def test_every_root_field_answers_many(own: tuple[Upstreams, Gateway], schema: Any) -> None:
    """The same with more."""
    assert run(own, schema, MANY).keys() - OF_CLIENTS == {"answered"}
