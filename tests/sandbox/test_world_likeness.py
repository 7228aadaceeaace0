"""The seeded world read as a person would: its figures, its texts, and how long it takes.

A sandbox that is sound and yet reads like random words would convince nobody.
"""

import time
from collections import Counter
from string import Formatter

import pytest

from casegraph.sandbox.world import World, build_world
from casegraph.sandbox.world_program import TOPICS
from casegraph.upstreams.action_management.store import Hub


@pytest.fixture(scope="module")
def world() -> World:
    """Build the default world once; no test changes it."""
    return build_world()


def hub_of(world: World) -> Hub:
    """Return the hub with a program."""
    return world.action_management.hubs[world.oddities.hub_with_program]


def figures(world: World) -> dict[str, float]:
    """Return the shares and averages that the distributions are held against."""
    hub, reviews, desk = hub_of(world), world.case_reviews.entries, world.ratings
    cases, total = hub.cases.values(), len(hub.cases)
    known = [entry for entry in reviews.values() if entry["case_id"] in hub.cases]
    rated = {rating["case_id"] for rating in desk.ratings.values()}
    customers = [
        field["value"].strip()
        for case in cases
        for field in case["dataFields"]
        if field["questionName"] == "customer_id"
    ]
    closed = {item["id"] for item in hub.lists[0]["items"] if not item["isOpen"]}
    weekend = sum(case["dateCreated"].weekday() > 4 for case in cases) / total
    return {
        "notes": len(hub.notes) / total,
        "edited": sum(
            n.get("dateModified", n["dateCreated"]) > n["dateCreated"] for n in hub.notes.values()
        )
        / len(hub.notes),
        "reviews": len(known) / total,
        "unknown": 1 - len(known) / len(reviews),
        "nobody": sum(entry["user_id"] is None for entry in known) / len(known),
        "unrated": 1 - len(rated) / total,
        "no kayako case": 1 - len(desk.cases) / total,
        "no agent": sum(r["assignee_agent_id"] is None for r in desk.ratings.values())
        / len(desk.ratings),
        "good": sum(r["score"] == "GOOD" for r in desk.ratings.values()) / len(desk.ratings),
        "customers": sum(bool(customer) for customer in customers) / total,
        "closed": sum(c["id"] in closed for case in cases for c in case["listValues"]) / total,
        "weekend": weekend,
        "in the day": sum(6 <= case["dateCreated"].hour < 19 for case in cases) / total,
        "social": len(world.customer_cases.cases) / len(world.customer_cases.customers),
    }


BOUNDS = {
    "notes": (3.2, 4.0),
    "edited": (0.01, 0.1),
    "reviews": (0.8, 1.0),
    "unknown": (0.005, 0.015),
    "nobody": (0.08, 0.16),
    "unrated": (0.43, 0.57),
    "no kayako case": (0.1, 0.2),
    "no agent": (0.05, 0.12),
    "good": (0.5, 0.75),
    "customers": (0.44, 0.56),
    "closed": (0.8, 0.93),
    "weekend": (0.06, 0.16),
    "in the day": (0.85, 1),
    "social": (1.2, 1.9),
}


@pytest.mark.parametrize("seed", [7, 8, 2026])
def test_the_figures_are_those_of_a_support_desk(seed: int) -> None:
    """Shares and averages of a full world stay in their bounds, whatever the seed."""
    found = figures(build_world(seed))
    outside = {k: found[k] for k, (low, high) in BOUNDS.items() if not low <= found[k] <= high}
    assert outside == {}


def test_every_choice_is_taken_somewhere(world: World) -> None:
    """All statuses, severities, categories, review statuses, scores and services occur."""
    hub = hub_of(world)
    taken = {chosen["id"] for case in hub.cases.values() for chosen in case["listValues"]}
    offered = {item["id"]: item["name"] for entry in hub.lists for item in entry["items"]}
    assert {offered[item] for item in offered.keys() - taken} == {"Not yet known"}
    entries = world.case_reviews.entries.values()
    assert {entry["status"] for entry in entries} == {
        *("pending", "submitted", "complete", "attention")
    }
    desk = world.ratings
    assert {rating["score"] for rating in desk.ratings.values()} == {"GOOD", "BAD"}
    assert any(rating["comment"] is None for rating in desk.ratings.values())
    per_case = Counter(rating["case_id"] for rating in desk.ratings.values())
    assert set(per_case.values()) == {1, 2, 3}
    owners = Counter(row["customerId"] for row in world.customer_cases.cases.values())
    assert max(owners.values()) == 5
    assert len(owners) < len(world.customer_cases.customers)
    assert {user["isActive"] for user in hub.users.values()} == {True, False}
    assert len(hub.users) == 60


def words_of(template: str) -> set[str]:
    """Return the placeholders of a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_no_template_promises_a_day_before_one_is_agreed() -> None:
    """Titles, comments, quick endings and reviews never name the agreed day."""
    for topic in TOPICS:
        for text in (*topic.titles, *topic.comments, *topic.quick, *topic.missing):
            assert "day" not in words_of(text), text


def test_no_text_shows_its_seams(world: World) -> None:
    """No text has an unfilled placeholder, a doubled space or a gap before its stop."""
    hub = hub_of(world)
    texts = [note["comments"] for note in hub.notes.values()]
    texts += [case["name"] for case in hub.cases.values()]
    texts += [field["value"] for case in hub.cases.values() for field in case["dataFields"][1:]]
    texts += [rating["comment"] or "" for rating in world.ratings.ratings.values()]
    for entry in world.case_reviews.entries.values():
        texts += [str(answer["value"]) for answer in entry["answers"]]
    for social in world.customer_cases.cases.values():
        texts += [social["title"], *(told["body"] for told in social["interactions"])]
    spoilt = [text for text in texts if any(seam in text for seam in ("{", "}", "  ", " .", " ,"))]
    assert spoilt == []
    assert any(not text.isascii() for text in texts)


def test_an_attention_review_says_what_is_missing(world: World) -> None:
    """A review that asks for attention ends with a remark in words."""
    entries = world.case_reviews.entries.values()
    attention = [entry for entry in entries if entry["status"] == "attention"]
    assert attention
    for entry in attention:
        assert entry["answers"][-1]["type"] == "text"
        assert len(entry["answers"][-1]["value"]) > 20


def test_every_address_is_in_a_reserved_domain(world: World) -> None:
    """No address of the world can belong to somebody."""
    hubs = world.action_management.hubs.values()
    addresses = [user["email"] for hub in hubs for user in hub.users.values()]
    addresses += [customer["email"] for customer in world.customer_cases.customers.values()]
    for address in addresses:
        box, domain = address.split("@")
        assert box.isascii()
        assert domain.endswith((".example", "example.com", "example.org", "example.net"))


@pytest.mark.bench
def test_a_full_world_is_built_in_less_than_a_second() -> None:
    """2,500 cases take less than 0.8 s of processor time, so that a sandbox starts at once."""
    taken = []
    for seed in range(5):
        start = time.process_time()
        build_world(seed)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.8
