"""Forward paging of every list: each row exactly once, at the cost that was asked for."""

from typing import Any

import pytest

from support.gateway import Gateway
from support.paging import rows, walk
from support.upstreams import Upstreams

OF_CASE = """query($hub: ID!, $case: ID!, $first: Int, $after: String) {
  case(hubId: $hub, caseId: $case) { page: %s(first: $first, after: $after) {
    nodes { %s } edges { cursor node { %s } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}"""
LISTS = {"notes": "noteId", "reviews": "reviewEntryId", "ratings": "ratingId"}
REVIEWS = """query($first: Int, $after: String, $filter: ReviewEntryFilter) {
  reviewEntries(first: $first, after: $after, filter: $filter) {
    nodes { reviewEntryId } %s pageInfo { %s }
  }
}"""


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize("first", [1, 2, 100])
def test_lists_of_a_case(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any, field: str, first: int
) -> None:
    """Notes, reviews and ratings of a case come whole however they are cut, one call a page."""
    name = LISTS[field]
    query = OF_CASE % (field, name, name)
    variables = {"hub": hub, "case": str(odd.case_with_everything), "first": first}
    whole = rows(walk(gateway, query, {**variables, "first": 100}, "case", "page"), name)
    upstreams.mark()

    pages = walk(gateway, query, variables, "case", "page")

    assert rows(pages, name) == whole
    assert len(set(whole)) == len(whole) > 1
    assert all(len(page) == first for page in pages[:-1])
    by_upstream = {key: n for key, n in upstreams.calls().items() if not key.endswith(".case")}
    assert list(by_upstream.values()) == [len(pages)]


def test_page_info_tells_where_a_page_stands(gateway: Gateway, hub: str, odd: Any) -> None:
    """Cursors of rows and of the page agree, and any row's cursor can be gone on from."""
    query = OF_CASE % ("notes", "noteId", "noteId")
    variables = {"hub": hub, "case": str(odd.case_with_everything), "first": 3}

    first = gateway.ask(query, variables).data["case"]["page"]
    second = gateway.ask(query, {**variables, "after": first["edges"][0]["cursor"]})
    page = second.data["case"]["page"]

    assert first["pageInfo"]["startCursor"] == first["edges"][0]["cursor"]
    assert first["pageInfo"]["endCursor"] == first["edges"][-1]["cursor"]
    assert (first["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasPreviousPage"]) == (
        False,
        True,
    )
    assert page["nodes"][:2] == first["nodes"][1:]
    assert page["totalCount"] == first["totalCount"]
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]


def test_an_empty_list_has_no_cursors(gateway: Gateway, hub: str, odd: Any) -> None:
    """A list without rows has neither cursors nor pages around it."""
    query = OF_CASE % ("reviews", "id", "id")

    data = gateway.ask(query, {"hub": hub, "case": str(odd.case_without_links)}).data

    assert data["case"]["page"]["totalCount"] == 0
    assert set(data["case"]["page"]["pageInfo"].values()) == {False, None}


