"""Who may ask, over a real gateway with a real issuer: nobody else gets anything, or any call."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from casegraph.edge.api_keys import new_key
from support.gateway import Answer, Gateway, running_gateway
from support.issuer import AUDIENCE, ISSUER, Issuer, entry, key_set, rsa_key, running_issuer, signed
from support.upstreams import Upstreams, running_upstreams

READ = "query Page($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { name caseId } }"
WRITE = """mutation($input: UpdateCaseInput!) { updateCase(input: $input) {
  outcome clientMutationId isRepeated } }"""
RATE = """mutation($input: TriggerRatingInput!) { triggerRating(input: $input) { outcome } }"""
OURS, OTHERS = rsa_key(), rsa_key()


@dataclass
class House:
    """A gateway with a door, its upstreams, its issuer and its keys."""

    gateway: Gateway
    upstreams: Upstreams
    issuer: Issuer
    file: Path
    keys: Mapping[str, str]

    def ask(self, query: str, variables: Any = None, **headers: str) -> Answer:
        """Ask with these headers and nothing else."""
        return self.gateway.ask(query, variables, **headers)

    @property
    def place(self) -> dict[str, Any]:
        """Return the variables of a case that exists."""
        oddities = self.upstreams.world.oddities
        return {"hub": str(oddities.hub_with_program), "case": str(oddities.case_with_everything)}

    def wish(self, **said: Any) -> dict[str, Any]:
        """Return the input of a change of that case."""
        place = self.place
        return {"input": {"hubId": place["hub"], "caseId": place["case"], **said}}


@pytest.fixture(scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = {
        name: new_key(name, scopes)
        for name, scopes in {
            "reader": ["cases:read"],
            "writer": ["cases:read", "cases:write"],
            "blind": ["cases:write"],
            "rater": ["ratings:write"],
            "root": ["admin"],
        }.items()
    }
    file = tmp_path_factory.mktemp("door") / "keys"
    file.write_text("\n".join(line for _, line in made.values()))
    with (
        running_upstreams(cases=60) as upstreams,
        running_issuer(key_set(entry(OURS, "one"))) as issuer,
    ):
        environment = {
            **upstreams.as_shipped,
            "CASEGRAPH_AUTH__API_KEYS_FILE": str(file),
            "CASEGRAPH_AUTH__JWT__ISSUER": ISSUER,
            "CASEGRAPH_AUTH__JWT__AUDIENCE": AUDIENCE,
            "CASEGRAPH_AUTH__JWT__JWKS_URL": issuer.url,
        }
        with running_gateway(environment) as gateway:
            keys = {name: key for name, (key, _) in made.items()}
            yield House(gateway, upstreams, issuer, file, keys)


@pytest.fixture
def house(_house: House) -> House:
    """Return the house, its upstreams' calls counted from here."""
    _house.upstreams.mark()
    return _house


def told(answer: Answer) -> list[dict[str, Any]]:
    """Return the errors without what differs from request to request."""
    return [
        {"message": error["message"], "code": error["extensions"]["code"], "path": "path" in error}
        for error in answer.body["errors"]
    ]


def test_keys_and_tokens_let_in(house: House) -> None:
    """A key counts in its own header and as a bearer token, whatever the scheme's case."""
    key, token = house.keys["reader"], signed(OURS)
    ways: list[dict[str, str]] = [
        {"x_api_key": key},
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer {token}"},
    ]
    names = [house.ask(READ, house.place, **way).data["case"]["name"] for way in ways]

    assert len(set(names)) == 1


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer cg_nothing"},
        {"authorization": "Basic YTpi"},
        {"x_api_key": "cg_nothing"},
        {"x_api_key": signed(OURS)},
        {"authorization": f"Bearer {signed(OTHERS)}"},
        {"authorization": f"Bearer {signed(OURS, aud='other')}"},
        {"authorization": f"Bearer {signed(OURS, exp=1)}"},
        {"cookie": f"authorization=Bearer {signed(OURS)}"},
        {"authorization": f"Bearer {signed(OURS)}", "x_api_key": "cg_nothing"},
    ],
)
def test_everybody_else_is_told_the_same(house: House, way: dict[str, str]) -> None:
    """The answer is 401 with a challenge, the same for all, and no upstream is asked."""
    answer = house.ask(READ, house.place, **way)

    assert answer.response.status_code == 401
    assert answer.response.headers["www-authenticate"] == 'Bearer realm="casegraph"'
    assert told(answer) == [
        {
            "message": "A credential that is valid here must come with the request.",
            "code": "UNAUTHENTICATED",
            "path": False,
        }
    ]
    assert house.upstreams.calls() == {}


def test_two_credentials_are_none(house: House) -> None:
    """However good both are: which of them counts would be for each reader to guess."""
    both = {"x_api_key": house.keys["reader"], "authorization": f"Bearer {signed(OURS)}"}

    assert house.ask(READ, house.place, **both).response.status_code == 401


