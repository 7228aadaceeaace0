"""What links need is asked while their cases are on the way, and never more than without that."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from support.gateway import Answer, Gateway, running_gateway
from support.patience import patience_with_upstreams
from support.registry import rehearsing
from support.rehearsed import until
from support.upstreams import Upstreams, running_upstreams

CASE = "query($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { caseId %s } }"
CASES = "query($hub: ID!) { cases(hubId: $hub, first: 3) { %s } }"
NOTES = "notes { nodes { noteId text } }"
REVIEWS = "reviews { nodes { reviewEntryId status } }"
LINKS = f"{NOTES} {REVIEWS}"
TWICE = CASE % f"{LINKS} }} again: case(hubId: $hub, caseId: $case) {{ {LINKS}"
MISSING = "2000000000"
"""The id of no case."""
REFRESHES = {"action_management.hub_notes": 1, "case_reviews.reviews_sweep": 1}
UNPACED = {"CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND": "0"}
PATIENCE_SECONDS = 60
"""Twice as long as a feed's call that was slow on a busy machine is reckoned to be slow."""
GIVEN_UP_SECONDS = 5
"""Less than any call waits for an answer here."""
FAILED_READS = 2
"""Attempts of a read of the reviews system that fails (reliability §3.1)."""
FOREVER = {"times": "forever"}
FAILING = {"kind": "status", "code": 503, **FOREVER}
NOTHING_OLD = {"CASEGRAPH_FRESHNESS__REVIEWS__STALE_IF_ERROR_SECONDS": "0"}


@pytest.fixture(scope="module")
def _own() -> Iterator[Upstreams]:
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture
def own(_own: Upstreams) -> Upstreams:
    """Return a sandbox whose calls nobody else makes, counted from here."""
    _own.mark()
    return _own


