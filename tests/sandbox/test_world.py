"""The seeded world: the same for a seed, sound in all its links and in its order of time.

The checks of soundness are functions over any world; Hypothesis brings worlds of many seeds and
sizes, and the full default world is held against them as well.
"""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casegraph.sandbox.world import World, build_world
from casegraph.sandbox.world_clock import REFERENCE_MOMENT, SPAN
from casegraph.sandbox.world_program import CAUSE_LIST
from casegraph.upstreams.action_management.store import Hub, Row

FEW, MANY = 50, 160
ANY_SEED = st.integers(min_value=-(2**40), max_value=2**40)
ANY_SIZE = st.integers(min_value=FEW, max_value=MANY)
ANY_MOMENT = st.datetimes(
    min_value=datetime(2001, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive bounds
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)


@pytest.fixture(scope="module")
def world() -> World:
    """Build the default world once; no test changes it."""
    return build_world()


def hub_of(world: World) -> Hub:
    """Return the hub with a program."""
    return world.action_management.hubs[world.oddities.hub_with_program]


def notes_by_case(world: World) -> dict[int, list[Row]]:
    """Return the notes of every case, by id."""
    found: dict[int, list[Row]] = {case_id: [] for case_id in hub_of(world).cases}
    for note in hub_of(world).notes.values():
        found[note["caseId"]].append(note)
    return found


def answer_of(case: Row, question: str) -> str:
    """Return what stands in the one data field of this question."""
    (field,) = [each for each in case["dataFields"] if each["questionName"] == question]
    return str(field["value"])


def customer_texts(case: Row) -> list[str]:
    """Return what stands in the data fields that name the customer."""
    fields = case["dataFields"]
    return [field["value"] for field in fields if field["questionName"] == "customer_id"]


def customer_ids(case: Row) -> list[str]:
    """Return the customer ids of a case without blanks and padding."""
    return [text.strip() for text in customer_texts(case) if text.strip()]


def rows_of(rows: Mapping[Any, Row], key: str, value: object) -> list[Row]:
    """Return the rows that have this value under this key."""
    return [row for row in rows.values() if row[key] == value]


def picked(hub: Hub, case: Row, list_type: str) -> Row:
    """Return the item that a case chose of its list of this type."""
    for chosen in case["listValues"]:
        (entry,) = [each for each in hub.lists if each["id"] == chosen["listId"]]
        if entry["type"] == list_type:
            (item,) = [each for each in entry["items"] if each["id"] == chosen["id"]]
            return dict(item)
    raise AssertionError(f"no {list_type} in case {case['id']}")


def check_ids(world: World) -> None:
    """Keys are the rows' own ids, unique where the vendors' are, in their ranges."""
    hub = hub_of(world)
    stores = (
        hub.cases,
        hub.notes,
        hub.users,
        world.case_reviews.entries,
        world.case_reviews.users,
        world.ratings.cases,
        world.ratings.ratings,
        world.ratings.users,
        world.ratings.teams,
        world.customer_cases.customers,
        world.customer_cases.cases,
    )
    for rows in stores:
        assert list(rows) == [row["id"] for row in rows.values()]
    items = [item["id"] for entry in hub.lists for item in entry["items"]]
    subs = [s["id"] for e in hub.lists for i in e["items"] for s in i.get("subCategories", ())]
    for ids in (items, subs, [entry["id"] for entry in hub.lists]):
        assert len(set(ids)) == len(ids)
    assert min(hub.cases) == 345_000
    assert max((*hub.notes, *world.case_reviews.entries)) < 2**31
    assert min(world.ratings.ratings) > 2**32
    numbers = [row["number"] for row in world.customer_cases.cases.values()]
    assert len(set(numbers)) == len(numbers)


def check_lists_roles_and_users(world: World) -> None:
    """Whatever a case or a note refers to exists in its hub."""
    hub = hub_of(world)
    items = {(entry["id"], item["id"]): item for entry in hub.lists for item in entry["items"]}
    roles = {role["id"] for role in hub.roles}
    for entry in hub.lists:
        assert (entry["id"], entry["defaultItem"]) in items
    for case in hub.cases.values():
        assert case["workflowId"] in hub.workflows
        for chosen in case["listValues"]:
            item = items[chosen["listId"], chosen["id"]]
            subs = {sub["id"] for sub in item.get("subCategories", ())}
            assert ("subCategoryId" in chosen) == bool(subs)
            assert chosen.get("subCategoryId") in (subs or {None})
        lists = [chosen["listId"] for chosen in case["listValues"]]
        assert len(set(lists)) == len(lists)
        assert {role["id"] for role in case["roles"]} == roles
        for role in case["roles"]:
            assert set(role["users"]) <= hub.users.keys()
            assert len(set(role["users"])) == len(role["users"])
    for note in hub.notes.values():
        written = {note.get("createdBy"), note.get("modifiedBy")}
        assert written <= ({None} if note["isSystemGenerated"] else hub.users.keys())


def check_links(world: World) -> None:
    """Reviews, ratings and customers hang on cases as the brief of the world says."""
    hub, odd = hub_of(world), world.oddities
    for entry in world.case_reviews.entries.values():
        assert entry["review_id"] in world.case_reviews.reviews
        assert entry["user_id"] is None or entry["user_id"] in world.case_reviews.users
    desk = world.ratings
    assert desk.cases.keys() <= hub.cases.keys()
    for case in desk.cases.values():
        assert desk.users[case["requester_id"]]["role"] == "customer"
        assert not case["hash"].isdigit()
        int(case["hash"], 16)
    for rating in desk.ratings.values():
        case = desk.cases[rating["case_id"]]
        assert (rating["hash"], rating["creator_id"]) == (case["hash"], case["requester_id"])
        assert case["rating_offered"]
        assert rating["assignee_agent_id"] is None or rating["assignee_agent_id"] in desk.users
        assert rating["assignee_team_id"] is None or rating["assignee_team_id"] in desk.teams
    holders = Counter(cid for case in hub.cases.values() for cid in customer_ids(case))
    for customer_id in world.customer_cases.customers:
        assert holders[customer_id] == (2 if customer_id == odd.shared_customer else 1)
    owned = Counter(social["customerId"] for social in world.customer_cases.cases.values())
    assert max(owned.values()) <= 5
    assert owned.keys() <= world.customer_cases.customers.keys()
    for social in world.customer_cases.cases.values():
        assert social["interactions"]


def check_notes(world: World) -> None:
    """Each case has a creation note and 0-6 more, inside its life, ids in order of time."""
    hub = hub_of(world)
    in_order = sorted(hub.notes.values(), key=lambda note: note["id"])
    moments = [note["dateCreated"] for note in in_order]
    assert moments == sorted(moments)
    for case_id, notes in notes_by_case(world).items():
        case = hub.cases[case_id]
        assert 1 <= len(notes) <= 7
        assert notes[0]["isSystemGenerated"]
        assert notes[0]["comments"].startswith("Case created")
        assert notes[0]["dateCreated"] == case["dateCreated"]
        for note in notes:
            assert case["dateCreated"] <= note["dateCreated"] <= case["dateModified"]
            is_system = note["isSystemGenerated"]
            assert is_system == ("createdBy" not in note) == ("modifiedBy" not in note)
            assert is_system == ("dateModified" not in note)
            changed = note.get("dateModified", note["dateCreated"])
            assert note["dateCreated"] <= changed <= case["dateModified"]
        named = [note["comments"] for note in notes if note["comments"].startswith("Status")]
        status = picked(hub, case, "status")
        assert status["name"] == (
            named[-1].split(" to ")[-1].rstrip(".") if named else "Not started"
        )
        if not status["isOpen"]:
            assert any(not note["isSystemGenerated"] for note in notes)
            assert case["dateModified"] > case["dateCreated"]
            chosen = {chosen["listId"] for chosen in case["listValues"]}
            assert CAUSE_LIST in chosen


def check_times(world: World) -> None:
    """Everything happened in the span before `now`, and each row's moments are in order."""
    hub, now = hub_of(world), world.now
    since = now - SPAN
    for case in hub.cases.values():
        assert since <= case["dateCreated"] <= case["dateModified"] <= now
        if "dateDue" in case:
            due = case["preOverDueDateTime"], case["dateDue"], case["postOverDueDateTime"]
            assert case["dateCreated"] < due[0] < due[1] < due[2]
    for row in (*hub.lists, *hub.roles):
        assert since <= row["lastUpdated"] <= now
    for entry in world.case_reviews.entries.values():
        stages = [since, entry["created_at"], entry["created_system_at"], entry["updated_at"], now]
        assert stages == sorted(stages)
        assert (entry["status"] == "complete") == (entry["completed_at"] is not None)
        assert (entry["status"] == "pending") == (not entry["answers"])
        assert entry["completed_at"] in {None, entry["updated_at"]}
    kayako = world.ratings
    for row in (*kayako.cases.values(), *kayako.ratings.values(), *kayako.teams.values()):
        assert since <= row["created_at"] <= row["updated_at"] <= now
    for user in kayako.users.values():
        assert since <= user["last_active_at"] <= now
    for social in world.customer_cases.cases.values():
        told = [interaction["created"] for interaction in social["interactions"]]
        assert since <= social["created"] == told[0]
        assert told == sorted(told)
        assert social["lastUpdated"] == told[-1] <= now


def check_oddities(world: World) -> None:
    """Each special row is what its name says."""
    hub, odd = hub_of(world), world.oddities
    crm = world.customer_cases.customers
    reviews, ratings = world.case_reviews.entries, world.ratings.ratings
    assert hub.has_program
    assert not world.action_management.hubs[odd.hub_without_program].has_program

    bare = odd.case_without_links
    assert not rows_of(reviews, "case_id", bare)
    assert not rows_of(ratings, "case_id", bare)
    assert bare not in world.ratings.cases
    assert customer_texts(hub.cases[bare]) == [""]

    full = odd.case_with_everything
    assert notes_by_case(world)[full]
    assert len(rows_of(reviews, "case_id", full)) >= 2
    assert len(rows_of(ratings, "case_id", full)) in {2, 3}
    (customer,) = customer_ids(hub.cases[full])
    assert len(rows_of(world.customer_cases.cases, "customerId", customer)) >= 2

    (broken,) = customer_ids(hub.cases[odd.case_with_broken_customer])
    assert broken not in crm
    padded = [text for case in hub.cases.values() for text in customer_texts(case) if " " in text]
    assert customer_texts(hub.cases[odd.case_with_padded_customer]) == padded
    assert padded[0].strip() in crm
    two = {case_id for case_id, case in hub.cases.items() if len(customer_texts(case)) > 1}
    assert two == {odd.case_with_two_customers}
    assert len(crm.keys() & customer_ids(hub.cases[odd.case_with_two_customers])) == 2
    sharing = [i for i, case in hub.cases.items() if odd.shared_customer in customer_ids(case)]
    assert tuple(sharing) == odd.shared_customer_cases
    assert odd.shared_customer in crm
    assert len({answer_of(hub.cases[case_id], "email") for case_id in sharing}) == 1

    assert reviews[odd.review_of_unknown_case]["case_id"] not in hub.cases
    assert "dateDue" not in hub.cases[odd.case_without_due_date]
    roles = hub.cases[odd.case_with_inactive_user]["roles"]
    assert any(not hub.users[user]["isActive"] for role in roles for user in role["users"])


def check_custom_fields(world: World) -> None:
    """Check that custom values use declared names, and that a list value is one of its choices."""
    crm = world.customer_cases
    built_in = (
        {"id", "url"},
        {
            *("id", "number", "customerId", "title", "description", "url"),
            *("created", "lastUpdated", "status", "interactions"),
        },
    )
    for rows, fields, own in (
        (crm.customers, crm.customer_fields, built_in[0]),
        (crm.cases, crm.case_fields, built_in[1]),
    ):
        declared = {field["name"]: field for field in fields}
        assert not declared.keys() & own
        assert {"checkbox", "single_sel_list"} <= {field["type"] for field in fields}
        for row in rows.values():
            assert own <= row.keys() <= own | declared.keys()
            for name in row.keys() - own:
                choices = {choice["value"] for choice in declared[name].get("listValues", ())}
                assert not choices or row[name] in choices
                assert isinstance(row[name], bool) == (declared[name]["type"] == "checkbox")


CHECKS = (
    check_ids,
    check_lists_roles_and_users,
    check_links,
    check_notes,
    check_times,
    check_oddities,
    check_custom_fields,
)


@pytest.mark.parametrize("check", CHECKS)
def test_the_default_world_is_sound(world: World, check: Callable[[World], None]) -> None:
    """The world that demonstrations start from passes every check of soundness."""
    check(world)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=ANY_SEED, cases=ANY_SIZE, now=ANY_MOMENT)