@pytest.mark.parametrize("body", [b"{", b'{"query": "{ nonsense }"}', b"", b'{"query": 7}'])
def test_strangers_learn_nothing_of_the_schema(house: House, body: bytes) -> None:
    """What they send is not even read: all of it gets the same answer."""
    answer = httpx.post(
        f"{house.gateway.url}/graphql", content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert httpx.get(f"{house.gateway.url}/schema.graphql").status_code == 401
    assert httpx.get(f"{house.gateway.url}/readyz").status_code == 200


@pytest.mark.parametrize(
    ("caller", "query", "needed"),
    [
        ("rater", READ, "Query.case needs the scope cases:read"),
        ("rater", "query Q { ...F } fragment F on Query { node(id: 1) { id } }", "Query.node"),
        ("reader", WRITE, "Mutation.updateCase needs the scope cases:write"),
        ("writer", RATE, "Mutation.triggerRating needs the scope ratings:write"),
        ("rater", WRITE, "Mutation.updateCase needs the scope cases:write"),
        (
            "blind",
            WRITE.replace("outcome", "case { name }"),
            "UpdateCasePayload.case needs the scope cases:read",
        ),
        (
            "blind",
            WRITE.replace("outcome", "... on MutationPayload { outcome } changes { before }"),
            "FieldChange.before needs the scope cases:read",
        ),
    ],
)
def test_who_lacks_a_scope_gets_nothing(house: House, caller: str, query: str, needed: str) -> None:
    """The operation is refused as a whole, naming field and scope, before any upstream is asked."""
    variables = {**house.place, **house.wish(name="x")}
    accept = "application/graphql-response+json"

    plain = house.ask(query, variables, x_api_key=house.keys[caller])
    typed = house.ask(query, variables, x_api_key=house.keys[caller], accept=accept)

    assert [error["code"] for error in told(plain)] == ["PERMISSION_DENIED"]
    assert needed in told(plain)[0]["message"]
    assert "data" not in plain.body
    assert (plain.response.status_code, typed.response.status_code) == (200, 403)
    assert house.upstreams.calls() == {}


def test_who_may_only_ask_for_names_of_types_needs_nothing(house: House) -> None:
    """A health check with the least of keys works."""
    assert house.ask("{ __typename }", x_api_key=house.keys["rater"]).data == {
        "__typename": "Query"
    }


def test_two_callers_on_a_warm_cache_do_not_get_each_others_rights(house: House) -> None:
    """What one may read from the cache, the other may not, in turn and with the same document."""
    reader, rater = {"x_api_key": house.keys["reader"]}, {"x_api_key": house.keys["rater"]}
    house.ask(READ, house.place, **reader)
    codes = []
    for _ in range(5):
        codes += [house.ask(READ, house.place, **who).codes for who in (reader, rater)]

    assert codes == [{}, {"": "PERMISSION_DENIED"}] * 5


def test_a_repeated_mutation_is_its_callers_own(house: House) -> None:
    """Another caller's `clientMutationId` of the same text is another mutation."""
    wish = house.wish(clientMutationId="same", name="Renamed by the first")
    first = house.ask(WRITE, wish, x_api_key=house.keys["writer"]).data["updateCase"]
    again = house.ask(WRITE, wish, x_api_key=house.keys["writer"]).data["updateCase"]
    other = house.ask(WRITE, wish, x_api_key=house.keys["root"]).data["updateCase"]

    assert [each["isRepeated"] for each in (first, again, other)] == [False, True, False]


def test_audit_lines_name_the_caller_and_no_line_a_credential(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Who wrote is in the line; keys, tokens and mail addresses are nowhere."""
    key = house.keys["writer"]
    token = signed(OURS, sub="eve@x.example", scope="cases:write")
    with caplog.at_level(logging.DEBUG):
        house.ask(WRITE, house.wish(name="One"), x_api_key=key)
        house.ask(WRITE, house.wish(name="Two"), authorization=f"Bearer {token}")
        house.ask(READ, house.place, x_api_key=f"{key}x")
    lines = [record.__dict__.get("fields", {}) for record in caplog.records]
    said = caplog.text + json.dumps(lines, default=str)
    writers = [line["who"] for line in lines if "who" in line]

    assert writers[0] == "key:writer"
    assert writers[1].startswith("jwt:sha256:")
    assert [secret for secret in (key, token, "eve@x.example", key[3:]) if secret in said] == []


def test_plans_and_traces_are_for_admins(house: House) -> None:
    """How the gateway works inside is told to whoever runs it."""
    explain = {"x_casegraph_explain": "plan"}
    reader = house.ask(READ, house.place, x_api_key=house.keys["reader"], **explain)
    root = house.ask(READ, house.place, x_api_key=house.keys["root"], **explain)
    traced = [
        "trace"
        in house.ask(READ, house.place, x_api_key=house.keys[who], x_casegraph_trace="1").body.get(
            "extensions", {}
        )
        for who in ("reader", "root")
    ]

    assert reader.response.status_code == 400
    assert "explain" in root.body["extensions"]
    assert traced == [False, True]


def test_answers_say_that_they_depend_on_who_asks(house: House) -> None:
    """A cache between must not give one caller's answer to another."""
    answer = house.ask(READ, house.place, x_api_key=house.keys["reader"]).response

    assert answer.headers["vary"].startswith("Accept, Authorization, X-API-Key")
    assert "public" not in answer.headers["cache-control"]


def test_keys_are_rotated_under_a_running_gateway(house: House) -> None:
    """A new line counts from the next request on, and a line that is gone no more."""
    before = house.file.read_text()
    key, line = new_key("new", ["cases:read"])
    statuses = []
    for text in (before, f"{before}\n{line}", before):
        house.file.write_text(text)
        statuses.append(house.ask(READ, house.place, x_api_key=key).response.status_code)

    assert statuses == [401, 200, 401]


def test_the_issuer_is_asked_plainly_and_seldom(house: House) -> None:
    """No caller's header goes to it, and a flood of unknown keys does not either."""
    for number in range(20):
        token = signed(OTHERS, f"made up {number}")
        house.ask(READ, house.place, authorization=f"Bearer {token}")

    assert house.issuer.asked <= 2
    assert not any("authorization" in headers for headers in house.issuer.headers)
