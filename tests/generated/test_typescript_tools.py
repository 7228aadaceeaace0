"""What applications in TypeScript are built with takes the schema, and what it makes works."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support.gateway import running_gateway
from support.upstreams import Upstreams

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def relay(node_workshop: Any) -> dict[str, tuple[str, str]]:
    """Return what relay-compiler made: each operation's id and text, by name."""
    node_workshop.made("node_modules/.bin/relay-compiler", "relay.config.json")
    kept = json.loads((node_workshop.folder / "relay" / "documents.json").read_text("utf-8"))
    return {re.search(r"^\w+ (\w+)", text)[1]: (name, text) for name, text in kept.items()}


def test_every_page_of_the_generated_client_is_what_the_gateway_says(
    compiled: Any, application: Any, same: Callable[..., bool]
) -> None:
    """Under every strictness of tsc it compiles, and what it reads is all that was answered."""
    shown = compiled.program(
        "node", "compiled/pages.js", url=application.gateway.url, wishes=application.wishes
    )

    assert same(shown, application.pages(shown["ids"]))
    kinds = [thing["node"]["__typename"] for thing in shown["Thing"]]
    assert kinds == ["Case", "Note", "ReviewEntry", "Rating", "CustomerCase"]
    assert all(page["cases"]["edges"] for page in shown["Queue"])
    assert shown["lines"]["case"][:2] == [
        f"{application.wishes['case']} {shown['CasePage']['case']['name']}: Resolved",
        f"customer_id={application.wishes['customer']}",
    ]
    assert any(line.startswith("+ ") for line in shown["lines"]["case"])
    assert "product=" in " ".join(shown["lines"]["customer"])


def test_a_conflict_is_met_and_solved_with_the_generated_client(
    compiled: Any, changeable: Any
) -> None:
    """Outcomes, differences and user errors arrive under their types."""
    gateway, wishes = changeable

    first, second, again, wrong = compiled.program(
        "node", "compiled/changes.js", url=gateway.url, wishes=wishes
    )

    assert [each["outcome"] for each in (first, second, again, wrong)] == [
        "APPLIED", "CONFLICT", "APPLIED", "REFUSED",
    ]  # fmt: skip
    assert re.fullmatch(r"cost: [\d.]+ -> 25", first["told"])
    assert second["told"] == "cost is 25"
    assert second["version"] == first["version"] != again["version"]
    assert again["told"].endswith('-> "Renamed"')
    assert wrong["codes"] == ["INVALID_ARGUMENT"]


def test_the_generators_documents_are_all_that_a_closed_gateway_needs(
    compiled: Any,
    relay: dict[str, tuple[str, str]],
    application: Any,
    upstreams: Upstreams,
    same: Callable[..., bool],
) -> None:
    """Both files of persisted documents are trusted as they are, and everything else is refused."""
    made = json.loads((compiled.folder / "client" / "persisted-documents.json").read_text("utf-8"))
    file = compiled.folder / "trusted.json"
    file.write_text(json.dumps({**made, **dict(relay.values())}), "utf-8")
    environment = {
        **upstreams.environment,
        "CASEGRAPH_DOCUMENTS__TRUSTED": str(file),
        "CASEGRAPH_DOCUMENTS__ONLY": "1",
    }

    with running_gateway(environment) as closed:
        shown = compiled.program(
            "node", "compiled/pages.js", url=closed.url, wishes=application.wishes, how="trusted"
        )
        case = {"hub": application.wishes["hub"], "case": application.wishes["case"]}
        body = {"documentId": relay["CasePageQuery"][0], "variables": case}
        by_relay = httpx.post(f"{closed.url}/graphql", json=body).json()
        refused = closed.ask(application.documents["CasePage"], case)

    assert same(shown, application.pages(shown["ids"]))
    assert by_relay["data"]["case"]["version"] == shown["CasePage"]["case"]["version"]
    assert list(refused.codes.values()) == ["PERSISTED_QUERY_ONLY"]


