"""The token of Action Management: asked for as the vendor wants it, kept, renewed early."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from casegraph.errors import (
    ContractViolation,
    CredentialsRefused,
    RateLimited,
    UpstreamUnavailable,
)
from casegraph.transport.calls import Reply
from casegraph.transport.credentials import Renewable
from casegraph.upstreams.action_management.client import ActionManagement
from casegraph.upstreams.action_management.simulator import (
    Credentials,
    Switches,
    WrongScope,
    create_app,
)
from casegraph.upstreams.action_management.token import ApiUser, token_renewal
from casegraph.upstreams.base import Rest

SECRET = "sandbox-secret"


class Hours:
    """The client's clock, apart from the tenant's."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> Any:
        """Tell the seconds."""
        return self.now


@pytest.fixture
def hours() -> Any:
    """Return the client's clock."""
    return Hours()


@pytest.fixture
def tenant(stage: Any, store: Any, exchange: Any, hours: Any) -> Any:
    """Play a tenant and return a client that gets its own tokens."""

    def tenant(
        secret: Any = SECRET, scope: Any = "pub.actionmanagement pub.hubs", **switches: Any
    ) -> Any:
        stage.play(create_app(store, Switches(**switches)))
        user = ApiUser(
            "action_management",
            stage.url,
            "/identity/connect/token",
            Credentials().client_id,
            secret,
            scope,
        )
        renew = token_renewal(user, exchange.send, hours)
        chain = Renewable(exchange.send, renew, stale_status=401, clock=hours)
        rest = Rest("action_management", stage.url, "/v1/actionmanagement", chain)
        return ActionManagement(rest, Rest("action_management", stage.url, "/v1", chain))

    return tenant


def tokens(stage: Any) -> Any:
    """Return the token requests."""
    return [seen for seen in stage.requests if seen.target == "/identity/connect/token"]


async def test_a_token_is_asked_for_as_the_vendor_wants_it(tenant: Any, stage: Any) -> None:
    """Grant `api-user`, id and secret in the form body, nothing in a header."""
    await tenant().hubs()
    (seen,) = tokens(stage)
    assert (seen.method, seen.headers["content-type"]) == (
        "POST",
        "application/x-www-form-urlencoded",
    )
    assert parse_qs(seen.body.decode()) == {
        "grant_type": ["api-user"],
        "client_id": ["sandbox"],
        "client_secret": [SECRET],
        "scope": ["pub.actionmanagement pub.hubs"],
    }
    assert "authorization" not in seen.headers
    assert stage.requests[1].headers["authorization"].startswith("Bearer ")


async def test_fifty_calls_share_one_token(tenant: Any, stage: Any) -> None:
    """The vendor asks that a token be used while it holds."""
    client = tenant()
    await asyncio.gather(*(client.roles("7") for _ in range(50)))
    await client.roles("7")
    assert (len(tokens(stage)), len(stage.requests)) == (1, 52)


async def test_a_token_is_renewed_a_minute_before_its_end(
    tenant: Any, stage: Any, hours: Any
) -> None:
    """An hour's token serves 59 minutes, and no call fails for it."""
    client = tenant()
    await client.roles("7")
    hours.now += 3600 - 60.001
    await client.roles("7")
    assert len(tokens(stage)) == 1
    hours.now += 0.001
    await client.roles("7")
    assert len(tokens(stage)) == 2


async def test_a_token_the_vendor_forgot_is_renewed_once(
    tenant: Any, stage: Any, store: Any
) -> None:
    """A tenant that starts anew answers 401 to all; each call is repeated on one new token."""
    client = tenant()
    await client.roles("7")
    stage.play(create_app(store))
    await asyncio.gather(*(client.roles("7") for _ in range(20)))
    assert (len(tokens(stage)), len(stage.requests)) == (1, 41)


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant"])
async def test_a_wrong_secret_is_our_trouble_and_is_not_told(
    tenant: Any, stage: Any, error: Any
) -> None:
    """Both readings of OAuth mean the same, and no call is made without a token."""
    client = tenant("c4n4ry", wrong_secret_error=error)
    with pytest.raises(CredentialsRefused) as caught:
        await client.roles("7")
    assert "c4n4ry" not in str(caught.value) + repr(caught.value)
    assert len(stage.requests) == 1


