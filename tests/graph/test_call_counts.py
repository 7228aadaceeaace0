"""What a page of cases with notes, ratings and reviews costs, from nothing known to all known."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.crowd import at_once
from support.gateway import Answer, Gateway, running_gateway
from support.registry import rehearsing
from support.rehearsed import until
from support.stalls import timed
from support.upstreams import Upstreams, running_upstreams

PAGE = """query Page($hub: ID!, $first: Int!, $after: String) {
  cases(hubId: $hub, orderBy: { field: ID, direction: ASC }, first: $first, after: $after) {
    nodes {
      caseId name
      notes { nodes { noteId text } }
      ratings { nodes { ratingId score } }
      reviews { nodes { reviewEntryId status } }
    }
    pageInfo { endCursor }
  }
}"""
FILLS = ("hub_notes", "reviews_sweep", "reviews_count")
"""What only feeds ask for while this query runs."""
UNPACED = {"CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "0"}
PATIENCE_SECONDS = 60
"""Twice as long as a feed's call that was slow on a busy machine is reckoned to be slow."""


@pytest.fixture(scope="module")
def own() -> Iterator[Upstreams]:
    """Return a sandbox whose calls nobody else makes."""
    with running_upstreams(cases=400) as running:
        yield running


def ask(gateway: Gateway, own: Upstreams, first: int, **headers: str) -> Answer:
    """Ask for the first cases, with everything."""
    hub = str(own.world.oddities.hub_with_program)
    return gateway.ask(PAGE, {"hub": hub, "first": first}, **headers)


def direct(calls: dict[str, int]) -> int:
    """Return how many of the calls were the request's own."""
    return sum(number for name, number in calls.items() if name.split(".")[1] not in FILLS)