def test_any_world_is_sound(seed: int, cases: int, now: datetime) -> None:
    """Whatever the seed, the size and the moment, all checks of soundness hold."""
    built = build_world(seed, cases, now)
    assert len(hub_of(built).cases) == cases
    for check in CHECKS:
        check(built)


def test_the_same_seed_gives_the_same_world() -> None:
    """Two builds are equal in every row and in the order of the rows."""
    first, second = build_world(3, 120), build_world(3, 120)
    assert repr(first) == repr(second)


def test_another_seed_gives_another_world() -> None:
    """The seed decides: names, courses and special rows differ."""
    first, second = asdict(build_world(3, 120)), asdict(build_world(4, 120))
    assert first["oddities"] != second["oddities"]
    assert first["action_management"] != second["action_management"]


def test_a_world_does_not_hang_on_the_hash_seed_of_a_process() -> None:
    """Two processes with different string hashing build the same world."""
    script = (
        "import hashlib; from casegraph.sandbox.world import build_world; "
        "print(hashlib.sha256(repr(build_world(5, 80)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(  # noqa: S603 - our own interpreter and our own text
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert digests == {hashlib.sha256(repr(build_world(5, 80)).encode()).hexdigest()}


def test_now_is_taken_as_an_instant() -> None:
    """The same instant in another zone gives the same world; the default is the fixed moment."""
    elsewhere = REFERENCE_MOMENT.astimezone(timezone(timedelta(hours=-5)))
    assert repr(build_world(3, 60, elsewhere)) == repr(build_world(3, 60))
    assert build_world(3, 60).now == datetime(2026, 6, 30, 16, tzinfo=UTC)


def test_a_now_without_a_zone_is_refused() -> None:
    """A naive moment would be read differently on every machine."""
    with pytest.raises(ValueError, match="time zone"):
        build_world(now=REFERENCE_MOMENT.replace(tzinfo=None))


def test_too_small_a_world_is_refused() -> None:
    """The special rows need room; the message says how much."""
    with pytest.raises(ValueError, match="at least 20"):
        build_world(cases=19)
    check_oddities(build_world(cases=20))