def test_introspection_gives_the_types_that_the_text_gives(node_workshop: Any) -> None:
    """Both exports are one schema to the generator, and it finds the possible types of ours."""
    folder = node_workshop.folder
    by_text, by_introspection = (
        (folder / name / "graphql.ts").read_text("utf-8")
        for name in ("client", "from-introspection")
    )
    found = json.loads((folder / "possible-types.json").read_text("utf-8"))

    assert by_introspection == by_text
    assert json.loads((folder / "ours.json").read_text("utf-8")) == found["possibleTypes"]
    assert "Case" in found["possibleTypes"]["Node"]


def test_relay_reads_null_as_a_failure_only_where_the_schema_says_so(
    node_workshop: Any, relay: dict[str, tuple[str, str]]
) -> None:
    """Under @throwOnFieldError a connection is never null, a due time still may be."""
    made = node_workshop.folder / "relay" / "__generated__"
    page = (made / "CasePageQuery.graphql.ts").read_text("utf-8")
    notes = (made / "CasePage_notes.graphql.ts").read_text("utf-8")

    assert "readonly notes: {\n" in notes
    assert "readonly version: string;" in page
    assert "readonly dueAt: string | null | undefined;" in page
    assert "any;" not in page


def test_relay_pages_through_a_connection_by_the_id_of_its_owner(
    relay: dict[str, tuple[str, str]], application: Any
) -> None:
    """The query that it made to fetch the fragment again walks over all notes, two at a time."""
    case = application.answer(
        "CasePage", hub=application.wishes["hub"], case=application.wishes["case"]
    )["case"]
    _, text = relay["CasePageNotesQuery"]
    whole = application.gateway.ask(text, {"id": case["id"], "count": 100}).data["node"]["notes"]
    edges: list[Any] = []
    cursor = None
    for _ in whole["edges"]:
        asked = {"id": case["id"], "count": 2, "cursor": cursor}
        page = application.gateway.ask(text, asked).data["node"]["notes"]
        edges += page["edges"]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert [edge["node"]["noteId"] for edge in edges] == [
        edge["node"]["noteId"] for edge in whole["edges"]
    ]
    assert len(edges) > 2


def test_relay_s_other_operations_are_answered(
    relay: dict[str, tuple[str, str]], application: Any
) -> None:
    """The queue over the query itself, a thing by its id, and a deletion that is only planned."""
    wishes = application.wishes
    key = {"hub": wishes["hub"], "filter": wishes["filter"], "count": 3}

    queue = application.gateway.ask(relay["CasePageQueueQuery"][1], key).data["cases"]
    first = queue["edges"][0]["node"]
    thing = application.gateway.ask(relay["CasePageThingQuery"][1], {"id": first["id"]}).data
    removal = {"hubId": wishes["hub"], "caseId": wishes["case"], "dryRun": True}
    planned = application.gateway.ask(relay["CasePageDeleteMutation"][1], {"input": removal}).data

    assert len(queue["edges"]) == 3
    assert thing["node"]["name"] == first["name"]
    assert planned["deleteCase"] == {"outcome": "PLANNED", "deletedId": None, "conflict": None}


def test_graphql_eslint_has_nothing_to_say(node_workshop: Any) -> None:
    """All it recommends for schemas, Relay and operations; exceptions argue in its settings."""
    said = node_workshop.made(
        *("node_modules/.bin/eslint", "--max-warnings", "0", "--format", "json"),
        *("schema.graphql", "operations"),
    )

    files = json.loads(said)
    assert len(files) == 1 + len(list((node_workshop.folder / "operations").iterdir()))
    assert [each["messages"] for each in files if each["messages"]] == []


def test_no_exception_of_graphql_eslint_outlives_its_type(node_workshop: Any) -> None:
    """The types that are exempt from having an id are in the schema, and have none."""
    schema = (node_workshop.folder / "schema.graphql").read_text("utf-8")
    settings = (node_workshop.folder / "eslint.config.mjs").read_text("utf-8")
    exempt = re.findall(r"'([A-Z]\w+)'", settings.split("VALUES = [")[1].split("];")[0])
    bodies = dict(re.findall(r"^type (\w+)[^{]*\{(.*?)^\}", schema, re.MULTILINE | re.DOTALL))

    assert len(exempt) > 20
    assert [name for name in exempt if "\n  id: ID!" in bodies.get(name, "\n  id: ID!")] == []