def filled(gateway: Gateway, own: Upstreams) -> None:
    """Ask until both feeds answer."""

    def is_filled() -> bool:
        own.mark()
        ask(gateway, own, 4)
        return not {"action_management.case_notes", "case_reviews.reviews"} & set(own.calls())

    until(is_filled, patience=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def plain(own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway that only makes direct calls."""
    with running_gateway({**own.environment, **UNPACED}) as running:
        yield running


def test_without_feeds_a_small_page_costs_the_calls_of_the_plain_way(own: Upstreams) -> None:
    """Nothing kept, followed or known: one page, and three calls for each case."""
    with running_gateway({**own.environment, **UNPACED}) as gateway:
        own.mark()
        assert ask(gateway, own, 19).data

    assert own.calls() == {
        "action_management.case_query": 1,
        "action_management.case_notes": 19,
        "case_reviews.reviews": 19,
        "ratings.ratings": 19,
    }


def test_without_feeds_a_hundred_cases_are_read_by_sweeps(own: Upstreams) -> None:
    """Notes come by pages of a thousand and a count, reviews by a count, pages and the changes."""
    notes = len(own.world.action_management.hubs[own.world.oddities.hub_with_program].notes)
    reviews = len(own.world.case_reviews.entries)
    with running_gateway({**own.environment, **UNPACED}) as gateway:
        own.mark()
        answer = ask(gateway, own, 100, X_Casegraph_Trace="1")
        cold, calls = answer.data, own.calls()
        choices = answer.body["extensions"]["trace"]["choices"]
        own.mark()
        fewer = ask(gateway, own, 19).data
        calls_of_fewer = own.calls()

    swept = {
        "action_management.hub_notes": 1 + -(-notes // 1000),
        "case_reviews.reviews_count": 1,
        "case_reviews.reviews_sweep": 1 + -(-reviews // 100),
    }
    assert calls == {"action_management.case_query": 1, **swept, "ratings.ratings": 100}
    assert calls_of_fewer == {"action_management.case_query": 1, **swept, "ratings.ratings": 19}
    with running_gateway({**own.as_shipped, **UNPACED}) as gateway:
        filled(gateway, own)
        fed = ask(gateway, own, 100).data
    assert cold == fed
    assert {each["path"] for each in choices if each["need"] != "ratings"} == {"sweep"}
    assert fewer["cases"]["nodes"] == fed["cases"]["nodes"][:19]


def test_a_page_gets_cheaper_with_what_is_known(plain: Gateway, own: Upstreams) -> None:
    """Cold no more than the plain way, the fill apart; filled 23 calls; within a minute 3."""
    with running_gateway({**own.as_shipped, **UNPACED}) as gateway:
        own.mark()
        cold = ask(gateway, own, 20).data
        assert direct(own.calls()) <= 61
        filled(gateway, own)
        own.mark()
        warm = ask(gateway, own, 20).data
        assert sum(own.calls().values()) <= 4
    with running_gateway({**own.as_shipped, **UNPACED}) as gateway:
        ask(gateway, own, 1)
        filled(gateway, own)
        own.mark()
        unrated = gateway.ask(PAGE, {**_after(gateway, own, 5), "first": 20}).data
        assert sum(own.calls().values()) - 1 <= 24

    assert cold == warm == ask(plain, own, 20).data
    assert unrated == plain.ask(PAGE, {**_after(plain, own, 5), "first": 20}).data


def _after(gateway: Gateway, own: Upstreams, number: int) -> dict[str, Any]:
    """Return variables for what follows the first cases; costs a call."""
    hub = str(own.world.oddities.hub_with_program)
    query = PAGE.replace("{\n      caseId", "{ caseId } pageInfo { endCursor } } }#")
    page = gateway.ask(query.partition("#")[0], {"hub": hub, "first": number}).data["cases"]
    return {"hub": hub, "after": page["pageInfo"]["endCursor"]}


def test_a_hundred_cases_cost_no_more_than_twenty_but_for_ratings(
    plain: Gateway, own: Upstreams
) -> None:
    """Filled: 103 calls with ratings unknown, and 3 while they are known."""
    with running_gateway({**own.as_shipped, **UNPACED}) as gateway:
        ask(gateway, own, 4)
        filled(gateway, own)
        own.mark()
        ask(gateway, own, 100)
        assert sum(own.calls().values()) <= 104
        own.mark()
        known = ask(gateway, own, 100).data
        assert sum(own.calls().values()) <= 5

    assert known == ask(plain, own, 100).data


def test_twenty_clients_at_the_same_moment_cost_the_calls_of_one(own: Upstreams) -> None:
    """Equal calls of requests in flight are one."""
    slow = {
        name: {"operations": {"*": [{"kind": "slow", "delay_ms": 600, "times": "forever"}]}}
        for name in ("action_management", "case_reviews", "ratings")
    }
    settings = {**own.as_shipped, **UNPACED, "CASEGRAPH_CASE_REVIEWS__CONCURRENCY": "8"}
    with running_gateway(settings) as gateway:
        ask(gateway, own, 4)
        filled(gateway, own)
        with rehearsing(own, slow):
            own.mark()
            answers = at_once(gateway, 20, lambda each: ask(each, own, 4))
            calls = own.calls()

    assert len({str(answer.data) for answer in answers}) == 1
    assert calls == {
        "action_management.case_query": 1,
        "action_management.hub_notes": 1,
        "case_reviews.reviews_sweep": 1,
    }


def test_a_paced_upstream_costs_its_own_fields_and_only_the_first_time(
    plain: Gateway, own: Upstreams
) -> None:
    """By the deadline all but the reviews that could not be had, each named; then all of them."""
    paced = {
        "CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "4",
        "CASEGRAPH_CASE_REVIEWS__BURST": "1",
        "CASEGRAPH_CASE_REVIEWS__CONCURRENCY": "1",
    }
    with running_gateway({**own.as_shipped, **paced}) as gateway:
        with timed() as took:
            first = ask(gateway, own, 20, x_deadline_ms="1500")
        assert took.seconds < 2
        gaps = set(first.codes)
        assert gaps
        # The last call that has a place in time may be answered late on a busy machine.
        late = [code for code in first.codes.values() if code != "RATE_LIMITED"]
        assert late in ([], ["DEADLINE_EXCEEDED"])
        assert len(gaps) > len(late)
        assert all(path.endswith(".reviews") for path in gaps)
        cases = first.partial["cases"]["nodes"]
        assert all(case["notes"] and case["ratings"] for case in cases)
        missing = [index for index, case in enumerate(cases) if case["reviews"] is None]
        assert {f"cases.nodes.{index}.reviews" for index in missing} == gaps
        filled(gateway, own)
        with timed() as took:
            second = ask(gateway, own, 20).data
        assert took.seconds < 1.5

    assert second == ask(plain, own, 20).data


def test_a_plan_beyond_the_fuse_is_refused_before_its_first_call(own: Upstreams) -> None:
    """A batch that needs more calls than are left makes none; the others go on."""
    settings = {**own.environment, **UNPACED, "CASEGRAPH_FUSE_CALLS": "45"}
    with running_gateway(settings) as gateway:
        own.mark()
        answer = ask(gateway, own, 19)
        calls = own.calls()

    assert set(answer.codes.values()) == {"LIMIT_EXCEEDED"}
    assert len(answer.codes) == 19
    assert sum(calls.values()) == 39
    assert sorted(calls.values()) == [1, 19, 19]


def test_back_links_that_lie_close_together_come_by_pages(own: Upstreams) -> None:
    """Once the hub's list was seen, twenty ways back cost two pages, and details what they cost."""
    ids = [str(row["case_id"]) for row in own.world.case_reviews.entries.values()][:40]
    query = "query { reviewEntries(first: 40) { nodes { caseId: reviewEntryId case { %s } } } }"
    with running_gateway({**own.environment, **UNPACED}) as gateway:
        own.mark()
        cold = gateway.ask(query % "caseId name").data
        cold_calls = own.calls("action_management")
        ask(gateway, own, 1)
        own.mark()
        warm = gateway.ask(query % "caseId name").data
        warm_calls = own.calls("action_management")
        own.mark()
        gateway.ask(query % "caseId dueAt")
        detailed = own.calls("action_management")

    different = cold_calls["action_management.case"]
    assert set(cold_calls) == {"action_management.case"}
    assert different <= len(set(ids))
    assert warm == cold
    assert set(warm_calls) <= {"action_management.case_query", "action_management.case"}
    assert sum(warm_calls.values()) < different / 2
    assert detailed == {"action_management.case": different}


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ("cases(hubId: $hub) { totalCount }", {"action_management.case_query": 1}),
        ("notes(hubId: $hub) { totalCount __typename }", {"action_management.hub_notes": 1}),
        ("reviewEntries { totalCount }", {"case_reviews.reviews_count": 1}),
    ],
)
def test_a_count_alone_fetches_no_rows(
    plain: Gateway, own: Upstreams, query: str, calls: dict[str, int]
) -> None:
    """Where the upstream can count, a question for the total only is one call without rows."""
    hub = own.world.oddities.hub_with_program
    own.mark()
    head = "query($hub: ID!) " if "$hub" in query else ""
    data = plain.ask(f"{head}{{ list: {query} }}", {"hub": str(hub)}).data

    assert own.calls() == calls
    store = own.world.action_management.hubs[hub]
    truth = {"cases": len(store.cases), "notes": len(store.notes)}
    wanted = truth.get(query.partition("(")[0], len(own.world.case_reviews.entries))
    assert data["list"]["totalCount"] == wanted
