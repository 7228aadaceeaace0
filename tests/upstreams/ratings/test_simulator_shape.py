"""How arguments bend what the simulated Kayako tenant prints."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.upstreams.ratings.simulator_answers import Refusal
from casegraph.upstreams.ratings.simulator_shape import Selection

ONE = "/cases/1/ratings/1.json"


@pytest.fixture
def data(add: Any, tenant: Any) -> Any:
    """Return a reader of the data of rating 1 or of case 1 under the given arguments."""
    add(1)

    async def data(path: Any = ONE, **arguments: Any) -> Any:
        answer = await tenant().get(path, params=arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return data


async def test_plain_names_narrow_to_id_and_themselves(data: Any) -> None:
    """fields=a,b prints id, a and b; unknown names are passed over."""
    assert await data(fields="score") == {"id": 1, "score": "GOOD"}
    assert {"id", "score", "comment"} == set(await data(fields="comment, score,colour"))


async def test_signs_add_and_remove(data: Any) -> None:
    """+a adds to what is usual, -a takes away from it."""
    usual = set(await data("/cases/1.json"))
    assert "tags" not in usual
    assert usual | {"tags"} == set(await data("/cases/1.json", fields="+tags"))
    assert usual - {"subject"} == set(await data("/cases/1.json", fields="-subject"))
    assert {"id", "subject"} == set(await data("/cases/1.json", fields="subject,state,-state"))


async def test_a_raw_plus_in_the_url_narrows(tenant: Any) -> None:
    """A plus that was not escaped is a space, so the list shrinks instead of growing."""
    raw = (await tenant().get("/cases/1.json?fields=+tags")).json()["data"]
    assert raw == {"id": 1, "tags": []}
    escaped = (await tenant().get("/cases/1.json?fields=%2Btags")).json()["data"]
    assert {"tags", "subject"} <= set(escaped)


async def test_a_star_prints_all_fields(data: Any) -> None:
    """fields=* includes those printed only on request; references stay references."""
    everything = await data("/cases/1.json", fields="*")
    assert {"tags", "reply_channels", "subject"} <= set(everything)
    assert {"id", "resource_type"} == set(everything["requester"])


async def test_stars_on_all_levels_print_everything(data: Any) -> None:
    """fields=*(*) prints people and teams in full."""
    everything = await data(fields="*(*)")
    assert everything["assignee_agent"]["full_name"] == "Alma Agent"
    assert everything["assignee_team"]["title"] == "Field"


async def test_nested_fields_reach_into_references(data: Any) -> None:
    """A nested list adds to, or narrows, what a reference prints."""
    grown = await data(fields="+assignee_team(+title)")
    assert {"id", "legacy_id", "resource_type", "title"} == set(grown["assignee_team"])
    assert "score" in grown
    narrowed = await data(fields="assignee_team(title),score")
    expected = {"id": 1, "assignee_team": {"id": 4, "title": "Field"}, "score": "GOOD"}
    assert expected == narrowed
    status = await data("/cases/1.json", fields="status(label)")
    assert status == {"id": 1, "status": {"id": 1, "label": "Open"}}


@pytest.mark.parametrize("fields", ["a(", "a)", "a(b))", "a(b)(c)", "+", "a b", "(" * 5000])
async def test_unreadable_fields_are_refused(add: Any, tenant: Any, code: Any, fields: Any) -> None:
    """A list that cannot be read is FIELD_INVALID for `fields`."""
    add(1)
    answer = await tenant().get(ONE, params={"fields": fields})
    assert code(answer) == "FIELD_INVALID"
    assert answer.json()["errors"][0]["parameter"] == "fields"


@given(st.text(alphabet="ab,+-*() ", max_size=40))
def test_any_text_of_fields_is_read_or_refused(text: Any) -> None:
    """Parsing ends with a selection or with FIELD_INVALID."""
    codes = set()
    names = []
    try:
        names = Selection.parse(text).chosen(["id", "a", "b"], ["id", "a"])
    except Refusal as refusal:
        codes.add(refusal.code)
    assert codes <= {"FIELD_INVALID"}
    assert set(names) <= {"id", "a", "b"}


async def test_include_expands_references(data: Any) -> None:
    """A named type is printed in full, others stay references; a star expands all."""
    people = await data(include="user_minimal")
    assert people["creator"]["full_name"] == "Cleo Customer"
    assert {"id", "legacy_id", "resource_type"} == set(people["assignee_team"])
    everything = await data(include="*")
    assert everything["assignee_team"]["member_count"] == 3
    assert everything["case"]["subject"] == "Case 1"
    assert everything["case"]["requester"]["full_name"] == "Cleo Customer"


async def test_an_included_resource_that_is_gone_stays_a_reference(data: Any, store: Any) -> None:
    """A person, team or case deleted from the store is shown by id and type only."""
    store.users.clear()
    store.teams.clear()
    everything = await data(include="*", fields="creator,assignee_team")
    reference = {"id": 50, "resource_type": "user_minimal"}
    assert reference == everything["creator"]
    assert everything["assignee_team"] == {"id": 4, "legacy_id": None, "resource_type": "team"}


@pytest.mark.parametrize(
    ("arguments", "headers"), [({"_flat": "true"}, {}), ({}, {"X-Options": "flat, no_empty"})]
)
async def test_flat_mode_moves_resources_out(
    add: Any, tenant: Any, arguments: Any, headers: Any
) -> None:
    """References stay in the data; what include names stands under resources by type and id."""
    add(1)
    client = tenant()
    answer = await client.get(
        ONE, params={"include": "team,user_minimal", **arguments}, headers=headers
    )
    body = answer.json()
    assert {"id", "resource_type"} == set(body["data"]["creator"])
    assert {"50", "60"} == set(body["resources"]["user_minimal"])
    assert body["resources"]["team"]["4"]["title"] == "Field"


async def test_flat_mode_without_include_has_empty_resources(add: Any, tenant: Any) -> None:
    """The key is there whenever the mode is."""
    add(1)
    assert (await tenant().get(f"{ONE}?_flat=true")).json()["resources"] == {}
    assert "resources" not in (await tenant().get(ONE)).json()


@pytest.mark.parametrize(
    ("arguments", "headers"), [({"_empty": "false"}, {}), ({}, {"X-Options": "no_empty"})]
)
async def test_empty_values_can_be_dropped(
    add: Any, tenant: Any, arguments: Any, headers: Any
) -> None:
    """Nulls and empty arrays go, on every level, but the envelope keeps its data."""
    add(1, assignee_agent_id=None)
    client = tenant()
    data = (await client.get(ONE, params=arguments, headers=headers)).json()["data"]
    assert not {"comment", "assignee_agent"} & set(data)
    assert {"id", "resource_type"} == set(data["assignee_team"])
    empty = await client.get("/cases/2/ratings.json", params=arguments, headers=headers)
    assert empty.json()["data"] == []


@pytest.mark.parametrize(
    ("spelling", "total", "agent", "kind"),
    [
        ("snake", "total_count", "assignee_agent", "user_minimal"),
        ("camel", "totalCount", "assigneeAgent", "userMinimal"),
        ("pascal", "TotalCount", "AssigneeAgent", "UserMinimal"),
    ],
)
async def test_names_and_types_take_the_asked_spelling(
    add: Any, tenant: Any, spelling: Any, total: Any, agent: Any, kind: Any
) -> None:
    """Keys and resource types are renamed, and include is read in that spelling."""
    add(1)
    path = f"/cases/1/ratings.json?_case={spelling}&include={kind}"
    body = (await tenant().get(path)).json()
    assert body[total] == 1
    row = body["Data" if spelling == "pascal" else "data"][0]
    names = {key.replace("_", "").lower(): key for key in row[agent]}
    assert kind == row[agent][names["resourcetype"]]
    assert row[agent][names["fullname"]] == "Alma Agent"


async def test_fields_are_read_in_any_spelling(data: Any) -> None:
    """A name of `fields` may be camel case when the answer is."""
    assert {"id", "createdAt"} == set(await data(fields="createdAt", _case="camel"))


async def test_an_unknown_spelling_is_refused_and_errors_are_respelled(
    tenant: Any, code: Any
) -> None:
    """`_case` knows three words, and the error body follows it too."""
    assert code(await tenant().get(f"{ONE}?_case=kebab")) == "FIELD_INVALID"
    missing = await tenant().get("/cases/9.json?_case=camel")
    assert "moreInfo" in missing.json()["errors"][0]


async def test_notices_can_stand_in_a_success(tenant: Any) -> None:
    """Notifications and logs are there when switched on, and else not."""
    noisy = (await tenant(notices_on_success=True).get("/cases/1.json")).json()
    assert {"type", "message", "sticky"} == set(noisy["notifications"][0])
    assert {"level", "message"} == set(noisy["logs"][0])
    assert "logs" not in (await tenant().get("/cases/1.json")).json()


async def test_a_person_never_seen_has_no_times(data: Any, store: Any) -> None:
    """A missing last activity is null when the person is expanded."""
    store.users[50]["last_active_at"] = None
    creator = (await data(include="user_minimal"))["creator"]
    assert (creator["last_active_at"], creator["last_seen_at"]) == (None, None)
