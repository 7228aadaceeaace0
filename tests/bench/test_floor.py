"""That the hand-written floor asks and answers what the gateway does: so they are comparable."""

import json
from typing import Any

import pytest

from bench.contestants import fetch
from bench.floor.serve import floor
from bench.peer.serve import bench_settings
from casegraph.serving import start_in_thread
from support.gateway import running_gateway
from support.upstreams import Upstreams

LINKS = """notes { nodes { id: noteId comments: text createdBy { userName } } }
  ratings { nodes { id: ratingId score } } reviews { nodes { id: reviewEntryId status } }"""
LINKED = {"notes", "ratings", "reviews"}
HEAD = "id: caseId name status { name }"
OURS = {
    "Q1": f"{{ cases(hubId: 96, first: 3) {{ nodes {{ {HEAD} {LINKS} }} }} }}",
    "Q2": f"{{ case(hubId: 96, caseId: %s) {{ {HEAD} isOverDue: isOverdue {LINKS} }} }}",
    "Q3": "{ programLists(hubId: 96) { id: listId name type items { id: itemId name } }"
    " roles(hubId: 96) { id: roleId name } }",
}


def plain(value: Any) -> Any:
    """Return an answer without what spelling and the order of linked rows tell apart."""
    match value:
        case {"nodes": rows}:
            return plain(rows)
        case {"name": name, **rest} if not rest:
            return plain(name)
        case dict():
            read = {key: plain(each) for key, each in value.items() if key != "isActive"}
            return {key: sorted(read[key], key=str) if key in LINKED else read[key] for key in read}
        case list():
            return [plain(each) for each in value]
        case str():
            return value.lower()
        case bool() | None:
            return value
        case _:
            return str(value)


@pytest.mark.parametrize("name", OURS)
def test_it_gives_the_same_data_for_the_same_calls(
    name: str, upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of the gateway's own is made by hand too, and no other."""
    environment = {**upstreams.environment, **_settings()}
    case = upstreams.world.oddities.case_with_everything
    with running_gateway(environment) as gateway:
        upstreams.mark()
        query = OURS[name]
        right = gateway.ask(query % case if "%s" in query else query).data
        made = upstreams.calls()
    for setting, value in environment.items():
        monkeypatch.setenv(setting, value)
    variables = {"hub": 96, "id": case, "first": 3, "skip": 0}
    with start_in_thread(floor()) as running:
        upstreams.mark()
        asked = {"operationName": name, "variables": variables}
        given = json.loads(fetch(f"{running.url}/graphql", asked))["data"]

    assert plain(given) == plain(right)
    assert upstreams.calls() == made


def _settings() -> dict[str, str]:
    return {f"CASEGRAPH_{name}": value for name, value in bench_settings({}).items()}