async def test_an_unknown_scope_is_our_trouble(tenant: Any) -> None:
    """A scope that was never handed out is refused with the token."""
    with pytest.raises(CredentialsRefused):
        await tenant(scope="pub.surveys").roles("7")


@pytest.mark.parametrize("answer", [WrongScope.FORBIDDEN, WrongScope.NOT_FOUND])
async def test_a_token_for_another_api_is_refused_as_the_vendor_says(
    tenant: Any, answer: Any
) -> None:
    """403 is our credentials; 404 cannot be told from an unknown hub."""
    client = tenant(scope="pub.hubs", wrong_scope=answer)
    assert len(await client.hubs()) == 3
    with pytest.raises(Exception, match=r"action_management: ") as caught:
        await client.roles("7")
    expected = {WrongScope.FORBIDDEN: "UNAVAILABLE", WrongScope.NOT_FOUND: "NOT_FOUND"}
    assert caught.value.code == expected[answer]


def renewal(reply: Any, hours: Any, calls: Any = None, target: Any = "/token") -> Any:
    """Return a renewal that is answered with the given reply."""

    async def send(call: Any) -> Any:
        if calls is not None:
            calls.append(call)
        return reply

    user = ApiUser("action_management", "http://x.test", target, "id", "c4n4ry", "scope")
    return token_renewal(user, send, hours)


@pytest.mark.parametrize(
    ("told", "holds"),
    [
        (b"3600", 3540.0),
        (b"3600.5", 3540.5),
        (b"121", 61.0),
        (b"100", 50.0),
        (b"10", 5.0),
        (b"0", 0.0),
        (b'"3600"', 3540.0),
        (b"null", 3540.0),
        (b"true", 3540.0),
    ],
)
async def test_how_long_a_token_holds(hours: Any, told: Any, holds: Any) -> None:
    """A minute early, but half of a short life at least; what cannot be read is an hour."""
    body = b'{"access_token": "abc", "expires_in": ' + told + b', "token_type": "Bearer"}'
    proof = await renewal(Reply(200, {}, body), hours)()
    assert proof.stale_at == 1_000.0 + holds
    assert dict(proof.headers) == {"authorization": "Bearer abc"}


async def test_a_tokens_life_begins_when_it_was_asked_for(hours: Any) -> None:
    """A slow answer does not lengthen it."""

    async def send(_call: Any) -> Any:
        hours.now += 100
        return Reply(200, {}, b'{"access_token": "abc", "expires_in": 3600}')

    user = ApiUser("action_management", "http://x.test", "/token", "id", "s", "scope")
    proof = await token_renewal(user, send, hours)()
    assert proof.stale_at == 1_000.0 + 3540.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"access_token": ""}',
        b'{"access_token": 5}',
        b'{"access_token": "c4n4ry\\r\\nX-Evil: 1"}',
        b'{"access_token": "c4n4ry c4n4ry"}',
        b'{"access_token": "c4n4ry\xc3\xa9"}',
        b"<html>c4n4ry</html>",
    ],
)
async def test_what_is_no_token_breaks_the_contract(hours: Any, body: Any) -> None:
    """A token no header can carry is none, and it is not repeated."""
    with pytest.raises(ContractViolation) as caught:
        await renewal(Reply(200, {}, body), hours)()
    assert "c4n4ry" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (400, CredentialsRefused),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
        (429, RateLimited),
        (500, UpstreamUnavailable),
        (302, ContractViolation),
    ],
)
async def test_a_refused_token_has_its_cause(hours: Any, status: Any, cause: Any) -> None:
    """Only a refusal of the credentials is final."""
    with pytest.raises(cause) as caught:
        await renewal(Reply(status, {}, b'{"error": "c4n4ry"}'), hours)()
    assert type(caught.value) is cause
    assert "c4n4ry" not in str(caught.value)


async def test_a_token_address_without_a_path_is_the_root(hours: Any) -> None:
    """A bare host is a legal address of a token endpoint."""
    calls = []
    await renewal(Reply(200, {}, b'{"access_token": "abc"}'), hours, calls, target="")()
    assert calls[0].target == "/"


def test_the_api_user_prints_no_secret() -> None:
    """Id and secret stay out of its representation."""
    user = ApiUser("action_management", "http://x.test", "/token", "c4n4ry-id", "c4n4ry", "scope")
    assert "c4n4ry" not in repr(user)