@pytest.fixture(scope="module")
def plain(_own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway that only makes direct calls."""
    with patient_gateway({**_own.environment, **UNPACED}) as running:
        yield running


@pytest.fixture(scope="module")
def fed(_own: Upstreams) -> Iterator[Gateway]:
    """Return a gateway as shipped whose feeds are filled."""
    with fed_gateway(_own) as running:
        yield running


@contextmanager
def patient_gateway(settings: dict[str, str]) -> Iterator[Gateway]:
    """Start a gateway for many tests, which stands before what gives each of them patience."""
    with ExitStack() as stack:
        with patience_with_upstreams():
            running = stack.enter_context(running_gateway(settings))
        yield running


@contextmanager
def fed_gateway(own: Upstreams, **settings: str) -> Iterator[Gateway]:
    """Start a gateway and ask until both feeds answer; calls are counted from here."""
    with patient_gateway({**own.as_shipped, **UNPACED, **settings}) as gateway:

        def is_filled() -> bool:
            own.mark()
            ask(gateway, own, CASES % f"nodes {{ {LINKS} }}")
            return not {"action_management.case_notes", "case_reviews.reviews"} & set(own.calls())

        until(is_filled, patience=PATIENCE_SECONDS)
        own.mark()
        yield gateway


def ask(
    gateway: Gateway, own: Upstreams, query: str, case: str | None = None, **headers: str
) -> Answer:
    """Ask about the hub with cases, and about its case with everything if not another."""
    odd = own.world.oddities
    variables = {"hub": str(odd.hub_with_program), "case": case or str(odd.case_with_everything)}
    used = {name: value for name, value in variables.items() if f"${name}" in query}
    return gateway.ask(query, used, **headers)


@contextmanager
def held(own: Upstreams, **operations: str) -> Iterator[None]:
    """Let calls of one operation of each named upstream hang until the context ends."""
    parts = {
        upstream: {"operations": {operation: [{"kind": "hang", **FOREVER}]}}
        for upstream, operation in operations.items()
    }
    with rehearsing(own, parts):
        yield


def arrived(own: Upstreams, answer: Future[Answer], *names: str) -> None:
    """Wait until the upstreams have been asked for these, before the answer is there."""
    until(lambda: answer.done() or set(names) <= set(own.calls()))
    assert not answer.done()


@contextmanager
def asked(
    gateway: Gateway, own: Upstreams, query: str, holding: str | None = None, **said: str
) -> Iterator[Future[Answer]]:
    """Ask in another thread, and wait for the answer when the context ends.

    Until then calls of the operation `holding` hang, from before the query is asked.
    """
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        if holding is not None:
            stack.enter_context(held(own, action_management=holding))
        yield pool.submit(ask, gateway, own, query, **said)


def while_held(gateway: Gateway, own: Upstreams, query: str, operation: str) -> Any:
    """Return the data of an answer whose refreshes have come while its cases were held."""
    with asked(gateway, own, query, operation) as answer:
        arrived(own, answer, f"action_management.{operation}", *REFRESHES)
    return answer.result().data


@pytest.mark.parametrize(
    "query",
    [
        CASE % LINKS,
        CASE % f"name mine: {NOTES} others: {REVIEWS}",
        CASE % f"... {{ {NOTES} }} ... on Case {{ ... on Node {{ ... on Case {{ {REVIEWS} }} }} }}",
        CASE % "...a" + " fragment a on Case { ...b notes { totalCount } } fragment b on Node {"
        " ...c } fragment c on Case { reviews(status: COMPLETE) { totalCount } }",
        TWICE,
    ],
    ids=["fields", "alias", "inline", "named", "twice"],
)
def test_the_links_of_a_case_are_under_way_before_the_case(
    fed: Gateway, own: Upstreams, plain: Gateway, query: str
) -> None:
    """While the case is held both refreshes come, each made once, and what is told is true."""
    data = while_held(fed, own, query, "case")

    assert own.calls() == {"action_management.case": 1, **REFRESHES}
    assert data["case"]
    assert data == ask(plain, own, query).data


@pytest.mark.parametrize(
    "query",
    [
        CASES % f"totalCount nodes {{ {LINKS} }}",
        CASES % f"edges {{ cursor node {{ {LINKS} }} }}",
        CASES % f"... on CaseConnection {{ nodes {{ {NOTES} }} edges {{ ... {{ ...a }} }} }}"
        + f" fragment a on CaseEdge {{ node {{ {REVIEWS} }} }}",
        CASES % "...a" + " fragment a on CaseConnection { edges { ...b } }"
        f" fragment b on CaseEdge {{ node {{ ...c ...d }} }} fragment c on Case {{ {NOTES} }}"
        f" fragment d on Node {{ ... on Case {{ {REVIEWS} }} }}",
    ],
    ids=["nodes", "edges", "inline", "named"],
)
def test_the_links_of_a_page_are_under_way_before_its_cases(
    fed: Gateway, own: Upstreams, plain: Gateway, query: str
) -> None:
    """While the page is held both refreshes come, each made once, and what is told is true."""
    data = while_held(fed, own, query, "case_query")

    assert own.calls() == {"action_management.case_query": 1, **REFRESHES}
    assert data["cases"]
    assert data == ask(plain, own, query).data


@pytest.mark.parametrize(
    ("link", "refresh"),
    [(NOTES, "action_management.hub_notes"), (REVIEWS, "case_reviews.reviews_sweep")],
)
def test_only_the_link_that_is_selected_is_begun(
    fed: Gateway, own: Upstreams, link: str, refresh: str
) -> None:
    """One link costs one refresh, beside a link that no feed is followed for."""
    with asked(fed, own, CASE % f"{link} customerCases {{ title }}", "case") as answer:
        arrived(own, answer, "action_management.case", refresh)
        calls = own.calls()

    assert answer.result().data["case"]
    assert calls == {"action_management.case": 1, refresh: 1}


def missing_calls(own: Upstreams) -> dict[str, int]:
    """Return what a case cost that is not there, but for a look whether its hub is."""
    return {name: n for name, n in own.calls().items() if name != "action_management.roles"}


def in_doubt(directive: str) -> str:
    """Return both links under a directive."""
    return f"notes {directive} {{ totalCount }} reviews {directive} {{ totalCount }}"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (CASE % in_doubt("@include(if: true)"), ""),
        (CASE % in_doubt("@skip(if: false)"), ""),
        (CASE % in_doubt("@freshness(maxAgeSeconds: 0)"), ""),
        (CASE % f"... @include(if: true) {{ {LINKS} }}", ""),
        (CASE % f"... on Case @skip(if: false) {{ {LINKS} }}", ""),
        (CASE % "...a @include(if: true)" + f" fragment a on Case {{ {LINKS} }}", ""),
        (CASE % "name ratings { totalCount }", ""),
        (CASE % "reviews: name notes: isClosed", ""),
        (CASE % LINKS, "no-cache"),
        (CASE % LINKS, "max-age=3600"),
    ],
)
def test_nothing_is_begun_for_a_link_in_doubt(
    fed: Gateway, own: Upstreams, query: str, says: str
) -> None:
    """A case that is not there then costs its own call only, however long that takes."""
    with asked(fed, own, query, "case", case=MISSING, Cache_Control=says) as answer:
        arrived(own, answer, "action_management.case")
        own.calls()  # which gives a call that should not come the time to come

    assert answer.result().data == {"case": None}
    assert missing_calls(own) == {"action_management.case": 1}


@pytest.mark.parametrize(
    "query",
    [
        CASES.replace("3", "3, filter: { isClosed: false }") % f"nodes {{ {LINKS} }}",
        CASES % f"nodes @include(if: true) {{ {LINKS} }}",
        CASES % f"edges {{ node @skip(if: false) {{ {LINKS} }} }}",
        CASES % "totalCount nodes { name }",
    ],
    ids=["filter", "nodes", "node", "unlinked"],
)
def test_nothing_is_begun_for_a_page_in_doubt(
    fed: Gateway, own: Upstreams, plain: Gateway, query: str
) -> None:
    """While the list is read for what may have no rows, nothing else is asked."""
    with asked(fed, own, query, "case_query") as answer:
        arrived(own, answer, "action_management.case_query")
        calls = own.calls()

    assert calls == {"action_management.case_query": 1}
    assert answer.result().data == ask(plain, own, query).data


def test_a_request_with_few_calls_left_begins_nothing_ahead(own: Upstreams) -> None:
    """Its fuse is for the cases first, and their links are answered all the same."""
    with fed_gateway(own, CASEGRAPH_FUSE_CALLS="9") as gateway:
        with asked(gateway, own, CASE % LINKS, "case") as answer:
            arrived(own, answer, "action_management.case")
            calls = own.calls()

        assert calls == {"action_management.case": 1}
        assert answer.result().data["case"]


@pytest.mark.parametrize("left_ms", ["1", "49"])
def test_a_request_without_time_begins_nothing_ahead(
    fed: Gateway, own: Upstreams, left_ms: str
) -> None:
    """What is too little for a case that nobody knows is too little for what it would need."""
    ask(fed, own, CASE % LINKS, MISSING, X_Deadline_Ms=left_ms)

    assert own.calls() == {}


def test_a_case_that_is_in_hand_costs_the_refreshes_alone(
    fed: Gateway, own: Upstreams, plain: Gateway
) -> None:
    """What a directive says of the case is nothing to its links, which are brought up to date."""
    ask(fed, own, CASE % "name")
    own.mark()
    query = CASE.replace("$case)", "$case) @freshness(maxAgeSeconds: 600)") % LINKS
    data = ask(fed, own, query).data

    assert own.calls() == REFRESHES
    assert data == ask(plain, own, CASE % LINKS).data


def test_a_refresh_begun_ahead_is_told_as_the_way_by_which_links_were_read(
    fed: Gateway, own: Upstreams
) -> None:
    """Who watches a request sees once for each link that a feed was the way."""
    answer = ask(fed, own, CASE % LINKS, X_Casegraph_Trace="1")
    choices = answer.body["extensions"]["trace"]["choices"]

    paths = [(each["need"], each["path"]) for each in choices if each["path"] != "direct"]
    assert sorted(paths) == [("notes", "feed"), ("reviews", "feed")]


def test_a_case_that_is_not_there_costs_a_refresh_each_at_most(
    fed: Gateway, own: Upstreams, plain: Gateway
) -> None:
    """The answer is null, and the next request is answered with the calls that it always costs."""
    missing = ask(fed, own, CASE % LINKS, MISSING).data
    calls = missing_calls(own)
    own.mark()
    data = ask(fed, own, CASE % LINKS).data

    assert missing == {"case": None}
    assert calls.pop("action_management.case") == 1
    assert calls.items() <= REFRESHES.items()
    assert own.calls() == {"action_management.case": 1, **REFRESHES}
    assert data == ask(plain, own, CASE % LINKS).data


def test_a_case_that_is_not_there_waits_for_no_refresh(
    fed: Gateway, own: Upstreams, plain: Gateway
) -> None:
    """The answer comes while the refreshes hang, and these are given up."""
    with held(own, action_management="hub_notes", case_reviews="reviews_sweep"):
        with asked(fed, own, TWICE, case=MISSING) as answer:
            pass
        traffic = own.sandbox.traffic.values()
        until(lambda: not any(t.snapshot()["in_flight"] for t in traffic), GIVEN_UP_SECONDS)
        missing, calls = answer.result().data, missing_calls(own)
    own.mark()

    assert missing == {"case": None, "again": None}
    assert calls.pop("action_management.case") == 1
    assert calls.items() <= REFRESHES.items()
    assert ask(fed, own, CASE % LINKS).data == ask(plain, own, CASE % LINKS).data


def test_a_page_of_everything_is_told_as_without_feeds(
    fed: Gateway, own: Upstreams, plain: Gateway
) -> None:
    """Sixty cases with their links are the same by either way, here for three calls."""
    query = CASES.replace("3", "100") % f"totalCount nodes {{ caseId {LINKS} }}"
    data = ask(fed, own, query).data
    calls = own.calls()

    assert calls == {"action_management.case_query": 1, **REFRESHES}
    assert len(data["cases"]["nodes"]) == data["cases"]["totalCount"]
    assert data == ask(plain, own, query).data


def test_a_refresh_that_fails_ahead_costs_its_own_field_only(own: Upstreams) -> None:
    """Nothing may stand in and the direct call fails too: one field is missing, all else is there.

    The refresh is not asked for again beyond what any read that fails is.
    """
    fault = {"case_reviews": {"operations": {"reviews_sweep": [FAILING], "reviews": [FAILING]}}}
    with fed_gateway(own, **NOTHING_OLD) as gateway:
        truth = ask(gateway, own, CASE % LINKS).data
        with rehearsing(own, fault):
            own.mark()
            answer = ask(gateway, own, CASE % LINKS)
            calls = own.calls()

    assert answer.codes == {"case.reviews": "UNAVAILABLE"}
    assert answer.partial["case"] == {**truth["case"], "reviews": None}
    assert calls["case_reviews.reviews_sweep"] == FAILED_READS
    assert calls["case_reviews.reviews"] <= FAILED_READS
    assert calls["action_management.hub_notes"] == calls["action_management.case"] == 1


def test_a_refresh_that_fails_ahead_leaves_the_case_to_a_direct_call(own: Upstreams) -> None:
    """Where only the changes cannot be read, the reviews of the case are asked for themselves."""
    fault = {"case_reviews": {"operations": {"reviews_sweep": [FAILING]}}}
    with fed_gateway(own, **NOTHING_OLD) as gateway:
        truth = ask(gateway, own, CASE % LINKS).data
        with rehearsing(own, fault):
            own.mark()
            data = ask(gateway, own, CASE % LINKS).data
            calls = own.calls("case_reviews")

    assert data == truth
    assert calls == {"case_reviews.reviews_sweep": FAILED_READS, "case_reviews.reviews": 1}


def test_what_is_held_stands_in_for_a_refresh_that_fails_ahead(own: Upstreams) -> None:
    """As shipped the reviews are told as they were, marked, and nothing is asked beside."""
    query = CASE % f"{NOTES} reviews {{ nodes {{ reviewEntryId freshness {{ reason }} }} }}"
    fault = {"case_reviews": {"operations": {"*": [FAILING]}}}
    with fed_gateway(own) as gateway:
        truth = ask(gateway, own, CASE % "reviews { nodes { reviewEntryId } }").data
        with rehearsing(own, fault):
            own.mark()
            entries = ask(gateway, own, query).data["case"]["reviews"]["nodes"]
            calls = own.calls("case_reviews")

    marked = {"freshness": {"reason": "UPSTREAM_UNAVAILABLE"}}
    assert entries == [{**each, **marked} for each in truth["case"]["reviews"]["nodes"]]
    assert entries
    assert calls == {"case_reviews.reviews_sweep": FAILED_READS}
