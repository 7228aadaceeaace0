"""Two identities at once on a warm cache, over a real gateway and upstreams that know people.

Anna may see everything, Ben not the one case with everything, Mallory is unknown. Nobody gets what
was read as somebody else, and what one of them is refused costs the others nothing.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from casegraph.app import create_gateway
from casegraph.checks import check_upstreams
from casegraph.settings import load_settings
from support.gateway import Answer, Gateway, running_gateway
from support.raw_client import call
from support.redis_server import needs_redis, running_redis
from support.rights import RATINGS_HEADER, SERVICE, UPSTREAMS, GuardedUpstreams, guarded_upstreams

ANNA, BEN, MALLORY = "Bearer c4n4ry-anna", "Bearer c4n4ry-ben", "Bearer c4n4ry-mallory"
PAGE = """query Page($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) {
  name roles { name } notes { nodes { text } } reviews { nodes { status review { name } } }
  ratings { nodes { score comment } } customerCases { title } } }"""
REVIEWS = "{ reviewEntries(first: 100) { nodes { reviewEntryId case { caseId } } } }"
RENAME = """mutation($input: UpdateCaseInput!) { updateCase(input: $input) {
  outcome isRepeated userErrors { code upstream } case { name } } }"""


@pytest.fixture(scope="module")
def _house() -> Iterator[tuple[GuardedUpstreams, Gateway]]:
    people: dict[str, set[int]] = {ANNA: set(), BEN: set()}
    with guarded_upstreams(people) as upstreams:
        people[BEN].add(upstreams.world.oddities.case_with_everything)
        headers = dict.fromkeys(UPSTREAMS, "Authorization")
        with running_gateway(upstreams.environment(**headers)) as gateway:
            yield upstreams, gateway


@pytest.fixture
def house(_house: tuple[GuardedUpstreams, Gateway]) -> tuple[GuardedUpstreams, Gateway]:
    """Return the guarded upstreams and the gateway over them, calls counted from here."""
    upstreams, gateway = _house
    upstreams.guard.visits.clear()
    upstreams.guard.redirects = False
    return upstreams, gateway


def special(upstreams: GuardedUpstreams) -> dict[str, str]:
    """Return the variables of the case that Ben may not see."""
    oddities = upstreams.world.oddities
    return {"hub": str(oddities.hub_with_program), "case": str(oddities.case_with_everything)}


def common(upstreams: GuardedUpstreams) -> dict[str, str]:
    """Return the variables of a case that both may see."""
    oddities = upstreams.world.oddities
    return {"hub": str(oddities.hub_with_program), "case": str(oddities.case_with_padded_customer)}


def ask_as(gateway: Gateway, who: str, query: str, variables: Any = None, **more: str) -> Answer:
    """Ask with this credential."""
    return gateway.ask(query, variables, authorization=who, **more)


def test_two_identities_at_once_on_a_warm_cache(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """Each gets its own view every time; once warm, neither costs a call."""
    upstreams, gateway = house
    place = special(upstreams)
    annas = ask_as(gateway, ANNA, PAGE, place).data
    assert annas["case"]["ratings"]["nodes"]
    assert annas["case"]["reviews"]["nodes"]
    upstreams.guard.visits.clear()

    with ThreadPoolExecutor(8) as pool:
        asked = [(who, pool.submit(ask_as, gateway, who, PAGE, place)) for who in [ANNA, BEN] * 10]
        told = [(who, answer.result().body) for who, answer in asked]

    assert [body for who, body in told if who == ANNA] == [{"data": annas}] * 10
    bens = [body for who, body in told if who == BEN]
    assert [body["data"] for body in bens] == [{"case": None}] * 10
    assert upstreams.guard.calls(ANNA) == {}
    assert set(upstreams.guard.calls(BEN)) == {"ACTION_MANAGEMENT"}
    assert upstreams.guard.calls(BEN)["ACTION_MANAGEMENT"] <= 3
    upstreams.guard.visits.clear()

    assert ask_as(gateway, BEN, PAGE, place).body["data"] == {"case": None}
    assert sum(upstreams.guard.calls(BEN).values()) <= 1


def test_the_same_answer_is_read_for_each_by_itself(
    house: tuple[GuardedUpstreams, Gateway],
) -> None:
    """What both may see costs each of them its own calls, once."""
    upstreams, gateway = house
    place = common(upstreams)
    calls = []
    for who in (ANNA, BEN):
        answer = ask_as(gateway, who, PAGE, place)
        assert answer.data["case"]["name"]
        calls.append(upstreams.guard.calls(who))
    again = ask_as(gateway, BEN, PAGE, place).data

    assert again == answer.data
    assert upstreams.guard.calls(BEN) == calls[1]
    assert set(calls[1]) == set(UPSTREAMS)
    assert upstreams.guard.calls(SERVICE) == {}


def test_lists_and_ways_back_hold_to_it_too(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """A list that one has read, and where its rows lead, is not shown to the other."""
    upstreams, gateway = house
    hidden = special(upstreams)["case"]

    def cases(who: str) -> set[str]:
        rows = ask_as(gateway, who, REVIEWS).partial["reviewEntries"]["nodes"]
        return {row["case"]["caseId"] for row in rows if row["case"] is not None}

    assert hidden in cases(ANNA)
    assert hidden not in cases(BEN)
    assert hidden in cases(ANNA)


def test_who_brings_nothing_is_told_so_and_costs_nothing(
    house: tuple[GuardedUpstreams, Gateway],
) -> None:
    """Not even what is kept is given; the code is its own, and the upstream is named."""
    upstreams, gateway = house
    ask_as(gateway, ANNA, PAGE, special(upstreams))
    upstreams.guard.visits.clear()

    answer = gateway.ask(PAGE, special(upstreams))

    assert answer.codes == {"case": "CREDENTIALS_MISSING"}
    assert answer.body["errors"][0]["extensions"]["upstream"] == "action_management"
    assert answer.partial == {"case": None}
    assert upstreams.guard.visits == []
    assert "authorization" in answer.response.headers["vary"].lower()


def test_a_credential_that_is_refused_costs_the_others_nothing(
    house: tuple[GuardedUpstreams, Gateway],
) -> None:
    """Thirty refusals open no breaker and hold nobody; the refused one is told every time."""
    upstreams, gateway = house
    place = common(upstreams)
    ask_as(gateway, ANNA, PAGE, place)

    codes = [ask_as(gateway, MALLORY, PAGE, place).codes for _ in range(30)]
    annas = ask_as(gateway, ANNA, PAGE, place, cache_control="no-cache")

    assert codes == [{"case": "UNAVAILABLE"}] * 30
    assert upstreams.guard.calls(MALLORY)["ACTION_MANAGEMENT"] == 30
    assert annas.data["case"]["name"]
    assert set(upstreams.guard.calls(ANNA)) == set(UPSTREAMS)


def test_a_write_by_one_is_seen_by_the_other(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """What was kept for Ben is forgotten when Anna writes; her outcome is not told to him."""
    upstreams, gateway = house
    place = common(upstreams)
    ask_as(gateway, BEN, PAGE, place)
    wish = {
        "input": {
            "hubId": place["hub"],
            "caseId": place["case"],
            "name": "Renamed by Anna",
            "clientMutationId": "one",
        }
    }

    written = ask_as(gateway, ANNA, RENAME, wish).data["updateCase"]
    assert written["outcome"] == "APPLIED"
    assert ask_as(gateway, BEN, PAGE, place).data["case"]["name"] == "Renamed by Anna"
    bens = ask_as(gateway, BEN, RENAME, wish).data["updateCase"]
    annas = ask_as(gateway, ANNA, RENAME, wish).data["updateCase"]

    assert (bens["outcome"], bens["isRepeated"]) == ("UNCHANGED", False)
    assert (annas["outcome"], annas["isRepeated"]) == ("APPLIED", True)
    nobodys = gateway.ask(RENAME, wish).partial["updateCase"]
    assert nobodys["userErrors"] == [
        {"code": "CREDENTIALS_MISSING", "upstream": "action_management"}
    ]


@pytest.mark.parametrize(
    "value",
    [
        f"{ANNA}\r\nX-Smuggled: 1\r\n\r\nGET /livez HTTP/1.1",
        f"{ANNA}\n",
        f"{ANNA}\nX-Smuggled: 1",
        f"{ANNA}\r\n continued",
        f"{ANNA}\x00",
        f"{ANNA}\x01",
        f"{ANNA}\u2028",
        f"{ANNA}{'x' * 9000}",
    ],
    ids=["split", "line", "line-header", "fold", "nul", "control", "unicode", "long"],
)
def test_no_header_carries_more_than_a_credential(
    house: tuple[GuardedUpstreams, Gateway], value: str
) -> None:
    """A line break, a control character or no end: the request is refused and nothing goes on."""
    upstreams, gateway = house
    body = json.dumps({"query": PAGE, "variables": special(upstreams)}).encode()
    headers = {"Content-Type": "application/json", "Authorization": value}

    heard = call("POST", f"{gateway.url}/graphql", headers, body)

    assert heard.status == 400
    assert heard.json["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert b"c4n4ry" not in heard.data
    assert upstreams.guard.visits == []


def test_two_credentials_at_once_are_refused(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """Which of them counts is nobody's to guess."""
    upstreams, gateway = house
    pairs = [("authorization", ANNA), ("authorization", BEN)]

    answer = gateway.client.post(
        f"{gateway.url}/graphql", json={"query": "{ __typename }"}, headers=pairs
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "c4n4ry" not in answer.text
    assert upstreams.guard.visits == []


def test_a_redirect_is_not_followed(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """Where an upstream points to is not told the credential."""
    upstreams, gateway = house
    upstreams.guard.redirects = True

    answer = ask_as(gateway, ANNA, PAGE, common(upstreams), cache_control="no-cache")

    assert answer.codes == {"case": "UPSTREAM_CONTRACT"}
    assert {visit.person for visit in upstreams.guard.visits} == {ANNA}
    assert "/elsewhere" not in {visit.path for visit in upstreams.guard.visits}


def test_a_credential_is_told_to_nobody_else(
    house: tuple[GuardedUpstreams, Gateway],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither answers, traces, metrics, log lines nor the terminal hold any of it."""
    upstreams, gateway = house
    caplog.set_level("DEBUG")
    said = [
        ask_as(gateway, who, PAGE, place, x_casegraph_trace="1").response
        for who in (ANNA, BEN, MALLORY, f"{MALLORY}\u0001")
        for place in (special(upstreams), common(upstreams))
    ]
    said.append(gateway.client.get(f"{gateway.url}/metrics"))

    terminal = "".join(capfd.readouterr())
    everything = [caplog.text, terminal, *(each.text + str(each.headers) for each in said)]
    assert not any("c4n4ry" in text for text in everything)


def test_a_plan_says_that_there_is_no_feed(house: tuple[GuardedUpstreams, Gateway]) -> None:
    """It is made as the caller and asks nobody."""
    upstreams, gateway = house

    answer = ask_as(gateway, ANNA, REVIEWS, x_casegraph_explain="plan")
    page = ask_as(gateway, MALLORY, PAGE, common(upstreams), x_casegraph_explain="plan")

    assert answer.body["data"] is None
    states = {step["state"] for step in page.body["extensions"]["explain"]["steps"]}
    assert "no feed: asked as its callers" in states
    assert upstreams.guard.visits == []


def test_one_upstream_as_its_callers_and_the_rest_as_the_service(
    house: tuple[GuardedUpstreams, Gateway],
) -> None:
    """The credential goes to that upstream alone, and only its fields miss it."""
    upstreams, _ = house
    place = common(upstreams)
    with running_gateway(upstreams.environment(RATINGS="X-Ratings-Token")) as gateway:
        without = gateway.ask(PAGE, place)
        told = gateway.ask(PAGE, place, x_ratings_token=ANNA, authorization=MALLORY)

    assert without.codes == {"case.ratings": "CREDENTIALS_MISSING"}
    assert without.partial["case"]["name"]
    assert told.data["case"]["ratings"]
    assert upstreams.guard.calls(ANNA).keys() == {"RATINGS"}
    assert upstreams.guard.calls(MALLORY) == {}
    for visit in upstreams.guard.visits:
        assert (RATINGS_HEADER in visit.headers) is (visit.upstream == "RATINGS")


@needs_redis
@pytest.mark.usefixtures("patient_with_redis")
def test_processes_with_one_secret_share_what_a_caller_has_read(
    house: tuple[GuardedUpstreams, Gateway], tmp_path: Path
) -> None:
    """With it the second process asks nothing for Anna; without it nothing is shared.

    Redis holds no credential in either case.
    """
    upstreams, _ = house
    place = special(upstreams)
    with running_redis(tmp_path) as redis:
        for secret, shares in (("s" * 32, True), (None, False)):
            environment = upstreams.environment(**dict.fromkeys(UPSTREAMS, "Authorization"))
            environment["CASEGRAPH_CACHE__URL"] = redis.url
            if secret is not None:
                environment["CASEGRAPH_CACHE__SECRET"] = secret
            with running_gateway(environment) as one:
                annas = ask_as(one, ANNA, PAGE, place).data
            upstreams.guard.visits.clear()
            with running_gateway(environment) as other:
                assert ask_as(other, BEN, PAGE, place).body["data"] == {"case": None}
                assert ask_as(other, ANNA, PAGE, place).data == annas
            assert (not upstreams.guard.calls(ANNA)) is shares
        admin = redis.admin()
        keys = admin.keys()
        kept = b"".join([*keys, *(admin.get(key) or b"" for key in keys if _is_text(admin, key))])
        admin.close()
    assert keys
    assert b"c4n4ry" not in kept


def _is_text(admin: Any, key: bytes) -> bool:
    return bool(admin.type(key) == b"string")


async def test_a_check_does_not_try_what_only_callers_can(
    house: tuple[GuardedUpstreams, Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither good nor bad news, and no call is made for it."""
    upstreams, _ = house
    for name, value in upstreams.environment(RATINGS="X-Ratings-Token").items():
        monkeypatch.setenv(name, value)
    gateway = create_gateway(load_settings())

    found = {each.upstream: each for each in await check_upstreams(gateway.wired.sources, ())}
    await gateway.close()

    assert {name: each.ok for name, each in found.items()} == {
        "action_management": True,
        "case_reviews": True,
        "ratings": None,
        "customer_cases": True,
    }
    assert found["ratings"].text == "asked as its callers, so not tried from here"
    assert "RATINGS" not in upstreams.guard.calls(SERVICE)
