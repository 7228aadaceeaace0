"""Answers that are given again without being made: over the real door, and never when they may not.

A gateway runs an operation by a plan when it comes for the second time, so an answer is ready from
the third time on.
"""

from collections.abc import Iterator

import pytest

from casegraph.edge.ready import ReadyAnswers
from support.gateway import Gateway, running_gateway
from support.upstreams import Upstreams, running_upstreams

LISTS = """query Lists($hub: ID!) {
  programLists(hubId: $hub) { id listId name type defaultItem { name } items { itemId name } }
  roles(hubId: $hub) { id name updatedAt }
}"""
AGES = "query Ages($hub: ID!) { roles(hubId: $hub) { name freshness { source ageSeconds } } }"
CONDITIONAL = "query Now($hub: ID!) { roles(hubId: $hub) @freshness(maxAgeSeconds: 0) { name } }"
HUB = {"hub": "96"}


class Given:
    """Counts how often an answer was found ready."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        find = ReadyAnswers.find

        def counting(answers: ReadyAnswers, *asked: object) -> object:
            found = find(answers, *asked)  # type: ignore[arg-type]  # handed on as they came
            self.times += found is not None
            return found

        patch.setattr(ReadyAnswers, "find", counting)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Return the count, which begins now."""
    return Given(monkeypatch)


@pytest.fixture
def vendor() -> Iterator[Upstreams]:
    """Start upstreams whose lists a test may change."""
    with running_upstreams(cases=20) as upstreams:
        yield upstreams


@pytest.fixture
def gateway(vendor: Upstreams) -> Iterator[Gateway]:
    """Start a gateway as shipped."""
    with running_gateway(vendor.as_shipped) as running:
        yield running


def asked(gateway: Gateway, query: str, times: int, **headers: str) -> list[bytes]:
    """Ask the same several times; returns the bodies."""
    return [gateway.ask(query, HUB, **headers).response.content for _ in range(times)]


def test_look_ups_are_given_as_bytes_from_the_third_time_on(gateway: Gateway, given: Given) -> None:
    """Every answer is the same, and says what the others say; the upstreams are asked once."""
    answers = [gateway.ask(LISTS, HUB) for _ in range(5)]

    assert given.times == 3
    assert len({answer.response.content for answer in answers}) == 1
    assert answers[0].data["programLists"][0]["items"]
    names = [sorted(answer.response.headers) for answer in answers]
    assert names == [names[0]] * 5
    assert len({answer.response.headers["x-request-id"] for answer in answers}) == 5
    assert "max-age=" in answers[-1].response.headers["cache-control"]


def test_both_media_types_get_theirs(gateway: Gateway, given: Given) -> None:
    """The bytes are the same, and leave under the type that was asked for."""
    asked(gateway, LISTS, 2)
    typed = gateway.ask(LISTS, HUB, accept="application/graphql-response+json")

    assert given.times == 1
    assert typed.response.headers["content-type"].startswith("application/graphql-response+json")
    assert typed.data["roles"]


def test_a_request_that_says_what_it_accepts_is_run(gateway: Gateway, given: Given) -> None:
    """`no-cache` asks the upstreams, and a time that is no time is refused as ever."""
    asked(gateway, LISTS, 3)
    assert given.times == 1

    asked(gateway, LISTS, 2, cache_control="no-cache")
    bad = gateway.ask(LISTS, HUB, x_deadline_ms="soon")

    assert given.times == 1
    assert bad.response.status_code == 400


@pytest.mark.parametrize("query", [AGES, CONDITIONAL], ids=["ages", "a directive"])
def test_what_depends_on_the_moment_is_run(gateway: Gateway, given: Given, query: str) -> None:
    """An age is another each second, and a field may say that it wants to be asked anew."""
    asked(gateway, query, 4)

    assert given.times == 0


def test_what_was_asked_anew_meanwhile_is_given_anew(
    gateway: Gateway, given: Given, vendor: Upstreams
) -> None:
    """A reader who insists on asking brings what is new to those who do not."""
    before = gateway.ask(LISTS, HUB).data["roles"]
    asked(gateway, LISTS, 3)
    role = vendor.world.action_management.hubs[96].roles[0]
    role["name"] = "Somebody else"

    asked(gateway, LISTS, 1, cache_control="no-cache")
    after = gateway.ask(LISTS, HUB).data["roles"]

    assert before[0]["name"] != after[0]["name"] == "Somebody else"
    assert given.times == 2


def test_errors_and_cases_are_made_each_time(gateway: Gateway, given: Given) -> None:
    """An answer with an error is no answer to keep, nor is one of what people edit."""
    query = "query Q($hub: ID!) { roles(hubId: $hub) { name } }"
    for _ in range(4):
        assert gateway.ask(query, {"hub": "no hub"}).codes
    asked(gateway, "query Q($hub: ID!) { cases(hubId: $hub, first: 1) { totalCount } }", 4)

    assert given.times == 0


def test_a_ready_answer_is_counted_as_the_others_are(gateway: Gateway, given: Given) -> None:
    """Whoever watches sees a query that went well."""
    asked(gateway, LISTS, 5)

    assert given.times == 3
    told = gateway.client.get(f"{gateway.url}/metrics").text
    assert 'casegraph_requests_total{outcome="ok",type="query"} 5.0' in told
