"""Kayako's lock ends all calls with the credentials, and only the lock does."""

import asyncio
from typing import Any

import pytest

from casegraph.errors import CredentialsRefused, UpstreamUnavailable
from casegraph.transport.calls import Reply
from casegraph.transport.credentials import FixedHeaders
from casegraph.upstreams.ratings.lock import LockedOut
from casegraph.upstreams.ratings.session import SessionCredentials
from support.scripted import Script, a_call

LOCK = Reply(429, {}, b'{"status": 429, "errors": [{"code": "AUTHENTICATION_LOCKED"}]}')
LIMIT = Reply(429, {}, b'{"status": 429, "errors": [{"code": "RATE_LIMIT_REACHED"}]}')
GOOD = Reply(200, {}, b'{"status": 200, "data": []}')


@pytest.mark.parametrize(
    "around",
    [
        lambda wire: FixedHeaders(wire, {"authorization": "Bearer x"}),
        lambda wire: SessionCredentials(wire, "Basic x", clock=lambda: 0.0),
    ],
    ids=["token", "session"],
)
async def test_the_lock_is_met_once_whatever_the_credentials(around: Any) -> None:
    """The answer that tells of it was sent for; after it nothing is, not even a sign-in."""
    inside = Script(LOCK, GOOD)
    send = around(LockedOut(inside))

    sent = []
    for _ in range(4):
        with pytest.raises(CredentialsRefused) as caught:
            await send(a_call())
        sent.append(caught.value.sent)
        assert not caught.value.retryable

    assert sent == [True, False, False, False]
    assert len(inside.calls) == 1


async def test_those_who_wait_for_a_sign_in_do_not_sign_in_after_the_lock() -> None:
    """Fifty first calls together are one sign-in, which is refused for all of them."""

    async def lock(_call: Any) -> Reply:
        await asyncio.sleep(0)
        return LOCK

    inside = Script(lock)
    send = SessionCredentials(LockedOut(inside), "Basic x", clock=lambda: 0.0)

    results = await asyncio.gather(*(send(a_call()) for _ in range(50)), return_exceptions=True)

    assert {type(result) for result in results} == {CredentialsRefused}
    assert len(inside.calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        LIMIT,
        Reply(429, {}, b"AUTHENTICATION_LOCKED"),
        Reply(429, {}, b""),
        Reply(401, {}, b'{"errors": [{"code": "AUTHENTICATION_FAILED"}]}'),
        Reply(200, {}, b'{"data": [{"comment": "AUTHENTICATION_LOCKED"}]}'),
    ],
)
async def test_other_answers_pass_and_lock_nothing(other: Reply) -> None:
    """A rate limit, a refusal and a comment that says the word are not the lock."""
    inside = Script(other)
    send = LockedOut(inside)

    assert [await send(a_call()), await send(a_call())] == [other, other]
    assert len(inside.calls) == 2


async def test_a_failure_passes_and_locks_nothing() -> None:
    """A connection that breaks says nothing of the credentials."""
    inside = Script(UpstreamUnavailable("ratings", "ratings", "down"), GOOD)
    send = LockedOut(inside)

    with pytest.raises(UpstreamUnavailable):
        await send(a_call())
    assert await send(a_call()) == GOOD
