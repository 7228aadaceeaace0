"""Two gateway processes on one Redis fight over one case, and share what they know of it."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.crowd import at_once
from support.gateway import Gateway, running_gateway
from support.mutations import Mutations, codes, document
from support.patience import patience_with_redis
from support.redis_server import RedisServer, needs_redis, running_redis
from support.upstreams import Upstreams, running_upstreams

pytestmark = needs_redis


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return the Redis that both share."""
    with running_redis(Path(tmp_path_factory.mktemp("redis"))) as running:
        yield running


@pytest.fixture(scope="module")
def own() -> Iterator[Upstreams]:
    """Return a sandbox of this module's own."""
    with running_upstreams(cases=60) as running:
        yield running


@pytest.fixture(scope="module")
def pair(own: Upstreams, redis: RedisServer) -> Iterator[tuple[Mutations, Mutations]]:
    """Return two gateways over one sandbox and one Redis."""
    settings = {**own.environment, "CASEGRAPH_CACHE__URL": redis.url}
    with (
        patience_with_redis(),
        running_gateway(settings) as one,
        running_gateway(settings) as other,
    ):
        yield Mutations(one, own), Mutations(other, own)


def test_writers_of_two_processes_lose_nothing(pair: tuple[Mutations, Mutations]) -> None:
    """Each assigns somebody else to one role of one case, all at once; all of them are there."""
    one, other = pair
    case = next(iter(one.hub.cases))
    users = [str(user) for user, row in one.hub.users.items() if row["isActive"]][:10]
    role = str(one.hub.roles[2]["id"])
    numbers = iter(enumerate(users))
    taking = threading.Lock()

    def ask(gateway: Gateway) -> Any:
        with taking:
            number, user = next(numbers)
        mine = Gateway((one, other)[number % 2].gateway.url, gateway.client)
        asked = {**one.key(case), "roleId": role, "userIds": [user]}
        return mine.ask(document("assignCaseUsers"), {"input": asked})

    answers = [each.data["assignCaseUsers"] for each in at_once(one.gateway, len(users), ask)]

    (found,) = [each for each in one.row(case)["roles"] if str(each["id"]) == role]
    assert {each["outcome"] for each in answers} <= {"APPLIED", "UNCHANGED"}, answers
    assert set(users) <= set(map(str, found["users"]))


def test_an_id_counts_in_both_processes(pair: tuple[Mutations, Mutations]) -> None:
    """What one has done, the other does not do again; another input is refused by either."""
    one, other = pair
    case = list(one.hub.cases)[1]
    asked = {**one.key(case), "name": "Once", "clientMutationId": "both"}

    first = one.make("updateCase", **asked)
    again = other.make("updateCase", **asked)
    calls = other.calls()
    changed = other.make("updateCase", **{**asked, "name": "Twice"})

    assert (first["outcome"], first["isRepeated"]) == ("APPLIED", False)
    assert (again["outcome"], again["isRepeated"]) == ("APPLIED", True)
    assert "action_management.case_put" not in calls
    assert codes(changed) == ["IDEMPOTENCY_CONFLICT"]


def test_equal_mutations_of_both_at_once_are_one_write(pair: tuple[Mutations, Mutations]) -> None:
    """Ten clients of each of two processes: one write, twenty equal outcomes."""
    one, other = pair
    case = list(one.hub.cases)[2]
    asked = {**one.key(case), "name": "At once", "clientMutationId": "at once"}
    one.upstreams.mark()
    numbers = iter(range(20))
    taking = threading.Lock()

    def ask(gateway: Gateway) -> Any:
        with taking:
            number = next(numbers)
        mine = Gateway((one, other)[number % 2].gateway.url, gateway.client)
        return mine.ask(document("updateCase"), {"input": asked})

    answers = [each.data["updateCase"] for each in at_once(one.gateway, 20, ask)]

    assert {each["outcome"] for each in answers} == {"APPLIED"}
    assert sum(not each["isRepeated"] for each in answers) == 1
    assert one.calls()["action_management.case_put"] == 1


