"""The door at start: what listens to whom, and which settings end the start."""

from pathlib import Path

import pytest

from casegraph.edge.api_keys import new_key
from casegraph.entrance import open_entrance
from casegraph.errors import SettingsInvalid
from support.gateway import running_gateway
from support.issuer import AUDIENCE, ISSUER, entry, key_set, rsa_key, running_issuer, signed
from support.settings_read import Load

JWT = {
    "CASEGRAPH_AUTH__JWT__ISSUER": ISSUER,
    "CASEGRAPH_AUTH__JWT__AUDIENCE": AUDIENCE,
    "CASEGRAPH_AUTH__JWT__JWKS_URL": "https://issuer.example/keys",
}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_loopback_nobody_is_asked(load: Load, host: str) -> None:
    """That is the default, and what makes the first minute a minute."""
    assert not open_entrance(load({"CASEGRAPH_HOST": host})).door.is_guarded


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example"])
def test_elsewhere_it_is_refused_unless_said(load: Load, host: str) -> None:
    """The refusal names every setting that would help."""
    with pytest.raises(SettingsInvalid) as caught:
        open_entrance(load({"CASEGRAPH_HOST": host}))
    said = load({"CASEGRAPH_HOST": host, "CASEGRAPH_AUTH__ANYONE": "true"})

    for name in ("HOST", "AUTH__API_KEYS_FILE", "AUTH__JWT__ISSUER", "AUTH__ANYONE=true"):
        assert f"CASEGRAPH_{name}" in str(caught.value)
    assert not open_entrance(said).door.is_guarded


def test_elsewhere_with_keys_it_is_guarded_and_counted(load: Load, tmp_path: Path) -> None:
    """Off loopback each caller has a rate, unless that is set to none."""
    file = tmp_path / "keys"
    file.write_text(new_key("a", ["admin"])[1])
    variables = {"CASEGRAPH_HOST": "0.0.0.0", "CASEGRAPH_AUTH__API_KEYS_FILE": str(file)}
    usual = open_entrance(load(variables)).door
    unbound = open_entrance(load({**variables, "CASEGRAPH_AUTH__REQUESTS_PER_MINUTE": "0"})).door
    at_home = open_entrance(load({**variables, "CASEGRAPH_HOST": "::1"})).door

    assert [each.is_guarded for each in (usual, unbound, at_home)] == [True] * 3
    assert [each.rates is not None for each in (usual, unbound, at_home)] == [True, False, False]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"CASEGRAPH_AUTH__API_KEYS_FILE": "/nowhere/keys"}, "AUTH__API_KEYS_FILE"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__AUDIENCE": ""}, "AUTH__JWT__AUDIENCE"),
        ({"CASEGRAPH_AUTH__JWT__AUDIENCE": "a"}, "AUTH__JWT__ISSUER"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__JWKS_URL": "http://issuer.example/keys"}, "JWT__JWKS_URL"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__JWKS_URL": "file:///etc/passwd"}, "JWT__JWKS_URL"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__JWKS_URL": "https://u:p@x.example"}, "JWT__JWKS_URL"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__ALGORITHMS": "RS256,HS256"}, "AUTH__JWT__ALGORITHMS"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__ALGORITHMS": "none"}, "AUTH__JWT__ALGORITHMS"),
        ({**JWT, "CASEGRAPH_AUTH__JWT__ALGORITHMS": ","}, "AUTH__JWT__ALGORITHMS"),
    ],
)
def test_what_cannot_work_ends_the_start(load: Load, variables: dict[str, str], named: str) -> None:
    """Nothing listens with half a door; the setting is named."""
    with pytest.raises(SettingsInvalid) as caught:
        open_entrance(load(variables))

    assert named in str(caught.value)


def test_an_issuer_that_is_down_is_no_fault_of_the_callers() -> None:
    """Until its keys are known, answers are 503 and say when to come back; then it goes on."""
    key = rsa_key()
    with running_issuer(key_set(entry(key, "one"))) as issuer:
        issuer.status = 500
        variables = {**JWT, "CASEGRAPH_AUTH__JWT__JWKS_URL": issuer.url}
        with running_gateway(variables) as gateway:
            answer = gateway.ask("{ __typename }", authorization=f"Bearer {signed(key)}")
            nobody = gateway.ask("{ __typename }")

    assert answer.response.status_code == 503
    assert 0 < int(answer.response.headers["retry-after"]) <= 30
    said = answer.body["errors"][0]["extensions"]
    assert (said["code"], said["retryable"]) == ("UNAVAILABLE", True)
    assert 0 < said["retryAfterMs"] <= 30_000
    assert nobody.response.status_code == 401
