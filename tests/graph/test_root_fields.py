"""Every root field: its answer, what it costs, and what it says of things that are not there."""

from collections import Counter
from typing import Any

import pytest

from support.gateway import Gateway
from support.upstreams import Upstreams

UNKNOWN = "2147483647"


def test_case_comes_with_its_details_in_one_call(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """One case, details included, is one call; one that is not there is null."""
    key = odd.case_with_everything
    row = upstreams.world.action_management.hubs[int(hub)].cases[key]
    query = """query($hub: ID!, $case: ID!, $none: ID!) {
      case(hubId: $hub, caseId: $case) { hubId caseId name dueAt source { responseId } }
      none: case(hubId: $hub, caseId: $none) { name }
    }"""

    data = gateway.ask(query, {"hub": hub, "case": str(key), "none": UNKNOWN}).data

    assert data["case"]["hubId"] == hub
    assert data["case"]["caseId"] == str(key)
    assert data["case"]["name"] == row["name"]
    assert data["case"]["dueAt"] == row["dateDue"].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert data["case"]["source"] == {"responseId": row["source"]["responseId"]}
    assert data["none"] is None
    # The hub's roles tell a missing case from a missing hub, once for all requests.
    calls = upstreams.calls()
    assert calls.pop("action_management.roles", 1) == 1
    assert calls == {"action_management.case": 2}


def test_equal_keys_are_asked_once(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """The same thing under several aliases and spellings is one call, lists included."""
    case = odd.case_with_everything
    query = """query($hub: ID!, $case: ID!, $same: ID!) {
      a: case(hubId: $hub, caseId: $case) { name }
      b: case(hubId: $hub, caseId: $same) { name }
      c: cases(hubId: $hub, first: 3) { nodes { caseId } }
      d: cases(hubId: $hub, first: 3) { nodes { name } totalCount }
      e: ratings(caseId: $case) { nodes { ratingId } }
      f: ratings(caseId: $same) { nodes { score } }
      g: recentRatings(of: { caseId: $case }) { ratingId }
      h: recentRatings(of: { caseId: $case }) { score }
      i: notes(hubId: $hub, first: 2) { nodes { noteId } }
      j: notes(hubId: $hub, first: 2) { nodes { text } }
      k: reviewEntries(first: 2) { nodes { reviewEntryId } }
      l: reviewEntries(first: 5) { nodes { status } }
    }"""

    data = gateway.ask(query, {"hub": hub, "case": str(case), "same": f"000{case}"}).data

    assert data["a"] == data["b"]
    assert upstreams.calls() == {
        "action_management.case": 1,
        "action_management.case_query": 1,
        "action_management.hub_notes": 1,
        "case_reviews.reviews_sweep": 1,
        "ratings.ratings": 1,
        "ratings.recent_ratings": 1,
    }


def test_note_is_one_call(gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any) -> None:
    """A note is found by its three numbers; on another case it does not exist."""
    notes = upstreams.world.action_management.hubs[int(hub)].notes.values()
    row = next(each for each in notes if not each["isSystemGenerated"])
    query = """query($hub: ID!, $case: ID!, $note: ID!, $other: ID!) {
      note(hubId: $hub, caseId: $case, noteId: $note) {
        noteId caseId text isSystemGenerated createdBy { userId userName isActive }
      }
      other: note(hubId: $hub, caseId: $other, noteId: $note) { text }
    }"""
    other = odd.case_with_everything if row["caseId"] != odd.case_with_everything else 345000
    variables = {
        "hub": hub,
        "case": str(row["caseId"]),
        "note": str(row["id"]),
        "other": str(other),
    }

    data = gateway.ask(query, variables).data

    user = upstreams.world.action_management.hubs[int(hub)].users[row["createdBy"]]
    assert data["note"] == {
        "noteId": str(row["id"]),
        "caseId": str(row["caseId"]),
        "text": row["comments"],
        "isSystemGenerated": False,
        "createdBy": {
            "userId": str(user["id"]),
            "userName": user["userName"],
            "isActive": user["isActive"],
        },
    }
    assert data["other"] is None
    assert upstreams.calls() == {"action_management.case_note": 2}


def test_program_lists_and_roles_are_told_whole(
    gateway: Gateway, upstreams: Upstreams, hub: str
) -> None:
    """Lists come with items and finer choices, of all types or of one; roles with their names."""
    query = """query($hub: ID!) {
      programLists(hubId: $hub) {
        listId name type updatedAt defaultItem { name }
        items { itemId name isOpen isHigh subCategories { subCategoryId name } }
      }
      custom: programLists(hubId: $hub, type: CUSTOM) { name }
      unknown: programLists(hubId: $hub, type: UNKNOWN) { name }
      roles(hubId: $hub) { roleId name updatedAt }
    }"""

    data = gateway.ask(query, {"hub": hub}).data

    store = upstreams.world.action_management.hubs[int(hub)]
    assert [each["name"] for each in data["programLists"]] == [row["name"] for row in store.lists]
    assert [[item["name"] for item in each["items"]] for each in data["programLists"]] == [
        [item["name"] for item in row["items"]] for row in store.lists
    ]
    subs = {
        item["name"]: [sub["name"] for sub in item["subCategories"]]
        for each in data["programLists"]
        for item in each["items"]
    }
    assert any(subs.values())
    assert all(each["defaultItem"] for each in data["programLists"])
    customs = [row["name"] for row in store.lists if row["type"] == "custom"]
    assert [each["name"] for each in data["custom"]] == customs
    assert data["unknown"] == []
    assert [each["name"] for each in data["roles"]] == [row["name"] for row in store.roles]


def test_review_entry_is_one_call(gateway: Gateway, upstreams: Upstreams) -> None:
    """An entry is told with its questions and answers; one that is not there is null."""
    store = upstreams.world.case_reviews
    row = next(each for each in store.entries.values() if each["answers"] and each["user_id"])
    query = """query($id: ID!, $none: ID!) {
      reviewEntry(reviewEntryId: $id) {
        reviewEntryId status isAutoGenerated reviewDate review { reviewId name }
        assignee { userId firstName lastName fullName } answers { label value score }
      }
      none: reviewEntry(reviewEntryId: $none) { status }
    }"""

    data = gateway.ask(query, {"id": str(row["id"]), "none": UNKNOWN}).data

    user = store.users[row["user_id"]]
    entry = data["reviewEntry"]
    assert entry["reviewEntryId"] == str(row["id"])
    assert entry["status"] == row["status"].upper()
    assert entry["reviewDate"] == row["review_date"].isoformat()
    assert entry["review"]["name"] == store.reviews[row["review_id"]]
    assert entry["assignee"]["fullName"] == f"{user['first_name']} {user['last_name']}"
    assert [each["label"] for each in entry["answers"]] == [a["label"] for a in row["answers"]]
    assert all(isinstance(each["value"], str) for each in entry["answers"])
    assert data["none"] is None
    assert upstreams.calls() == {"case_reviews.review": 2}


def test_rating_by_id_and_by_hash(gateway: Gateway, upstreams: Upstreams) -> None:
    """A rating is found by its id and by the secret of its mail, names of people included."""
    store = upstreams.world.ratings
    rated = Counter(each["case_id"] for each in store.ratings.values())
    row = next(
        each for each in store.ratings.values() if each["comment"] and rated[each["case_id"]] == 1
    )
    query = """query($case: ID!, $id: ID!, $hash: ID!, $wrong: ID!, $none: ID!) {
      rating(caseId: $case, ratingId: $id) { ...All }
      byHash: ratingByHash(caseId: $case, hash: $hash) { ...All }
      wrong: ratingByHash(caseId: $case, hash: $wrong) { score }
      none: rating(caseId: $case, ratingId: $none) { score }
    }
    fragment All on Rating {
      ratingId score comment creator { userId fullName } assignee { fullName } team { title }
    }"""
    variables = {
        "case": str(row["case_id"]),
        "id": str(row["id"]),
        "hash": row["hash"],
        "wrong": "no-such-hash",
        "none": UNKNOWN,
    }

    answer = gateway.ask(query, variables)

    data = answer.data
    assert data["rating"]["ratingId"] == str(row["id"])
    assert data["rating"]["comment"] == row["comment"]
    assert data["rating"]["score"] == row["score"]
    assert data["rating"]["creator"]["fullName"] == store.users[row["creator_id"]]["full_name"]
    assert data["byHash"]["ratingId"] == str(row["id"])
    assert (data["wrong"], data["none"]) == (None, None)
    assert row["hash"] not in answer.response.text
    assert upstreams.calls() == {"ratings.rating": 2, "ratings.rating_by_hash": 2}


def test_customer_cases_of_one_customer(gateway: Gateway, upstreams: Upstreams) -> None:
    """A customer's cases come whole in one call; a customer nobody knows is null, not empty."""
    store = upstreams.world.customer_cases
    customer = next(iter(store.cases.values()))["customerId"]
    query = """query($id: ID!, $none: ID!) {
      customerCases(customerId: $id) {
        customerCaseId number title description url status createdAt updatedAt
        customFields { name value }
        interactions { createdAt body linkUrl serviceId service contentType
          author { service serviceId handle name isBrandOwned } }
      }
      none: customerCases(customerId: $none) { title }
    }"""

    data = gateway.ask(query, {"id": customer, "none": "nobody"}).data

    rows = {row["id"]: row for row in store.cases.values() if row["customerId"] == customer}
    assert {each["customerCaseId"] for each in data["customerCases"]} == rows.keys()
    for each in data["customerCases"]:
        row = rows[each["customerCaseId"]]
        assert each["title"] == row["title"]
        assert [one["body"] for one in each["interactions"]] == [
            one["body"] for one in row["interactions"]
        ]
        assert {one["name"] for one in each["customFields"]} >= {"product", "urgency"}
    assert data["none"] is None
    assert upstreams.calls() == {"customer_cases.customer_cases": 2}


@pytest.mark.parametrize("field", ["cases", "notes", "programLists", "roles"])
def test_a_hub_without_a_program_has_no_lists(gateway: Gateway, field: str, odd: Any) -> None:
    """A list of a hub that cannot have it is an error naming the upstream, not an empty list."""
    query = f"query($hub: ID!) {{ {field}(hubId: $hub) {{ __typename }} }}"

    (error,) = gateway.ask(query, {"hub": str(odd.hub_without_program)}).body["errors"]

    assert error["path"] == [field]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["extensions"]["upstream"] == "action_management"