def test_system_notes_can_be_left_out(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """Notes with and without those of the system are two lists over one call."""
    query = """query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
      all: notes(first: 100) { nodes { noteId isSystemGenerated createdAt } totalCount }
      human: notes(first: 100, includeSystem: false) { nodes { noteId } totalCount }
    } }"""

    case = gateway.ask(query, {"hub": hub, "case": str(odd.case_with_everything)}).data["case"]

    human = [note["noteId"] for note in case["all"]["nodes"] if not note["isSystemGenerated"]]
    assert [note["noteId"] for note in case["human"]["nodes"]] == human
    assert case["human"]["totalCount"] == len(human) < case["all"]["totalCount"]
    moments = [note["createdAt"] for note in case["all"]["nodes"]]
    assert moments == sorted(moments)
    assert upstreams.calls()["action_management.case_notes"] == 1


@pytest.mark.parametrize("first", [7, 50, 100])
def test_review_entries_of_all_cases(gateway: Gateway, upstreams: Upstreams, first: int) -> None:
    """The reviews system's pages are cut into ours; every entry comes once, oldest first."""
    query = REVIEWS % ("totalCount", "hasNextPage endCursor")

    pages = walk(gateway, query, {"first": first}, "reviewEntries")

    ids = rows(pages, "reviewEntryId")
    assert ids == [str(key) for key in sorted(upstreams.world.case_reviews.entries)]
    assert all(len(page) == first for page in pages[:-1])


@pytest.mark.parametrize("size", [99, 100, 101, 200])
def test_an_exactly_full_last_page_is_the_last(
    lab_gateway: Gateway, lab: Upstreams, size: int
) -> None:
    """When the vendor's last page is exactly full, the walk ends after it, with one look more."""
    store = lab.world.case_reviews
    pattern = next(iter(store.entries.values()))
    added = {key: {**pattern, "id": key, "review_id": 77} for key in range(90_000, 90_000 + size)}
    store.entries.update(added)
    try:
        query = REVIEWS % ("totalCount", "hasNextPage endCursor")
        variables = {"first": 100, "filter": {"reviewId": "77"}}
        pages = walk(lab_gateway, query, variables, "reviewEntries")
        calls = lab.calls()
    finally:
        for key in added:
            del store.entries[key]

    assert rows(pages, "reviewEntryId") == [str(key) for key in added]
    assert len(pages) == -(-size // 100)
    if size == 100:
        assert calls == {"case_reviews.reviews_sweep": 2, "case_reviews.reviews_count": 1}


def test_rows_alone_cost_neither_a_count_nor_a_look_ahead(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """What a full page of reviews costs grows only with what is asked of it."""
    costs = {
        ("", "endCursor"): {"case_reviews.reviews_sweep": 1},
        ("", "hasNextPage"): {"case_reviews.reviews_sweep": 2},
        ("totalCount", "endCursor"): {
            "case_reviews.reviews_sweep": 1,
            "case_reviews.reviews_count": 1,
        },
    }
    for selected, expected in costs.items():
        upstreams.mark()
        data = gateway.ask(REVIEWS % selected, {"first": 100}).data
        assert len(data["reviewEntries"]["nodes"]) == 100
        assert upstreams.calls() == expected
    assert data["reviewEntries"]["totalCount"] == len(upstreams.world.case_reviews.entries)


def test_a_half_page_of_reviews_tells_more_for_nothing(
    gateway: Gateway, upstreams: Upstreams
) -> None:
    """Pages are read whole, so the next rows of the same page need no second call."""
    data = gateway.ask(REVIEWS % ("", "hasNextPage"), {"first": 30}).data

    assert data["reviewEntries"]["pageInfo"]["hasNextPage"] is True
    assert upstreams.calls() == {"case_reviews.reviews_sweep": 1}


@pytest.mark.parametrize("first", [1, 2, 100])
def test_ratings_of_a_case_in_the_vendors_pages(
    gateway: Gateway, upstreams: Upstreams, odd: Any, first: int
) -> None:
    """The ratings system's own pages fit together, one call each, totals for nothing."""
    query = """query($case: ID!, $first: Int, $after: String) {
      ratings(caseId: $case, first: $first, after: $after) {
        nodes { ratingId } totalCount pageInfo { hasNextPage endCursor } }
    }"""
    case = odd.case_with_everything
    expected = [
        str(key)
        for key, row in sorted(upstreams.world.ratings.ratings.items())
        if row["case_id"] == case
    ]

    pages = walk(gateway, query, {"case": str(case), "first": first}, "ratings")

    assert rows(pages, "ratingId") == expected
    assert upstreams.calls() == {"ratings.ratings": -(-3 // first)}


CONNECTIONS = {
    "cases": "cases(hubId: 96, %s) { nodes { id } }",
    "filtered": "cases(hubId: 96, filter: { isClosed: true }, %s) { nodes { id } }",
    "notes": "notes(hubId: 96, %s) { nodes { id } }",
    "reviewEntries": "reviewEntries(%s) { nodes { id } }",
    "ratings": "ratings(caseId: 345133, %s) { nodes { id } }",
}


@pytest.mark.parametrize("field", CONNECTIONS)
@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("first: 0", "INVALID_ARGUMENT"),
        ("first: -1", "INVALID_ARGUMENT"),
        ("first: 101", "INVALID_ARGUMENT"),
        ("first: 2147483647", "INVALID_ARGUMENT"),
        ('after: ""', "INVALID_CURSOR"),
        ('after: "garbage"', "INVALID_CURSOR"),
        ('after: "ÿ"', "INVALID_CURSOR"),
        ('after: "AAAAAAAAAAAAAAAAAAAAAAAA"', "INVALID_CURSOR"),
    ],
)
def test_bad_pages_cost_no_call(
    gateway: Gateway, upstreams: Upstreams, field: str, argument: str, code: str
) -> None:
    """A page size outside 1 to 100 and a cursor that is none are refused before anything."""
    answer = gateway.ask(f"{{ page: {CONNECTIONS[field] % argument} }}")

    assert answer.codes == {"page": code}
    assert upstreams.calls() == {}


def test_a_cursor_belongs_to_one_list_of_one_filter(
    gateway: Gateway, upstreams: Upstreams, hub: str, odd: Any
) -> None:
    """A cursor of another list, hub, filter or order, or damaged by one letter, costs no call."""
    document = """query($after: String) {
      cases(hubId: %s, first: 1, after: $after, %s) { pageInfo { endCursor } }
    }"""
    given = gateway.ask(document % (hub, "filter: { isClosed: true }")).data
    cursor = given["cases"]["pageInfo"]["endCursor"]
    upstreams.mark()
    others = [
        (hub, "filter: { isClosed: false }"),
        (hub, 'filter: { isClosed: true, createdFrom: "2020-01-01T00:00:00Z" }'),
        (hub, "filter: { isClosed: true }, orderBy: { field: ID, direction: ASC }"),
        (hub, "filter: { isClosed: true }, vendorFilters: []"),
        (odd.hub_without_program, "filter: { isClosed: true }"),
    ]

    for other in others:
        answer = gateway.ask(document % other, {"after": cursor})
        assert answer.codes == {"cases": "INVALID_CURSOR"}, other
    for place in range(len(cursor)):
        damaged = cursor[:place] + chr(ord(cursor[place]) ^ 1) + cursor[place + 1 :]
        answer = gateway.ask(document % (hub, "filter: { isClosed: true }"), {"after": damaged})
        assert answer.codes == {"cases": "INVALID_CURSOR"}, place
    assert upstreams.calls() == {}


def test_a_filter_is_the_same_list_however_it_is_written(gateway: Gateway, hub: str) -> None:
    """The order of ids in a filter and the zone of its bounds do not make another list."""
    query = """query($filter: CaseFilter, $after: String) {
      cases(hubId: 96, first: 2, after: $after, filter: $filter) {
        nodes { caseId } pageInfo { endCursor } }
    }"""
    ids = [str(item) for item in range(11001, 11012)]
    one = {"severityItemIds": ids, "createdFrom": "2020-01-01T00:00:00Z"}
    same = {"createdFrom": "2020-01-01T05:30:00+05:30", "severityItemIds": ids[::-1]}
    cursor = gateway.ask(query, {"filter": one}).data["cases"]["pageInfo"]["endCursor"]

    pages = [
        gateway.ask(query, {"filter": chosen, "after": cursor}).data["cases"]["nodes"]
        for chosen in (one, same)
    ]

    assert pages[0] == pages[1] != []