def test_a_write_of_one_process_drops_what_the_other_has_kept(
    pair: tuple[Mutations, Mutations],
) -> None:
    """A client that takes old data is not given what is older than a write made elsewhere."""
    one, other = pair
    case = list(one.hub.cases)[3]
    key = one.key(case)
    query = """query($hub: ID!, $case: ID!) {
      case(hubId: $hub, caseId: $case) { name }
      cases(hubId: $hub, first: 60, orderBy: { field: ID, direction: ASC }) {
        nodes { caseId name }
      }
    }"""
    keys = {"hub": key["hubId"], "case": key["caseId"]}
    old = {"Cache_Control": "max-age=3600"}

    def names(mutations: Mutations) -> set[str]:
        data = mutations.gateway.ask(query, keys, **old).data
        listed = [n["name"] for n in data["cases"]["nodes"] if n["caseId"] == key["caseId"]]
        return {data["case"]["name"], *listed}

    before = names(other)
    made = one.make("updateCase", **key, name="Seen by both")

    assert made["outcome"] == "APPLIED"
    assert before != {"Seen by both"}
    assert names(other) == {"Seen by both"}
    assert names(one) == {"Seen by both"}


def test_a_version_given_out_by_one_is_understood_by_the_other(
    pair: tuple[Mutations, Mutations],
) -> None:
    """A conflict tells the old values wherever the version was read."""
    one, other = pair
    case = list(one.hub.cases)[4]
    seen, name = one.version(case), one.row(case)["name"]
    one.make("updateCase", **one.key(case), name="Newer")

    made = other.make("updateCase", **one.key(case), cost=3, expectedVersion=seen)

    assert made["outcome"] == "CONFLICT"
    assert [(f["field"], f["expected"], f["actual"]) for f in made["conflict"]["fields"]] == [
        ("name", name, "Newer")
    ]


def test_without_redis_keyed_writes_are_refused_and_others_go_on(
    own: Upstreams, tmp_path: Path
) -> None:
    """Fails closed where a change could be made twice, and open where it could not."""
    with running_redis(tmp_path) as lonely:
        settings = {**own.environment, "CASEGRAPH_CACHE__URL": lonely.url}
        with running_gateway(settings) as gateway:
            mutations = Mutations(gateway, own)
            case = list(mutations.hub.cases)[5]
            keyed = {**mutations.key(case), "name": "Keyed", "clientMutationId": "k"}
            lonely.stop()
            refused = mutations.make("updateCase", **keyed)
            calls = mutations.calls()
            plain = mutations.make("updateCase", **mutations.key(case), name="Plain")

    assert (refused["outcome"], codes(refused)) == ("REFUSED", ["IDEMPOTENCY_UNAVAILABLE"])
    assert "action_management.case_put" not in calls
    assert plain["outcome"] == "APPLIED"


def test_no_secret_and_no_text_lies_in_redis(
    pair: tuple[Mutations, Mutations], redis: RedisServer
) -> None:
    """Neither the hash of a rating mail nor a client's own id is in any key or value."""
    one, _ = pair
    store = one.upstreams.world.ratings
    case = next(iter(store.cases.values()))
    asked = {"caseId": str(case["id"]), "score": "GOOD", "hash": case["hash"]}
    made = one.make("addRating", **asked, clientMutationId="C4N4RY-ID")
    again = one.make("addRating", **asked, clientMutationId="C4N4RY-ID")

    admin = redis.admin()
    kept = json.dumps([[str(key), str(admin.get(key))] for key in admin.keys("*")])
    assert (made["outcome"], again["isRepeated"]) == ("APPLIED", True)
    assert made["rating"] == again["rating"]
    assert admin.dbsize() > 3
    assert case["hash"] not in kept
    assert "C4N4RY" not in kept
